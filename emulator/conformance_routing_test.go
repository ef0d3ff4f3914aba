package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/stretchr/testify/require"
)

// selectionCase checks which route an expression selects for a message.
func selectionCase(expression, body, key string) conformanceCase {
	return conformanceCase{
		section: "§5", mark: documented,
		behavior: fmt.Sprintf("`%s` selects `%s` for `%s`", expression, key, body),
		config:   Config{RouteSelectionExpression: expression, Routes: routes("$connect", "$default", key)},
		check: func(w *world) {
			t := w.t
			w.connect().text(body)
			require.Equal(t, body, *w.event(key).Body)
		},
	}
}

func selectionCases() []conformanceCase {
	const body = `{"service":"chat","action":"join"}`
	return []conformanceCase{
		selectionCase(`$request.body.action`, body, "join"),
		selectionCase(`${request.body.action}`, body, "join"),
		selectionCase(`${request.body.service}/${request.body.action}`, body, "chat/join"),
		selectionCase(`${request.body.action}-${request.body.invalidPath}`, body, "join-"),
		selectionCase(`action`, body, "action"),
		selectionCase(`$request.body.a.b[1]['c']`, `{"a":{"b":[0,{"c":"deep"}]}}`, "deep"),
		selectionCase(`$request.body.list`, `{"list":["item1","item2"]}`, "[item1, item2]"),
		selectionCase(`$request.body.n`, `{"n":17}`, "17"),
		selectionCase(`v${request.body.version}-beta`, `{"version":2}`, "v2-beta"),
		selectionCase(`\$request.body.action`, body, "$request.body.action"),
		selectionCase(`$request.body.action`, `{"action":"${request.body.x}","x":"y"}`, "${request.body.x}"),
	}
}

// defaultCase checks that a message selects $default.
func defaultCase(mark, behavior, body string) conformanceCase {
	return conformanceCase{
		section: "§5", mark: mark, behavior: behavior, config: Config{Routes: routes("$connect", "$disconnect",
			"$default", "join")},
		check: func(w *world) {
			t := w.t
			w.connect().text(body)
			require.Equal(t, body, *w.event("$default").Body)
		},
	}
}

