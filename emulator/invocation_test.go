package emulator

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"
)

// TestFunctionContext checks the values and the deadline in the context of a function.
func TestFunctionContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	got := make(chan context.Context, 1)
	before := time.Now()
	w := newWorld(t, inMemory{}, Config{}, on("$connect", func(ctx context.Context, _ []byte) ([]byte, error) {
		got <- ctx
		deadline, ok := ctx.Deadline()
		require.True(t, ok)
		require.WithinRange(t, deadline, before.Add(30*time.Second), time.Now().Add(30*time.Second))
		return status(200), ctx.Err()
	}))
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "value"))
	cancel()
	_, err := w.gw.Connect(ctx, Handshake{}, memoryClient{&peer{}})
	require.ErrorIs(t, err, context.Canceled) // the client has gone
	seen := <-got
	require.Equal(t, "value", seen.Value(key{})) // the function was not canceled
	lc, ok := lambdacontext.FromContext(seen)
	require.True(t, ok)
	require.Equal(t, w.event("$connect").Context.RequestID, lc.AwsRequestID)
	<-seen.Done() // the function has returned; as in Lambda, its context may end after the response is out
	require.ErrorIs(t, seen.Err(), context.Canceled)
}

func TestHandlerThatExitsItsGoroutine(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]front{"in memory": inMemory{}, "sockets": newSockets()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, f, Config{}, on("$default", func(context.Context, []byte) ([]byte, error) {
				runtime.Goexit()
				return nil, nil
			}))
			p := w.connect()
			for range 3 {
				p.text("x")
				require.Contains(t, w.frame(p), "Internal server error")
			}
			p.close(1000, "")
			w.event("$default")
			w.event("$default")
			w.event("$default")
			w.event("$disconnect")
		})
	}
}
