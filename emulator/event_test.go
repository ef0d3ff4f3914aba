package emulator

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// sampleSession returns a session with constant ids.
func sampleSession(tb testing.TB, h *Handshake) (*Session, stamp) {
	tb.Helper()
	g, err := New(handlerFunc(hanging), Config{
		APIID: "abcd123", Stage: "prod", DomainName: "abcd123.execute-api.us-east-1.amazonaws.com",
		Clock: NewManualClock(start()),
	})
	require.NoError(tb, err)
	setDefault(&h.SourceIP, "127.0.0.1")
	s := &Session{g: g, id: "BFaT_fALIAMCKug=", connectedAt: time.UnixMilli(1731332735513)}
	require.NoError(tb, s.describe(h, stamp{on: g.current()}))
	st := stamp{
		on: g.current(), requestID: "BFaVtH2HoAMFZEQ=", messageID: "BFaVtfGSIAMCKug=", time: time.UnixMilli(1731332746514),
	}
	return s, st
}

// sampleEvents returns events of every kind.
func sampleEvents(tb testing.TB) map[string][]byte {
	tb.Helper()
	plain, st := sampleSession(tb, &Handshake{})
	full := &Handshake{
		Header: http.Header{
			"User-Agent": {"Mozilla/5.0"}, "Sec-Websocket-Extensions": {"permessage-deflate; client_max_window_bits"},
			"Cookie": {"a=b", "c=d"}, "X-Forwarded-For": {"198.51.100.7"},
		},
		Query:      url.Values{"token": {"t"}, "room": {"1", "2"}},
		SourceIP:   "192.0.2.1",
		Authorizer: map[string]any{"tenant_id": "t1", "principalId": "u1", "integrationLatency": 21},
	}
	s, _ := sampleSession(tb, full)
	body := []byte(`{"action": "chat", "message": "Hello"}`)
	return map[string][]byte{
		"connect.json":      plain.parts.connectEvent(st, plain.headers(&Handshake{SourceIP: "127.0.0.1"}, st), nil),
		"connect-full.json": s.parts.connectEvent(st, s.headers(full, st), fieldsOf(full.Query)),
		"message.json":      plain.parts.messageEvent(st, "chat", body),
		"message-full.json": s.parts.messageEvent(st, "chat", body),
		"disconnect.json": plain.parts.disconnectEvent(st, plain.domain,
			CloseStatus{StatusNoStatusRcvd, reasonNoStatus}),
		"disconnect-full.json": s.parts.disconnectEvent(st, s.domain, CloseStatus{Code: 1001}),
	}
}

func TestEventGoldens(t *testing.T) {
	t.Parallel()
	for name, event := range sampleEvents(t) {
		golden(t, "testdata/events/"+name, string(event)+"\n")
	}
}

// TestEventsFitLambdaGo decodes events into the struct of aws-lambda-go and encodes them again,
// without loss.
func TestEventsFitLambdaGo(t *testing.T) {
	t.Parallel()
	for name, event := range sampleEvents(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var typed events.APIGatewayWebsocketProxyRequest
			require.NoError(t, json.Unmarshal(event, &typed))
			back, err := json.Marshal(typed)
			require.NoError(t, err)
			var want, got map[string]any
			require.NoError(t, json.Unmarshal(event, &want))
			require.NoError(t, json.Unmarshal(back, &got))
			requireWithin(t, "", want, got)
		})
	}
}

// requireWithin checks that got has every member of want, with the same value.
func requireWithin(t *testing.T, at string, want, got map[string]any) {
	t.Helper()
	for k, v := range want {
		require.Contains(t, got, k, "at %s", at)
		if object, ok := v.(map[string]any); ok {
			require.IsType(t, object, got[k])
			requireWithin(t, at+"/"+k, object, got[k].(map[string]any))
			continue
		}
		require.Equal(t, v, got[k], "at %s/%s", at, k)
	}
}

// TestEventsAreJSON compares the encoder with encoding/json for any text from outside.
func TestEventsAreJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		anyText := rapid.StringOf(rapid.Rune())
		text := rapid.OneOf(anyText, rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
		h := &Handshake{
			Header:     http.Header{text.Draw(rt, "name"): {text.Draw(rt, "value")}, "User-Agent": {text.Draw(rt, "agent")}},
			Query:      url.Values{text.Draw(rt, "parameter"): {text.Draw(rt, "query")}},
			SourceIP:   "192.0.2.1",
			Authorizer: map[string]any{text.Draw(rt, "key"): text.Draw(rt, "principal")},
		}
		s, st := sampleSession(t, h)
		body, reason := anyText.Draw(rt, "body"), text.Draw(rt, "reason")
		var e struct{ Body string }
		require.NoError(rt, json.Unmarshal(s.parts.messageEvent(st, anyText.Draw(rt, "route"), []byte(body)), &e))
		require.Equal(rt, body, e.Body)
		require.True(rt, json.Valid(s.parts.connectEvent(st, s.headers(h, st), fieldsOf(h.Query))))
		require.True(rt, json.Valid(s.parts.disconnectEvent(st, s.domain, CloseStatus{1000, reason})))
	})
}

// TestIDsAreUnique generates more ids than a tick has room for while the clock stands still.
func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	s := newIDSource([4]byte{1, 2, 3, 7})
	seen := make(map[string]bool, 70_000)
	last := ""
	for range 70_000 {
		id := s.next(start(), kindMessage)
		require.False(t, seen[id])
		require.True(t, validID(id))
		seen[id], last = true, id
	}
	require.NotEqual(t, last[:6], newIDSource([4]byte{1, 2, 3, 7}).next(start(), kindMessage)[:6])
}

// The ids of two gateways differ at the same time and with the same configuration.
func TestIDsOfTwoGateways(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 20 {
		id := newWorld(t, inMemory{}, Config{}, nil).connect().id
		require.False(t, seen[id], id)
		seen[id] = true
		raw, err := base64.URLEncoding.DecodeString(id)
		require.NoError(t, err)
		require.Zero(t, raw[10]%4)
	}
}

// At the time of two public captures the counter has the value in the captured ids.
func TestIDsOfCaptures(t *testing.T) {
	t.Parallel()
	for connectedAt, prefix := range map[int64]string{1660651467489: "W9In", 1731332735513: "BFaT"} {
		require.Equal(t, prefix, newIDSource([4]byte{}).next(time.UnixMilli(connectedAt), kindMessage)[:4])
	}
}

func TestValidID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"W9In0cvXIAMCFvw=", "BFaT_fALIAMCKug=", "R1kmxc2VNjMCFIA="} {
		require.True(t, validID(id))
	}
	for _, id := range []string{
		"", "nope", "W9In0cvXIAMCFvw", "W9In0cvXIAMCFvwx", "W9In0cvXIAMCF/w=",
		"W9In0cvXIAMCFvw==",
	} {
		require.False(t, validID(id), id)
	}
}
