package conn

import (
	"cmp"
	"container/heap"
	"encoding/base64"
	"encoding/binary"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"
)

// record is a connection of a memory store. Its strings are copies, since the strings of an event
// would keep the whole event in memory.
type record struct {
	conn        Conn // without Groups
	memberships []membership
	shard       int
	place       int // in memory.expiries
}

// membership is a place in a group. A record's memberships are sorted by the group's name.
type membership struct {
	group *group
	seq   uint64
}

// newRecord returns a record of a normalized Conn, which has joined no groups yet.
func newRecord(c Conn) *record {
	memberships := make([]membership, 0, len(c.Groups))
	c.Groups = nil
	return &record{conn: c, memberships: memberships}
}

func (r *record) expired(now time.Time) bool { return !now.Before(r.conn.ExpiresAt) }

func (r *record) snapshot() Conn {
	c := r.conn
	c.Attributes = maps.Clone(c.Attributes)
	if len(r.memberships) > 0 {
		c.Groups = make([]string, len(r.memberships))
		for i, ms := range r.memberships {
			c.Groups[i] = ms.group.name
		}
	}
	return c
}

// setAttributes changes the attributes in place; the map is not shared.
func (r *record) setAttributes(set map[string]string, remove []string) {
	for _, name := range remove {
		delete(r.conn.Attributes, name)
	}
	if r.conn.Attributes == nil && len(set) > 0 {
		r.conn.Attributes = make(map[string]string, len(set))
	}
	for name, value := range set {
		r.conn.Attributes[strings.Clone(name)] = strings.Clone(value)
	}
	if len(r.conn.Attributes) == 0 {
		r.conn.Attributes = nil
	}
}

// search returns the index of a group's membership, and reports whether there is one.
func (r *record) search(group string) (int, bool) {
	return slices.BinarySearchFunc(r.memberships, group, func(ms membership, name string) int {
		return cmp.Compare(ms.group.name, name)
	})
}

// Callers of the methods below hold m.mu, for writing except for find.

func (m *memory) find(id string) (*record, error) {
	r, ok := m.conns[id]
	if !ok || r.expired(m.now()) {
		return nil, &NotFoundError{ID: id}
	}
	return r, nil
}

func (m *memory) join(r *record, name string) {
	i, ok := r.search(name)
	if ok {
		return
	}
	g, ok := m.groups[name]
	if !ok {
		g = &group{name: strings.Clone(name), shards: make([]members, m.shards)}
		m.groups[g.name] = g
	}
	m.seq++
	g.size++
	shard := &g.shards[r.shard]
	shard.entries = append(shard.entries, entry{m.seq, r})
	r.memberships = slices.Insert(r.memberships, i, membership{group: g, seq: m.seq})
}

func (m *memory) leave(r *record, name string) {
	if i, ok := r.search(name); ok {
		m.end(r, r.memberships[i])
		r.memberships = slices.Delete(r.memberships, i, i+1)
	}
}

// end removes a record from a group, and the group with its last member.
func (m *memory) end(r *record, ms membership) {
	ms.group.shards[r.shard].remove(ms.seq)
	ms.group.size--
	if ms.group.size == 0 {
		delete(m.groups, ms.group.name)
	}
}

func (m *memory) remove(r *record) {
	for _, ms := range r.memberships {
		m.end(r, ms)
	}
	delete(m.conns, r.conn.ID)
	heap.Remove(&m.expiries, r.place)
}

// sweep removes up to two expired records, and returns those to announce. Each Put adds one
// record, so expired ones do not pile up.
func (m *memory) sweep(now time.Time) (expired []Conn) {
	for range 2 {
		if len(m.expiries) == 0 || !m.expiries[0].expired(now) {
			break
		}
		expired = append(expired, m.expire(m.expiries[0])...)
	}
	return expired
}

// expire removes an expired record, and returns it if it is to be announced.
func (m *memory) expire(r *record) []Conn {
	var ended []Conn
	if m.ended != nil {
		ended = append(ended, r.snapshot())
	}
	m.remove(r)
	return ended
}

// expiries is a heap of all records, with the one on top that expires first.
type expiries []*record

func (e expiries) Len() int           { return len(e) }
func (e expiries) Less(i, j int) bool { return e[i].conn.ExpiresAt.Before(e[j].conn.ExpiresAt) }

func (e expiries) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].place, e[j].place = i, j
}

