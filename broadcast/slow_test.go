package broadcast

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
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
}

func (p *slowPoster) Post(ctx context.Context, to gatesock.Target, _ []byte) error {
	p.mu.Lock()
	if p.posts == nil {
		p.posts = map[string]int{}
	}
	p.posts[to.ConnectionID]++
	p.mu.Unlock()
	if strings.HasSuffix(to.ConnectionID, "-slow") {
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

// Slow consumers cost the others nothing: all that are not slow have their message as early as without them.
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
			require.Equal(t, slow, rep.Failed)
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
				b := New(p, room(0, 1), WithConcurrency(4), WithSlowConsumers(3, c.policy), WithRetries(10, time.Minute), WithJitter(fullJitter))
				rep, err := b.Send(t.Context(), mixed(2000, 2), hello())
				if c.fails {
					require.ErrorIs(t, err, ErrSlowConsumer)
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, 1998, rep.Delivered)
				require.Equal(t, []int{2, 2}, []int{rep.Failed, rep.Slow})
				require.Equal(t, c.disconnected, rep.Disconnected)
				require.Len(t, p.disconnected, c.disconnected)
				for _, e := range rep.Errors {
					require.ErrorIs(t, e, ErrSlowConsumer)
					require.ErrorIs(t, e, gatesock.ErrThrottled)
					require.GreaterOrEqual(t, e.Attempts, 3)
					require.LessOrEqual(t, e.Attempts, 5, "chance explains no more")
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
		b := New(p, room(0, 1), WithConcurrency(4), WithSlowConsumers(3, SkipSlow), WithRetries(10, time.Minute), WithJitter(fullJitter))
		_, err := b.Send(t.Context(), mixed(2000, 1), hello())
		require.NoError(t, err)
		first := p.posts["00000-slow"]
		for i := range 3 {
			rep, err := b.Send(t.Context(), mixed(2000, 1), hello())
			require.NoError(t, err)
			require.Equal(t, 1, rep.Slow)
			require.Equal(t, first+i+1, p.posts["00000-slow"])
		}
		b.consumers.passed(member{Member: connMember("00000-slow")}, 1)
		_, err = b.Send(t.Context(), mixed(2000, 1), hello())
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
		require.Equal(t, 50, rep.Failed)
		require.Zero(t, rep.Slow)
		require.Empty(t, p.disconnected)
	})
}

func TestDisconnectFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &slowPoster{disconnect: errFault}
		b := New(p, room(0, 1), WithConcurrency(4), WithSlowConsumers(2, DisconnectSlow), WithJitter(fullJitter), quiet())
		rep, err := b.Send(t.Context(), mixed(2000, 1), hello())
		require.NoError(t, err)
		require.Equal(t, []int{1, 0}, []int{rep.Slow, rep.Disconnected})
	})
}

func TestDisconnectNeedsAPosterThatCan(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t,
		"broadcast: DisconnectSlow with a Poster that has no method Disconnect(context.Context, gatesock.Target) error",
		func() { New(always(nil), room(0, 1), WithSlowConsumers(1, DisconnectSlow)) })
}

func TestConsumersAreBounded(t *testing.T) {
	t.Parallel()
	c := newConsumers()
	for i := range 2 * maxConsumers {
		require.Equal(t, 1, c.refuse(member{Member: connMember(name(i))}, 0))
	}
	require.Len(t, c.slow, maxConsumers)
}
