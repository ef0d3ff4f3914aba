package export_test

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench/entry"
	"github.com/gatesock/gatesock/emulator/workbench/internal/export"
)

// source exports entries, and checks that the source is Go.
func source(t *testing.T, entries []entry.Entry, o export.TestOptions) string {
	t.Helper()
	out, err := export.Test(entries, o)
	require.NoError(t, err)
	_, err = parser.ParseFile(token.NewFileSet(), "x_test.go", out, parser.AllErrors)
	require.NoError(t, err, "%s", out)
	return string(out)
}

func room(t *testing.T) (r *recording, ann, bob *peer) {
	t.Helper()
	r = newRecording(t)
	ann, bob = r.connect("ann"), r.connect("bob")
	ann.send(`{"action":"join","id":"1","name":"Ann"}`)
	bob.send(`{"action":"join","id":"1","name":"Bob"}`)
	bob.send(`{"action":"say","id":"2","text":"hello"}`)
	return r, ann, bob
}

// TestWithoutATemplate checks that the author is told what to write.
func TestWithoutATemplate(t *testing.T) {
	t.Parallel()
	r, _, _ := room(t)
	text := source(t, r.all(), export.TestOptions{})
	require.Contains(t, text, "package app_test\n")
	require.Contains(t, text, "func TestSession(t *testing.T) {")
	require.Contains(t, text, "wstest.New(t, newApp(t, rec), wstest.WithPoster(rec))")
	require.Contains(t, text, "func newApp(t *testing.T, rec *wstest.Recorder) lambda.Handler {")
	require.Contains(t, text, "newApp must return the application.")
	require.Contains(t, text, `"github.com/aws/aws-lambda-go/lambda"`)
	failed, output := run(t, build(t, map[string]string{"x_test.go": text}), "")
	require.Equal(t, []string{"TestSession"}, failed)
	require.Contains(t, output, "write newApp")
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	r, _, _ := room(t)
	for name, c := range map[string]struct {
		template export.Template
		has      []string
		lacks    []string
	}{
		"a function": {
			export.Template{New: "newChat"}, []string{"wstest.New(t, newChat(rec), "}, []string{"newApp", "clock"},
		},
		"a literal": {
			export.Template{New: "func(api gatesock.ConnectionsAPI) lambda.Handler { return nil }"},
			[]string{"return nil }(rec), ", `"github.com/gatesock/gatesock"`, `"github.com/aws/aws-lambda-go/lambda"`},
			nil,
		},
		"names": {
			export.Template{
				Package: "chat_test", Name: "TestHello", New: "c.New(rec)", Header: "One.\nTwo.",
				Imports: []string{`c "example.com/chat"`, "fmt"},
			},
			[]string{"// One.\n// Two.\n\npackage chat_test\n", "func TestHello(", "\tc \"example.com/chat\"\n", "\t\"fmt\"\n\t\"testing\"\n"},
			[]string{"Check by hand"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := source(t, r.all(), export.TestOptions{Template: c.template})
			for _, want := range c.has {
				require.Contains(t, text, want)
			}
			for _, not := range c.lacks {
				require.NotContains(t, text, not)
			}
		})
	}
	_, err := export.Test(r.all(), export.TestOptions{Template: export.Template{New: "f(("}})
	require.ErrorContains(t, err, "export: the template makes no Go source")
}

// TestSomeConnections checks that what other clients cause is not expected.
func TestSomeConnections(t *testing.T) {
	t.Parallel()
	r, ann, _ := room(t)
	text := source(t, r.all(), export.TestOptions{Connections: []string{ann.ID()}})
	require.Contains(t, text, `ann.SendText(`)
	require.NotContains(t, text, `bob`)
	require.Contains(t, text, "// No client of this test has caused:\n\t\t// ann.ExpectNext(")
	require.Contains(t, text, "Frames that no client of the test caused are in comments.")
	_, err := export.Test(r.all(), export.TestOptions{Connections: []string{"nobody"}})
	require.ErrorIs(t, err, export.ErrEmpty)
}

// TestAHandshakeThatWasDropped checks that a client connects whose handshake is not kept any more.
func TestAHandshakeThatWasDropped(t *testing.T) {
	t.Parallel()
	r, _, _ := room(t)
	all := r.all()
	for all[0].Kind != entry.Received {
		all = all[1:]
	}
	text := source(t, all, export.TestOptions{})
	require.Contains(t, text, "client1 := h.Connect() // the recording does not have its handshake")
	require.Contains(t, text, "client2 := h.Connect() // the recording does not have its handshake")
	require.Contains(t, text, middle)
}

