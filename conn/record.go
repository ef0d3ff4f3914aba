package conn

import (
	"cmp"
	"container/heap"
	"maps"
	"slices"
	"strings"
	"time"
)

// record is a connection as Memory keeps it. Its strings are its own: those that come in may be parts of a
// much larger event.
type record struct {
	conn        Conn // without Groups
	memberships []membership
	shard       int
	place       int // in Memory.expiries
}

// membership is what a record knows of a group, in a slice that is sorted by the group's name.
type membership struct {
	group *group
	seq   uint64
}

// newRecord takes over a canonical record, without its groups: they are to be joined.
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

// setAttributes changes attributes in place: nobody else has the map.
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

// search tells where the membership of a group is, or belongs.
func (r *record) search(group string) (int, bool) {
	return slices.BinarySearchFunc(r.memberships, group, func(ms membership, name string) int {
		return cmp.Compare(ms.group.name, name)
	})
}

// The methods below want m.mu held, for writing but for find.

func (m *Memory) find(id string) (*record, error) {
	r, ok := m.conns[id]
	if !ok || r.expired(m.clock()) {
		return nil, &NotFoundError{ID: id}
	}
	return r, nil
}

func (m *Memory) join(r *record, name string) {
	i, ok := r.search(name)
	if ok {
		return
	}
	g, ok := m.groups[name]
	if !ok {
		g = &group{name: strings.Clone(name), shards: make([]sequence, m.shards)}
		m.groups[g.name] = g
	}
	m.seq++
	g.size++
	g.shards[r.shard].add(m.seq, r)
	r.memberships = slices.Insert(r.memberships, i, membership{group: g, seq: m.seq})
}

func (m *Memory) leave(r *record, name string) {
	if i, ok := r.search(name); ok {
		m.end(r, r.memberships[i])
		r.memberships = slices.Delete(r.memberships, i, i+1)
	}
}

// end takes a record out of a group, and the group out of the store with its last member.
func (m *Memory) end(r *record, ms membership) {
	ms.group.shards[r.shard].remove(ms.seq)
	ms.group.size--
	if ms.group.size == 0 {
		delete(m.groups, ms.group.name)
	}
}

func (m *Memory) remove(r *record) {
	for _, ms := range r.memberships {
		m.end(r, ms)
	}
	delete(m.conns, r.conn.ID)
	heap.Remove(&m.expiries, r.place)
}

// sweep removes up to two expired records. Each Put adds one, so what has expired does not pile up. It returns what is to
// be told of them.
func (m *Memory) sweep(now time.Time) (expired []Conn) {
	for range 2 {
		if len(m.expiries) == 0 || !m.expiries[0].expired(now) {
			break
		}
		expired = append(expired, m.expire(m.expiries[0])...)
	}
	return expired
}

// expire removes a record that has expired, and returns it if somebody is to be told.
func (m *Memory) expire(r *record) []Conn {
	var told []Conn
	if m.ended != nil {
		told = append(told, r.snapshot())
	}
	m.remove(r)
	return told
}

// expiries is a heap of all records, the one that expires first on top.
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

// Pop takes the last one off, for package heap.
func (e *expiries) Pop() any {
	last := len(*e) - 1
	r := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return r
}
