package emulator

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// pipes is a listener in memory, for tests with a clock of their own.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// A client that stops in the middle of a request, or between two, loses its connection. One with a
// slow $connect does not.
func TestServerTimeouts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent  string
		after time.Duration // the connection ends
	}{
		"in the head": {"GET /local HTTP/1.1\r\nHost: loc", 10 * time.Second},
		"in the body": {"POST /local/@connections/" + wellFormed +
			" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx", 30 * time.Second},
		"after the answer": {"GET /local HTTP/1.1\r\nHost: localhost\r\n\r\n", 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, err := New(always(`{"statusCode":200}`), Config{})
				require.NoError(t, err)
				l := newPipes()
				s := serve(g, l, g)
				conn := l.dial()
				began := time.Now()
				_, err = io.WriteString(conn, c.sent)
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, conn)
				require.NoError(t, err)
				require.InDelta(t, c.after, time.Since(began), float64(time.Second), "the grace with which net/http closes")
				require.NoError(t, s.Close(t.Context()))
			})
		})
	}
	t.Run("a slow $connect", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			slow := func(context.Context, []byte) ([]byte, error) {
				<-time.After(28 * time.Second)
				return status(200), nil
			}
			slowToo := func(context.Context, []byte) ([]byte, error) {
				<-time.After(28 * time.Second)
				return []byte(allow("Allow", "*", "")), nil
			}
			g, err := New(handlerFunc(slow), Config{Authorizer: &Authorizer{Handler: handlerFunc(slowToo)}})
			require.NoError(t, err)
			l := newPipes()
			s := serve(g, l, g)
			conn := l.dial()
			_, err = io.WriteString(conn, upgrade)
			require.NoError(t, err)
			answer, err := bufio.NewReader(conn).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "HTTP/1.1 101 Switching Protocols\r\n", answer)
			<-time.After(9 * time.Minute)
			_, ok := g.Session(soleSession(g))
			require.True(t, ok, "no timeout of the server ends an open connection")
			require.NoError(t, conn.Close())
			require.NoError(t, s.Close(t.Context()))
		})
	})
}

// upgrade is the request of a client.
const upgrade = "GET /local HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// By the machine's clock, over a socket, timeouts start when an invocation has outlasted its turn.
// They count from its beginning all the same.
func TestTimeoutsByTheMachinesClock(t *testing.T) {
	t.Parallel()
	for want, timeouts := range map[string]Timeouts{
		"Endpoint request timed out": {Integration: 5 * time.Second, Function: 7 * time.Second},
		"Internal server error":      {Integration: 7 * time.Second, Function: 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ended := make(chan time.Time, 1)
			h := on("$default", func(ctx context.Context, _ []byte) ([]byte, error) {
				<-ctx.Done()
				ended <- time.Now()
				return nil, ctx.Err()
			})
			g, err := New(h, Config{
				RouteTimeouts: map[string]Timeouts{"$default": timeouts}, Logger: slog.New(slog.DiscardHandler),
			})
			require.NoError(t, err)
			l := newPipes()
			s := serve(g, l, g)
			conn := l.dial()
			_, err = io.WriteString(conn, upgrade)
			require.NoError(t, err)
			in := bufio.NewReader(conn)
			_, err = http.ReadResponse(in, nil) //nolint:bodyclose // there is none
			require.NoError(t, err)
			began := time.Now()
			_, err = conn.Write(masked(opText, true, "x"))
			require.NoError(t, err)
			_, _, payload, err := readFrame(in)
			require.NoError(t, err)
			require.Contains(t, string(payload), want)
			require.Equal(t, 5*time.Second, time.Since(began))
			require.Equal(t, timeouts.Function, (<-ended).Sub(began))
			require.NoError(t, conn.Close())
			require.NoError(t, s.Close(t.Context()))
		})
	}
}

// soleSession returns the id of the only open connection.
func soleSession(g *Gateway) string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for id := range g.sessions {
		return id
	}
	return ""
}

