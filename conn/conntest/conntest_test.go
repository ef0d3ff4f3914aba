package conntest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest"
)

// onMemory makes harnesses with what wrap makes of a Memory of three shards.
func onMemory(wrap func(*conn.Memory, *conntest.Clock) conn.Store) conntest.NewHarness {
	return inShards(3, wrap)
}

func inShards(n int, wrap func(*conn.Memory, *conntest.Clock) conn.Store) conntest.NewHarness {
	return func(context.Context) (conntest.Harness, error) {
		clock := conntest.NewClock()
		m := conn.NewMemory(conn.WithClock(clock.Now), conn.WithShards(n), conn.WithPageSize(20))
		return conntest.Harness{Store: wrap(m, clock), Clock: clock, Large: 300}, nil
	}
}

func whole(m *conn.Memory, _ *conntest.Clock) conn.Store { return m }

// failing names the cases that a store fails.
func failing(t *testing.T, newHarness conntest.NewHarness) []string {
	t.Helper()
	var names []string
	for _, c := range conntest.Cases() {
		if err := c.Check(t.Context(), newHarness); err != nil {
			names = append(names, c.Name)
		}
	}
	return names
}

func TestCasesAreNamedOnceAndSayWhatTheyCheck(t *testing.T) {
	t.Parallel()
	var names []string
	for _, c := range conntest.Cases() {
		names = append(names, c.Name)
		require.NotEmpty(t, c.Promise)
		require.Equal(t, strings.ToLower(c.Name), c.Name)
		require.NotContains(t, c.Name, " ")
	}
	require.GreaterOrEqual(t, len(names), 25)
	slices.Sort(names)
	require.Equal(t, names, slices.Compact(slices.Clone(names)))
}

func TestRunAndCheckPassAGoodStore(t *testing.T) {
	t.Parallel()
	conntest.Run(t, onMemory(whole))
	require.NoError(t, conntest.Check(t.Context(), onMemory(whole)))
}

func TestCheckTellsCaseAndPromise(t *testing.T) {
	t.Parallel()
	err := conntest.Check(t.Context(), onMemory(func(m *conn.Memory, _ *conntest.Clock) conn.Store {
		return overwriting{m}
	}))
	require.ErrorContains(t, err, "put-exists: Put of a registered connection fails with ErrExists and changes nothing")
}

func TestCheckTellsOfHarnessesThatFail(t *testing.T) {
	t.Parallel()
	broken := errors.New("no table")
	err := conntest.Check(t.Context(), func(context.Context) (conntest.Harness, error) { return conntest.Harness{}, broken })
	require.ErrorIs(t, err, broken)
	err = conntest.Check(t.Context(), func(ctx context.Context) (conntest.Harness, error) {
		h, err := onMemory(whole)(ctx)
		h.Close = func() error { return broken }
		return h, err
	})
	require.ErrorIs(t, err, broken)
}

func TestCheckTakesAPanicForAFailure(t *testing.T) {
	t.Parallel()
	err := conntest.Check(t.Context(), onMemory(func(*conn.Memory, *conntest.Clock) conn.Store { return nil }))
	require.ErrorContains(t, err, "panic: ")
}

func TestHarnessBoundsTheLengthOfNames(t *testing.T) {
	t.Parallel()
	bounded := func(claim int) conntest.NewHarness {
		return func(ctx context.Context) (conntest.Harness, error) {
			h, err := onMemory(func(m *conn.Memory, _ *conntest.Clock) conn.Store { return shortNames{m, 1024} })(ctx)
			h.MaxName = claim
			return h, err
		}
	}
	require.Empty(t, failing(t, bounded(1024)))
	require.Equal(t, []string{"names-long"}, failing(t, bounded(1023)))
	require.Equal(t, []string{"names-long"}, failing(t, bounded(1025)))
	require.Equal(t, []string{"names-long"}, failing(t, bounded(0)))
}

// shortNames is a store that bounds the size of names.
type shortNames struct {
	*conn.Memory
	most int
}

func (s shortNames) Put(ctx context.Context, c conn.Conn) error {
	for _, name := range append(slices.Clone(c.Groups), c.ID) {
		if len(name) > s.most {
			return conn.ErrInvalid
		}
	}
	return s.Memory.Put(ctx, c)
}

func (s shortNames) GetMany(ctx context.Context, ids []string) ([]conn.Conn, error) {
	for _, id := range ids {
		if len(id) > s.most {
			return nil, conn.ErrInvalid
		}
	}
	return s.Memory.GetMany(ctx, ids)
}

func (s shortNames) Join(ctx context.Context, id, group string) error {
	if len(group) > s.most {
		return conn.ErrInvalid
	}
	return s.Memory.Join(ctx, id, group)
}
