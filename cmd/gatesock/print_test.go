package main

import (
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/metering"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

// hostile are texts that may be in the table: they move a cursor, reverse the direction of text,
// add a line, or are a formula.
var hostile = []string{ //nolint:gochecknoglobals // nobody changes it
	"\x1b[2J", "\x9b2J", "\u009b2J", "a\u202eb", "a\nb", "a\tb", "a\rb", "\x7f", "\u2066x", "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1+1", "'=1",
	"a,b", `a"b`, "\u0000", "a;=1+1", "a; @SUM(A1);b", "  =1+1", ";-1", ";",
}

// No command prints what a terminal acts on, or more lines than there are records.
func TestNoOutputHasControlCharacters(t *testing.T) {
	t.Parallel()
	for _, text := range hostile {
		key := apikey.Key{
			ID: text, Prefix: text, Name: text, Owner: text, Plan: text,
			Scopes: []string{text}, Roles: []string{text}, Attributes: map[string]string{text: text},
		}
		limits := plan.Plan{Quotas: []ratelimit.Quota{{Max: 1, Per: ratelimit.Day}}}
		record := metering.Record{Day: "2026-11-24", Kind: text, Name: text, Messages: 1}
		for command, show := range map[string]func(p printer) error{
			"list":   func(p printer) error { return p.list([]apikey.Key{key}) },
			"show":   func(p printer) error { return p.one(key) },
			"create": func(p printer) error { return p.made(key, "secret") },
			"rotate": func(p printer) error { return p.rotated(key, "secret") },
			"delete": func(p printer) error { return p.gone("key", text) },
			"plans":  func(p printer) error { return p.plans(map[string]plan.Plan{text: limits}) },
			"plan":   func(p printer) error { return p.plan(text, limits) },
			"usage":  func(p printer) error { return p.usage("table", []metering.Record{record}) },
			"csv":    func(p printer) error { return p.usage("csv", []metering.Record{record}) },
			"json":   func(p printer) error { return p.usage("json", []metering.Record{record}) },
		} {
			for _, asJSON := range []bool{false, true} {
				var out strings.Builder
				require.NoError(t, show(printer{w: &out, json: asJSON, now: time.Unix(0, 0)}))
				for _, c := range out.String() {
					require.True(t, c == '\n' || c == ' ' || isPlain(c), "%s of %q prints %q", command, text, c)
				}
				require.True(t, utf8.ValidString(out.String()), "%s of %q", command, text)
				if oneLine := []string{"list", "usage", "csv", "plans", "plan"}; !asJSON &&
					slices.Contains(oneLine, command) {
					require.Equal(t, 2, strings.Count(out.String(), "\n"), "%s of %q", command, text)
				}
			}
		}
	}
}

// isPlain reports whether a character is printable: not a control and not a mark of direction.
func isPlain(c rune) bool { return c >= ' ' && c < 0x7f || c > 0xa0 && c != 0x202e && c != 0x2066 }

// A spreadsheet takes no name for a formula, and different names stay different.
func TestCSVHasNoFormulas(t *testing.T) {
	t.Parallel()
	var records []metering.Record
	for _, text := range hostile {
		records = append(records, metering.Record{Day: "2026-11-24", Kind: "source", Name: text, Messages: 1})
	}
	var out strings.Builder
	require.NoError(t, printer{w: &out}.usage("csv", records))
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, len(hostile)+1)
	seen := map[string]bool{}
	for i, row := range rows[1:] {
		require.NotRegexp(t, `(^|[;\t\r]) *[-=+@\t\r＝＋－＠]`, row[2])
		require.False(t, seen[row[2]], "%q is as another", hostile[i])
		seen[row[2]] = true
		require.Equal(t, "1", row[4], "numbers stay numbers")
	}
	require.Equal(t, "a,b", rows[1+16][2], "what is harmless stays as it is")
}

// Programs read the same text back from JSON.
func TestJSONKeepsText(t *testing.T) {
	t.Parallel()
	for _, text := range append(hostile, "ü", "😀", "\U000e0001", "<&>") {
		var out strings.Builder
		require.NoError(t, printer{w: &out}.usage("json", []metering.Record{{Name: text}}))
		var got []shownUsage
		require.NoError(t, json.Unmarshal([]byte(out.String()), &got))
		require.Equal(t, strings.ToValidUTF8(text, "\ufffd"), got[0].Name)
	}
}

// After a rotation the output has how long the old secret is valid, and what to do if it has
// leaked.
func TestRotateMentionsTheOldSecret(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	var out strings.Builder
	p := printer{w: &out, now: now}
	require.NoError(t, p.rotated(apikey.Key{ID: "0K3f9bQxT2mR", PreviousValidUntil: now.Add(24 * time.Hour)}, "s"))
	require.Contains(t, out.String(), "The old secret is valid until 2026-11-25 12:00Z.")
	require.Contains(t, out.String(), "gatesock keys rotate 0K3f9bQxT2mR --leaked")
	out.Reset()
	require.NoError(t, p.rotated(apikey.Key{ID: "0K3f9bQxT2mR", PreviousValidUntil: now}, "s"))
	require.Contains(t, out.String(), "All earlier secrets are revoked")
	require.Contains(t, out.String(), "Open connections stay open")
}
