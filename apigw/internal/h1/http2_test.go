package h1

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// mixed is a server behind a load balancer: its first connection speaks HTTP/1.1, the others
// HTTP/2. Each answer waits for a value in answer. The second handshake closes shaking when it
// begins, and waits until shake is closed.
type mixed struct {
	asked, answer, shaking, shake chan struct{}
}

func (m *mixed) serve(t *testing.T) *Client {
	t.Helper()
	m.asked, m.answer = make(chan struct{}), make(chan struct{})
	m.shaking, m.shake = make(chan struct{}), make(chan struct{})
	server, client := certificates(t)
	var shakes atomic.Int64
	server.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		cfg := server.Clone()
		cfg.NextProtos = []string{"http/1.1"}
		if shakes.Add(1) > 1 {
			close(m.shaking)
			<-m.shake
			cfg.NextProtos = []string{"h2"}
		}
		return cfg, nil
	}
	h := &host{serve: func(_ int, conn net.Conn, r *bufio.Reader) {
		for {
			if _, ok := request(r); !ok {
				return
			}
			m.asked <- struct{}{}
			<-m.answer
			_, _ = io.WriteString(conn, ok)
		}
	}}
	return open(t, Config{TLS: client, Address: h.listen(t, server)})
}

// After a client has found out about HTTP/2, no call uses the connections that speak HTTP/1.1,
// whatever they are doing.
func TestHTTP2LeavesNothingOpen(t *testing.T) {
	t.Parallel()
	post := func(t *testing.T, wg *sync.WaitGroup, c *Client, want error) {
		t.Helper()
		wg.Go(func() {
			if _, err := do(t, c); want != nil {
				require.ErrorIs(t, err, want)
			} else {
				require.NoError(t, err)
			}
		})
	}
	for name, test := range map[string]func(t *testing.T, m *mixed, c *Client){
		"idle": func(t *testing.T, m *mixed, c *Client) {
			var older, newer sync.WaitGroup
			post(t, &older, c, nil)
			<-m.asked
			post(t, &newer, c, ErrHTTP2)
			<-m.shaking
			m.answer <- struct{}{}
			older.Wait()
			close(m.shake)
			newer.Wait()
		},
		"busy": func(t *testing.T, m *mixed, c *Client) {
			var older, newer sync.WaitGroup
			post(t, &older, c, nil)
			<-m.asked
			close(m.shake)
			post(t, &newer, c, ErrHTTP2)
			newer.Wait()
			require.Equal(t, 1, opened(c))
			m.answer <- struct{}{}
			older.Wait()
		},
		"left unused": func(t *testing.T, m *mixed, c *Client) {
			var wg sync.WaitGroup
			post(t, &wg, c, nil)
			<-m.asked
			m.answer <- struct{}{}
			wg.Wait()
			p, err := c.Wait(t.Context())
			require.NoError(t, err)
			close(m.shake)
			post(t, &wg, c, ErrHTTP2)
			wg.Wait()
			c.Leave(p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var m mixed
			c := m.serve(t)
			test(t, &m, c)
			require.Zero(t, opened(c))
			require.Zero(t, idle(c))
			_, err := c.Wait(t.Context())
			require.ErrorIs(t, err, ErrHTTP2)
		})
	}
}
