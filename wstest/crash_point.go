package wstest

import (
	"fmt"
	"strings"
	"sync"

	"github.com/gatesock/gatesock/internal/observing"
)

// Crash is one run of [CrashEvery]. It is safe for concurrent use.
type Crash struct {
	at      *crashPoint // nil in the run without a crash
	retries bool

	mu       sync.Mutex
	begun    map[string]int // invocations so far, by route
	calls    []crashCall
	last     int // how many calls had begun when the process ended
	happened bool
	closed   bool   // the function of the test has returned
	handled  bool   // an invocation has begun
	late     string // the first that began after the function of the test had returned, or ""
}

func newCrash(at *crashPoint, s crashSettings) *Crash {
	return &Crash{at: at, retries: s.retries, begun: map[string]int{}}
}

// crashPoint is before or after a call.
type crashPoint struct {
	before bool
	call   string
}

func (p crashPoint) String() string {
	if p.before {
		return "before " + p.call
	}
	return "after " + p.call
}

// crashCall is a call that a process has made.
type crashCall struct {
	name, about string
	number      int // among those of the same name of the invocation
	invocation  string
	ended       bool
}

// String returns a name that is unique in a run, and the same in every run that makes the same
// calls in each of its invocations.
func (c crashCall) String() string { return fmt.Sprintf("%s %d of %s", c.name, c.number, c.invocation) }

// invocation names an invocation of a route.
func (c *Crash) invocation(route string) (name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handled = true
	c.begun[route]++
	name = fmt.Sprintf("%s %d", route, c.begun[route])
	if c.closed && c.late == "" && route != "$disconnect" { // harnesses close their clients at the end
		c.late = name
	}
	return name
}

// begin records a call of an invocation. It reports whether the process has ended: before, or now.
func (c *Crash) begin(i *crashInvocation, call observing.Call) (index int, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i.process.ended {
		return 0, true
	}
	if c.closed {
		return -1, false
	}
	i.numbers[call.Name]++
	made := crashCall{name: call.Name, about: call.About, number: i.numbers[call.Name], invocation: i.name}
	c.calls = append(c.calls, made)
	c.reach(i.process, crashPoint{true, made.String()})
	return len(c.calls) - 1, i.process.ended
}

// end records the end of a call. It reports whether the process has ended: before, or now.
func (c *Crash) end(i *crashInvocation, index int) (ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !i.process.ended && index >= 0 {
		c.calls[index].ended = true
		c.reach(i.process, crashPoint{false, c.calls[index].String()})
	}
	return i.process.ended
}

// reach ends a process if it has come to its point. The caller holds c.mu.
func (c *Crash) reach(p *process, at crashPoint) {
	if c.at == nil || c.happened || c.closed || *c.at != at {
		return
	}
	c.happened, c.last = true, len(c.calls)
	p.ended = true
	close(p.over)
}

// close ends the part of the run in which calls count: nobody checks what a process leaves behind
// that ends later.
func (c *Crash) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

// beganLate returns the first invocation that began after the function had returned, or "".
func (c *Crash) beganLate() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.late
}

// hasEnded reports whether a process has ended.
func (c *Crash) hasEnded(p *process) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return p.ended
}

// points returns where a process can end, in the order of the calls.
func (c *Crash) points() (all []crashPoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, call := range c.calls {
		all = append(all, crashPoint{true, call.String()}, crashPoint{false, call.String()})
	}
	return all
}

// maxListed is how many calls a failure lists.
const maxListed = 100

// report lists the calls of the run, up to the crash if there was one.
func (c *Crash) report() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	var b strings.Builder
	if c.happened {
		calls = calls[:c.last]
		fmt.Fprintf(&b, "the process has ended %s; the calls until then:", c.at)
	} else {
		b.WriteString("the calls of the run:")
	}
	if left := len(calls) - maxListed; left > 0 {
		calls = calls[left:]
		fmt.Fprintf(&b, "\n\t… %d more", left)
	}
	for _, call := range calls {
		fmt.Fprintf(&b, "\n\t%s", call)
		if call.about != "" {
			fmt.Fprintf(&b, " (%s)", call.about)
		}
		if !call.ended {
			b.WriteString(", which has not ended")
		}
	}
	if len(calls) == 0 {
		b.WriteString("\n\tnone")
	}
	return b.String()
}
