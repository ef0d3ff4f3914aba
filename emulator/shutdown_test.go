package emulator

import (
	"context"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// hookClock is the machine's clock, and calls a function once when it is asked for the time.
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

// TestNoHandlerAfterShutdown shuts the gateway down at the moments when a handshake and a message have passed the check
// whether it is.
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
					// The first look at the clock comes before the check, the second is the rate limit's.
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

// TestIdleTimeoutAtAnyDate: also where Unix nanoseconds do not fit into an int64.
func TestIdleTimeoutAtAnyDate(t *testing.T) {
	t.Parallel()
	for _, now := range []time.Time{{}, time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC)} {
		clock := NewManualClock(now)
		g, err := New(handlerFunc(hanging), Config{Clock: clock, Routes: routes("x")})
		require.NoError(t, err)
		p := &peer{ends: make(chan CloseStatus, 1)}
		_, err = g.Connect(context.Background(), Handshake{}, memoryClient{p})
		require.NoError(t, err)
		clock.Advance(9 * time.Minute)
		require.Empty(t, p.ends)
		clock.Advance(time.Minute)
		require.Equal(t, closeIdle(), <-p.ends)
		require.NoError(t, g.Shutdown(context.Background()))
	}
}

// TestEmptyFramesCostNothing: a message may go on for ever without growing.
//
//nolint:paralleltest // it measures what the process allocates
func TestEmptyFramesCostNothing(t *testing.T) {
	const frames = 200_000
	stream := string(ws.MustCompileFrame(masked(ws.OpText, false, "a"))) +
		strings.Repeat(string(ws.MustCompileFrame(masked(ws.OpContinuation, false, ""))), frames) +
		string(ws.MustCompileFrame(masked(ws.OpContinuation, true, "b")))
	r := frameReader{r: strings.NewReader(stream)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, payload, err := r.next()
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Equal(t, "ab", string(payload))
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(frames))
}

func TestProtocolHeaderOfTheHandler(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{
		"chat": true, "a, b": true, "": true, "v1.chat~!": true,
		"a\\tb": false, "caf\u00e9": false, "a\\u007f": false, " a": false, "a,": false, "a\\r\\nX: y": false,
	} {
		_, err := decodeResponse([]byte(`{"statusCode":200,"headers":{"sec-websocket-protocol":"`+value+`"}}`), &Undocumented{})
		if ok {
			require.NoError(t, err, value)
		} else {
			require.ErrorIs(t, err, errMalformed, value)
		}
	}
}

// A $connect that a shutdown cuts off and that lets its client in all the same is followed by a $disconnect, which has no
// more time than it had.
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
