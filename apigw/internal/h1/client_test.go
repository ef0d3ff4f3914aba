package h1

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDo(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, dial func(*host, Config) *Client) {
		h := &host{serve: answering(
			ok, gone, "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", ok,
		)}
		c := dial(h, Config{})
		for _, want := range []Response{
			{Status: 200}, {Status: 410, ErrorType: "GoneException"}, {Status: 500, Body: []byte("abc")}, {Status: 200},
		} {
			got, err := do(t, c)
			require.NoError(t, err)
			want.Sent = true
			require.Equal(t, want, got)
		}
		require.Equal(t, 1, h.count())
		c.CloseIdleConnections()
		require.Zero(t, opened(c))
		_, err := do(t, c)
		require.NoError(t, err)
		require.Equal(t, 2, h.count())
	})
}

// A large message leaves in pieces, because the server reads slowly.
func TestLargeRequest(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, dial func(*host, Config) *Client) {
		var numbers strings.Builder // no part of it is like another
		for i := range 1 << 18 {
			fmt.Fprintf(&numbers, "%08x", i)
		}
		body := numbers.String()
		got := make(chan string, 1)
		c := dial(&host{serve: func(_ int, conn net.Conn, r *bufio.Reader) {
			b, _ := request(r)
			got <- b
			_, _ = io.WriteString(conn, ok)
		}}, Config{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err == nil {
				err = conn.(*net.TCPConn).SetWriteBuffer(8 << 10)
			}
			return conn, err
		}})
		var resp Response
		message := []byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n" + body)
		err := call(t.Context(), c, time.Now().Add(never), message, &resp)
		require.NoError(t, err)
		require.True(t, body == <-got)
	})
}

// A call may take longer than one wait, up to its deadline.
func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &host{serve: func(_ int, conn net.Conn, r *bufio.Reader) {
			request(r)
			for _, b := range []byte(gone) {
				<-time.After(time.Second)
				_, _ = conn.Write([]byte{b})
			}
		}}
		c := open(t, Config{Dial: h.pipe})
		var resp Response
		require.NoError(t, call(t.Context(), c, time.Now().Add(24*never), []byte(ping), &resp))
		require.Equal(t, "GoneException", resp.ErrorType)
		c.CloseIdleConnections()
		h.wg.Wait()
	})
}

// Each phase of a call ends at its deadline, and soon after its context has ended.
func TestCallsEndInTime(t *testing.T) {
	t.Parallel()
	stuck := func(_ int, conn net.Conn, r *bufio.Reader) {
		_, _ = io.Copy(io.Discard, r)
	}
	after := func(answer string) func(int, net.Conn, *bufio.Reader) {
		return func(_ int, conn net.Conn, r *bufio.Reader) {
			request(r)
			_, _ = io.WriteString(conn, answer)
			_, _ = io.Copy(io.Discard, r)
		}
	}
	for _, c := range []struct {
		name   string
		serve  func(int, net.Conn, *bufio.Reader) // nil: does not even read
		cfg    Config
		busy   bool // another call has the only connection
		status int
		sent   bool
	}{
		{name: "dial", cfg: Config{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
		}}},
		{name: "handshake, unread", cfg: Config{TLS: &tls.Config{MinVersion: tls.VersionTLS12}}},
		{name: "handshake, unanswered", cfg: Config{TLS: &tls.Config{MinVersion: tls.VersionTLS12}}, serve: stuck},
		{name: "wait", busy: true, serve: stuck}, // which only the context ends
		{name: "write", sent: true},
		{name: "answer", sent: true, serve: stuck},
		{name: "head", sent: true, serve: after("HTTP/1.1 200 OK\r\nContent-")},
		{name: "body", sent: true, serve: after("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), status: 200},
		{
			name: "chunk", sent: true, serve: after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"),
			status: 200,
		},
		{
			name: "trailer", sent: true, serve: after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"),
			status: 200,
		},
		{name: "end", sent: true, serve: after("HTTP/1.1 200 OK\r\n\r\nabc"), status: 200},
	} {
		for _, cancelled := range []bool{false, true} {
			t.Run(c.name+map[bool]string{true: ", cancelled"}[cancelled], func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					done := make(chan struct{})
					h := &host{serve: c.serve}
					if h.serve == nil {
						h.serve = func(int, net.Conn, *bufio.Reader) { <-done }
					}
					cfg := c.cfg
					if cfg.Dial == nil {
						cfg.Dial = h.pipe
					}
					cfg.MaxConns = 1
					client := open(t, cfg)
					var other sync.WaitGroup
					if c.busy {
						other.Go(func() { _ = call(t.Context(), client, time.Now().Add(never), []byte(ping), new(Response)) })
						synctest.Wait()
					}
					start := time.Now()
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if c.busy {
						ctx, cancel = context.WithTimeout(ctx, 777*time.Millisecond)
						defer cancel()
					}
					deadline := start.Add(777 * time.Millisecond)
					most := 777 * time.Millisecond
					if cancelled {
						deadline, most = start.Add(2*never), 777*time.Millisecond+attention
						time.AfterFunc(777*time.Millisecond, cancel)
					}
					var resp Response
					err := call(ctx, client, deadline, []byte(ping), &resp)
					require.Error(t, err)
					require.Equal(t, c.status, resp.Status)
					require.Equal(t, c.sent, resp.Sent)
					require.GreaterOrEqual(t, time.Since(start), 777*time.Millisecond)
					require.LessOrEqual(t, time.Since(start), most)
					close(done)
					other.Wait()
					h.wg.Wait()
					require.Zero(t, opened(client), "nothing is left of it")
				})
			})
		}
	}
}

