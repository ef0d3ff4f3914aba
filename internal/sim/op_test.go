package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/clientcore"
	"github.com/gatesock/gatesock/topic"
)

// act does one thing: the calm one is the first of the items, or, without items, an operation.
func (w *world) act(items []item) {
	weights := []int{30, 40, 12, 0, 2, 1, 2, 0}
	if len(items) == 0 {
		weights[0], weights[1] = 0, 0
		if w.choose.random == nil && w.opsLeft == 0 {
			return
		}
	}
	if w.opsLeft == 0 {
		weights[2] = 0
	}
	weights[3] = w.plan.faults / 10
	if len(items) == 0 || w.plan.faults == 0 {
		weights[3] = 0
	}
	strays := w.strays()
	if len(strays) == 0 {
		weights[6] = 0
	}
	if w.plan.gentle {
		weights[5] = 0
	}
	if w.jumped && w.backend.expired() > 0 {
		weights[7] = 6
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
	case i == 5:
		w.breakLink()
	case i == 6 && len(strays) > 0:
		w.arrive(strays[w.choose.below(len(strays))])
	case i == 7 && w.jumped && w.backend.expired() > 0:
		w.trace.add("table", "", "deletes "+w.backend.remove(w.choose.below(w.backend.expired()))+", which has expired")
		w.count["deleted"]++
	case w.opsLeft > 0:
		w.opsLeft--
		w.operate()
	case len(items) > 0:
		items[0].do()
	}
}

// jump lets time pass while nothing at the gate moves.
func (w *world) jump() {
	short := []time.Duration{
		10 * time.Millisecond, 300 * time.Millisecond, 3100 * time.Millisecond, 6 * time.Second, 31 * time.Second,
	}
	long := slices.Concat(short, []time.Duration{6 * time.Minute, 3 * time.Hour, 25 * time.Hour, 9 * 24 * time.Hour})
	weights := []int{8, 8, 4, 2, 1, 2, 1, 1, 1, 2}
	switch {
	case w.plan.gentle:
		weights = weights[:2]
	case !w.plan.jumps:
		weights = weights[:len(short)]
	}
	i := w.choose.weighted(weights...)
	if i == len(long) {
		w.jumpToExpiry()
		return
	}
	d := long[i]
	w.jumped = w.jumped || d > asleep
	w.trace.add("note", "", fmt.Sprintf("%s pass", d))
	w.pass(d)
}

// jumpToExpiry lets time pass until shortly before or after the last entry of a topic can have no
// successor any more, or has expired.
func (w *world) jumpToExpiry() {
	before := []time.Duration{24 * time.Hour, 0}[w.choose.below(2)]
	near := []time.Duration{-2 * time.Second, 2 * time.Second, -time.Minute, time.Minute}[w.choose.below(4)]
	d := time.Until(w.backend.expiry(w.anyTopic())) - before + near
	if d <= 0 || d > 20*24*time.Hour {
		return
	}
	w.jumped = true
	w.trace.add("note", "", fmt.Sprintf("%s pass", d))
	w.pass(d)
}

// breakLink cuts the link of a client. The gateway may learn it late.
func (w *world) breakLink() {
	var open []*link
	for _, a := range w.agents {
		for _, l := range a.links {
			if l.session != nil && !l.left {
				open = append(open, l)
			}
		}
	}
	if len(open) == 0 {
		return
	}
	l := open[w.choose.below(len(open))]
	w.count["cut link"]++
	w.trace.add(l.agent.name, "", "loses "+l.name)
	l.cut(time.Now())
}

// arrive carries out what its caller has given up, or loses it.
func (w *world) arrive(s *step) {
	w.mu.Lock()
	w.stray = slices.DeleteFunc(w.stray, func(other *step) bool { return other == s })
	w.mu.Unlock()
	if w.choose.chance(700) {
		w.count["late"]++
		w.trace.add(s.from, s.to, s.text+" ✗ arrives late")
		s.do()
	}
}

// The kinds of faults.
const (
	faultCrashBefore = iota
	faultCrashAfter
	faultLost
	faultHung
	faultThrottled
	faultFailed
	faultGone
	faultForbidden
	faultDisconnect
	faultKinds
)

