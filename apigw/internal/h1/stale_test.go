package h1

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// scripted answers the requests of each connection by a script, and then closes the connection. It
// keeps the bodies.
func scripted(script ...[]string) (*host, func() []string) {
	var mu sync.Mutex
	var bodies []string
	h := &host{serve: func(number int, conn net.Conn, r *bufio.Reader) {
		if number >= len(script) {
			return
		}
		for _, answer := range script[number] {
			body, ok := request(r)
			if !ok {
				return
			}
			mu.Lock()
			bodies = append(bodies, body)
			mu.Unlock()
			_, _ = io.WriteString(conn, answer)
		}
	}}
	return h, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return bodies
	}
}

// What is sent again, and what is not. After its last answer, each connection is closed.
func TestReplay(t *testing.T) {
	t.Parallel()
	const hangUp = ""
	for _, c := range []struct {
		name   string
		script [][]string
		fails  []bool // of each call
		sent   int
	}{
		{"fresh", [][]string{{hangUp}, {ok}}, []bool{true}, 1},
		{"used", [][]string{{ok, hangUp}, {ok}}, []bool{false, false}, 3},
		{"used, and the fresh one too", [][]string{{ok, hangUp}, {hangUp}, {ok}}, []bool{false, true}, 3},
		{"used often", [][]string{{ok, ok, ok, hangUp}, {gone}}, []bool{false, false, false, false}, 5},
		{"a byte", [][]string{{ok, "H"}, {ok}}, []bool{false, true}, 2},
		{"an informational answer", [][]string{{ok, "HTTP/1.1 103 Early Hints\r\n\r\n"}, {ok}}, []bool{false, true}, 2},
		{"half an answer", [][]string{{ok, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na"}, {ok}}, []bool{false, true}, 2},
		{"no answer at all", [][]string{{ok, "garbage\r\n"}, {ok}}, []bool{false, true}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			kinds(t, func(t *testing.T, dial func(*host, Config) *Client) {
				h, bodies := scripted(c.script...)
				client := dial(h, Config{})
				for _, fails := range c.fails {
					_, err := do(t, client)
					require.Equal(t, fails, err != nil, "%v", err)
				}
				require.Equal(t, strings.Repeat("ping", c.sent), strings.Join(bodies(), ""))
				client.CloseIdleConnections()
				require.Zero(t, opened(client))
			})
		})
	}
}

// If one idle connection has died, the others may have, too: they are closed, not tried one after
// the other.
func TestOneDeadAllDead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, bodies := scripted([]string{ok, ""}, []string{ok, ""}, []string{ok, ""}, []string{ok, ok})
		var together sync.WaitGroup
		together.Add(3)
		serve := h.serve
		h.serve = func(number int, conn net.Conn, r *bufio.Reader) {
			if number < 3 { // none answers before all three are there
				together.Done()
				together.Wait()
			}
			serve(number, conn, r)
		}
		c := open(t, Config{Dial: h.pipe})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { _, _ = do(t, c) })
		}
		wg.Wait()
		require.Equal(t, 3, opened(c))
		_, err := do(t, c)
		require.NoError(t, err)
		require.Equal(t, 1, opened(c))
		require.Len(t, bodies(), 5)
		c.CloseIdleConnections()
		h.wg.Wait()
	})
}

// A call whose connection had died was sent, even if no other connection can be opened. Its error
// is not that of a dial.
func TestNoFreshConnection(t *testing.T) {
	t.Parallel()
	h, bodies := scripted([]string{ok, ""})
	dials := 0
	c := open(t, Config{MaxConns: 1, Address: h.listen(t, nil), Dial: func(
		ctx context.Context, network, address string,
	) (net.Conn, error) {
		if dials++; dials > 1 {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errMine}
		}
		return hide(ctx, network, address)
	}})
	_, err := do(t, c)
	require.NoError(t, err)
	_, err = do(t, c)
	require.ErrorIs(t, err, io.EOF)
	require.ErrorContains(t, err, "mine")
	var op *net.OpError
	require.NotErrorAs(t, err, &op)
	require.Len(t, bodies(), 2)
	require.Zero(t, opened(c))
}

