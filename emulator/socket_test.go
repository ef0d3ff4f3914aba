package emulator

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// The close frame has its own grace from the time when it is written, whatever a previous write or
// a slow machine has used up.
func TestCloseFrameBehindASlowWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe() // writes block until they are read
		var running tracker
		out := newOutbound(&running, 1<<10)
		out.attach(there)
		require.NoError(t, out.Send([]byte("slow")))
		synctest.Wait()
		out.Close(1001, "bye")
		frames, in := make(chan string, 1), bufio.NewReader(here)
		require.NoError(t, here.SetReadDeadline(time.Now().Add(time.Minute))) // of the bubble
		<-time.After(closeGrace * 9 / 10)
		_, err := in.Peek(1) // the pipe passes the whole write
		require.NoError(t, err)
		<-time.After(closeGrace * 9 / 10)
		require.Equal(t, CloseStatus{1001, "bye"}, readFrames(in, frames))
		require.Equal(t, "slow", <-frames)
		require.NoError(t, out.finish())
		require.NoError(t, here.Close())
	})
}

// The gateway's own frames do not keep it from reading, up to the close frame.
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
			_, err := conn.Write(masked(opClose, true, "\x03\xe8"))
			require.NoError(t, err)
			require.Equal(t, 1000, w.event("$disconnect").Context.Code)
		})
	}
}

// The gateway comes to rest although its responses can't be written.
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

// The clock's goroutine does not wait for the client.
func TestTimeoutOfAClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	clock := NewManualClock(start())
	g, err := New(handlerFunc(hanging), Config{Clock: clock, Routes: routes("x")})
	require.NoError(t, err)
	here, there := net.Pipe() // writes block until they are read
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

// oneConn is a listener that accepts one connection.
type oneConn struct {
	conns chan net.Conn
	ended context.Context //nolint:containedctx // it ends with the listener
	end   context.CancelFunc
}

func (l oneConn) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.ended.Done():
		return nil, net.ErrClosed
	}
}

func (l oneConn) Close() error {
	l.end()
	return nil
}

func (l oneConn) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// addressed is a connection with addresses.
type addressed struct{ net.Conn }

func (addressed) LocalAddr() net.Addr  { return oneConn{}.Addr() }
func (addressed) RemoteAddr() net.Addr { return oneConn{}.Addr() }

// dialStalled connects a client that never reads. The connection is a pipe, which has no buffers:
// between TCP sockets, a receive buffer that is full and was made smaller may stop both directions,
// because the kernel then drops what opens the other window.
func dialStalled(t *testing.T, w *world) net.Conn {
	t.Helper()
	conn, there := net.Pipe()
	ended, end := context.WithCancel(context.Background())
	l := oneConn{make(chan net.Conn, 1), ended, end}
	l.conns <- addressed{there}
	server := httptest.NewUnstartedServer(w.gw)
	require.NoError(t, server.Listener.Close())
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
	_, a := handshakeOver(w, conn, mustURL(t, "http://127.0.0.1"+w.gw.BasePath()), nil)
	require.Equal(t, http.StatusSwitchingProtocols, a.status)
	t.Cleanup(func() { _ = conn.Close() })
	w.event("$connect")
	return conn
}

// floodUnread sends n messages for the route x, whose responses overflow every buffer. If the
// gateway waits for the client to read, the test does not end.
func floodUnread(t *testing.T, conn net.Conn, n int) {
	t.Helper()
	frame := masked(opText, true, `{"action":"x"}`)
	const batch = 100
	for range n / batch {
		_, err := conn.Write(bytes.Repeat(frame, batch))
		require.NoError(t, err)
	}
}

func TestSlowReaderOverSockets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newSockets(), Config{}, nil)
	server := w.front.(*sockets).server(w)
	slow := dialSilent(t, w, server)
	quick := w.connect()
	big := strings.Repeat("x", 128*kb)
	var err error
	for range 10_000 { // the system buffers far less
		if err = w.post(slow, big); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, gatesock.ErrThrottled)
	require.NoError(t, w.post(quick, "hello"))
	require.Equal(t, "hello", w.frame(quick))
	// Close, in the cleanup, must return as well.
}

// dialSilent connects a client that never reads.
func dialSilent(t *testing.T, w *world, s *Server) *peer {
	t.Helper()
	u := mustURL(t, s.URL)
	conn, _, a := handshake(w, u, nil)
	require.Equal(t, http.StatusSwitchingProtocols, a.status)
	t.Cleanup(func() { _ = conn.Close() })
	return &peer{id: w.event("$connect").Context.ConnectionID}
}

// Messages that arrive together overlap as well.
func TestMessagesInOneSegment(t *testing.T) {
	t.Parallel()
	var arrived sync.WaitGroup
	arrived.Add(3)
	w := newWorld(t, newSockets(), Config{}, on("$default", func(context.Context, []byte) ([]byte, error) {
		arrived.Done()
		arrived.Wait() // for the others
		return status(200), nil
	}))
	conn, in, _ := handshake(w, mustURL(t, w.front.(*sockets).server(w).URL), nil)
	w.event("$connect")
	frame := masked(opText, true, "x")
	_, err := conn.Write(bytes.Repeat(frame, 3))
	require.NoError(t, err)
	for range 3 {
		w.event("$default")
	}
	w.quiesce()
	require.NoError(t, conn.Close())
	require.Zero(t, in.Buffered())
	w.event("$disconnect")
}

// A message of many empty frames does not allocate memory for them.
//
//nolint:paralleltest // it measures what the process allocates
func TestEmptyFramesCostNothing(t *testing.T) {
	const frames = 200_000
	stream := string(masked(opText, false, "a")) +
		strings.Repeat(string(masked(opContinuation, false, "")), frames) +
		string(masked(opContinuation, true, "b"))
	r := frameReader{r: strings.NewReader(stream)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, payload, err := r.next()
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Equal(t, "ab", string(payload))
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(frames))
}
