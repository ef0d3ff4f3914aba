//go:build unix

package h1

import (
	"bufio"
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// An answer without a request, on an idle connection, is not the answer to the next request.
func TestUnsolicitedAnswer(t *testing.T) {
	t.Parallel()
	timeout := "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	server, client := certificates(t)
	for _, secure := range []bool{false, true} {
		come := make(chan struct{})
		h := &host{serve: func(number int, conn net.Conn, r *bufio.Reader) {
			request(r)
			_, _ = io.WriteString(conn, ok)
			if number == 0 {
				<-come
				_, _ = io.WriteString(conn, timeout)
				come <- struct{}{}
			}
			request(r)
		}}
		cfg := Config{}
		if secure {
			cfg.TLS, cfg.Address = client, h.listen(t, server)
		} else {
			cfg.Address = h.listen(t, nil)
		}
		c := open(t, cfg)
		_, err := do(t, c)
		require.NoError(t, err)
		come <- struct{}{}
		<-come
		for c.pool.idle[0].isQuiet() { // The network may take its time.
			runtime.Gosched()
		}
		resp, err := do(t, c)
		require.NoError(t, err)
		require.Equal(t, 200, resp.Status)
		c.CloseIdleConnections()
	}
}
