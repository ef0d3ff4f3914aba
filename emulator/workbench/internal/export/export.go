// Package export writes what the workbench recorded for other programs: as a test of package wstest
// in Go, and as an HTTP Archive (HAR), which browsers' developer tools show.
package export

import (
	"cmp"
	"errors"
	"go/format"
	"slices"
	"strings"
	"unicode"

	"github.com/gatesock/gatesock/emulator/workbench/internal/entry"
)

// Template is what an exported test begins with. The zero value is valid.
type Template struct {
	// Package is the name of the test's package. Default: "app_test".
	Package string
	// Imports are the import paths that New needs, each with its name before it if it has one, such
	// as "example.com/chat" or `c "example.com/chat"`.
	Imports []string
	// New is a Go expression for the application, a lambda.Handler, such as
	// "chat.NewInMemory(rec).Handler()". It may use t, the *testing.T; rec, the *wstest.Recorder that
	// the application posts through; and clock, the *emulator.ManualClock of the gateway.
	// Or it is a function that takes a gatesock.ConnectionsAPI and returns the application: a name,
	// such as "newChat", or a literal that begins with "func(". Default: a call of the function
	// newApp, which the test has for its author to write.
	New string
	// NoBubble is for an application that does not work in a testing/synctest bubble, for example
	// because it uses the network. By default the test is in a bubble, in which as much time passes
	// between messages as in the recording, for the application too, and handlers that wait do so at
	// once. Without a bubble only the gateway's clock moves, and only if something depended on it.
	NoBubble bool
	// Name is the name of the test. Default: "TestSession".
	Name string
	// Header replaces the comment at the top of the file.
	Header string
	// Schedule and Queue are names of functions that fire a schedule and send a message to a queue,
	// called as Schedule(t, app, "name") and Queue(t, app, "name", "body"). Without them, what these
	// cause is left out of the test, and a comment says so.
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

// ErrEmpty is the error for entries without a client.
var ErrEmpty = errors.New("export: nothing to export: the entries have no handshake and no message")

// Test returns the source of a Go test that repeats a session: its clients connect and send what
// they sent, and expect what they received. Each stage has a test function. Give it all entries,
// also of other connections than those of the options, because they tell what a client caused and
// what others did.
func Test(entries []entry.Entry, o TestOptions) ([]byte, error) {
	o.Package = cmp.Or(o.Package, "app_test")
	o.Name = cmp.Or(o.Name, "TestSession")
	var sessions []*session
	for _, stage := range stagesOf(entries) {
		if s := newSession(ofStage(entries, stage), stage, o); len(s.clients) > 0 {
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
