package conntest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest/internal/require"
	"github.com/gatesock/gatesock/internal/shrink"
)

// RunModel makes random calls to a store, and compares every answer with that of a model that is
// a few maps. It runs the given number of sequences of about 40 calls, each with a store of its
// own. The calls are those of [conn.Store], the passing of time, and a reading that goes on page
// by page between them.
//
// The calls differ from run to run. If an answer differs, RunModel removes calls from the sequence
// as long as it still fails, and reports the calls that remain, so that a test of yours can repeat
// them.
func RunModel(t *testing.T, newHarness NewHarness, sequences int) {
	t.Helper()
	if err := compare(t, newHarness, sequences, rand.Uint64()); err != nil { //nolint:gosec // no secret
		t.Error(err)
	}
}

// compare is RunModel with a seed.
func compare(t testing.TB, newHarness NewHarness, sequences int, seed uint64) error {
	t.Helper()
	for n := range uint64(sequences) {
		s := randomSequence(rand.New(rand.NewPCG(seed, n))) //nolint:gosec // no secret
		if err := s.run(t, newHarness); err != nil {
			s, err = shrink.Sequence(s, err, func(s sequence) error { return s.run(t, newHarness) })
			return fmt.Errorf("conntest: the store differs from the model after\n%s%w", s, err)
		}
	}
	return nil
}

// sequence is a list of calls. Each can run after any others.
type sequence []call

type call struct {
	text func() string
	run  func(ctx context.Context, t *probe, m *machine)
}

// String returns the calls, each on a line.
func (s sequence) String() string {
	var b strings.Builder
	for _, c := range s {
		fmt.Fprintf(&b, "\t%s\n", c.text())
	}
	return b.String()
}

// run runs the calls on a store of its own.
func (s sequence) run(t testing.TB, newHarness NewHarness) error {
	t.Helper()
	m := &machine{fixture: newFixture(t, newHarness)}
	m.model = model{clock: m.clock, conns: make(map[string]conn.Conn)}
	err := attempt(func(probe *probe) {
		for _, c := range s {
			c.run(t.Context(), probe, m)
			m.watch()
		}
	})
	return errors.Join(err, m.close())
}

// randomSequence returns up to 12 calls of Put, and then 40 calls of any kind.
func randomSequence(r *rand.Rand) sequence {
	var s sequence
	for range r.IntN(13) {
		s = append(s, randomPut(r))
	}
	kinds := []func(*rand.Rand) call{
		randomPut, randomGet, randomMany, randomSet, randomExtend, randomDelete, randomJoin, randomLeave,
		randomMembers, randomRead, randomAdvance,
	}
	for range 40 {
		s = append(s, pick(r, kinds)(r))
	}
	return s
}

