package export_test

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench/entry"
	"github.com/gatesock/gatesock/emulator/workbench/internal/export"
)

// FuzzExport draws entries in any order, with missing members and odd texts.
func FuzzExport(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(exportsAnything))
}

func TestExportAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, exportsAnything)
}

// exportsAnything checks that the source of a test is always Go, that an archive is always JSON,
// and that both are the same each time.
func exportsAnything(t *rapid.T) {
	entries := drawEntries(t)
	o := drawOptions(t)
	out, err := export.Test(entries, o)
	if !errors.Is(err, export.ErrEmpty) {
		require.NoError(t, err)
		_, err = parser.ParseFile(token.NewFileSet(), "x_test.go", out, parser.AllErrors)
		require.NoError(t, err, "%s", out)
	}
	again, err2 := export.Test(entries, o)
	require.Equal(t, err, err2)
	require.Equal(t, string(out), string(again))

	archive, err := export.HAR(entries, export.HAROptions{Connections: o.Connections})
	require.NoError(t, err)
	require.True(t, json.Valid(archive))
	same, err := export.HAR(entries, export.HAROptions{Connections: o.Connections})
	require.NoError(t, err)
	require.Equal(t, string(archive), string(same))
}

func drawOptions(t *rapid.T) export.TestOptions {
	var o export.TestOptions
	o.New = rapid.SampledFrom([]string{"", "newChat", "app.New(rec, clock.Now)", "f(t)"}).Draw(t, "new")
	o.Schedule = rapid.SampledFrom([]string{"", "fire"}).Draw(t, "schedule")
	o.Queue = rapid.SampledFrom([]string{"", "enqueue"}).Draw(t, "queue")
	o.Header = rapid.SampledFrom([]string{"", "x\n// y\r\n*/"}).Draw(t, "header")
	o.Connections = rapid.SampledFrom([][]string{nil, nil, {someIDs()[0]}, {"other"}}).Draw(t, "connections")
	return o
}

func someIDs() []string { return []string{"ZrqV7AAABH0CHvw=", "ZrqV7AACBH0CHvw=", "c`\"\n"} }

func someKinds() []entry.Kind {
	return []entry.Kind{
		entry.Connected, entry.Refused, entry.Received, entry.Sent, entry.Called, entry.Invoked, entry.Disconnected,
		entry.Log, entry.Fault, entry.FaultAdded, entry.FaultRemoved, entry.Clock, entry.Note,
		entry.Schedule, entry.Queue, "new",
	}
}

