package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/clientcore"
	"github.com/gatesock/gatesock/topic"
)

// plan is what a world has, and which faults happen in it.
type plan struct {
	agents     int
	topics     []string
	ops        int
	warm       bool // the clients are subscribed when it begins
	processes  int  // that run at the same time
	shared     bool // a process runs several invocations at once, as a server does
	state      bool // there is a state topic
	presence   bool // a topic shows who is there
	twin       bool // the backend is package dynamo on the twin
	retention  topic.Retention
	maxWaiting int
	faults     int          // of a thousand steps
	kinds      map[int]bool // of faults that happen
	gentle     bool         // no faults: what was published arrives soon, without a sync
	jumps      bool         // hours and days pass
}

// world is a simulated system.
type world struct {
	seed    uint64
	choose  *choices
	plan    plan
	logger  *slog.Logger
	backend backend
	gateway *emulator.Gateway
	running sync.WaitGroup

	mu      sync.Mutex
	pending []*step // at the gate, in order
	stray   []*step // given up by their callers, and still under way
	arrived chan struct{}
	links   map[string]*link // by connection id

	procs   []*process
	started int
	agents  []*agent
	opsLeft int
	steps   int
	calm    bool
	verdict string // of a broken promise; guarded by mu

	rolled   map[string]bool     // topics of which an epoch was ended
	layout   int                 // which step of a change of the sharding is deployed
	values   int                 // that were set
	settings map[string]*setting // by key

	jumped bool // days may have passed

	truth truth
	trace trace
	count map[string]int
}

// outcome is what a world was like.
type outcome struct {
	seed    uint64
	made    []int
	trace   []line
	steps   int
	count   map[string]int
	failure string // empty: all promises were kept
}

// simulate runs a world to its end.
func simulate(t *testing.T, seed uint64, choose *choices) (out outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, seed)
		time.Sleep(time.Until(time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC))) //nolint:forbidigo // in a bubble
		w := newWorld(seed, choose)
		failure := w.live()
		w.end()
		w.count["published"] = w.truth.published()
		out = outcome{seed, choose.made, w.trace.lines, w.steps, w.count, failure}
	})
	return out
}

func newWorld(seed uint64, choose *choices) *world {
	w := &world{
		seed: seed, choose: choose, logger: discard(), arrived: make(chan struct{}, 1), links: map[string]*link{},
		rolled: map[string]bool{}, settings: map[string]*setting{"k": {}, "l": {}}, count: map[string]int{}, truth: newTruth(),
	}
	w.plan = drawPlan(choose)
	w.opsLeft = w.plan.ops
	w.backend = w.newBackend()
	gw, err := emulator.NewFunc(func(gatesock.ConnectionsAPI) (handler, error) {
		return described{w, w.newProcess().router}, nil
	}, emulator.Config{Logger: w.logger})
	if err != nil {
		panic(err)
	}
	w.gateway = gw
	for i := range w.plan.agents {
		w.agents = append(w.agents, w.newAgent(i))
	}
	return w
}

func drawPlan(c *choices) plan {
	p := plan{
		agents: 1 + c.below(3), topics: []string{"a", "b"}[:1+c.weighted(3, 1)],
		ops: 2 + c.below(24), warm: c.weighted(3, 1) == 0,
		processes: 1 + c.below(3), shared: c.chance(300), twin: c.weighted(1, 4) == 1,
		maxWaiting: []int{256, 2}[c.weighted(4, 1)], kinds: map[int]bool{},
	}
	p.retention = []topic.Retention{{}, {Count: 3}, {Age: time.Minute}, {Age: 10 * time.Second}}[c.weighted(6, 1, 1, 1)]
	p.faults = []int{0, 50, 100, 250}[c.weighted(1, 3, 4, 2)]
	for k := range faultKinds {
		if c.weighted(1, 1) == 1 {
			p.kinds[k] = true
		}
	}
	p.jumps = c.chance(300)
	if p.twin {
		p.state, p.presence = c.chance(350), c.chance(250)
	}
	if p.gentle = c.chance(250); p.gentle {
		p.faults, p.jumps = 0, false
	}
	return p
}

func (w *world) newBackend() backend {
	if w.plan.twin {
		return newTwinBackend(w)
	}
	return newMemoryBackend()
}

