package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
)

var errCut = errors.New("cut")

// cut calls f at the n-th request or probe from now, and returns what stops it.
func (w *sweepWorld) cut(n int, f func() error) {
	calls := 0
	w.table.before = func(context.Context, string) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if calls++; calls >= n {
			return f()
		}
		return nil
	}
}

// accounts checks that a complete pass has missed no connection, and removed no more than are gone.
func (w *sweepWorld) accounts(want sweep.Counts, got sweep.Pass, lost int64) {
	w.t.Helper()
	got.Gone += lost
	got.Scanned += lost
	got.Probed += lost
	require.Equal(w.t, want.Scanned, got.Scanned)
	require.Equal(w.t, want.Live, got.Live)
	require.Equal(w.t, want.Gone, got.Gone)
	require.Equal(w.t, want.Expired, got.Expired)
	require.Equal(w.t, want.Failed, got.Failed)
	for i := range 7 {
		require.False(w.t, w.registered(fmt.Sprint("gone", i)))
		require.True(w.t, w.registered(fmt.Sprint("open", i)))
		require.True(w.t, w.registered(fmt.Sprint("throttled", i)))
		require.True(w.t, w.registered(fmt.Sprint("lately", i)))
	}
}

// smallSteps are options under which a pass has many steps.
func smallSteps() []sweep.Option {
	return []sweep.Option{sweep.WithPageSize(5), sweep.WithProbeConcurrency(3)}
}

// The process dies before some request, for each of them: nothing it does after that is carried
// out. The next call finds the lease of the dead one until it runs out, and goes on where that one
// saved last.
func TestSweepResumesAfterADeathAtEachRequest(t *testing.T) {
	t.Parallel()
	for k, died := 1, true; died; k++ {
		synctest.Test(t, func(t *testing.T) {
			w := newSweepWorld(t)
			want := w.mixed()
			died = false
			w.cut(k, func() error {
				died = true
				return errCut
			})
			first, err := w.sweeper(smallSteps()...).Sweep(t.Context())
			if !died {
				require.NoError(t, err)
				w.accounts(want, first.Pass, 0)
				return
			}
			if err == nil { // it died at a mark, or in the middle of a removal, and saved
				require.True(t, first.Done)
			}
			w.table.before = nil
			second, err := w.sweeper(smallSteps()...).Sweep(t.Context())
			require.NoError(t, err)
			if second.Busy {
				require.Zero(t, second.Run)
				pass(3 * time.Minute)
				second, err = w.sweeper(smallSteps()...).Sweep(t.Context())
				require.NoError(t, err)
			}
			require.True(t, second.Done)
			// What was removed and not saved is not in the pass.
			lost := want.Gone - second.Pass.Gone
			require.LessOrEqual(t, lost, first.Run.Gone+first.Run.Failed)
			w.accounts(want, second.Pass, lost)
		})
	}
}

// The caller cancels at some request, for each of them, again and again. The progress is saved
// nevertheless.
func TestSweepResumesAfterACancellationAtEachRequest(t *testing.T) {
	t.Parallel()
	for k, cut := 3, true; cut; k++ {
		synctest.Test(t, func(t *testing.T) {
			w := newSweepWorld(t)
			want := w.mixed()
			cut = false
			var sum sweep.Counts
			for runs := 0; ; runs++ {
				ctx, cancel := context.WithCancelCause(t.Context())
				w.cut(k, func() error {
					cancel(errCut)
					return nil
				})
				rep, err := w.sweeper(smallSteps()...).Sweep(ctx)
				cancel(nil)
				sum = added(sum, rep.Run)
				require.Equal(t, sum, rep.Pass.Counts)
				require.Less(t, runs, 100)
				if rep.Done {
					require.NoError(t, err)
					w.accounts(want, rep.Pass, 0)
					return
				}
				cut = true
				require.ErrorIs(t, err, errCut)
			}
		})
	}
}

