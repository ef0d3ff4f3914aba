package conntest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

// brokenStore breaks one promise, and fails the checks that rely on it and no others.
type brokenStore struct {
	name  string
	wrap  func(conn.Store, func() time.Time) conn.Store
	fails []string
}

func brokenStores() []brokenStore {
	return []brokenStore{
		{
			"overwrites",
			func(m conn.Store, _ func() time.Time) conn.Store { return overwriting{m} },
			[]string{"put-exists", "race-put"},
		},
		{
			"forgets the user's group",
			func(m conn.Store, _ func() time.Time) conn.Store { return newHaunted(m) },
			[]string{"delete-memberships", "race-put", "race-all"},
		},
		{
			"joins the unknown",
			func(m conn.Store, _ func() time.Time) conn.Store { return newEager(m) },
			[]string{"expiry-join", "join-unknown"},
		},
		{
			"repeats at the page's border",
			func(m conn.Store, _ func() time.Time) conn.Store { return repeating{m} },
			[]string{
				"records", "expiry-while-reading", "read-limits", "read-large", "read-shards", "read-while-changing",
				"read-while-returning", "cursor-member-gone", "cursor-text",
			},
		},
		{
			"reads only one page",
			func(m conn.Store, _ func() time.Time) conn.Store { return impatient{m} },
			[]string{
				"records", "expiry-while-reading", "read-limits", "read-large", "read-shards", "read-while-changing",
				"read-after-return", "cursor-member-gone", "cursor-group-gone", "cursor-text",
				"cursor-again", "cursor-corrupted", "cursor-other-group", "cursor-other-shard",
			},
		},
		{
			"never advances",
			func(m conn.Store, _ func() time.Time) conn.Store { return stuck{m} },
			[]string{
				"records", "expiry-while-reading", "read-limits", "read-large", "read-shards", "read-while-changing",
				"read-while-returning", "read-after-return", "cursor-member-gone", "cursor-group-gone",
				"cursor-text", "cursor-again",
			},
		},
		{
			"ignores expiry",
			func(m conn.Store, c func() time.Time) conn.Store { return newUndying(c) },
			[]string{
				"attributes-unknown", "attributes-expiry", "many-unknown",
				"expiry-get", "expiry-delete", "expiry-join", "expiry-read", "expiry-put",
				"extend", "extend-unknown", "extend-joined-twice", "race-extend", "race-extend-groups", "joinmany-expiry",
			},
		},
		{
			"expires a second late",
			func(m conn.Store, c func() time.Time) conn.Store { return newLate(c) },
			[]string{
				"attributes-unknown", "attributes-expiry", "many-unknown",
				"expiry-get", "expiry-delete", "expiry-join", "expiry-read", "expiry-put",
				"extend", "extend-unknown", "extend-joined-twice", "race-extend", "race-extend-groups", "joinmany-expiry",
			},
		},
		{
			"shares maps and slices",
			func(m conn.Store, _ func() time.Time) conn.Store { return newSharing(m) },
			[]string{"put-copies", "get-copies"},
		},
		{
			"counts from the cursor's member",
			func(m conn.Store, _ func() time.Time) conn.Store { return newPointing(m) },
			[]string{"expiry-while-reading", "cursor-member-gone"},
		},
		{
			"takes any cursor of its own",
			func(m conn.Store, _ func() time.Time) conn.Store { return newCareless(m) },
			[]string{"cursor-other-group"},
		},
		{
			"ignores cancellation",
			func(m conn.Store, _ func() time.Time) conn.Store { return uncancelled{m} },
			[]string{"cancelled"},
		},
		{
			"shows every shard everything",
			func(m conn.Store, _ func() time.Time) conn.Store { return overlapping{m} },
			[]string{"read-limits", "read-large", "read-shards"},
		},
		{
			"deletes more than once",
			func(m conn.Store, _ func() time.Time) conn.Store { return newGenerous(m) },
			[]string{
				"delete-unknown",
				"attributes-unknown",
				"race-attributes-delete",
				"extend-unknown",
				"race-extend-delete",
				"race-delete",
			},
		},
		{
			"trims names",
			func(m conn.Store, _ func() time.Time) conn.Store { return trimming{m} },
			[]string{"names-hostile"},
		},
		{
			"does not sort groups",
			func(m conn.Store, _ func() time.Time) conn.Store { return unsorted{m} },
			[]string{"put-groups-sorted", "groups-many"},
		},
		{
			"refuses Leave of an unregistered connection",
			func(m conn.Store, _ func() time.Time) conn.Store { return holding{m} },
			[]string{"expiry-leave", "leave-idempotent", "leave-deleted"},
		},
		{
			"applies an old Leave to a new record",
			func(m conn.Store, _ func() time.Time) conn.Store { return newResentful(m) },
			[]string{"leave-deleted"},
		},
	}
}

func TestSuiteFindsBrokenStores(t *testing.T) {
	t.Parallel()
	for _, b := range brokenStores() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, b.fails, failing(t, onMemory(b.wrap)))
		})
	}
}

// TestSuiteFindsAStoreThatListsBeforeItRegisters runs in virtual time, in which a Put lasts until
// another call has read, so that chance does not decide.
func TestSuiteFindsAStoreThatListsBeforeItRegisters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		early := onMemory(func(m conn.Store, _ func() time.Time) conn.Store { return &hasty{Store: m} })
		require.Equal(t, []string{"race-put-read"}, failing(t, early))
	})
}

// overwriting takes Put for an upsert.
type overwriting struct{ conn.Store }

func (s overwriting) Put(ctx context.Context, c conn.Conn) error {
	err := s.Store.Put(ctx, c)
	if errors.Is(err, conn.ErrExists) {
		if _, err := s.Delete(ctx, c.ID); err != nil {
			return err
		}
		return s.Store.Put(ctx, c)
	}
	return err
}

