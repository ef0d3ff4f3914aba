package emulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/gatesock/gatesock"
)

// Faults are the faults of a gateway. They are the same for connections over sockets and for
// sessions in memory, and for calls of @connections over HTTP and in the process:
//
//	faults := gateway.Faults()
//	faults.Add(emulator.LoseDisconnect().For(alice.ID()))
//	heal := faults.Add(emulator.Slow(2 * time.Second))
//	// …
//	heal()
//
// All waiting is by [Config.Clock]. [Gateway.Shutdown] waits for nothing: messages and $disconnect
// events that are held back by then are dropped, and cold starts end at once.
//
// Set [Config.Faults] for faults by chance, or to share one Faults between gateways. The zero value
// has no faults. It is safe for concurrent use.
type Faults struct {
	seed   uint64
	seeded bool
	active atomic.Pointer[[]*activeFault] // by rank; nil or empty: no faults

	mu        sync.Mutex
	added     map[faultKind]uint64 // how many faults of a kind there have been
	keyOf     func(Handshake) string
	last      map[string]uint64 // the number of the last connection of a key
	open      map[string]*Session
	gateways  uint32
	listeners []func(FaultEvent)
}

// NewFaults returns faults that happen by chance, from a seed:
//
//	faults := emulator.NewFaults(seed,
//		emulator.Gone().Chance(0.001),
//		emulator.LoseDisconnect().Chance(0.1),
//		emulator.Hold(time.Second).Spread().Chance(0.05),
//	)
//	gateway, err := emulator.New(router, emulator.Config{Faults: faults})
//
// Whether a fault happens, and for how long, depends on the seed, on the kind of the fault and its
// place among the added ones of its kind, on the number of the connection, counted by handshakes,
// and on how many times the fault could have happened to that connection before. It does not depend
// on what happens to other connections, so the order in which goroutines run matters only where one
// connection has several calls at the same time; use [Faults.KeyBy] if connections open in no
// certain order. Calls for ids that are not open count as one connection.
//
// The seed also determines the connection ids of a gateway whose clock and handshakes are the same.
func NewFaults(seed uint64, faults ...Fault) *Faults {
	f := &Faults{seed: seed, seeded: true}
	f.Add(faults...)
	return f
}

// FaultEvent is a fault that has happened.
type FaultEvent struct {
	// Fault is the fault, and Delay the time for which it holds something up.
	Fault Fault
	Delay time.Duration
	// Label is that of [Fault.Labeled].
	Label string
	// Time is the gateway's when it happened.
	Time time.Time
	// ConnectionID is the connection. Key and Connection name it independently of its id: it has
	// the key of [Faults.KeyBy] and is the connection with that number, from 1. Number is the one of
	// [Session.Number]. For a connection that is not open they are "" and 0.
	ConnectionID string
	Key          string
	Connection   uint64
	Number       uint64
	// RequestID is that of the handshake or the message, or of the invocation that fails or whose
	// call does, as in [Event]. It is empty for a fault of the connection, a message that is held, a
	// full buffer, and a call whose context is not of an invocation.
	RequestID string
	// Route is the route of a message, a handshake or an invocation, and [RouteCalls] for a call.
	// It is "" for a fault of the connection.
	Route string
	// Call counts, from 1, how many times the fault could have happened to this connection.
	Call uint64
}

// activeFault is a fault that was added.
type activeFault struct {
	Fault
	nth     uint64        // of its kind
	limiter *rate.Limiter // of throttled; nil refuses all

	mu      sync.Mutex
	removed bool
	ids     []string // nil: all
	left    int      // of times
	calls   map[faultConn]uint64
}

// faultConn names a connection independently of its id. The zero value is for ids that are not
// open.
type faultConn struct {
	key string
	n   uint64
}

// Add adds faults, and returns a function that removes them. Faults that were added before stay. If
// several could refuse a call, the first that happens counts: missing permission, then throttles,
// then others, each in the order in which they were added. Delays add up.
//
// [HalfOpen] and [Restart] are faults of connections: they happen once to each connection, to those
// that are open when they are added and to those that open later, after their delay. Add panics for
// a zero Fault.
func (f *Faults) Add(faults ...Fault) (remove func()) {
	f.mu.Lock()
	added := make([]*activeFault, 0, len(faults))
	for _, fault := range faults {
		if fault.kind == 0 {
			f.mu.Unlock()
			panic("emulator: Faults.Add: a zero Fault; use a function such as emulator.Gone")
		}
		added = append(added, f.activate(fault))
	}
	f.setActive(append(f.list(), added...))
	open := f.byNumber()
	f.mu.Unlock()
	for _, s := range open {
		for _, a := range added {
			s.befall(a)
		}
	}
	return func() { f.remove(func(a *activeFault) bool { return slices.Contains(added, a) }) }
}

