package export_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench/entry"
	"github.com/gatesock/gatesock/emulator/workbench/internal/export"
	"github.com/gatesock/gatesock/internal/npmtest"
)

// archive is what the tests read of an HTTP Archive.
type archive struct {
	Log struct {
		Version  string
		Entries  []harEntry
		Gatesock details `json:"_gatesock"`
	}
}

type harEntry struct {
	StartedDateTime string
	Time            float64
	Request         struct {
		Method, URL          string
		Headers, QueryString []struct{ Name, Value string }
	}
	Response struct {
		Status     int
		StatusText string
	}
	Resource string `json:"_resourceType"`
	Messages []struct {
		Type   string
		Time   float64
		Opcode int
		Data   string
		Cut    int `json:"_cut"`
	} `json:"_webSocketMessages"`
	Gatesock details `json:"_gatesock"`
}

type details struct {
	Stage, ConnectionID                                      string
	Invocations, Calls, Faults, Logs, Clock, Others, Dropped []entry.Entry
	End                                                      *entry.Entry
}

func har(t *testing.T, entries []entry.Entry, o export.HAROptions) (a archive, text []byte) {
	t.Helper()
	text, err := export.HAR(entries, o)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &a))
	require.Equal(t, "1.2", a.Log.Version)
	return a, text
}

// TestArchivesAreValid checks the archives of all scenarios by the schema of HAR 1.2.
func TestArchivesAreValid(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	files := []string{}
	add := func(name string, entries []entry.Entry) {
		_, text := har(t, entries, export.HAROptions{})
		file := filepath.Join(folder, name+".har")
		require.NoError(t, os.WriteFile(file, text, 0o600))
		files = append(files, file)
	}
	for name, s := range scenarios() {
		r := s.record(t)
		add(name, r.all())
	}
	add("empty", nil)
	add("no handshake", []entry.Entry{{Seq: 1, Kind: entry.Received, ConnectionID: "c"}})
	require.Empty(t, string(npmtest.Node(t, "har.cjs", files...)))
}

func TestArchive(t *testing.T) {
	t.Parallel()
	r, ann, bob := room(t)
	r.addFault("1", `{"fault":"gone"}`, emulator.Gone().For(ann.ID()))
	bob.send(`{"action":"say","id":"3","text":"lost"}`)
	r.advance(time.Minute)
	r.add(entry.Entry{Kind: entry.Log, ConnectionID: bob.ID(), Connection: 2, Stage: "dev", Text: "a line"})
	bob.Close(t.Context(), 4001, "bye")
	a, _ := har(t, r.all(), export.HAROptions{Stages: map[string]string{"dev": "ws://localhost:3001/dev"}})

	require.Len(t, a.Log.Entries, 2)
	require.Len(t, a.Log.Gatesock.Faults, 1)
	require.Len(t, a.Log.Gatesock.Clock, 1)
	e := a.Log.Entries[1]
	require.Equal(t, "2026-03-04T05:06:07.123Z", e.StartedDateTime)
	require.InDelta(t, 60_000, e.Time, 0.5)
	require.Equal(t, "websocket", e.Resource)
	require.Equal(t, "GET", e.Request.Method)
	require.Equal(t, "ws://localhost:3001/dev", e.Request.URL)
	require.Equal(t, 101, e.Response.Status)
	require.Equal(t, "Switching Protocols", e.Response.StatusText)
	kinds := ""
	for _, m := range e.Messages {
		kinds += m.Type[:1]
		require.Equal(t, 1, m.Opcode)
		require.InDelta(t, 1772600767.123, m.Time, 0.001)
	}
	require.Equal(t, "srsrrsrr", kinds)
	require.JSONEq(t, `{"action":"join","id":"1","name":"Bob"}`, e.Messages[0].Data)
	require.Equal(t, "dev", e.Gatesock.Stage)
	require.Equal(t, bob.ID(), e.Gatesock.ConnectionID)
	require.Len(t, e.Gatesock.Invocations, 5) // $connect, three messages, $disconnect
	require.Len(t, e.Gatesock.Logs, 1)
	require.Equal(t, 4001, e.Gatesock.End.Code)
	require.True(t, e.Gatesock.End.ByClient)

	e = a.Log.Entries[0]
	last := e.Gatesock.Calls[len(e.Gatesock.Calls)-1]
	require.Equal(t, 410, last.Status)
	require.Len(t, e.Gatesock.Faults, 2) // of the post while Bob speaks, and of that when he has left
}