// texts returns a call's text, which is needed only if the store fails.
func texts(format string, args ...any) func() string {
	return func() string { return fmt.Sprintf(format, args...) }
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// several returns up to most elements, some of which may be the same.
func several[T any](r *rand.Rand, from []T, most int) []T {
	list := make([]T, r.IntN(most+1))
	for i := range list {
		list[i] = pick(r, from)
	}
	return list
}

// There are few names, so that calls meet.
func randomID(r *rand.Rand) string    { return pick(r, machineIDs()) }
func randomGroup(r *rand.Rand) string { return pick(r, machineGroups()) }

func machineIDs() []string { return []string{"a", "b", "c", "d", "e", "f", "g", "h"} }

func machineGroups() []string { return []string{"g", "g#0", conn.UserGroup("u"), "日本\x00"} }

// machine is the store under test, the model beside it, and a reading of the store that has
// begun.
type machine struct {
	*fixture

	model   model
	reading *reading
}

func randomPut(r *rand.Rand) call {
	c := conn.Conn{ID: randomID(r), User: pick(r, []string{"", "u", "v"}), Groups: several(r, machineGroups(), 4)}
	whole, ttl := r.IntN(2) == 0, time.Duration(r.IntN(11))*time.Second
	text := texts("Put(%q, user %q, groups %q, whole %v, ttl %v)", c.ID, c.User, c.Groups, whole, ttl)
	return call{text, func(ctx context.Context, t *probe, m *machine) {
		c := c
		c.Groups = slices.Clone(c.Groups) // the call runs again while the sequence is shortened
		if whole {
			c.Endpoint = "https://" + c.ID
			c.Attributes = map[string]string{"id": c.ID}
			c.ConnectedAt = m.clock.Now().Add(-time.Minute)
		}
		if ttl > 0 {
			c.ExpiresAt = m.clock.Now().Add(ttl)
		}
		same(t, m.model.put(c), m.Store.Put(ctx, c))
	}}
}

func randomGet(r *rand.Rand) call {
	id := randomID(r)
	return call{texts("Get(%q)", id), func(ctx context.Context, t *probe, m *machine) {
		want, wantErr := m.model.get(id)
		got, err := m.Store.Get(ctx, id)
		same(t, wantErr, err)
		require.Equal(t, want, got)
	}}
}

func randomMany(r *rand.Rand) call {
	ids := several(r, machineIDs(), 5)
	return call{texts("GetMany(%q)", ids), func(ctx context.Context, t *probe, m *machine) {
		got, err := m.Store.GetMany(ctx, ids)
		require.NoError(t, err)
		require.Equal(t, m.model.many(ids), got)
	}}
}

func randomSet(r *rand.Rand) call {
	id, set := randomID(r), make(map[string]string)
	for _, name := range several(r, []string{"id", "a", "#0"}, 2) {
		set[name] = pick(r, []string{"", "1", "2"})
	}
	remove := several(r, []string{"id", "a", "none"}, 2)
	text := texts("SetAttributes(%q, %q, %q)", id, set, remove)
	return call{text, func(ctx context.Context, t *probe, m *machine) {
		want, wantErr := m.model.set(id, set, remove)
		got, err := m.Store.SetAttributes(ctx, id, set, remove...)
		same(t, wantErr, err)
		require.Equal(t, want, got)
	}}
}

func randomExtend(r *rand.Rand) call {
	id, by := randomID(r), time.Duration(r.IntN(22_000)-2000)*time.Millisecond
	return call{texts("Extend(%q, %v from now)", id, by), func(ctx context.Context, t *probe, m *machine) {
		until := m.clock.Now().Add(by)
		want, wantErr := m.model.extend(id, until)
		got, err := m.Store.Extend(ctx, id, until)
		same(t, wantErr, err)
		require.Equal(t, want, got)
	}}
}

func randomDelete(r *rand.Rand) call {
	id := randomID(r)
	return call{texts("Delete(%q)", id), func(ctx context.Context, t *probe, m *machine) {
		want, wantErr := m.model.delete(id)
		got, err := m.Store.Delete(ctx, id)
		same(t, wantErr, err)
		require.Equal(t, want, got)
	}}
}

func randomJoin(r *rand.Rand) call {
	id, group := randomID(r), randomGroup(r)
	return call{texts("Join(%q, %q)", id, group), func(ctx context.Context, t *probe, m *machine) {
		same(t, m.model.join(id, group), m.Store.Join(ctx, id, group))
	}}
}

func randomLeave(r *rand.Rand) call {
	id, group := randomID(r), randomGroup(r)
	return call{texts("Leave(%q, %q)", id, group), func(ctx context.Context, t *probe, m *machine) {
		m.model.leave(id, group)
		require.NoError(t, m.Store.Leave(ctx, id, group))
	}}
}

// randomMembers reads a whole group.
func randomMembers(r *rand.Rand) call {
	group, limit := randomGroup(r), r.IntN(5)
	text := texts("Read(%q, limit %d) to the end", group, limit)
	return call{text, func(ctx context.Context, t *probe, m *machine) {
		got := members(ctx, t, m.Store, group, limit)
		want := m.model.members(group)
		require.Len(t, got, len(want), "members of %q", group)
		for _, member := range got {
			require.Equal(t, want[member.ID], member)
		}
		requireOnce(t, got)
	}}
}

func randomAdvance(r *rand.Rand) call {
	d := time.Duration(1+r.IntN(2500)) * time.Millisecond
	return call{texts("%v pass", d), func(_ context.Context, _ *probe, m *machine) { m.clock.Advance(d) }}
}

// same requires the store's error to be that of the model.
func same(t *probe, want, got error) {
	if want == nil {
		require.NoError(t, got)
		return
	}
	require.ErrorIs(t, got, want)
}

// reading is a reading of a group in small pages, with other calls in between.
type reading struct {
	query  conn.Query
	shards int
	stayed map[string]conn.Member // members all the time
	ever   map[string]bool        // members at some time
	got    []conn.Member
}

// randomRead reads a page of the reading that has begun, or of a new one.
func randomRead(r *rand.Rand) call {
	group, limit := randomGroup(r), 1+r.IntN(3)
	text := texts("Read of a page (a new reading is of %q, limit %d)", group, limit)
	return call{text, func(ctx context.Context, t *probe, m *machine) {
		if m.reading == nil {
			m.begin(ctx, t, group, limit)
		}
		m.read(ctx, t)
	}}
}

// read reads the next page, and checks the reading at its end.
func (m *machine) read(ctx context.Context, t *probe) {
	r := m.reading
	page, err := m.Store.Read(ctx, r.query)
	require.NoError(t, err)
	r.got = append(r.got, page.Members...)
	if r.query.After = page.Next; page.Next != "" {
		return
	}
	if r.query.Shard++; r.query.Shard < r.shards {
		return
	}
	requireOnce(t, r.got)
	require.Contains(t, ids(r.got), ids(values(r.stayed)), "members during the whole reading")
	for _, member := range r.got {
		require.True(t, r.ever[member.ID], "%q was never a member of %q", member.ID, r.query.Group)
	}
	m.reading = nil
}

func (m *machine) begin(ctx context.Context, t *probe, group string, limit int) {
	shards, err := m.Store.Shards(ctx, group)
	require.NoError(t, err)
	now := m.model.members(group)
	m.reading = &reading{
		query:  conn.Query{Group: group, Limit: limit},
		shards: shards,
		stayed: now,
		ever:   make(map[string]bool),
	}
	for id := range now {
		m.reading.ever[id] = true
	}
}

// watch notes after every call which members the group of the reading has.
func (m *machine) watch() {
	if m.reading == nil {
		return
	}
	now := m.model.members(m.reading.query.Group)
	maps.DeleteFunc(m.reading.stayed, func(id string, _ conn.Member) bool { return now[id].ID == "" })
	for id := range now {
		m.reading.ever[id] = true
	}
}

func values(byID map[string]conn.Member) []conn.Member {
	var list []conn.Member
	for _, member := range byID {
		list = append(list, member)
	}
	return list
}
