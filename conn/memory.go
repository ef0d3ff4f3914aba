package conn

import (
	"container/heap"
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/internal/shard"
)

// memory is the Store of NewMemory.
type memory struct {
	now      func() time.Time
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

// NewMemory returns an empty [Store] in the memory of this process, for tests, for development
// and for services that are one process. Do not use it in Lambda, where each instance would have
// its own. Its options are [WithClock], [WithShards], [WithPageSize] and [WithEnded].
//
// A group is in the order of joining, and a page costs the same whatever the size of the group. A
// reading ends where the group ended when it began, so it ends even if others join without pause.
// Cursors end with the process.
//
// The store keeps every record until it is deleted or expires: its size is bounded by the
// connections that are open. Expired records use memory until later calls of Put remove them, at
// most two in a call.
func NewMemory(opts ...Option) Store {
	m := &memory{
		now:      time.Now,
		shards:   1,
		pageSize: 256,
		seed:     maphash.MakeSeed(),
		conns:    make(map[string]*record),
		groups:   make(map[string]*group),
	}
	for _, o := range opts {
		if o == nil {
			panic("conn: NewMemory: an option is nil")
		}
		set, ok := o.(memoryOption)
		if !ok {
			panic("conn: NewMemory: one of the options is an option of Track")
		}
		set(m)
	}
	return m
}

func (m *memory) Put(ctx context.Context, c Conn) error {
	done, err := observing.BeginCall(ctx, "conn.Put")
	if err != nil {
		return err
	}
	defer done()
	if err := refuse(ctx); err != nil {
		return err
	}
	c, err = c.Normalize(m.now())
	if err != nil {
		return err
	}
	expired, err := m.put(c)
	for _, old := range expired {
		m.ended.Call(WithEndCause(ctx, EndExpired), old)
	}
	return err
}

// put registers a normalized record, and returns the expired records that it has removed.
func (m *memory) put(c Conn) (expired []Conn, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
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

func (m *memory) Get(ctx context.Context, id string) (Conn, error) {
	done, err := observing.BeginCall(ctx, "conn.Get")
	if err != nil {
		return Conn{}, err
	}
	defer done()
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

func (m *memory) Delete(ctx context.Context, id string) (Conn, error) {
	done, err := observing.BeginCall(ctx, "conn.Delete")
	if err != nil {
		return Conn{}, err
	}
	defer done()
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
func (m *memory) take(id string) (Conn, error) {
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

func (m *memory) Join(ctx context.Context, id, group string) error {
	done, err := observing.BeginCall(ctx, "conn.Join")
	if err != nil {
		return err
	}
	defer done()
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

// JoinMany implements [MultiJoiner].
func (m *memory) JoinMany(ctx context.Context, id string, groups []string) (Conn, error) {
	done, err := observing.BeginCall(ctx, "conn.JoinMany")
	if err != nil {
		return Conn{}, err
	}
	defer done()
	if err := refuse(ctx); err != nil {
		return Conn{}, err
	}
	if err := ValidateName("connection id", id); err != nil {
		return Conn{}, err
	}
	for _, group := range groups {
		if err := ValidateName("group", group); err != nil {
			return Conn{}, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	if err != nil {
		return Conn{}, err
	}
	for _, group := range groups {
		m.join(r, group)
	}
	return r.snapshot(), nil
}

func (m *memory) Leave(ctx context.Context, id, group string) error {
	done, err := observing.BeginCall(ctx, "conn.Leave")
	if err != nil {
		return err
	}
	defer done()
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

func (m *memory) Shards(ctx context.Context, group string) (int, error) {
	done, err := observing.BeginCall(ctx, "conn.Shards")
	if err != nil {
		return 0, err
	}
	defer done()
	if err := refuse(ctx); err != nil {
		return 0, err
	}
	if err := ValidateName("group", group); err != nil {
		return 0, err
	}
	return m.shards, nil
}

func (m *memory) Read(ctx context.Context, q Query) (Page, error) {
	done, err := observing.BeginCall(ctx, "conn.Read")
	if err != nil {
		return Page{}, err
	}
	defer done()
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
	members, last, more := g.shards[q.Shard].read(p, q.Limit, m.now())
	page := Page{Members: members}
	if more {
		page.Next = formatCursor(m.seed, q, position{after: last, end: p.end})
	}
	return page, nil
}

func (m *memory) GetMany(ctx context.Context, ids []string) ([]Conn, error) {
	done, err := observing.BeginCall(ctx, "conn.GetMany")
	if err != nil {
		return nil, err
	}
	defer done()
	if err := refuse(ctx); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := ValidateName("connection id", id); err != nil {
			return nil, err
		}
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var found []Conn
	asked := make(map[string]bool, len(ids))
	for _, id := range ids {
		if r, err := m.find(id); err == nil && !asked[id] {
			found = append(found, r.snapshot())
		}
		asked[id] = true
	}
	return found, nil
}

func (m *memory) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (Conn, error) {
	done, err := observing.BeginCall(ctx, "conn.SetAttributes")
	if err != nil {
		return Conn{}, err
	}
	defer done()
	if err := refuse(ctx); err != nil {
		return Conn{}, err
	}
	if err := ValidateName("connection id", id); err != nil {
		return Conn{}, err
	}
	if err := ValidateAttributes(set, remove); err != nil {
		return Conn{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	if err != nil {
		return Conn{}, err
	}
	r.setAttributes(set, remove)
	return r.snapshot(), nil
}

func (m *memory) Extend(ctx context.Context, id string, until time.Time) (Conn, error) {
	done, err := observing.BeginCall(ctx, "conn.Extend")
	if err != nil {
		return Conn{}, err
	}
	defer done()
	if err := refuse(ctx); err != nil {
		return Conn{}, err
	}
	if err := ValidateName("connection id", id); err != nil {
		return Conn{}, err
	}
	if err := ValidateExpiry(until); err != nil {
		return Conn{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	if err != nil {
		return Conn{}, err
	}
	if until = until.UTC().Truncate(time.Second); until.After(r.conn.ExpiresAt) {
		r.conn.ExpiresAt = until
		heap.Fix(&m.expiries, r.place)
	}
	return r.snapshot(), nil
}
