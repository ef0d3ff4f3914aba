package export

import "time"

// In a bubble, a test passes from time to time since it has begun, as in the recording. It does not
// add up for how long it sleeps: in a bubble a handler takes the time for which it waits, but not
// what the machine needed for it in the recording, so that the test would fall behind.

// passing is which functions that let time pass a test uses.
type passing struct{ at, move bool }

// declareTimes declares the functions that let time pass.
func (w *writer) declareTimes() {
	at, move := "_", "_"
	if w.passing.at {
		at = "at"
	}
	if w.passing.move {
		move = "move"
	}
	if at != move {
		w.line("%s, %s := %s(h)", at, move, w.helper("times"))
	}
}

// timeOf returns the time of an effect, if nobody had moved the clock.
func (w *writer) timeOf(e effect) time.Time { return w.unmoved(e.entry.Seq, e.entry.Time) }

// makeDue lets what is due on the gateway's clock by a time happen. Times of the recording are
// whole milliseconds, rounded down.
func (w *writer) makeDue(at time.Time) { w.advanceTo(at.Add(time.Millisecond)) }

// advanceTo lets time pass until a time: in a bubble on all clocks, else on that of the gateway, if
// the session needs it.
func (w *writer) advanceTo(at time.Time) {
	d := at.Sub(w.now).Round(time.Millisecond)
	switch {
	case w.options.NoBubble && w.timed && d >= settle:
		w.line("h.Advance(%s)", goDuration(d))
	case !w.options.NoBubble && d > 0:
		w.line("at(%s)", goMillis(at.Sub(w.first).Round(time.Millisecond)))
		w.passing.at = true
	default:
		return
	}
	w.now = w.now.Add(d)
}

// move moves the gateway's clock, as somebody did.
func (w *writer) move(d time.Duration) {
	if w.options.NoBubble {
		w.line("h.Advance(%s)", goDuration(d))
		return
	}
	w.line("move(%s)", goDuration(d))
	w.passing.move = true
}

// wait notes that the clock moves in a step because a fault lets a handler or a client wait, which
// the bubble must follow.
func (w *writer) wait(st *step) {
	if st.waited > 0 && !w.options.NoBubble {
		w.line("time.Sleep(%s) // as long as faults held it up", goDuration(st.waited))
	}
	w.now = w.now.Add(st.waited)
}
