package apigw_test

import (
	"context"
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
	noRegion := signed()
	noRegion.Region = ""
	noCredentials := signed()
	noCredentials.Credentials = nil
	for _, c := range []struct {
		says     string
		cfg      aws.Config
		endpoint string
		opts     []apigw.Option
	}{
		{"it is empty", signed(), "", nil},
		{"no region", noRegion, "https://ws.example.com", nil},
		{"no credentials", noCredentials, "https://ws.example.com", nil},
		{"timeout 0s", signed(), "https://ws.example.com", []apigw.Option{apigw.WithTimeout(0)}},
		{"concurrency 0", signed(), "https://ws.example.com", []apigw.Option{apigw.WithConcurrency(0)}},
		{"HTTP client is nil", signed(), "https://ws.example.com", []apigw.Option{apigw.WithHTTPClient(nil)}},
	} {
		_, err := apigw.New(c.cfg, c.endpoint, c.opts...)
		require.ErrorContains(t, err, c.says)
	}
}

// recorder is an HTTP client that keeps the last request and answers 200.
type recorder struct{ last *http.Request }

func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	r.last = req
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}, nil
}

func TestSigningRegion(t *testing.T) {
	t.Parallel()
	const host = "https://abc.execute-api.us-west-2.amazonaws.com/prod"
	noRegion := signed()
	noRegion.Region = ""
	for _, c := range []struct {
		cfg         aws.Config
		own, target string
		want        string
	}{
		{signed(), host, "", "us-west-2"},
		{noRegion, host, "", "us-west-2"},
		{signed(), "https://ws.example.com", "", "eu-west-1"},
		{signed(), "https://ws.example.com", host, "us-west-2"},
		{signed(), host, "https://ws.example.com", "eu-west-1"},
		{noRegion, host, "https://ws.example.com", "us-west-2"},
	} {
		var r recorder
		client, err := apigw.New(c.cfg, c.own, apigw.WithHTTPClient(&r))
		require.NoError(t, err)
		require.NoError(t, client.Post(t.Context(), gatesock.Target{ConnectionID: id, Endpoint: c.target}, []byte("x")))
		require.Contains(t, r.last.Header.Get("Authorization"), "/"+c.want+"/execute-api/")
	}
}

func TestLoopbackNeedsNoConfiguration(t *testing.T) {
	t.Parallel()
	c := serve(t, aws.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	require.NoError(t, c.Post(t.Context(), gatesock.Target{ConnectionID: id}, []byte("x")))
}

func TestTargetEndpoint(t *testing.T) {
	t.Parallel()
	var paths []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
	}))
	t.Cleanup(other.Close)
	c := serve(t, signed(), answer(410, "GoneException", ""))
	require.NoError(t, c.Post(t.Context(), gatesock.Target{ConnectionID: id, Endpoint: other.URL + "/s/"}, []byte("x")))
	require.NoError(t, c.Post(t.Context(), gatesock.Target{ConnectionID: id, Endpoint: other.URL}, []byte("x")))
	require.Equal(t, []string{"/s/@connections/" + id, "/@connections/" + id}, paths)
	require.ErrorIs(t, c.Post(t.Context(), gatesock.Target{ConnectionID: id}, []byte("x")), gatesock.ErrGone)
}

// What else a configuration says about endpoints is not for this client.
func TestConfigurationsOwnEndpoints(t *testing.T) {
	t.Parallel()
	cfg := signed()
	cfg.BaseEndpoint = aws.String("https://elsewhere.example")
	//nolint:staticcheck // The deprecated resolver is what is tested.
	cfg.EndpointResolverWithOptions = aws.EndpointResolverWithOptionsFunc(
		func(string, string, ...any) (aws.Endpoint, error) { return aws.Endpoint{}, errors.New("asked") })
	cfg.HTTPClient = &http.Client{Transport: http.NewFileTransport(http.Dir("."))}
	c := serve(t, cfg, func(http.ResponseWriter, *http.Request) {})
	require.NoError(t, c.Post(t.Context(), gatesock.Target{ConnectionID: id}, []byte("x")))
}

func TestInfoRepeatsOnFaults(t *testing.T) {
	t.Parallel()
	var calls int
	cfg := signed()
	cfg.Retryer = func() aws.Retryer { return immediately{} }
	c := serve(t, cfg, func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls < 3 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, "{}")
	})
	_, err := c.Info(t.Context(), gatesock.Target{ConnectionID: id})
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
