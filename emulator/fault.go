package emulator

import (
	"fmt"
	"slices"
	"time"

	"github.com/gatesock/gatesock"
)

// RouteCalls is the route of calls of the @connections API for [Fault.On].
const RouteCalls = "@connections"

// Fault is something that goes wrong at the gateway, in its network or in Lambda. [Faults.Add]
// makes it happen. The functions below return one that happens every time, everywhere and at once;
// its methods return narrower copies:
//
//	emulator.Slow(2*time.Second).For(bob.ID()).Times(3) // the next three posts to bob
//	emulator.ColdStart(3*time.Second).On("say").Chance(0.01)
//	emulator.DelayDisconnect(10*time.Minute).Spread() // each between 0 and ten minutes late
type Fault struct {
	kind        faultKind
	err         error
	delay       time.Duration
	noticed     time.Duration
	throttle    Throttle
	connections []string // nil: all
	route       string   // "": all
	times       int      // 0: no limit
	chance      float64
	spread      bool
	label       string
}

// faultKind is the kind of a fault. Decisions depend on its value.
type faultKind uint8

const (
	slowCall faultKind = iota + 1
	failedCall
	throttled
	bufferFull
	failedDelivery
	heldMessage
	coldStart
	lostDisconnect
	lateDisconnect
	repeatedDisconnect
	halfOpen
	restart
)

// Slow makes calls of @connections take d longer, before they have any effect. A call whose context
// ends first fails with the context's error and has none. Use a long d for a call that hangs
// (observed: aws-sdk-js-v3#6896).
//
// A handler that posts waits for [Config.Clock]. With a [ManualClock], another goroutine must move
// it.
func Slow(d time.Duration) Fault { return newFault(slowCall).lasting("Slow", d) }

// Gone makes calls of @connections fail with [gatesock.ErrGone], 410 over HTTP, while the
// connection is open: as if the gateway had closed it and $disconnect were lost, or, for a while,
// by mistake.
func Gone() Fault { return Fail(gatesock.ErrGone) }

// Fail makes calls of @connections fail with an error that wraps err. They have no effect.
// [gatesock.ErrForbidden] means that the function's role lacks execute-api:ManageConnections; for
// all connections, it comes before other failures. Over HTTP, an error that is not of package
// gatesock is a 500. Fail panics if err is nil.
func Fail(err error) Fault {
	f := newFault(failedCall)
	if err == nil {
		panic("emulator: Fail: err must not be nil")
	}
	f.err = err
	return f
}

// FailDelivered makes posts fail with an error that wraps err although the message is sent. A 410
// for a message that arrived has been observed (aws-sdk-js#3773); other errors stand for answers
// that were lost. It panics if err is nil.
func FailDelivered(err error) Fault {
	f := Fail(err)
	f.kind = failedDelivery
	return f
}

// Throttled refuses what exceeds a rate: handshakes and calls of @connections with 429, messages as
// Undocumented.ThrottledClose says. A rate of zero refuses all, so that Times(3) refuses the next
// three. All that one fault matches shares its tokens. On selects what counts: messages of a route,
// handshakes ("$connect") or calls ([RouteCalls]).
//
//	emulator.Throttled(emulator.Throttle{Rate: 10, Burst: 5}).On(emulator.RouteCalls).For(bob.ID())
//
// Throttled panics if the throttle is not valid for a [Config].
func Throttled(t Throttle) Fault {
	if err := t.validate(); err != nil {
		panic("emulator: Throttled: " + err.Error())
	}
	f := newFault(throttled)
	f.throttle = t
	return f
}

// AccountQuotas returns the quotas of an account and Region: 500 new connections a second, and
// 10,000 requests a second with a burst of 5,000, which handshakes, messages and calls of
// @connections share (AWS Developer Guide, quotas). The burst of new connections is not documented;
// here it is 500. On AWS, all APIs of the account share them, also REST and HTTP APIs; here, all
// gateways with the same [Faults] do.
func AccountQuotas() []Fault {
	return []Fault{
		Throttled(Throttle{Rate: 500}).On(gatesock.RouteConnect),
		Throttled(Throttle{Rate: 10_000, Burst: 5_000}),
	}
}

// BufferFull means that the client reads too slowly, and that the gateway's buffer for it is full:
// posts fail with [gatesock.ErrThrottled], 429 over HTTP (AWS, API reference), and route responses
// are dropped and logged (inferred).
func BufferFull() Fault { return newFault(bufferFull) }

// Hold passes messages of clients on d later. Messages that come in the meantime overtake them,
// since the gateway keeps no order (AWS Developer Guide), and so do the end of the connection and
// its $disconnect. With [Fault.Spread] all messages come in a random order. [Session.Receive] does
// not wait for a message that is held. Messages that are held until the same time are handled at
// the same time.
func Hold(d time.Duration) Fault { return newFault(heldMessage).lasting("Hold", d) }

