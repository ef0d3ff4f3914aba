package apigw_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/stretchr/testify/require"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	region := apigw.WithRegion("eu-west-1")
	for _, c := range []struct {
		says        string
		credentials aws.CredentialsProvider
		endpoint    string
		opts        []apigw.Option
	}{
		{"it is empty", keys(), "", nil},
		{"region", keys(), "https://ws.example.com", nil},
		{"redentials", nil, "https://ws.example.com", []apigw.Option{region}},
		{`"eu west" is not a region`, keys(), "https://ws.example.com", []apigw.Option{apigw.WithRegion("eu west")}},
	} {
		_, err := apigw.New(c.credentials, c.endpoint, c.opts...)
		require.ErrorContains(t, err, c.says)
		_, err = apigw.NewSDK(aws.Config{Credentials: c.credentials}, c.endpoint, c.opts...)
		require.ErrorContains(t, err, c.says)
	}
}

func TestOptionsPanic(t *testing.T) {
	t.Parallel()
	for want, option := range map[string]func() apigw.Option{
		"apigw: WithTimeout: d is 0s, must be positive":    func() apigw.Option { return apigw.WithTimeout(0) },
		"apigw: WithConcurrency: n is 0, must be positive": func() apigw.Option { return apigw.WithConcurrency(0) },
		"apigw: WithTransport: t must not be nil":          func() apigw.Option { return apigw.WithTransport(nil) },
		"apigw: WithTLSConfig: cfg must not be nil":        func() apigw.Option { return apigw.WithTLSConfig(nil) },
		"apigw: WithClock: now must not be nil":            func() apigw.Option { return apigw.WithClock(nil) },
	} {
		require.PanicsWithValue(t, want, func() { option() })
	}
	require.PanicsWithValue(t,
		"apigw: WithTransport and WithTLSConfig exclude each other: configure TLS in the transport", func() {
			_, _ = apigw.New(keys(), "https://ws.example.com", apigw.WithTransport(http.DefaultTransport),
				apigw.WithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}))
		})
}

// recorder is a transport that keeps the last request and answers 200.
type recorder struct{ last *http.Request }

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.last = req
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}, nil
}

func TestSigningRegion(t *testing.T) {
	t.Parallel()
	const host = "https://abc.execute-api.us-west-2.amazonaws.com/prod"
	for _, c := range []struct{ region, own, target, want string }{
		{"eu-west-1", host, "", "us-west-2"},
		{"", host, "", "us-west-2"},
		{"eu-west-1", "https://ws.example.com", "", "eu-west-1"},
		{"eu-west-1", "https://ws.example.com", host, "us-west-2"},
		{"eu-west-1", host, "https://ws.example.com", "eu-west-1"},
		{"", host, "https://ws.example.com", "us-west-2"},
	} {
		var r recorder
		opts := []apigw.Option{apigw.WithTransport(&r), apigw.WithRegion(c.region)}
		direct, err := apigw.New(keys(), c.own, opts...)
		require.NoError(t, err)
		sdk, err := apigw.NewSDK(aws.Config{Credentials: keys()}, c.own, opts...)
		require.NoError(t, err)
		for _, client := range []client{direct, sdk} {
			require.NoError(t, client.Post(t.Context(), gatesock.Target{ConnectionID: id, Endpoint: c.target}, []byte("x")))
			require.Contains(t, r.last.Header.Get("Authorization"), "/"+c.want+"/execute-api/")
		}
	}
}

// Both clients send the same path, the same host and the same values of signed headers.
func TestRequestsAreTheSDKs(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return time.Date(2026, 11, 24, 1, 2, 3, 4, time.UTC) }
	for _, endpoint := range []string{
		"https://ws.example.com", "https://ws.example.com:443/a", "https://WS.example.com:8443/a/b",
		"https://ws.example.com/it's(1)!*$+", "https://ws.example.com/%61-%7E",
		"https://abc.execute-api.us-west-2.amazonaws.com/prod", "http://localhost:80/dev", "http://[::1]:3001/dev",
	} {
		var direct, sdk recorder
		own, err := apigw.New(keys(), endpoint,
			apigw.WithTransport(&direct), apigw.WithClock(now), apigw.WithRegion("eu-west-1"))
		require.NoError(t, err)
		theirs, err := apigw.NewSDK(aws.Config{Region: "eu-west-1", Credentials: keys()}, endpoint,
			apigw.WithTransport(&sdk), apigw.WithClock(now))
		require.NoError(t, err)
		require.NoError(t, own.Post(t.Context(), to, []byte("x")))
		require.NoError(t, theirs.Post(t.Context(), to, []byte("x")))
		require.Equal(t, sdk.last.URL.RequestURI(), direct.last.URL.RequestURI())
		require.Equal(t, sdk.last.URL.Path, direct.last.URL.Path)
		require.Equal(t, hostOf(sdk.last), hostOf(direct.last))
		require.Equal(t, "20261124T010203Z", direct.last.Header.Get("X-Amz-Date"))
		for _, name := range []string{"X-Amz-Date", "X-Amz-Security-Token", "Content-Type"} {
			require.Equal(t, sdk.last.Header.Get(name), direct.last.Header.Get(name), name)
		}
	}
}