// haunted keeps the membership of the user's group, which Join did not make.
type haunted struct {
	conn.Store
	mu     sync.Mutex
	ghosts map[string][]conn.Member // by group
}

func newHaunted(m conn.Store) *haunted {
	return &haunted{Store: m, ghosts: make(map[string][]conn.Member)}
}

func (s *haunted) Delete(ctx context.Context, id string) (conn.Conn, error) {
	c, err := s.Store.Delete(ctx, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := conn.UserGroup(c.User); slices.Contains(c.Groups, g) {
		s.ghosts[g] = append(s.ghosts[g], conn.Member{ID: id, Endpoint: c.Endpoint})
	}
	return c, err
}

func (s *haunted) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	page, err := s.Store.Read(ctx, q)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && page.Next == "" && q.Shard == 0 {
		page.Members = append(page.Members, s.ghosts[q.Group]...)
	}
	return page, err
}

// eager writes the membership before it looks up the connection, and leaves it there.
type eager struct {
	conn.Store
	mu    sync.Mutex
	early map[string][]string // groups by id
}

func newEager(m conn.Store) *eager { return &eager{Store: m, early: make(map[string][]string)} }

func (s *eager) Join(ctx context.Context, id, group string) error {
	err := s.Store.Join(ctx, id, group)
	if errors.Is(err, conn.ErrNotFound) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.early[id] = append(s.early[id], group)
	}
	return err
}

func (s *eager) Put(ctx context.Context, c conn.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Groups = append(slices.Clone(c.Groups), s.early[c.ID]...)
	return s.Store.Put(ctx, c)
}

// shifted is a store whose records live too long.
func shifted(clock func() time.Time, now func(time.Time) time.Time) conn.Store {
	return conn.NewMemory(conn.WithShards(3), conn.WithClock(func() time.Time { return now(clock()) }))
}

func newUndying(clock func() time.Time) conn.Store {
	start := clock()
	return shifted(clock, func(time.Time) time.Time { return start })
}

func newLate(clock func() time.Time) conn.Store {
	start := clock()
	return shifted(clock, func(now time.Time) time.Time {
		if now.Equal(start) {
			return now
		}
		return now.Add(-time.Second)
	})
}

// sharing returns the maps and slices that it got.
type sharing struct {
	conn.Store
	mu    sync.Mutex
	given map[string]conn.Conn
}

func newSharing(m conn.Store) *sharing {
	return &sharing{Store: m, given: make(map[string]conn.Conn)}
}

func (s *sharing) Put(ctx context.Context, c conn.Conn) error {
	err := s.Store.Put(ctx, c)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.given[c.ID] = c
	}
	return err
}

func (s *sharing) Get(ctx context.Context, id string) (conn.Conn, error) {
	c, err := s.Store.Get(ctx, id)
	if err == nil && c.Attributes != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if given, ok := s.given[id]; ok {
			c.Attributes = given.Attributes
		}
	}
	return c, err
}

func (s *sharing) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (conn.Conn, error) {
	c, err := s.Store.SetAttributes(ctx, id, set, remove...)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.given, id)
	}
	return c, err
}

// uncancelled ignores that the context has ended.
type uncancelled struct{ conn.Store }

func (s uncancelled) Leave(ctx context.Context, id, group string) error {
	return s.Store.Leave(context.WithoutCancel(ctx), id, group)
}

// generous returns the record to a second Delete too.
type generous struct {
	conn.Store
	mu   sync.Mutex
	last conn.Conn
}

func newGenerous(m conn.Store) *generous { return &generous{Store: m} }

func (s *generous) Delete(ctx context.Context, id string) (conn.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.Store.Delete(ctx, id)
	if err == nil {
		s.last = c
	}
	if errors.Is(err, conn.ErrNotFound) && s.last.ID == id {
		return s.last, nil
	}
	return c, err
}

// trimming removes spaces around names.
type trimming struct{ conn.Store }

func (s trimming) Join(ctx context.Context, id, group string) error {
	if trimmed := strings.TrimSpace(group); trimmed != "" {
		group = trimmed
	}
	return s.Store.Join(ctx, id, group)
}

// unsorted returns many groups in an order of its own.
type unsorted struct{ conn.Store }

func (s unsorted) Get(ctx context.Context, id string) (conn.Conn, error) {
	c, err := s.Store.Get(ctx, id)
	if len(c.Groups) > 5 {
		slices.Reverse(c.Groups)
	}
	return c, err
}

// holding takes Leave of an unknown connection for a mistake.
type holding struct{ conn.Store }

func (s holding) Leave(ctx context.Context, id, group string) error {
	if _, err := s.Get(ctx, id); err != nil {
		return err
	}
	return s.Store.Leave(ctx, id, group)
}

// resentful keeps a Leave of an unregistered connection, and applies it to its next record.
type resentful struct {
	conn.Store
	mu   sync.Mutex
	left map[string][]string // groups by id
}

func newResentful(m conn.Store) *resentful {
	return &resentful{Store: m, left: make(map[string][]string)}
}

func (s *resentful) Leave(ctx context.Context, id, group string) error {
	if _, err := s.Get(ctx, id); errors.Is(err, conn.ErrNotFound) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.left[id] = append(s.left[id], group)
	}
	return s.Store.Leave(ctx, id, group)
}

func (s *resentful) Put(ctx context.Context, c conn.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Groups = slices.DeleteFunc(
		slices.Clone(c.Groups),
		func(g string) bool { return slices.Contains(s.left[c.ID], g) },
	)
	return s.Store.Put(ctx, c)
}
