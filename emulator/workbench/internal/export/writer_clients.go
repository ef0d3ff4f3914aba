package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

func (w *writer) connect(a action) {
	out := describe(a.entry.Handshake, a.entry.Time, false)
	if out.note != "" {
		w.line("// %s connects %s.", a.client.variable, out.note)
	}
	if w.values.declared[a.client] {
		w.line("// %s has connected before.", a.client.variable)
		return
	}
	w.line("%s := h.Connect(%s)", a.client.variable, list(out.options))
	w.values.declared[a.client] = true
}

func (w *writer) refused(e *entry.Entry) {
	byHandler := slices.ContainsFunc(w.entries, func(inv *entry.Entry) bool {
		return inv.Kind == entry.Invoked && inv.Route == "$connect" && inv.ConnectionID == e.ConnectionID
	})
	out := describe(e.Handshake, e.Time, !byHandler)
	if out.note != "" {
		w.line("// This client connects %s.", out.note)
	}
	w.line("if status := h.ConnectRefused(%s); status != %d {", list(out.options), e.Status)
	w.line(`t.Errorf("the status is %%d, not %d", status)`, e.Status)
	w.line("}")
}

// list returns arguments, each on a line of its own if there are several.
func list(args []string) string {
	if len(args) < 2 {
		return strings.Join(args, "")
	}
	return "\n" + strings.Join(args, ",\n") + ",\n"
}

func (w *writer) send(a action) {
	if a.entry.Cut > 0 {
		w.line("t.Skip(%s)", goString(fmt.Sprintf("a message of %s is cut in the recording: write the %d bytes that are missing",
			a.client.variable, a.entry.Cut)))
	}
	pieces, declarations := w.values.sent(string(a.entry.Data()), a.entry.Time)
	for _, d := range declarations {
		w.line("%s", d)
	}
	if a.entry.Bytes > gatesock.MaxFrameSize {
		w.line("%s(t, h, %s, %s)", w.helper("sendFragmented"), a.client.variable, expand(pieces))
		return
	}
	w.line("%s.SendText(%s)", a.client.variable, expand(pieces))
}

// post repeats a post by hand. One that was refused is repeated too: it has used up faults, and its
// frame may have arrived.
func (w *writer) post(a action) {
	e := a.entry
	if !delivered(e) && e.Cut > 0 {
		w.line("// Here a post to %s by hand had the status %d.", a.client.variable, e.Status)
		return
	}
	pieces, declarations := w.values.sent(string(e.Data()), e.Time)
	for _, d := range declarations {
		w.line("%s", d)
	}
	w.line("%s(t, h, %s, %s, %d)", w.helper("post"), a.client.variable, expand(pieces), e.Status)
}