// fault lets a step fail, in one of the ways that the plan has.
func (w *world) fault(items []item) {
	k := w.choose.below(faultKinds)
	var able []*step
	for _, it := range items {
		if it.step != nil && w.plan.kinds[k] && canFail(it.step, k) {
			able = append(able, it.step)
		}
	}
	if len(able) == 0 {
		items[0].do()
		return
	}
	w.failWith(able[w.choose.below(len(able))], k)
}

// canFail reports whether a step can fail in a way.
func canFail(s *step, k int) bool {
	request := s.kind == kindRead || s.kind == kindWrite || s.kind == kindPost
	switch k {
	case faultCrashBefore:
		return request || s.kind == kindAnswer
	case faultCrashAfter, faultLost:
		return s.kind == kindWrite || s.kind == kindPost
	case faultGone, faultForbidden:
		return s.kind == kindPost
	case faultDisconnect:
		return s.again != nil
	default:
		return request
	}
}

func (w *world) failWith(s *step, k int) {
	switch k {
	case faultCrashBefore:
		w.crash(s, false)
	case faultCrashAfter:
		w.crash(s, true)
	case faultLost:
		w.refuse(s, lost, "answer lost")
	case faultHung:
		w.refuse(s, hung, "no answer")
	case faultThrottled:
		w.refuse(s, throttled, "throttled")
	case faultFailed:
		w.refuse(s, []verdict{failed, conflict}[w.choose.below(2)], "failed")
	case faultGone:
		s.link.told = true
		w.refuse(s, gone, "false 410")
	case faultForbidden:
		w.refuse(s, forbidden, "403")
	case faultDisconnect:
		w.disturb(s)
	}
}

func (w *world) refuse(s *step, v verdict, name string) {
	w.count[name]++
	w.carry(s, v)
}

func (w *world) crash(s *step, after bool) {
	w.take(s)
	when := "before"
	if after {
		s.do()
		when = "after"
	}
	w.count["crash "+when]++
	w.trace.add(s.proc.name, "", "✗ dies "+when+": "+s.text)
	w.kill(s.proc)
}

// disturb loses or doubles a $disconnect.
func (w *world) disturb(s *step) {
	if w.choose.below(2) == 0 {
		w.refuse(s, failed, "lost $disconnect")
		return
	}
	w.count["doubled $disconnect"]++
	w.running.Go(s.again)
	w.carry(s, carried)
}

// operate does what users and publishers do.
func (w *world) operate() {
	weights := []int{24, 6, 4, 5, 2, 2, 1, 1, 0}
	if w.plan.state {
		weights[8] = 15
	}
	switch w.choose.weighted(weights...) {
	case 0:
		w.publish(1, false)
	case 1:
		w.publish(1, true)
	case 2:
		w.publish(2, false)
	case 3:
		a, name := w.anyAgent(), w.anyTopic()
		if a.wanted[name] {
			a.unsubscribe(name)
		} else {
			a.subscribe(name)
		}
		a.drain()
	case 4:
		if n := len(w.procs); n > 0 {
			p := w.procs[w.choose.below(n)]
			if p.busy == 0 {
				w.trace.add(p.name, "", "is ended while it is idle")
				w.kill(p)
			}
		}
	case 5:
		if !w.plan.gentle { // only a sync finds a membership that was ended
			w.revoke()
		}
	case 6:
		w.roll()
	case 7:
		w.deploy()
	case 8:
		w.set()
	}
}

// deploy deploys the next step of a change of the sharding, once no instance has the step before
// the last one.
func (w *world) deploy() {
	for _, p := range w.procs {
		if p.busy > 0 {
			return
		}
	}
	w.layout++
	w.count["re-sharding"]++
	w.trace.add("note", "", fmt.Sprintf("step %d of a change of the sharding is deployed", w.layout))
	for _, p := range slices.Clone(w.procs) {
		w.kill(p)
	}
}

// sharding is the layout of groups in a step. A step that stops to read where memberships were is
// not among them.
func sharding(step int) dynamo.Sharding {
	return []dynamo.Sharding{{Write: 1}, {Write: 1, Read: 4}, {Write: 4, Read: 1}}[min(step, 2)]
}

