package conn

import (
	"container/heap"
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/shard"
)

// Memory is a [Store] in the memory of one process: for tests, for development, and for services that are one
// process. It is not for Lambda, where each environment would have its own. Its content ends with it, and so do
// its cursors.
//
// A group is a sequence in the order of joining, so a page costs as much as the page is long, whatever the
// size of the group. A reading ends where the group ended when it began: however fast others join, it
// comes to its end. Expired records take up memory until later calls of Put remove them, at most two a
// call.
type Memory struct {
	clock    func() time.Time
	shards   int
	pageSize int
	ended    EndedFunc
	seed     maphash.Seed // makes the cursors of this store its own

	mu       sync.RWMutex
	conns    map[string]*record
	groups   map[string]*group
	expiries expiries
	seq      uint64 // the number of the latest membership
}

var _ Store = (*Memory)(nil)

// MemoryOption is an option of [NewMemory].
type MemoryOption interface{ applyMemory(*Memory) }

type memoryOption func(*Memory)

func (o memoryOption) applyMemory(m *Memory) { o(m) }

// WithClock gives the store its clock; the default is [time.Now]. The clock may be called while the store is
// locked and must not call the store.
func WithClock(now func() time.Time) MemoryOption {
	if now == nil {
		panic("conn: WithClock with a nil clock")
	}
	return memoryOption(func(m *Memory) { m.clock = now })
}

// WithShards sets in how many parts a group is read; the default is 1. It panics if n is less than 1.
func WithShards(n int) MemoryOption {
	if n < 1 {
		panic("conn: WithShards with less than 1 shard")
	}
	return memoryOption(func(m *Memory) { m.shards = n })
}

// WithPageSize sets how many members a page has where the query states no limit; the default is 256. It
// panics if n is less than 1.
func WithPageSize(n int) MemoryOption {
	if n < 1 {
		panic("conn: WithPageSize with less than 1 member")
	}
	return memoryOption(func(m *Memory) { m.pageSize = n })
}

// WithEnded has a function called for each record that ends; see [EndedFunc]. Expired records are among them when a later
// Put removes them. It panics if f is nil.
func WithEnded(f EndedFunc) MemoryOption {
	if f == nil {
		panic("conn: WithEnded with a nil function")
	}
	return memoryOption(func(m *Memory) { m.ended = f })
}

// NewMemory returns an empty store.
func NewMemory(opts ...MemoryOption) *Memory {
	m := &Memory{
		clock:    time.Now,
		shards:   1,
		pageSize: 256,
		seed:     maphash.MakeSeed(),
		conns:    make(map[string]*record),
		groups:   make(map[string]*group),
	}
	for _, o := range opts {
		o.applyMemory(m)
	}
	return m
}

// Put registers a connection; see [Store].
func (m *Memory) Put(ctx context.Context, c Conn) error {
	if err := refuse(ctx); err != nil {
		return err
	}
	c, err := c.Normalize(m.clock())
	if err != nil {
		return err
	}
	expired, err := m.put(c)
	for _, old := range expired {
		m.ended.Call(WithEndCause(ctx, EndExpired), old)
	}
	return err
}

// put registers a canonical record. It returns the expired ones that it has removed.
func (m *Memory) put(c Conn) (expired []Conn, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	if old, ok := m.conns[c.ID]; ok {
		if !old.expired(now) {
			return nil, ErrExists
		}
		expired = append(expired, m.expire(old)...)
	}
	expired = append(expired, m.sweep(now)...)
	r := newRecord(c)
	r.shard = shard.Of(c.ID, m.shards)
	m.conns[c.ID] = r
	heap.Push(&m.expiries, r)
	for _, g := range c.Groups {
		m.join(r, g)
	}
	return expired, nil
}

// Get gives the record of a connection; see [Store].
func (m *Memory) Get(ctx context.Context, id string) (Conn, error) {
	if err := refuse(ctx); err != nil {
		return Conn{}, err
	}
	if err := ValidateName("connection id", id); err != nil {
		return Conn{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	r, err := m.find(id)
	if err != nil {
		return Conn{}, err
	}
	return r.snapshot(), nil
}

// Delete removes a connection and its memberships; see [Store].
func (m *Memory) Delete(ctx context.Context, id string) (Conn, error) {
	if err := refuse(ctx); err != nil {
		return Conn{}, err
	}
	if err := ValidateName("connection id", id); err != nil {
		return Conn{}, err
	}
	c, err := m.take(id)
	if err == nil {
		m.ended.Call(ctx, c)
	}
	return c, err
}

// take removes a record and returns it.
func (m *Memory) take(id string) (Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	if err != nil {
		return Conn{}, err
	}
	c := r.snapshot()
	m.remove(r)
	return c, nil
}

// Join makes a connection a member of a group; see [Store].
func (m *Memory) Join(ctx context.Context, id, group string) error {
	if err := checkMembership(ctx, id, group); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	if err != nil {
		return err
	}
	m.join(r, group)
	return nil
}

// Leave ends a membership; see [Store].
func (m *Memory) Leave(ctx context.Context, id, group string) error {
	if err := checkMembership(ctx, id, group); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.conns[id]; ok {
		m.leave(r, group)
	}
	return nil
}

func checkMembership(ctx context.Context, id, group string) error {
	if err := refuse(ctx); err != nil {
		return err
	}
	if err := ValidateName("connection id", id); err != nil {
		return err
	}
	return ValidateName("group", group)
}

// Shards tells the number that [WithShards] set; see [Store].
func (m *Memory) Shards(ctx context.Context, group string) (int, error) {
	if err := refuse(ctx); err != nil {
		return 0, err
	}
	if err := ValidateName("group", group); err != nil {
		return 0, err
	}
	return m.shards, nil
}

// Read gives a page of a shard of a group, in the order of joining; see [Store]. It returns fewer members than
// the limit at the shard's end, and where it has gone past about a thousand who have left or expired.
func (m *Memory) Read(ctx context.Context, q Query) (Page, error) {
	if err := refuse(ctx); err != nil {
		return Page{}, err
	}
	if err := q.Validate(m.shards); err != nil {
		return Page{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	p := position{end: m.seq}
	if q.After != "" {
		var err error
		if p, err = parseCursor(m.seed, q); err != nil {
			return Page{}, err
		}
	}
	g, ok := m.groups[q.Group]
	if !ok {
		return Page{}, nil
	}
	if q.Limit == 0 {
		q.Limit = m.pageSize
	}
	members, last, more := g.shards[q.Shard].read(p, q.Limit, m.clock())
	page := Page{Members: members}
	if more {
		page.Next = formatCursor(m.seed, q, position{after: last, end: p.end})
	}
	return page, nil
}