// middle is what the header of a test says whose recording begins in the middle.
const middle = "The recording begins in the middle"

// TestAClearedRecording checks what the header says of a recording that begins in the middle.
func TestAClearedRecording(t *testing.T) {
	t.Parallel()
	r, _, _ := room(t)
	before := len(r.all())
	require.NotContains(t, source(t, r.all(), export.TestOptions{}), middle)
	cy := r.connect("cy")
	cy.send(`{"action":"say","id":"1","text":"not the first"}`)
	var later []entry.Entry
	for _, e := range r.all()[before:] {
		if e.ConnectionID == cy.ID() {
			later = append(later, e)
		}
	}
	require.Contains(t, source(t, later, export.TestOptions{}), middle)
	later[0].Seq = 1
	require.NotContains(t, source(t, later, export.TestOptions{}), middle)
}

// TestHandlersInARow checks that the header says when handlers run one after the other that ran at
// the same time.
func TestHandlersInARow(t *testing.T) {
	t.Parallel()
	all := scenarios()
	for name, want := range map[string]struct{ bubble, outside bool }{
		"Room": {}, "Loaded": {}, "Beside": {outside: true}, "MovedMeanwhile": {outside: true}, "Overlap": {true, true},
	} {
		entries := all[name].record(t).all()
		bubble := source(t, entries, options(name, false))
		outside := source(t, entries, options(name, true))
		require.Equal(t, want.bubble, strings.Contains(bubble, "handled at the same time. The test sends"), name)
		require.Equal(t, want.outside, strings.Contains(outside, "Without a bubble, handlers run one after the other."), name)
	}
}

// TestAnEndOfAClientWithoutItsHandshake checks that a test does not expect an idle timeout of a
// connection that has been idle since before its recording.
func TestAnEndOfAClientWithoutItsHandshake(t *testing.T) {
	t.Parallel()
	r, _, _ := room(t)
	r.pass(2 * time.Minute)
	cleared := len(r.all())
	r.connect("cy")
	r.advance(9 * time.Minute) // Ann and Bob are idle for 11 minutes
	text := source(t, r.all()[cleared:], export.TestOptions{})
	require.Contains(t, text, "// client1.ExpectClosed(1001): too long idle or open, since before the recording\n")
	require.NotContains(t, text, "\tclient1.ExpectClosed(")
}

func TestStages(t *testing.T) {
	t.Parallel()
	r, _, _ := room(t)
	all := r.all()
	for _, e := range r.all() {
		e.Seq, e.Stage = e.Seq+100, "prod-2"
		all = append(all, e)
	}
	text := source(t, all, export.TestOptions{})
	require.Contains(t, text, "func TestSession_dev(")
	require.Contains(t, text, "func TestSession_prod_2(")
	require.Contains(t, text, `// Stage "prod-2", 2026-03-04T05:06:07Z: 2 clients, 3 messages.`)
}

// TestACutMessage checks that a test does not pass with half a message.
func TestACutMessage(t *testing.T) {
	t.Parallel()
	r, _, _ := room(t)
	all := r.all()
	for i := range all {
		if all[i].Kind == entry.Received && all[i].Route == "say" {
			all[i].Body, all[i].Cut = all[i].Body[:10], len(all[i].Body)-10
		}
	}
	require.Contains(t, source(t, all, export.TestOptions{}), `t.Skip("a message of bob is cut in the recording: write the 30 bytes that are missing")`)
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	for _, entries := range [][]entry.Entry{nil, {{Kind: entry.Note, Text: "x"}}, {{Kind: entry.Clock, AdvanceMs: 5}}} {
		_, err := export.Test(entries, export.TestOptions{})
		require.ErrorIs(t, err, export.ErrEmpty)
	}
}

