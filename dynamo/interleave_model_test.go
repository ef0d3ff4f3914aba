package dynamo_test

import (
	"slices"

	"github.com/gatesock/gatesock/conn"
)

// What the calls of an interleaving answered, and what remains, must be explained by an order in
// which they might have been made one after the other. There are few orders, so all are tried.

// effect is a call that has taken effect, in an order. A call that asked for its record to be
// written again, since the answer was lost, may have taken effect before: those events are its
// ghosts.
type effect struct {
	*actor
	ghost bool
}

// events returns the events of all calls. A call that reported success reported it for the last
// change that it made. An exception is an Extend that repeats itself after a lost answer: it finds
// the record extended, and returns what the record has become since.
func (r *interleaving) events() (all []*effect) {
	for _, a := range r.actors {
		ghosts := a.changes
		if !a.unsure() {
			all = append(all, &effect{actor: a})
			if a.answer.err == nil && (a.call.kind != extendCall || a.lost != "extend") {
				ghosts--
			}
		}
		for range ghosts {
			all = append(all, &effect{actor: a, ghost: true})
		}
	}
	return all
}

// member is the state of a connection in a group by some order: the event that made it a member or
// ended that, and whether a call that completed has found since that it is a member.
type member struct {
	by        *effect
	is        bool
	confirmed bool
	low       bool // the record had low versions, so that neither its rows nor its ends replace a row of a higher one
}

// state is a connection in the model.
type state struct {
	there  bool
	by     int // the call that put it
	set    int // the call that has set its attribute; 0 if none
	mortal bool
	// low is true if the record's versions are below those of the one before: a Put takes its version
	// when it begins, and another Put and a Delete of the same id may come between that and its
	// record; so may a Join and a Delete, if the answer to the Put was lost and it asks again. Their
	// marks keep its rows out for 15 minutes. The gateway never uses an id twice.
	low    bool
	latest int // when the latest of the Puts began
	groups [maxGroups]member
}

// visible reports whether a call that has read the clock before, or after, the jump sees a record.
func (s *state) visible(late bool) bool { return s.there && (!s.mortal || !late) }

func (s *state) names() (groups groupSet) {
	for i, m := range s.groups {
		if m.is {
			groups |= 1 << i
		}
	}
	return groups
}

// end ends memberships. Those that have expired are not by anybody's doing.
func (s *state) end(groups groupSet, by *effect) {
	for i := range s.groups {
		if groups.has(i) && s.groups[i].is {
			s.groups[i] = member{by: by, low: s.low}
		}
	}
}

func (s *state) begin(groups groupSet, by *effect) {
	// A Put that was carried out, undone by a Delete, and carried out again, since its answer was
	// lost, finds the marks of the Delete.
	twice := by.call.kind == putCall && by.changes > 1
	sure := !by.ghost && !by.unsure() && !twice && !s.low
	for i := range s.groups {
		m := &s.groups[i]
		if !groups.has(i) {
			continue
		}
		if !m.is {
			*m = member{by: by, is: true, low: s.low}
		}
		m.confirmed = m.confirmed || sure
	}
}

// extend lets the record live on after the jump, and its memberships if the call completed: it
// writes the rows that others have left out, too. Of one that was cut off the rows may end at the
// jump.
func (s *state) extend(sure bool) {
	for i := range s.groups {
		m := &s.groups[i]
		m.confirmed = m.is && (sure || m.confirmed && !s.mortal)
	}
	s.mortal = false
}

