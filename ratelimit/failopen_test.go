package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/wstest"
)

// tableLike is a store that refuses keys as a DynamoDB table does, and remembers those that it
// was asked for.
type tableLike struct {
	*ratelimit.Memory

	mu   sync.Mutex
	keys map[string]bool
}

func (s *tableLike) check(key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = make(map[string]bool)
	}
	s.keys[key] = true
	if key == "" || len(key) > 1500 || !utf8.ValidString(key) {
		return errors.New("the table takes no such key")
	}
	return nil
}

func (s *tableLike) Take(ctx context.Context, key string, l ratelimit.Limit, n int) (ratelimit.Decision, error) {
	if err := s.check(key); err != nil {
		return ratelimit.Decision{}, err
	}
	return s.Memory.Take(ctx, key, l, n)
}

func (s *tableLike) Consume(
	ctx context.Context,
	key string,
	start, end time.Time,
	n, maximum int64,
) (ratelimit.Usage, error) {
	if err := s.check(key); err != nil {
		return ratelimit.Usage{}, err
	}
	return s.Memory.Consume(ctx, key, start, end, n, maximum)
}

// TestKeysThatNoTableTakesAreLimited checks that each name that is too long for a table, or not
// UTF-8, has a limit of its own.
func TestKeysThatNoTableTakesAreLimited(t *testing.T) {
	t.Parallel()
	store := &tableLike{Memory: ratelimit.NewMemory()}
	long := strings.Repeat("a", 5000)
	for what, l := range map[string]*ratelimit.Limiter{
		"bucket": ratelimit.New(store, "messages", ratelimit.Limit{Rate: 1e-6, Burst: 2}, ratelimit.FailOpen,
			ratelimit.WithLogger(silent())),
		"quota": ratelimit.NewQuota(store, "month", ratelimit.Quota{Max: 2, Per: ratelimit.Month}, ratelimit.FailOpen,
			ratelimit.WithLogger(silent())),
	} {
		for _, name := range []string{long, long + "b", "not\xffUTF-8", "not\xfeUTF-8", "short"} {
			allowed := 0
			for range 1000 {
				d, err := l.Allow(t.Context(), name, 1)
				require.NoError(t, err)
				if d.Allowed {
					allowed++
				}
			}
			require.Equal(t, 2, allowed, "%s of %.10q", what, name)
		}
		require.Zero(t, l.Failures(), what)
	}
	// A name that looks like the hash of a longer name does not take its tokens.
	for _, key := range slices.Collect(maps.Keys(store.keys)) {
		if name := strings.TrimPrefix(key, "messages#"); strings.HasPrefix(name, "sha256#") {
			d, err := ratelimit.New(store, "messages", ratelimit.Limit{Rate: 1e-6, Burst: 2}, ratelimit.FailClosed).
				Allow(t.Context(), name, 1)
			require.NoError(t, err)
			require.True(t, d.Allowed, name)
		}
	}
	require.True(t, store.keys["messages#short"], "a name that is short stays as it is")

	l := ratelimit.New(
		store,
		"events",
		ratelimit.Limit{Rate: 1e-6, Burst: 2},
		ratelimit.FailOpen,
		ratelimit.WithLogger(silent()),
	)
	by := ratelimit.ByFunc("sender", func(req *gatesock.Request) string { return req.ConnectionID })
	h := l.Middleware(
		by,
		ratelimit.MiddlewareOptions{},
	)(
		func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil },
	)
	for _, name := range []string{long, "not\xffUTF-8"} {
		for range 2 {
			_, err := h(t.Context(), &gatesock.Request{EventType: gatesock.EventMessage, ConnectionID: name})
			require.NoError(t, err)
		}
		_, err := h(t.Context(), &gatesock.Request{EventType: gatesock.EventMessage, ConnectionID: name})
		require.Equal(t, gatesock.CodeRateLimited, gatesock.CodeOf(err))
	}
	require.Zero(t, l.Failures())
}

// TestShardsThatAreTooSmallAreToldAtStart checks that a limit whose shards cannot hold it panics
// when it is made.
func TestShardsThatAreTooSmallAreToldAtStart(t *testing.T) {
	t.Parallel()
	store := ratelimit.Shard(ratelimit.NewMemory(), 4)
	require.Panics(t, func() { ratelimit.New(store, "x", ratelimit.Limit{Rate: 1, Burst: 3}, ratelimit.FailOpen) })
	l := ratelimit.New(
		store,
		"x",
		ratelimit.Limit{Rate: 1, Burst: 20},
		ratelimit.FailOpen,
		ratelimit.WithLogger(silent()),
	)
	require.Panics(t, func() {
		l.Middleware(ratelimit.ByUser(), ratelimit.MiddlewareOptions{Costs: map[string]int{"$default": 6}})
	})
	l.Middleware(ratelimit.ByUser(), ratelimit.MiddlewareOptions{Costs: map[string]int{"$default": 5}})
	d, err := l.Allow(t.Context(), "k", 6)
	require.ErrorIs(t, err, ratelimit.ErrInvalid, "no failure of a store")
	require.False(t, d.Allowed)
	require.EqualValues(t, 1, l.Failures())
}

