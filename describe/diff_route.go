package describe

import (
	"fmt"
	"slices"

	"github.com/gatesock/gatesock"
)

func (d *differ) routes() {
	for _, key := range union(d.from.Routes, d.to.Routes, func(r Route) string { return r.Key }) {
		path := fmt.Sprintf("route %q", key)
		a, b := find(d.from.Routes, key, Route.named), find(d.to.Routes, key, Route.named)
		isMessage := key != gatesock.RouteConnect && key != gatesock.RouteDisconnect
		switch {
		case b == nil:
			d.add(path, isMessage, "removed")
		case a == nil:
			// A handshake needs no route, but has to pass the guards of one.
			d.add(path, !isMessage && slices.ContainsFunc(b.Guards, Guard.refuses), "added")
		default:
			d.route(path, *a, *b)
		}
	}
}

func (r Route) named(key string) bool { return r.Key == key }

func (d *differ) route(path string, a, b Route) {
	d.guards(path, a.Guards, b.Guards)
	if a.Raw != b.Raw {
		d.add(path, true, "was %s the wire format and is %s it", side(a.Raw), side(b.Raw))
	}
	if a.Idempotent != b.Idempotent {
		// Clients repeat messages of a route that was idempotent when they were built.
		d.add(path, a.Idempotent, "%s idempotent", map[bool]string{true: "is not", false: "is"}[a.Idempotent])
	}
	if a.Codec != b.Codec && (a.Codec == "custom" || b.Codec == "custom") {
		d.add(path, true, "has another encoding")
	}
	d.input(path+", input", a.Input, b.Input)
	d.answer(path, a, b)
}

func side(raw bool) string {
	if raw {
		return "outside"
	}
	return "in"
}

// answer compares what a route answers. Clients do not read the data of an acknowledgement, so that
// it may become something.
func (d *differ) answer(path string, a, b Route) {
	if a.Answer != b.Answer {
		harmless := a.Answer == AnswerNone && b.Answer != AnswerMock ||
			a.Answer == AnswerAck && b.Answer == AnswerData ||
			a.Answer == AnswerAny && (b.Answer == AnswerData || b.Answer == AnswerAck)
		d.add(path, !harmless, "answers %s instead of %s", b.Answer.words(), a.Answer.words())
		return
	}
	if a.Mock != b.Mock {
		d.add(path, true, "answers %s instead of %s", b.Mock, a.Mock)
	}
	if a.Answer == AnswerData {
		d.output(path+", output", a.Output, b.Output)
	}
}

func (a Answer) words() string {
	switch a {
	case AnswerNone:
		return "nothing"
	case AnswerAck:
		return "with an acknowledgement"
	case AnswerData:
		return "with data"
	case AnswerAny:
		return "with any frame"
	case AnswerMock:
		return "with a fixed frame"
	}
	return string(a)
}

// guards compares what a client must be allowed to do. A guard is new unless there was one of the
// same name, or the client needed its scopes before.
func (d *differ) guards(path string, a, b []Guard) {
	var scopes []string
	for _, g := range a {
		scopes = append(scopes, g.Scopes...)
	}
	for _, g := range a {
		if !slices.ContainsFunc(b, g.same) {
			d.add(path, false, "guard removed: %s", g.Name)
		}
	}
	for _, g := range b {
		if !slices.ContainsFunc(a, g.same) {
			_, more := sides(scopes, g.Scopes)
			known := len(g.Scopes) > 0 && len(more) == 0
			d.add(path, g.refuses() && !known, "guard added: %s", g.Name)
		}
	}
}

func (g Guard) same(other Guard) bool {
	less, more := sides(g.Scopes, other.Scopes)
	return g.Name == other.Name && len(less) == 0 && len(more) == 0
}

// refuses reports whether a guard may refuse clients: all but the mark of authz.AllowAnyone.
func (g Guard) refuses() bool { return g.Name != "public" || len(g.Scopes) > 0 }