// Connections that browsers open in advance do not delay Close.
func TestServerClosesSilentConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := New(always(`{"statusCode":200}`), Config{})
		require.NoError(t, err)
		l := newPipes()
		s := serve(g, l, g)
		silent, halfway := l.dial(), l.dial()
		_, err = io.WriteString(halfway, "GET /local HT")
		require.NoError(t, err)
		synctest.Wait()
		began := time.Now()
		require.NoError(t, s.Close(t.Context()))
		require.Less(t, time.Since(began), time.Second)
		for _, conn := range []net.Conn{silent, halfway} {
			_, err := conn.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
		}
	})
}

// TestAnotherClient connects with an independent WebSocket client.
func TestAnotherClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newSockets(), Config{Routes: routes("$connect", "$disconnect", "$default!")},
		func(_ context.Context, event []byte) ([]byte, error) {
			in, err := read(event)
			if err != nil || in.Body == nil {
				return []byte(`{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"chat"}}`), err
			}
			return json.Marshal(events.APIGatewayProxyResponse{StatusCode: 200, Body: *in.Body})
		})
	ctx := context.Background()
	server := w.front.(*sockets).server(w)
	//nolint:bodyclose // never needed, by the documentation
	c, _, err := websocket.Dial(ctx, server.URL+"?token=t", &websocket.DialOptions{
		Subprotocols: []string{"chat"}, CompressionMode: websocket.CompressionContextTakeover,
	})
	require.NoError(t, err)
	require.Equal(t, "chat", c.Subprotocol())
	require.NoError(t, c.Write(ctx, websocket.MessageText, []byte("hello")))
	kind, data, err := c.Read(ctx)
	require.NoError(t, err)
	require.Equal(t, websocket.MessageText, kind)
	require.Equal(t, "hello", string(data))
	w.event("$connect")
	w.event("$default")
	require.NoError(t, c.Close(websocket.StatusNormalClosure, "bye"))
	e := w.event("$disconnect")
	require.Equal(t, CloseStatus{1000, "bye"}, CloseStatus{e.Context.Code, e.Context.Reason})
}

const spelledHandshake = "GET /local HTTP/1.1\r\nhost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +

	"sec-websocket-version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nHeaderAuth1: v\r\n\r\n"

// talk writes a handshake after other requests on the connection, and returns the headers of its
// $connect.
func talk(t *testing.T, w *world, conn net.Conn, before ...string) map[string]string {
	t.Helper()
	in := bufio.NewReader(conn)
	for _, request := range before {
		_, err := io.WriteString(conn, request)
		require.NoError(t, err)
		for range strings.Count(request, " HTTP/1.1\r\nHost: localhost\r\nContent-Length") {
			resp, err := http.ReadResponse(in, nil)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		}
	}
	_, err := io.WriteString(conn, spelledHandshake)
	require.NoError(t, err)
	resp, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 101, resp.StatusCode)
	headers := w.event("$connect").Headers
	require.NoError(t, conn.Close())
	w.event("$disconnect")
	return headers
}

func dialTCP(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	require.NoError(t, err)
	return conn
}

// Other requests on the connection do not affect the spelling, whatever they contain.
func TestSpellingAfterOtherRequests(t *testing.T) {
	t.Parallel()
	misleading := "POST /local/@connections/" + wellFormed + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 54\r\n\r\n" +
		"GET /local HTTP/1.1\r\nheaderauth1: x\r\nconnection: y\r\n\r\n"
	large := "POST /local/@connections/" + wellFormed + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 131072\r\n\r\n" +
		strings.Repeat("x", 128*kb)
	for name, before := range map[string][]string{
		"one":       {misleading},
		"pipelined": {misleading + misleading},
		"large":     {large, misleading, large},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, newSockets(), Config{}, nil)
			addr := strings.TrimPrefix(w.front.(*sockets).server(w).URL, "ws://")
			headers := talk(t, w, dialTCP(t, strings.TrimSuffix(addr, "/local")), before...)
			require.Equal(t, "v", headers["HeaderAuth1"])
			require.Equal(t, "13", headers["sec-websocket-version"])
		})
	}
}

