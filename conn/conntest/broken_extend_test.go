package conntest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

// extending is a store that extends records in its own way.
type extending struct {
	conn.Store
	clock  func() time.Time
	extend func(s extending, ctx context.Context, id string, until time.Time) (conn.Conn, error)
}

func (s extending) Extend(ctx context.Context, id string, until time.Time) (conn.Conn, error) {
	return s.extend(s, ctx, id, until)
}

// rewrite puts a record again after a change.
func (s extending) rewrite(ctx context.Context, id string, change func(*conn.Conn)) (conn.Conn, error) {
	c, err := s.Delete(ctx, id)
	if err != nil {
		return conn.Conn{}, err
	}
	change(&c)
	return c, s.Put(ctx, c)
}

func TestSuiteFindsStoresThatExtendWrongly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		extend func(s extending, ctx context.Context, id string, until time.Time) (conn.Conn, error)
		fails  []string
	}{
		"not at all": {
			func(s extending, ctx context.Context, id string, _ time.Time) (conn.Conn, error) {
				return s.Get(ctx, id)
			},
			[]string{"extend", "extend-joined-twice", "extend-then-leave", "extend-invalid", "race-extend", "race-extend-groups"},
		},
		"to an earlier time too": {
			func(s extending, ctx context.Context, id string, until time.Time) (conn.Conn, error) {
				if until.IsZero() || until.Year() > 9999 {
					return conn.Conn{}, conn.ErrInvalid
				}
				return s.rewrite(ctx, id, func(c *conn.Conn) { c.ExpiresAt = until.UTC().Truncate(time.Second) })
			},
			[]string{"extend-never-shortens"},
		},
		"the record and not the memberships": {
			func(s extending, ctx context.Context, id string, until time.Time) (conn.Conn, error) {
				c, err := s.Store.Extend(ctx, id, until)
				if err != nil || len(c.Groups) == 0 {
					return c, err
				}
				return c, s.Leave(ctx, id, c.Groups[0])
			},
			[]string{"extend", "extend-joined-twice", "race-extend"},
		},
		"the memberships of 25 groups": {
			func(s extending, ctx context.Context, id string, until time.Time) (conn.Conn, error) {
				c, err := s.Store.Extend(ctx, id, until)
				for _, group := range c.Groups[min(25, len(c.Groups)):] {
					err = errors.Join(err, s.Leave(ctx, id, group))
				}
				return c, err
			},
			[]string{"extend-many-groups"},
		},
		"what has expired": {
			func(s extending, ctx context.Context, id string, until time.Time) (conn.Conn, error) {
				c, err := s.Store.Extend(ctx, id, until)
				if errors.Is(err, conn.ErrNotFound) && until.After(s.clock()) {
					c = conn.Conn{ID: id, ExpiresAt: until.UTC().Truncate(time.Second)}
					return c, s.Put(ctx, c)
				}
				return c, err
			},
			[]string{"extend-unknown", "race-extend-delete"},
		},
		"to any time": {
			func(s extending, ctx context.Context, id string, until time.Time) (conn.Conn, error) {
				if until.IsZero() {
					return s.Get(ctx, id)
				}
				return s.Store.Extend(ctx, id, until)
			},
			[]string{"extend-invalid"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := failing(
				t,
				onMemory(
					func(m conn.Store, clock func() time.Time) conn.Store { return extending{m, clock, c.extend} },
				),
			)
			require.Subset(t, got, c.fails)
			for _, name := range got { // races find more by chance
				require.Contains(t, name, "extend")
			}
		})
	}
}
