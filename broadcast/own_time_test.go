package broadcast

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// pooled is a Preparer with a few places, as a client has connections. A post waits for one until
// ctx ends, and then takes 20 ms of its own time.
type pooled struct {
	places chan struct{}

	mu    sync.Mutex
	posts int
}

func newPooled(places int) *pooled { return &pooled{places: make(chan struct{}, places)} }

func (p *pooled) Prepare(data []byte, timeout time.Duration) func(context.Context, gatesock.Target) error {
	return func(ctx context.Context, to gatesock.Target) error {
		select {
		case p.places <- struct{}{}:
			defer func() { <-p.places }()
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return fmt.Errorf("wait for a connection: %w: %w", gatesock.ErrNotSent, context.Cause(ctx))
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return p.Post(ctx, to, data)
	}
}

func (p *pooled) Post(ctx context.Context, _ gatesock.Target, _ []byte) error {
	p.mu.Lock()
	p.posts++
	p.mu.Unlock()
	return wait(ctx, 20*time.Millisecond, nil)
}

// The wait of many Sends for a free connection does not belong to a post's own time: 1,920 posts
// over 8 connections take 4.8 seconds, and none of them more than its second.
func TestWaitingForAConnectionIsNoPartOfAPost(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]Option{"alone": nil, "coalesced": {WithCoalescing(10 * time.Millisecond)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPooled(8)
				b := New(p, room(64, 64), append(opts, WithPostTimeout(time.Second))...)
				var sends sync.WaitGroup
				for range 30 {
					sends.Go(func() {
						rep, err := b.Send(t.Context(), To("room"), gatesock.Push{Event: "e"})
						if err != nil || rep.Delivered != 64 || rep.Retries > 0 {
							t.Errorf("%v, %+v", err, rep)
						}
					})
				}
				sends.Wait()
				if opts == nil {
					require.Equal(t, 30*64, p.posts)
				}
			})
		})
	}
}

// Posts that had not begun when the time was up are unsent, and have not failed.
func TestPostsThatDidNotBeginAreUnsent(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]Option{"alone": nil, "coalesced": {WithCoalescing(10 * time.Millisecond)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPooled(2)
				b := New(p, room(100, 10), append(opts, WithConcurrency(10), WithDeadlineMargin(0))...)
				ctx, cancel := context.WithTimeout(t.Context(), 109*time.Millisecond)
				defer cancel()
				rep, err := b.Send(ctx, To("room"), hello())
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.GreaterOrEqual(t, rep.Failed, 2, "cut off in the middle: %+v", rep)
				if opts == nil {
					require.Equal(t, 2, rep.Failed, "%+v", rep)
				} // Coalesced posts have contexts of their own, which end one after the other: some take a place that was let go.
				require.Equal(t, p.posts, rep.Delivered+rep.Failed)
				require.GreaterOrEqual(t, rep.Unsent, 8)
				require.Zero(t, rep.Retries)
				rep, err = b.Send(t.Context(), Resume(rep.Cursor), hello())
				require.NoError(t, err)
				require.Equal(t, 100, p.posts)
				require.Equal(t, rep.Audience, rep.Delivered)
			})
		})
	}
}

// A Poster that does not know a post's own time reports that nothing was sent when it is over; the
// post keeps waiting.
func TestNotSentIsNoAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		p := posterFunc(func(ctx context.Context, _ gatesock.Target, _ []byte) error {
			if calls++; calls <= 10 {
				<-ctx.Done()
				return fmt.Errorf("%w: %w", gatesock.ErrNotSent, ctx.Err())
			}
			return nil
		})
		rep, err := New(p, room(1, 1), WithRetries(2, time.Minute), WithPostTimeout(time.Second)).Send(t.Context(),
			To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, Report{Audience: 1, Delivered: 1}, rep)
	})
}

// Members whose posts never begin do not keep the others from theirs, nor the send from its end.
func TestPostsThatNeverBeginEnd(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", gatesock.ErrNotSent, ctx.Err())
	}
	dead := func(to gatesock.Target) bool { return to.ConnectionID[0] == 'd' }
	d := &door{posterFunc: func(ctx context.Context, to gatesock.Target, _ []byte) error {
		if dead(to) {
			return hang(ctx)
		}
		return wait(ctx, 10*time.Millisecond, nil)
	}}
	for name, do := range map[string]func(context.Context, Audience) (Report, error){
		"send": func(ctx context.Context, to Audience) (Report, error) {
			return New(d, room(1000, 10)).Send(ctx, to, hello())
		},
		"disconnect": func(ctx context.Context, to Audience) (Report, error) {
			return New(closing(d.posterFunc), room(1000, 10)).Disconnect(ctx, to)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ids := make([]string, 64)
				for i := range ids {
					ids[i] = fmt.Sprint("dead", i)
				}
				rep, err := do(t.Context(), To("room").And(ToConnections(ids...)))
				require.NoError(t, err)
				require.Equal(t, []int{1000, 64, 0, 0}, []int{rep.Delivered, rep.Unsent, rep.Failed, rep.Retries})
			})
		})
	}
}

// closing is a Poster that closes connections as it posts.
type closing posterFunc

func (c closing) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	return c(ctx, to, data)
}

func (c closing) Disconnect(ctx context.Context, from gatesock.Target) error {
	return c(ctx, from, nil)
}