// TestHandshakes checks the options of clients that connect.
func TestHandshakes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	headers := map[string][]string{
		"Authorization": {"Bearer SECRET"}, "Cookie": {"a=SECRET"}, "X-Api-Key": {"SECRET"}, "X-Device": {"d1"}, "User-Agent": {"x"},
		"Sec-WebSocket-Version": {"13"}, "Origin": {"https://a"},
	}
	for name, c := range map[string]struct {
		handshake *entry.Handshake
		has       []string
		lacks     []string
	}{
		"nobody": {&entry.Handshake{}, []string{"client1 := h.Connect()"}, nil},
		"none":   {nil, []string{"client1 := h.Connect()"}, nil},
		"a user": {
			&entry.Handshake{
				Headers: headers, Authorizer: map[string]any{"principalId": "Ann Smith", "integrationLatency": 5.0},
				Query: map[string][]string{"room": {"1", "2"}, "access_token": {"SECRET"}}, SourceIP: "192.0.2.1",
				Subprotocols: []string{"chat.v1", "bearer.SECRET"},
			},
			[]string{
				`ann := h.Connect(`, `wstest.WithUser("Ann Smith")`, `wstest.WithHeader("X-Device", "d1")`,
				`wstest.WithQuery("room", "1")`, `wstest.WithQuery("room", "2")`, `wstest.WithSubprotocols("chat.v1")`,
				`wstest.WithSourceIP("192.0.2.1")`,
				"without Authorization, Cookie, X-Api-Key, the query parameter access_token, a subprotocol with a token",
			},
			[]string{"SECRET", "User-Agent", "Sec-"},
		},
		"a token, and no authorizer": {
			&entry.Handshake{Headers: headers, Subprotocols: []string{"bearer.SECRET"}},
			[]string{`"Bearer SECRET"`, `"bearer.SECRET"`},
			nil,
		},
		"a principal": {
			&entry.Handshake{Authorizer: map[string]any{
				"principalId": "type", "scopes": "a b", "roles": "admin", "exp": "1767326645", "attr.tenant": "acme",
			}},
			[]string{
				`ID: "type", Scopes: []string{"a", "b"}, Roles: []string{"admin"}, ExpiresAt: h.Now().Add(time.Hour), ` +
					`Attributes: map[string]string{"tenant": "acme"},`,
			},
			nil,
		},
		"another authorizer": {
			&entry.Handshake{Authorizer: map[string]any{"principalId": "ann", "n": json.Number("5"), "f": 1.5, "b": true, "s": "x"}},
			[]string{`wstest.WithAuthorizerContext("ann", map[string]any{"b": true, "f": 1.5, "n": 5, "s": "x"})`},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := source(t, []entry.Entry{{
				Seq: 1, Time: at, Kind: entry.Connected, Connection: 1, ConnectionID: "c", Status: 101, Handshake: c.handshake,
			}}, export.TestOptions{})
			for _, want := range c.has {
				require.Contains(t, text, want)
			}
			for _, not := range c.lacks {
				require.NotContains(t, text, not)
			}
		})
	}
}

// TestFaultSources checks the Go of each fault.
func TestFaultSources(t *testing.T) {
	t.Parallel()
	left := map[string]bool{}
	for _, k := range emulator.FaultKinds() {
		left[k.Fault] = true
	}
	for spec, want := range map[string]string{
		`{"fault":"gone","chance":0.25}`:                                   `emulator.Gone().Chance(0.25)`,
		`{"fault":"slow","delay":"1500ms","spread":true,"times":2}`:        `emulator.Slow(1*time.Second + 500*time.Millisecond).Times(2).Spread()`,
		`{"fault":"fail","status":429}`:                                    `emulator.Fail(gatesock.ErrThrottled)`,
		`{"fault":"fail","error":"broken"}`:                                `emulator.Fail(errors.New("broken"))`,
		`{"fault":"fail-delivered","status":410}`:                          `emulator.FailDelivered(gatesock.ErrGone)`,
		`{"fault":"forbidden"}`:                                            `emulator.Fail(gatesock.ErrForbidden)`,
		`{"fault":"throttled","rate":10,"burst":5,"route":"@connections"}`: `emulator.Throttled(emulator.Throttle{Rate: 10, Burst: 5}).On("@connections")`,
		`{"fault":"throttled","times":3}`:                                  `emulator.Throttled(emulator.Throttle{}).Times(3)`,
		`{"fault":"buffer-full"}`:                                          `emulator.BufferFull()`,
		`{"fault":"hold","delay":"1s","route":"say"}`:                      `emulator.Hold(time.Second).On("say")`,
		`{"fault":"cold-start","delay":"3s"}`:                              `emulator.ColdStart(3 * time.Second)`,
		`{"fault":"lost-disconnect","connections":["#1","x"]}`:             `emulator.LoseDisconnect().For(client1.ID(), "x")`,
		`{"fault":"late-disconnect","delay":"10m"}`:                        `emulator.DelayDisconnect(10 * time.Minute)`,
		`{"fault":"repeated-disconnect"}`:                                  `emulator.RepeatDisconnect(0)`,
		`{"fault":"half-open","delay":"5s","noticed":"1m"}`:                `emulator.HalfOpen(5*time.Second, time.Minute)`,
		`{"fault":"restart","delay":"1h"}`:                                 `emulator.Restart(time.Hour)`,
		`{"fault":"account-quotas"}`:                                       `emulator.AccountQuotas()...`,
	} {
		text := source(t, []entry.Entry{
			{Seq: 1, Kind: entry.Connected, Connection: 1, ConnectionID: "c"},
			{Seq: 2, Kind: entry.FaultAdded, FaultID: "1", Spec: json.RawMessage(spec)},
		}, export.TestOptions{})
		require.Contains(t, text, "h.Faults().Add("+want+")\n")
		var read emulator.FaultSpec
		require.NoError(t, json.Unmarshal([]byte(spec), &read))
		delete(left, read.Fault)
	}
	require.Empty(t, left)
	for _, spec := range []string{`{"fault":"of tomorrow"}`, `[]`, ``} {
		text := source(t, []entry.Entry{
			{Seq: 1, Kind: entry.Connected, Connection: 1, ConnectionID: "c"},
			{Seq: 2, Kind: entry.FaultAdded, FaultID: "1", Spec: json.RawMessage(spec), Fault: "unknown\nthing"},
			{Seq: 3, Kind: entry.FaultRemoved, FaultID: "1"},
		}, export.TestOptions{})
		require.Contains(t, text, "// Here a fault was added that this test does not repeat: unknown thing\n")
	}
}

