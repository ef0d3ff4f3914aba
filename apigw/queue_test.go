package apigw

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func hostNamed(t *testing.T, name string) *endpoint {
	t.Helper()
	e, err := readEndpoint("https://" + name)
	require.NoError(t, err)
	return &e
}

// Calls run in the order in which they came. One that gives up leaves no gap.
func TestQueueIsInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, to := newQueues(1), hostNamed(t, "a.example.com")
		first, err := l.enter(t.Context(), to)
		require.NoError(t, err)
		why := errors.New("the operator said stop")
		stopped, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		var came []int
		for i := range 10 {
			ctx := t.Context()
			if i == 4 {
				ctx = stopped
			}
			wg.Go(func() {
				turn, err := l.enter(ctx, to)
				if err != nil {
					if i != 4 || !errors.Is(err, why) {
						t.Error(err)
					}
					return
				}
				came = append(came, i)
				l.leave(turn)
			})
			synctest.Wait()
		}
		cancel(why)
		synctest.Wait()
		require.Empty(t, came)
		l.leave(first)
		wg.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 5, 6, 7, 8, 9}, came)
	})
}

// A call whose context has ended does not run, even if there is room.
func TestNoTurnAfterTheEnd(t *testing.T) {
	t.Parallel()
	l, to := newQueues(1), hostNamed(t, "a.example.com")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // Which of the two is noticed is random.
		_, err := l.enter(ctx, to)
		require.ErrorIs(t, err, context.Canceled)
	}
	turn, err := l.enter(t.Context(), to)
	require.NoError(t, err)
	l.leave(turn)
}

// Targets may name any number of hosts. Queues with calls stay, and a host never has two queues.
func TestQueuesAreBounded(t *testing.T) {
	t.Parallel()
	l, busy := newQueues(1), hostNamed(t, "busy.example.com")
	turn, err := l.enter(t.Context(), busy)
	require.NoError(t, err)
	for i := range 10 * maxOthers {
		other, err := l.enter(t.Context(), hostNamed(t, fmt.Sprintf("h%d.example.com", i)))
		require.NoError(t, err)
		l.leave(other)
		require.LessOrEqual(t, len(l.hosts), maxOthers+1)
	}
	require.Same(t, turn, l.hosts[host{"https", "busy.example.com"}])
	l.leave(turn)
}
