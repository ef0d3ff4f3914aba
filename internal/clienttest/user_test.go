package clienttest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
)

// user uses a client, and holds it to its promises.
type user struct {
	w       *world
	name    string
	client  agent
	wires   []*wire
	offline bool // there is no network
	dialed  []time.Time

	calls map[int]*called
	order []int          // the numbers of its calls
	ids   map[string]int // the call of each id that was sent, 0 for other requests

	journal map[string]*journal
	wanted  map[string]bool
	status  map[string]string
}

// called is a call of a user.
type called struct {
	n       int
	command command
	again   bool // it may be sent twice
	aborted bool
	ids     []string        // with which it was sent
	limited map[string]bool // the sendings that were refused for their rate, as far as the client knows
	key     string
	settled []string
}

// journal is what a user has got of a topic since the subscription.
type journal struct {
	begun bool
	epoch int64
	name  string // of the epoch
	at    int64
	got   map[string][]int
}

func (w *world) newUser(i int, a agent) *user {
	return &user{
		w: w, name: fmt.Sprintf("u%d", i+1), client: a, calls: map[int]*called{}, ids: map[string]int{},
		journal: map[string]*journal{}, wanted: map[string]bool{}, status: map[string]string{},
	}
}

func (u *user) begin() {
	o := options{Seed: u.w.seed*8 + uint64(len(u.name)) + uint64(u.name[1]), Idempotent: []string{"slow"}}
	if u.w.plan.shaky {
		o.Token = "token"
	}
	u.tell(func() { u.client.begin(time.Now(), o) })
	if u.w.plan.topics {
		u.subscribe("a")
		if u.w.plan.presence {
			u.subscribe(presentTopic)
		}
		if u.w.plan.state {
			u.subscribe(stateTopic)
		}
	}
}

// tell says the client something, and does what it wants then.
func (u *user) tell(f func()) {
	f()
	var sent []*called
	for a, ok := u.client.next(); ok; a, ok = u.client.next() {
		if c := u.act(a); c != nil {
			sent = append(sent, c)
		}
	}
	for _, c := range sent {
		u.mayBeSent(c)
	}
}

func (u *user) fail(format string, args ...any) { u.w.fail(u.name+" "+format, args...) }

// act does what the client wants. It returns the call that was sent.
func (u *user) act(a action) *called {
	switch a.Do {
	case "dial":
		l := &wire{user: u, number: a.Conn, name: fmt.Sprintf("%s.%d", u.name, a.Conn), asked: a, dialing: true}
		u.wires = append(u.wires, l)
		u.dials()
	case "send":
		return u.sends(a)
	case "close":
		if l := u.wire(a.Conn); l != nil {
			u.w.note("%s is closed by the client", l.name)
			l.leave()
		}
	case "told":
		u.hears(a.Text)
	case "status":
		words := strings.SplitN(a.Text, " ", 3)
		u.status[words[0]+" "+words[1]] = strings.Join(words[2:], " ")
	default:
		u.fail("does what nobody knows: %+v", a)
	}
	return nil
}

// dials checks that the client does not connect too often.
func (u *user) dials() {
	now := time.Now()
	// The clock of a page has whole milliseconds.
	early := now.Add(-5*time.Minute + 2*time.Millisecond)
	u.dialed = append(slices.DeleteFunc(u.dialed, func(at time.Time) bool { return !at.After(early) }), now)
	if len(u.dialed) > 20 {
		u.fail("connects %d times in 5 minutes", len(u.dialed))
	}
	if slices.ContainsFunc(u.wires, func(l *wire) bool { return l.open }) {
		u.w.count["second connections"]++
	}
}

func (u *user) wire(number int) *wire {
	for _, l := range u.wires {
		if l.number == number {
			return l
		}
	}
	return nil
}

