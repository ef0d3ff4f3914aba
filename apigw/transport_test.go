package apigw

import (
	"cmp"
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/gatesock/gatesock"
	"github.com/stretchr/testify/require"
)

// countConns makes a server that counts the TCP connections that it accepts.
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

// postMany sends posts from as many goroutines, and returns the first error.
func postMany(t *testing.T, c gatesock.Poster, goroutines, posts int) error {
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

// localClients makes a client of each kind for a server on this machine, without TLS.
func localClients(t *testing.T, srv *httptest.Server, concurrency int) map[string]gatesock.Poster {
	t.Helper()
	direct, err := New(nil, srv.URL+"/dev", WithConcurrency(concurrency), Patient())
	require.NoError(t, err)
	t.Cleanup(direct.CloseIdleConnections)
	netHTTP, err := New(nil, srv.URL+"/dev", Patient(), OverNetHTTP(nil, concurrency))
	require.NoError(t, err)
	t.Cleanup(netHTTP.CloseIdleConnections)
	sdk, err := NewSDK(aws.Config{}, srv.URL+"/dev", WithConcurrency(concurrency), Patient())
	require.NoError(t, err)
	t.Cleanup(sdk.CloseIdleConnections)
	return map[string]gatesock.Poster{"direct": direct, "net/http": netHTTP, "SDK": sdk}
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
			for name, client := range localClients(t, srv, 64) {
				opened.Store(0)
				err := postMany(t, client, c.goroutines, 2000)
				if c.status == 200 {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, gatesock.ErrGone)
				}
				// A pool that is too small opens hundreds. Single ones are replaced on a busy
				// machine: net/http returns a connection up if its writer has not reported within 50
				// ms of the answer.
				most := map[string]int64{"direct": 64}[name]
				require.LessOrEqual(t, opened.Load(), cmp.Or(most, 3*64), name)
			}
		})
	}
}

// A client lives as long as the process. All broadcasts use its connections.
func TestManyBroadcastsOpenNoMoreConnections(t *testing.T) {
	t.Parallel()
	srv, opened := countConns(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	srv.Start()
	client, err := New(nil, srv.URL+"/dev", WithConcurrency(8), Patient())
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	for range 100 {
		require.NoError(t, postMany(t, client, 16, 32))
	}
	require.LessOrEqual(t, opened.Load(), int64(8))
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
	cfg := srv.TLS.Clone()
	cfg.RootCAs = x509.NewCertPool()
	cfg.RootCAs.AddCert(srv.Certificate())
	cfg.NextProtos = nil
	direct, err := New(nil, srv.URL+"/dev", WithConcurrency(8), WithTLSConfig(cfg))
	require.NoError(t, err)
	defer direct.CloseIdleConnections()
	sdk, err := NewSDK(aws.Config{}, srv.URL+"/dev", WithConcurrency(8), WithTLSConfig(cfg))
	require.NoError(t, err)
	defer sdk.CloseIdleConnections()

	for _, client := range []gatesock.Poster{direct, sdk} {
		opened.Store(0)
		require.NoError(t, postMany(t, client, 32, 500))
		require.Zero(t, older.Load())
		require.LessOrEqual(t, opened.Load(), int64(16)) // the direct client finds out on up to 8
	}
}

// With a proxy, requests go over net/http.
func TestProxyIsUsed(t *testing.T) {
	t.Parallel()
	var got string
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RequestURI }))
	t.Cleanup(proxy.Close)
	via, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	client, err := New(credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""), "http://ws.example.com/x",
		WithRegion("eu-west-1"), option(func(s *settings) { s.proxy = http.ProxyURL(via) }))
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	require.NoError(t, client.Post(t.Context(), gatesock.Target{ConnectionID: "AbC="}, []byte("x")))
	require.Equal(t, "http://ws.example.com/x/@connections/AbC%3D", got)
}

// The roots are those of package x509, which other clients in the process share.
func TestTLSConfig(t *testing.T) {
	t.Parallel()
	client, err := New(EnvironmentCredentials(), "https://ws.example.com", WithRegion("eu-west-1"))
	require.NoError(t, err)
	cfg := client.transports.http.roundTripper.(*http.Transport).TLSClientConfig
	require.Nil(t, cfg.RootCAs)
	require.NotNil(t, cfg.ClientSessionCache)
	require.Nil(t, client.transports.tls.RootCAs)
	require.NotSame(t, cfg, client.transports.tls, "net/http changes its own")
	// Otherwise the first requests of a connection leave in several records, each in its own
	// write.
	require.True(t, client.transports.tls.DynamicRecordSizingDisabled)
}

// counted counts the writes on a connection.
type counted struct {
	net.Conn
	writes *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// Header and body leave in one write, which is one TLS record and usually one packet.
func TestOneWritePerPost(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(srv.Close)
	var writes atomic.Int64
	transport := newHTTPTransport(&settings{
		concurrency: 1, dial: newDialer().DialContext, handshake: handshakeTimeout,
	}, nil)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return counted{conn, &writes}, err
	}
	client, err := New(credentials.NewStaticCredentialsProvider("AKID", "SECRET", "TOKEN"), srv.URL,
		WithTransport(transport))
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	for i, size := range []int{0, 1, 512, 8 << 10} {
		require.NoError(t, client.Post(t.Context(), gatesock.Target{ConnectionID: "AbC="}, make([]byte, size)))
		require.EqualValues(t, i+1, writes.Load(), "%d bytes", size)
	}
}