func routingCases() []conformanceCase {
	return []conformanceCase{
		defaultCase(documented, "no exact match goes to $default", `{"action":"Join"}`),
		defaultCase(documented, "a body that is not JSON goes to $default", `{"action":"join"`),
		defaultCase(documented, "a missing path goes to $default", `{"x":"join"}`),
		defaultCase(documented, "an empty message goes to $default", ``),
		defaultCase(unknown, "a message that names $connect counts as unmatched", `{"action":"$connect"}`),
		defaultCase(unknown, "a message that names $disconnect counts as unmatched", `{"action":"$disconnect"}`),
		{
			section: "§5", mark: inferred, behavior: "a deployment adds and removes routes while connections stay open",
			config: Config{Routes: routes("$connect", "old!")}, respond: always(`{"statusCode":200,"body":"hello"}`),
			check: func(w *world) {
				p := w.connect()
				p.text(`{"action":"new"}`)
				require.Contains(w.t, w.frame(p), "Forbidden")
				require.NoError(w.t, w.gw.Deploy(w.gw.current().handler, Config{
					Routes: routes("$connect", "new!"), Logger: slog.New(slog.DiscardHandler),
				}))
				p.text(`{"action":"new"}`)
				require.Equal(w.t, "hello", w.frame(p))
				p.text(`{"action":"old"}`)
				require.Contains(w.t, w.frame(p), "Forbidden")
			},
		},
		{
			section: "§5", mark: unknown, behavior: "a message that names $connect is Forbidden, by option",
			config: Config{Undocumented: Undocumented{ForbidReservedKeys: true}},
			check: func(w *world) {
				t := w.t
				p := w.connect()
				p.text(`{"action":"$connect"}`)
				require.Contains(t, w.frame(p), "Forbidden")
			},
		},
		{
			section: "§5", mark: observed,
			behavior: "no match and no $default: the Forbidden frame, byte for byte; the connection stays open",
			config:   Config{Routes: routes("$connect", "join")},
			check: func(w *world) {
				t := w.t
				p := w.connect()
				p.text(`{"action":"leave"}`)
				require.Regexp(t, `^\{"message": "Forbidden", "connectionId":"`+p.id+`", "requestId":"[A-Za-z0-9_-]{15}="\}$`,
					w.frame(p))
				p.text(`{"action":"join"}`)
				w.event("join")
			},
		},
		{
			section: "§5", mark: documented,
			behavior: "a message that the model rejects: the Bad request body frame; the handler is not called",
			config:   Config{Models: map[string]func([]byte) error{"$default": func([]byte) error { return errors.New("no") }}},
			check: func(w *world) {
				t := w.t
				p := w.connect()
				p.text("x")
				require.Regexp(t,
					`^\{"message" : "Bad request body", "connectionId": "`+p.id+`", "messageId": "[A-Za-z0-9_-]{15}="\}$`, w.frame(p))
				w.noEvent()
			},
		},
		{
			section: "§5", mark: documented, behavior: "a binary frame closes with 1003",
			check: func(w *world) {
				t := w.t
				p := w.connect()
				p.binary("x")
				require.Equal(t, CloseStatus{Code: 1003}, w.end(p))
				require.Equal(t, 1003, w.event("$disconnect").Context.Code)
			},
		},
		{
			section: "§5", mark: unknown, behavior: "the body of an empty message is omitted, by option",
			config: Config{Undocumented: Undocumented{OmitEmptyBody: true}},
			check: func(w *world) {
				t := w.t
				w.connect().text("")
				require.Nil(t, w.event("$default").Body)
			},
		},
		{
			section: "§5", mark: unknown, behavior: "a text message that is not UTF-8 closes with 1007",
			check: func(w *world) {
				t := w.t
				p := w.connect()
				p.text("\xff")
				require.Equal(t, CloseStatus{Code: 1007}, w.end(p))
				require.Equal(t, 1007, w.event("$disconnect").Context.Code)
			},
		},
		overlapCase(),
	}
}

// overlapCase has a message whose handler waits for the handler of the next one.
func overlapCase() conformanceCase {
	second := make(map[string]chan struct{}, 2)
	for _, front := range []string{"memory", "sockets"} {
		second[front] = make(chan struct{})
	}
	return conformanceCase{
		section: "§5", mark: documented,
		behavior: "invocations of one connection overlap, and responses may overtake each other",
		config:   Config{Routes: routes("wait!", "go!")},
		respond: func(_ context.Context, event []byte) ([]byte, error) {
			in, err := read(event)
			if err != nil {
				return nil, err
			}
			var m struct{ Action, Front string }
			if err := json.Unmarshal([]byte(*in.Body), &m); err != nil {
				return nil, err
			}
			if m.Action == "wait" {
				<-second[m.Front]
				return []byte(`{"statusCode":200,"body":"first"}`), nil
			}
			return []byte(`{"statusCode":200,"body":"second"}`), nil
		},
		check: func(w *world) {
			t := w.t
			front := "sockets"
			if _, ok := w.front.(inMemory); ok {
				front = "memory"
			}
			p := w.connect()
			p.text(`{"action":"wait","front":"` + front + `"}`)
			w.event("wait")
			p.text(`{"action":"go","front":"` + front + `"}`)
			require.Equal(t, "second", w.frame(p))
			close(second[front])
			require.Equal(t, "first", w.frame(p))
		},
	}
}

// answerCase checks what a client gets for a message; "" means nothing.
func answerCase(mark, behavior, route, want string, respond handlerFunc) conformanceCase {
	return conformanceCase{
		section: "§6", mark: mark, behavior: behavior,
		config:  Config{Routes: routes("$connect", "$disconnect", route)},
		respond: on("$default", respond),
		check: func(w *world) {
			t := w.t
			p := w.connect()
			p.text("x")
			w.event("$default")
			if want == "" {
				w.noFrame(p)
				return
			}
			require.Regexp(t, want, w.frame(p))
			w.noFrame(p) // nothing more, and the connection is open
		},
	}
}

