package conntest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

// wrapper returns a store that breaks a promise of another one.
type wrapper func(conn.Store, func() time.Time) conn.Store

// onMemory returns harnesses with a wrapped memory store of three shards.
func onMemory(wrap wrapper) NewHarness { return inShards(3, wrap) }

func inShards(n int, wrap wrapper) NewHarness {
	return func(_ testing.TB, now func() time.Time, _ conn.EndedFunc) Harness {
		m := conn.NewMemory(conn.WithClock(now), conn.WithShards(n), conn.WithPageSize(20))
		return Harness{Store: wrap(m, now), Large: 300}
	}
}

func whole(m conn.Store, _ func() time.Time) conn.Store { return m }

// failing returns the names of the promises that a store breaks.
func failing(t *testing.T, newHarness NewHarness) []string {
	t.Helper()
	var names []string
	for _, p := range promises() {
		if err := p.test(t, newHarness); err != nil {
			names = append(names, p.name)
		}
	}
	return names
}

func TestPromisesHaveNamesAndTexts(t *testing.T) {
	t.Parallel()
	var names []string
	for _, p := range promises() {
		names = append(names, p.name)
		require.NotEmpty(t, p.text)
		require.Equal(t, strings.ToLower(p.name), p.name)
		require.NotContains(t, p.name, " ")
	}
	require.GreaterOrEqual(t, len(names), 25)
	slices.Sort(names)
	require.Equal(t, names, slices.Compact(slices.Clone(names)))
}

func TestRunPassesAGoodStore(t *testing.T) {
	t.Parallel()
	Run(t, onMemory(whole))
}

// errorOf returns the error of one promise.
func errorOf(t *testing.T, name string, newHarness NewHarness) error {
	t.Helper()
	i := slices.IndexFunc(promises(), func(p promise) bool { return p.name == name })
	return promises()[i].test(t, newHarness)
}

func TestAnErrorNamesThePromise(t *testing.T) {
	t.Parallel()
	err := errorOf(
		t,
		"put-exists",
		onMemory(func(m conn.Store, _ func() time.Time) conn.Store { return overwriting{m} }),
	)
	require.ErrorContains(t, err,
		"put-exists: Put of a registered connection fails with ErrExists and changes nothing")
}

func TestAnErrorOfCloseFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("no table")
	err := errorOf(t, "put-get", func(t testing.TB, now func() time.Time, ended conn.EndedFunc) Harness {
		h := onMemory(whole)(t, now, ended)
		h.Close = func() error { return broken }
		return h
	})
	require.ErrorIs(t, err, broken)
}

func TestAPanicFails(t *testing.T) {
	t.Parallel()
	err := errorOf(t, "put-get", onMemory(func(conn.Store, func() time.Time) conn.Store { return nil }))
	require.ErrorContains(t, err, "panic: ")
}

func TestHarnessBoundsTheLengthOfNames(t *testing.T) {
	t.Parallel()
	bounded := func(claim int) NewHarness {
		return func(t testing.TB, now func() time.Time, ended conn.EndedFunc) Harness {
			h := onMemory(
				func(m conn.Store, _ func() time.Time) conn.Store { return shortNames{m, 1024} },
			)(
				t,
				now,
				ended,
			)
			h.MaxName = claim
			return h
		}
	}
	require.Empty(t, failing(t, bounded(1024)))
	require.Equal(t, []string{"names-long"}, failing(t, bounded(1023)))
	require.Equal(t, []string{"names-long"}, failing(t, bounded(1025)))
	require.Equal(t, []string{"names-long"}, failing(t, bounded(0)))
}

// shortNames is a store that bounds the size of names.
type shortNames struct {
	conn.Store
	most int
}

func (s shortNames) Put(ctx context.Context, c conn.Conn) error {
	for _, name := range append(slices.Clone(c.Groups), c.ID) {
		if len(name) > s.most {
			return conn.ErrInvalid
		}
	}
	return s.Store.Put(ctx, c)
}

func (s shortNames) GetMany(ctx context.Context, ids []string) ([]conn.Conn, error) {
	for _, id := range ids {
		if len(id) > s.most {
			return nil, conn.ErrInvalid
		}
	}
	return s.Store.GetMany(ctx, ids)
}

func (s shortNames) Join(ctx context.Context, id, group string) error {
	if len(group) > s.most {
		return conn.ErrInvalid
	}
	return s.Store.Join(ctx, id, group)
}
