package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// keyPaths returns the keys of an event in order, with the keys of requestContext after a dot. It
// omits deeper ones.
func keyPaths(t *testing.T, raw []byte) []string {
	t.Helper()
	var keys []string
	for _, k := range keysOf(t, raw) {
		keys = append(keys, k)
		if k == "requestContext" {
			var e struct{ RequestContext json.RawMessage }
			require.NoError(t, json.Unmarshal(raw, &e))
			for _, inner := range keysOf(t, e.RequestContext) {
				keys = append(keys, "."+inner)
			}
		}
	}
	return keys
}

// keysOf returns the keys of an object in order.
func keysOf(t *testing.T, raw []byte) []string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	_, err := d.Token() // the brace
	require.NoError(t, err)
	var keys []string
	for d.More() {
		key, err := d.Token()
		require.NoError(t, err)
		keys = append(keys, key.(string))
		var value json.RawMessage
		require.NoError(t, d.Decode(&value))
	}
	return keys
}

func eventCases() []conformanceCase {
	return []conformanceCase{
		{
			section: "§1", mark: documented, behavior: "the members of a CONNECT event and their order",
			check: func(w *world) {
				t := w.t
				w.front.dial(w, Handshake{})
				e := w.event("$connect")
				require.Equal(t, strings.Fields(`headers multiValueHeaders requestContext .routeKey .eventType
					.extendedRequestId .requestTime .messageDirection .stage .connectedAt .requestTimeEpoch .identity
					.requestId .domainName .connectionId .apiId isBase64Encoded`), keyPaths(t, e.raw))
				require.Equal(t, "CONNECT", e.Context.EventType)
			},
		},
		{
			section: "§1", mark: documented,
			behavior: "the members of a MESSAGE event and their order: no headers, a messageId, a body",
			check: func(w *world) {
				t := w.t
				w.connect().text(`{"action": "chat"}`)
				e := w.event("$default")
				require.Equal(t, strings.Fields(`requestContext .routeKey .messageId .eventType .extendedRequestId
					.requestTime .messageDirection .stage .connectedAt .requestTimeEpoch .identity .requestId .domainName
					.connectionId .apiId body isBase64Encoded`), keyPaths(t, e.raw))
				require.Equal(t, "MESSAGE", e.Context.EventType)
				require.Equal(t, `{"action": "chat"}`, *e.Body)
			},
		},
		{
			section: "§1", mark: documented,
			behavior: "the members of a DISCONNECT event and their order; four headers of the gateway",
			check: func(w *world) {
				t := w.t
				w.connect().close(1001, "")
				e := w.event("$disconnect")
				require.Equal(t, strings.Fields(`headers multiValueHeaders requestContext .routeKey .disconnectStatusCode
					.eventType .extendedRequestId .requestTime .messageDirection .disconnectReason .stage .connectedAt
					.requestTimeEpoch .identity .requestId .domainName .connectionId .apiId isBase64Encoded`), keyPaths(t, e.raw))
				require.Equal(t, "DISCONNECT", e.Context.EventType)
				require.Equal(t, map[string]string{
					"Host": e.Context.Domain, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": "",
				}, e.Headers)
			},
		},
		{
			section: "§1", mark: observed,
			behavior: "$connect gets the client's headers and the gateway's, without those of the upgrade",
			check: func(w *world) {
				t := w.t
				w.front.dial(w, Handshake{Header: http.Header{"X-Custom": {"1"}, "Origin": {"https://example.com"}}})
				h := w.event("$connect").Headers
				for _, name := range []string{
					"Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port",
					"X-Forwarded-Proto", "X-Custom", "Origin",
				} {
					require.NotEmpty(t, h[name], name)
				}
				for _, name := range []string{"Connection", "Upgrade", "Content-Length", "content-length"} {
					require.NotContains(t, h, name)
				}
				require.Regexp(t, `^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$`, h["X-Amzn-Trace-Id"])
				require.Equal(t, "127.0.0.1", h["X-Forwarded-For"])
			},
		},
		{
			section: "§1", mark: documented, behavior: "headers reach $connect under the names that the client wrote",
			check: func(w *world) {
				t := w.t
				w.front.dial(w, Handshake{Header: http.Header{
					"HeaderAuth1": {"1"}, "authorization": {"2"}, "x-amzn-trace-id": {"Root=1"}, "user-agent": {"test/1"},
					"x-forwarded-for": {"192.0.2.9"},
				}})
				e := w.event("$connect")
				for name, value := range map[string]string{
					"HeaderAuth1": "1", "authorization": "2", "x-amzn-trace-id": "Root=1",
					"user-agent": "test/1",
				} {
					require.Equal(t, value, e.Headers[name], name)
				}
				for _, name := range []string{"Headerauth1", "Authorization", "X-Amzn-Trace-Id", "User-Agent", "x-forwarded-for"} {
					require.NotContains(t, e.Headers, name)
				}
				require.Equal(t, "192.0.2.9, 127.0.0.1", e.Headers["X-Forwarded-For"])
				require.Equal(t, "test/1", e.Context.Identity["userAgent"])
			},
		},
		{
			section: "§1", mark: inferred, behavior: "a header whose name is spelled in two ways appears once, under the first",
			check: func(w *world) {
				t := w.t
				w.front.dial(w, Handshake{Header: http.Header{"X-Twice": {"1", "2"}, "x-twice": {"3"}}})
				e := w.event("$connect")
				require.Equal(t, []string{"1", "2", "3"}, e.MultiHeaders["X-Twice"])
				require.Equal(t, "3", e.Headers["X-Twice"])
				require.NotContains(t, e.Headers, "x-twice")
			},
		},
		{
			section: "§1", mark: observed,
			behavior: "the event has a query only if the client sent one; repeated parameters: all values, and the last",
			check: func(w *world) {
				t := w.t
				w.front.dial(w, Handshake{Query: url.Values{"token": {"a b", "c"}}})
				e := w.event("$connect")
				require.Equal(t, map[string]string{"token": "c"}, e.Query)
				require.Equal(t, map[string][]string{"token": {"a b", "c"}}, e.MultiQuery)
				w.front.dial(w, Handshake{})
				require.NotContains(t, string(w.event("$connect").raw), "ueryStringParameters")
			},
		},
		{
			section: "§1", mark: unknown,
			behavior: "parameters with a semicolon or a broken escape are kept, undecodable parts unchanged",
			fronts:   socketsOnly,
			check: func(w *world) {
				t := w.t
				u, err := url.Parse(w.front.(*sockets).server(w).URL + "?a=1;b=2&c=%zz&d=%41%&%4=%42&&e")
				require.NoError(t, err)
				conn, _, a := handshake(w, u, nil)
				require.Equal(t, 101, a.status)
				require.NoError(t, conn.Close())
				require.Equal(t, map[string]string{"a": "1;b=2", "c": "%zz", "d": "A%", "%4": "B", "e": ""},
					w.event("$connect").Query)
				w.event("$disconnect")
			},
		},
		{
			section: "§1", mark: documented, behavior: "sourceIp may be an IPv6 address",
			check: func(w *world) {
				t := w.t
				s, err := w.gw.Connect(t.Context(), Handshake{SourceIP: "2001:db8::7"}, ignoring{})
				require.NoError(t, err)
				e := w.event("$connect")
				require.Equal(t, "2001:db8::7", e.Context.Identity["sourceIp"])
				require.Equal(t, "2001:db8::7", e.Headers["X-Forwarded-For"])
				s.Abort(t.Context())
			},
		},
		{
			section: "§1", mark: observed, behavior: "identity has a userAgent only if the client sent one, in every event",
			check: func(w *world) {
				t := w.t
				p := w.connectAs(Handshake{Header: http.Header{"User-Agent": {"test/1"}}})
				p.text("x")
				want := map[string]string{"sourceIp": "127.0.0.1", "userAgent": "test/1"}
				require.Equal(t, want, w.event("$default").Context.Identity)
				p.close(1000, "")
				require.Equal(t, want, w.event("$disconnect").Context.Identity)
				w.connect().text("x")
				require.Equal(t, map[string]string{"sourceIp": "127.0.0.1"}, w.event("$default").Context.Identity)
			},
		},
		{
			section: "§1", mark: documented,
			behavior: "requestId and extendedRequestId are equal, messageId differs; direction IN; never base64",
			check: func(w *world) {
				t := w.t
				w.connect().text("x")
				e := w.event("$default")
				require.Equal(t, e.Context.RequestID, e.Context.ExtendedID)
				require.NotEqual(t, e.Context.RequestID, e.Context.MessageID)
				require.Equal(t, "IN", e.Context.Direction)
				require.False(t, *e.Base64)
			},
		},
		{
			section: "§1", mark: documented,
			behavior: "times: requestTime in Common Log Format, epochs in ms, connectedAt the same in all events",
			check: func(w *world) {
				t := w.t
				p, _ := w.front.dial(w, Handshake{})
				c := w.event("$connect").Context
				require.Equal(t, start().UnixMilli(), c.RequestTimeEpoch)
				require.Equal(t, "01/Mar/2026:12:00:00 +0000", c.RequestTime)
				require.Equal(t, c.RequestTimeEpoch-1, c.ConnectedAt)
				w.clock.Advance(61 * time.Second)
				p.text("x")
				m := w.event("$default").Context
				require.Equal(t, "01/Mar/2026:12:01:01 +0000", m.RequestTime)
				require.Equal(t, c.ConnectedAt, m.ConnectedAt)
			},
		},
		{
			section: "§1", mark: observed, behavior: "a custom domain is domainName and Host",
			config: Config{DomainName: "ws.example.com", CustomDomain: true},
			check: func(w *world) {
				t := w.t
				w.front.dial(w, Handshake{})
				e := w.event("$connect")
				require.Equal(t, "ws.example.com", e.Context.Domain)
				require.Equal(t, "ws.example.com", e.Headers["Host"])
			},
		},
		{
			section: "§1", mark: unknown, behavior: "events have stageVariables only if the stage has variables",
			config: Config{StageVariables: map[string]string{"b": "2", "a": "1"}},
			check: func(w *world) {
				t := w.t
				p, _ := w.front.dial(w, Handshake{})
				want := map[string]string{"a": "1", "b": "2"}
				require.Equal(t, want, w.event("$connect").StageVariables)
				p.text("x")
				require.Equal(t, want, w.event("$default").StageVariables)
				p.close(0, "")
				require.Equal(t, want, w.event("$disconnect").StageVariables)
			},
		},
		{
			section: "§1", mark: documented,
			behavior: "a body with quotes, control characters and any Unicode arrives as it was sent",
			check: func(w *world) {
				t := w.t
				body := "\"\\\r\n\t\x00\x1f\x7f<>&\u2028é🙂"
				w.connect().text(body)
				require.Equal(t, body, *w.event("$default").Body)
			},
		},
	}
}