// TestArchiveOfSomeConnections checks that an archive has what was asked for.
func TestArchiveOfSomeConnections(t *testing.T) {
	t.Parallel()
	r, ann, _ := room(t)
	a, _ := har(t, r.all(), export.HAROptions{Connections: []string{ann.ID()}})
	require.Len(t, a.Log.Entries, 1)
	require.Equal(t, ann.ID(), a.Log.Entries[0].Gatesock.ConnectionID)
}

// TestArchivesHaveNoCredentials checks that an archive can be shown to others.
func TestArchivesHaveNoCredentials(t *testing.T) {
	t.Parallel()
	a, text := har(t, []entry.Entry{
		{Seq: 1, Kind: entry.Invoked, ConnectionID: "c", Route: "authorizer", Input: `{"headers":{"Authorization":"SECRET"}}`},
		{Seq: 2, Kind: entry.Invoked, ConnectionID: "c", Route: "$connect", Input: `{"headers":{"Authorization":"SECRET"}}`},
		{
			Seq: 3, Kind: entry.Refused, Stage: "a b", ConnectionID: "c", Status: 403, Reason: "Forbidden", DurationMs: 2,
			Handshake: &entry.Handshake{
				Headers: map[string][]string{
					"Authorization": {"Bearer SECRET"}, "cookie": {"SECRET"}, "X-Api-Key": {"SECRET"}, "X-A": {"b"},
					"Sec-WebSocket-Protocol": {"chat.v1, bearer.SECRET"},
				},
				Query: map[string][]string{"ticket": {"SECRET"}, "room": {"1"}},
			},
		},
	}, export.HAROptions{})
	require.NotContains(t, string(text), "SECRET")
	e := a.Log.Entries[0]
	require.Equal(t, "ws://localhost/a%20b?room=1&ticket=%28left+out%29", e.Request.URL)
	require.Equal(t, 403, e.Response.Status)
	require.Empty(t, e.Messages)
	headers := map[string]string{}
	for _, h := range e.Request.Headers {
		headers[h.Name] = h.Value
	}
	require.Equal(t, map[string]string{
		"Authorization": "(left out)", "cookie": "(left out)", "X-Api-Key": "(left out)", "X-A": "b",
		"Sec-WebSocket-Protocol": "chat.v1, (left out)",
	}, headers)
	require.Len(t, e.Gatesock.Invocations, 2)
}

// TestArchiveMessages checks messages that are not text, are cut, or did not arrive.
func TestArchiveMessages(t *testing.T) {
	t.Parallel()
	a, _ := har(t, []entry.Entry{
		{Seq: 1, Kind: entry.Received, ConnectionID: "c", Body64: []byte{0xff}},
		{Seq: 2, Kind: entry.Sent, ConnectionID: "c", Body: "begin", Bytes: 9, Cut: 4},
		{Seq: 3, Kind: entry.Sent, ConnectionID: "c", Body: "x", Bytes: 1, Error: "dropped"},
	}, export.HAROptions{})
	e := a.Log.Entries[0]
	require.Len(t, e.Messages, 2)
	require.Equal(t, 2, e.Messages[0].Opcode)
	require.Equal(t, "/w==", e.Messages[0].Data)
	require.Equal(t, "begin", e.Messages[1].Data)
	require.Equal(t, 4, e.Messages[1].Cut)
	require.Len(t, e.Gatesock.Dropped, 1)
}
