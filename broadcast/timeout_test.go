package broadcast

import (
	"context"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/stretchr/testify/require"
)

func TestHangingPostIsCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := posterFunc(func(ctx context.Context, _ gatesock.Target, _ []byte) error {
			<-ctx.Done()
			return ctx.Err()
		})
		rep, err := New(p, room(3, 3)).Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, 3, rep.Failed)
		require.Zero(t, rep.Retries)
		require.ErrorContains(t, rep.Errors[0], "no answer within 5s")
		require.ErrorIs(t, rep.Errors[0], context.DeadlineExceeded)
		require.Equal(t, defaultPostTimeout, time.Since(start))
	})
}

// The poster's own time for an answer is as final as the broadcaster's.
func TestPostersOwnTimeoutIsNotRetried(t *testing.T) {
	t.Parallel()
	late := fmt.Errorf("no answer after 1s: %w", context.DeadlineExceeded)
	rep, err := New(always(late), room(1, 1)).Send(t.Context(), To("room"), hello())
	require.NoError(t, err)
	require.Equal(t, Report{Audience: 1, Failed: 1, Errors: []PostError{{"c0", 1, late}}}, rep)
}

// A dial that takes too long has sent nothing, though its error matches context.DeadlineExceeded.
func TestDialTimeoutIsRetried(t *testing.T) {
	t.Parallel()
	_, timeout := (&net.Dialer{Timeout: 1}).DialContext(t.Context(), "tcp", "127.0.0.1:1")
	require.ErrorIs(t, timeout, context.DeadlineExceeded)
	synctest.Test(t, func(t *testing.T) {
		b := New(always(timeout), room(1, 1), WithRetries(3, time.Minute))
		rep, err := b.Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, Report{Audience: 1, Failed: 1, Retries: 2, Errors: []PostError{{"c0", 3, timeout}}}, rep)
	})
}

// Whatever error a post ends in when its time is up, it may have arrived.
func TestPostThatHidesItsTimeoutIsNotRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := posterFunc(func(ctx context.Context, _ gatesock.Target, _ []byte) error {
			<-ctx.Done()
			return errFault
		})
		rep, err := New(p, room(1, 1)).Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Zero(t, rep.Retries)
		require.ErrorIs(t, rep.Errors[0], errFault)
		require.ErrorContains(t, rep.Errors[0], "no answer within 5s")
	})
}

// An answer counts, however late it comes.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := posterFunc(func(ctx context.Context, _ gatesock.Target, _ []byte) error {
			<-ctx.Done()
			return gatesock.ErrThrottled
		})
		rep, err := New(p, room(1, 1), WithRetries(2, 5*time.Second)).Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, Report{Audience: 1, Unsent: 1, Throttled: 2, Retries: 1, Cursor: rep.Cursor}, rep)
		require.NotEmpty(t, rep.Cursor)
	})
}
