package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"
)

// roundTrip is the server of an HTTP integration, without a network.
type roundTrip func(r *http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// respondHTTP answers with a status, and with the request as the body.
func respondHTTP(status int) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s %s", r.Method, r.URL, body)
		for _, name := range sortedKeys(r.Header) {
			if name != "Content-Type" {
				fmt.Fprintf(&b, " %s=%s", name, r.Header.Get(name))
			}
		}
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(b.String()))}, err
	}
}

// unreachable is a server that can't be reached.
func unreachable(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") }

// proxyTo returns handlers that are HTTP integrations.
func proxyTo(server roundTrip, proxy HTTPProxy, keys ...string) map[string]lambda.Handler {
	if proxy.URL == "" {
		proxy.URL = "https://example.com/a"
	}
	proxy.Client = &http.Client{Transport: server}
	h, err := NewHTTPProxy(proxy)
	if err != nil {
		panic(err)
	}
	handlers := map[string]lambda.Handler{}
	for _, key := range keys {
		handlers[key] = h
	}
	return handlers
}

// httpCases are those of HTTP integrations (docs/gateway-facts.md, §6).
func httpCases() []conformanceCase {
	var requests sync.Map // by connection id: closed when its request has begun
	began := func(id string) chan struct{} {
		c, _ := requests.LoadOrStore(id, make(chan struct{}))
		return c.(chan struct{})
	}
	return []conformanceCase{
		{
			section: "§6", mark: documented,
			behavior: "an HTTP integration gets the message as its body, and its whole response is the frame",
			config: Config{
				Routes:   routes("$connect", "say!"),
				Handlers: proxyTo(respondHTTP(200), HTTPProxy{Method: "PUT"}, "say"),
			},
			check: func(w *world) {
				p := w.connect()
				p.text(`{"action":"say","text":"ü"}`)
				require.Equal(w.t, `PUT https://example.com/a {"action":"say","text":"ü"}`, w.frame(p))
				w.noEvent()
			},
		},
		{
			section: "§6", mark: documented, behavior: "… and without a route response nothing is sent",
			config: Config{
				Routes:   routes("$connect", "say"),
				Handlers: proxyTo(respondHTTP(200), HTTPProxy{}, "say"),
			},
			check: func(w *world) {
				p := w.connect()
				p.text(`{"action":"say"}`)
				w.noFrame(p)
			},
		},
		{
			section: "§6", mark: documented,
			behavior: "request parameters come from the context, the body, stage variables and texts",
			config: Config{
				Routes: routes("$connect", "say!"), StageVariables: map[string]string{"color": "green", "host": "example.org"},
				Handlers: proxyTo(respondHTTP(200), HTTPProxy{
					URL: "http://${stageVariables.host}/${stageVariables.color}/{room}?a=b",
					Parameters: map[string]string{
						"integration.request.header.Connectionid": "context.connectionId",
						"integration.request.header.Ip":           "context.identity.sourceIp",
						"integration.request.header.None":         "context.authorizer.none",
						"integration.request.header.Color":        "stageVariables.color",
						"integration.request.header.Kind":         "'a b'",
						"integration.request.querystring.n":       "route.request.body.list[1].n",
						"integration.request.path.room":           "route.request.body.room",
					},
				}, "say"),
			},
			check: func(w *world) {
				p := w.connect()
				p.text(`{"action":"say","room":"a/b","list":[0,{"n":7}]}`)
				require.Equal(w.t, `POST http://example.org/green/a%2Fb?a=b&n=7 {"action":"say","room":"a/b","list":[0,{"n":7}]}`+
					" Color=green Connectionid="+p.id+" Ip=127.0.0.1 Kind=a b", w.frame(p))
			},
		},
		{
			section: "§6", mark: observed, behavior: "the request of $connect has no body, and a 2xx opens",
			config: Config{
				Routes: routes("$connect"),
				Handlers: proxyTo(func(r *http.Request) (*http.Response, error) {
					body, err := io.ReadAll(r.Body)
					status := 200
					if len(body) > 0 || r.Header.Get("Token") != "t" || r.Header.Get("Id") == "" || r.URL.RawQuery != "room=7" {
						status = 500
					}
					return &http.Response{StatusCode: status, Body: http.NoBody}, err
				}, HTTPProxy{Parameters: map[string]string{
					"integration.request.header.id":        "context.connectionId",
					"integration.request.header.token":     "route.request.header.x-token",
					"integration.request.querystring.room": "route.request.querystring.room",
				}}, "$connect"),
			},
			check: func(w *world) {
				_, a := w.front.dial(w, Handshake{
					Header: http.Header{"X-Token": {"t"}}, Query: map[string][]string{"room": {"7"}},
				})
				require.Equal(w.t, http.StatusSwitchingProtocols, a.status)
				_, a = w.front.dial(w, Handshake{})
				require.Equal(w.t, http.StatusInternalServerError, a.status)
			},
		},
		{
			section: "§6", mark: inferred, behavior: "another status of an HTTP $connect refuses the client with it",
			config: Config{
				Routes:   routes("$connect"),
				Handlers: proxyTo(respondHTTP(403), HTTPProxy{}, "$connect"),
			},
			check: func(w *world) {
				_, a := w.front.dial(w, Handshake{})
				require.Equal(w.t, http.StatusForbidden, a.status)
			},
		},
		{
			section: "§6", mark: unknown, behavior: "… and for a message it changes nothing",
			config: Config{
				Routes:   routes("$connect", "say!"),
				Handlers: proxyTo(respondHTTP(500), HTTPProxy{}, "say"),
			},
			check: func(w *world) {
				p := w.connect()
				p.text(`{"action":"say"}`)
				require.Equal(w.t, `POST https://example.com/a {"action":"say"}`, w.frame(p))
			},
		},
		{
			section: "§6", mark: inferred,
			behavior: "a server that can't be reached: Internal server error, also without a route response",
			config: Config{
				Routes:   routes("$connect", "say"),
				Handlers: proxyTo(unreachable, HTTPProxy{}, "say"),
			},
			check: func(w *world) {
				p := w.connect()
				p.text(`{"action":"say"}`)
				require.Contains(w.t, w.frame(p), messageInternal)
			},
		},
		{
			section: "§6", mark: inferred, behavior: "… and 502 for $connect",
			config: Config{
				Routes:   routes("$connect"),
				Handlers: proxyTo(unreachable, HTTPProxy{}, "$connect"),
			},
			check: func(w *world) {
				_, a := w.front.dial(w, Handshake{})
				require.Equal(w.t, http.StatusBadGateway, a.status)
			},
		},
		{
			section: "§6", mark: inferred, behavior: "an HTTP integration that takes too long: Endpoint request timed out",
			config: Config{
				Routes: routes("$connect", "say"),
				Handlers: proxyTo(func(r *http.Request) (*http.Response, error) {
					close(began(r.Header.Get("Id")))
					<-r.Context().Done()
					return nil, context.Cause(r.Context())
				}, HTTPProxy{Parameters: map[string]string{"integration.request.header.id": "context.connectionId"}}, "say"),
			},
			check: func(w *world) {
				p := w.connect()
				p.text(`{"action":"say"}`)
				<-began(p.id)
				w.clock.Advance(maxIntegrationTimeout)
				require.Contains(w.t, w.frame(p), messageTimeout)
				w.clock.Advance(maxIntegrationTimeout) // past the function timeout, which ends the request
			},
		},
	}
}