func (f *Faults) activate(fault Fault) *activeFault {
	if f.added == nil {
		f.added = make(map[faultKind]uint64)
	}
	a := &activeFault{Fault: fault, nth: f.added[fault.kind], ids: slices.Clone(fault.connections), left: fault.times}
	if fault.kind == throttled {
		a.limiter = fault.throttle.limiter()
	}
	f.added[fault.kind]++
	return a
}

// byNumber returns the open sessions in the order of their handshakes.
func (f *Faults) byNumber() []*Session {
	open := make([]*Session, 0, len(f.open))
	for _, s := range f.open {
		open = append(open, s)
	}
	slices.SortFunc(open, func(a, b *Session) int {
		return cmp.Or(a.connectedAt.Compare(b.connectedAt),
			cmp.Compare(a.faultConn.key, b.faultConn.key), cmp.Compare(a.faultConn.n, b.faultConn.n))
	})
	return open
}

// Clear removes all faults, or, with ids, those that were added for these connections with
// [Fault.For]. What faults hold back already comes when it would have come, and a [HalfOpen] or
// [Restart] that waits for its time does not happen.
func (f *Faults) Clear(connectionIDs ...string) {
	f.remove(func(a *activeFault) bool { return len(connectionIDs) == 0 || a.forget(connectionIDs) })
}

// forget removes ids from a fault, and reports whether it had ids and has none left.
func (a *activeFault) forget(ids []string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ids == nil {
		return false
	}
	a.ids = slices.DeleteFunc(a.ids, func(id string) bool { return slices.Contains(ids, id) })
	return len(a.ids) == 0
}

func (f *Faults) remove(is func(*activeFault) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var kept []*activeFault
	for _, a := range f.list() {
		if !is(a) {
			kept = append(kept, a)
			continue
		}
		a.mu.Lock()
		a.removed = true
		a.mu.Unlock()
	}
	f.setActive(kept)
}

// list returns a copy of the active faults.
func (f *Faults) list() []*activeFault {
	if p := f.active.Load(); p != nil {
		return slices.Clone(*p)
	}
	return nil
}

func (f *Faults) setActive(list []*activeFault) {
	slices.SortStableFunc(list, func(a, b *activeFault) int { return a.rank() - b.rank() })
	f.active.Store(&list)
}

// OnFault calls report whenever a fault has happened, for a log or a story. Calls may be
// concurrent. When report is called for a fault that waits, its timer is set: the clock may move.
func (f *Faults) OnFault(report func(FaultEvent)) {
	if report == nil {
		panic("emulator: Faults.OnFault: report must not be nil")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listeners = append(slices.Clip(f.listeners), report)
}

// KeyBy sets what connections are counted by: each is the n-th of its key, for example of the name
// of a client. Then the faults of a client's third connection are the same whatever other clients
// do meanwhile. By default all handshakes count together. Set it before the first handshake.
func (f *Faults) KeyBy(key func(Handshake) string) {
	if key == nil {
		panic("emulator: Faults.KeyBy: key must not be nil")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keyOf = key
}

// Call is what the faults do to a call of @connections before it has an effect: it waits as [Slow]
// says, in the machine's time, and returns the error of [Fail], [Gone] or [Throttled]. It is for a
// [gatesock.Poster] of your own; a [Gateway] calls it by itself.
func (f *Faults) Call(ctx context.Context, to gatesock.Target) error {
	return f.call(ctx, systemClock{}, to.ConnectionID)
}

func (f *Faults) call(ctx context.Context, clock Clock, id string) error {
	if f.none() {
		return nil
	}
	o := occasion{id: id, route: RouteCalls, clock: clock, request: requestOf(ctx)}
	o.conn, o.number = f.connOf(id)
	if err := f.delay(ctx, clock, o); err != nil {
		return err
	}
	if h, ok := f.first(o, failedCall, throttled); ok {
		h.report()
		if h.event.Fault.kind == throttled {
			return gatesock.ErrThrottled
		}
		return h.event.Fault.err
	}
	return nil
}

// delay waits for what slows a call down.
func (f *Faults) delay(ctx context.Context, clock Clock, o occasion) error {
	hits := f.all(o, slowCall)
	if len(hits) == 0 {
		return nil
	}
	passed := make(chan struct{})
	timer := clock.AfterFunc(total(hits), func() { close(passed) })
	defer timer.Stop()
	report(hits)
	select {
	case <-passed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func isForbidden(err error) bool { return errors.Is(err, gatesock.ErrForbidden) }

// Faults returns the faults of the gateway: [Config.Faults], or its own.
func (g *Gateway) Faults() *Faults { return g.faults }

// connOf returns the connection of an id, and the number of its session.
func (f *Faults) connOf(id string) (c faultConn, number uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.open[id]; s != nil {
		return s.faultConn, s.number
	}
	return faultConn{}, 0
}

// String lists the active faults, for a failure of a test.
func (f *Faults) String() string { return fmt.Sprint(f.list()) }