func answerCases() []conformanceCase {
	const (
		internal = `^\{"message": "Internal server error", "connectionId":"[A-Za-z0-9_-]{15}=", ` +
			`"requestId":"[A-Za-z0-9_-]{15}="\}$`
		hello = `{"statusCode":200,"body":"hello"}`
	)
	return []conformanceCase{
		answerCase(documented, "a route without route response sends nothing", "$default", "", always(hello)),
		answerCase(documented, "a route with route response sends the body", "$default!", "^hello$", always(hello)),
		answerCase(observed, "a status of 500 changes nothing", "$default!", "^hello$",
			always(`{"statusCode":500,"body":"hello"}`)),
		answerCase(observed, "an empty body sends an empty message", "$default!", "^$",
			always(`{"statusCode":200,"body":""}`)),
		answerCase(observed, "no body sends an empty message", "$default!", "^$", always(`{"statusCode":200}`)),
		answerCase(inferred, "a base64 body is decoded", "$default!", "^hello$",
			always(`{"statusCode":200,"body":"aGVsbG8=","isBase64Encoded":true}`)),
		answerCase(observed, "a handler's error: Internal server error, byte for byte, also without route "+
			"response", "$default", internal,
			failing),
		answerCase(observed, "… and with route response", "$default!", internal, failing),
		answerCase(inferred, "a handler's panic: Internal server error", "$default", internal, panicking),
		answerCase(observed, "no statusCode: Internal server error", "$default", internal, always(`{"body":"x"}`)),
		answerCase(observed, "an unknown member: Internal server error", "$default", internal,
			always(`{"statusCode":200,"ConnectionId":"x","Data":"y"}`)),
		answerCase(inferred, "null: Internal server error", "$default", internal, always(`null`)),
		answerCase(observed, "nothing: Internal server error", "$default", internal, always(``)),
		answerCase(inferred, "a body that is not a string: Internal server error", "$default!", internal,
			always(`{"statusCode":200,"body":{"a":1}}`)),
		{
			section: "§6", mark: unknown, behavior: "a status outside 2xx is an Internal server error, by option",
			config:  Config{Routes: routes("$connect", "$default!"), Undocumented: Undocumented{FailNon2xx: true}},
			respond: on("$default", always(`{"statusCode":500,"body":"hello"}`)),
			check: func(w *world) {
				t := w.t
				p := w.connect()
				p.text("x")
				require.Regexp(t, internal, w.frame(p))
			},
		},
		{
			section: "§6", mark: unknown, behavior: "an empty body sends nothing, by option",
			config: Config{Routes: routes("$connect", "$default!"), Undocumented: Undocumented{DropEmptyAnswers: true}},
			check: func(w *world) {
				p := w.connect()
				p.text("x")
				w.event("$default")
				w.noFrame(p)
			},
		},
		{
			section: "§6", mark: observed,
			behavior: "an integration timeout: Endpoint request timed out, byte for byte; the function continues and " +
				"its response is dropped",
			config:  Config{Routes: routes("$connect", "$default!")},
			respond: on("$default", hanging),
			check: func(w *world) {
				t := w.t
				p := w.connect()
				p.text("x")
				w.event("$default")
				w.clock.Advance(maxIntegrationTimeout)
				require.Regexp(t,
					`^\{"message": "Endpoint request timed out", "connectionId":"`+p.id+`", "requestId":"[A-Za-z0-9_-]{15}="\}$`,
					w.frame(p))
				w.clock.Advance(maxIntegrationTimeout) // the function's own timeout
				w.noFrame(p)
			},
		},
		{
			section: "§6", mark: inferred, behavior: "a function timeout: Internal server error",
			config:  Config{FunctionTimeout: 3e9},
			respond: on("$default", hanging),
			check: func(w *world) {
				t := w.t
				p := w.connect()
				p.text("x")
				w.event("$default")
				w.clock.Advance(3e9)
				require.Regexp(t, internal, w.frame(p))
			},
		},
		{
			section: "§6", mark: documented, behavior: "a route has an integration timeout and a function timeout of its own",
			config: Config{Routes: routes("$connect", "$default", "slow", "short"), RouteTimeouts: map[string]Timeouts{
				"slow": {Integration: time.Second}, "short": {Function: 2 * time.Second},
			}},
			respond: func(ctx context.Context, event []byte) ([]byte, error) {
				if bytes.Contains(event, []byte(`"$connect"`)) {
					return status(200), nil
				}
				return hanging(ctx, event)
			},
			check: func(w *world) {
				t := w.t
				p := w.connect()
				for i, c := range []struct{ route, want string }{
					{"slow", "Endpoint request timed out"},
					{"short", "Internal server error"},
					{"$default", "Endpoint request timed out"},
				} {
					p.text(`{"action":"` + c.route + `"}`)
					w.event(c.route)
					wait := []time.Duration{time.Second, 2 * time.Second, maxIntegrationTimeout}[i]
					w.clock.Advance(wait - time.Millisecond)
					w.noAnswer(p)
					w.clock.Advance(time.Millisecond)
					require.Contains(t, w.frame(p), c.want)
				}
				w.clock.Advance(time.Minute) // the functions' own timeouts
			},
		},
		{
			section: "§6", mark: unknown, behavior: "a statusCode that is a string is malformed",
			config: Config{Routes: routes("$connect", "$default!")}, respond: on("$default",
				always(`{"statusCode":"200","body":"hello"}`)),
			check: func(w *world) {
				p := w.connect()
				p.text("x")
				require.Regexp(w.t, internal, w.frame(p))
			},
		},
		{
			section: "§6", mark: unknown, behavior: "… or accepted, as REST APIs do, by option",
			config: Config{Undocumented: Undocumented{AcceptStringStatus: true}},
			respond: func(_ context.Context, event []byte) ([]byte, error) {
				if bytes.Contains(event, []byte("refuse")) {
					return []byte(`{"statusCode":"403"}`), nil
				}
				return []byte(`{"statusCode":"200"}`), nil
			},
			check: func(w *world) {
				p := w.connect()
				p.text("x")
				w.event("$default")
				w.noFrame(p)
				_, a := w.front.dial(w, Handshake{Header: http.Header{"X": {"refuse"}}})
				require.Equal(w.t, 403, a.status)
			},
		},
		{
			section: "§6", mark: documented,
			behavior: "a client that sends too much is closed with 1008, by option (how it differs from the account's " +
				"limit: unknown)",
			config: Config{Rate: 1, Burst: 2, Undocumented: Undocumented{ThrottledClose: CloseStatus{Code: 1008}}},
			check: func(w *world) {
				t := w.t
				p := w.connect()
				p.text("x")
				w.event("$default")
				p.text("x")
				require.Equal(t, CloseStatus{Code: 1008}, w.end(p))
				require.Equal(t, 1008, w.event("$disconnect").Context.Code)
			},
		},
		{
			section: "§6", mark: unknown, behavior: "a throttled message gets a frame with the gateway's message",
			config: Config{Rate: 1, Burst: 2},
			check: func(w *world) {
				t := w.t
				p := w.connect()
				p.text("x")
				w.event("$default")
				p.text("x")
				require.Contains(t, w.frame(p), `{"message": "Too Many Requests", "connectionId":"`)
				w.noEvent()
			},
		},
		{
			section: "§6", mark: inferred, behavior: "the response of $disconnect is dropped, even an error or a panic",
			respond: on("$disconnect", panicking),
			check: func(w *world) {
				w.connect().close(1000, "")
				w.event("$disconnect")
				w.noEvent()
				w.connect()
			},
		},
	}
}
