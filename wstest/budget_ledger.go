package wstest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gatesock/gatesock/internal/observing"
)

// ledger is told of the calls of all invocations, and writes down what they cost while somebody
// wants to know. The zero value is ready for use.
type ledger struct {
	mu      sync.Mutex
	metered bool // a request with units has been made
	entries []*spending
}

// spending is what was spent during one call of AtMost; ledger.mu guards it.
type spending struct {
	ledger *ledger
	calls  map[observing.Call]expense
	posts  []sentPost
}

// expense is what calls of one kind have cost.
type expense struct {
	observing.Units

	n int
}

type sentPost struct {
	connection string
	bytes      int
}

// open begins to write down what is spent. The function ends it; it may be called again.
func (l *ledger) open() (*spending, func()) {
	s := &spending{ledger: l, calls: map[observing.Call]expense{}}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, s)
	return s, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.entries = slices.DeleteFunc(l.entries, func(other *spending) bool { return other == s })
	}
}

// BeginCall writes down a call when it has ended.
func (l *ledger) BeginCall(_ context.Context, c observing.Call) (func(observing.Units), error) {
	return func(u observing.Units) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.metered = l.metered || u.Known
		for _, s := range l.entries {
			e := s.calls[c]
			s.calls[c] = expense{e.Plus(u), e.n + 1}
		}
	}, nil
}

// Metering reports whether somebody wants to know what calls cost.
func (l *ledger) Metering() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries) > 0
}

// Over returns false: only a process of CrashEvery ends.
func (l *ledger) Over() bool { return false }

// post writes down a post of the recorder.
func (l *ledger) post(connection string, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.entries {
		s.posts = append(s.posts, sentPost{connection, bytes})
	}
}

func (s *spending) total() (sum observing.Units) {
	for _, e := range s.calls {
		sum = sum.Plus(e.Units)
	}
	return sum
}

// list lists what was spent on what, the most expensive first.
func (s *spending) list(nameOf func(connection string) string) string {
	var b strings.Builder
	var calls []observing.Call
	for c := range s.calls {
		if c.Name != callPost { // in the list of posts
			calls = append(calls, c)
		}
	}
	slices.SortFunc(calls, func(a, b observing.Call) int {
		x, y := s.calls[a], s.calls[b]
		return cmp.Or(
			cmp.Compare(y.Write, x.Write), cmp.Compare(y.Read, x.Read),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.About, b.About),
		)
	})
	for _, c := range calls {
		fmt.Fprintf(&b, "\n\t%s", s.calls[c].describe(c))
	}
	type sum struct{ n, bytes int }
	posts := map[string]sum{}
	for _, p := range s.posts {
		name := nameOf(p.connection)
		posts[name] = sum{posts[name].n + 1, posts[name].bytes + p.bytes}
	}
	for _, name := range slices.Sorted(maps.Keys(posts)) {
		fmt.Fprintf(&b, "\n\t%d %s to %s: %d bytes", posts[name].n, plural(posts[name].n, "post"), name, posts[name].bytes)
	}
	if b.Len() == 0 {
		return "\n\tnothing was spent"
	}
	return b.String()
}

func (e expense) describe(c observing.Call) string {
	text := c.Name
	if c.About != "" {
		text += " of " + c.About
	}
	if e.n > 1 {
		text = fmt.Sprintf("%d × %s", e.n, text)
	}
	switch {
	case !e.Known:
		return text + ": no units"
	case e.Write > 0 && e.Read > 0:
		return fmt.Sprintf("%s: %s, %s", text, amount(e.Write, "write unit"), amount(e.Read, "read unit"))
	case e.Write > 0:
		return text + ": " + amount(e.Write, "write unit")
	}
	return text + ": " + amount(e.Read, "read unit")
}

// amount returns a number with what it counts.
func amount(n float64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%v %s", n, what)
}
