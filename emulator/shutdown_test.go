package emulator

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestShutdownGivesUpOnAHandler(t *testing.T) {
	t.Parallel()
	canceled := make(chan error, 1)
	w := newWorld(t, inMemory{}, Config{}, on("$default", func(ctx context.Context, _ []byte) ([]byte, error) {
		<-ctx.Done()
		canceled <- ctx.Err()
		return nil, ctx.Err()
	}))
	w.connect().text("x")
	w.event("$default")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, w.gw.Shutdown(ctx), context.Canceled)
	require.ErrorIs(t, <-canceled, context.Canceled)
	require.NoError(t, w.gw.Shutdown(context.Background()))
	_, a := w.front.dial(w, Handshake{})
	require.Equal(t, http.StatusServiceUnavailable, a.status)
}

// hookClock is the machine's clock. It calls a function once when its time is read.
type hookClock struct {
	systemClock
	hook atomic.Pointer[func()]
}

func (c *hookClock) Now() time.Time {
	if f := c.hook.Swap(nil); f != nil {
		(*f)()
	}
	return c.systemClock.Now()
}

// TestNoHandlerAfterShutdown shuts the gateway down when a handshake or a message has just passed
// the check for it.
func TestNoHandlerAfterShutdown(t *testing.T) {
	t.Parallel()
	for _, route := range []string{"$connect", "$default"} {
		t.Run(route, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var over atomic.Bool
				handler := handlerFunc(func(context.Context, []byte) ([]byte, error) {
					require.False(t, over.Load(), "Shutdown has returned")
					return status(200), nil
				})
				clock := &hookClock{}
				g, err := New(handler, Config{Clock: clock, Rate: 1000, Routes: routes(route)})
				require.NoError(t, err)
				ended := make(chan error, 1)
				shutdown := func() {
					go func() {
						err := g.Shutdown(context.Background())
						over.Store(true)
						ended <- err
					}()
					synctest.Wait()
				}
				if route == "$connect" {
					// The first reading of the clock comes before the check, the second is for the
					// rate.
					first := func() { clock.hook.Store(&shutdown) }
					clock.hook.Store(&first)
					_, err = g.Connect(context.Background(), Handshake{}, discardClient{})
					require.Error(t, err)
				} else {
					s, err := g.Connect(context.Background(), Handshake{}, discardClient{})
					require.NoError(t, err)
					clock.hook.Store(&shutdown)
					require.NoError(t, s.Receive(context.Background(), Message{Data: []byte("x")}))
				}
				require.NoError(t, <-ended)
			})
		})
	}
}

func TestServerClosesTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newSockets(), Config{}, nil)
	s := w.front.(*sockets).server(w)
	require.NoError(t, s.Close(context.Background()))
	require.NoError(t, s.Close(context.Background()))
}

// If a shutdown cancels a $connect that accepts its client all the same, the $disconnect that
// follows is canceled too.
func TestShutdownCutsWhatFollows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := New(handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			return status(200), nil
		}), Config{})
		require.NoError(t, err)
		refused := make(chan error, 1)
		go func() {
			_, err := g.Connect(context.Background(), Handshake{}, discardClient{})
			refused <- err
		}()
		synctest.Wait()
		began := time.Now()
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		require.ErrorIs(t, g.Shutdown(ended), context.Canceled)
		require.Error(t, <-refused)
		require.NoError(t, g.Shutdown(context.Background()))
		require.Zero(t, time.Since(began))
	})
}