// roll ends the epoch of a topic.
func (w *world) roll() {
	pub := w.truth.begin(w.anyTopic(), 1, false)
	w.rolled[pub.topic] = true
	w.running.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), functionTimeout)
		defer cancel()
		name := fmt.Sprintf("roll %s with %v", pub.topic, pub.numbers)
		_, _ = w.run(ctx, name, func(ctx context.Context, p *process) ([]byte, error) {
			at, _, err := p.topics.Roll(ctx, pub.topic, "e", pub.numbers[0])
			if !p.isDead() {
				w.ended(pub, at, err)
			}
			return nil, nil
		}, nil)
	})
}

func (w *world) anyAgent() *agent { return w.agents[w.choose.below(len(w.agents))] }

func (w *world) anyTopic() string { return w.plan.topics[w.choose.below(len(w.plan.topics))] }

func (a *agent) subscribe(name string) {
	a.wanted[name] = true
	a.w.trace.add(a.name, "", "wants "+name)
	a.client.Subscribe(time.Now(), name, clientcore.Options{
		Last: []int{0, 2}[a.w.choose.below(2)], Presence: a.w.plan.presence && name == presentTopic,
	})
}

// askAgain subscribes to a topic that was refused, and would not be any more.
func (a *agent) askAgain(name string) {
	if a.denied[name] && a.rights[name] && a.wanted[name] {
		a.denied[name] = false
		a.subscribe(name)
	}
}

func (a *agent) unsubscribe(name string) {
	a.wanted[name] = false
	a.w.trace.add(a.name, "", "wants "+name+" no more")
	a.client.Unsubscribe(time.Now(), name)
	a.closeJournal(name)
}

// publish publishes from an instance of the function.
func (w *world) publish(events int, withKey bool) { w.publishTo(w.anyTopic(), events, withKey) }

func (w *world) publishTo(to string, events int, withKey bool) {
	pub := w.truth.begin(to, events, withKey)
	name := fmt.Sprintf("publish %v to %s", pub.numbers, pub.topic)
	w.running.Go(func() { w.publishing(name, pub, 0) })
}

// publishing publishes, and again if there is a key and the outcome is not known.
func (w *world) publishing(name string, pub *publication, tries int) {
	ctx, cancel := context.WithTimeout(context.Background(), functionTimeout)
	defer cancel()
	_, err := w.run(ctx, name, func(ctx context.Context, p *process) ([]byte, error) {
		var out []topic.Outgoing
		for _, n := range pub.numbers {
			out = append(out, topic.Outgoing{Event: "e", Data: n})
		}
		var opts []topic.PublishOption
		if pub.key != "" {
			opts = append(opts, topic.WithKey(pub.key))
		}
		at, _, err := p.topics.PublishBatch(ctx, pub.topic, out, opts...)
		if p.isDead() {
			return nil, errDead
		}
		w.ended(pub, at, err)
		return nil, nil
	}, nil)
	if pub.key != "" && err != nil && tries < 3 && !w.calm {
		w.publishing(name+"'", pub, tries+1)
	}
}

// revoke grants a right, or takes it away: first the rule changes, and then memberships end.
func (w *world) revoke() {
	a, name := w.anyAgent(), w.anyTopic()
	a.rights[name] = !a.rights[name]
	delete(a.revoked, name)
	if a.rights[name] {
		w.trace.add(a.name, "", "may read "+name+" again")
		a.askAgain(name)
		a.drain()
		return
	}
	w.trace.add(a.name, "", "may not read "+name+" any more")
	w.running.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), functionTimeout)
		defer cancel()
		_, _ = w.run(ctx, "end "+a.name+" in "+name, func(ctx context.Context, p *process) ([]byte, error) {
			for m, err := range conn.Members(ctx, p.store, topic.Group(name)) {
				if err == nil && w.linkNamed(m.ID).agent == a {
					err = p.store.Leave(ctx, m.ID, topic.Group(name))
				}
				if err != nil {
					return nil, err
				}
			}
			if !p.isDead() && !a.rights[name] {
				a.revoked[name] = time.Now()
			}
			return nil, nil
		}, nil)
	})
}