// Nor does the request itself, or what is sent before the response.
func TestSpellingBesideTheSameLine(t *testing.T) {
	t.Parallel()
	const line = "GET /local HTTP/1.1"
	_, headers, _ := strings.Cut(spelledHandshake, "\r\n")
	frame := line + "\r\nheaderauth1: x\r\n\r\n"
	for name, request := range map[string]string{
		"in a value":          line + "\r\nX-Original: " + line + "\r\n" + headers,
		"in the last value":   strings.TrimSuffix(spelledHandshake, "\r\n") + "X-Original: " + line + "\r\n\r\n",
		"in a frame, early":   spelledHandshake + "\x81" + string(rune(len(frame))) + frame,
		"in a value, folded":  line + "\r\nX-Original: a\r\n " + line + "\r\n" + headers,
		"in a frame, half":    spelledHandshake + line + "\r\nheaderauth1: x",
		"in an earlier frame": frame + spelledHandshake,
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(spelledHandshake)))
		require.NoError(t, err, name)
		names := spellings([]byte(request), line, r.Header)
		require.Equal(t, "HeaderAuth1", names["Headerauth1"], name)
		require.Equal(t, "sec-websocket-version", names["Sec-Websocket-Version"], name)
	}
}

func TestSpellingOverTLS(t *testing.T) {
	t.Parallel()
	donor := httptest.NewTLSServer(nil)
	t.Cleanup(donor.Close)
	w := newWorld(t, inMemory{}, Config{}, nil)
	server := httptest.NewUnstartedServer(w.gw)
	server.Listener = NewListener(tls.NewListener(server.Listener,
		&tls.Config{Certificates: donor.TLS.Certificates, MinVersion: tls.VersionTLS12}))
	server.Start()
	t.Cleanup(server.Close)
	trusted := donor.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	conn := tls.Client(dialTCP(t, server.Listener.Addr().String()),
		&tls.Config{RootCAs: trusted, ServerName: "example.com", MinVersion: tls.VersionTLS12})
	require.Equal(t, "v", talk(t, w, conn)["HeaderAuth1"])
}

// Without the listener, or with a head that is too long for it, names are those of net/http. The
// log says so once.
func TestSpellingThatIsNotKnown(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := newWorld(t, inMemory{}, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, nil)
	server := httptest.NewServer(w.gw)
	for range 2 {
		headers := talk(t, w, dialTCP(t, server.Listener.Addr().String()))
		require.Equal(t, "v", headers["Headerauth1"])
		require.Equal(t, "13", headers["Sec-WebSocket-Version"])
	}
	server.Close()
	require.NoError(t, w.gw.Shutdown(context.Background()))
	require.Equal(t, 1, strings.Count(log.String(), "NewListener"))

	require.Nil(t, spellings([]byte("GET /local HTTP/1.1\r\nHost: h\r\nX-"), "GET /local HTTP/1.1", nil), "half a head")
	var c headConn
	for range 100 {
		c.note(bytes.Repeat([]byte("x"), 4*kb))
		require.LessOrEqual(t, len(c.read), 2*keptHead)
	}
	c.note(bytes.Repeat([]byte("y"), 5*keptHead))
	require.LessOrEqual(t, len(c.read), 2*keptHead)
	c.forget()
	require.Nil(t, c.read)
}

// A head is found whole after its first half was kept beside other bytes. An upgraded connection
// keeps nothing.
func TestSpellingIsKept(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	c := headConn{Conn: there}
	c.note(bytes.Repeat([]byte("x"), 2*keptHead-60))
	for _, half := range []string{spelledHandshake[:50], spelledHandshake[50:]} {
		c.note([]byte(half))
	}
	require.NotNil(t, spellings(c.read, "GET /local HTTP/1.1", nil))
	c.forget()
	go func() { _, _ = here.Write([]byte("frame")) }()
	n, err := c.Read(make([]byte, 10))
	require.NoError(t, err)
	require.Equal(t, 5, n)
	require.Nil(t, c.read)
	require.NoError(t, errors.Join(here.Close(), there.Close()))
}
