package clienttest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/gatesock/gatesock/emulator"
)

// plan is what a world has, and what goes wrong in it.
type plan struct {
	users    int
	ops      int
	topics   bool
	presence bool
	state    bool
	calls    bool
	faults   int // of a thousand steps
	kinds    [linkFaults]bool
	weird    int  // of a thousand executions of a call
	jumps    bool // hours pass
	shaky    bool // handshakes are refused, and credentials are missing
	gateway  int  // which fault of the gateway there is, 0 for none
}

// world is a server, its gateway, and clients with users.
type world struct {
	seed    uint64
	choose  *choices
	plan    plan
	server  *server
	gateway *emulator.Gateway
	running sync.WaitGroup
	users   []*user

	mu      sync.Mutex // guards what the gateway and the server change
	arrived chan struct{}
	clocks  bool          // clients have clocks of their own
	moved   chan struct{} // one of them has something for its user or the network

	opsLeft int
	steps   int
	calm    bool
	calls   int
	rolled  map[string]bool
	verdict string // of a broken promise

	trace trace
	count map[string]int
}

// outcome is what a world was like.
type outcome struct {
	seed    uint64
	made    []int
	trace   []string
	steps   int
	count   map[string]int
	failure string // empty: all promises were kept
}

// maker makes the clients of a world: the first, the second, and so on.
type maker func(i int) agent

// simulate runs a world to its end.
func simulate(t *testing.T, clients maker, seed uint64, choose *choices) (out outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, seed)
		begin()
		w := newWorld(clients, seed, choose)
		failure := w.live()
		w.end()
		out = outcome{seed, choose.made, w.trace.lines, w.steps, w.count, failure}
	})
	return out
}

func newWorld(clients maker, seed uint64, choose *choices) *world {
	w := &world{
		seed: seed, choose: choose, arrived: make(chan struct{}, 1), moved: make(chan struct{}, 1),
		rolled: map[string]bool{}, count: map[string]int{},
	}
	w.plan = drawPlan(choose)
	w.opsLeft = w.plan.ops
	w.newServer()
	for i := range w.plan.users {
		a := clients(i)
		if l, ok := a.(live); ok {
			w.clocks = true
			l.nudges(func() { nudge(w.moved) })
		}
		w.users = append(w.users, w.newUser(i, a))
	}
	return w
}

func drawPlan(c *choices) plan {
	p := plan{
		users: 1 + c.weighted(3, 1), ops: 2 + c.below(30),
		faults: []int{0, 50, 120, 250}[c.weighted(1, 3, 4, 2)], weird: []int{0, 100, 300}[c.weighted(1, 2, 2)],
	}
	switch c.weighted(3, 3, 2) {
	case 0:
		p.calls = true
	case 1:
		p.topics = true
	default:
		p.calls, p.topics = true, true
	}
	if p.topics {
		p.presence, p.state = c.chance(300), c.chance(300)
	}
	for k := range p.kinds {
		p.kinds[k] = c.weighted(1, 1) == 1
	}
	p.jumps, p.shaky = c.chance(300), c.chance(300)
	p.gateway = c.weighted(10, 1, 1, 1, 1)
	return p
}

// broken is the panic that ends a world whose promise was broken.
type broken string

func (w *world) fail(format string, args ...any) { panic(broken(fmt.Sprintf(format, args...))) }

// broke notes a broken promise, where a panic would be in the wrong goroutine.
func (w *world) broke(format string, args ...any) {
	if w.verdict == "" {
		w.verdict = fmt.Sprintf(format, args...)
	}
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
	for _, u := range w.users {
		u.begin()
	}
	w.storm()
	w.note("the faults are over")
	w.makePeace()
	w.settle(restTime)
	w.checkCalls()
	w.checkTopics()
	w.publishLast()
	w.settle(5 * time.Second)
	w.checkTopics()
	w.close()
	return ""
}

const maxSteps = 3000

// restTime is longer than a call may wait, and than the interval of sync.
const restTime = 8 * time.Minute

// storm lasts until everything has happened and nothing is left to do at once.
func (w *world) storm() {
	for w.steps < maxSteps {
		w.turn()
		items := w.items()
		if len(items) == 0 && w.opsLeft == 0 {
			return
		}
		w.steps++
		w.act(items)
		w.pass(time.Millisecond)
	}
}

