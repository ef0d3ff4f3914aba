package conntest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

// TestSuiteFindsStoresThatChangeInSteps has stores that change a record in several steps, between
// which other calls run. In virtual time chance does not decide which comes first.
func TestSuiteFindsStoresThatChangeInSteps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wrap  func(conn.Store, func() time.Time) conn.Store
		fails []string
	}{
		"sets in one request and removes in another": {
			func(m conn.Store, _ func() time.Time) conn.Store { return twoRequests{m} },
			[]string{"race-attributes-swap"},
		},
		"writes the whole record": {
			func(m conn.Store, _ func() time.Time) conn.Store { return &wholesale{slow: slow{m}} },
			[]string{"race-attributes", "race-attributes-join"},
		},
		"revives": {
			func(m conn.Store, _ func() time.Time) conn.Store { return reviving{slow{m}} },
			[]string{"race-attributes-delete"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { require.Equal(t, c.fails, failing(t, onMemory(c.wrap))) })
		})
	}
}

// twoRequests sets attributes in one request and removes others in the next.
type twoRequests struct{ conn.Store }

func (s twoRequests) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (conn.Conn, error) {
	if err := conn.ValidateAttributes(set, remove); err != nil {
		return conn.Conn{}, err
	}
	c, err := s.Store.SetAttributes(ctx, id, set)
	if err != nil || len(remove) == 0 {
		return c, err
	}
	<-time.After(time.Second) // virtual time
	return s.Store.SetAttributes(ctx, id, nil, remove...)
}

// slow takes half a second for other calls, so that they run in the middle of a change that takes
// a second.
type slow struct{ conn.Store }

func (s slow) Join(ctx context.Context, id, group string) error {
	<-time.After(time.Second / 2)
	return s.Store.Join(ctx, id, group)
}

func (s slow) Leave(ctx context.Context, id, group string) error {
	<-time.After(time.Second / 2)
	return s.Store.Leave(ctx, id, group)
}

func (s slow) Delete(ctx context.Context, id string) (conn.Conn, error) {
	<-time.After(time.Second / 2)
	return s.Store.Delete(ctx, id)
}

// read reads a record that is to be changed a second later.
func (s slow) read(ctx context.Context, id string, set map[string]string, remove []string) (conn.Conn, error) {
	if err := conn.ValidateAttributes(set, remove); err != nil {
		return conn.Conn{}, err
	}
	c, err := s.Get(ctx, id)
	if err == nil {
		<-time.After(time.Second)
	}
	return c, err
}

func changed(c conn.Conn, set map[string]string, remove []string) conn.Conn {
	if c.Attributes == nil {
		c.Attributes = make(map[string]string)
	}
	for name, value := range set {
		c.Attributes[name] = value
	}
	for _, name := range remove {
		delete(c.Attributes, name)
	}
	if len(c.Attributes) == 0 {
		c.Attributes = nil
	}
	return c
}

// wholesale reads a record, changes its attributes, and writes all of it.
type wholesale struct {
	slow
	mu sync.Mutex
}

func (s *wholesale) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (conn.Conn, error) {
	c, err := s.read(ctx, id, set, remove)
	if err != nil {
		return conn.Conn{}, err
	}
	c = changed(c, set, remove)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.Store.Delete(ctx, id); err != nil {
		return conn.Conn{}, err
	}
	return c, s.Put(ctx, c)
}

// reviving writes a record that it has read, even if it is gone.
type reviving struct{ slow }

func (s reviving) SetAttributes(
	ctx context.Context,
	id string,
	set map[string]string,
	remove ...string,
) (conn.Conn, error) {
	c, err := s.read(ctx, id, set, remove)
	if err != nil {
		return conn.Conn{}, err
	}
	now, err := s.Store.SetAttributes(ctx, id, set, remove...)
	if !errors.Is(err, conn.ErrNotFound) {
		return now, err
	}
	c = changed(c, set, remove)
	if err := s.Put(ctx, c); err != nil && !errors.Is(err, conn.ErrExists) {
		return conn.Conn{}, err
	}
	return c, nil
}