// Members that are refused while others are taken, and then wait for a connection, are counted as
// what they are: the send goes on reading.
func TestPutBackKeepsCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
			if to.ConnectionID != "c0" {
				return wait(ctx, 10*time.Millisecond, nil)
			}
			switch calls++; {
			case calls <= 6:
				return gatesock.ErrThrottled
			case calls <= 26:
				<-ctx.Done()
				return fmt.Errorf("%w: %w", gatesock.ErrNotSent, ctx.Err())
			default:
				return nil
			}
		})
		b := New(p, room(1000, 10), WithConcurrency(1), WithPostTimeout(time.Second), WithRetries(2, time.Hour),
			inOrder(), quiet())
		rep, err := b.Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, 1000, rep.Delivered)
	})
}

// A dial that is cut off has sent nothing, whether the send or the post is over.
func TestDialThatIsCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
			if calls++; calls > 1 {
				return nil
			}
			<-ctx.Done()
			return fmt.Errorf("%w: %w", gatesock.ErrNotSent, &net.OpError{Op: "dial", Err: ctx.Err()})
		})
		rep, err := New(p, room(1, 1), WithPostTimeout(time.Second)).Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, Report{Audience: 1, Delivered: 1}, rep)

		calls = 0
		q := &jobQueue{}
		b := New(p, room(1, 1), WithRelay(q), WithPostTimeout(time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		rep, err = b.Send(ctx, To("room"), hello())
		require.NoError(t, err)
		require.Len(t, rep.HandedOff, 1)
		require.Equal(t, []int{0, 0, 0}, []int{rep.Audience, rep.Failed, rep.Unsent})
	})
}

// A gateway that can't be reached is tried as often as any, and nobody is counted as failed for it.
// Where there are many the send stops: there is no use in trying them all.
func TestGatewayThatCannotBeReached(t *testing.T) {
	t.Parallel()
	down := fmt.Errorf("%w: no route", gatesock.ErrNotSent)
	synctest.Test(t, func(t *testing.T) {
		b := New(always(down), room(10_000, 100), WithConcurrency(4), WithRetries(3, time.Minute))
		rep, err := b.Send(t.Context(), ToConnections("a", "b"), hello())
		require.NoError(t, err)
		require.Equal(t, []int{0, 2, 4}, []int{rep.Failed, rep.Unsent, rep.Retries})
		require.ErrorContains(t, rep.Err(), "2 of 2 members not served: 0 failed, 2 unsent")

		rep, err = b.Send(t.Context(), To("room"), hello())
		require.ErrorIs(t, err, gatesock.ErrNotSent)
		require.ErrorContains(t, err, "too many connections could not be posted to")
		require.True(t, rep.Incomplete)
		require.Zero(t, rep.Failed)
		require.Less(t, rep.Audience, 300)

		rep, err = New(always(nil), b.store).Send(t.Context(), Resume(rep.Cursor), hello())
		require.NoError(t, err)
		require.Equal(t, 10_000, rep.Delivered)
	})
}

// The default for a post is a tenth of the time there is, within bounds.
func TestPostTimeoutByTheDeadline(t *testing.T) {
	t.Parallel()
	for limit, want := range map[time.Duration]time.Duration{
		0:                0, // no deadline
		3 * time.Second:  leastPostTimeout,
		29 * time.Second: 2900 * time.Millisecond,
		15 * time.Minute: defaultPostTimeout,
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			if limit > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, limit)
				defer cancel()
			} else {
				want = defaultPostTimeout
			}
			p := posterFunc(func(ctx context.Context, _ gatesock.Target, _ []byte) error {
				<-ctx.Done()
				return ctx.Err()
			})
			start := time.Now()
			rep, err := New(p, room(1, 1)).Send(ctx, To("room"), hello())
			require.NoError(t, err)
			require.Equal(t, 1, rep.Failed)
			require.Equal(t, want, time.Since(start))
		})
	}
}

// A handler that answers its caller hands the rest on after a time of its own choice, or at once.
func TestHandOffAfter(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, 50 * time.Millisecond, time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				refused := true
				p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
					if to.ConnectionID == "c7" && refused {
						return gatesock.ErrThrottled
					}
					return wait(ctx, 10*time.Millisecond, nil)
				})
				q := &jobQueue{}
				b := New(p, room(100, 10), WithConcurrency(4), WithRelay(q), WithHandOffAfter(after), quiet())
				start := time.Now()
				rep, err := b.Send(t.Context(), To("room").Except("c1"), hello())
				require.NoError(t, err)
				require.LessOrEqual(t, time.Since(start), after+10*time.Millisecond)
				if after == 0 {
					require.Zero(t, rep.Audience)
				}
				require.NotEmpty(t, rep.HandedOff)
				reports := []Report{rep}
				refused = false
				for _, j := range q.jobs {
					require.Zero(t, j.Delay)
					rep, err := b.Run(t.Context(), j)
					require.NoError(t, err)
					reports = append(reports, rep)
				}
				total, missing := MergeReports(rep.ID, reports...)
				require.Empty(t, missing)
				require.Equal(t, []int{99, 99}, []int{total.Audience, total.Delivered})
			})
		})
	}
}

func TestReportErr(t *testing.T) {
	t.Parallel()
	require.NoError(t, Report{Audience: 3, Delivered: 2, Gone: 1, HandedOff: []string{"j"}}.Err())
	err := Report{Audience: 3, Failed: 1, Unsent: 1, Delivered: 1, Errors: []PostError{{"x", 2, errFault}}}.Err()
	require.ErrorIs(t, err, errFault)
	var failure PostError
	require.True(t, errors.As(err, &failure))
	require.Equal(t, "x", failure.ConnectionID)
	require.EqualError(t, err, `broadcast: 2 of 3 members not served: 1 failed, 1 unsent; the first failure: `+failure.Error())
	require.EqualError(t, Report{Incomplete: true}.Err(), "broadcast: 0 of 0 members not served: 0 failed, 0 unsent, others not read")
}
