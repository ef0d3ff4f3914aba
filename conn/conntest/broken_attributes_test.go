package conntest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

// brokenRecords are stores that break promises about records that exist.
func brokenRecords() []brokenStore {
	return []brokenStore{
		{
			"forgets the attributes that a change does not name",
			func(m conn.Store, _ func() time.Time) conn.Store { return replacing{m} },
			[]string{"attributes-set", "attributes-keep", "attributes-hostile", "race-attributes"},
		},
		{
			"registers whom it is to change",
			func(m conn.Store, _ func() time.Time) conn.Store { return raising{m} },
			[]string{"attributes-unknown", "race-attributes-delete", "not-found-names"},
		},
		{
			"puts off the expiry",
			func(m conn.Store, c func() time.Time) conn.Store { return &prolonging{Store: m, clock: c} },
			[]string{"attributes-expiry"},
		},
		{
			"changes what it can of what is invalid",
			func(m conn.Store, _ func() time.Time) conn.Store { return halfway{m} },
			[]string{"attributes-invalid"},
		},
		{
			"lets an attribute of the authorizer's be changed",
			func(m conn.Store, _ func() time.Time) conn.Store { return permissive{m} },
			[]string{"attributes-invalid"},
		},
		{
			"wants an attribute to be there that is removed",
			func(m conn.Store, _ func() time.Time) conn.Store { return strict{m} },
			[]string{"attributes-absent", "race-attributes", "race-attributes-one", "race-attributes-swap"},
		},
		{
			"takes dots in names for paths",
			func(m conn.Store, _ func() time.Time) conn.Store { return dotted{m} },
			[]string{"attributes-invalid", "attributes-hostile"},
		},
		{
			"keeps old attributes for a next life",
			func(m conn.Store, _ func() time.Time) conn.Store { return newNostalgic(m) },
			[]string{"attributes-delete"},
		},
		{
			"reads a hundred records at the most",
			func(m conn.Store, _ func() time.Time) conn.Store { return hundred{m} },
			[]string{"many-large", "records"},
		},
		{
			"returns records in an order of its own",
			func(m conn.Store, _ func() time.Time) conn.Store { return sorting{m} },
			[]string{"many", "many-unknown", "many-large"},
		},
		{
			"fails if a record is missing",
			func(m conn.Store, _ func() time.Time) conn.Store { return demanding{m} },
			[]string{"many-unknown", "many-large", "many-fresh"},
		},
		{
			"does not name what was not found",
			func(m conn.Store, _ func() time.Time) conn.Store { return nameless{m} },
			[]string{"not-found-names"},
		},
	}
}

func TestSuiteFindsBrokenRecords(t *testing.T) {
	t.Parallel()
	for _, b := range brokenRecords() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, b.fails, failing(t, onMemory(b.wrap)))
		})
	}
}

func TestModelFindsBrokenRecords(t *testing.T) {
	t.Parallel()
	beyond := map[string]bool{
		"changes what it can of what is invalid":           true, // of the model, which sets no "tenant",
		"lets an attribute of the authorizer's be changed": true, // nor what is reserved,
		"takes dots in names for paths":                    true, // has no such names,
		"reads a hundred records at the most":              true, // nor so many records,
		"does not name what was not found":                 true, // and does not look at the error's id
	}
	for _, b := range brokenRecords() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			err := compare(t, inShards(1, b.wrap), testSequences, testSeed)
			require.Equal(t, !beyond[b.name], err != nil, "%v", err)
		})
	}
}

// TestSuiteFindsStoresWhoseChangesAreNotOneStep runs in virtual time, in which all calls have
// read before the first one writes, so that chance does not decide.
func TestSuiteFindsStoresWhoseChangesAreNotOneStep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wrap  func(conn.Store, func() time.Time) conn.Store
		fails []string
	}{
		"reads, and writes all later": {
			func(m conn.Store, _ func() time.Time) conn.Store { return rewriting{m} },
			[]string{"race-attributes"},
		},
		"one after the other": {
			func(m conn.Store, _ func() time.Time) conn.Store { return piecemeal{m} },
			[]string{"race-attributes-one", "race-attributes-swap"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { require.Equal(t, c.fails, failing(t, onMemory(c.wrap))) })
		})
	}
}

// replacing replaces all attributes with those that are set.
type replacing struct{ conn.Store }

func (s replacing) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (conn.Conn, error) {
	c, err := s.Get(ctx, id)
	for name := range c.Attributes {
		if _, ok := set[name]; err == nil && !ok && len(set) > 0 {
			remove = append(remove, name)
		}
	}
	return s.Store.SetAttributes(ctx, id, set, remove...)
}

// raising takes SetAttributes for an upsert.
type raising struct{ conn.Store }

func (s raising) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (conn.Conn, error) {
	c, err := s.Store.SetAttributes(ctx, id, set, remove...)
	if !errors.Is(err, conn.ErrNotFound) {
		return c, err
	}
	if err := s.Put(ctx, conn.Conn{ID: id}); err != nil {
		return conn.Conn{}, err
	}
	return s.Store.SetAttributes(ctx, id, set, remove...)
}

// prolonging extends a connection that is about to expire by a minute.
type prolonging struct {
	conn.Store
	clock func() time.Time
	mu    sync.Mutex
}

