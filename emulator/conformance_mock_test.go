package emulator

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

const pong = `{"action":"keepalive","data":null}`

// withMock returns these routes, and a MOCK route "keepalive" that answers if twoWay is true.
func withMock(twoWay bool, keys ...string) []gatesock.Route {
	return append(routes(keys...), gatesock.Route{Key: "keepalive", NeedsResponse: twoWay, Mock: []byte(pong)})
}

// mockCases are those of MOCK integrations (docs/gateway-facts.md, §6).
func mockCases() []conformanceCase {
	return []conformanceCase{
		{
			section: "§6", mark: documented, behavior: "a MOCK integration with a route response answers without the handler",
			config: Config{Routes: withMock(true, "$connect", "$disconnect", "$default")},
			check: func(w *world) {
				p := w.connect()
				p.text(`{"action":"keepalive","id":"7"}`)
				require.Equal(w.t, pong, w.frame(p))
				w.noEvent()
				p.text(`{"action":"other"}`)
				w.event("$default")
				w.noFrame(p)
			},
		},
		{
			section: "§6", mark: documented, behavior: "… and without a route response it sends nothing",
			config: Config{Routes: withMock(false, "$connect", "$disconnect", "$default")},
			check: func(w *world) {
				p := w.connect()
				p.text(`{"action":"keepalive"}`)
				w.noFrame(p)
				w.noEvent()
			},
		},
		{
			section: "§6", mark: inferred, behavior: "a MOCK $default answers what matches no route",
			config: Config{Routes: append(routes("$connect", "say"),
				gatesock.Route{Key: "$default", NeedsResponse: true, Mock: []byte("what?")})},
			check: func(w *world) {
				p := w.connect()
				p.text("not JSON")
				require.Equal(w.t, "what?", w.frame(p))
				p.text(`{"action":"say"}`)
				w.event("say")
				w.noEvent()
			},
		},
		{
			section: "§6", mark: inferred, behavior: "a model validates the messages of a MOCK integration",
			config: Config{
				Routes: withMock(true, "$connect"),
				Models: map[string]func([]byte) error{"keepalive": func([]byte) error { return errors.New("no") }},
			},
			check: func(w *world) {
				p := w.connect()
				p.text(`{"action":"keepalive"}`)
				require.Contains(w.t, w.frame(p), "Bad request body")
				w.noFrame(p)
			},
		},
		{
			section: "§6", mark: inferred, behavior: "messages to a MOCK integration count for the rate",
			config: Config{Routes: withMock(true, "$connect"), Rate: 1, Burst: 2},
			check: func(w *world) {
				p := w.connect()
				p.text(`{"action":"keepalive"}`)
				require.Equal(w.t, pong, w.frame(p))
				p.text(`{"action":"keepalive"}`)
				require.Contains(w.t, w.frame(p), "Too Many Requests")
			},
		},
		{
			section: "§6", mark: unknown, behavior: "an empty response template sends an empty message, as an empty body does",
			config: Config{Routes: append(routes("$connect"),
				gatesock.Route{Key: "$default", NeedsResponse: true, Mock: []byte{}})},
			check: func(w *world) {
				p := w.connect()
				p.text("x")
				require.Empty(w.t, w.frame(p))
				w.noFrame(p)
			},
		},
		{
			section: "§6", mark: unknown, behavior: "… or nothing, by option",
			config: Config{
				Routes: append(routes("$connect"),
					gatesock.Route{Key: "$default", NeedsResponse: true, Mock: []byte{}}),
				Undocumented: Undocumented{DropEmptyAnswers: true},
			},
			check: func(w *world) {
				p := w.connect()
				p.text("x")
				w.noFrame(p)
				w.noEvent()
			},
		},
		{
			section: "§6", mark: observed, behavior: "a MOCK $connect opens, a MOCK $disconnect invokes nothing",
			config: Config{Routes: append(routes("$default"),
				gatesock.Route{Key: "$connect", NeedsResponse: true, Mock: []byte(pong)},
				gatesock.Route{Key: "$disconnect", Mock: []byte(pong)})},
			check: func(w *world) {
				p, a := w.front.dial(w, Handshake{})
				require.Equal(w.t, http.StatusSwitchingProtocols, a.status)
				p.text("x")
				p.id = w.event("$default").Context.ConnectionID
				w.noFrame(p)
				p.close(1000, "")
				w.noEvent()
			},
		},
		{
			section: "§6", mark: documented, behavior: "an authorizer decides before a MOCK $connect",
			config: Config{
				Routes: append(withMock(true), gatesock.Route{Key: "$connect", Mock: []byte{}}),
				Authorizer: &Authorizer{Handler: handlerFunc(func(context.Context, []byte) ([]byte, error) {
					return nil, errors.New("Unauthorized")
				})},
			},
			check: func(w *world) {
				_, a := w.front.dial(w, Handshake{})
				require.Equal(w.t, http.StatusUnauthorized, a.status)
			},
		},
	}
}

// mockKeepaliveCase is that of clients that keep their connection open without the handler.
func mockKeepaliveCase() conformanceCase {
	return conformanceCase{
		section: "§10", mark: observed, behavior: "messages that a MOCK integration answers postpone the idle timeout",
		config: Config{Routes: withMock(true, "$connect", "$disconnect")},
		check: func(w *world) {
			p := w.connect()
			for range 3 {
				w.clock.Advance(9 * time.Minute)
				p.text(`{"action":"keepalive"}`)
				require.Equal(w.t, pong, w.frame(p))
			}
			w.noEvent()
			w.clock.Advance(10 * time.Minute)
			require.Equal(w.t, "Going away", w.event("$disconnect").Context.Reason)
		},
	}
}
