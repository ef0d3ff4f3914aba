package emulator

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"
)

// occasion is something that a fault may happen to.
type occasion struct {
	conn    faultConn
	id      string
	number  uint64 // of the session
	route   string
	request string // the request id, or ""
	clock   Clock
}

// during returns the occasion as a part of a request.
func (o occasion) during(requestID string) occasion {
	o.request = requestID
	return o
}

// hit is a fault that happens.
type hit struct {
	faults  *Faults
	event   FaultEvent
	noticed time.Duration
}

// report calls the listeners.
func (h hit) report() {
	h.faults.mu.Lock()
	listeners := h.faults.listeners
	h.faults.mu.Unlock()
	for _, listener := range listeners {
		listener(h.event)
	}
}

func report(hits []hit) {
	for _, h := range hits {
		h.report()
	}
}

// total returns the sum of the delays.
func total(hits []hit) (d time.Duration) {
	for _, h := range hits {
		d += h.event.Delay
	}
	return d
}

// none reports whether there are no faults.
func (f *Faults) none() bool {
	p := f.active.Load()
	return p == nil || len(*p) == 0
}

// first returns the first fault of these kinds that happens.
func (f *Faults) first(o occasion, kinds ...faultKind) (hit, bool) {
	if f.none() {
		return hit{}, false
	}
	var first hit
	struck := false
	for _, a := range *f.active.Load() {
		switch {
		case !slices.Contains(kinds, a.kind):
		case struck:
			a.pass(o)
		default:
			first, struck = f.strike(a, o)
		}
	}
	return first, struck
}

// pass counts an occasion on which another fault happened.
func (a *activeFault) pass(o occasion) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.matches(o) {
		a.count(o.conn)
	}
}

// count returns how many times the fault could have happened to a connection, with this time.
func (a *activeFault) count(c faultConn) uint64 {
	if a.calls == nil {
		a.calls = make(map[faultConn]uint64)
	}
	a.calls[c]++
	return a.calls[c]
}

// all returns all faults of a kind that happen.
func (f *Faults) all(o occasion, kind faultKind) (hits []hit) {
	if f.none() {
		return nil
	}
	for _, a := range *f.active.Load() {
		if a.kind == kind {
			if h, ok := f.strike(a, o); ok {
				hits = append(hits, h)
			}
		}
	}
	return hits
}

// strike decides whether a fault happens.
func (f *Faults) strike(a *activeFault, o occasion) (hit, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.matches(o) {
		return hit{}, false
	}
	n := a.count(o.conn)
	draw := f.draw(a, o.conn, n)
	now := o.clock.Now()
	switch {
	case draw.Float64() >= a.chance:
		return hit{}, false
	case a.limiter != nil && a.limiter.AllowN(now, 1):
		return hit{}, false
	}
	if a.times > 0 {
		a.left--
	}
	h := hit{faults: f, noticed: a.noticed, event: FaultEvent{
		Fault: a.Fault, Delay: a.delay, Label: a.label, Time: now, ConnectionID: o.id, Number: o.number,
		Key: o.conn.key, Connection: o.conn.n, RequestID: o.request, Route: o.route, Call: n,
	}}
	if a.spread {
		h.event.Delay = time.Duration(draw.Float64() * float64(a.delay))
		h.noticed = time.Duration(draw.Float64() * float64(a.noticed))
	}
	return h, true
}

// matches reports whether a fault could happen.
func (a *activeFault) matches(o occasion) bool {
	return !a.removed && (a.times == 0 || a.left > 0) &&
		(a.ids == nil || slices.Contains(a.ids, o.id)) && (a.route == "" || a.route == o.route)
}

// draw returns the random numbers of the n-th time that a fault could happen to a connection. They
// depend on nothing else but the seed.
func (f *Faults) draw(a *activeFault, c faultConn, n uint64) *rand.Rand {
	name := fnv.New64a()
	_, _ = name.Write(binary.LittleEndian.AppendUint64([]byte(c.key), c.n)) // never fails
	var key [32]byte
	for i, word := range []uint64{f.seed, uint64(a.kind)<<56 | a.nth, name.Sum64(), n} {
		binary.LittleEndian.PutUint64(key[8*i:], word)
	}
	return rand.New(rand.NewChaCha8(key)) //nolint:gosec // decisions must be reproducible
}

// enter counts a gateway, and returns the seed of its ids.
func (f *Faults) enter() [4]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gateways++
	if !f.seeded {
		return randomSeed()
	}
	var seed [4]byte
	draw := f.draw(&activeFault{}, faultConn{key: "gateway", n: uint64(f.gateways)}, 0)
	binary.LittleEndian.PutUint32(seed[:], draw.Uint32())
	return seed
}

// join numbers a connection.
func (f *Faults) join(h *Handshake) faultConn {
	f.mu.Lock()
	keyOf := f.keyOf
	f.mu.Unlock()
	var c faultConn
	if keyOf != nil {
		c.key = keyOf(*h)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last == nil {
		f.last = make(map[string]uint64)
	}
	f.last[c.key]++
	c.n = f.last[c.key]
	return c
}

// opened registers an open session, to which the faults of connections happen.
func (f *Faults) opened(s *Session) {
	f.mu.Lock()
	if f.open == nil {
		f.open = make(map[string]*Session)
	}
	f.open[s.id] = s
	active := f.list()
	f.mu.Unlock()
	for _, a := range active {
		s.befall(a)
	}
}

// left removes a session, and what is known about it.
func (f *Faults) left(s *Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, s.id)
	if f.none() {
		return
	}
	for _, a := range f.list() {
		a.mu.Lock()
		delete(a.calls, s.faultConn)
		a.mu.Unlock()
	}
}