// sends puts a frame on its way.
func (u *user) sends(a action) *called {
	l := u.wire(a.Conn)
	if l == nil || !l.open {
		u.fail("sends on connection %d, which is not open: %s", a.Conn, a.Frame)
	}
	if len(a.Frame) > gatesock.MaxFrameSize {
		u.fail("sends %d bytes", len(a.Frame))
	}
	u.w.mu.Lock()
	l.out = append(l.out, a.Frame)
	u.w.mu.Unlock()
	u.w.count["frames sent"]++
	var m struct {
		Action string
		ID     string
		N      int
		Key    string
	}
	if err := json.Unmarshal([]byte(a.Frame), &m); err != nil {
		u.fail("sends %s", a.Frame)
	}
	if m.ID == "" {
		return nil
	}
	if _, ok := u.ids[m.ID]; ok {
		u.fail("uses the id %q twice: %s", m.ID, a.Frame)
	}
	u.ids[m.ID] = m.N
	c := u.calls[m.N]
	if c == nil {
		return nil
	}
	u.sendsCall(c, m.ID, m.Key)
	return c
}

// sendsCall checks that a call may be sent, or sent again.
func (u *user) sendsCall(c *called, id, key string) {
	switch {
	case len(c.settled) > 0:
		u.fail("sends %d, which is settled", c.n)
	case c.aborted:
		u.fail("sends %d, which was ended", c.n)
	case len(c.ids) > 0 && !c.again && slices.ContainsFunc(c.ids, func(id string) bool { return !c.limited[id] }):
		u.fail("sends %d again, which is not idempotent", c.n)
	case len(c.ids) > 0 && key != c.key:
		u.fail("sends %d with the key %q, and had the key %q", c.n, key, c.key)
	case c.command.Key != nil && key == "":
		u.fail("sends %d without a key", c.n)
	}
	if len(c.ids) > 0 {
		u.w.count["sent again"]++
	}
	c.ids, c.key = append(c.ids, id), key
}

// mayBeSent checks the order in which calls were sent.
func (u *user) mayBeSent(c *called) {
	for _, n := range u.order {
		b := u.calls[n]
		if n >= c.n {
			return
		}
		done := len(b.settled) > 0 || b.aborted
		switch lane := c.command.Lane; {
		case lane != "" && b.command.Lane == lane && !done:
			u.fail("sends %d before %d of the same lane is settled", c.n, n)
		case lane == "" && b.command.Lane == "" && b.command.Action == c.command.Action && len(b.ids) == 0 && !done:
			u.fail("sends %d before %d", c.n, n)
		}
	}
}

// learn notes what a frame says the client.
func (u *user) learn(frame []byte) {
	var m struct {
		ID    string
		Error *struct{ Code string }
	}
	if json.Unmarshal(frame, &m) != nil || m.ID == "" {
		return
	}
	if c := u.calls[u.ids[m.ID]]; c != nil && m.Error != nil && m.Error.Code == "rate_limited" {
		c.limited[m.ID] = true
	}
}

// hears notes what the client says its user.
func (u *user) hears(text string) {
	w := u.w
	w.note("%s: %s", u.name, text)
	words := strings.SplitN(text, " ", 3)
	switch words[0] {
	case "state":
		w.count["state "+words[1]]++
		return
	case "problem":
		w.count[text]++
		return
	case "call":
		n, _ := strconv.Atoi(words[1])
		u.settles(n, words[2])
		return
	case "ready", "push", "sent":
		return
	}
	if len(words) < 2 {
		u.fail("is told %q", text)
	}
	switch words[0] {
	case "subscribed", "lost", "event":
		u.reads(words[0], words[1], words[2])
	default:
		u.fail("is told %q", text)
	}
}

// settles notes how a call has ended.
func (u *user) settles(n int, how string) {
	c := u.calls[n]
	switch {
	case c == nil:
		u.fail("is told of call %d, which was not made", n)
	case len(c.settled) > 0:
		u.fail("is told twice how %d ended: %s, %s", n, c.settled[0], how)
	}
	c.settled = append(c.settled, how)
	kind, data, _ := strings.Cut(how, " ")
	if kind == "error" {
		code, _, _ := strings.Cut(data, " ")
		u.w.count["call: "+code]++
		return
	}
	u.w.count["call: ok"]++
	var out callOutput
	if err := json.Unmarshal([]byte(data), &out); data != "null" && (err != nil || out.N != n) {
		u.fail("gets %s for %d", data, n)
	}
}

