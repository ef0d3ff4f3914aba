//go:build !race

// The race detector allocates, and makes pools forget.

package h1

import (
	"bufio"
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// One allocation is the error type. TLS makes two readers for each record.
func TestAllocs(t *testing.T) {
	server, client := certificates(t)
	serve := func(_ int, conn net.Conn, r *bufio.Reader) {
		for answer := []byte(gone); ; {
			if _, err := r.Discard(len(ping)); err != nil {
				return
			}
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	}
	plain := open(t, Config{Address: (&host{serve: serve}).listen(t, nil)})
	secure := open(t, Config{Address: (&host{serve: serve}).listen(t, server), TLS: client})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	request := []byte(ping)
	for c, most := range map[*Client]float64{plain: 1, secure: 4} {
		deadline := time.Now().Add(never)
		require.LessOrEqual(t, testing.AllocsPerRun(300, func() {
			var resp Response
			if err := call(ctx, c, deadline, request, &resp); err != nil {
				t.Fatal(err)
			}
		}), most)
	}
}
