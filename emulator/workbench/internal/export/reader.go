package export

import (
	"cmp"
	"slices"
	"time"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// reader turns entries into steps.
//
// What a client receives belongs to the step that caused it. The id of the request says which; a
// post without one belongs to the invocation that ran at the time. If several ran, they become one
// step whose effects may come in any order. What no invocation caused belongs to what was last done
// from outside, such as a move of the clock.
type reader struct {
	*session

	steps     []*step
	byRequest map[string]*step
	spans     []*span
	outside   *step // the last one that no client did
	held      map[*entry.Entry]*entry.Entry
	lateEnds  map[string]bool         // connections whose $disconnect comes late
	late      map[string]uint64       // requests whose invocation comes late, and from which entry on
	arrives   map[string]int          // connections whose next failed posts arrive
	beside    map[string]bool         // requests that are the $disconnect of a deleted connection
	posts     map[string]string       // the first connection that a request has posted to; "" if there are others
	deletes   []*entry.Entry          // calls that ended connections
	waiting   time.Duration           // of the next client to connect, for a cold start
	lastEntry map[uint64]*entry.Entry // by number
	last      map[string]uint64       // the number of the last entry of each request
}

// span is from when to when a request is handled, in numbers of entries.
type span struct {
	step     *step
	from, to uint64
	late     bool // the test does not wait for it
}

func newReader(s *session) *reader {
	r := &reader{
		session: s, byRequest: map[string]*step{}, held: map[*entry.Entry]*entry.Entry{},
		lateEnds: map[string]bool{}, late: map[string]uint64{}, arrives: map[string]int{},
		last: map[string]uint64{}, lastEntry: map[uint64]*entry.Entry{}, beside: map[string]bool{},
		posts: map[string]string{},
	}
	for _, e := range s.entries {
		r.lastEntry[e.Seq] = e
		if e.RequestID != "" {
			r.last[e.RequestID] = e.Seq
		}
		if isDeleted(e) {
			r.deletes = append(r.deletes, e)
		}
		if isPost(e) {
			if to, known := r.posts[e.RequestID]; known && to != e.ConnectionID {
				r.posts[e.RequestID] = ""
			} else {
				r.posts[e.RequestID] = e.ConnectionID
			}
		}
	}
	r.pairHeld()
	return r
}

// pairHeld finds the messages that a fault held back: the test sends them when the fault did.
func (r *reader) pairHeld() {
	for i, f := range r.entries {
		if f.Kind != entry.Fault || faultOf(f) != "hold" {
			continue
		}
		due := f.Time.Add(millis(f.DelayMs))
		for _, e := range r.entries[i:] {
			of := e.Kind == entry.Received && e.ConnectionID == f.ConnectionID
			if of && r.held[e] == nil && !e.Time.Before(due.Add(-tick)) {
				r.held[e] = f
				break
			}
		}
	}
}

// tick is how much the times of two entries differ that belong together.
const tick = 5 * time.Millisecond

// read reads one entry.
func (r *reader) read(e *entry.Entry) {
	switch e.Kind {
	case entry.Connected, entry.Refused:
		r.handshake(e)
	case entry.Received:
		r.message(e)
	case entry.Sent:
		r.frame(e, r.cause(e))
	case entry.Called:
		r.call(e)
	case entry.Invoked:
		r.invoked(e)
	case entry.Disconnected:
		r.disconnected(e)
	case entry.Fault:
		r.happened(e)
	default:
		r.fromOutside(e)
	}
}

// do adds a step with one action.
func (r *reader) do(kind actionKind, e *entry.Entry, c *client) *step {
	st := &step{seq: e.Seq, time: e.Time, does: []action{{kind: kind, entry: e, client: c}}}
	r.steps = append(r.steps, st)
	return st
}

// remember makes a step the cause of what has a request id.
func (r *reader) remember(id string, st *step) {
	if id != "" && r.byRequest[id] == nil {
		r.byRequest[id] = st
	}
}

// handshake adds the step of a handshake. What $connect has posted comes before its entry.
func (r *reader) handshake(e *entry.Entry) {
	kind := connects
	if e.Kind == entry.Refused {
		kind = refused
	}
	st := r.do(kind, e, r.client(e.ConnectionID))
	st.time, st.waited, r.waiting = st.time.Add(-r.waiting), r.waiting, 0
	r.remember(e.RequestID, st)
	r.spans = append(r.spans, &span{step: st, from: e.Seq, to: r.lastOf(e)})
	st.effects = append(st.effects, r.early(e)...)
}

// early takes the effects of a handshake that came before its entry from the step that got them.
func (r *reader) early(e *entry.Entry) (taken []effect) {
	began := e.Time.Add(-millis(e.DurationMs))
	for _, st := range r.steps[:len(r.steps)-1] {
		st.effects = slices.DeleteFunc(st.effects, func(f effect) bool {
			is := f.entry.RequestID != "" && f.entry.RequestID == e.RequestID ||
				f.entry.RequestID == "" && st.foreign && !f.entry.Time.Before(began)
			if is {
				taken = append(taken, f)
			}
			return is
		})
	}
	return taken
}

// message adds the step of a message.
func (r *reader) message(e *entry.Entry) {
	c := r.client(e.ConnectionID)
	var st *step
	if r.held[e] != nil {
		st = r.byTime(e) // it was sent before
	} else {
		st = r.do(sends, e, c)
	}
	r.remember(e.RequestID, st)
	r.spans = append(r.spans, &span{step: st, from: e.Seq, to: r.lastOf(e)})
}

// lastOf returns the number of the last entry of the same request.
func (r *reader) lastOf(e *entry.Entry) uint64 { return max(e.Seq, r.last[e.RequestID]) }

// call adds a call of @connections: a frame, the end of a connection, or nothing that a client
// notices.
func (r *reader) call(e *entry.Entry) {
	c := r.client(e.ConnectionID)
	switch {
	case e.By != "" && e.Method == "POST" && c != nil:
		r.outside = r.do(posts, e, c)
		r.frame(e, r.outside)
	case e.By != "" && isDeleted(e) && c != nil:
		r.deletedByHand(e, c)
	case e.Method == "POST":
		r.frame(e, r.cause(e))
	}
}

// isPost reports whether an entry is a post of an invocation.
func isPost(e *entry.Entry) bool {
	return e.Kind == entry.Called && e.Method == "POST" && e.RequestID != ""
}

// isDeleted reports whether an entry is a call of @connections that ended a connection.
func isDeleted(e *entry.Entry) bool {
	return e.Kind == entry.Called && e.Method == "DELETE" && (e.Status == 204 || e.Status == 200)
}

// frame adds a frame to the effects of a step.
func (r *reader) frame(e *entry.Entry, of *step) {
	c := r.client(e.ConnectionID)
	arrives := delivered(e)
	if e.Kind == entry.Called && e.Status != 200 && r.arrives[e.ConnectionID] > 0 {
		r.arrives[e.ConnectionID]--
		arrives = true
	}
	if arrives && c != nil && c.hears(e) && !c.ended {
		f := effect{client: c, entry: e, beside: r.beside[e.RequestID]}
		if isPost(e) && r.posts[e.RequestID] == "" {
			f.broadcast = e.RequestID
		}
		of.effects = append(of.effects, f)
	}
}

// cause returns the step that an effect belongs to.
func (r *reader) cause(e *entry.Entry) *step {
	if e.RequestID != "" {
		if from, late := r.late[e.RequestID]; late && e.Seq >= from {
			return r.byTime(e)
		}
		if st := r.byRequest[e.RequestID]; st != nil {
			return st
		}
	}
	var running []*step
	if e.RequestID == "" {
		for _, sp := range r.spans {
			if sp.from < e.Seq && e.Seq <= sp.to && !slices.Contains(running, sp.step) {
				running = append(running, sp.step)
			}
		}
	}
	switch {
	case len(running) == 1:
		return running[0]
	case len(running) > 1:
		return r.merge(running)
	}
	return r.fromNobody(e)
}

// merge makes one step of several.
func (r *reader) merge(all []*step) *step {
	slices.SortFunc(all, func(a, b *step) int { return cmp.Compare(a.seq, b.seq) })
	first := all[0]
	first.anyOrder = true
	for _, st := range all[1:] {
		first.does = append(first.does, st.does...)
		first.effects = append(first.effects, st.effects...)
		for id, of := range r.byRequest {
			if of == st {
				r.byRequest[id] = first
			}
		}
		for _, sp := range r.spans {
			if sp.step == st {
				sp.step = first
			}
		}
		r.steps = slices.DeleteFunc(r.steps, func(other *step) bool { return other == st })
	}
	return first
}

// fromNobody returns the step for an effect that no client caused.
func (r *reader) fromNobody(e *entry.Entry) *step {
	if len(r.steps) > 0 {
		last := r.steps[len(r.steps)-1]
		if last == r.outside || len(last.does) == 0 {
			return last
		}
	}
	st := &step{seq: e.Seq, time: e.Time, foreign: true}
	r.steps = append(r.steps, st)
	return st
}

// byTime returns the step for what happened because its time had come: the move of the clock that
// made it happen, or one of its own, before which the test moves the clock as far as it had moved
// by itself.
func (r *reader) byTime(e *entry.Entry) *step {
	if len(r.steps) > 0 {
		last := r.steps[len(r.steps)-1]
		if last == r.outside && !e.Time.After(r.reached(last)) || len(last.does) == 0 && !last.foreign {
			return last
		}
	}
	r.timed = true
	st := &step{seq: e.Seq, time: e.Time}
	r.steps = append(r.steps, st)
	return st
}

// reached returns the time until which what is due has happened when a step has been done.
func (r *reader) reached(st *step) time.Time {
	at := st.time
	for _, a := range st.does {
		if a.kind == advances {
			at = at.Add(max(0, millis(a.entry.AdvanceMs)))
		}
	}
	return at.Add(tick)
}

// finish returns the steps in order, with their times as if nobody had moved the clock. What
// different clients receive for one cause has no order.
func (r *reader) finish() []*step {
	r.steps = slices.DeleteFunc(r.steps, func(st *step) bool { return len(st.does)+len(st.effects) == 0 })
	for _, st := range r.steps {
		st.time = r.unmoved(st.seq, st.time)
		st.until, st.to = st.time, st.seq
	}
	for _, sp := range r.spans {
		last := r.lastEntry[sp.to]
		if last == nil || sp.late {
			continue
		}
		if end := r.unmoved(last.Seq, last.Time); end.After(sp.step.until) {
			sp.step.until = end
		}
		sp.step.to = max(sp.step.to, sp.to)
	}
	for _, st := range r.steps {
		slices.SortStableFunc(st.effects, func(a, b effect) int {
			return cmp.Or(first(a)-first(b),
				cmp.Compare(a.client.number, b.client.number), cmp.Compare(a.entry.Seq, b.entry.Seq))
		})
	}
	return r.steps
}

// first returns 0 for the ends that the test waits for before it looks at anything else, else 1.
func first(e effect) int {
	if e.end && e.beside {
		return 0
	}
	return 1
}

func millis(ms float64) time.Duration {
	const most = 1e12 // more than thirty years
	return time.Duration(max(-most, min(most, ms)) * float64(time.Millisecond)).Round(time.Microsecond)
}