// live lets the world live, and returns which promise was broken.
func (w *world) live() (failure string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case broken:
			failure = string(r)
		default:
			panic(r)
		}
	}()
	for _, a := range w.agents {
		for _, name := range w.plan.topics {
			a.rights[name] = true
		}
		a.client.Start(time.Now())
		a.subscribe(w.plan.topics[0])
		if w.plan.state {
			a.rights[stateTopic] = true
			a.client.Subscribe(time.Now(), stateTopic, clientcore.Options{})
		}
		a.drain()
	}
	if w.plan.warm {
		w.settle(time.Second)
	}
	w.calm = false
	w.storm()
	w.trace.add("note", "", "the faults are over")
	w.setAgain()
	w.settle(soonTime)
	w.checkSoon()
	w.settle(restTime)
	w.check()
	w.publishLast()
	w.presenceLast()
	w.checkEnd()
	return ""
}

// broken is the panic that ends a world whose promise was broken.
type broken string

func (w *world) fail(format string, args ...any) {
	panic(broken(fmt.Sprintf(format, args...)))
}

const maxSteps = 4000

// storm lasts until everything has happened and nothing is left to do at once.
func (w *world) storm() {
	for w.steps < maxSteps {
		synctest.Wait()
		w.tick()
		items := w.items()
		if len(items) == 0 && w.opsLeft == 0 {
			return
		}
		w.steps++
		w.act(items)
		w.pass(time.Millisecond)
	}
}

// settle lets things go on for a while, in order and without faults.
func (w *world) settle(d time.Duration) {
	w.calm = true
	for until := time.Now().Add(d); time.Now().Before(until); {
		synctest.Wait()
		w.tick()
		items := w.items()
		if len(items) == 0 {
			w.idle(time.Until(until))
			continue
		}
		if w.steps++; w.steps > 3*maxSteps {
			w.fail("the system does not come to rest")
		}
		items[0].do()
		time.Sleep(time.Microsecond) //nolint:forbidigo // in a bubble: what begins now has timers of its own
	}
	synctest.Wait()
}

// soonTime is longer than it takes to fill a gap, with a request that is not answered and a link
// that is lost meanwhile. There has been no sync yet.
const soonTime = 110 * time.Second

// restTime is how long it may take then to make faults good. It is longer than the interval of
// sync, and shorter than it takes the gateway to close an idle connection.
const restTime = 7 * time.Minute

// item is something that can be done next.
type item struct {
	step *step // nil: it is about a link
	do   func()
}

// items returns what can be done next, in order: at the gate, and on the links.
func (w *world) items() (items []item) {
	for _, s := range w.waiting() {
		items = append(items, item{s, func() { w.carry(s, carried) }})
	}
	for _, a := range w.agents {
		a.links = slices.DeleteFunc(a.links, (*link).isOver)
		for _, l := range a.links {
			items = append(items, w.onLink(l)...)
		}
	}
	return items
}

// isOver reports whether nothing can happen on a link any more.
func (l *link) isOver() bool {
	l.agent.w.mu.Lock()
	defer l.agent.w.mu.Unlock()
	return l.left && l.noticed && len(l.in) == 0
}

// onLink returns what can happen on a link.
func (w *world) onLink(l *link) (items []item) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l.dialing {
		items = append(items, item{nil, func() {
			l.dialing = false
			w.trace.add(l.agent.name, "gateway", "connects as "+l.name)
			l.dial()
		}})
	}
	if len(l.in) > 0 {
		items = append(items, item{nil, func() { l.receive(time.Now()) }})
	}
	if len(l.out) > 0 && l.session != nil {
		items = append(items, item{nil, func() {
			data := l.out[0]
			l.out = l.out[1:]
			w.trace.add(l.agent.name, "gateway", describeFrame(data)+" on "+l.name)
			l.send(data)
		}})
	}
	if l.left && !l.noticed && l.session != nil {
		items = append(items, item{nil, func() {
			l.noticed = true
			w.trace.add(l.agent.name, "gateway", "has left "+l.name)
			l.hangUp()
		}})
	}
	return items
}

// tick lets clients do what is due.
func (w *world) tick() {
	now := time.Now()
	for _, a := range w.agents {
		for range 100 {
			d, ok := a.client.Deadline()
			if !ok || d.After(now) {
				break
			}
			a.client.Tick(now)
			a.drain()
		}
	}
}

// deadline returns when the next client has something to do.
func (w *world) deadline() (first time.Time, ok bool) {
	for _, a := range w.agents {
		if d, due := a.client.Deadline(); due && (!ok || d.Before(first)) {
			first, ok = d, true
		}
	}
	return first, ok
}

