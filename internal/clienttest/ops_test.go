package clienttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// act does one thing: the calm one is the first of the items, or, without items, an operation.
func (w *world) act(items []item) {
	weights := []int{40, 30, 14, 0, 3}
	if len(items) == 0 {
		weights[0], weights[1] = 0, 0
	} else {
		weights[3] = w.plan.faults / 5
	}
	if w.opsLeft == 0 {
		weights[2] = 0
	}
	if len(items) == 0 && w.opsLeft == 0 {
		return
	}
	switch i := w.choose.weighted(weights...); {
	case i == 0 && len(items) > 0:
		items[0].do()
	case i == 1 && len(items) > 0:
		items[w.choose.below(len(items))].do()
	case i == 3 && len(items) > 0:
		w.fault(items)
	case i == 4:
		w.jump()
	case w.opsLeft > 0:
		w.opsLeft--
		w.operate()
	case len(items) > 0:
		items[0].do()
	}
}

// The faults of a wire.
const (
	faultCut     = iota // the client knows
	faultDead           // nobody knows
	faultClosed         // with a close frame
	faultLost           // a frame to the client is lost
	faultTwice          // a frame to the client comes twice
	faultOffline        // the network goes, or comes back
	faultBad            // the gateway's own frame, or nonsense
	faultGone           // the gateway has noticed that the client is gone, which it is not
	linkFaults
)

// fault lets something go wrong.
func (w *world) fault(items []item) {
	k := w.choose.below(linkFaults)
	it := items[w.choose.below(len(items))]
	u := it.link.user
	if !w.plan.kinds[k] {
		items[0].do()
		return
	}
	l := it.link
	switch {
	case k == faultOffline:
		w.offline(u)
	case !l.open || l.dead:
		items[0].do()
	case k == faultCut:
		w.count["cut"]++
		w.note("%s is cut", l.name)
		l.cut(1006)
	case k == faultDead:
		w.count["half open"]++
		w.note("%s is dead, and nobody knows", l.name)
		w.mu.Lock()
		l.dead, l.in = true, nil
		w.mu.Unlock()
	case k == faultClosed:
		code := []int{1001, 1008, 1009, 1011, 4000}[w.choose.below(5)]
		w.count["closed"]++
		w.note("%s is closed with %d", l.name, code)
		l.cut(code)
	case (k == faultLost || k == faultTwice) && it.frame >= 0:
		w.twist(l, it.frame, k == faultTwice)
	case k == faultBad:
		w.strange(l)
	case k == faultGone && l.session != nil:
		w.count["gone at the gateway"]++
		w.note("the gateway takes %s for gone, and the client learns nothing", l.name)
		w.mu.Lock()
		l.dead, l.in, l.noticed = true, nil, true
		w.mu.Unlock()
		w.running.Go(func() { l.session.Abort(context.Background()) })
	default:
		items[0].do()
	}
}

// strange lets the gateway refuse the oldest message on a wire with a frame of its own, or else
// lets nonsense come.
func (w *world) strange(l *wire) {
	w.count["strange frames"]++
	frame := []string{"hello", "[]", "[7]"}[w.choose.below(3)]
	w.mu.Lock()
	if len(l.out) > 0 && l.session != nil {
		text := []string{"Internal server error", "Too Many Requests"}[w.choose.below(2)]
		w.note("%s -> refused by the gateway: %s", l.name, short([]byte(l.out[0])))
		l.out = l.out[1:]
		frame = `{"message":"` + text + `","connectionId":"c","requestId":"r"}`
	}
	l.in = append(l.in, incoming{frame: []byte(frame)})
	w.mu.Unlock()
}

// twist loses a frame to the client, or lets it come twice.
func (w *world) twist(l *wire, i int, twice bool) {
	w.mu.Lock()
	m := l.in[i]
	if m.ended {
		w.mu.Unlock()
		return
	}
	if twice {
		l.in = slices.Insert(l.in, i+1, m)
	} else {
		l.in = slices.Delete(l.in, i, i+1)
	}
	w.mu.Unlock()
	if twice {
		w.count["doubled frames"]++
		w.note("%s <- twice %s", l.name, short(m.frame))
		return
	}
	w.count["lost frames"]++
	w.note("%s <- lost %s", l.name, short(m.frame))
}

