package wsload

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// serverAt starts a server that calls serve after each handshake, and returns its address. It ends
// its half of the connection after that, and reads what the client still sends: closing a
// connection with unread data resets it, and whether there is any depends on the client's speed.
func serverAt(t *testing.T, serve func(*bufio.ReadWriter)) string {
	t.Helper()
	return connsAt(t, func(conn *net.TCPConn, rw *bufio.ReadWriter) {
		serve(rw)
		_ = rw.Flush()
		_ = conn.CloseWrite()
		_, _ = io.Copy(io.Discard, rw)
	})
}

// connsAt starts a server that passes each connection to serve after its handshake, and closes it
// then.
func connsAt(t *testing.T, serve func(*net.TCPConn, *bufio.ReadWriter)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		defer conn.Close()
		serve(conn.(*net.TCPConn), rw)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://") + "/"
}

// readOne returns the payload of the next frame, or nil.
func readOne(rw *bufio.ReadWriter) []byte {
	frames := FrameReader{R: rw.Reader}
	_, payload, _ := frames.Next()
	return payload
}

// echoOnce echoes one frame, changed by f, and hangs up.
func echoOnce(f func([]byte) []byte) func(*bufio.ReadWriter) {
	return func(rw *bufio.ReadWriter) {
		if plain := readOne(rw); plain != nil {
			_ = ws.WriteFrame(rw, ws.NewTextFrame(f(plain)))
		}
	}
}

func same(b []byte) []byte { return b }

func quick(address string) Order {
	return Order{Address: address, Duration: 20 * time.Millisecond, Clients: 3, Depth: 2, Payload: 80}
}

func TestEchoLoadFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve func(*bufio.ReadWriter)
		want  string
	}{
		"hangs up":      {func(*bufio.ReadWriter) {}, "EOF"},
		"loses one":     {echoOnce(same), "EOF"},
		"changes it":    {echoOnce(func(b []byte) []byte { b[len(b)-5]++; return b }), "not an echo"},
		"says nonsense": {echoOnce(func([]byte) []byte { return []byte("hello") }), "not an echo"},
		"other id":      {echoOnce(func(b []byte) []byte { b[23] = '7'; return b }), "unexpected echo"},
		"twice": {func(rw *bufio.ReadWriter) {
			echoOnce(func(b []byte) []byte { _ = ws.WriteFrame(rw, ws.NewTextFrame(b)); return b })(rw)
		}, "unexpected echo"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := EchoLoad(t.Context(), quick(serverAt(t, c.serve)))
			require.NotZero(t, o.Lost)
			require.Contains(t, o.Error, c.want)
		})
	}
}

func TestConnectLoadFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve func(*bufio.ReadWriter)
		want  string
	}{
		"no close frame": {func(rw *bufio.ReadWriter) { readOne(rw) }, "EOF"},
		"other code": {func(rw *bufio.ReadWriter) {
			readOne(rw)
			_ = ws.WriteFrame(rw, ws.NewCloseFrame(ws.NewCloseFrameBody(1001, "")))
		}, "code 1001"},
		"something after it": {func(rw *bufio.ReadWriter) {
			readOne(rw)
			_ = ws.WriteFrame(rw, ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "")))
			_ = ws.WriteFrame(rw, ws.NewTextFrame([]byte("and then")))
		}, "want the end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := ConnectLoad(t.Context(), quick(serverAt(t, c.serve)))
			require.Equal(t, 3, o.Lost)
			require.Zero(t, o.Operations)
			require.Contains(t, o.Error, c.want)
		})
	}
}

// TestLoadsFindAReset: a connection that is reset is lost too. Which of the client's calls fails,
// and how, depends on when the reset arrives, so only the loss is certain.
func TestLoadsFindAReset(t *testing.T) {
	t.Parallel()
	for name, load := range map[string]func(context.Context, Order) Outcome{"echo": EchoLoad, "connect": ConnectLoad} {
		address := connsAt(t, func(conn *net.TCPConn, rw *bufio.ReadWriter) {
			readOne(rw)
			_ = conn.SetLinger(0) // resets it on Close
		})
		o := load(t.Context(), quick(address))
		require.GreaterOrEqual(t, o.Lost, 3, name)
		require.Zero(t, o.Operations, name)
		require.NotEmpty(t, o.Error, name)
	}
}

func TestHandshakeIsChecked(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"":                                   "EOF",
		"HTTP/1.1 403 Forbidden\r\n\r\n":     "403",
		"HTTP/1.1 101 S\r\nA: b\r\n":         "EOF",
		"HTTP/1.1 101 S\r\nA: b\r\n\r\n":     "Sec-WebSocket-Accept",
		"HTTP/1.1 101 S\r\n\r\n":             "Sec-WebSocket-Accept",
		strings.Repeat("x", 5000) + "\r\n\n": "buffer full",
		"HTTP/1.1 101 S\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n": "Sec-WebSocket-Accept",
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = conn.Write([]byte(answer))
				conn.Close()
			}
		}))
		_, err := Dial(t.Context(), NewTarget(strings.TrimPrefix(s.URL, "http://")+"/"), time.Now().Add(time.Minute))
		s.Close()
		require.ErrorContains(t, err, "handshake", answer)
		require.ErrorContains(t, err, want, answer)
	}
}

// Servers may take the key of a handshake for the id of a connection.
func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	key, accept := newKey()
	other, _ := newKey()
	require.NotEqual(t, key, other)
	require.Len(t, key, 24)
	require.Len(t, accept, 28)
}
