package export

import (
	"slices"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// disconnected adds the end of a connection: by its client, or an effect of what made the gateway
// end it.
func (r *reader) disconnected(e *entry.Entry) {
	c := r.client(e.ConnectionID)
	if c == nil || c.ended {
		return
	}
	st := r.ending(e, c)
	if !e.ByClient && c.hears(e) {
		st.effects = append(st.effects, effect{client: c, entry: e, end: true, beside: r.deleted(e) != nil})
	}
	c.ended = true
	r.rememberDisconnect(e, st)
}

// ending returns the step that ends a connection.
func (r *reader) ending(e *entry.Entry, c *client) *step {
	switch {
	case e.ByClient && e.Code == abnormal:
		return r.do(aborts, e, c)
	case e.ByClient:
		return r.do(closes, e, c)
	}
	if call := r.deleted(e); call != nil {
		if call.By == "" {
			return r.cause(call)
		}
		return r.deletedByHand(call, c)
	}
	if e.By != "" {
		r.outside = r.do(disconnects, e, c)
		return r.outside
	}
	if last := r.lastMessage(e); last != nil && e.Code == 1008 {
		return last
	}
	switch e.Code {
	case 1003:
		return r.do(sendsBinary, e, c)
	case 1007:
		return r.do(sendsBadText, e, c)
	case 1009:
		return r.do(sendsTooLarge, e, c)
	}
	return r.byTime(e)
}

// deleted returns the call of @connections that ended a connection, or nil. It returns before or
// after the end.
func (r *reader) deleted(e *entry.Entry) *entry.Entry {
	for _, call := range r.deletes {
		if call.ConnectionID == e.ConnectionID {
			return call
		}
	}
	return nil
}

// deletedByHand returns the step of a call that somebody made by hand.
func (r *reader) deletedByHand(call *entry.Entry, c *client) *step {
	for _, st := range slices.Backward(r.steps) {
		if len(st.does) > 0 && st.does[0].kind == deletes && st.does[0].client == c {
			return st
		}
	}
	r.outside = r.do(deletes, call, c)
	return r.outside
}

// lastMessage returns the step of the last message of a connection.
func (r *reader) lastMessage(e *entry.Entry) *step {
	for _, st := range slices.Backward(r.steps) {
		for _, a := range st.does {
			if a.kind == sends && a.client != nil && a.client.id == e.ConnectionID {
				return st
			}
		}
	}
	return nil
}

// rememberDisconnect makes a step the cause of what the $disconnect of a connection does.
func (r *reader) rememberDisconnect(e *entry.Entry, st *step) {
	from := e.Seq // of what the next invocation does
	for _, inv := range r.entries {
		if inv.Seq <= e.Seq || inv.Kind != entry.Invoked || inv.Route != "$disconnect" || inv.ConnectionID != e.ConnectionID {
			continue
		}
		if r.lateEnds[e.ConnectionID] || r.comesLate(e, inv) {
			if _, known := r.late[inv.RequestID]; !known {
				r.late[inv.RequestID] = from
			}
			continue
		}
		from = inv.Seq + 1
		r.remember(inv.RequestID, st)
		r.beside[inv.RequestID] = r.deleted(e) != nil
		r.spans = append(r.spans, &span{step: st, from: e.Seq, to: inv.Seq})
	}
}

// comesLate reports whether a fault delays or repeats a $disconnect. The fault happens with the end
// of the connection.
func (r *reader) comesLate(end, inv *entry.Entry) bool {
	return slices.ContainsFunc(r.entries, func(f *entry.Entry) bool {
		kind := faultOf(f)
		return f.Kind == entry.Fault && f.ConnectionID == end.ConnectionID && f.DelayMs > 0 &&
			(kind == "late-disconnect" || kind == "repeated-disconnect" || kind == "cold-start" && f.Route == "$disconnect") &&
			inv.Time.Sub(end.Time) >= millis(f.DelayMs)-tick
	})
}

// invoked notes an invocation that failed: a harness fails its test for a panic.
func (r *reader) invoked(e *entry.Entry) {
	if e.Error == "" {
		return
	}
	st := r.byRequest[e.RequestID]
	if st == nil && e.RequestID != "" && (e.Route == "$connect" || e.Route == "authorizer") {
		return // the entry of the handshake follows, with its status
	}
	if st == nil {
		st = r.fromNobody(e)
	}
	st.does = append(st.does, action{kind: invocationFail, entry: e})
}

// happened notes what a fault does to what follows.
func (r *reader) happened(e *entry.Entry) {
	c := r.client(e.ConnectionID)
	switch faultOf(e) {
	case "half-open":
		if c != nil {
			c.deafFrom = e.Seq
		}
		r.timed = r.timed || e.DelayMs > 0
	case "fail-delivered":
		r.arrives[e.ConnectionID]++
	case "hold":
		for _, m := range r.entries {
			if r.held[m] == e {
				r.do(sends, m, c).seq = e.Seq
				r.steps[len(r.steps)-1].time = e.Time
			}
		}
	case "slow":
		if len(r.steps) > 0 {
			r.steps[len(r.steps)-1].waited += millis(e.DelayMs)
		}
	case "cold-start":
		if e.Route == "$connect" {
			r.waiting += millis(e.DelayMs)
		}
		if last := r.lastMessage(e); last != nil && e.Route != "$connect" && e.Route != "$disconnect" {
			id := last.does[len(last.does)-1].entry.RequestID
			r.late[id] = 0
			for _, sp := range r.spans {
				sp.late = sp.late || sp.to == r.last[id]
			}
		}
	case "late-disconnect":
		r.lateEnds[e.ConnectionID] = true
	}
}

// fromOutside adds what was done to the gateway.
func (r *reader) fromOutside(e *entry.Entry) {
	switch e.Kind {
	case entry.Clock:
		if e.AdvanceMs != 0 {
			r.outside = r.do(advances, e, nil)
		}
	case entry.FaultAdded:
		if f := r.fault(e); f != nil && !f.atStart {
			r.outside = r.do(addsFault, e, nil)
			r.outside.does[0].fault = f
		}
	case entry.FaultRemoved:
		if f := r.faultByID(e.FaultID); f != nil && f.variable != "" {
			r.outside = r.do(removesFault, e, nil)
			r.outside.does[0].fault = f
		}
	case entry.Schedule:
		r.outside = r.do(firesSchedule, e, nil)
		r.outside.foreign = r.options.Schedule == ""
	case entry.Queue:
		r.outside = r.do(sendsToQueue, e, nil)
		r.outside.foreign = r.options.Queue == ""
	default: // logs and notes
	}
}
