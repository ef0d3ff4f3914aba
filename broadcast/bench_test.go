package broadcast

import (
	"context"
	"testing"

	"github.com/gatesock/gatesock/conn"
	"github.com/stretchr/testify/require"
)

// crowd is a store with n members of "room".
func crowd(tb testing.TB, n int) conn.Store {
	tb.Helper()
	store := conn.NewMemory()
	for i := range n {
		require.NoError(tb, store.Put(context.Background(), conn.Conn{ID: name(i), Groups: []string{"room"}}))
	}
	return store
}

// BenchmarkSend is what the library itself spends on a post: the poster does nothing.
func BenchmarkSend(b *testing.B) {
	const members = 10_000
	store := crowd(b, members)
	for _, c := range []struct {
		name string
		to   Audience
	}{{"group", To("room")}, {"groups", To("room", "none")}} {
		b.Run(c.name, func(b *testing.B) {
			caster := New(always(nil), store)
			b.ReportAllocs()
			for b.Loop() {
				if rep, err := caster.Send(context.Background(), c.to, hello()); err != nil || rep.Delivered != members {
					b.Fatalf("%+v, %v", rep, err)
				}
			}
			b.ReportMetric(float64(members)*float64(b.N)/b.Elapsed().Seconds(), "posts/s")
		})
	}
}

// maxAllocs is how many allocations a post may cost, reading its member included: those of a Send
// and of its workers, over all of its posts.
const maxAllocs = 0.2

func TestAllocationsPerPost(t *testing.T) {
	const members = 10_000
	b := New(always(nil), crowd(t, members))
	perSend := testing.AllocsPerRun(5, func() {
		if rep, err := b.Send(context.Background(), To("room"), hello()); err != nil || rep.Delivered != members {
			t.Errorf("%+v, %v", rep, err)
		}
	})
	require.LessOrEqual(t, perSend/members, maxAllocs)
}
