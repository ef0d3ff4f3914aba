package export

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// writer writes the test of a session.
type writer struct {
	*session

	values  *values
	helpers map[string]bool
	b       strings.Builder
	now     time.Time // how far the test is, as a time of the recording if nobody had moved the clock

	passing  passing
	started  int // how many actions run beside the test
	lastLine int // where the last line begins
}

// settle is how long something may have taken in the recording before the test moves its clock for
// it.
const settle = 20 * time.Millisecond

var usesClock = regexp.MustCompile(`\bclock\b`)

func (w *writer) test(name string) string {
	passes := !w.options.NoBubble && w.last.After(w.first)
	if passes || w.options.New != "" && usesClock.MatchString(w.options.New) || w.values.sendsTimes() {
		w.timed = true
	}
	w.now = w.first
	w.line("// %s repeats a session%s.", name, w.of())
	w.line("func %s(t *testing.T) {", name)
	w.line("t.Parallel()")
	if w.options.NoBubble {
		w.body()
	} else {
		w.line("synctest.Test(t, func(t *testing.T) {")
		w.body()
		w.line("})")
	}
	w.line("}")
	return w.b.String()
}

func (w *writer) body() {
	w.harness()
	harness := w.b.String()
	w.b.Reset()
	w.play()
	played := w.b.String()
	w.b.Reset()
	w.b.WriteString(harness)
	w.declareTimes()
	w.b.WriteString(played)
}

// play writes what clients do and receive.
func (w *writer) play() {
	for _, c := range w.clients {
		if c.unknown && !w.values.declared[c] {
			w.line("%s := h.Connect() // the recording does not have its handshake", c.variable)
			w.values.declared[c] = true
		}
	}
	for rest := w.steps; len(rest) > 0; {
		w.line("")
		n := w.overlapping(rest)
		if n > 1 {
			w.together(rest[:n])
		} else {
			w.step(rest[0])
		}
		rest = rest[n:]
	}
	w.line("")
	for _, c := range w.clients {
		if w.values.declared[c] {
			w.line("%s.ExpectNone()", c.variable)
		}
	}
}

// of says which stage the session is of, if it matters.
func (w *writer) of() string {
	if w.stage == "" {
		return ""
	}
	return " of the stage " + oneLine(w.stage)
}

// helper returns the name of a function of the file that the test needs.
func (w *writer) helper(name string) string {
	w.helpers[name] = true
	return w.options.nameOf(name)
}

func (w *writer) line(format string, args ...any) {
	w.lastLine = w.b.Len()
	fmt.Fprintf(&w.b, format+"\n", args...)
}

// harness writes what makes the application and its gateway.
func (w *writer) harness() {
	app := application(w.options.New)
	fraction := w.first.Sub(w.first.Truncate(time.Second))
	if w.timed && !w.options.NoBubble {
		if fraction > 0 && w.values.sendsTimes() {
			w.line("time.Sleep(%s) // so that times have the fractions of the recording", goDuration(fraction))
		}
		w.line("clock := emulator.NewManualClock(time.Now())")
	} else if w.timed {
		w.line("clock := emulator.NewManualClock(time.Now().Truncate(time.Second)%s)", plus(fraction))
	}
	var config []string
	if w.timed {
		config = append(config, "c.Clock = clock")
	}
	if w.byChance() {
		w.seeded()
		config = append(config, "c.Faults = faults")
	}
	w.line("rec := wstest.NewRecorder() // the application posts through it")
	if w.firesSomething() || len(config) > 0 {
		w.line("app := %s", app)
		app = "app"
	}
	if len(config) == 0 {
		w.line("h := wstest.New(t, %s, wstest.WithPoster(rec))", app)
	} else {
		w.line("h := wstest.New(t, %s, wstest.WithPoster(rec), wstest.WithConfig(func(c *emulator.Config) {", app)
		w.line("%s", strings.Join(config, "\n"))
		w.line("}))")
	}
	if !w.byChance() {
		w.addFaults("h.Faults()")
	}
	if w.blocked() {
		w.line("h.Faults().OnFault(func(e emulator.FaultEvent) {")
		w.line(`if e.Fault.Name() == "slow call" || e.Fault.Name() == "cold start" && e.Route == "$connect" {`)
		w.line("go h.Advance(e.Delay) // a handler, or a client that connects, waits for it")
		w.line("}")
		w.line("})")
	}
}

var functionName = regexp.MustCompile(`^[\w.]+$`)

// application returns the expression that makes the application.
func application(expression string) string {
	expression = strings.TrimSpace(expression)
	switch {
	case expression == "":
		return "newApp(t, rec)"
	case strings.HasPrefix(expression, "func("), functionName.MatchString(expression):
		return expression + "(rec)"
	}
	return expression
}

// seeded writes the faults that happen by chance, with those that were there from the start.
func (w *writer) seeded() {
	w.line("faults := emulator.NewFaults(%d)", w.options.Seeds[w.stage])
	w.addFaults("faults")
}

// addFaults writes the faults that were there from the start.
func (w *writer) addFaults(to string) {
	for _, f := range w.faults {
		if f.atStart {
			w.line("%s.Add(%s)", to, f.spec.source(nil))
		}
	}
}

// firesSomething reports whether the test calls the application itself.
func (w *writer) firesSomething() bool {
	return slices.ContainsFunc(w.steps, func(st *step) bool {
		return slices.ContainsFunc(st.does, func(a action) bool {
			return a.kind == firesSchedule && w.options.Schedule != "" || a.kind == sendsToQueue && w.options.Queue != ""
		})
	})
}

