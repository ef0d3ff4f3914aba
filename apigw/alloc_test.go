//go:build !race

// The race detector allocates, and makes pools forget.

package apigw

import (
	"bufio"
	"context"
	"crypto/tls"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/gatesock/gatesock"
	"github.com/stretchr/testify/require"
)

// frugal is a gateway that answers every request with 200 and allocates nothing for it, so that
// what is counted is the client's.
func frugal(t *testing.T, secure bool) (endpoint string, cfg *tls.Config) {
	t.Helper()
	donor := httptest.NewTLSServer(nil)
	t.Cleanup(donor.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It is closed below.
	require.NoError(t, err)
	endpoint = "http://" + listener.Addr().String() + "/dev"
	if secure {
		listener = tls.NewListener(listener, &tls.Config{Certificates: donor.TLS.Certificates, MinVersion: tls.VersionTLS12})
		endpoint = "https" + strings.TrimPrefix(endpoint, "http")
	}
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { _ = listener.Close() })
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { answerAll(conn) })
		}
	})
	return endpoint, donor.Client().Transport.(*http.Transport).TLSClientConfig
}

// answerAll answers requests whose body has 512 bytes.
func answerAll(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	ok := []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	for {
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) == 2 {
				break
			}
		}
		if _, err := r.Discard(512); err != nil {
			return
		}
		if _, err := conn.Write(ok); err != nil {
			return
		}
	}
}

// Over net/http, most allocations are its own. TLS adds 4 there: 2 to read records, 2 to ask for a
// connection over HTTP/2.
func TestAllocsPerPost(t *testing.T) {
	secure, cfg := frugal(t, true)
	plain, _ := frugal(t, false)
	keys := credentials.NewStaticCredentialsProvider("AKID", "SECRET", strings.Repeat("t", 1200))
	for _, c := range []struct {
		name     string
		endpoint string
		opt      Option
		max      float64
	}{
		{"net/http", plain, OverNetHTTP(nil, 1), 45},
		{"net/http over TLS", secure, OverNetHTTP(cfg, 1), 49},
		{"direct", plain, WithConcurrency(1), 2},
		{"direct over TLS", secure, WithTLSConfig(cfg), 5},
	} {
		client, err := New(keys, c.endpoint, c.opt)
		require.NoError(t, err)
		t.Cleanup(client.CloseIdleConnections)
		post := client.Prepare(make([]byte, 512), 0)
		// As in a function whose own deadline is near. Otherwise a context for the timeout adds 7
		// to net/http.
		ctx, cancel := context.WithTimeout(t.Context(), defaultTimeout)
		defer cancel()
		allocs := math.Inf(1)
		// The goroutines of net/http and collections that empty its pools only ever add some.
		for n := 0; n < 20 && allocs > c.max; n++ {
			allocs = min(allocs, testing.AllocsPerRun(300, func() {
				if err := post(ctx, gatesock.Target{ConnectionID: "R0oXAdfD0kwCH6w="}); err != nil {
					t.Fatal(err)
				}
			}))
		}
		require.LessOrEqual(t, allocs, c.max, c.name)
	}
}