func added(a, b sweep.Counts) sweep.Counts {
	a.Scanned += b.Scanned
	a.Live += b.Live
	a.Gone += b.Gone
	a.Expired += b.Expired
	a.Failed += b.Failed
	a.Probed += b.Probed
	a.Unknown += b.Unknown
	return a
}

// A function of 30 seconds, invoked every 5 minutes, for 3,000 connections at 50 probes a second.
func TestSweepStopsBeforeItsDeadlineAndGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.connect("open", 2500, conn.Conn{})
		w.connect("gone", 500, conn.Conn{})
		w.gone("gone", 500)
		w.answer = func(ctx context.Context, to gatesock.Target) error { return await(ctx, 40*time.Millisecond) }
		pass(15 * time.Minute)
		var sum sweep.Counts
		var last *sweep.Pass
		for runs := 1; ; runs++ {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			began := time.Now()
			rep, err := w.sweeper().Sweep(ctx)
			cancel()
			require.NoError(t, err)
			sum = added(sum, rep.Run)
			require.Equal(t, sum, rep.Pass.Counts)
			require.InDelta(t, 1300, rep.Run.Probed, 1300)
			require.Nil(t, last)
			if last = rep.Last; rep.Done {
				require.Equal(t, 3, runs)
				break
			}
			require.InDelta(t, 26, time.Since(began).Seconds(), 0.2)
			require.InDelta(t, 1300, rep.Run.Probed, 2)
			pass(5*time.Minute - time.Since(began))
		}
		require.Equal(t, sweep.Counts{Scanned: 3000, Live: 2500, Gone: 500, Probed: 3000, Unknown: sum.Unknown}, sum)
		require.LessOrEqual(t, sum.Unknown, int64(4), "those that were cut off at the end of a run")
		require.Empty(t, w.log.String(), "which are no faults")

		// In the middle of the next pass the number of live connections can still be read.
		pass(15 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		rep, err := w.sweeper().Sweep(ctx)
		require.NoError(t, err)
		require.False(t, rep.Done)
		require.Less(t, rep.Pass.Live, int64(400))
		require.EqualValues(t, 2500, rep.Last.Live)
		require.NotEqual(t, last.Started, rep.Pass.Started)
	})
}

func await(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// A page that takes long is saved in between: a death costs about 10 seconds of work.
func TestSweepSavesInTheMiddleOfAPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.connect("a", 900, conn.Conn{})
		pass(15 * time.Minute)
		began := time.Now()
		w.table.before = func(context.Context, string) error {
			if time.Since(began) > 17*time.Second {
				return errCut
			}
			return nil
		}
		rep, err := w.sweeper().Sweep(t.Context())
		require.ErrorIs(t, err, errCut)
		require.InDelta(t, 1000, rep.Run.Probed, 110)
		w.table.before = nil
		w.answer = func(context.Context, gatesock.Target) error { return gatesock.ErrGone }
		pass(3 * time.Minute)
		rep, err = w.sweeper().Sweep(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 900, rep.Pass.Scanned)
		require.Less(t, rep.Run.Scanned, int64(500))
	})
}

// In Lambda a sweep that died does not keep the next one waiting for longer than it could have run.
func TestSweepLeaseEndsWithTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.cut(2, func() error { return errCut })
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err := w.sweeper().Sweep(ctx)
		require.ErrorIs(t, err, errCut)
		w.table.before = nil
		pass(28 * time.Second)
		rep, err := w.sweeper().Sweep(t.Context())
		require.NoError(t, err)
		require.True(t, rep.Busy)
		pass(4 * time.Second)
		rep, err = w.sweeper().Sweep(t.Context())
		require.NoError(t, err)
		require.True(t, rep.Done)
	})
}

func TestSweepWithoutTimeIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := w.sweeper().Sweep(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "deadline margin")
		require.Empty(t, w.table.under(""), "nothing was written")
		_, err = w.sweeper(sweep.WithDeadlineMargin(time.Second)).Sweep(ctx)
		require.NoError(t, err)

		// A table that does not answer.
		w.table.before = func(ctx context.Context, operation string) error {
			if operation == "Scan" {
				return await(ctx, time.Hour)
			}
			return nil
		}
		ctx, cancel = context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err = w.sweeper().Sweep(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, ctx.Err())
	})
}

func TestSweepTwoAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		want := w.mixed()
		type result struct {
			rep sweep.Report
			err error
		}
		results := make(chan result)
		for range 2 {
			go func() {
				rep, err := w.sweeper(smallSteps()...).Sweep(t.Context())
				results <- result{rep, err}
			}()
		}
		idle, worked := <-results, <-results
		require.NoError(t, idle.err)
		require.NoError(t, worked.err)
		require.True(t, idle.rep.Busy)
		require.Zero(t, idle.rep.Run)
		require.Equal(t, want, worked.rep.Run)
		require.Len(t, w.probes, int(want.Probed))
		// The lease is given back.
		rep, err := w.sweeper().Sweep(t.Context())
		require.NoError(t, err)
		require.False(t, rep.Busy)
	})
}

// A sweeper that takes another's lease for over, since its clock is ahead: both work, one of them
// saves.
func TestSweepTwoAtOnceInSpiteOfTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		want := w.mixed()
		ahead := dynamo.Open(w.table, "table", dynamo.WithClock(func() time.Time { return time.Now().Add(4 * time.Minute) }))
		failed := make(chan error)
		go func() {
			_, err := w.sweeper(smallSteps()...).Sweep(t.Context())
			failed <- err
		}()
		pass(50 * time.Millisecond)
		rep, err := sweep.New(ahead, w.probe, smallSteps()...).Sweep(t.Context())
		require.NoError(t, err)
		require.ErrorContains(t, <-failed, "another sweeper has taken over")
		require.True(t, rep.Done)
		require.LessOrEqual(t, want.Scanned-rep.Pass.Scanned, want.Gone)
		w.accounts(want, rep.Pass, want.Gone-rep.Pass.Gone)
	})
}

func TestSweepRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.connect("a", 100, conn.Conn{})
		pass(time.Hour)
		w.answer = func(ctx context.Context, _ gatesock.Target) error { return await(ctx, 300*time.Millisecond) }
		s := w.sweeper(sweep.WithProbeRate(10), sweep.WithProbeConcurrency(50))
		_, err := s.Sweep(t.Context())
		require.NoError(t, err)
		require.Len(t, w.probes, 100)
		for i, p := range w.probes[10:] {
			require.GreaterOrEqual(t, p.at.Sub(w.probes[i].at), time.Second-time.Microsecond, "of any 11 the first and the last")
		}
		require.InDelta(t, 9.9, w.probes[99].at.Sub(w.probes[0].at).Seconds(), 0.01)
	})
}

func TestSweepConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.connect("a", 20, conn.Conn{})
		pass(time.Hour)
		w.answer = func(ctx context.Context, _ gatesock.Target) error { return await(ctx, time.Second) }
		_, err := w.sweeper(sweep.WithProbeRate(1000), sweep.WithProbeConcurrency(4)).Sweep(t.Context())
		require.NoError(t, err)
		for i, p := range w.probes[4:] {
			require.GreaterOrEqual(t, p.at.Sub(w.probes[i].at), time.Second, "of any 5 the first and the last")
		}
	})
}

// While the gateway throttles the rate goes down, at most by half a second; then it comes back.
func TestSweepSlowsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.connect("a", 2000, conn.Conn{})
		pass(time.Hour)
		began := time.Now()
		perSecond := make([]int, 120)
		w.answer = func(context.Context, gatesock.Target) error {
			since := time.Since(began)
			perSecond[int(since.Seconds())]++
			if since < 4*time.Second {
				return gatesock.ErrThrottled
			}
			return nil
		}
		rep, err := w.sweeper().Sweep(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 2000, rep.Run.Live)
		require.Less(t, rep.Run.Unknown, int64(60), "of 200 at the full rate")
		require.GreaterOrEqual(t, perSecond[0], 20, "what was under way does not slow it down further")
		require.LessOrEqual(t, perSecond[1], 26)
		require.LessOrEqual(t, perSecond[3], 8)
		require.GreaterOrEqual(t, perSecond[50], 49, "%v", perSecond)
	})
}

