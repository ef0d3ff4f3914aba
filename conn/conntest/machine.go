package conntest

import (
	"maps"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/conn"
)

// Machine drives a fresh store through random commands and compares every answer with that of a model in a few
// maps. It is the body of a property:
//
//	rapid.Check(t, func(t *rapid.T) { conntest.Machine(t, newHarness) })
//
// The commands are those of [conn.Store], the clock's moving on, and a reading that goes on page by page
// between them.
func Machine(t *rapid.T, newHarness NewHarness) {
	h, err := newHarness(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, h.close()) }()
	m := &machine{h: h, model: model{clock: h.Clock, conns: make(map[string]conn.Conn)}}
	for range rapid.IntRange(0, 12).Draw(t, "connections at first") {
		m.put(t)
	}
	t.Repeat(map[string]func(*rapid.T){
		"put":     m.put,
		"get":     m.get,
		"set":     m.set,
		"extend":  m.extend,
		"delete":  m.delete,
		"join":    m.join,
		"leave":   m.leave,
		"members": m.members,
		"read":    m.read,
		"advance": m.advance,
		"":        m.watch,
	})
}

// machine is the store under test, the model beside it, and a reading of the store that is under way.
type machine struct {
	h       Harness
	model   model
	reading *reading
}

// Few names, so that commands meet.
func drawID(t *rapid.T) string    { return rapid.SampledFrom(numbered(8)).Draw(t, "id") }
func drawGroup(t *rapid.T) string { return rapid.SampledFrom(machineGroups()).Draw(t, "group") }

func machineGroups() []string { return []string{"g", "g#0", conn.UserGroup("u"), "日本\x00"} }

func (m *machine) put(t *rapid.T) {
	c := conn.Conn{
		ID:     drawID(t),
		User:   rapid.SampledFrom([]string{"", "u", "v"}).Draw(t, "user"),
		Groups: rapid.SliceOfN(rapid.SampledFrom(machineGroups()), 0, 4).Draw(t, "groups"),
	}
	if rapid.Bool().Draw(t, "whole") {
		c.Endpoint = "https://" + c.ID
		c.Attributes = map[string]string{"id": c.ID}
		c.ConnectedAt = m.h.Clock.Now().Add(-time.Minute)
	}
	if ttl := rapid.IntRange(0, 10).Draw(t, "ttl"); ttl > 0 {
		c.ExpiresAt = m.h.Clock.Now().Add(time.Duration(ttl) * time.Second)
	}
	m.same(t, m.model.put(c), m.h.Store.Put(t.Context(), c))
}

func (m *machine) get(t *rapid.T) {
	if rapid.Bool().Draw(t, "many") {
		m.many(t)
		return
	}
	id := drawID(t)
	want, wantErr := m.model.get(id)
	got, err := m.h.Store.Get(t.Context(), id)
	m.same(t, wantErr, err)
	require.Equal(t, want, got)
}

func (m *machine) many(t *rapid.T) {
	ids := rapid.SliceOfN(rapid.SampledFrom(numbered(8)), 0, 5).Draw(t, "ids")
	got, err := m.h.Store.GetMany(t.Context(), ids)
	require.NoError(t, err)
	require.Equal(t, m.model.many(ids), got)
}

func (m *machine) set(t *rapid.T) {
	id := drawID(t)
	set := rapid.MapOfN(rapid.SampledFrom([]string{"id", "a", "#0"}), rapid.SampledFrom([]string{"", "1", "2"}), 0, 2).Draw(t, "set")
	remove := rapid.SliceOfN(rapid.SampledFrom([]string{"id", "a", "none"}), 0, 2).Draw(t, "remove")
	want, wantErr := m.model.set(id, set, remove)
	got, err := m.h.Store.SetAttributes(t.Context(), id, set, remove...)
	m.same(t, wantErr, err)
	require.Equal(t, want, got)
}

func (m *machine) extend(t *rapid.T) {
	id := drawID(t)
	until := m.h.Clock.Now().Add(time.Duration(rapid.IntRange(-2000, 20_000).Draw(t, "until")) * time.Millisecond)
	want, wantErr := m.model.extend(id, until)
	got, err := m.h.Store.Extend(t.Context(), id, until)
	m.same(t, wantErr, err)
	require.Equal(t, want, got)
}

func (m *machine) delete(t *rapid.T) {
	id := drawID(t)
	want, wantErr := m.model.delete(id)
	got, err := m.h.Store.Delete(t.Context(), id)
	m.same(t, wantErr, err)
	require.Equal(t, want, got)
}

func (m *machine) join(t *rapid.T) {
	id, group := drawID(t), drawGroup(t)
	m.same(t, m.model.join(id, group), m.h.Store.Join(t.Context(), id, group))
}

func (m *machine) leave(t *rapid.T) {
	id, group := drawID(t), drawGroup(t)
	m.model.leave(id, group)
	require.NoError(t, m.h.Store.Leave(t.Context(), id, group))
}

// members reads a group at one go.
func (m *machine) members(t *rapid.T) {
	group := drawGroup(t)
	got := members(t.Context(), t, m.h.Store, group, rapid.IntRange(0, 4).Draw(t, "limit"))
	require.Equal(t, len(m.model.members(group)), len(got), "members of %q: %v", group, got)
	for _, member := range got {
		require.Equal(t, m.model.members(group)[member.ID], member)
	}
	requireOnce(t, got)
}

func (m *machine) advance(t *rapid.T) {
	m.h.Clock.Advance(time.Duration(rapid.IntRange(1, 2500).Draw(t, "ms")) * time.Millisecond)
}

// same wants the store's error to be the model's.
func (m *machine) same(t *rapid.T, want, got error) {
	if want == nil {
		require.NoError(t, got)
		return
	}
	require.ErrorIs(t, got, want)
}

// reading is a reading of a group in small pages, with commands in between.
type reading struct {
	query  conn.Query
	shards int
	stayed map[string]conn.Member // who has been a member all the time
	ever   map[string]bool        // who has been a member at some time
	got    []conn.Member
}

// read begins a reading or takes the next page of the one under way, and checks it at its end.
func (m *machine) read(t *rapid.T) {
	r := m.reading
	if r == nil {
		r = m.begin(t)
		m.reading = r
	}
	page, err := m.h.Store.Read(t.Context(), r.query)
	require.NoError(t, err)
	r.got = append(r.got, page.Members...)
	if r.query.After = page.Next; page.Next != "" {
		return
	}
	if r.query.Shard++; r.query.Shard < r.shards {
		return
	}
	requireOnce(t, r.got)
	require.Subset(t, ids(r.got), ids(values(r.stayed)), "who was a member during the whole reading")
	for _, member := range r.got {
		require.True(t, r.ever[member.ID], "%q was never a member of %q", member.ID, r.query.Group)
	}
	m.reading = nil
}

func (m *machine) begin(t *rapid.T) *reading {
	group := drawGroup(t)
	shards, err := m.h.Store.Shards(t.Context(), group)
	require.NoError(t, err)
	now := m.model.members(group)
	r := &reading{
		query:  conn.Query{Group: group, Limit: rapid.IntRange(1, 3).Draw(t, "limit")},
		shards: shards,
		stayed: now,
		ever:   make(map[string]bool),
	}
	for id := range now {
		r.ever[id] = true
	}
	return r
}

// watch notes after every command who is still a member of the group that is being read.
func (m *machine) watch(*rapid.T) {
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
