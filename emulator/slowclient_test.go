package emulator

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
			w := newWorld(t, nil, cfg, nil)
			conn := dialStalled(t, w)
			floodUnread(t, conn, 10_000)
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
	w := newWorld(t, nil, Config{Routes: routes("$connect", "$disconnect", "x!")},
		on("x", func(context.Context, []byte) ([]byte, error) { return answer, nil }))
	conn := dialStalled(t, w)
	floodUnread(t, conn, 100)
	for range 100 {
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
	<-returned
	require.NoError(t, here.Close())
	inv.ctx.end(context.Canceled)
	require.NoError(t, g.Shutdown(context.Background()))
	require.NoError(t, out.finish())
}

// lean is a listener whose connections buffer little of what they are to send, so that few messages fill them.
type lean struct{ net.Listener }

func (l lean) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(4 * kb)
	}
	return conn, err
}

// dialStalled connects a client that never reads.
func dialStalled(t *testing.T, w *world) net.Conn {
	t.Helper()
	server := httptest.NewUnstartedServer(w.gw)
	server.Listener = lean{server.Listener}
	server.Start()
	t.Cleanup(server.Close)
	conn, _, a := handshake(w, mustURL(t, server.URL+w.gw.BasePath()), nil)
	require.Equal(t, http.StatusSwitchingProtocols, a.status)
	// A buffer whose size was not set grows with what comes in, though nobody reads it.
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4*kb))
	t.Cleanup(func() { _ = conn.Close() })
	w.event("$connect")
	return conn
}

// floodUnread sends n messages for the route x, whose answers fill every buffer on the way several times over. A gateway
// that waits for the client to read takes no more of them, and the test does not end.
func floodUnread(t *testing.T, conn net.Conn, n int) {
	t.Helper()
	frame := ws.MustCompileFrame(masked(ws.OpText, true, `{"action":"x"}`))
	const batch = 100
	for range n / batch {
		_, err := conn.Write(bytes.Repeat(frame, batch))
		require.NoError(t, err)
	}
}
