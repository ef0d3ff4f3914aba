package conntest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

// announcer is a store that announces ended records in its own way.
type announcer struct {
	conn.Store
	ended  conn.EndedFunc
	delete func(s announcer, ctx context.Context, id string) (conn.Conn, error)
}

func (s announcer) Delete(ctx context.Context, id string) (conn.Conn, error) {
	return s.delete(s, ctx, id)
}

func onAnnouncer(del func(announcer, context.Context, string) (conn.Conn, error)) NewHarness {
	return func(_ testing.TB, now func() time.Time, ended conn.EndedFunc) Harness {
		opts := []conn.Option{conn.WithClock(now), conn.WithPageSize(20)}
		if del == nil {
			opts = append(opts, conn.WithEnded(ended))
			return Harness{Store: conn.NewMemory(opts...), Large: 300, Ended: true}
		}
		// The memory store announces what expires, the broken store what is deleted.
		opts = append(opts, conn.WithEnded(func(ctx context.Context, c conn.Conn, cause conn.EndCause) {
			if cause == conn.EndExpired {
				ended(ctx, c, cause)
			}
		}))
		return Harness{Store: announcer{conn.NewMemory(opts...), ended, del}, Large: 300, Ended: true}
	}
}

func TestSuiteFindsStoresThatAnnounceWrongly(t *testing.T) {
	t.Parallel()
	require.Empty(t, failing(t, onAnnouncer(nil)))
	for name, c := range map[string]struct {
		delete func(announcer, context.Context, string) (conn.Conn, error)
		fails  []string
	}{
		"never": {
			func(s announcer, ctx context.Context, id string) (conn.Conn, error) { return s.Store.Delete(ctx, id) },
			[]string{"ended-delete", "ended-after", "ended-nested", "ended-panic", "ended-expired", "race-ended"},
		},
		"whatever comes of it": {
			func(s announcer, ctx context.Context, id string) (conn.Conn, error) {
				c, err := s.Store.Delete(ctx, id)
				s.ended.Call(ctx, c)
				return c, err
			},
			[]string{"ended-nothing", "ended-panic", "race-ended"},
		},
		"before it is over": {
			func(s announcer, ctx context.Context, id string) (conn.Conn, error) {
				if c, err := s.Get(ctx, id); err == nil {
					s.ended.Call(ctx, c)
				}
				return s.Store.Delete(ctx, id)
			},
			[]string{"ended-after", "ended-nested"}, // and race-ended by chance
		},
		"each within the other, and not as it was": {
			func(s announcer, ctx context.Context, id string) (conn.Conn, error) {
				c, err := s.Store.Delete(ctx, id)
				if err == nil {
					s.ended(ctx, c, conn.EndDeleted)
				}
				return c, err
			},
			[]string{"ended-delete", "ended-after", "ended-copies", "ended-nested", "ended-panic"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Subset(t, failing(t, onAnnouncer(c.delete)), c.fails)
		})
	}
}
