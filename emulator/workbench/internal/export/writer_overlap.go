package export

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// overlapping returns how many of the first steps were handled at the same time, because handlers
// waited: each begins before one of those before it has ended. It is 1 without a bubble, where
// the test cannot know when to go on.
func (w *writer) overlapping(steps []*step) int {
	if w.options.NoBubble || !waits(steps[0]) {
		return 1
	}
	n := 1
	for _, st := range steps[1:] {
		if !besideOthers(st) || !slices.ContainsFunc(steps[:n], st.within) {
			break
		}
		n++
	}
	return n
}

// putsInARow reports whether the test does one after the other what was handled at the same time.
func (s *session) putsInARow() bool {
	for i, st := range s.steps {
		if st.anyOrder {
			return true
		}
		for _, next := range s.steps[i+1:] {
			beside := !s.options.NoBubble && waits(st) && besideOthers(next) && next.within(st)
			if next.seq < st.to && len(st.does) > 0 && len(next.does) > 0 && !beside {
				return true
			}
		}
	}
	return false
}

// waits reports whether a test may do other things while a step is handled.
func waits(st *step) bool {
	if len(st.does) == 0 || !besideOthers(st) {
		return false
	}
	switch st.does[0].kind {
	case sends, closes, aborts, disconnects:
		return true
	default:
		return false
	}
}

// besideOthers reports whether a step may happen while another one is handled. What happens because
// its time has come has a place of its own.
func besideOthers(st *step) bool {
	return (st.foreign || len(st.does) > 0) && !st.anyOrder && st.waited == 0
}

// together writes steps that overlap, in the order in which they began, and what clients receive
// where they received it.
func (w *writer) together(steps []*step) {
	w.line("// These were handled at the same time.")
	var pending []effectOf
	var after []func()
	for i, st := range steps {
		w.advanceTo(st.time)
		pending = w.received(pending, st.seq)
		later := waits(st) && slices.ContainsFunc(steps[i+1:], func(next *step) bool { return next.within(st) })
		after = append(after, w.begin(st, later)...)
		for _, e := range st.effects {
			pending = append(pending, effectOf{e, st})
		}
		slices.SortStableFunc(pending, func(a, b effectOf) int { return cmp.Compare(a.entry.Seq, b.entry.Seq) })
	}
	for _, end := range after {
		end()
	}
	w.received(pending, ^uint64(0))
}

// begin writes what a step does, and returns what is to be written when all have been done. If
// something else happens before it has been handled, it runs beside the test.
func (w *writer) begin(st *step, beside bool) (after []func()) {
	for i, a := range st.does {
		switch {
		case a.kind == invocationFail:
			after = append(after, func() { w.action(a) })
		case i == 0 && beside && w.values.declared[a.client]:
			end := w.start(a)
			after = append(after, func() { w.line("%s()", end) })
		default:
			w.action(a)
		}
	}
	return after
}

// start writes an action that runs beside the test, and returns the name of the function that waits
// for its end. What the action declares stays outside.
func (w *writer) start(a action) (end string) {
	w.action(a)
	text, last := w.b.String(), w.lastLine
	w.b.Reset()
	w.b.WriteString(text[:last])
	w.started++
	end = "end" + strconv.Itoa(w.started)
	w.line("%s := %s(func() {\n%s})", end, w.helper("start"), text[last:])
	return end
}

// effectOf is an effect of a step.
type effectOf struct {
	effect

	of *step
}

// received writes what clients had received before an entry, and returns the rest.
func (w *writer) received(effects []effectOf, before uint64) (rest []effectOf) {
	n := 0
	for n < len(effects) && effects[n].entry.Seq < before {
		n++
	}
	for i, e := range effects[:n] {
		if !w.values.declared[e.client] {
			continue // the test does not connect it
		}
		line := w.expect(e.effect, e.beside || e.of.overtaken(e.effect) || w.raced(effects[:n], i))
		if e.of.foreign {
			line = "// No client of this test has caused: " + line
		}
		w.line("%s", line)
	}
	return effects[n:]
}

// raced reports whether a client received an effect at about the same time as that of another step.
// Then the test may receive them in the other order.
func (w *writer) raced(effects []effectOf, i int) bool {
	e := effects[i]
	return slices.ContainsFunc(effects, func(other effectOf) bool {
		apart := w.timeOf(e.effect).Sub(w.timeOf(other.effect)).Abs()
		return other.client == e.client && other.of != e.of && !other.end && !e.end && apart <= settle+time.Millisecond
	})
}