// erring is a store that fails with an error of its choice.
type erring struct{ err error }

func (e erring) Take(ctx context.Context, _ string, _ ratelimit.Limit, _ int) (ratelimit.Decision, error) {
	if e.err == nil {
		<-ctx.Done()
		return ratelimit.Decision{}, ctx.Err()
	}
	return ratelimit.Decision{}, e.err
}

func (e erring) Consume(context.Context, string, time.Time, time.Time, int64, int64) (ratelimit.Usage, error) {
	return ratelimit.Usage{}, e.err
}

// TestFailOpenIsForFailuresOfTheStore checks that FailOpen lets nothing through for a request that
// the store can never answer, or for a call whose context has ended.
func TestFailOpenIsForFailuresOfTheStore(t *testing.T) {
	t.Parallel()
	limit := ratelimit.Limit{Rate: 1, Burst: 1}
	var log strings.Builder
	l := ratelimit.New(
		erring{fmt.Errorf("the item is not a bucket: %w", ratelimit.ErrInvalid)},
		"messages",
		limit,
		ratelimit.FailOpen,
		ratelimit.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
	)
	h := wstest.New(t, limited(l, ratelimit.BySourceIP(), ratelimit.MiddlewareOptions{Routes: []string{"say"}}))
	h.Connect().Request("say", nil).ExpectError(gatesock.CodeUnavailable)
	require.Contains(t, log.String(), "level=ERROR")
	require.Contains(t, log.String(), "open=false")

	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(erring{}, "messages", limit, ratelimit.FailOpen, ratelimit.WithLogger(silent()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		d, err := l.Allow(ctx, "k", 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.False(t, d.Allowed)
		require.Zero(t, l.Failures(), "it is the caller who has no time")
	})
}

// TestEventsWithoutAnAddressAreLimited checks that all events without an address share one bucket.
func TestEventsWithoutAnAddressAreLimited(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(ratelimit.NewMemory(), "x", ratelimit.Limit{Rate: 1e-6, Burst: 1}, ratelimit.FailOpen)
	for _, by := range []ratelimit.KeyFunc{ratelimit.BySourceIP(), ratelimit.ByUser(), ratelimit.ByAPIKey()} {
		h := l.Middleware(
			by,
			ratelimit.MiddlewareOptions{},
		)(
			func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil },
		)
		refused := 0
		for range 3 {
			if _, err := h(t.Context(), &gatesock.Request{EventType: gatesock.EventMessage, Route: "say"}); err != nil {
				refused++
			}
		}
		require.GreaterOrEqual(t, refused, 2)
	}
}

// TestAQuotaThatHangsIsAskedOnceForAllThatWait checks that calls for one key that wait for one
// another share a failure: the tenth does not wait ten times as long.
func TestAQuotaThatHangsIsAskedOnceForAllThatWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.NewQuota(
			slowCounters{},
			"day",
			ratelimit.Quota{Max: 10, Per: ratelimit.Day},
			ratelimit.FailOpen,
			ratelimit.WithLogger(silent()),
		)
		begun := time.Now()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if d, err := l.Allow(t.Context(), "k", 1); err != nil || !d.Allowed {
					t.Errorf("%+v, %v", d, err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, time.Second, time.Since(begun))
	})
}

// slowCounters fail after a second.
type slowCounters struct{}

func (slowCounters) Consume(context.Context, string, time.Time, time.Time, int64, int64) (ratelimit.Usage, error) {
	<-time.After(time.Second) // of a synctest bubble
	return ratelimit.Usage{}, errors.New("down")
}

// TestACallerThatGivesUpIsNoFailureOfAQuota checks that calls that wait behind a canceled call ask
// the store themselves.
func TestACallerThatGivesUpIsNoFailureOfAQuota(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		counters := &patient{Memory: ratelimit.NewMemory()}
		l := ratelimit.NewQuota(
			counters,
			"day",
			ratelimit.Quota{Max: 10, Per: ratelimit.Day},
			ratelimit.FailClosed,
			ratelimit.WithLogger(silent()),
		)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := l.Allow(ctx, "k", 1); !errors.Is(err, context.Canceled) {
				t.Errorf("it was given up: %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if d, err := l.Allow(t.Context(), "k", 1); err != nil || !d.Allowed {
				t.Errorf("%+v, %v", d, err)
			}
		})
		synctest.Wait()
		counters.open.Store(true)
		cancel()
		wg.Wait()
		require.Zero(t, l.Failures())
	})
}

// patient are Counters that wait for the end of the context unless they are open.
type patient struct {
	*ratelimit.Memory

	open atomic.Bool
}

func (p *patient) Consume(
	ctx context.Context,
	key string,
	start, end time.Time,
	n, maximum int64,
) (ratelimit.Usage, error) {
	if !p.open.Load() {
		<-ctx.Done()
		return ratelimit.Usage{}, ctx.Err()
	}
	return p.Memory.Consume(ctx, key, start, end, n, maximum)
}