// Push adds x, a *record, for package heap.
func (e *expiries) Push(x any) {
	r := x.(*record)
	r.place = len(*e)
	*e = append(*e, r)
}

// Pop removes the last record, for package heap.
func (e *expiries) Pop() any {
	last := len(*e) - 1
	r := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return r
}

// group is a group of a memory store. It exists as long as it has members.
type group struct {
	name   string
	size   int // members of all shards, including expired ones
	shards []members
}

// members are the members of a shard, in the order of joining. A member that leaves becomes a
// tombstone, so that leaving costs a binary search. When most entries are tombstones, all are
// removed at once.
type members struct {
	entries []entry // sorted by seq
	dead    int     // tombstones among entries
}

// entry is a member. Its number is never used again, so that a reading can go on from a member
// that has left.
type entry struct {
	seq uint64
	rec *record // nil in a tombstone
}

// position is a place in a reading: the members after one number and up to another.
type position struct{ after, end uint64 }

// search returns the index of the first entry whose number is at least seq.
func (m *members) search(seq uint64) int {
	i, _ := slices.BinarySearchFunc(m.entries, seq, func(e entry, seq uint64) int {
		return cmp.Compare(e.seq, seq)
	})
	return i
}

// remove removes the member with the number seq.
func (m *members) remove(seq uint64) {
	const few = 16 // spares small groups the copy
	m.entries[m.search(seq)].rec = nil
	m.dead++
	if m.dead <= few || m.dead <= len(m.entries)/2 {
		return
	}
	live := make([]entry, 0, len(m.entries)-m.dead)
	for _, e := range m.entries {
		if e.rec != nil {
			live = append(live, e)
		}
	}
	m.entries, m.dead = live, 0
}

// maxSkipped is how many tombstones and expired members a page skips at most, since the store is
// locked meanwhile.
const maxSkipped = 1024

// read returns the members of a page, the number of the last entry that it looked at, and whether
// entries are left.
func (m *members) read(p position, limit int, now time.Time) (page []Member, last uint64, more bool) {
	from, to := m.search(p.after+1), m.search(p.end+1)
	if from >= to {
		return nil, p.after, false
	}
	page = make([]Member, 0, min(limit, to-from))
	for i, e := range m.entries[from:to] {
		last = e.seq
		if e.rec != nil && !e.rec.expired(now) {
			page = append(page, Member{ID: e.rec.conn.ID, Endpoint: e.rec.conn.Endpoint})
		}
		if skipped := i + 1 - len(page); len(page) == limit || skipped == maxSkipped {
			return page, last, from+i+1 < to
		}
	}
	return page, last, false
}

// A cursor of a memory store is "1", the version of this form, and 24 bytes in base64: the two
// numbers of a position, and a seal that binds them to the store, the group and the shard.
const (
	cursorVersion = '1'
	cursorBytes   = 24
	cursorLen     = 1 + cursorBytes*4/3
)

func formatCursor(seed maphash.Seed, q Query, p position) Cursor {
	var b [cursorBytes]byte
	binary.BigEndian.PutUint64(b[0:], p.after)
	binary.BigEndian.PutUint64(b[8:], p.end)
	binary.BigEndian.PutUint64(b[16:], seal(seed, q, b[:16]))
	text := append(make([]byte, 0, cursorLen), cursorVersion)
	return Cursor(base64.RawURLEncoding.AppendEncode(text, b[:]))
}

func parseCursor(seed maphash.Seed, q Query) (position, error) {
	if len(q.After) != cursorLen || q.After[0] != cursorVersion {
		return position{}, ErrBadCursor
	}
	var b [cursorBytes]byte
	n, err := base64.RawURLEncoding.Decode(b[:], []byte(q.After[1:]))
	if err != nil || n != cursorBytes || binary.BigEndian.Uint64(b[16:]) != seal(seed, q, b[:16]) {
		return position{}, ErrBadCursor
	}
	return position{after: binary.BigEndian.Uint64(b[0:]), end: binary.BigEndian.Uint64(b[8:])}, nil
}

func seal(seed maphash.Seed, q Query, numbers []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	var shard [8]byte
	binary.BigEndian.PutUint64(shard[:], uint64(q.Shard))
	_, _ = h.Write(numbers) // a Hash never fails
	_, _ = h.Write(shard[:])
	_, _ = h.WriteString(q.Group)
	return h.Sum64()
}
