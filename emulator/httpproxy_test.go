package emulator

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

func TestNewHTTPProxyNamesWhatIsNotValid(t *testing.T) {
	t.Parallel()
	with := func(key, value string) HTTPProxy {
		return HTTPProxy{URL: "http://localhost", Parameters: map[string]string{key: value}}
	}
	for want, cfg := range map[string]HTTPProxy{
		`URL ""`:                        {},
		`URL "localhost:80/x"`:          {URL: "localhost:80/x"},
		`URL "ftp://localhost"`:         {URL: "ftp://localhost"},
		`"${" without "}"`:              {URL: "http://localhost/${stageVariables.x"},
		"invalid method":                {URL: "http://localhost", Method: "A B"},
		`"header.x": want integration`:  with("header.x", "'a'"),
		`integration.request.body.x`:    with("integration.request.body.x", "'a'"),
		`integration.request.header.`:   with("integration.request.header.", "'a'"),
		`unknown source "a"`:            with("integration.request.header.x", "a"),
		`unknown source "'"`:            with("integration.request.header.x", "'"),
		`"route.request.body.[": empty`: with("integration.request.header.x", "route.request.body.["),
		`"route.request.bodyx"`:         with("integration.request.header.x", "route.request.bodyx"),
	} {
		_, err := NewHTTPProxy(cfg)
		require.ErrorContains(t, err, "emulator: NewHTTPProxy: ")
		require.ErrorContains(t, err, want)
	}
}

// What a server answers that no client can get is an error of the integration.
func TestHTTPProxyErrors(t *testing.T) {
	t.Parallel()
	answering := func(body string) roundTrip {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(body))}, nil
		}
	}
	for want, c := range map[string]struct {
		server roundTrip
		url    string
		event  string
	}{
		"too large":                      {answering(strings.Repeat("x", gatesock.MaxMessageSize+1)), "", "{}"},
		"not UTF-8":                      {answering("\xff"), "", "{}"},
		"the event":                      {answering(""), "", "{"},
		`URL: the stage has no variable`: {answering(""), "http://${stageVariables.host}/", "{}"},
	} {
		h := proxyTo(c.server, HTTPProxy{URL: c.url}, "a")["a"]
		_, err := h.Invoke(context.Background(), []byte(c.event))
		require.ErrorContains(t, err, want)
	}
	out, err := proxyTo(answering(strings.Repeat("x", gatesock.MaxMessageSize)), HTTPProxy{}, "a")["a"].
		Invoke(context.Background(), []byte("{}"))
	require.NoError(t, err)
	require.Greater(t, len(out), gatesock.MaxMessageSize)
}

// A parameter whose source is missing is left out.
func TestHTTPProxyWithoutASource(t *testing.T) {
	t.Parallel()
	h := proxyTo(respondHTTP(200), HTTPProxy{Parameters: map[string]string{
		"integration.request.header.A": "route.request.header.x",
		"integration.request.header.B": "route.request.querystring.x",
		"integration.request.header.C": "stageVariables.x",
		"integration.request.header.D": "context.identity",
		"integration.request.header.E": "route.request.body.x",
		"integration.request.header.F": "route.request.body",
	}}, "a")["a"]
	out, err := h.Invoke(context.Background(), []byte(`{"body":"{","requestContext":{"identity":{}}}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"statusCode":200,"headers":null,"multiValueHeaders":null,"body":"POST https://example.com/a { F={"}`,
		string(out))
}

// The default client sends over the network, follows no redirects, and passes the subprotocol on.
func TestHTTPProxyOverTheNetwork(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 && r.Header.Get("Content-Type") == "" { // $connect
			w.Header().Set("Sec-WebSocket-Protocol", "chat")
			return
		}
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	defer server.Close()
	h, err := NewHTTPProxy(HTTPProxy{URL: server.URL})
	require.NoError(t, err)
	g, err := New(nil, Config{
		Routes: routes("$connect", "say!"), Handlers: map[string]lambda.Handler{"$connect": h, "say": h},
		IgnoreDescription: true, Logger: slog.New(slog.NewTextHandler(new(bytes.Buffer), nil)),
	})
	require.NoError(t, err)
	p := &peer{frames: make(chan string, 1)}
	s, err := g.Connect(t.Context(), Handshake{}, memoryClient{p})
	require.NoError(t, err)
	require.Equal(t, "chat", s.Subprotocol())
	require.NoError(t, s.Receive(t.Context(), Message{Data: []byte(`{"action":"say"}`)}))
	require.Empty(t, <-p.frames, "the body of the redirect")
	s.Close(t.Context(), 1000, "")
	require.NoError(t, g.Shutdown(context.Background()))
}
