package sim

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// kind is what waits at the gate.
type kind int

const (
	kindInvoke  kind = iota // an event comes to the function
	kindRead                // a request to a store that only reads
	kindWrite               // one that writes
	kindPost                // a call of the gateway
	kindAnswer              // an invocation has ended, and its answer goes to the gateway
	kindTimeout             // Lambda ends a process whose invocation took too long
)

// verdict is what happens to a step.
type verdict int

const (
	carried   verdict = iota // it was carried out
	lost                     // it was carried out, and fails
	hung                     // it was carried out, and no answer comes
	throttled                // it was refused, for a rate
	failed                   // it was not carried out
	gone                     // a post is told that the connection is gone, which it is not
	forbidden                // a post is refused, for a right of the function
	conflict                 // a write is refused, since it met a transaction
	died                     // the process has ended
	abandoned                // the caller gave up
)

// errDead is the error of everything that a process does after its end.
var errDead = errors.New("sim: the process is dead")

// step is something that waits at the gate.
type step struct {
	order   string // by which pending steps are sorted
	kind    kind
	text    string // for the diagram
	from    string // the lifeline it comes from
	to      string
	proc    *process // nil for an invocation that has none yet
	inv     *invocation
	link    *link  // of a post
	do      func() // carries it out; called by the scheduler
	again   func() // of a $disconnect: lets it come a second time
	verdict chan verdict
}

// wait stops until the scheduler has decided about a step, the process has ended, or the caller
// gives up. A write that nobody waits for any more may still be carried out later.
func (w *world) wait(ctx context.Context, s *step) verdict {
	s.verdict = make(chan verdict, 1)
	var dead <-chan struct{}
	if s.proc != nil {
		if s.proc.isDead() {
			return died
		}
		dead = s.proc.died
	}
	w.enqueue(s)
	select {
	case v := <-s.verdict:
		if v == hung {
			return s.hang(ctx, dead)
		}
		return v
	case <-dead:
		w.withdraw(s, false)
		return died
	case <-ctx.Done():
		w.withdraw(s, s.kind == kindWrite || s.kind == kindPost)
		s.apart()
		return abandoned
	}
}

// apart waits for less than a millisecond, which depends on the name of the step. Timers of one
// moment fire in any order, and so end the contexts of one parent: what they wake goes on one after
// the other.
func (s *step) apart() {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.order))
	time.Sleep(time.Duration(1 + h.Sum32()%999_983)) //nolint:forbidigo // in a bubble
}

func (s *step) hang(ctx context.Context, dead <-chan struct{}) verdict {
	select {
	case <-dead:
		return died
	case <-ctx.Done():
		s.apart()
		return abandoned
	}
}

func (w *world) enqueue(s *step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, _ := slices.BinarySearchFunc(w.pending, s, func(a, b *step) int { return strings.Compare(a.order, b.order) })
	w.pending = slices.Insert(w.pending, i, s)
	select {
	case w.arrived <- struct{}{}:
	default:
	}
}

// withdraw takes a step from the gate. What is under way may arrive without its caller.
func (w *world) withdraw(s *step, underWay bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.pending, s)
	if i < 0 {
		return // it was decided before
	}
	w.pending = slices.Delete(w.pending, i, i+1)
	if underWay {
		j, _ := slices.BinarySearchFunc(w.stray, s, func(a, b *step) int { return strings.Compare(a.order, b.order) })
		w.stray = slices.Insert(w.stray, j, s)
	}
}

// take removes a step from the gate, to decide about it.
func (w *world) take(s *step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.Index(w.pending, s); i >= 0 {
		w.pending = slices.Delete(w.pending, i, i+1)
	}
}

func (w *world) waiting() []*step {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.pending)
}