// A connection that the server closed while it was idle costs no request, if the client can see
// its end.
func TestClosedWhileIdle(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, dial func(*host, Config) *Client) {
		h, bodies := scripted([]string{ok}, []string{ok}, []string{ok})
		c := dial(h, Config{})
		for i := range 3 {
			_, err := do(t, c)
			require.NoError(t, err, i)
		}
		require.Len(t, bodies(), 3)
		require.Equal(t, 3, h.count())
	})
}

// A second answer to one request must not be the answer to the next one.
func TestTwoAnswers(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, dial func(*host, Config) *Client) {
		for _, pieces := range [][]string{{ok + gone}, {ok, gone}} { // in one record, in two
			h := &host{serve: func(_ int, conn net.Conn, r *bufio.Reader) {
				for {
					if _, ok := request(r); !ok {
						return
					}
					for _, piece := range pieces {
						_, _ = io.WriteString(conn, piece)
					}
				}
			}}
			c := dial(h, Config{})
			for range 20 {
				// If the second answer is separate, it may come while the next request is on its
				// way. That cannot be detected.
				resp, err := do(t, c)
				if len(pieces) == 1 {
					require.NoError(t, err)
					require.Equal(t, 200, resp.Status)
				}
			}
			if len(pieces) == 1 {
				require.Equal(t, 20, h.count())
			}
			c.CloseIdleConnections()
		}
	})
}

// The second answer is in the same segment, but in its own record. TLS has it, and has not
// returned it.
func TestTwoAnswersInOneSegment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		accepts, cfg := certificates(t)
		h := &host{serve: func(_ int, conn net.Conn, _ *bufio.Reader) {
			batch := &batched{Conn: conn}
			secure := tls.Server(batch, accepts)
			r := bufio.NewReader(secure)
			for {
				if _, ok := request(r); !ok {
					return
				}
				batch.hold = true
				_, _ = io.WriteString(secure, ok)
				_, _ = io.WriteString(secure, gone)
				batch.hold = false
				if _, err := batch.Write(nil); err != nil {
					return
				}
			}
		}}
		c := open(t, Config{Dial: h.pipe, TLS: cfg, Address: "example.com:443"})
		for range 3 {
			resp, err := do(t, c)
			require.NoError(t, err)
			require.Equal(t, 200, resp.Status)
			require.Zero(t, opened(c), "it is not kept")
		}
		require.Equal(t, 3, h.count())
		h.wg.Wait()
	})
}

// batched collects writes while it holds, and then writes them at once.
type batched struct {
	net.Conn
	hold bool
	kept []byte
}

func (b *batched) Write(p []byte) (int, error) {
	if b.hold {
		b.kept = append(b.kept, p...)
		return len(p), nil
	}
	b.kept = append(b.kept, p...)
	_, err := b.Conn.Write(b.kept)
	b.kept = b.kept[:0]
	return len(p), err
}

// The answer of a server is read even if it answers before it has read the request, and closes.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, dial func(*host, Config) *Client) {
		body := strings.Repeat("x", 8<<20)
		h := &host{serve: func(_ int, conn net.Conn, r *bufio.Reader) {
			_, _ = r.ReadString('\n')
			_, _ = io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
			_, _ = io.CopyN(io.Discard, r, 64<<10)
		}}
		c := dial(h, Config{})
		var resp Response
		message := []byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n" + body)
		err := call(t.Context(), c, time.Now().Add(never), message, &resp)
		if resp.Status == 0 { // The reset may outrun the answer.
			require.Error(t, err)
		} else {
			require.Equal(t, 413, resp.Status)
		}
		require.Equal(t, 1, h.count(), "nothing is sent again")
		require.Zero(t, opened(c))
	})
}

// After a process was frozen, its connections are too old, by the wall clock.
func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &host{serve: answering(ok)}
		c := open(t, Config{Dial: h.pipe, IdleTimeout: 30 * time.Second})
		for i, c2 := range []struct {
			pause time.Duration
			dials int
		}{{0, 1}, {30 * time.Second, 1}, {30*time.Second + 1, 2}, {time.Hour, 3}, {time.Second, 3}} {
			<-time.After(c2.pause)
			_, err := do(t, c)
			require.NoError(t, err)
			require.Equal(t, c2.dials, h.count(), i)
			require.Equal(t, 1, opened(c), "the old one is closed")
		}
		c.CloseIdleConnections()
		h.wg.Wait()
	})
}
