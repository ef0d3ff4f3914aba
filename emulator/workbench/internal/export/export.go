// Package export writes what the workbench recorded for other programs: as a test of package wstest
// in Go, and as an HTTP Archive (HAR), which browsers' developer tools show.
package export

import (
	"cmp"
	"errors"
	"fmt"
	"go/format"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// Template is what an exported test begins with: workbench.TestTemplate, which documents it.
type Template struct {
	Package  string
	Imports  []string
	New      string
	NoBubble bool
	Name     string
	Header   string
	Schedule string
	Queue    string
}

// TestOptions says what to export as a test.
type TestOptions struct {
	Template

	// Seeds are those of the faults by chance, by stage.
	Seeds map[string]uint64
	// Connections are the ids of the connections that the test is about. Default: all.
	Connections []string
}

const defaultName = "TestSession"

var testName = regexp.MustCompile(`^Test[\p{Lu}\d_][\p{L}\d_]*$`)

// ErrEmpty is the error for entries without a client.
var ErrEmpty = errors.New("export: nothing to export: the entries have no handshake and no message")

// Test returns the source of a Go test that repeats a session: its clients connect and send what
// they sent, and expect what they received. Each stage has a test function. Give it all entries,
// also of other connections than those of the options, because they tell what a client caused and
// what others did.
func Test(entries []entry.Entry, o TestOptions) ([]byte, error) {
	o.Package = cmp.Or(o.Package, "app_test")
	o.Name = cmp.Or(o.Name, defaultName)
	if !testName.MatchString(o.Name) {
		return nil, fmt.Errorf("export: %q is not the name of a test: want Test and then a capital letter", o.Name)
	}
	var sessions []*session
	for _, stage := range stagesOf(entries) {
		if s := newSession(ofStage(entries, stage), stage, o); len(s.clients) > 0 {
			s.fromTheMiddle = ordered(entries)[0].Seq > 1 ||
				slices.ContainsFunc(s.clients, func(c *client) bool { return c.unknown })
			sessions = append(sessions, s)
		}
	}
	if len(sessions) == 0 {
		return nil, ErrEmpty
	}
	source := writeFile(sessions, o)
	out, err := format.Source([]byte(source))
	if err != nil {
		return nil, errors.Join(errors.New("export: the template makes no Go source"), err)
	}
	return out, nil
}

// stagesOf returns the stages that connections are of, in the order of their first entries.
func stagesOf(entries []entry.Entry) (stages []string) {
	for _, e := range ordered(entries) {
		if e.ConnectionID != "" && !slices.Contains(stages, e.Stage) {
			stages = append(stages, e.Stage)
		}
	}
	return stages
}

// ofStage returns the entries that concern a stage, in order.
func ofStage(entries []entry.Entry, stage string) (kept []*entry.Entry) {
	for _, e := range ordered(entries) {
		if (e.Stage == stage || e.Stage == "") && (e.ConnectionID != "" || !ofConnection(e.Kind)) {
			kept = append(kept, e)
		}
	}
	return kept
}

// ofConnection reports whether entries of a kind are about a connection.
func ofConnection(kind entry.Kind) bool {
	switch kind {
	case entry.Connected, entry.Refused, entry.Received, entry.Sent, entry.Called, entry.Disconnected, entry.Fault:
		return true
	default:
		return false
	}
}

// ordered returns the entries by their numbers.
func ordered(entries []entry.Entry) []*entry.Entry {
	all := make([]*entry.Entry, len(entries))
	for i := range entries {
		all[i] = &entries[i]
	}
	slices.SortStableFunc(all, func(a, b *entry.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
	return all
}

// oneLine returns a text for a comment.
func oneLine(text string) string {
	printable := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.Join(strings.Fields(printable), " ")
}
