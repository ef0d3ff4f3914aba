package broadcast

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// slowPoster refuses posts to connections whose id ends in "-slow", and takes 10 ms for the others.
type slowPoster struct {
	mu           sync.Mutex
	posts        map[string]int
	disconnected []string
	disconnect   error
	fails        func(id string) bool // nil: as the id says
}

func (p *slowPoster) Post(ctx context.Context, to gatesock.Target, _ []byte) error {
	p.mu.Lock()
	if p.posts == nil {
		p.posts = map[string]int{}
	}
	p.posts[to.ConnectionID]++
	slow := strings.HasSuffix(to.ConnectionID, "-slow") || p.fails != nil && p.fails(to.ConnectionID)
	p.mu.Unlock()
	if slow {
		return fmt.Errorf("post: %w", gatesock.ErrThrottled)
	}
	return wait(ctx, 10*time.Millisecond, nil)
}

func (p *slowPoster) Disconnect(_ context.Context, from gatesock.Target) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.disconnected = append(p.disconnected, from.ConnectionID)
	return p.disconnect
}

// mixed is an audience of n, with slow ones at regular places from the first on.
func mixed(n, slow int) Audience {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%05d", i)
		if slow > 0 && i%(n/slow) == 0 && i/(n/slow) < slow {
			ids[i] += "-slow"
		}
	}
	return ToConnections(ids...)
}

func quiet() Option { return WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))) }

// Slow consumers cost the others nothing: all that are not slow have their message as early as
// without them.
func TestSlowConsumersDoNotSlowTheOthers(t *testing.T) {
	t.Parallel()
	last := func(slow int) (took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			var mu sync.Mutex
			inner := &slowPoster{}
			p := posterFunc(func(ctx context.Context, to gatesock.Target, data []byte) error {
				err := inner.Post(ctx, to, data)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					took = time.Since(start)
				}
				return err
			})
			rep, err := New(p, room(0, 1), WithConcurrency(8)).Send(t.Context(), mixed(8000+slow, slow), hello())
			require.NoError(t, err)
			require.Equal(t, 8000, rep.Delivered)
			require.Equal(t, slow, rep.Failed+rep.Unsent)
			require.GreaterOrEqual(t, rep.Slow, slow/4, "those that are refused near the end can't be told yet")
		})
		return took
	}
	alone := last(0)
	require.Equal(t, 10*time.Second, alone)
	for _, slow := range []int{80, 800} {
		require.LessOrEqual(t, last(slow), alone+alone/50, "%d slow ones", slow)
	}
}

func TestSlowPolicies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy       SlowPolicy
		fails        bool
		disconnected int
	}{
		"skip":       {SkipSlow, false, 0},
		"disconnect": {DisconnectSlow, false, 2},
		"fail":       {FailOnSlow, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &slowPoster{}
				b := New(p, room(0, 1), WithConcurrency(4), WithSlowConsumers(3, c.policy), WithRetries(10, time.Minute),
					withJitter(fullJitter), inOrder())
				rep, err := b.Send(t.Context(), mixed(6000, 2), hello())
				if c.fails {
					require.ErrorIs(t, err, ErrSlowConsumer)
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, 5998, rep.Delivered)
				require.Equal(t, []int{2, 2}, []int{rep.Failed, rep.Slow})
				require.Equal(t, c.disconnected, rep.Disconnected)
				require.Len(t, p.disconnected, c.disconnected)
				for _, e := range rep.Errors {
					require.ErrorIs(t, e, ErrSlowConsumer)
					require.ErrorIs(t, e, gatesock.ErrThrottled)
					require.GreaterOrEqual(t, e.Attempts, 3)
					require.LessOrEqual(t, e.Attempts, 20, "some come too soon after others to count")
				}
			})
		})
	}
}

// A connection that was found slow is tried once in each further Send, until a post is taken.
func TestSlowConsumerIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &slowPoster{}
		b := New(p, room(0, 1), WithConcurrency(4), WithSlowConsumers(3, SkipSlow), WithRetries(10, time.Minute),
			withJitter(fullJitter), inOrder())
		_, err := b.Send(t.Context(), mixed(6000, 1), hello())
		require.NoError(t, err)
		first := p.posts["00000-slow"]
		for i := range 3 {
			rep, err := b.Send(t.Context(), mixed(6000, 1), hello())
			require.NoError(t, err)
			require.Equal(t, 1, rep.Slow)
			require.Equal(t, first+i+1, p.posts["00000-slow"])
		}
		b.slowness.Delivered(gatesock.Target{ConnectionID: "00000-slow"}, 1)
		_, err = b.Send(t.Context(), mixed(6000, 1), hello())
		require.NoError(t, err)
		require.Greater(t, p.posts["00000-slow"], first+4)
	})
}

// Where nothing is taken, a refusal says nothing about the connection.
func TestAccountThrottlingIsNoSlowConsumer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &slowPoster{}
		b := New(p, room(0, 1), WithSlowConsumers(2, DisconnectSlow), WithRetries(6, time.Minute))
		rep, err := b.Send(t.Context(), mixed(50, 50), hello())
		require.NoError(t, err)
		require.Equal(t, 50, rep.Unsent)
		require.Zero(t, rep.Slow)
		require.Empty(t, p.disconnected)
	})
}

func TestDisconnectFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &slowPoster{disconnect: errFault}
		b := New(p, room(0, 1), WithConcurrency(4), WithSlowConsumers(2, DisconnectSlow), withJitter(fullJitter),
			quiet(), inOrder())
		rep, err := b.Send(t.Context(), mixed(6000, 1), hello())
		require.NoError(t, err)
		require.Equal(t, []int{1, 0}, []int{rep.Slow, rep.Disconnected})
	})
}

func TestDisconnectNeedsAPosterThatCan(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t,
		"broadcast: New: DisconnectSlow needs a poster that is a gatesock.Disconnector",
		func() { New(always(nil), room(0, 1), WithSlowConsumers(1, DisconnectSlow)) })
}

// outage is a gateway that refuses everybody while it lasts.
type outage struct {
	slowPoster

	over atomic.Bool
}

func (o *outage) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	if !o.over.Load() {
		return wait(ctx, 5*time.Millisecond, gatesock.ErrThrottled)
	}
	return o.slowPoster.Post(ctx, to, data)
}

// Where everybody is refused nobody is slow, however many there are, and nobody is told so later.
func TestOutageIsNoSlowConsumer(t *testing.T) {
	t.Parallel()
	for _, concurrency := range []int{64, 1000} {
		synctest.Test(t, func(t *testing.T) {
			var o outage
			b := New(&o, room(100_000, 1000), WithConcurrency(concurrency), WithSlowConsumers(5, DisconnectSlow), quiet())
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			rep, _ := b.Send(ctx, To("room"), hello())
			require.Greater(t, rep.Throttled, 1000)
			require.Zero(t, rep.Slow)
			o.over.Store(true)
			<-time.After(time.Hour)
			for i := range 100 {
				id := name(i)
				o.posts = nil
				calls := 0
				o.fails = func(to string) bool { calls++; return to == id && calls == 1 }
				rep, err := b.Send(t.Context(), ToConnections(id), hello())
				require.NoError(t, err)
				require.Equal(t, 1, rep.Delivered, "one refusal is not enough: %+v", rep)
			}
			require.Empty(t, o.disconnected)
		})
	}
}

// One frame that is refused is one refusal, however many messages were in it.
func TestRefusedFrameIsOneRefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		frames := 0
		p := &slowPoster{fails: func(string) bool { frames++; return frames == 1 }}
		b := New(p, room(0, 1), WithCoalescing(20*time.Millisecond), WithSlowConsumers(5, DisconnectSlow))
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { _, _ = b.Send(t.Context(), ToConnections("a"), hello()) })
		}
		wg.Wait()
		require.Empty(t, p.disconnected)
		require.Greater(t, frames, 1)
	})
}

// FailOnSlow fails a Send also if the rest was handed off, and no job.
func TestFailOnSlowBesideARelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
			switch to.ConnectionID {
			case "c0":
				return gatesock.ErrThrottled
			case "c1":
				return errFault
			default:
				return wait(ctx, 10*time.Millisecond, nil)
			}
		})
		q := &jobQueue{}
		b := New(p, room(3000, 50), WithConcurrency(4), WithSlowConsumers(2, FailOnSlow),
			WithRetries(1000, time.Hour), WithRelay(q), quiet(), inOrder())
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		rep, err := b.Send(ctx, To("room"), hello())
		require.ErrorIs(t, err, ErrSlowConsumer)
		require.NotErrorIs(t, err, ErrDeadline)
		require.Equal(t, 1, rep.Slow)
		require.Len(t, rep.HandedOff, 1)

		job := goodJob()
		job.Cursor = remaining{unread: []span{{group: "room"}}}.cursor()
		only := New(posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
			if to.ConnectionID == "c0" {
				return gatesock.ErrThrottled
			}
			return wait(ctx, 10*time.Millisecond, nil)
		}), room(3000, 50), WithConcurrency(4), WithSlowConsumers(2, FailOnSlow), WithRelay(q), quiet(), inOrder())
		rep, err = only.Run(t.Context(), job)
		require.NoError(t, err)
		require.Equal(t, 1, rep.Slow)
		require.Empty(t, rep.HandedOff)
	})
}

// Slow connections do not hold up the reading of the others, though they are many more than may
// wait for a retry.
func TestSlowConsumersDoNotHoldUpReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const slow, others, concurrency = 100, 400, 2
		store := room(slow+others, 10)
		for _, page := range store.groups["room"] {
			page[0].ID += "-slow"
			page[5].ID += "-slow"
		}
		start := time.Now()
		var mu sync.Mutex
		var last time.Duration
		p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
			if strings.HasSuffix(to.ConnectionID, "-slow") {
				return gatesock.ErrThrottled
			}
			mu.Lock()
			last = time.Since(start)
			mu.Unlock()
			return wait(ctx, 10*time.Millisecond, nil)
		})
		b := New(p, store, WithConcurrency(concurrency), withJitter(fullJitter), WithSlowConsumers(8, SkipSlow))
		rep, err := b.Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, others, rep.Delivered)
		require.Equal(t, slow, rep.Failed+rep.Unsent)
		require.Less(t, last, others/concurrency*10*time.Millisecond+2*time.Second)
		require.Greater(t, time.Since(start), 10*time.Second, "the slow ones are waited for")
	})
}

// A refusal does not count as an attempt: no member is given up because the account was throttled.
func TestRefusalsAreNoAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o outage
		time.AfterFunc(5*time.Second, func() { o.over.Store(true) })
		rep, err := New(&o, room(100, 100), WithRetries(2, time.Minute)).Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, 100, rep.Delivered)
		require.Greater(t, rep.Throttled, 300)
	})
}
