package asynctest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/internal/testclock"
)

func TestMemoryOutcomes(t *testing.T) {
	t.Parallel()
	RunOutcomes(t, func(_ *testing.T, now func() time.Time) (a, b async.Outcomes) {
		s := async.NewMemoryOutcomes(async.WithClock(now))
		return s, s
	})
}

// broken is a store that breaks a promise. A nil function does what the store in memory does.
type broken struct {
	async.Outcomes

	now   func() time.Time
	cache *sync.Map // for stores that use it

	claim   func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error)
	record  func(s *broken, ctx context.Context, id, token string, o async.Outcome) error
	release func(s *broken, ctx context.Context, id, token string) error
}

func (s *broken) Claim(ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
	if s.claim != nil {
		return s.claim(s, ctx, id, c)
	}
	return s.Outcomes.Claim(ctx, id, c)
}

func (s *broken) Record(ctx context.Context, id, token string, o async.Outcome) error {
	if s.record != nil {
		return s.record(s, ctx, id, token, o)
	}
	return s.Outcomes.Record(ctx, id, token, o)
}

func (s *broken) Release(ctx context.Context, id, token string) error {
	if s.release != nil {
		return s.release(s, ctx, id, token)
	}
	return s.Outcomes.Release(ctx, id, token)
}

// failing returns the names of the checks that a store fails.
func failing(t *testing.T, b broken) []string {
	t.Helper()
	var names []string
	for _, c := range checks() {
		clock := testclock.New(testclock.Noon())
		s := b
		s.Outcomes, s.now, s.cache = async.NewMemoryOutcomes(async.WithClock(clock.Now)), clock.Now, new(sync.Map)
		if err := c.run(t.Context(), stores{&s, &s, clock}); err != nil {
			names = append(names, c.name)
		}
	}
	return names
}

// TestSuiteFindsBrokenStores has for each check a store that fails it, and says by which of its
// words the check is known.
func TestSuiteFindsBrokenStores(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	var mu sync.Mutex
	cases := brokenStores()
	t.Run("stores", func(t *testing.T) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				got := failing(t, c.store)
				mu.Lock()
				defer mu.Unlock()
				for _, check := range got {
					found[check] = true
				}
				require.Equal(t, c.fails == "", got == nil, got)
				require.Contains(t, strings.Join(got, "\n"), c.fails)
			})
		}
	})
	for _, c := range checks() {
		require.True(t, found[c.name], "no broken store fails the check %q", c.name)
	}
}

type brokenStore struct {
	store broken
	fails string
}