// offline takes the network of a user away, or brings it back. The environment says it, or not.
func (w *world) offline(u *user) {
	u.offline = !u.offline
	says := w.choose.below(2) == 1
	w.note("%s has no network: %t (the client is told: %t)", u.name, u.offline, says)
	if u.offline {
		w.count["offline"]++
		for _, l := range slices.Clone(u.wires) {
			w.mu.Lock()
			l.dead, l.in = true, nil
			w.mu.Unlock()
		}
	}
	if says {
		u.signals(map[bool]string{true: "offline", false: "online"}[u.offline])
	}
}

// jump lets time pass while nothing arrives, or while the computers sleep.
func (w *world) jump() {
	times := []time.Duration{
		10 * time.Millisecond, 300 * time.Millisecond, 3100 * time.Millisecond, 11 * time.Second, 31 * time.Second,
		5 * time.Minute, 9 * time.Minute, 70 * time.Minute, 3 * time.Hour,
	}
	weights := []int{8, 8, 4, 3, 2, 1, 1, 1, 1}
	if !w.plan.jumps {
		times, weights = times[:5], weights[:5]
	}
	d := times[w.choose.weighted(weights...)]
	if d > time.Second && w.choose.below(2) == 1 && !w.clocks { // in a bubble, clocks do not sleep
		w.note("the computers sleep for %s", d)
		w.count["sleeps"]++
		time.Sleep(d) //nolint:forbidigo // in a bubble
		return
	}
	w.note("%s pass", d)
	if d < time.Minute {
		w.pass(d)
		return
	}
	w.goOn(d)
}

// goOn lets a long time pass, in which things go on in order.
func (w *world) goOn(d time.Duration) {
	for until := time.Now().Add(d); time.Now().Before(until) && w.steps < maxSteps; {
		w.turn()
		items := w.items()
		if len(items) == 0 {
			w.idle(until)
			continue
		}
		w.steps++
		items[0].do()
		time.Sleep(time.Microsecond) //nolint:forbidigo // in a bubble
	}
}

// operate does what users and publishers do.
func (w *world) operate() {
	weights := []int{0, 0, 0, 0, 1, 1, 1}
	if w.plan.calls {
		weights[0], weights[3] = 20, 2
	}
	if w.plan.topics {
		weights[1], weights[2] = 16, 5
	}
	if w.plan.shaky {
		weights[6] = 3
	}
	u := w.users[w.choose.below(len(w.users))]
	switch w.choose.weighted(weights...) {
	case 0:
		w.call(u)
	case 1:
		w.publishOrSet()
	case 2:
		name := []string{"a", "b", presentTopic, stateTopic}[w.choose.weighted(4, 2, 2, 2)]
		if name == stateTopic && !w.plan.state || name == presentTopic && !w.plan.presence {
			name = "b"
		}
		if u.wanted[name] {
			u.unsubscribe(name)
		} else {
			u.subscribe(name)
		}
	case 3:
		if n := len(u.order); n > 0 {
			c := u.calls[u.order[n-1-w.choose.below(min(n, 3))]]
			if len(c.settled) == 0 {
				w.note("%s ends %d", u.name, c.n)
				c.aborted = true
				u.tell(func() { u.client.do(time.Now(), command{Do: "abort", N: c.n}) })
				if len(c.settled) == 0 {
					u.fail("has ended %d, which is not settled", c.n)
				}
			}
		}
	case 4:
		u.signals([]string{"visible", "retry", "online", "wake"}[w.choose.below(4)])
	case 5:
		w.note("%s sends a note", u.name)
		u.tell(func() { u.client.do(time.Now(), command{Do: "send", N: 0, Action: "note", Input: []byte(`{"n":0}`)}) })
	case 6:
		if w.plan.shaky {
			token := []string{"token", "throws", "hangs", "token2"}[w.choose.below(4)]
			w.note("the next token of %s: %s", u.name, token)
			u.tell(func() { u.client.do(time.Now(), command{Do: "token", Token: token}) })
		}
	}
}

// call makes calls.
func (w *world) call(u *user) {
	for range 1 + w.choose.weighted(5, 1, 1, 1) {
		c := command{Action: []string{"say", "set", "pay", "slow", "report"}[w.choose.weighted(6, 3, 3, 2, 2)]}
		switch c.Action {
		case "set":
			c.Idempotent = true
		case "pay":
			c.Key = true
		case "report":
			c.Result = true
		}
		c.Lane = []string{"", "x", "y"}[w.choose.weighted(4, 2, 1)]
		c.Timeout = []int{0, 5000, 20_000}[w.choose.weighted(6, 1, 1)]
		c.Expires = []int{0, 8000, 60_000}[w.choose.weighted(6, 1, 1)]
		u.makes(c)
	}
}

