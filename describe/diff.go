package describe

import (
	"fmt"
	"slices"
	"strings"
)

// Change is a difference between two descriptions of an application that its clients can notice.
type Change struct {
	// Path is where the difference is, such as `route "say", input.text`. A path continues with the
	// names of properties, with [] for the elements of an array, and with {} for the values of a map.
	Path string
	// What has changed, as "became required".
	What string
	// Breaking reports whether a client that was made for the old description may fail; see [Diff].
	Breaking bool
}

// String returns the change as a line for people, which begins with "breaking: " if it is.
func (c Change) String() string {
	if c.Breaking {
		return fmt.Sprintf("breaking: %s: %s", c.Path, c.What)
	}
	return fmt.Sprintf("%s: %s", c.Path, c.What)
}

// Diff returns what clients of an application can notice of the step from one description to
// another, in the order of the documents: the envelope, the authorizer, the limits, the routes, the
// pushes, the topics to which devices publish by MQTT. It leaves out texts, other event sources and
// needs.
//
// A change is breaking if a client that works with the old description may fail with the new one:
//
//   - An input breaks if it refuses what it accepted: a property became required, a type, an enum
//     value or an alternative was removed, a bound is tighter. A new optional property is harmless.
//   - An output or a push breaks if clients may receive what they could not receive before: a
//     property became optional, a type or an enum value was added, a bound is looser. A new enum
//     value counts although clients may be prepared for it. A removed property breaks; a new one is
//     harmless, since clients ignore what they do not know.
//   - A removed route or push breaks, a new one is harmless. So is an answer where there was none,
//     data in an acknowledgement, and data where any frame was possible. Other changes of the
//     answer break, and so do those of the encoding.
//   - A new guard, authorizer, identity source or limit breaks, and so does a lower limit. A guard
//     is harmless if it only requires scopes that the route required before.
//   - A removed topic filter of a rule of AWS IoT breaks, a new one is harmless. A changed filter
//     is both, and the name of a rule does not matter.
//   - Another name in the envelope breaks everything.
//
// Where that cannot be decided, as between two patterns, the change counts as breaking. Clients are
// taken to send no properties that the description does not have. A type that occurs several times
// in one input or output is compared where it occurs first.
func Diff(from, to *App) []Change {
	d := &differ{from: from, to: to}
	d.envelope()
	d.authorizer()
	d.limits()
	d.routes()
	d.pushes()
	d.devices()
	return d.changes
}

// differ collects changes.
type differ struct {
	from, to *App
	changes  []Change
}

func (d *differ) add(path string, breaking bool, format string, args ...any) {
	d.changes = append(d.changes, Change{Path: path, What: fmt.Sprintf(format, args...), Breaking: breaking})
}

func (d *differ) envelope() {
	a, b := d.from.Envelope, d.to.Envelope
	for _, m := range []struct{ name, from, to string }{
		{"action", a.Action, b.Action},
		{"id", a.ID, b.ID},
		{"data", a.Data, b.Data},
		{"error", a.Error, b.Error},
		{"event", a.Event, b.Event},
		{"topic", a.Topic, b.Topic},
		{"input", a.Input, b.Input},
	} {
		if m.from != m.to {
			d.add("envelope", true, "the member for the %s was %q and is %q", m.name, m.from, m.to)
		}
	}
}

func (d *differ) authorizer() {
	a, b := d.from.Authorizer, d.to.Authorizer
	switch {
	case a == nil && b == nil:
		return
	case a == nil:
		d.add("authorizer", true, "added")
		return
	case b == nil:
		d.add("authorizer", false, "removed")
		return
	}
	removed, added := sides(a.IdentitySources, b.IdentitySources)
	for _, source := range removed {
		d.add("authorizer", false, "does not require %s any more", source)
	}
	for _, source := range added {
		d.add("authorizer", true, "requires %s", source)
	}
}

func (d *differ) pushes() {
	for _, event := range union(d.from.Pushes, d.to.Pushes, func(p Push) string { return p.Event }) {
		path := fmt.Sprintf("push %q", event)
		a, b := find(d.from.Pushes, event, Push.named), find(d.to.Pushes, event, Push.named)
		switch {
		case b == nil:
			d.add(path, true, "removed")
		case a == nil:
			d.add(path, false, "added")
		default:
			d.output(path+", data", a.Data, b.Data)
		}
	}
}

// devices compares the topics that the application hears devices on.
func (d *differ) devices() {
	removed, added := sides(heard(d.from), heard(d.to))
	for _, filter := range removed {
		d.add(fmt.Sprintf("MQTT topics %q", filter), true, "removed")
	}
	for _, filter := range added {
		d.add(fmt.Sprintf("MQTT topics %q", filter), false, "added")
	}
}

// heard returns the topic filters of the rules of AWS IoT, sorted.
func heard(app *App) []string {
	var filters []string
	for _, s := range app.Sources {
		if s.Kind == "iot" {
			filters = append(filters, s.Topic)
		}
	}
	slices.Sort(filters)
	return slices.Compact(filters)
}

func (p Push) named(event string) bool { return p.Event == event }

// find returns the first element with a name; nil if there is none.
func find[T any](list []T, name string, named func(T, string) bool) *T {
	for i := range list {
		if named(list[i], name) {
			return &list[i]
		}
	}
	return nil
}

// union returns the names of the elements of two lists, sorted.
func union[T any](a, b []T, name func(T) string) []string {
	var names []string
	for _, list := range [][]T{a, b} {
		for _, element := range list {
			names = append(names, name(element))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// sides returns what is only in a and what is only in b, in their orders.
func sides(a, b []string) (onlyA, onlyB []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			onlyA = append(onlyA, s)
		}
	}
	for _, s := range b {
		if !slices.Contains(a, s) {
			onlyB = append(onlyB, s)
		}
	}
	return onlyA, onlyB
}

// words joins names for people: a, b and c.
func words(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}