// asleep is what is too long for a client to be awake without a link that works.
const asleep = time.Hour

// pass lets time pass. Clients do what is due meanwhile, unless they are asleep.
func (w *world) pass(d time.Duration) {
	if d > asleep {
		time.Sleep(d) //nolint:forbidigo // in a bubble
		return
	}
	for until := time.Now().Add(d); time.Now().Before(until); {
		next := until
		if due, ok := w.deadline(); ok && due.Before(next) {
			next = due
		}
		time.Sleep(max(time.Until(next), time.Microsecond)) //nolint:forbidigo // in a bubble
		if next.Before(until) {
			synctest.Wait()
			w.tick()
		}
	}
}

// idle waits until something arrives, or a client has something to do.
func (w *world) idle(most time.Duration) {
	if due, ok := w.deadline(); ok {
		most = min(most, time.Until(due))
	}
	timer := time.NewTimer(max(most, 0))
	defer timer.Stop()
	select {
	case <-w.arrived:
	case <-timer.C:
	}
}

// carry decides about a step.
func (w *world) carry(s *step, v verdict) {
	w.take(s)
	if s.do != nil && (v == carried || v == lost || v == hung) {
		s.do()
	}
	switch s.kind {
	case kindInvoke:
		if v == carried {
			s.proc = w.instance()
			s.proc.busy++
			s.to = s.proc.name
		}
	case kindAnswer:
		s.proc.busy--
	case kindTimeout:
		w.trace.add(s.from, s.to, s.text)
		w.kill(s.proc)
		return
	default:
	}
	w.trace.add(s.from, s.to, s.text+suffix(v))
	s.verdict <- v
}

func suffix(v verdict) string {
	switch v {
	case carried:
		return ""
	case lost:
		return " ✗ done, answer lost"
	case hung:
		return " ✗ done, no answer"
	case throttled:
		return " ✗ throttled"
	case gone:
		return " ✗ wrongly 410"
	case conflict:
		return " ✗ refused"
	default:
		return " ✗ failed"
	}
}

// instance chooses where an invocation runs.
func (w *world) instance() *process {
	var free []*process
	for _, p := range w.procs {
		if p.busy == 0 || w.plan.shared {
			free = append(free, p)
		}
	}
	n := len(free)
	if n == 0 || len(w.procs) < w.plan.processes {
		n++
	}
	if i := w.choose.below(n); i < len(free) {
		return free[i]
	}
	return w.newProcess()
}

// end ends everything in the bubble.
func (w *world) end() {
	for _, p := range slices.Clone(w.procs) {
		w.kill(p)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.gateway.Shutdown(context.Background())
		w.running.Wait()
	}()
	for {
		synctest.Wait()
		for _, s := range w.waiting() {
			w.take(s)
			s.verdict <- failed
		}
		select {
		case <-done:
			return
		case <-w.arrived:
		}
	}
}

// learn notes which link a connection is.
func (w *world) learn(from origin, event []byte) {
	if from.link == nil || from.link.id != "" {
		return
	}
	_, from.link.id = eventOf(event)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.links[from.link.id] = from.link
}

func eventOf(event []byte) (route, id string) {
	var in struct {
		RequestContext struct {
			RouteKey     string `json:"routeKey"`
			ConnectionID string `json:"connectionId"`
		} `json:"requestContext"`
	}
	if err := json.Unmarshal(event, &in); err != nil {
		panic(err)
	}
	return in.RequestContext.RouteKey, in.RequestContext.ConnectionID
}

func (w *world) linkNamed(id string) *link {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.links[id]
}

func (w *world) nameOfConn(id string) string {
	if l := w.linkNamed(id); l != nil {
		return l.name
	}
	return "?"
}

// line is a line of a story.
type line struct {
	At             time.Duration
	From, To, Text string
}

func (l line) String() string {
	if l.To == "" {
		return fmt.Sprintf("%12s  %s: %s", l.At, l.From, l.Text)
	}
	return fmt.Sprintf("%12s  %s -> %s: %s", l.At, l.From, l.To, l.Text)
}

type trace struct {
	mu    sync.Mutex
	begin time.Time
	lines []line
}

func (t *trace) add(from, to, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.begin.IsZero() {
		t.begin = time.Now()
	}
	t.lines = append(t.lines, line{time.Since(t.begin), from, to, text})
}

func (o outcome) story() string {
	var b strings.Builder
	for _, l := range o.trace {
		b.WriteString(l.String() + "\n")
	}
	return b.String()
}
