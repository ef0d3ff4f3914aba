package apigw_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/stretchr/testify/require"
)

const id = "R0oXAdfD0kwCH6w="

var to = gatesock.Target{ConnectionID: id} //nolint:gochecknoglobals // A constant, if it could be one.

func keys() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider("AKID", "SECRET", "TOKEN")
}

// client has the methods of both clients.
type client interface {
	gatesock.Preparer
	Info(ctx context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error)
	Disconnect(ctx context.Context, from gatesock.Target) error
	CloseIdleConnections()
}

// way is a client with one of its transports. All pass the same tests.
type way struct {
	name string
	// http2: the server offers it.
	http2 bool
	// replays: a request that met a connection which had died while idle is sent again.
	replays bool
	open    func(endpoint string, cfg *tls.Config, opts []apigw.Option) (client, error)
}

func ways() []way {
	direct := func(endpoint string, cfg *tls.Config, opts []apigw.Option) (client, error) {
		return apigw.New(keys(), endpoint, append(opts, apigw.WithTLSConfig(cfg), apigw.WithRegion("eu-west-1"))...)
	}
	return []way{
		{name: "SDK", open: func(endpoint string, cfg *tls.Config, opts []apigw.Option) (client, error) {
			return apigw.NewSDK(aws.Config{Region: "eu-west-1", Credentials: keys()}, endpoint,
				append(opts, apigw.WithTLSConfig(cfg))...)
		}},
		{name: "direct", replays: true, open: direct},
		{name: "net/http", replays: true, open: func(endpoint string, cfg *tls.Config, opts []apigw.Option) (client, error) {
			return apigw.New(keys(), endpoint, append(opts, apigw.OverNetHTTP(cfg, 8), apigw.WithRegion("eu-west-1"))...)
		}},
		{name: "HTTP/2", http2: true, replays: true, open: direct},
	}
}

// everyWay runs a test for each way.
func everyWay(t *testing.T, test func(t *testing.T, w way)) {
	t.Helper()
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

// serve starts a gateway over TLS and returns a client to it, with the stage dev.
func (w way) serve(t *testing.T, h http.HandlerFunc, opts ...apigw.Option) client {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if want := map[bool]int{false: 1, true: 2}[w.http2]; r.ProtoMajor != want {
			rw.WriteHeader(http.StatusHTTPVersionNotSupported)
			return
		}
		h(rw, r)
	}))
	return w.start(t, srv, opts...)
}

// start starts a server that was made for this way, and returns a client to it.
func (w way) start(t *testing.T, srv *httptest.Server, opts ...apigw.Option) client {
	t.Helper()
	srv.EnableHTTP2 = w.http2
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return w.client(t, srv.URL+"/dev", trust(srv), opts...)
}

func (w way) client(t *testing.T, endpoint string, cfg *tls.Config, opts ...apigw.Option) client {
	t.Helper()
	c, err := w.open(endpoint, cfg, append([]apigw.Option{apigw.Patient()}, opts...))
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// trust returns a configuration that trusts the server's certificate.
func trust(srv *httptest.Server) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// plain starts a gateway without TLS and returns a direct client to it.
func plain(t *testing.T, h http.HandlerFunc, opts ...apigw.Option) *apigw.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := apigw.New(keys(), srv.URL+"/dev", append([]apigw.Option{apigw.Patient()}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func answer(status int, errorType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if errorType != "" {
			w.Header().Set("X-Amzn-ErrorType", errorType)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}