func someTexts() []string {
	return []string{
		"", "x", "`", "\x00", "\xff", "a\nb", "*/", "//", "${a}", "${a", "…", "...", "%s", `"`, `\`, `{"at":"2026-01-02T03:04:05.006Z"}`,
		`{"at":1767323045006,"s":1767323045,"id":"k3J9xQ2mZ7Lp"}`, `{"id":"k3J9xQ2mZ7Lp","x":["ZrqV7AAABH0CHvw="]}`,
		`{"ref":"user:ZrqV7AACBH0CHvw=:1","epoch":"1-q7","text":"${epoch} …"}`, `{"at":"2026-01-02T03:04:05.0Z"}`, `{"a":{"b":"k3J9xQ2mZ7Lp`,
		`"2026-01-02T05:04:05+02:00"`, `{"":"","a b":"K3J9XQ2MZ7LP"}`,
	}
}

func drawEntries(t *rapid.T) []entry.Entry {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	text := rapid.OneOf(rapid.SampledFrom(someTexts()), rapid.String())
	number := rapid.SampledFrom([]float64{0, 1, -1, 0.25, 2000, 1e300, math.Inf(1), math.NaN()})
	one := rapid.Custom(func(t *rapid.T) entry.Entry {
		e := entry.Entry{
			Seq:          rapid.Uint64Range(0, 40).Draw(t, "seq"),
			Time:         begin.Add(time.Duration(rapid.Int64Range(-1e10, 1e12).Draw(t, "time"))),
			Kind:         rapid.SampledFrom(someKinds()).Draw(t, "kind"),
			Stage:        rapid.SampledFrom([]string{"", "dev", "a-b/ü"}).Draw(t, "stage"),
			Connection:   rapid.Uint64Range(0, 3).Draw(t, "connection"),
			ConnectionID: rapid.SampledFrom(append(someIDs(), "")).Draw(t, "id"),
			RequestID:    rapid.SampledFrom([]string{"", "r1", "r2", "ZrqV7AAKBH0FHvw="}).Draw(t, "request"),
			Route:        rapid.SampledFrom([]string{"", "say", "$connect", "$disconnect", "authorizer", "@connections"}).Draw(t, "route"),
			Frame:        rapid.SampledFrom([]emulator.FrameKind{"", emulator.FrameAnswer}).Draw(t, "frame"),
			Method:       rapid.SampledFrom([]string{"", "POST", "GET", "DELETE"}).Draw(t, "method"),
			Status:       rapid.SampledFrom([]int{0, 101, 200, 204, 403, 410}).Draw(t, "status"),
			Code:         rapid.SampledFrom([]int{0, 1000, 1001, 1003, 1005, 1006, 1007, 1008, 1009, 1012}).Draw(t, "code"),
			Reason:       text.Draw(t, "reason"),
			ByClient:     rapid.Bool().Draw(t, "byClient"),
			Bytes:        rapid.IntRange(0, 9).Draw(t, "bytes"),
			Body:         text.Draw(t, "body"),
			Cut:          rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "cut"),
			DurationMs:   number.Draw(t, "duration"),
			DelayMs:      number.Draw(t, "delay"),
			AdvanceMs:    number.Draw(t, "advance"),
			Error:        rapid.SampledFrom([]string{"", "failed\n%s*/"}).Draw(t, "error"),
			Text:         text.Draw(t, "text"),
			Fault:        text.Draw(t, "fault"),
			FaultID:      rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "fault id"),
			By:           rapid.SampledFrom([]string{"", entry.ByPage}).Draw(t, "by"),
		}
		if rapid.Bool().Draw(t, "has spec") {
			e.Spec = json.RawMessage(rapid.SampledFrom(specs()).Draw(t, "spec"))
		}
		if rapid.Bool().Draw(t, "has handshake") {
			e.Handshake = &entry.Handshake{
				Headers:      map[string][]string{text.Draw(t, "header"): {text.Draw(t, "value")}},
				Query:        map[string][]string{"a": {text.Draw(t, "query")}},
				Subprotocols: []string{text.Draw(t, "subprotocol")}, SourceIP: text.Draw(t, "ip"),
			}
			if rapid.Bool().Draw(t, "has authorizer") {
				e.Handshake.Authorizer = map[string]any{"principalId": text.Draw(t, "user"), text.Draw(t, "key"): text.Draw(t, "attribute"), "n": 1.5}
			}
		}
		return e
	})
	return rapid.SliceOfN(one, 0, 30).Draw(t, "entries")
}

// specs are faults as data: one of each kind, and others that are not valid.
func specs() []string {
	return []string{
		`{"fault":"gone","chance":0.5,"connections":["#1"]}`,
		`{"fault":"slow","delay":"2s","spread":true}`,
		"{\"fault\":\"fail\",\"error\":\"x`\\\"\\n\"}",
		`{"fault":"fail-delivered","status":413}`,
		`{"fault":"forbidden","chance":1}`,
		`{"fault":"throttled","rate":1e300,"route":"@connections"}`,
		`{"fault":"buffer-full","connections":["c1"]}`,
		`{"fault":"hold","delay":"2s","route":"say"}`,
		`{"fault":"cold-start","delay":"2562047h","route":"$connect"}`,
		`{"fault":"lost-disconnect"}`,
		`{"fault":"late-disconnect","delay":"2s"}`,
		`{"fault":"repeated-disconnect"}`,
		`{"fault":"half-open","delay":"2s","noticed":"1m"}`,
		`{"fault":"restart","times":2}`,
		`{"fault":"account-quotas"}`,
		`{"fault":"slow","delay":"-1s"}`, `{"fault":"hold"}`, `{"fault":"x"}`, `[]`, `{`,
	}
}
