package topic

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/testclock"
)

// footprint counts what a Memory keeps.
type footprint struct {
	topics, entries, room, keys, due int // of events; room is that of the slices of entries

	states, values, sorted, filters, turns, visits int

	presences, rows, rounds, visited int
}

func footprintOf(m *Memory) (f footprint) {
	f.topics, f.due = len(m.log.topics), len(m.log.due)
	for _, t := range m.log.topics {
		f.entries, f.room, f.keys = f.entries+len(t.entries), f.room+cap(t.entries), f.keys+len(t.keys)
	}
	f.states, f.visits = len(m.values.topics), len(m.values.ring)
	for _, s := range m.values.topics {
		f.values, f.filters, f.turns = f.values+len(s.values), f.filters+len(s.filters), f.turns+len(s.turns)
		f.sorted += len(s.sorted)
	}
	f.presences, f.visited = len(m.topics), len(m.ring)
	for _, p := range m.topics {
		f.rows += len(p.rows)
		if p.round != nil {
			f.rounds++
		}
	}
	return f
}

// most returns the larger of each.
func (f footprint) most(g footprint) footprint {
	return footprint{
		max(f.topics, g.topics), max(f.entries, g.entries), max(f.room, g.room), max(f.keys, g.keys), max(f.due, g.due),
		max(f.states, g.states), max(f.values, g.values), max(f.sorted, g.sorted), max(f.filters, g.filters),
		max(f.turns, g.turns), max(f.visits, g.visits),
		max(f.presences, g.presences), max(f.rows, g.rows), max(f.rounds, g.rounds), max(f.visited, g.visited),
	}
}

// load is what devices and dashboards do with a Memory.
type load struct {
	t *testing.T
	m *Memory
	n int
}

func (l *load) must(err error) {
	l.t.Helper()
	require.NoError(l.t, err)
}

// readings adds entries with keys to topics, each of which can be read for 5 minutes.
func (l *load) readings(topics int) {
	for i := range topics {
		l.n++
		e := Entry{
			Events: []Event{{Name: "reading", Data: json.RawMessage(`{"value":1}`)}},
			Keep:   5 * time.Minute, Key: fmt.Sprint(l.n),
		}
		_, err := l.m.Append(l.t.Context(), fmt.Sprint("device:", i), e)
		l.must(err)
	}
}

// states changes the values of keys that stay, and takes turns for filters.
func (l *load) states(keys, filters int) {
	ctx := l.t.Context()
	for i := range keys {
		key := fmt.Sprint(i)
		v, err := l.m.GetValue(ctx, "devices", key)
		l.must(err)
		_, err = l.m.ReplaceValue(ctx, "devices", key, v.Version, json.RawMessage(`1`))
		l.must(err)
		for j := range filters {
			_, err := l.m.TakeTurn(ctx, Turn{Topic: "devices", Filter: fmt.Sprint(j), Key: key, Every: time.Second})
			l.must(err)
		}
	}
}