// ColdStart makes invocations begin d later, as if Lambda had to start a process first. The
// integration timeout counts from before, so that d above it is a timeout for the client, and the
// handler runs all the same. [Session.Receive] and [Session.Close] do not wait for such an
// invocation; [Gateway.Connect] must.
func ColdStart(d time.Duration) Fault { return newFault(coldStart).lasting("ColdStart", d) }

// LoseDisconnect means that $disconnect is not invoked. AWS makes its best effort and guarantees
// nothing (AWS Developer Guide).
func LoseDisconnect() Fault { return newFault(lostDisconnect) }

// DelayDisconnect invokes $disconnect d after the end of the connection. [Session.Close] does not
// wait for it.
func DelayDisconnect(d time.Duration) Fault {
	return newFault(lateDisconnect).lasting("DelayDisconnect", d)
}

// RepeatDisconnect invokes $disconnect twice with the same event, the second time d after the
// first. If d is zero, both run at the same time. Whether AWS does that is not known; an invocation
// whose answer was lost may be repeated.
func RepeatDisconnect(d time.Duration) Fault {
	return newFault(repeatedDisconnect).lasting("RepeatDisconnect", d)
}

// HalfOpen is a fault of connections (see [Faults.Add]): after a time the client is gone, such as
// by a cable that was pulled, and the gateway does not know. Posts succeed and count as traffic,
// nothing arrives in either direction, and the end of the client's socket goes unnoticed. The
// gateway notices the loss after another time, noticed, with Undocumented.AbnormalClose; if that is
// zero, the connection ends when it is idle for too long or too old, or by Disconnect. When AWS
// notices is not known; a pulled cable gave no prompt event (observed:
// simple-websockets-chat-app#27).
//
// The connection does not heal when the fault is removed.
func HalfOpen(after, noticed time.Duration) Fault {
	f := newFault(halfOpen).lasting("HalfOpen", after).lasting("HalfOpen", noticed)
	f.delay, f.noticed = after, noticed
	return f
}

// Restart is a fault of connections (see [Faults.Add]): after a time the gateway closes the
// connection for maintenance, with Undocumented.ShutdownClose, 1012 by default (AWS Developer
// Guide, "WebSocket API status codes"). New connections are accepted.
func Restart(after time.Duration) Fault { return newFault(restart).lasting("Restart", after) }

func newFault(kind faultKind) Fault { return Fault{kind: kind, chance: 1} }

func (f Fault) lasting(function string, d time.Duration) Fault {
	if d < 0 {
		panic(fmt.Sprintf("emulator: %s: %v must not be negative", function, d))
	}
	f.delay = d
	return f
}

// For limits the fault to connections, by their ids. Without an id it limits nothing.
func (f Fault) For(connectionIDs ...string) Fault {
	if len(connectionIDs) > 0 {
		f.connections = slices.Concat(f.connections, connectionIDs)
	}
	return f
}

// On limits [Hold], [ColdStart] and [Throttled] to a route. It panics for other faults, which do
// not depend on a route, and if the route is empty.
func (f Fault) On(route string) Fault {
	switch {
	case route == "":
		panic("emulator: Fault.On: the route must not be empty")
	case f.kind != heldMessage && f.kind != coldStart && f.kind != throttled:
		panic(fmt.Sprintf("emulator: Fault.On(%q): the fault %q does not depend on a route", route, f.kind))
	}
	f.route = route
	return f
}

// Times limits how often the fault happens, for all that it matches together. It panics unless n is
// positive.
func (f Fault) Times(n int) Fault {
	if n <= 0 {
		panic(fmt.Sprintf("emulator: Fault.Times(%d): n must be positive", n))
	}
	f.times = n
	return f
}

// Chance makes the fault happen with the probability p, from 0 to 1. See [NewFaults] for what
// decides. It panics for another p.
func (f Fault) Chance(p float64) Fault {
	if !(p >= 0 && p <= 1) {
		panic(fmt.Sprintf("emulator: Fault.Chance(%v): p must be from 0 to 1", p))
	}
	f.chance = p
	return f
}

// Spread draws each duration of the fault uniformly from 0 up to the one that was given.
func (f Fault) Spread() Fault {
	f.spread = true
	return f
}

// Labeled sets a name that [FaultEvent] has, to find out which of the added faults has happened.
func (f Fault) Labeled(label string) Fault {
	f.label = label
	return f
}

// ofConnection reports whether the fault happens to a connection rather than to a call, a message
// or an invocation.
func (k faultKind) ofConnection() bool { return k == halfOpen || k == restart }

// rank is the order in which the faults of one call count: like the checks of the gateway.
func (f *Fault) rank() int {
	switch {
	case f.kind == failedCall && f.connections == nil && isForbidden(f.err):
		return 0
	case f.kind == throttled:
		return 1
	default:
		return 2
	}
}
