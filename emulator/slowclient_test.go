package emulator

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// TestErrorFramesToAClientThatDoesNotRead: what the gateway answers itself does not keep it from reading on, up to the
// close frame.
func TestErrorFramesToAClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	refusing := map[string]func([]byte) error{"x": func([]byte) error { return errors.New("no") }}
	for name, cfg := range map[string]Config{
		"Forbidden":        {Routes: routes("$connect", "$disconnect", "y")},
		"Bad request body": {Routes: routes("$connect", "$disconnect", "x"), Models: refusing},
		"throttled":        {Rate: 0.001, Burst: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, newSockets(), cfg, nil)
			conn := dialStalled(t, w)
			floodUnread(t, conn, 100_000)
			_, err := conn.Write(ws.MustCompileFrame(masked(ws.OpClose, true, "\x03\xe8")))
			require.NoError(t, err)
			require.Equal(t, 1000, w.event("$disconnect").Context.Code)
		})
	}
}

// TestAnswersToAClientThatDoesNotRead: the gateway comes to rest though its answers can't be written.
func TestAnswersToAClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	answer := []byte(`{"statusCode":200,"body":"` + strings.Repeat("x", 64*kb) + `"}`)
	w := newWorld(t, newSockets(), Config{Routes: routes("$connect", "$disconnect", "x!")},
		on("x", func(context.Context, []byte) ([]byte, error) { return answer, nil }))
	conn := dialStalled(t, w)
	floodUnread(t, conn, 500)
	for range 500 {
		w.event("x")
	}
	w.quiesce()
	require.NoError(t, conn.Close())
	w.event("$disconnect")
}

// TestTimeoutOfAClientThatDoesNotRead: the clock's goroutine does not wait for the client.
func TestTimeoutOfAClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	clock := NewManualClock(start())
	g, err := New(handlerFunc(hanging), Config{Clock: clock, Routes: routes("x")})
	require.NoError(t, err)
	here, there := net.Pipe() // it takes nothing that is not read
	out := newOutbound(&g.fronts, 1<<10)
	out.attach(there)
	s, err := g.Connect(context.Background(), Handshake{}, out)
	require.NoError(t, err)
	inv, err := s.accept(context.Background(), []byte(`{"action":"x"}`))
	require.NoError(t, err)
	inv.start()
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		inv.integrationTimeout()
	}()
	select {
	case <-returned:
	case <-time.After(patience):
		t.Error("the clock waits for the client")
	}
	require.NoError(t, here.Close())
	<-returned
	inv.ctx.end(context.Canceled)
	require.NoError(t, g.Shutdown(context.Background()))
	require.NoError(t, out.finish())
}

// dialStalled connects a client that never reads.
func dialStalled(t *testing.T, w *world) net.Conn {
	t.Helper()
	conn, _, a := handshake(w, mustURL(t, w.front.(*sockets).server(w).URL), nil)
	require.Equal(t, http.StatusSwitchingProtocols, a.status)
	t.Cleanup(func() { _ = conn.Close() })
	w.event("$connect")
	return conn
}

// floodUnread sends n messages for the route x.
func floodUnread(t *testing.T, conn net.Conn, n int) {
	t.Helper()
	frame := ws.MustCompileFrame(masked(ws.OpText, true, `{"action":"x"}`))
	require.NoError(t, conn.SetWriteDeadline(time.Now().Add(patience)))
	const batch = 100
	for range n / batch {
		_, err := conn.Write(bytes.Repeat(frame, batch))
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the gateway does not read any more")
		require.NoError(t, err)
	}
}
