package broadcast

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/stretchr/testify/require"
)

func TestCancelKeepsWhatIsDone(t *testing.T) {
	t.Parallel()
	why := errors.New("the function's time is up")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
		switch to.ConnectionID {
		case "c1":
			return gatesock.ErrThrottled
		case "c3":
			cancel(why)
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	b := New(p, room(10, 5), WithConcurrency(1), inOrder(),
		withJitter(func(time.Duration) time.Duration { return time.Hour }), WithRetries(2, 2*time.Hour))
	rep, err := b.Send(ctx, To("room"), hello())
	require.ErrorIs(t, err, why)
	require.Equal(t, 2, rep.Delivered)
	require.Equal(t, 1, rep.Failed, "c3 was cut off")
	require.Equal(t, 2, rep.Unsent, "c1 waits for its retry, c4 was not tried")
	require.True(t, rep.Incomplete)
}

// A context that ends while the last post runs is an error only if it cut the post off.
func TestContextThatEndsWithTheLastPost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		report Report
		failed bool
	}{
		"delivered": {nil, Report{Audience: 2, Delivered: 2}, false},
		"gone":      {gatesock.ErrGone, Report{Audience: 2, Delivered: 1, Gone: 1}, false},
		"too large": {
			gatesock.ErrTooLarge,
			Report{Audience: 2, Delivered: 1, Failed: 1, Errors: []PostError{{"c1", 1, gatesock.ErrTooLarge}}},
			false,
		},
		"throttled": {gatesock.ErrThrottled, Report{Audience: 2, Delivered: 1, Unsent: 1, Throttled: 1}, true},
		"cut off": {
			context.Canceled,
			Report{Audience: 2, Delivered: 1, Failed: 1, Errors: []PostError{{"c1", 1, context.Canceled}}},
			true,
		},
		"cut off, and does not say so": {
			errFault,
			Report{Audience: 2, Delivered: 1, Failed: 1, Errors: []PostError{{"c1", 1, errFault}}},
			true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errStopped)
				defer cancel()
				p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
					if to.ConnectionID == "c0" {
						return nil
					}
					<-ctx.Done()
					<-time.After(time.Second) // virtual time: the send has seen the end when the post ends.
					return c.err
				})
				rep, err := New(p, room(2, 1), WithDeadlineMargin(0)).Send(ctx, To("room"), hello())
				require.Equal(t, rep.Unsent > 0, rep.Cursor != "")
				rep.Cursor = ""
				require.Equal(t, c.failed, errors.Is(err, errStopped), "%v", err)
				require.Equal(t, c.report, rep)
			})
		})
	}
}

// A post that used up its own time before ctx ended was not cut off by that end.
func TestContextThatEndsAfterATimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
			if to.ConnectionID == "c0" {
				<-ctx.Done()
				return ctx.Err()
			}
			cancel()
			return nil
		})
		rep, err := New(p, room(2, 2), WithConcurrency(1), inOrder()).Send(ctx, To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, 1, rep.Failed)
		require.Equal(t, 1, rep.Delivered)
	})
}

// Members that were not read are missing too, although all others got the message.
func TestContextThatEndsWhileReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		rep, err := New(always(nil), endless{}).Send(ctx, To("room"), hello())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, Report{Audience: 1, Delivered: 1, Incomplete: true, Cursor: rep.Cursor}, rep)
		require.NotEmpty(t, rep.Cursor)
	})
}

// endless is a store whose second page does not come.
type endless struct{ conn.Store }

func (endless) Shards(context.Context, string) (int, error) { return 1, nil }
func (endless) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	if q.After != "" {
		<-ctx.Done()
		return conn.Page{}, ctx.Err()
	}
	return conn.Page{Members: []conn.Member{{ID: "x"}}, Next: "more"}, nil
}

func TestContextThatHasEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	store := room(10, 5)
	rep, err := New(answers(map[string]error{}), store).Send(ctx, To("room").And(ToConnections("x", "y")), hello())
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, Report{Audience: 2, Unsent: 2, Incomplete: true, Cursor: rep.Cursor}, rep)
	require.NotEmpty(t, rep.Cursor)
}