// TestSchedulesOfTheAuthor checks that functions of the template fire what the recording has.
func TestSchedulesOfTheAuthor(t *testing.T) {
	t.Parallel()
	text := source(t, []entry.Entry{
		{Seq: 1, Kind: entry.Connected, Connection: 1, ConnectionID: "c"},
		{Seq: 2, Kind: entry.Schedule, Text: "sweep"},
		{Seq: 3, Kind: entry.Called, Method: "POST", Status: 200, Connection: 1, ConnectionID: "c", Body: "swept", Bytes: 5},
		{Seq: 4, Kind: entry.Queue, Text: "jobs", Body: `{"n":1}`},
	}, export.TestOptions{Template: export.Template{New: "newApp(t, rec)", Schedule: "fire", Queue: "enqueue"}})
	require.Contains(t, text, "app := newApp(t, rec)\n")
	require.Contains(t, text, "fire(t, app, \"sweep\")\n\t\tclient1.ExpectNext(\"swept\")\n")
	require.Contains(t, text, "enqueue(t, app, \"jobs\", `{\"n\":1}`)\n")
}

// TestFaultNames checks the names by which the source of a test tells faults apart.
func TestFaultNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, "slow call", emulator.Slow(1).Name())
	require.Equal(t, "cold start", emulator.ColdStart(1).Name())
}

// TestPostsOvertakeEachOther checks that posts to a client may come in any order if their
// invocation posts to others as well, and that its answer comes after them.
func TestPostsOvertakeEachOther(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	session := func(gone bool) string {
		entries := []entry.Entry{
			{Kind: entry.Connected, ConnectionID: "a", Connection: 1, RequestID: "1", Status: 101, Handshake: &entry.Handshake{}},
			{Kind: entry.Received, ConnectionID: "a", Connection: 1, RequestID: "2", Route: "say", Body: "m"},
			{Kind: entry.Called, ConnectionID: "a", Connection: 1, RequestID: "2", Method: "POST", Status: 200, Body: "left"},
			{Kind: entry.Called, ConnectionID: "b", RequestID: "2", Method: "POST", Status: 410, Body: "said"},
			{Kind: entry.Called, ConnectionID: "a", Connection: 1, RequestID: "2", Method: "POST", Status: 200, Body: "said"},
			{Kind: entry.Sent, ConnectionID: "a", Connection: 1, RequestID: "2", Route: "say", Frame: "answer", Body: "done"},
		}
		if !gone {
			entries = slices.Delete(entries, 3, 4)
		}
		for i := range entries {
			entries[i].Seq, entries[i].Time = uint64(i+1), at
		}
		return source(t, entries, export.TestOptions{})
	}
	require.Contains(t, session(true), "client1.ExpectFrame(\"left\")\n\t\tclient1.ExpectFrame(\"said\")\n\t\tclient1.ExpectNext(\"done\")")
	require.Contains(t, session(false), "client1.ExpectNext(\"left\")\n\t\tclient1.ExpectNext(\"said\")\n\t\tclient1.ExpectNext(\"done\")")
}