func idCases() []conformanceCase {
	decode := func(t *testing.T, id string) []byte {
		t.Helper()
		require.Regexp(t, `^[A-Za-z0-9_-]{15}=$`, id)
		b, err := base64.URLEncoding.DecodeString(id)
		require.NoError(t, err)
		require.Len(t, b, 11)
		require.Zero(t, b[10]%4)
		return b
	}
	counter := func(b []byte) uint32 {
		return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	}
	return []conformanceCase{
		{
			section: "§2", mark: observed,
			behavior: "ids are 11 bytes in URL-safe base64; byte 8 distinguishes requests from connections and messages",
			check: func(w *world) {
				t := w.t
				w.connect().text("x")
				c := w.event("$default").Context
				require.Equal(t, byte(0x02), decode(t, c.ConnectionID)[8])
				require.Equal(t, byte(0x02), decode(t, c.MessageID)[8])
				require.Equal(t, byte(0x05), decode(t, c.RequestID)[8])
			},
		},
		{
			section: "§2", mark: observed, behavior: "the first four bytes are a counter that advances 40 times a second",
			check: func(w *world) {
				t := w.t
				first := counter(decode(t, w.connect().id))
				w.clock.Advance(10 * time.Second)
				require.Equal(t, uint32(400), counter(decode(t, w.connect().id))-first)
			},
		},
	}
}
