package topic

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/testclock"
)

func event(data string) Entry {
	return Entry{Events: []Event{{Name: "e", Data: json.RawMessage(data)}}, Keep: time.Hour}
}

// TestMemoryForgets checks that topics without entries are forgotten, and that an epoch is never
// begun a second time.
func TestMemoryForgets(t *testing.T) {
	t.Parallel()
	clock := testclock.New(testclock.Noon())
	m := NewMemory(WithMemoryClock(clock.Now))
	var first Position
	for i := range 3 {
		a, err := m.Append(t.Context(), "a", event(fmt.Sprint(i)))
		require.NoError(t, err)
		first = a.Position
	}
	require.Equal(t, int64(3), first.Offset)

	clock.Advance(time.Hour + headLife - time.Second)
	page, err := m.Read(t.Context(), Query{Topic: "a", Since: &first})
	require.NoError(t, err)
	require.Equal(t, Page{Position: first, Head: first, Quiet: true}, page)

	clock.Advance(time.Second)
	page, err = m.Read(t.Context(), Query{Topic: "a", Since: &first})
	require.NoError(t, err)
	require.Equal(t, LostHistory, page.Lost)
	require.NotEqual(t, first.Epoch, page.Head.Epoch)
	require.Zero(t, page.Position.Offset)
	require.Empty(t, m.log.topics)
	require.Empty(t, m.log.due)
	moved, err := m.Moved(t.Context(), []At{{"a", first, true}, {"a", page.Position, true}, {Topic: "a"}})
	require.NoError(t, err)
	require.Equal(t, make([]bool, 3), moved)

	again, err := m.Append(t.Context(), "a", event("4"))
	require.NoError(t, err)
	require.Regexp(t, "^2-", again.Epoch)
	require.Equal(t, page.Position, *again.Prev)
	page, err = m.Read(t.Context(), Query{Topic: "a", Since: &page.Position})
	require.NoError(t, err)
	require.Equal(t, []Record{again.Record}, page.Entries)
	require.Empty(t, page.Lost)
}

// TestMemorySweeps checks that topics that nobody uses any more are removed by calls for others.
func TestMemorySweeps(t *testing.T) {
	t.Parallel()
	clock := testclock.New(testclock.Noon())
	m := NewMemory(WithMemoryClock(clock.Now))
	const topics = 500
	for i := range topics {
		for range 2 {
			e := event("1")
			e.Key = fmt.Sprint(i, len(m.log.topics))
			_, err := m.Append(t.Context(), fmt.Sprint(i), e)
			require.NoError(t, err)
		}
	}
	count := func() (entries, keys int) {
		for _, topic := range m.log.topics {
			entries += len(topic.entries)
			keys += len(topic.keys)
		}
		return entries, keys
	}
	clock.Advance(time.Hour)
	for range topics/2 + 1 {
		_, err := m.Append(t.Context(), "other", event("1"))
		require.NoError(t, err)
	}
	entries, keys := count()
	require.Equal(t, topics/2+1, entries)
	require.Zero(t, keys)
	require.Len(t, m.log.topics, topics+1)
	require.Len(t, m.log.due, topics+1)

	clock.Advance(headLife)
	for range topics/2 + 1 {
		_, err := m.Append(t.Context(), "other", event("1"))
		require.NoError(t, err)
	}
	require.Len(t, m.log.topics, 1)
	require.Len(t, m.log.due, 1)
}

func TestMemoryOptions(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "topic: WithMemoryClock: now must not be nil", func() { WithMemoryClock(nil) })
	require.PanicsWithValue(t, "topic: NewMemory: an option is nil", func() { NewMemory(nil) })
}

var _ Log = (*Memory)(nil)
