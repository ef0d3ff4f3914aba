package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
)

// kind is a method of a Store.
type kind int

const (
	putCall kind = iota
	joinCall
	leaveCall
	deleteCall
	setCall    // of an attribute, to the number of the actor
	extendCall // beyond the jump
)

func (k kind) String() string {
	return [...]string{"Put", "Join", "Leave", "Delete", "SetAttributes", "Extend"}[k]
}

const maxGroups = 2

// groupSet is a set of the groups of an interleaving.
type groupSet uint8

func (s groupSet) has(i int) bool { return s>>i&1 != 0 }

// call is a call to be made; Join and Leave have one group.
type call struct {
	kind   kind
	groups groupSet
}

func (c call) String() string {
	if c.kind == deleteCall || c.kind == setCall || c.kind == extendCall {
		return c.kind.String()
	}
	return fmt.Sprintf("%v(%02b)", c.kind, c.groups)
}

// answer is what a call returned. For Delete, SetAttributes and Extend it is the Put that made the
// record, its groups, and the call that has set its attribute.
type answer struct {
	err    error
	by     int
	groups groupSet
	set    int
}

// errUnsure stands for all errors that leave open what was done.
var errUnsure = errors.New("it may have been carried out")

// actor makes one call of an interleaving. Its fields belong to the actor's goroutine while that
// runs, which is from a verdict to the next arrival, and to the schedule otherwise.
type actor struct {
	number   int
	call     call
	fault    fault
	arrived  chan bool // before a request, or at the end: true
	verdicts chan verdict

	began, ended int  // on the schedule's clock; 0 if not yet
	late         bool // it began after the jump
	requests     int
	dead         bool
	last         string // what was noted
	lost         string // the request of which the answer was lost
	changes      int    // of the record
	answer       answer
}

// changed reports whether the request with a label has changed the record.
func (a *actor) changed(label string) bool {
	switch a.call.kind {
	case putCall:
		return label == "put record"
	case joinCall:
		return label == "enter"
	case leaveCall:
		return label == "exit: was member"
	case setCall:
		return label == "set"
	case extendCall:
		return label == "extend"
	default:
		return label == "delete record"
	}
}

// act makes the call.
func (a *actor) act(ctx context.Context, r *interleaving) {
	defer func() {
		r.note(a, "returns")
		a.arrived <- true
	}()
	ctx = context.WithValue(ctx, actorKey{}, a)
	store := r.store
	if a.number%2 == 0 {
		store = r.other
	}
	var err error
	switch a.call.kind {
	case putCall:
		err = r.store.Put(ctx, r.record(a.number, a.call.groups))
	case joinCall:
		err = store.Join(ctx, r.id, r.group(a.call.groups))
	case leaveCall:
		err = store.Leave(ctx, r.id, r.group(a.call.groups))
	case deleteCall:
		var c conn.Conn
		if c, err = store.Delete(ctx, r.id); err == nil {
			a.answer = r.decode(c)
		}
	case setCall:
		var c conn.Conn
		if c, err = store.SetAttributes(ctx, r.id, map[string]string{"set": strconv.Itoa(a.number)}); err == nil {
			a.answer = r.decode(c)
		}
	case extendCall:
		var c conn.Conn
		if c, err = store.Extend(ctx, r.id, r.extended()); err == nil {
			a.answer = r.decode(c)
		}
	}
	a.answer.err = a.judge(err)
}

// judge returns the kind of an error. Only calls that died, or lost the answer of a Delete, may
// have one outside the contract.
func (a *actor) judge(err error) error {
	switch {
	case a.dead && errors.Is(err, errDead), err != nil && strings.HasPrefix(a.lost, "delete record"):
		return errUnsure
	case a.dead:
		return fmt.Errorf("it died, and said %w", err)
	case errors.Is(err, conn.ErrExists):
		return conn.ErrExists
	case errors.Is(err, conn.ErrNotFound):
		return conn.ErrNotFound
	default:
		return err
	}
}

func (a *actor) unsure() bool { return errors.Is(a.answer.err, errUnsure) }

// interleaving is a few calls of one connection, and a schedule of their requests.
type interleaving struct {
	seed  uint64
	id    string
	store *dynamo.Connections // gated, as is other
	// other is of an instance that is a step ahead. It registers nobody, so that versions have one
	// source.
	other  *dynamo.Connections
	plain  *dynamo.Connections
	halves []*dynamo.Connections // of one layout each, if the group has two
	clock  interface {
		Now() time.Time
		Advance(time.Duration)
	}
	jumps  bool // the records that are there expire in between
	actors []*actor

	now    int // steps made
	jumped bool
	met    map[string]int
	trace  []string
	start  state
	seen   seen
}

// seen is what a reader finds at the end.
type seen struct {
	there          bool
	by, set        int
	groups, listed groupSet
}

// lifetime is the lifetime of records, and jump is a bit more. Both are less than the 15 minutes
// that a call may take.
const (
	lifetime = time.Minute
	jump     = 2 * time.Minute
)