// apply makes a call, and returns the answer.
func (s *state) apply(e *effect) answer {
	visible := s.visible(e.late)
	switch e.call.kind {
	case putCall:
		if visible && s.by == e.number {
			return answer{err: errUnsure} // its own record is not to be in its way
		}
		if visible {
			return answer{err: conn.ErrExists}
		}
		s.end(^groupSet(0), nil)
		s.there, s.by, s.set, s.mortal = true, e.number, 0, !e.late
		s.low = e.began < s.latest || e.changes > 1 && e.began == s.latest
		s.latest = max(e.began, s.latest)
		s.begin(e.call.groups, e)
		return answer{}
	case joinCall:
		if !visible {
			return answer{err: conn.ErrNotFound}
		}
		s.begin(e.call.groups, e)
		return answer{}
	case leaveCall:
		s.end(e.call.groups, e)
		return answer{}
	case setCall:
		if !visible {
			return answer{err: conn.ErrNotFound}
		}
		s.set = e.number
		return answer{by: s.by, groups: s.names(), set: s.set}
	case extendCall:
		if !visible {
			return answer{err: conn.ErrNotFound}
		}
		s.extend(!e.ghost && !e.unsure() && !s.low)
		return answer{by: s.by, groups: s.names(), set: s.set}
	default:
		if !visible {
			return answer{err: conn.ErrNotFound}
		}
		was := answer{by: s.by, groups: s.names(), set: s.set}
		s.end(^groupSet(0), e)
		s.there = false
		return was
	}
}

// explained reports whether some order of the events explains the answers and what was seen at the
// end.
func (r *interleaving) explained(s state, rest, made []*effect) bool {
	if len(rest) == 0 {
		return r.right(&s, made)
	}
	for i, e := range rest {
		if !mayBeNext(e, rest) {
			continue
		}
		next := s
		got := next.apply(e)
		if e.ghost || e.unsure() {
			if got.err != nil {
				continue
			}
		} else if got != e.answer {
			continue
		}
		others := append(append([]*effect(nil), rest[:i]...), rest[i+1:]...)
		if r.explained(next, others, append(made[:len(made):len(made)], e)) {
			return true
		}
	}
	return false
}

// mayBeNext reports whether no other event in rest must come before.
func mayBeNext(e *effect, rest []*effect) bool {
	for _, other := range rest {
		if other.ended < e.began || other.actor == e.actor && other.ghost && !e.ghost {
			return false
		}
	}
	return true
}

// right compares what was seen at the end with an order. Record and group may disagree by halves
// of calls that did not complete.
func (r *interleaving) right(s *state, made []*effect) bool {
	there := s.visible(r.jumped)
	if there != r.seen.there || there && (s.by != r.seen.by || s.set != r.seen.set || s.names() != r.seen.groups) {
		return false
	}
	for i, m := range s.groups {
		is := there && m.is
		switch listed := r.seen.listed.has(i); {
		case listed == is:
		case listed && (m.is && !m.low || m.by == nil || !unfinished(m.by, made) && !late(i, m, made)):
			return false
		case is && m.confirmed:
			return false
		}
	}
	return true
}

// late reports whether a row may have outlived the last end of a membership, because an end before
// that did not complete: the row came later, from a call that was under way then, or the last
// record had low versions.
func late(group int, last member, made []*effect) bool {
	for i, end := range made {
		ends := end.call.kind == deleteCall || end.call.kind == leaveCall && end.call.groups.has(group)
		if !ends || !unfinished(end, made) {
			continue
		}
		for _, e := range made[:i] {
			writes := e.call.kind == extendCall ||
				(e.call.kind == joinCall || e.call.kind == putCall) && e.call.groups.has(group)
			if writes && (last.low || e.ended > last.by.began) {
				return true
			}
		}
	}
	return false
}

// unfinished reports whether an end of a membership did not complete. There are two ways in which
// an answer that was lost has the same effect. A Leave took the group out of the record, which was
// gone before the next attempt: then it cannot know of a join that is under way. And a Delete
// removed a record, and the next attempt another of the same id, which the gateway never uses
// twice.
func unfinished(e *effect, made []*effect) bool {
	switch {
	case e.unsure():
		return true
	case e.call.kind == deleteCall:
		return e.ghost
	case e.call.kind == leaveCall && e.lost != "":
		return slices.ContainsFunc(made, func(other *effect) bool {
			return other.call.kind == deleteCall && other.changes > 0
		})
	default:
		return false
	}
}