func (s *prolonging) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (conn.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.Store.SetAttributes(ctx, id, set, remove...)
	if err != nil || c.ExpiresAt.Sub(s.clock()) > 10*time.Second {
		return c, err
	}
	if _, err := s.Delete(ctx, id); err != nil {
		return conn.Conn{}, err
	}
	c.ExpiresAt = c.ExpiresAt.Add(time.Minute)
	return c, s.Put(ctx, c)
}

// halfway sets the valid attributes before it finds an invalid one.
type halfway struct{ conn.Store }

func (s halfway) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (conn.Conn, error) {
	c, err := s.Store.SetAttributes(ctx, id, set, remove...)
	if v, ok := set["tenant"]; errors.Is(err, conn.ErrInvalid) && ok {
		_, _ = s.Store.SetAttributes(ctx, id, map[string]string{"tenant": v})
	}
	return c, err
}

// strict takes the removal of a missing attribute for a mistake.
type strict struct{ conn.Store }

func (s strict) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (conn.Conn, error) {
	c, err := s.Get(ctx, id)
	for _, name := range remove {
		if _, ok := c.Attributes[name]; err == nil && !ok && conn.ValidateAttributes(set, remove) == nil {
			return conn.Conn{}, errors.New("there is no such attribute")
		}
	}
	return s.Store.SetAttributes(ctx, id, set, remove...)
}

// dotted cuts names at a dot.
type dotted struct{ conn.Store }

func (s dotted) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (conn.Conn, error) {
	cut := make(map[string]string)
	for name, value := range set {
		if head, _, _ := strings.Cut(name, "."); head != "" {
			name = head
		}
		cut[name] = value
	}
	return s.Store.SetAttributes(ctx, id, cut, remove...)
}

// nostalgic restores the old attributes of a connection that is put again.
type nostalgic struct {
	conn.Store
	mu   sync.Mutex
	last map[string]map[string]string
}

func newNostalgic(m conn.Store) *nostalgic {
	return &nostalgic{Store: m, last: make(map[string]map[string]string)}
}

func (s *nostalgic) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (conn.Conn, error) {
	c, err := s.Store.SetAttributes(ctx, id, set, remove...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.last[id] = c.Attributes
	}
	return c, err
}

func (s *nostalgic) Put(ctx context.Context, c conn.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Attributes == nil {
		c.Attributes = s.last[c.ID]
	}
	return s.Store.Put(ctx, c)
}

// hundred reads as many records as one request can.
type hundred struct{ conn.Store }

func (s hundred) GetMany(ctx context.Context, ids []string) ([]conn.Conn, error) {
	return s.Store.GetMany(ctx, ids[:min(len(ids), 100)])
}

// sorting returns records by their ids.
type sorting struct{ conn.Store }

func (s sorting) GetMany(ctx context.Context, ids []string) ([]conn.Conn, error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return s.Store.GetMany(ctx, ids)
}

// demanding requires all connections to exist.
type demanding struct{ conn.Store }

func (s demanding) GetMany(ctx context.Context, ids []string) ([]conn.Conn, error) {
	for _, id := range ids {
		if _, err := s.Get(ctx, id); err != nil {
			return nil, err
		}
	}
	return s.Store.GetMany(ctx, ids)
}

// nameless returns the bare sentinel.
type nameless struct{ conn.Store }

func (s nameless) Join(ctx context.Context, id, group string) error {
	err := s.Store.Join(ctx, id, group)
	if errors.Is(err, conn.ErrNotFound) {
		return conn.ErrNotFound
	}
	return err
}

// rewriting reads the attributes, thinks for a while, and writes all of them.
type rewriting struct{ conn.Store }

func (s rewriting) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (conn.Conn, error) {
	if err := conn.ValidateAttributes(set, remove); err != nil {
		return conn.Conn{}, err
	}
	c, err := s.Get(ctx, id)
	if err != nil {
		return conn.Conn{}, err
	}
	<-time.After(time.Second) // virtual time
	for name, value := range set {
		if c.Attributes == nil {
			c.Attributes = make(map[string]string)
		}
		c.Attributes[name] = value
	}
	now, err := s.Get(ctx, id)
	if err != nil {
		return conn.Conn{}, err
	}
	for name := range now.Attributes {
		if _, ok := c.Attributes[name]; !ok || slices.Contains(remove, name) {
			remove = append(remove, name)
			delete(c.Attributes, name)
		}
	}
	return s.Store.SetAttributes(ctx, id, c.Attributes, remove...)
}

// piecemeal changes one attribute after the other.
type piecemeal struct{ conn.Store }

func (s piecemeal) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (conn.Conn, error) {
	if err := conn.ValidateAttributes(set, remove); err != nil {
		return conn.Conn{}, err
	}
	c, err := s.Store.SetAttributes(ctx, id, nil, remove...)
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if err != nil {
			return conn.Conn{}, err
		}
		<-time.After(time.Second) // virtual time
		c, err = s.Store.SetAttributes(ctx, id, map[string]string{name: set[name]})
	}
	return c, err
}

// permissive takes every name for one of the application's.
type permissive struct{ conn.Store }

func (s permissive) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (conn.Conn, error) {
	const reserved = conn.AuthorizerPrefix + "roles"
	value, ok := set[reserved]
	if !ok {
		return s.Store.SetAttributes(ctx, id, set, remove...)
	}
	c, err := s.Delete(ctx, id)
	if err != nil {
		return conn.Conn{}, err
	}
	c.Attributes[reserved] = value
	return c, s.Put(ctx, c)
}
