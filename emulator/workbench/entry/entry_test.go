package entry_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// TestJSON pins the names of the members, which the page and scripts read.
func TestJSON(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	for want, e := range map[string]entry.Entry{
		`{"seq":1,"time":"2026-01-02T03:04:05.678Z","kind":"clock","advanceMs":540000,"by":"page"}`: {
			Seq: 1, Time: at, Kind: entry.Clock, AdvanceMs: 540_000, By: entry.ByPage,
		},
		`{"seq":2,"time":"2026-01-02T03:04:05.678Z","kind":"received","stage":"dev","connection":3,"connectionId":"c",` +
			`"requestId":"r","route":"say","bytes":5,"body":"text","body64":"/w==","cut":1}`: {
			Seq: 2, Time: at, Kind: entry.Received, Stage: "dev", Connection: 3, ConnectionID: "c",
			RequestID: "r", Route: "say", Bytes: 5, Body: "text", Body64: []byte{0xff}, Cut: 1,
		},
		`{"seq":3,"time":"2026-01-02T03:04:05.678Z","kind":"disconnected","frame":"answer","method":"POST","status":410,` +
			`"code":1001,"reason":"why","byClient":true,"input":"{}","durationMs":1.5,"error":"e","level":"INFO","text":"t",` +
			`"late":true,"function":"f","fault":"gone","spec":{"fault":"gone"},"faultId":"1","delayMs":2,"call":4}`: {
			Seq: 3, Time: at, Kind: entry.Disconnected, Frame: "answer", Method: "POST", Status: 410, Code: 1001,
			Reason: "why", ByClient: true, Input: "{}", DurationMs: 1.5, Error: "e", Level: "INFO", Text: "t", Late: true,
			Function: "f", Fault: "gone", Spec: json.RawMessage(`{"fault":"gone"}`), FaultID: "1", DelayMs: 2, Call: 4,
		},
		`{"seq":4,"time":"2026-01-02T03:04:05.678Z","kind":"connected","handshake":{"headers":{"A":["b"]},` +
			`"query":{"q":["1"]},"sourceIp":"127.0.0.1","subprotocols":["s"],"authorizer":{"principalId":"ann"}}}`: {
			Seq: 4, Time: at, Kind: entry.Connected, Handshake: &entry.Handshake{
				Headers: map[string][]string{"A": {"b"}}, Query: map[string][]string{"q": {"1"}}, SourceIP: "127.0.0.1",
				Subprotocols: []string{"s"}, Authorizer: map[string]any{"principalId": "ann"},
			},
		},
	} {
		text, err := json.Marshal(e)
		require.NoError(t, err)
		require.Equal(t, want, string(text))
		var back entry.Entry
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, e, back)
	}
}

func TestData(t *testing.T) {
	t.Parallel()
	require.Equal(t, "text", string((&entry.Entry{Body: "text"}).Data()))
	require.Equal(t, []byte{0xff}, (&entry.Entry{Body64: []byte{0xff}}).Data())
	require.Empty(t, (&entry.Entry{}).Data())
}