// reads notes what a user gets of a topic.
func (u *user) reads(what, name, rest string) {
	if name == stateTopic {
		return
	}
	if !u.wanted[name] {
		u.fail("is told of %s, to which it is not subscribed: %s %s", name, what, rest)
	}
	j := u.journal[name]
	if j == nil {
		j = &journal{got: map[string][]int{}}
		u.journal[name] = j
	}
	reason, where := "", rest
	switch what {
	case "lost":
		reason, where, _ = strings.Cut(rest, " ")
	case "event":
		_, where, _ = strings.Cut(rest, " ")
	}
	where, data, _ := strings.Cut(where, " ")
	epoch, offset := split(where)
	if what == "event" {
		u.gets(j, name, where, data)
		return
	}
	number := epochNumber(epoch)
	switch {
	case what == "lost":
		u.w.count["lost: "+reason]++
		if reason != "epoch" || !u.w.rolled[name] {
			u.fail("is told that events of %s were lost, which is not true: %s", name, rest)
		}
	case j.begun && (number < j.epoch || number == j.epoch && offset < j.at):
		u.fail("is subscribed to %s at %s, and was at %s:%d", name, where, j.name, j.at)
	case j.begun && (number != j.epoch && offset != 0 || number == j.epoch && offset != j.at):
		u.fail("is subscribed to %s at %s, was at %s:%d, and does not know of what is between", name, where, j.name, j.at)
	}
	if j.begun && number != j.epoch && what != "lost" {
		return // the next event has to follow
	}
	j.begun, j.epoch, j.name, j.at = true, number, epoch, offset
}

// gets notes an event.
func (u *user) gets(j *journal, name, where, data string) {
	epoch, offset := split(where)
	n := epochNumber(epoch)
	follows := epoch == j.name && offset == j.at+1 || n > j.epoch && offset == 1
	same := epoch == j.name && offset == j.at && len(j.got[where]) > 0
	switch {
	case !j.begun:
		u.fail("gets %s of %s without a subscription", where, name)
	case !follows && !same:
		u.fail("gets %s of %s after %s:%d", where, name, j.name, j.at)
	}
	j.epoch, j.name, j.at = n, epoch, offset
	j.got[where] = append(j.got[where], number(data))
	got := j.got[where]
	u.w.count["delivered"]++
	want := u.w.server.events[name][where]
	if want != nil && (len(got) > len(want) || !slices.Equal(got, want[:len(got)])) {
		u.fail("gets %v at %s of %s, which is %v", got, where, name, want)
	}
}

func split(where string) (epoch string, offset int64) {
	i := strings.LastIndex(where, ":")
	offset, err := strconv.ParseInt(where[i+1:], 10, 64)
	if i < 0 || err != nil {
		panic(broken("a position is " + where))
	}
	return where[:i], offset
}

func epochNumber(epoch string) int64 {
	digits, _, _ := strings.Cut(epoch, "-")
	n, _ := strconv.ParseInt(digits, 10, 64) // the empty epoch is 0
	return n
}

// makes makes a call.
func (u *user) makes(c command) {
	w := u.w
	w.calls++
	c.Do, c.N = "call", w.calls
	c.Input = fmt.Appendf(nil, `{"n":%d}`, c.N)
	again := c.Idempotent || c.Key != nil || c.Action == "slow"
	u.calls[c.N] = &called{n: c.N, command: c, again: again, limited: map[string]bool{}}
	u.order = append(u.order, c.N)
	w.note("%s calls %d: %s lane=%q idempotent=%t key=%v", u.name, c.N, c.Action, c.Lane, c.Idempotent, c.Key)
	w.count["calls"]++
	u.tell(func() { u.client.do(time.Now(), c) })
}

func (u *user) subscribe(name string) {
	u.wanted[name] = true
	u.w.note("%s wants %s", u.name, name)
	c := command{Do: "subscribe", Topic: name, State: name == stateTopic}
	if name == presentTopic {
		c.Presence = true
	}
	u.tell(func() { u.client.do(time.Now(), c) })
}

func (u *user) unsubscribe(name string) {
	delete(u.wanted, name)
	u.w.note("%s wants %s no more", u.name, name)
	u.tell(func() { u.client.do(time.Now(), command{Do: "unsubscribe", Topic: name}) })
	delete(u.journal, name)
	for _, about := range []string{"members ", "values "} {
		delete(u.status, about+name)
	}
}

func (u *user) signals(what string) {
	u.w.note("%s: the environment says %s", u.name, what)
	u.tell(func() { u.client.do(time.Now(), command{Do: what}) })
}
