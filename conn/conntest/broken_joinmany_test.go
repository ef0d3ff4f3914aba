package conntest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

// joining is a store whose JoinMany is given.
type joining struct {
	conn.Store
	joinMany func(ctx context.Context, s conn.Store, id string, groups []string) (conn.Conn, error)
}

func (s joining) JoinMany(ctx context.Context, id string, groups []string) (conn.Conn, error) {
	return s.joinMany(ctx, s.Store, id, groups)
}

// TestSuiteFindsBrokenMultiJoiners has stores each of which breaks JoinMany in one way, after one
// that is right.
func TestSuiteFindsBrokenMultiJoiners(t *testing.T) {
	t.Parallel()
	right := func(ctx context.Context, s conn.Store, id string, groups []string) (conn.Conn, error) {
		return s.(conn.MultiJoiner).JoinMany(ctx, id, groups)
	}
	for name, c := range map[string]struct {
		joinMany func(ctx context.Context, s conn.Store, id string, groups []string) (conn.Conn, error)
		fails    []string
	}{
		"right": {right, nil},
		"joins one by one": {func(ctx context.Context, s conn.Store, id string, groups []string) (conn.Conn, error) {
			for _, group := range groups {
				if err := s.Join(ctx, id, group); err != nil {
					return conn.Conn{}, err
				}
			}
			return s.Get(ctx, id)
		}, []string{"joinmany-invalid"}},
		"returns the record from before": {func(ctx context.Context, s conn.Store, id string, groups []string) (conn.Conn, error) {
			before, err := s.Get(ctx, id)
			if err == nil {
				_, err = right(ctx, s, id, groups)
			}
			return before, err
		}, []string{"joinmany", "joinmany-idempotent", "joinmany-expiry", "joinmany-leave", "joinmany-large"}},
		"stops at 100": {func(ctx context.Context, s conn.Store, id string, groups []string) (conn.Conn, error) {
			return right(ctx, s, id, groups[:min(100, len(groups))])
		}, []string{"joinmany-large"}},
		"accepts the unknown": {func(ctx context.Context, s conn.Store, id string, groups []string) (conn.Conn, error) {
			c, err := right(ctx, s, id, groups)
			if slices.Contains(groups, "g") || slices.Contains(groups, "j") || len(groups) == 0 {
				return c, nil
			}
			return c, err
		}, []string{"joinmany-unknown", "joinmany-invalid", "joinmany-expiry"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ElementsMatch(t, c.fails, failing(t, onMemory(func(m conn.Store, _ func() time.Time) conn.Store {
				return joining{m, c.joinMany}
			})))
		})
	}
}
