package conntest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest"
)

// announcer is a store that tells of records that end in its own way.
type announcer struct {
	*conn.Memory
	ended  *conntest.Ended
	delete func(s announcer, ctx context.Context, id string) (conn.Conn, error)
}

func (s announcer) Delete(ctx context.Context, id string) (conn.Conn, error) {
	return s.delete(s, ctx, id)
}

func onAnnouncer(del func(announcer, context.Context, string) (conn.Conn, error)) conntest.NewHarness {
	return func(context.Context) (conntest.Harness, error) {
		clock, ended := conntest.NewClock(), new(conntest.Ended)
		opts := []conn.MemoryOption{conn.WithClock(clock.Now), conn.WithPageSize(20)}
		if del == nil {
			opts = append(opts, conn.WithEnded(ended.Record))
			return conntest.Harness{Store: conn.NewMemory(opts...), Clock: clock, Large: 300, Ended: ended}, nil
		}
		// What expires is announced by Memory, what is deleted by the broken store.
		opts = append(opts, conn.WithEnded(func(ctx context.Context, c conn.Conn, cause conn.EndCause) {
			if cause == conn.EndExpired {
				ended.Record(ctx, c, cause)
			}
		}))
		return conntest.Harness{Store: announcer{conn.NewMemory(opts...), ended, del}, Clock: clock, Large: 300, Ended: ended}, nil
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
			func(s announcer, ctx context.Context, id string) (conn.Conn, error) { return s.Memory.Delete(ctx, id) },
			[]string{"ended-delete", "ended-after", "ended-nested", "ended-panic", "ended-expired", "race-ended"},
		},
		"whatever comes of it": {
			func(s announcer, ctx context.Context, id string) (conn.Conn, error) {
				c, err := s.Memory.Delete(ctx, id)
				conn.EndedFunc(s.ended.Record).Call(ctx, c)
				return c, err
			},
			[]string{"ended-nothing", "ended-panic", "race-ended"},
		},
		"before it is over": {
			func(s announcer, ctx context.Context, id string) (conn.Conn, error) {
				if c, err := s.Get(ctx, id); err == nil {
					conn.EndedFunc(s.ended.Record).Call(ctx, c)
				}
				return s.Memory.Delete(ctx, id)
			},
			[]string{"ended-after", "ended-nested"}, // and race-ended, as it happens
		},
		"each within the other, and not as it was": {
			func(s announcer, ctx context.Context, id string) (conn.Conn, error) {
				c, err := s.Memory.Delete(ctx, id)
				if err == nil {
					s.ended.Record(ctx, c, conn.EndDeleted)
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