// strangers are devices, dashboards and members that come once.
func (l *load) strangers(now time.Time) {
	ctx := l.t.Context()
	l.n++
	name := fmt.Sprint("stranger ", l.n)
	_, err := l.m.Append(ctx, name, Entry{Events: []Event{{Name: "hello", Data: json.RawMessage(`1`)}}, Keep: time.Minute})
	l.must(err)

	_, err = l.m.StoreValue(ctx, "devices", name, json.RawMessage(`1`))
	l.must(err)
	_, err = l.m.StoreValue(ctx, "devices", name, nil)
	l.must(err)
	l.must(l.m.KeepFilter(ctx, "devices", KeptFilter{ID: fmt.Sprint(l.n), Filter: "{}", Kept: now, Nonce: "n"}))
	_, err = l.m.TakeTurn(ctx, Turn{Topic: "devices", Filter: "once", Key: name, Every: time.Second})
	l.must(err)

	_, err = l.m.GetValue(ctx, name, "k")
	l.must(err)
	_, err = l.m.ReplaceValue(ctx, name, "k", 1, json.RawMessage(`1`))
	require.ErrorIs(l.t, err, ErrChanged)
	_, err = l.m.ReadValues(ctx, ValuesQuery{Topic: name})
	l.must(err)
	_, err = l.m.ReadFilters(ctx, name)
	l.must(err)
	l.must(l.m.DropFilter(ctx, name, KeptFilter{ID: "id"}))

	expires := now.Add(time.Hour)
	row := Row{ID: "a", User: "ann", ConnectedAt: now, ExpiresAt: expires}
	version, err := l.m.EnterRow(ctx, name, row)
	l.must(err)
	_, err = l.m.BeginRound(ctx, name, RoundStart{At: now, Until: now.Add(time.Second), Since: version})
	l.must(err)
	if l.n%2 == 0 { // the others end without a trace
		l.must(l.m.RemoveRow(ctx, name, row.ID, version))
	}
	row.ID = name
	_, err = l.m.EnterRow(ctx, "hall", row)
	l.must(err)
}

// A process that runs for weeks needs no more memory than after the first days, although devices
// and dashboards come and go.
func TestMemoryDoesNotGrow(t *testing.T) {
	t.Parallel()
	clock := testclock.New(testclock.Noon())
	l := &load{t: t, m: NewMemory(WithMemoryClock(clock.Now))}
	const days, step = 20, 30 * time.Minute
	var early, late footprint
	for at := time.Duration(0); at < days*24*time.Hour; at += step {
		for range 5 { // a burst
			l.readings(5)
			clock.Advance(time.Second)
		}
		l.states(10, 2)
		l.strangers(clock.Now())
		clock.Advance(step - 5*time.Second)
		if f := footprintOf(l.m); at < days/2*24*time.Hour {
			early = early.most(f)
		} else {
			late = late.most(f)
		}
	}
	require.Equal(t, early, late, "what is kept in the first %d days, and in the others", days/2)
	require.Less(t, late.topics, 500, "the heads of topics are remembered for 8 days")
	require.Less(t, late.entries, 100)
	require.Less(t, late.room, 1000)
	require.Less(t, late.values, 100, "marks are kept for a day")
	require.Less(t, late.turns, 50)
	require.Equal(t, 1, late.states)
	require.Less(t, late.presences, 20)
	require.Less(t, late.rows, 100)
}

// What a topic of values and one of presence have kept goes when other topics are used.
func TestMemoryForgetsOnOtherCalls(t *testing.T) {
	t.Parallel()
	clock := testclock.New(testclock.Noon())
	l := &load{t: t, m: NewMemory(WithMemoryClock(clock.Now))}
	ctx := t.Context()
	for i := range 10 {
		name := fmt.Sprint("gone ", i)
		_, err := l.m.StoreValue(ctx, name, "k", nil)
		l.must(err)
		l.must(l.m.KeepFilter(ctx, name, KeptFilter{ID: "f", Filter: "{}", Kept: clock.Now(), Nonce: "n"}))
		_, err = l.m.TakeTurn(ctx, Turn{Topic: name, Filter: "f", Key: "k", Every: time.Second})
		l.must(err)
		_, err = l.m.EnterRow(ctx, name, Row{ID: "a", ConnectedAt: clock.Now(), ExpiresAt: clock.Now().Add(time.Hour)})
		l.must(err)
	}
	clock.Advance(25 * time.Hour)
	for range 22 {
		l.states(1, 1)
		_, err := l.m.EnterRow(ctx, "here", Row{ID: "a", ConnectedAt: clock.Now(), ExpiresAt: clock.Now().Add(time.Hour)})
		l.must(err)
	}
	f := footprintOf(l.m)
	require.Equal(t, 11, f.states, "a counter is kept for ever")
	require.Equal(t, []int{1, 0, 1, 1, 1}, []int{f.values, f.filters, f.turns, f.presences, f.rows})
}
