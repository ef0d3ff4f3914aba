package emulator

import (
	"context"
	"errors"
	"net/http"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// on returns a handler for the events of one route. The other events get 200.
func on(route string, respond handlerFunc) handlerFunc {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		in, err := read(event)
		if err != nil || in.Context.RouteKey != route {
			return status(200), err
		}
		return respond(ctx, event)
	}
}

// always returns a handler with a fixed response.
func always(response string) handlerFunc {
	return func(context.Context, []byte) ([]byte, error) { return []byte(response), nil }
}

func failing(context.Context, []byte) ([]byte, error) { return nil, errors.New("boom") }

func panicking(context.Context, []byte) ([]byte, error) { panic("boom") }

// hanging returns when its context ends.
func hanging(ctx context.Context, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return status(200), nil
}

// handshakeCase checks the status that a client gets for a response to $connect.
func handshakeCase(mark, behavior string, status int, respond handlerFunc) conformanceCase {
	return conformanceCase{
		section: "§3", mark: mark, behavior: behavior, respond: on("$connect", respond),
		check: func(w *world) {
			t := w.t
			_, a := w.front.dial(w, Handshake{})
			require.Equal(t, status, a.status)
		},
	}
}

func connectCases() []conformanceCase {
	return []conformanceCase{
		handshakeCase(observed, "status 200 opens", 101, always(`{"statusCode":200}`)),
		handshakeCase(observed, "status 201 opens", 101, always(`{"statusCode":201}`)),
		handshakeCase(observed, "status 301 is passed on", 301, always(`{"statusCode":301}`)),
		handshakeCase(documented, "status 400 is passed on", 400, always(`{"statusCode":400}`)),
		handshakeCase(observed, "status 401 is passed on", 401, always(`{"statusCode":401}`)),
		handshakeCase(documented, "status 403 is passed on", 403, always(`{"statusCode":403}`)),
		handshakeCase(observed, "status 501 is passed on", 501, always(`{"statusCode":501}`)),
		handshakeCase(observed, "a handler's error is 502", 502, failing),
		handshakeCase(inferred, "a handler's panic is 502, and the gateway continues", 502, panicking),
		handshakeCase(observed, "a handler that returns nothing is 502", 502, always(``)),
		handshakeCase(inferred, "a response without statusCode is 502", 502, always(`{"body":"x"}`)),
		handshakeCase(inferred, "a response with an unknown member is 502", 502, always(`{"statusCode":200,"data":1}`)),
		handshakeCase(inferred, "a response that is not JSON is 502", 502, always(`ok`)),
		{
			section: "§3", mark: documented, behavior: "without a $connect route the handshake succeeds",
			config:  Config{Routes: routes("$default!")},
			respond: always(`{"statusCode":200,"body":"hello"}`),
			check: func(w *world) {
				t := w.t
				p := w.connect()
				p.text("x")
				require.Equal(t, "hello", w.frame(p))
			},
		},
		{
			section: "§3", mark: inferred, behavior: "an integration timeout on $connect is 504",
			respond: on("$connect", hanging),
			check: func(w *world) {
				t := w.t
				done := make(chan answer)
				go func() {
					_, a := w.front.dial(w, Handshake{})
					done <- a
				}()
				w.event("$connect")
				w.clock.Advance(maxIntegrationTimeout)
				require.Equal(t, 504, (<-done).status)
				w.clock.Advance(maxIntegrationTimeout)
				w.noEvent()
			},
		},
		{
			section: "§3", mark: observed, behavior: "a throttled handshake is 429",
			config: Config{Rate: 1, Burst: 1},
			check: func(w *world) {
				t := w.t
				w.connect()
				_, a := w.front.dial(w, Handshake{})
				require.Equal(t, 429, a.status)
				w.noEvent()
			},
		},
		{
			section: "§3", mark: documented,
			behavior: "the upgrade is pending until $connect has ended, and posts to it answer 410",
			respond:  on("$connect", hanging),
			check: func(w *world) {
				t := w.t
				done := make(chan answer)
				go func() {
					_, a := w.front.dial(w, Handshake{})
					done <- a
				}()
				p := &peer{id: w.event("$connect").Context.ConnectionID}
				require.ErrorIs(t, w.post(p, "early"), gatesock.ErrGone)
				_, err := w.gw.Info(context.Background(), gatesock.Target{ConnectionID: p.id})
				require.ErrorIs(t, err, gatesock.ErrGone)
				select {
				case a := <-done:
					require.Fail(t, "answered early", "%+v", a)
				default:
				}
				w.gw.invocations.cancel()
				require.Equal(t, 101, (<-done).status)
				require.NoError(t, w.post(p, "now"))
			},
		},
		{
			section: "§3", mark: unknown, behavior: "no $disconnect follows a refused $connect",
			respond: on("$connect", always(`{"statusCode":403}`)),
			check: func(w *world) {
				t := w.t
				_, a := w.front.dial(w, Handshake{})
				require.Equal(t, 403, a.status)
				w.event("$connect")
				w.noEvent()
			},
		},
		{
			section: "§3", mark: unknown,
			behavior: "a client that goes away during an accepted $connect gets a $disconnect with 1006",
			respond:  on("$connect", hanging),
			check: func(w *world) {
				t := w.t
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan error)
				go func() {
					_, err := w.gw.Connect(ctx, Handshake{}, memoryClient{&peer{}})
					done <- err
				}()
				w.event("$connect")
				cancel()
				w.gw.invocations.cancel()
				require.ErrorIs(t, <-done, context.Canceled)
				require.Equal(t, 1006, w.event("$disconnect").Context.Code)
			},
		},
		{
			section: "§3", mark: unknown, behavior: "… or none, by option",
			config: Config{Undocumented: Undocumented{ForgetAbandonedConnect: true}},
			check: func(w *world) {
				t := w.t
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				_, err := w.gw.Connect(ctx, Handshake{}, memoryClient{&peer{}})
				require.ErrorIs(t, err, context.Canceled)
				w.event("$connect")
				w.noEvent()
			},
		},
		{
			section: "§3", mark: observed, behavior: "the selection expression is not applied to $connect and $disconnect",
			config: Config{RouteSelectionExpression: `\$default`},
			check: func(w *world) {
				w.connect().close(1000, "")
				w.event("$disconnect")
			},
		},
		{
			section: "§3", mark: observed, behavior: "a subprotocol that the client offers is not echoed",
			check: func(w *world) {
				t := w.t
				_, a := w.front.dial(w, Handshake{Header: http.Header{headerProtocol: {"graphql-ws"}}})
				require.Equal(t, 101, a.status)
				require.Empty(t, a.subprotocol)
			},
		},
		{
			section: "§3", mark: observed, behavior: "the subprotocol that the handler returns reaches the client",
			respond: on("$connect", always(`{"statusCode":200,"headers":{"sec-websocket-protocol":"graphql-ws"}}`)),
			check: func(w *world) {
				t := w.t
				_, a := w.front.dial(w, Handshake{Header: http.Header{headerProtocol: {"graphql-ws"}}})
				require.Equal(t, "graphql-ws", a.subprotocol)
			},
		},
		{
			section: "§3", mark: observed,
			behavior: "no other header and no body of the handler reaches the client; 101 has a Date",
			fronts:   socketsOnly,
			respond: on("$connect",
				always(`{"statusCode":200,"headers":{"X-Secret":"1","Set-Cookie":"a=b"},`+
					`"multiValueHeaders":{"Sec-WebSocket-Protocol":["a","b"]},"body":"x"}`)),
			check: func(w *world) {
				t := w.t
				_, a := w.front.dial(w, Handshake{})
				require.Equal(t, []string{"a", "b"}, a.header.Values(headerProtocol))
				require.NotEmpty(t, a.header.Get("Date"))
				for _, known := range []string{"Date", "Connection", "Upgrade", "Sec-Websocket-Accept", "Sec-Websocket-Protocol"} {
					a.header.Del(known)
				}
				require.Empty(t, a.header)
			},
		},
		{
			section: "§3", mark: observed, behavior: "neither body nor headers of a refusing handler reach the client",
			fronts:  socketsOnly,
			respond: on("$connect", always(`{"statusCode":401,"headers":{"WWW-Authenticate":"x"},"body":"who are you"}`)),
			check: func(w *world) {
				t := w.t
				_, a := w.front.dial(w, Handshake{})
				require.Equal(t, 401, a.status)
				require.Empty(t, a.body)
				require.Empty(t, a.header.Get("WWW-Authenticate"))
			},
		},
	}
}
