package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
)

// mayRead checks that a client may read an event: a right that was taken away, and whose
// memberships have been ended, does not outlive the requests that were under way.
func (w *world) mayRead(a *agent, name string, numbers []int) {
	ended, ok := a.revoked[name]
	if !ok {
		return
	}
	for _, n := range numbers {
		if began := w.truth.byEvent[n].began; began.After(ended.Add(functionTimeout)) {
			w.fail("%s gets %d of %s, which it may not read since %s", a.name, n, name, ended)
		}
	}
}

// trueLoss checks the reason for which a client is told that it has lost events.
func (w *world) trueLoss(a *agent, name string, from, to place, reason string) {
	switch topic.Lost(reason) {
	case topic.LostHistory:
		if !w.forgotten(name, from, to) {
			w.fail("%s is told that what follows %s of %s is not kept any more, which is not true", a.name, from, name)
		}
	case topic.LostEpoch:
		if to.epoch <= from.epoch || !w.rolled[name] && !w.jumped {
			w.fail("%s is told that another epoch of %s has begun after %s, which is not true: %s", a.name, name, from, to)
		}
	default:
		w.fail("%s is told that it was ahead of %s at %s, which is not true", a.name, name, from)
	}
}

// forgotten reports whether something between two positions may be too old, or has too many after
// it.
func (w *world) forgotten(name string, from, to place) bool {
	if w.plan.retention.Count > 0 {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.truth.pubs {
		if p.topic == name && time.Since(p.began) >= w.age()-time.Second {
			return true
		}
	}
	return false
}

// mayForget checks that the record of a connection is deleted only when it has ended, or when
// somebody was told so.
func (w *world) mayForget(id string) {
	if l := w.linkNamed(id); l != nil && l.isLive() && !l.told && !w.jumped {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.broke("%s is forgotten, and nobody was told that it has ended", l.name)
	}
}

// checkSoon holds a world to what needs no sync.
func (w *world) checkSoon() {
	if w.plan.gentle {
		w.check()
	}
	for _, a := range w.agents {
		for _, name := range w.plan.topics {
			p := a.journalOf(name).current()
			if a.rights[name] && a.wanted[name] && p.begun && p.at.compare(a.pushed[name]) < 0 {
				w.fail("%s has got %s of %s, and is still waiting for what follows %s", a.name, a.pushed[name], name, p.at)
			}
		}
	}
}

// membership checks that those who are subscribed are members, and nobody else.
func (w *world) membership() {
	store, _ := w.backend.truth()
	for _, name := range w.plan.topics {
		members := map[*link]bool{}
		for m, err := range conn.Members(context.Background(), store, topic.Group(name)) {
			if err != nil {
				w.fail("the members of %s cannot be read: %v", name, err)
			}
			members[w.linkNamed(m.ID)] = true
		}
		for _, a := range w.agents {
			for _, l := range a.links {
				want := a.wanted[name] && a.rights[name]
				if a.mayStay(name) {
					continue // what takes the right away has failed
				}
				if l.isLive() && members[l] != want {
					w.fail("is %s a member of %s: %t, and should it be: %t", l.name, name, members[l], want)
				}
			}
		}
	}
}

// publishLast publishes an event to each topic, which those who may read it get at once.
func (w *world) publishLast() {
	for _, name := range w.plan.topics {
		w.publishTo(name, 1, false)
	}
	w.settle(5 * time.Second)
	w.check()
}

// checkEnd checks that nothing is left of clients that have left, once their records have expired.
func (w *world) checkEnd() {
	for _, a := range w.agents {
		a.client.Stop(time.Now())
		a.drain()
	}
	w.settle(time.Second)
	w.pass(conn.DefaultTTL + time.Minute)
	if left := w.backend.left(); len(left) > 0 {
		w.fail("the registry still has %v", left)
	}
}

// check holds a world that has come to rest to its promises.
func (w *world) check() {
	w.mu.Lock()
	verdict := w.verdict
	w.mu.Unlock()
	if verdict != "" {
		w.fail("%s", verdict)
	}
	w.checkState()
	w.checkPresence(w.plan.gentle)
	heads := w.readLogs()
	w.membership()
	for _, a := range w.agents {
		for name, j := range a.journal {
			for _, p := range j.parts {
				w.complete(a, name, p)
			}
		}
		for _, name := range w.plan.topics {
			w.upToDate(a, name, heads[name])
		}
	}
}

// complete checks that a client has got what was published while it was subscribed.
func (w *world) complete(a *agent, name string, p *part) {
	if !p.begun {
		return
	}
	for _, pub := range w.truth.pubs {
		if pub.topic != name || pub.at == nil {
			continue
		}
		at := *pub.at
		if at.compare(p.at) > 0 || p.got[at] {
			continue
		}
		if !slices.ContainsFunc(p.skipped, func(s *skip) bool { return s.covers(at) }) {
			w.fail("%s never gets %v at %s of %s, and does not know: %s %v", a.name, pub.numbers, at, name, at.name, describeSkips(p.skipped))
		}
	}
}

// upToDate checks that a subscribed client is at the end of a topic.
func (w *world) upToDate(a *agent, name string, head place) {
	if !a.wanted[name] {
		return
	}
	p := a.journalOf(name).current()
	switch {
	case !a.rights[name]:
	case !p.begun:
		w.fail("%s is not subscribed to %s", a.name, name)
	case p.at.compare(head) < 0 && head.offset > 0:
		w.fail("%s is at %s of %s, whose last entry is %s", a.name, p.at, name, head)
	case p.at.compare(head) > 0 && (head.offset > 0 || p.at.epoch > head.epoch):
		w.fail("%s is at %s of %s, beyond its last entry %s", a.name, p.at, name, head)
	}
}

// readLogs reads the logs, without faults, and returns where they end.
func (w *world) readLogs() map[string]place {
	heads := map[string]place{}
	for _, name := range w.plan.topics {
		_, log := w.backend.truth()
		page, err := log.Read(context.Background(), topic.Query{Topic: name, Newest: 1000})
		if err != nil {
			w.fail("the log of %s cannot be read: %v", name, err)
		}
		heads[name] = placeOf(page.Head.Epoch, page.Head.Offset)
		w.mu.Lock()
		for _, r := range page.Entries {
			w.note(name, placeOf(r.Epoch, r.Offset), numbersIn(r))
		}
		verdict := w.verdict
		w.mu.Unlock()
		if verdict != "" {
			w.fail("%s", verdict)
		}
		w.durable(name, page)
	}
	return heads
}

// durable checks that what has a position is in the log, until it is too old.
func (w *world) durable(name string, page topic.Page) {
	there := map[place]bool{}
	for i, r := range page.Entries {
		at := placeOf(r.Epoch, r.Offset)
		there[at] = true
		if i > 0 && r.Offset != page.Entries[i-1].Offset+1 {
			w.fail("the log of %s has %s after %d", name, at, page.Entries[i-1].Offset)
		}
	}
	for _, p := range w.truth.pubs {
		if p.topic != name || p.at == nil || w.forgotten(name, place{}, *p.at) || there[*p.at] {
			continue
		}
		if p.at.name == page.Head.Epoch {
			w.fail("%v has the position %s of %s, which is not in the log", p.numbers, *p.at, name)
		}
	}
}

func numbersIn(r topic.Record) (numbers []int) {
	for _, e := range r.Events {
		var n int
		if _, err := fmt.Sscan(string(e.Data), &n); err != nil {
			panic(broken("the data of an entry are " + string(e.Data)))
		}
		numbers = append(numbers, n)
	}
	return numbers
}

func describeSkips(skips []*skip) (all []string) {
	for _, s := range skips {
		all = append(all, fmt.Sprintf("%s-%s (%s) %v", s.from, s.to, s.to.name, s.next))
	}
	return all
}
