package emulator

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// pipes is a listener in memory, for a clock that a test moves.
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

// A client that stops in the middle of a request, or between two, does not keep a connection for ever; one whose $connect
// takes its time does.
func TestServerTimeouts(t *testing.T) {
	t.Parallel()
	const upgrade = "GET /local HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	for name, c := range map[string]struct {
		sent  string
		after time.Duration // the connection ends
	}{
		"in the head":      {"GET /local HTTP/1.1\r\nHost: loc", 10 * time.Second},
		"in the body":      {"POST /local/@connections/" + wellFormed + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx", 30 * time.Second},
		"after the answer": {"GET /local HTTP/1.1\r\nHost: localhost\r\n\r\n", 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, err := New(always(`{"statusCode":200}`), Config{})
				require.NoError(t, err)
				l := newPipes()
				s := serve(g, l)
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
			g, err := New(handlerFunc(slow), Config{Authorizer: &Authorizer{Handler: handlerFunc(func(context.Context, []byte) ([]byte, error) {
				<-time.After(28 * time.Second)
				return []byte(allow("Allow", "*", "")), nil
			})}})
			require.NoError(t, err)
			l := newPipes()
			s := serve(g, l)
			conn := l.dial()
			_, err = io.WriteString(conn, upgrade)
			require.NoError(t, err)
			answer, err := bufio.NewReader(conn).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "HTTP/1.1 101 Switching Protocols\r\n", answer)
			<-time.After(9 * time.Minute)
			_, ok := g.session(soleSession(g))
			require.True(t, ok, "no timeout of the server ends an open connection")
			require.NoError(t, conn.Close())
			require.NoError(t, s.Close(t.Context()))
		})
	})
}

// soleSession is the id of the only open connection.
func soleSession(g *Gateway) string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for id := range g.sessions {
		return id
	}
	return ""
}

// Connections that browsers open in advance do not hold up the end of a server.
func TestServerClosesSilentConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := New(always(`{"statusCode":200}`), Config{})
		require.NoError(t, err)
		l := newPipes()
		s := serve(g, l)
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
