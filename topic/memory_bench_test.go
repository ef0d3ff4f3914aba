package topic

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func BenchmarkMemory(b *testing.B) {
	ctx := context.Background()
	b.Run("append", func(b *testing.B) {
		m, now := NewMemory(), time.Now()
		m.now = func() time.Time { now = now.Add(time.Second); return now } // an hour's entries are kept
		e := event(`{"text":"hello"}`)
		b.ReportAllocs()
		for b.Loop() {
			_, _ = m.Append(ctx, "room", e)
		}
	})
	m, last := filled(b, 1000)
	for name, q := range map[string]Query{
		"read at the head": {Since: &last},
		"read 50":          {Newest: 50},
		"read 1000":        {Newest: 1000},
	} {
		b.Run(name, func(b *testing.B) {
			q.Topic = "room"
			b.ReportAllocs()
			for b.Loop() {
				_, _ = m.Read(ctx, q)
			}
		})
	}
}

// filled returns a Memory with a topic of n entries.
func filled(tb testing.TB, n int) (*Memory, Position) {
	tb.Helper()
	m := NewMemory()
	var last Position
	for range n {
		a, err := m.Append(tb.Context(), "room", event(`{"text":"hello"}`))
		require.NoError(tb, err)
		last = a.Position
	}
	return m, last
}