func (w *world) publishOrSet() {
	if w.plan.state && w.choose.below(3) == 1 {
		w.server.set([]string{"k", "l"}[w.choose.below(2)], w.choose.below(4) == 3)
		return
	}
	names := []string{"a", "b", presentTopic}
	if !w.plan.presence {
		names = names[:2]
	}
	name := names[w.choose.weighted([]int{5, 2, 1}[:len(names)]...)]
	roll := w.choose.chance(60)
	w.server.publish(name, 1+w.choose.weighted(5, 1, 1), roll)
}

// makePeace ends all faults.
func (w *world) makePeace() {
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	for _, u := range w.users {
		if u.offline {
			u.offline = false
			u.signals("online")
		}
		if w.plan.shaky {
			u.tell(func() { u.client.do(time.Now(), command{Do: "token", Token: "token"}) })
		}
	}
	w.gateway.Faults().Clear()
}

// checkCalls checks that all calls have ended, and as the server knows.
func (w *world) checkCalls() {
	for _, u := range w.users {
		for _, n := range u.order {
			c := u.calls[n]
			if len(c.settled) == 0 {
				u.fail("does not learn how %d ended", n)
			}
			w.checkCall(u, c)
		}
	}
}

func (w *world) checkCall(u *user, c *called) {
	done := w.server.do(c.n).done
	if done > 1 && !c.again {
		u.fail("has made %d, which was carried out %d times", c.n, done)
	}
	how, rest, _ := strings.Cut(c.settled[0], " ")
	code, _, _ := strings.Cut(rest, " ")
	switch {
	case how == "ok" && done == 0:
		u.fail("is told that %d was carried out, which it was not", c.n)
	case how == "ok":
	case slices.Contains([]string{"expired", "closed", "rate_limited", "queue_full", "too_large"}, code) && done > 0:
		u.fail("is told that %d was not carried out (%s), which it was", c.n, code)
	case code == "invalid_argument" && !c.again && done > 0:
		u.fail("is told that %d is refused, which was carried out", c.n)
	}
}

// checkTopics checks that users have got all that they are subscribed to.
func (w *world) checkTopics() {
	for _, u := range w.users {
		for name := range u.wanted {
			switch name {
			case stateTopic:
				if want := strings.TrimSpace(w.server.state()); u.status["values "+name] != want {
					u.fail("has the values %q, which are %q", u.status["values "+name], want)
				}
				continue
			case presentTopic:
				if want := w.present(); u.status["members "+name] != want {
					u.fail("sees %q, and there are %q", u.status["members "+name], want)
				}
			}
			head := w.server.head(name)
			j := u.journal[name]
			if j == nil || !j.begun {
				u.fail("is not subscribed to %s", name)
			}
			if at := fmt.Sprintf("%s:%d", j.name, j.at); at != head {
				u.fail("is at %s of %s, which ends at %s", at, name, head)
			}
			for where, got := range j.got {
				if want := w.server.events[name][where]; !slices.Equal(got, want) {
					u.fail("has got %v at %s of %s, which is %v", got, where, name, want)
				}
			}
		}
	}
}

// present returns who is in the topic that shows it.
func (w *world) present() string {
	var names []string
	for _, u := range w.users {
		if u.wanted[presentTopic] {
			names = append(names, u.name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// publishLast publishes an event to each topic, which subscribers get at once.
func (w *world) publishLast() {
	if !w.plan.topics {
		return
	}
	for _, name := range []string{"a", "b"} {
		w.server.publish(name, 1, false)
	}
	if w.plan.state {
		w.server.set("k", false)
	}
}

// close closes the clients, of which nothing is left then.
func (w *world) close() {
	for _, u := range w.users {
		n := w.calls
		if w.plan.calls { // what has no answer yet has an unknown outcome
			u.makes(command{Action: "say"})
			n++
		}
		u.tell(func() { u.client.do(time.Now(), command{Do: "close"}) })
		if w.plan.calls && len(u.calls[n].settled) == 0 {
			u.fail("was closed, and does not learn how %d ended", n)
		}
		if due, ok := u.client.deadline(); ok {
			u.fail("was closed, and has something to do at %s", due)
		}
		for _, l := range u.wires {
			if l.open || l.dialing {
				u.fail("was closed, and has %s", l.name)
			}
		}
		if left := u.client.left(); left != "" {
			u.fail("was closed, and has %s", left)
		}
	}
}