func hostOf(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

func TestLoopbackNeedsNoConfiguration(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(srv.Close)
	direct, err := apigw.New(nil, srv.URL+"/dev")
	require.NoError(t, err)
	sdk, err := apigw.NewSDK(aws.Config{}, srv.URL+"/dev")
	require.NoError(t, err)
	for _, c := range []client{direct, sdk} {
		t.Cleanup(c.CloseIdleConnections)
		require.NoError(t, c.Post(t.Context(), to, []byte("x")))
	}
	// Other hosts would refuse an unsigned request, so it is not sent.
	err = direct.Post(t.Context(), gatesock.Target{ConnectionID: id, Endpoint: "https://ws.example.com"}, nil)
	require.ErrorIs(t, err, gatesock.ErrForbidden)
	require.ErrorContains(t, err, "no credentials")

	signed, err := apigw.New(keys(), srv.URL+"/dev")
	require.NoError(t, err)
	t.Cleanup(signed.CloseIdleConnections)
	require.ErrorIs(t, signed.Post(t.Context(), to, nil), gatesock.ErrForbidden, "it was signed")
	err = signed.Post(t.Context(), gatesock.Target{ConnectionID: id, Endpoint: "https://ws.example.com"}, nil)
	require.ErrorContains(t, err, "no region")
}

func TestTargetEndpoint(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		var paths []string
		other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			paths = append(paths, r.URL.Path)
		}))
		t.Cleanup(other.Close)
		c := w.serve(t, answer(410, "GoneException", ""))
		for _, endpoint := range []string{other.URL + "/s/", other.URL, other.URL + "/s"} {
			require.NoError(t, c.Post(t.Context(), gatesock.Target{ConnectionID: id, Endpoint: endpoint}, []byte("x")))
		}
		require.Equal(t, []string{"/s/@connections/" + id, "/@connections/" + id, "/s/@connections/" + id}, paths)
		require.ErrorIs(t, c.Post(t.Context(), to, []byte("x")), gatesock.ErrGone)
	})
}

// Other endpoints in a configuration are ignored.
func TestConfigurationsOwnEndpoints(t *testing.T) {
	t.Parallel()
	cfg := aws.Config{Region: "eu-west-1", Credentials: keys(), BaseEndpoint: aws.String("https://elsewhere.example")}
	//nolint:staticcheck // The deprecated resolver is what is tested.
	cfg.EndpointResolverWithOptions = aws.EndpointResolverWithOptionsFunc(
		func(string, string, ...any) (aws.Endpoint, error) { return aws.Endpoint{}, errors.New("asked") })
	cfg.HTTPClient = &http.Client{Transport: http.NewFileTransport(http.Dir("."))}
	require.NoError(t, sdkOf(t, cfg, func(http.ResponseWriter, *http.Request) {}).Post(t.Context(), to, []byte("x")))
}

func sdkOf(t *testing.T, cfg aws.Config, h http.HandlerFunc) *apigw.SDKClient {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := apigw.NewSDK(cfg, srv.URL+"/dev")
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestInfoRepeatsOnFaults(t *testing.T) {
	t.Parallel()
	var calls int
	cfg := aws.Config{Region: "eu-west-1", Credentials: keys()}
	cfg.Retryer = func() aws.Retryer { return immediately{} }
	c := sdkOf(t, cfg, func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls < 3 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, "{}")
	})
	_, err := c.Info(t.Context(), to)
	require.NoError(t, err)
	require.Equal(t, 3, calls)
}

// immediately is a retryer that repeats everything, at once.
type immediately struct{ aws.NopRetryer }

func (immediately) IsErrorRetryable(error) bool                  { return true }
func (immediately) MaxAttempts() int                             { return 3 }
func (immediately) RetryDelay(int, error) (time.Duration, error) { return 0, nil }
func (immediately) GetRetryToken(context.Context, error) (func(error) error, error) {
	return func(error) error { return nil }, nil
}