func brokenStores() map[string]brokenStore {
	return map[string]brokenStore{
		"none": {},
		"never refuses a claim": {broken{claim: func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
			o, err := s.Outcomes.Claim(ctx, id, c)
			if errors.Is(err, async.ErrClaimed) {
				err = nil
			}
			return o, err
		}}, "a job is claimed once"},
		"reads before it writes": {broken{claim: func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
			o, err := s.Outcomes.Claim(ctx, id, c)
			_, loaded := s.cache.LoadOrStore(id, true)
			if loaded && errors.Is(err, async.ErrClaimed) && strings.HasPrefix(c.Token, "t1") {
				err = nil
			}
			return o, err
		}}, "of many claims at once"},
		"refuses a claim that is repeated": {broken{claim: func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
			if _, loaded := s.cache.LoadOrStore(id+c.Token, true); loaded {
				return async.Outcome{}, async.ErrClaimed
			}
			return s.Outcomes.Claim(ctx, id, c)
		}}, "a claim may be repeated"},
		"does not prolong a claim": {broken{claim: func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
			if until, loaded := s.cache.LoadOrStore(id+c.Token, c.Until); loaded {
				c.Until = until.(time.Time)
			}
			return s.Outcomes.Claim(ctx, id, c)
		}}, "a claim may be repeated"},
		"counts the last moment": {broken{claim: func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
			c.Until = c.Until.Add(1)
			return s.Outcomes.Claim(ctx, id, c)
		}}, "a claim that is over by the clock gives way"},
		"has claims that never end": {broken{claim: func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
			c.Until = c.Until.Add(1000 * time.Hour)
			return s.Outcomes.Claim(ctx, id, c)
		}}, "a claim that is over by the clock gives way"},
		"counts in seconds": {broken{claim: func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
			c.Until = c.Until.Add(-time.Millisecond).Truncate(time.Second)
			return s.Outcomes.Claim(ctx, id, c)
		}}, "a job is claimed once"},
		"releases nothing": {broken{release: func(*broken, context.Context, string, string) error { return nil }}, "a released job"},
		"releases for anybody": {broken{release: func(s *broken, ctx context.Context, id, _ string) error {
			if token, ok := s.cache.Load(id); ok {
				return s.Outcomes.Release(ctx, id, token.(string))
			}
			return ctx.Err()
		}, claim: func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
			o, err := s.Outcomes.Claim(ctx, id, c)
			if err == nil {
				s.cache.Store(id, c.Token)
			}
			return o, err
		}}, "a release by another claim"},
		"fails to release what is released": {broken{release: func(s *broken, ctx context.Context, id, token string) error {
			if _, loaded := s.cache.LoadOrStore(id+token, true); loaded {
				return async.ErrClaimLost
			}
			return s.Outcomes.Release(ctx, id, token)
		}}, "a claim may be repeated"},
		"forgets that a job is dead": {broken{record: func(s *broken, ctx context.Context, id, token string, o async.Outcome) error {
			o.Dead = false
			return s.Outcomes.Record(ctx, id, token, o)
		}}, "an outcome comes back whole"},
		"forgets frames that are too large": {broken{record: func(s *broken, ctx context.Context, id, token string, o async.Outcome) error {
			o.Frame = o.Frame[:min(len(o.Frame), 64<<10)]
			return s.Outcomes.Record(ctx, id, token, o)
		}}, "a frame of the largest size"},
		"keeps the first outcome": {broken{record: func(s *broken, ctx context.Context, id, token string, o async.Outcome) error {
			if _, loaded := s.cache.LoadOrStore(id, true); loaded {
				return nil
			}
			return s.Outcomes.Record(ctx, id, token, o)
		}}, "the last outcome counts"},
		"refuses claims on what is settled": {broken{claim: func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
			o, err := s.Outcomes.Claim(ctx, id, c)
			if o.Settled && c.Token != "one" {
				return async.Outcome{}, async.ErrClaimed
			}
			return o, err
		}}, "a settled job"},
		"records for anybody": {broken{record: func(s *broken, ctx context.Context, id, token string, o async.Outcome) error {
			err := s.Outcomes.Record(ctx, id, token, o)
			if errors.Is(err, async.ErrClaimLost) {
				err = nil
			}
			return err
		}}, "a claim that lost the job"},
		"refuses a record that is late": {broken{claim: func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
			s.cache.Store(id+c.Token, c.Until)
			return s.Outcomes.Claim(ctx, id, c)
		}, record: func(s *broken, ctx context.Context, id, token string, o async.Outcome) error {
			if until, ok := s.cache.Load(id + token); ok && !s.now().Before(until.(time.Time)) {
				return async.ErrClaimLost
			}
			return s.Outcomes.Record(ctx, id, token, o)
		}}, "a claim that is over may record"},
		"forgets outcomes after an hour": {broken{record: func(s *broken, ctx context.Context, id, token string, o async.Outcome) error {
			s.cache.Store(id, s.now())
			return s.Outcomes.Record(ctx, id, token, o)
		}, claim: func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
			o, err := s.Outcomes.Claim(ctx, id, c)
			if at, ok := s.cache.Load(id); ok && err == nil && s.now().Sub(at.(time.Time)) > time.Hour {
				o = async.Outcome{}
			}
			return o, err
		}}, "an outcome outlasts"},
		"has claims of a minute": {broken{claim: func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
			if until := s.now().Add(lease); c.Until.After(until) {
				c.Until = until
			}
			return s.Outcomes.Claim(ctx, id, c)
		}}, "a claim lasts as long"},
		"keeps jobs by a part of the ID": {broken{claim: func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
			return s.Outcomes.Claim(ctx, id[:min(len(id), 500)], c)
		}, record: func(s *broken, ctx context.Context, id, token string, o async.Outcome) error {
			return s.Outcomes.Record(ctx, id[:min(len(id), 500)], token, o)
		}}, "jobs are apart"},
		"keeps the caller's memory": {broken{record: func(s *broken, ctx context.Context, id, token string, o async.Outcome) error {
			s.cache.Store(id, o.Frame)
			return s.Outcomes.Record(ctx, id, token, o)
		}, claim: func(s *broken, ctx context.Context, id string, c async.Claim) (async.Outcome, error) {
			o, err := s.Outcomes.Claim(ctx, id, c)
			if f, ok := s.cache.Load(id); ok && bytes.HasSuffix(f.([]byte), o.Frame[min(1, len(o.Frame)):]) && len(o.Frame) > 0 {
				o.Frame = f.([]byte)
			}
			return o, err
		}}, "what the caller changes"},
		"ignores cancellation": {broken{record: func(s *broken, ctx context.Context, id, token string, o async.Outcome) error {
			return s.Outcomes.Record(context.WithoutCancel(ctx), id, token, o)
		}}, "an ended context"},
	}
}
