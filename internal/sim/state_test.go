package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/gatesock/gatesock/internal/clientcore"
	"github.com/gatesock/gatesock/topic"
)

// stateTopic is the name of the state topic.
const stateTopic = "s"

// value is what a client has of a key.
type value struct {
	version int64
	data    string // empty: deleted
}

// setting is what is known of the writes of a key.
type setting struct {
	confirmed int64 // the highest version that was returned
	unsure    bool  // a write has failed, and its publisher is gone
}

// set sets a value of the state topic, or deletes one.
func (w *world) set() {
	w.values++
	key, n, remove := []string{"k", "l"}[w.choose.below(2)], w.values, w.choose.chance(200)
	w.running.Go(func() { w.setting(key, n, remove) })
}

func (w *world) setting(key string, n int, remove bool) {
	ctx, cancel := context.WithTimeout(context.Background(), functionTimeout)
	defer cancel()
	done := false
	_, _ = w.run(ctx, fmt.Sprintf("set %s to %d", key, n), func(ctx context.Context, p *process) ([]byte, error) {
		var version int64
		var err error
		if remove {
			version, _, err = p.topics.Delete(ctx, stateTopic, key)
		} else {
			version, _, err = p.topics.Set(ctx, stateTopic, key, n)
		}
		if p.isDead() {
			return nil, errDead
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		done = err == nil
		w.settings[key].confirmed = max(w.settings[key].confirmed, version)
		w.trace.add("note", "", fmt.Sprintf("%s is set to %d (%v)", key, n, err))
		return nil, nil
	}, nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settings[key].unsure = w.settings[key].unsure || !done
}

// setAgain sets values again whose writes have failed, as their publishers have to.
func (w *world) setAgain() {
	for _, key := range []string{"k", "l"} {
		w.mu.Lock()
		unsure := w.settings[key].unsure
		w.mu.Unlock()
		if unsure {
			w.values++
			n := w.values
			w.running.Go(func() { w.setting(key, n, false) })
		}
	}
}

// recordState notes a value that a client passes to its user.
func (a *agent) recordState(act clientcore.Action) {
	switch act.Kind {
	case clientcore.Set, clientcore.Deleted:
		v := value{version: act.Version}
		if act.Kind == clientcore.Set {
			v.data = string(act.Data)
		}
		a.w.trace.add(a.name, "", fmt.Sprintf("has %s = %s", act.Key, v.data))
		a.w.count["values"]++
		if old := a.values[act.Key]; v.data != "" && v.version <= old.version {
			a.w.fail("%s gets an old value of %s: %+v after %+v", a.name, act.Key, v, old)
		}
		a.values[act.Key] = v
	default:
	}
}

// checkState checks that all clients have the last values.
func (w *world) checkState() {
	if !w.plan.state {
		return
	}
	page, err := w.backend.(*twinBackend).topics().ReadValues(context.Background(), topic.ValuesQuery{Topic: stateTopic})
	if err != nil {
		w.fail("the values cannot be read: %v", err)
	}
	last := map[string]value{}
	for _, v := range page.Values {
		last[v.Key] = value{v.Version, string(v.Data)}
	}
	for key, s := range w.settings {
		if _, there := last[key]; there && last[key].version < s.confirmed {
			w.fail("the version of %s is %d, and was %d", key, last[key].version, s.confirmed)
		}
		for _, a := range w.agents {
			if a.values[key].data != last[key].data {
				w.fail("%s has %+v for %s, whose last value is %+v", a.name, a.values[key], key, last[key])
			}
		}
	}
}

// presentTopic is the topic that shows who is there.
const presentTopic = "a"

// recordPresence notes who is there, as the user of a client learns it.
func (a *agent) recordPresence(act clientcore.Action) {
	a.w.count["presence"]++
	a.w.trace.add(a.name, "", fmt.Sprintf("sees %s: %t", act.User, act.Kind == clientcore.Joined))
	a.sees[act.User] = act.Kind == clientcore.Joined
}

// isThere reports whether a client is subscribed to the topic that shows who is there.
func (a *agent) isThere() bool {
	return a.wanted[presentTopic] && a.rights[presentTopic] &&
		a.journalOf(presentTopic).current().begun
}

// checkPresence checks that those who are there see each other, and nobody else, if everything that
// has left is noticed by now.
func (w *world) checkPresence(noticed bool) {
	if !w.plan.presence {
		return
	}
	for _, a := range w.agents {
		for _, b := range w.agents {
			switch {
			case !a.isThere():
			case b.isThere() && !a.sees[b.name]:
				w.fail("%s does not see %s, who is there", a.name, b.name)
			case !b.isThere() && a.sees[b.name] && noticed && !b.mayStay(presentTopic):
				w.fail("%s sees %s, who is not there", a.name, b.name)
			}
		}
	}
}

// mayStay reports whether a client may still be subscribed to a topic without a right, since what
// takes it away has failed.
func (a *agent) mayStay(name string) bool {
	_, ended := a.revoked[name]
	return a.wanted[name] && !a.rights[name] && !ended
}

// presenceLast checks that presence has converged. What is published last has found the connections
// that have ended without a trace, and two syncs of each member find what is left of others.
func (w *world) presenceLast() {
	if w.plan.presence {
		w.settle(2 * restTime)
		w.checkPresence(true)
	}
}

// stateOf and presenceOf configure the topics.
func stateOf(name string) (topic.State, bool) { return topic.State{}, name == stateTopic }

func presenceOf(name string) (topic.Presence, bool) {
	return topic.Presence{Grace: 5 * time.Second}, name == presentTopic
}