func TestSweepDiscardsProgressThatIsNone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		progress string
		want     string
	}{
		"no JSON":             {`x`, "invalid character"},
		"nothing":             {``, "unexpected end"},
		"another version":     {`{"version":2}`, "version is 2"},
		"a place of no table": {`{"version":1,"pass":{"started":"2026-01-01T00:00:00Z"},"after":{"pk":"a","sk":""}}`, "not a key"},
		"a long key":          {`{"version":1,"pass":{"started":"2026-01-01T00:00:00Z"},"after":{"pk":"a","sk":"` + strings.Repeat("x", 1025) + `"}}`, "not a key"},
		"a wrong sum":         {`{"version":1,"pass":{"started":"2026-01-01T00:00:00Z","scanned":1}}`, "add up"},
		"numbers below zero":  {`{"version":1,"pass":{"started":"2026-01-01T00:00:00Z","scanned":-1,"live":-1}}`, "add up"},
		"no beginning":        {`{"version":1,"after":{"pk":"a","sk":"b"}}`, "not begun"},
		"an end":              {`{"version":1,"pass":{"started":"2026-01-01T00:00:00Z","ended":"2026-01-01T00:00:00Z"}}`, "has ended"},
		"a last without end":  {`{"version":1,"last":{"started":"2026-01-01T00:00:00Z"}}`, "last pass"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newSweepWorld(t)
				want := w.mixed()
				w.table.put(fakeItem{
					"pk": stringValue("s#sweep"), "sk": stringValue("s"), "progress": stringValue(c.progress),
					"until": stringValue("never"), "exp": numberValue(1 << 40),
				})
				rep, err := w.sweeper().Sweep(t.Context())
				require.NoError(t, err)
				require.Equal(t, want, rep.Pass.Counts)
				require.Contains(t, w.log.String(), c.want)
				w.log.Reset()
				_, err = w.sweeper().Sweep(t.Context())
				require.NoError(t, err)
				require.Empty(t, w.log.String())
			})
		})
	}
}

// Progress of another type of attribute, with a lease that ends in the far future: neither is in
// the way.
func TestSweepDiscardsALeaseThatIsNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.table.put(fakeItem{
			"pk": stringValue("s#sweep"), "sk": stringValue("s"), "progress": numberValue(1),
			"until": numberValue(1 << 50), "holder": stringValue("me"),
		})
		rep, err := w.sweeper().Sweep(t.Context())
		require.NoError(t, err)
		require.True(t, rep.Done)
		require.Contains(t, w.log.String(), "is not a string")
	})
}

// Progress that has expired is forgotten, though DynamoDB has not deleted it yet.
func TestSweepForgetsProgressThatHasExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.connect("a", 1, conn.Conn{})
		_, err := w.sweeper().Sweep(t.Context())
		require.NoError(t, err)
		broken := func(context.Context, string) error { return errCut }
		pass(23 * time.Hour)
		w.table.before = broken
		_, err = w.sweeper().Sweep(t.Context())
		require.ErrorIs(t, err, errCut)
		w.table.before = nil
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = w.sweeper().Sweep(ctx)
		require.ErrorIs(t, err, context.Canceled)

		pass(2 * time.Hour)
		w.cut(2, func() error { return errCut })
		rep, err := w.sweeper(sweep.WithLogger(slog.New(slog.DiscardHandler))).Sweep(t.Context())
		require.ErrorIs(t, err, errCut)
		require.Nil(t, rep.Last)
	})
}
