package dynamo_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/topic"
)

// spoken is an entry with one event, that is kept for a day.
func spoken(data string) topic.Entry {
	quoted, _ := json.Marshal(data)
	return topic.Entry{Events: []topic.Event{{Name: "said", Data: quoted}}, Keep: 24 * time.Hour}
}

// process returns the topics of a process of its own.
func process(tb testing.TB, api dynamo.API, namespace string, clock *testclock.Clock) *dynamo.Topics {
	tb.Helper()
	return openIn(tb, api, namespace, dynamo.WithClock(clock.Now)).Topics()
}

func TestTopicsOfTwoProcesses(t *testing.T) {
	t.Parallel()
	clock := testclock.New(testclock.Noon())
	ns := dynamotest.Namespace(t)
	a, b := process(t, dynamotest.Client(t), ns, clock), process(t, dynamotest.Client(t), ns, clock)
	ctx := t.Context()
	for i := range 10 {
		from := a
		if i%3 == 0 {
			from = b
		}
		got, err := from.Append(ctx, "room", spoken(string(rune('a'+i))))
		require.NoError(t, err)
		require.Equal(t, int64(i+1), got.Offset)
	}
	page, err := b.Read(ctx, topic.Query{Topic: "room", Newest: 100})
	require.NoError(t, err)
	require.Len(t, page.Entries, 10)
	e := spoken("k")
	e.Key = "k1"
	one, err := a.Append(ctx, "room", e)
	require.NoError(t, err)
	two, err := b.Append(ctx, "room", e)
	require.NoError(t, err)
	require.True(t, two.Duplicate)
	require.Equal(t, one.Record, two.Record)
	clock.Advance(9*24*time.Hour - 2*time.Hour)
	three, err := b.Append(ctx, "room", spoken("x"))
	require.NoError(t, err)
	require.Equal(t, one.Position, *three.Prev)
	moved, err := a.Moved(ctx, []topic.At{{Topic: "room", Position: one.Position}, {Topic: "room", Position: three.Position}})
	require.NoError(t, err)
	require.Equal(t, []bool{true, false}, moved)
	require.NoError(t, a.Mark(ctx, "room", three.Position))
	roll, err := a.Roll(ctx, "room", spoken("y"))
	require.NoError(t, err)
	page, err = b.Read(ctx, topic.Query{Topic: "room", Since: &three.Position, Newest: 5})
	require.NoError(t, err)
	require.Equal(t, topic.LostEpoch, page.Lost)
	require.Equal(t, roll.Position, page.Position)
}