// turn lets everything run that can, and lets clients do what is due.
func (w *world) turn() {
	synctest.Wait()
	now := time.Now()
	for _, u := range w.users {
		for range 50 {
			due, ok := u.client.deadline()
			if !ok || due.After(now) {
				break
			}
			u.tell(func() { u.client.tick(now) })
		}
		if due, ok := u.client.deadline(); ok && !due.After(now) {
			w.fail("%s always has something to do", u.name)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.verdict != "" {
		panic(broken(w.verdict))
	}
}

// settle lets things go on for a while, in order and without faults.
func (w *world) settle(d time.Duration) {
	for until := time.Now().Add(d); time.Now().Before(until); {
		w.turn()
		items := w.items()
		if len(items) == 0 {
			w.idle(until)
			continue
		}
		if w.steps++; w.steps > 5*maxSteps {
			w.fail("the system does not come to rest")
		}
		items[0].do()
		time.Sleep(time.Microsecond) //nolint:forbidigo // in a bubble
	}
	w.turn()
}

// deadline returns when the next client has something to do.
func (w *world) deadline() (first time.Time, ok bool) {
	for _, u := range w.users {
		if d, due := u.client.deadline(); due && (!ok || d.Before(first)) {
			first, ok = d, true
		}
	}
	return first, ok
}

// idle waits until something arrives, or a client has something to do.
func (w *world) idle(until time.Time) {
	if due, ok := w.deadline(); ok && due.Before(until) {
		until = due
	}
	timer := time.NewTimer(max(time.Until(until), 0))
	defer timer.Stop()
	select {
	case <-w.arrived:
	case <-w.moved:
	case <-timer.C:
	}
}

// nudge wakes who waits for a channel.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pass lets time pass. Clients do what is due, and nothing arrives.
func (w *world) pass(d time.Duration) {
	for until := time.Now().Add(d); time.Now().Before(until); {
		next := until
		if due, ok := w.deadline(); ok && due.Before(next) {
			next = due
		}
		timer := time.NewTimer(max(time.Until(next), time.Microsecond))
		select {
		case <-timer.C:
		case <-w.moved:
		}
		timer.Stop()
		w.turn()
	}
}

// item is something that can be done next.
type item struct {
	link  *wire
	frame int // of those that wait for the client, or -1
	do    func()
}

// items returns what can be done next, in order.
func (w *world) items() (items []item) {
	for _, u := range w.users {
		u.wires = slices.DeleteFunc(u.wires, (*wire).isOver)
		for _, l := range u.wires {
			items = append(items, w.onWire(l)...)
		}
	}
	return items
}

func (w *world) onWire(l *wire) (items []item) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l.dialing {
		items = append(items, item{l, -1, l.dial})
	}
	for i, m := range l.in {
		if i > 0 && m.ended {
			break // what was sent before comes before the end
		}
		items = append(items, item{l, i, func() { l.receive(i) }})
	}
	if l.session != nil {
		for i := range l.out {
			items = append(items, item{l, -1, func() { l.send(i) }})
		}
		if l.left && !l.noticed {
			items = append(items, item{l, -1, l.hangUp})
		}
	}
	return items
}

// end ends everything in the bubble.
func (w *world) end() {
	for _, u := range w.users {
		if l, ok := u.client.(live); ok {
			l.end()
		}
	}
	_ = w.gateway.Shutdown(context.Background())
	w.running.Wait()
}

func (w *world) note(format string, args ...any) { w.trace.add(fmt.Sprintf(format, args...)) }

type trace struct {
	mu    sync.Mutex
	begin time.Time
	lines []string
}

func (t *trace) add(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.begin.IsZero() {
		t.begin = time.Now()
	}
	t.lines = append(t.lines, fmt.Sprintf("%14s  %s", time.Since(t.begin), text))
}

func (o outcome) story() string { return strings.Join(o.trace, "\n") }

// wire is a connection of a client. What waits on it is in both directions.
type wire struct {
	user    *user
	name    string
	number  int
	asked   action // the dial
	session *emulator.Session

	in      []incoming // from the gateway
	out     []string   // from the client
	dialing bool
	open    bool // in the eyes of the client
	left    bool // the client has closed it, or has lost it
	dead    bool // frames get lost, and nobody knows
	noticed bool // the gateway knows that it has ended
}

// Send and Close are called by the gateway.
func (l *wire) Send(data []byte) error {
	l.bring(incoming{frame: slices.Clone(data)})
	return nil
}

func (l *wire) Close(code int, reason string) {
	l.bring(incoming{ended: true, code: code, reason: reason})
}

func (l *wire) bring(in incoming) {
	w := l.user.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if in.ended {
		l.noticed = true
	}
	if l.dead {
		return
	}
	l.in = append(l.in, in)
	nudge(w.arrived)
}

// isOver reports whether nothing can happen on a wire any more.
func (l *wire) isOver() bool {
	l.user.w.mu.Lock()
	defer l.user.w.mu.Unlock()
	return l.left && (l.noticed || l.session == nil)
}

// dial answers a handshake.
func (l *wire) dial() {
	u, w := l.user, l.user.w
	l.dialing = false
	kind := 0
	if !w.calm && w.plan.shaky {
		kind = w.choose.weighted(6, 2, 1)
	}
	if u.offline {
		kind = 1
	}
	switch kind {
	case 1:
		w.note("%s is refused", l.name)
		l.leave()
		u.tell(func() { u.client.refused(time.Now(), l.number, 0) })
		return
	case 2:
		w.note("%s hangs", l.name)
		return
	}
	w.note("%s connects", l.name)
	where, err := url.Parse(l.asked.URL)
	if err != nil {
		w.fail("the address %q: %v", l.asked.URL, err)
	}
	query := where.Query()
	query.Set("user", u.name)
	h := emulator.Handshake{Query: query}
	if len(l.asked.Protocols) > 0 {
		h.Header = http.Header{"Sec-WebSocket-Protocol": {strings.Join(l.asked.Protocols, ", ")}}
	}
	session, err := w.gateway.Connect(context.Background(), h, l)
	var refused *emulator.HandshakeError
	if errors.As(err, &refused) {
		l.leave()
		u.tell(func() { u.client.refused(time.Now(), l.number, refused.StatusCode) })
		return
	}
	w.mu.Lock()
	l.session, l.open = session, true
	w.mu.Unlock()
	u.tell(func() { u.client.opened(time.Now(), l.number) })
}

// leave ends the client's end.
func (l *wire) leave() {
	w := l.user.w
	w.mu.Lock()
	defer w.mu.Unlock()
	l.left, l.open, l.dialing = true, false, false
	l.in, l.out = nil, nil
}

// receive passes what has come to the client.
func (l *wire) receive(i int) {
	u, w := l.user, l.user.w
	w.mu.Lock()
	m := l.in[i]
	l.in = slices.Delete(l.in, i, i+1)
	w.mu.Unlock()
	if m.ended {
		w.note("%s is closed: %d %s", l.name, m.code, m.reason)
		l.leave()
		u.tell(func() { u.client.closed(time.Now(), l.number, m.code, m.reason) })
		return
	}
	w.note("%s <- %s", l.name, short(m.frame))
	u.learn(m.frame)
	u.tell(func() { u.client.received(time.Now(), l.number, m.frame) })
}

// send passes a frame of the client to the gateway.
func (l *wire) send(i int) {
	w := l.user.w
	w.mu.Lock()
	frame := l.out[i]
	l.out = slices.Delete(l.out, i, i+1)
	dead := l.dead
	w.mu.Unlock()
	if dead {
		return
	}
	w.note("%s -> %s", l.name, short([]byte(frame)))
	w.running.Go(func() { _ = l.session.Receive(context.Background(), emulator.Message{Data: []byte(frame)}) })
}

// hangUp lets the gateway know that the client has left.
func (l *wire) hangUp() {
	w := l.user.w
	w.mu.Lock()
	l.noticed = true
	w.mu.Unlock()
	w.running.Go(func() { l.session.Abort(context.Background()) })
}

// cut breaks a wire, and the client knows.
func (l *wire) cut(code int) {
	u := l.user
	l.leave()
	u.tell(func() { u.client.closed(time.Now(), l.number, code, "") })
}

func short(frame []byte) string {
	if len(frame) > 300 {
		return string(frame[:300]) + "…"
	}
	return string(frame)
}