// extended is the expiry that a call of Extend asks for, which comes after the jump.
func (r *interleaving) extended() time.Time { return r.clock.Now().Add(lifetime + jump) }

func (r *interleaving) record(by int, groups groupSet) conn.Conn {
	c := conn.Conn{
		ID: r.id, Attributes: map[string]string{"by": strconv.Itoa(by)},
		ConnectedAt: r.clock.Now(), ExpiresAt: r.clock.Now().Add(lifetime),
	}
	for i := range maxGroups {
		if groups.has(i) {
			c.Groups = append(c.Groups, r.group(1<<i))
		}
	}
	return c
}

func (r *interleaving) decode(c conn.Conn) answer {
	var a answer
	for _, g := range c.Groups {
		a.groups |= groupSet(g[len(g)-1] - '0')
	}
	var err error
	if a.by, err = strconv.Atoi(c.Attributes["by"]); err != nil {
		a.by = -1
	}
	if set, ok := c.Attributes["set"]; ok {
		if a.set, err = strconv.Atoi(set); err != nil {
			a.set = -1
		}
	}
	return a
}

func (r *interleaving) group(one groupSet) string { return r.id + "/" + strconv.Itoa(int(one)) }

func (r *interleaving) note(a *actor, what string) {
	r.trace = append(r.trace, fmt.Sprintf("%d %v: %s", a.number, a.call, what))
	r.count(a.call.kind.String() + ": " + what)
	if strings.HasPrefix(a.last, "look") {
		r.count(a.call.kind.String() + ": " + a.last + ", then " + what)
	}
	a.last = what
}

func (r *interleaving) count(what string) { r.met[what]++ }

// plan makes up an interleaving. Joins and leaves of one group are the most frequent, since they
// race.
func (r *interleaving) plan(rng *rand.Rand) {
	groups := 1
	if rng.IntN(4) == 0 {
		groups = maxGroups
	}
	kinds := []kind{
		putCall, joinCall, joinCall, joinCall, leaveCall, leaveCall, leaveCall, deleteCall, deleteCall,
		setCall, setCall, extendCall, extendCall,
	}
	for i := range 2 + rng.IntN(3) {
		c := call{kinds[rng.IntN(len(kinds))], 1 << rng.IntN(groups)}
		if c.kind == putCall {
			c.groups = groupSet(rng.IntN(1 << groups))
		}
		r.cast(c, fault{})
		if rng.IntN(4) == 0 {
			r.actors[i].fault = fault{verdict(1 + rng.IntN(faultKinds-1)), min(rng.IntN(lastRequest), rng.IntN(lastRequest))}
		}
	}
	r.jumps = rng.IntN(5) == 0
}

func (r *interleaving) cast(c call, f fault) {
	r.actors = append(r.actors, &actor{
		number: len(r.actors) + 1, call: c, fault: f,
		arrived: make(chan bool), verdicts: make(chan verdict),
	})
}

// setUp makes the state that the calls begin with.
func (r *interleaving) setUp(ctx context.Context, rng *rand.Rand) error {
	if rng.IntN(4) == 0 {
		return nil
	}
	nobody := &effect{actor: &actor{call: call{kind: putCall, groups: groupSet(rng.IntN(2))}}}
	if err := r.store.Put(ctx, r.record(0, nobody.call.groups)); err != nil {
		return err
	}
	r.start.apply(nobody)
	if rng.IntN(6) == 0 {
		nobody = &effect{actor: &actor{call: call{kind: joinCall, groups: 1}}}
		if err := r.store.Join(ctx, r.id, r.group(1)); err != nil {
			return err
		}
		r.start.apply(nobody)
	}
	if rng.IntN(8) == 0 {
		r.jumps = true
		r.jump()
	}
	return nil
}

func (r *interleaving) jump() {
	r.clock.Advance(jump)
	r.jumped = true
	r.trace = append(r.trace, "the clock jumps")
	for _, a := range r.actors {
		if a.began != 0 && a.ended == 0 {
			r.count("the clock jumps during a call")
		}
	}
}

// play runs the calls, one request at a time. choose picks the next one of the actors, and the
// jump, that can continue.
func (r *interleaving) play(ctx context.Context, choose func(ready []*actor) int) {
	for {
		var ready []*actor
		for _, a := range r.actors {
			if a.ended == 0 {
				ready = append(ready, a)
			}
		}
		if len(ready) == 0 {
			return
		}
		if r.jumps && !r.jumped {
			ready = append(ready, nil)
		}
		if a := ready[choose(ready)]; a != nil {
			r.step(ctx, a)
		} else {
			r.jump()
		}
	}
}

// step lets an actor begin, or make its next request, and waits until it is at the one after that
// or at the end.
func (r *interleaving) step(ctx context.Context, a *actor) {
	r.now++
	if a.began == 0 {
		a.began, a.late = r.now, r.jumped
		go a.act(ctx, r)
	} else {
		v := carry
		if a.fault.verdict != carry && a.fault.at == a.requests {
			v = a.fault.verdict
		}
		a.requests++
		a.verdicts <- v
	}
	if <-a.arrived {
		a.ended = r.now
	}
}
