package h1

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	ping  = "POST /x HTTP/1.1\r\nHost: example.com\r\nContent-Length: 4\r\n\r\nping"
	ok    = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	gone  = "HTTP/1.1 410 Gone\r\nx-amzn-ErrorType: GoneException\r\nContent-Length: 0\r\n\r\n"
	never = time.Hour
)

// host is a server. It calls serve for each connection, with its number, and closes the connection
// when serve returns.
type host struct {
	serve func(number int, conn net.Conn, r *bufio.Reader)

	mu     sync.Mutex
	dialed int
	wg     sync.WaitGroup
}

func (h *host) accept(conn net.Conn) {
	h.mu.Lock()
	number := h.dialed
	h.dialed++
	h.mu.Unlock()
	h.wg.Go(func() {
		defer func() { _ = conn.Close() }()
		h.serve(number, conn, bufio.NewReader(conn))
	})
}

func (h *host) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dialed
}

// pipe opens connections in memory, which is what a virtual clock needs.
func (h *host) pipe(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	h.accept(server)
	return client, nil
}

// listen serves on a real socket, over TLS if there is a configuration.
func (h *host) listen(t *testing.T, cfg *tls.Config) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It is closed below.
	require.NoError(t, err)
	t.Cleanup(h.wg.Wait)
	t.Cleanup(func() { _ = l.Close() })
	h.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if cfg != nil {
				conn = tls.Server(conn, cfg)
			}
			h.accept(conn)
		}
	})
	return l.Addr().String()
}

// request reads a request and returns its body, false at the end of the connection.
func request(r *bufio.Reader) (string, bool) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return "", false
	}
	body, err := io.ReadAll(req.Body)
	return string(body), err == nil
}

// answering answers each request with the next of answers, and repeats the last one.
func answering(answers ...string) func(int, net.Conn, *bufio.Reader) {
	return func(_ int, conn net.Conn, r *bufio.Reader) {
		for i := 0; ; i++ {
			if _, ok := request(r); !ok {
				return
			}
			if _, err := io.WriteString(conn, answers[min(i, len(answers)-1)]); err != nil {
				return
			}
		}
	}
}

// certificates returns the two sides of TLS.
func certificates(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	donor := httptest.NewTLSServer(nil)
	donor.Close()
	roots := x509.NewCertPool()
	roots.AddCert(donor.Certificate())
	server = &tls.Config{Certificates: donor.TLS.Certificates, MinVersion: tls.VersionTLS12}
	return server, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, DynamicRecordSizingDisabled: true}
}

// hidden hides the type of its connection, so that the client uses the system calls of package
// net.
type hidden struct{ net.Conn }

func hide(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return hidden{conn}, nil
}

// kinds are the kinds of connections that a Client has.
func kinds(t *testing.T, test func(t *testing.T, dial func(*host, Config) *Client)) {
	t.Helper()
	server, client := certificates(t)
	for _, k := range []struct {
		name   string
		secure bool
		hidden bool
	}{
		{"TCP", false, false},
		{"TLS", true, false},
		{"TCP of another kind", false, true},
		{"TLS over another kind", true, true},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			test(t, func(h *host, cfg Config) *Client {
				var accepts *tls.Config
				if k.secure {
					accepts, cfg.TLS = server, client
				}
				if k.hidden {
					cfg.Dial = hide
				}
				cfg.Address = h.listen(t, accepts)
				return open(t, cfg)
			})
		})
	}
}

// open makes a client with what a test has not set.
func open(t *testing.T, cfg Config) *Client {
	t.Helper()
	if cfg.Address == "" {
		cfg.Address = "example.com:80"
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 8
	}
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = 30 * time.Second
	}
	c := New(cfg)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// do sends a ping, with an hour for the answer.
func do(t *testing.T, c *Client) (Response, error) {
	t.Helper()
	var resp Response
	err := call(t.Context(), c, time.Now().Add(never), []byte(ping), &resp)
	return resp, err
}

// call waits for a place and sends a request in it.
func call(ctx context.Context, c *Client, deadline time.Time, request []byte, resp *Response) error {
	p, err := c.Wait(ctx)
	if err != nil {
		return err
	}
	return c.Do(ctx, p, deadline, request, resp)
}

// opened is how many connections a client counts.
func opened(c *Client) int {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	return c.pool.open
}
