package emulator

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/gatesock/gatesock"
)

// at returns the occasion of something on a route of the session.
func (s *Session) at(route string) occasion {
	return occasion{conn: s.faultConn, id: s.id, number: s.number, route: route, clock: s.g.clock}
}

// allowed reports whether no fault throttles a handshake or a message. The route is "" for a
// message without one.
func (s *Session) allowed(route string, st stamp) bool {
	h, ok := s.g.faults.first(s.at(route).during(st.requestID), throttled)
	if ok {
		h.report()
	}
	return !ok
}

// befall makes a fault of connections happen to an open session.
func (s *Session) befall(a *activeFault) {
	if !a.kind.ofConnection() {
		return
	}
	h, ok := s.g.faults.strike(a, s.at(""))
	if !ok {
		return
	}
	if h.event.Delay == 0 {
		s.suffer(h).start()
		return
	}
	s.g.hold(h.event.Delay, func(dropped bool) *invocation {
		if dropped || !a.concerns(s.id) {
			return nil
		}
		h.event.Time = s.g.clock.Now()
		return s.suffer(h)
	})
}

// concerns reports whether the fault was not removed for a connection.
func (a *activeFault) concerns(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.removed && (a.ids == nil || slices.Contains(a.ids, id))
}

// suffer lets a fault of the connection happen, unless the session has ended. It returns the
// invocation of $disconnect that it causes, or nil.
func (s *Session) suffer(h hit) *invocation {
	if s.ended.Load() {
		return nil
	}
	h.report()
	if h.event.Fault.kind == restart {
		return s.end(s.g.config().Undocumented.ShutdownClose, byGateway)
	}
	s.halfOpen.Store(true)
	if h.noticed > 0 {
		s.g.hold(h.noticed, func(dropped bool) *invocation {
			if dropped {
				return nil
			}
			return s.end(s.g.config().Undocumented.AbnormalClose, byGateway)
		})
	}
	return nil
}

// dropper is a [Client] whose connection can be cut without a close frame.
type dropper interface{ drop() }

// hangUp closes the connection of the client.
func (s *Session) hangUp(status CloseStatus) {
	if !s.halfOpen.Load() {
		s.client.Close(status.Code, status.Reason)
		return
	}
	if d, ok := s.client.(dropper); ok {
		d.drop()
	}
}

// full reports whether a fault fills the buffer of the client.
func (s *Session) full() bool {
	h, ok := s.g.faults.first(s.at(""), bufferFull)
	if ok {
		h.report()
	}
	return ok
}

// failDelivered returns the error of a post that was delivered.
func (s *Session) failDelivered(ctx context.Context) error {
	if s.g.faults.none() {
		return nil
	}
	h, ok := s.g.faults.first(s.at(RouteCalls).during(requestOf(ctx)), failedDelivery)
	if !ok {
		return nil
	}
	h.report()
	return fmt.Errorf("%w (although it was delivered)", h.event.Fault.err)
}

// held reports whether a fault holds a message back. Then it is dispatched later.
func (s *Session) held(ctx context.Context, data []byte) bool {
	f := s.g.faults
	if f.none() {
		return false
	}
	route := s.g.current().route(data)
	hits := f.all(s.at(route.key()), heldMessage)
	if len(hits) == 0 {
		return false
	}
	data = bytes.Clone(data)
	s.g.hold(total(hits), func(dropped bool) *invocation {
		if dropped {
			return nil
		}
		return s.dispatch(ctx, data)
	})
	report(hits)
	return true
}

// warm returns an invocation for its caller to start, or nil if a cold start delays it.
func (s *Session) warm(inv *invocation) *invocation {
	hits := s.g.faults.all(s.at(inv.route.Key).during(inv.id), coldStart)
	if len(hits) == 0 {
		return inv
	}
	inv.arm(0)
	s.g.hold(total(hits), func(bool) *invocation {
		s.g.running.begin()
		return inv
	})
	s.g.running.end() // what is held does not count
	report(hits)
	return nil
}

// disconnecting returns the invocation of $disconnect for the caller to start, or nil if faults
// lose or delay it.
func (s *Session) disconnecting(st stamp, prepare func() *invocation) *invocation {
	f, o := s.g.faults, s.at(gatesock.RouteDisconnect).during(st.requestID)
	if h, ok := f.first(o, lostDisconnect); ok {
		h.report()
		return nil
	}
	late, again := f.all(o, lateDisconnect), f.all(o, repeatedDisconnect)
	defer report(again)
	defer report(late)
	if len(late) == 0 && total(again) == 0 {
		inv := s.warm(prepare())
		if len(again) > 0 {
			inv = inv.with(s.warm(prepare()))
		}
		return inv
	}
	later := func(hits []hit) {
		s.g.hold(total(hits), func(dropped bool) *invocation {
			if dropped {
				return nil
			}
			return s.warm(prepare())
		})
	}
	if len(again) > 0 {
		later(append(again[:len(again):len(again)], late...))
	}
	if len(late) > 0 {
		later(late)
		return nil
	}
	return s.warm(prepare())
}

// with adds an invocation that runs at the same time. Either may be nil.
func (inv *invocation) with(twin *invocation) *invocation {
	if inv == nil {
		return twin
	}
	inv.twin = twin
	return inv
}
