package apigw

import (
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/gatesock/gatesock"
	"github.com/stretchr/testify/require"
)

// countConns starts a server and counts the TCP connections that it accepts.
func countConns(t *testing.T, h http.Handler) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var opened atomic.Int64
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	t.Cleanup(srv.Close)
	return srv, &opened
}

// postMany sends posts from as many goroutines, and gives the first error.
func postMany(t *testing.T, c *Client, goroutines, posts int) error {
	t.Helper()
	var (
		wg    sync.WaitGroup
		left  atomic.Int64
		first atomic.Pointer[error]
	)
	left.Store(int64(posts))
	for range goroutines {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := c.Post(t.Context(), gatesock.Target{ConnectionID: "AbC="}, []byte("hello")); err != nil {
					first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if err := first.Load(); err != nil {
		return *err
	}
	return nil
}

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		goroutines int
		status     int
	}{
		{"as many callers as connections", 64, 200},
		{"more callers than connections", 200, 200},
		{"refused posts", 64, 410},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv, opened := countConns(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(c.status)
			}))
			srv.Start()
			client, err := New(aws.Config{}, srv.URL+"/dev", WithConcurrency(64))
			require.NoError(t, err)
			defer client.CloseIdleConnections()

			err = postMany(t, client, c.goroutines, 2000)
			if c.status == 200 {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, gatesock.ErrGone)
			}
			// A pool that is too small opens hundreds. Single ones are replaced on a busy machine: net/http gives a
			// connection up if its writer has not reported within 50 ms of the answer.
			require.LessOrEqual(t, opened.Load(), int64(64+8))
		})
	}
}

func TestHTTP2IsUsedWhereOffered(t *testing.T) {
	t.Parallel()
	var older atomic.Int64
	srv, opened := countConns(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			older.Add(1)
		}
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	hc := newHTTPClient(8)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	hc.Transport.(*http.Transport).TLSClientConfig.RootCAs = roots
	client, err := New(aws.Config{}, srv.URL+"/dev", WithHTTPClient(hc))
	require.NoError(t, err)
	defer client.CloseIdleConnections()

	require.NoError(t, postMany(t, client, 32, 500))
	require.Zero(t, older.Load())
	require.LessOrEqual(t, opened.Load(), int64(8))
}