// A call without time left is not begun.
func TestNoTimeLeft(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, dial func(*host, Config) *Client) {
		var mu sync.Mutex
		requests := 0
		h := &host{serve: func(_ int, conn net.Conn, r *bufio.Reader) {
			for {
				if _, ok := request(r); !ok {
					return
				}
				mu.Lock()
				requests++
				mu.Unlock()
				_, _ = io.WriteString(conn, ok)
			}
		}}
		c := dial(h, Config{})
		_, err := do(t, c)
		require.NoError(t, err)
		require.Error(t, call(t.Context(), c, time.Now(), []byte(ping), new(Response)))
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, call(ended, c, time.Now().Add(never), []byte(ping), new(Response)))
		_, err = do(t, c)
		require.NoError(t, err)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, 2, requests)
	})
}

func TestHandshakeTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &host{serve: func(_ int, _ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }}
		c := open(t, Config{Dial: h.pipe, TLS: &tls.Config{MinVersion: tls.VersionTLS12}, HandshakeTimeout: 5 * time.Second})
		start := time.Now()
		_, err := do(t, c)
		require.ErrorIs(t, err, ErrHandshakeTimeout)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "TLS handshake")
		require.Equal(t, 5*time.Second, time.Since(start))

		start = time.Now()
		err = call(t.Context(), c, start.Add(time.Second), []byte(ping), new(Response))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, ErrHandshakeTimeout)
		require.Equal(t, time.Second, time.Since(start))
		h.wg.Wait()
		require.Zero(t, opened(c))
	})
}

func TestDialFails(t *testing.T) {
	t.Parallel()
	c := open(t, Config{Address: "127.0.0.1:1", MaxConns: 1})
	for range 3 { // Its place is free again.
		_, err := do(t, c)
		var op *net.OpError
		require.ErrorAs(t, err, &op)
		require.Equal(t, "dial", op.Op)
	}
}

// A certificate may be untrusted, or that of another host.
func TestHandshakeFails(t *testing.T) {
	t.Parallel()
	server, client := certificates(t)
	other := client.Clone()
	other.ServerName = "other.test"
	h := &host{serve: answering(ok)}
	address := h.listen(t, server)
	for says, cfg := range map[string]*tls.Config{"other.test": other, "authority": {MinVersion: tls.VersionTLS12}} {
		c := open(t, Config{Address: address, TLS: cfg})
		_, err := do(t, c)
		require.ErrorContains(t, err, "TLS handshake")
		require.ErrorContains(t, err, says)
		require.Zero(t, opened(c))
	}
}

// The first connection finds out, and the Client knows from then on.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	server, client := certificates(t)
	server.NextProtos = []string{"h2", "http/1.1"}
	h := &host{serve: answering(ok)}
	address := h.listen(t, server)
	c := open(t, Config{Address: address, TLS: client, MaxConns: 1})
	for range 3 {
		_, err := do(t, c)
		require.ErrorIs(t, err, ErrHTTP2)
		require.Zero(t, opened(c))
	}
	require.Equal(t, 1, h.count())

	// Without HTTP/2 among its protocols, a client keeps HTTP/1.1.
	older := client.Clone()
	older.NextProtos = []string{"http/1.1"}
	_, err := do(t, open(t, Config{Address: address, TLS: older}))
	require.NoError(t, err)
}

// records counts the records of application data that a TLS client sends.
type records struct {
	net.Conn
	buf   bytes.Buffer
	count *atomic.Int64
}

func (r *records) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.buf.Write(p[:n])
	for r.buf.Len() >= 5 {
		head := r.buf.Bytes()
		size := 5 + int(head[3])<<8 + int(head[4])
		if r.buf.Len() < size {
			break
		}
		if head[0] == 23 {
			r.count.Add(1)
		}
		r.buf.Next(size)
	}
	return n, err
}

// Header and body are one record, and one write, from the first request on.
func TestOneWrite(t *testing.T) {
	t.Parallel()
	server, client := certificates(t)
	server.MaxVersion = tls.VersionTLS12 // In 1.3 the handshake's end looks like data.
	for _, size := range []int{1, 512, 8 << 10} {
		var sent atomic.Int64
		h := &host{serve: func(_ int, conn net.Conn, _ *bufio.Reader) {
			conn = tls.Server(&records{Conn: conn, count: &sent}, server)
			answering(ok)(0, conn, bufio.NewReader(conn))
		}}
		c := open(t, Config{Address: h.listen(t, nil), TLS: client})
		message := "POST / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("t", 3000) + "\r\nContent-Length: "
		message += map[int]string{1: "1", 512: "512", 8 << 10: "8192"}[size] + "\r\n\r\n" + strings.Repeat("x", size)
		for range 3 {
			require.NoError(t, call(t.Context(), c, time.Now().Add(never), []byte(message), new(Response)))
		}
		c.CloseIdleConnections()
		require.EqualValues(t, 3, sent.Load(), "%d bytes", size)
	}
}

var errMine = errors.New("mine")

func TestErrorsOfDialAreKept(t *testing.T) {
	t.Parallel()
	c := open(t, Config{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errMine }})
	_, err := do(t, c)
	require.ErrorIs(t, err, errMine)
}
