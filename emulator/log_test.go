package emulator

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// What a client, a handler or an authorizer says is a part of a line in the log, whatever its length.
func TestLogIsShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long\n", 20_000)
	ask := func(method, path string, header http.Header) func(g *Gateway) {
		return func(g *Gateway) {
			r := httptest.NewRequestWithContext(context.Background(), method, path, nil)
			r.Header = header
			r.Host = cmp.Or(header.Get("Host"), r.Host)
			g.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	connect := func(h Handshake) func(g *Gateway) {
		return func(g *Gateway) { _, _ = g.Connect(context.Background(), h, discardClient{}) }
	}
	say := func(g *Gateway) {
		s, err := g.Connect(context.Background(), Handshake{}, discardClient{})
		if err == nil {
			_ = s.Receive(context.Background(), Message{Data: []byte(`{"action":"x"}`)})
		}
	}
	answer := func(text string) *Authorizer { return &Authorizer{Handler: always(text)} }
	ok := always(`{"statusCode":200}`)
	now := time.Now().UTC().Format("20060102T150405Z")
	signed := http.Header{"X-Amz-Date": {now}, "Authorization": {
		"AWS4-HMAC-SHA256 Credential=AK/" + now[:8] + "/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=x",
	}}
	for name, c := range map[string]struct {
		handler handlerFunc
		cfg     Config
		act     func(g *Gateway)
		want    string
	}{
		"a panic":              {func(context.Context, []byte) ([]byte, error) { panic(long) }, Config{}, say, "the handler panicked"},
		"an error":             {func(context.Context, []byte) ([]byte, error) { return nil, errors.New(long) }, Config{}, say, "the invocation failed"},
		"a model":              {ok, Config{Models: map[string]func([]byte) error{"$default": func([]byte) error { return errors.New(long) }}}, say, "the model refused"},
		"an authorizer's list": {ok, Config{Authorizer: answer(allow("Allow", "*", `,"context":{"a":["`+long[:5]+strings.Repeat("x", 7000)+`"]}`))}, say, "the authorizer failed"},
		"an effect":            {ok, Config{Authorizer: answer(allow(strings.Repeat("x", 7000), "*", ""))}, say, "the authorizer failed"},
		"a value":              {ok, Config{}, connect(Handshake{Authorizer: map[string]any{"a": []string{long}}}), "the authorizer's result"},
		"a value's name":       {ok, Config{}, connect(Handshake{Authorizer: map[string]any{long: nil}}), "the authorizer's result"},
		"a host":               {ok, Config{}, ask("GET", "/local", http.Header{"Host": {strings.Repeat("h", 4000)}}), "request refused"},
		"an origin":            {ok, Config{}, ask("POST", "http://localhost/local/@connections/x", http.Header{"Origin": {"http://" + long}}), "call refused"},
		"a signature": {
			ok,
			Config{IAM: &IAM{Users: []IAMUser{{AccessKeyID: "AK", SecretAccessKey: "SK"}}}},
			ask("POST", "http://localhost/local/@connections/x?"+strings.Repeat("q", 3900), signed), "InvalidSignatureException: The request signature we calculated",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			withoutStack := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == "stack" {
					return slog.Attr{}
				}
				return a
			}}
			cfg := c.cfg
			cfg.Logger = slog.New(slog.NewTextHandler(&log, withoutStack))
			handler := handlerFunc(func(ctx context.Context, event []byte) ([]byte, error) {
				if in, err := read(event); err != nil || in.Context.RouteKey != gatesock.RouteDefault {
					return status(200), err
				}
				return c.handler(ctx, event)
			})
			g, err := New(handler, cfg)
			require.NoError(t, err)
			c.act(g)
			require.NoError(t, g.Shutdown(context.Background()))
			require.Contains(t, log.String(), c.want)
			for line := range strings.Lines(log.String()) {
				require.Less(t, len(line), 2*maxLogged)
			}
		})
	}
}