// step writes a step: what is done, and what clients receive for it.
func (w *writer) step(st *step) {
	if len(st.does) == 0 && !st.foreign {
		w.makeDue(st.time)
	} else {
		w.advanceTo(st.time)
	}
	if st.anyOrder {
		w.line("// These were handled at the same time: what they cause may come in any order.")
	}
	for _, a := range st.does {
		w.action(a)
	}
	w.wait(st)
	if st.foreign && len(st.effects) > 0 {
		w.line("// No client of this test has caused:")
	}
	anyOrder := unordered(st)
	for _, e := range st.effects {
		if !w.values.declared[e.client] {
			continue // the test does not connect it
		}
		switch {
		case st.foreign:
		case len(st.does) == 0:
			w.makeDue(w.timeOf(e))
		case w.options.NoBubble:
			w.advanceTo(w.timeOf(e))
		}
		line := w.expect(e, anyOrder[e.client] || st.overtaken(e))
		switch {
		case st.foreign:
			line = "// " + line
		case e.tooOld():
			line = "// " + line + ": too long idle or open, since before the recording"
		}
		w.line("%s", line)
	}
}

// unordered returns the clients that may receive the effects of a step in any order.
func unordered(st *step) map[*client]bool {
	frames, beside := map[*client]int{}, map[*client]bool{}
	for _, e := range st.effects {
		if !e.end {
			frames[e.client]++
			beside[e.client] = beside[e.client] || e.beside || st.anyOrder
		}
	}
	maps.DeleteFunc(beside, func(c *client, is bool) bool { return !is || frames[c] < 2 })
	return beside
}

// expect returns the line for an effect.
func (w *writer) expect(e effect, anyOrder bool) string {
	name := e.client.variable
	switch {
	case e.end && e.beside:
		return fmt.Sprintf("%s.ExpectClosed(%d)\n%s.ExpectNone() // waits for its $disconnect", name, e.entry.Code, name)
	case e.end:
		return fmt.Sprintf("%s.ExpectClosed(%d)", name, e.entry.Code)
	}
	method := "ExpectNext"
	if anyOrder {
		method = "ExpectFrame"
	}
	pieces := w.values.received(string(e.entry.Data()), e.entry.Cut > 0)
	return fmt.Sprintf("%s.%s(%s)", name, method, pattern(pieces))
}

// action writes what a step does.
func (w *writer) action(a action) {
	if a.client != nil && a.kind != connects && !w.values.declared[a.client] {
		w.line("// %s comes before the handshake of its client.", oneLine(string(a.entry.Kind)))
		return
	}
	e := a.entry
	switch a.kind {
	case connects:
		w.connect(a)
	case refused:
		w.refused(e)
	case sends:
		w.send(a)
	case sendsBinary:
		w.line("%s.SendBinary([]byte{0}) // which message it was is not in the recording", a.client.variable)
	case sendsTooLarge:
		w.line(`%s.SendText(strings.Repeat("x", gatesock.MaxMessageSize+1)) // which message it was is not in the recording`, a.client.variable)
	case sendsBadText:
		w.line(`%s.SendText("\xff") // which message it was is not in the recording`, a.client.variable)
	case closes:
		code, reason := e.Code, e.Reason
		if code == noStatus {
			code, reason = 0, ""
		}
		w.line("%s.Close(%d, %s)", a.client.variable, code, goString(reason))
	case aborts:
		w.line("%s.Abort()", a.client.variable)
	default:
		w.outside(a)
	}
}

// outside writes what was done to the gateway.
func (w *writer) outside(a action) {
	e := a.entry
	switch a.kind {
	case posts:
		w.post(a)
	case deletes:
		w.line("%s(t, h, %s, 0, %s)", w.helper("disconnect"), a.client.variable, goString(""))
	case disconnects:
		w.line("%s(t, h, %s, %d, %s)", w.helper("disconnect"), a.client.variable, e.Code, goString(e.Reason))
	case advances:
		w.move(millis(e.AdvanceMs))
	case addsFault:
		w.addFault(a.fault)
	case removesFault:
		w.line("%s()", a.fault.variable)
	case firesSchedule:
		w.fire("the schedule "+e.Text+" was fired", w.options.Schedule, e.Text)
	case sendsToQueue:
		w.fire("a message was sent to the queue "+e.Text, w.options.Queue, e.Text, string(e.Data()))
	case invocationFail:
		w.line("h.TakeErrors() // as in the recording, an invocation of %s failed: %.200s", oneLine(e.Route), oneLine(e.Error))
	default:
	}
}

// fire writes a call of a function of the test's author, or what it would be for.
func (w *writer) fire(what, function string, args ...string) {
	if function == "" {
		w.line("// Here %s, which this test does not repeat.", oneLine(what))
		return
	}
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = goString(a)
	}
	w.line("%s(t, app, %s)", function, strings.Join(quoted, ", "))
}

func (w *writer) addFault(f *addedFault) {
	if f.spec == nil {
		w.line("// Here a fault was added that this test does not repeat: %s", oneLine(f.text))
		return
	}
	var declared []*client
	for _, c := range w.clients {
		if w.values.declared[c] {
			declared = append(declared, c)
		}
	}
	if f.variable != "" {
		w.line("%s := h.Faults().Add(%s)", f.variable, f.spec.source(declared))
		return
	}
	w.line("h.Faults().Add(%s)", f.spec.source(declared))
}
