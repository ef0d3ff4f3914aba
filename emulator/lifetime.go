package emulator

import (
	"context"
	"time"
)

// closeIdle ends a connection without traffic (observed: code and reason in public captures).
func closeIdle() CloseStatus { return CloseStatus{Code: 1001, Reason: "Going away"} }

// watch sets the timer for the moment at which the session would have lived too long or been idle for too long, as
// things stand. Traffic does not move the timer; the check does.
func (s *Session) watch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended.Load() {
		return
	}
	idle, old := s.deadlines()
	if old.Before(idle) {
		idle = old
	}
	s.timer = s.g.cfg.Clock.AfterFunc(idle.Sub(s.g.cfg.Clock.Now()), s.check)
}

// deadlines gives when the session will be idle for too long, without further traffic, and when too old.
func (s *Session) deadlines() (idle, old time.Time) {
	return s.lastActive().Add(s.g.cfg.IdleTimeout), s.connectedAt.Add(s.g.cfg.MaxAge)
}

// check ends the session if its time has come, and returns after its $disconnect; or sets the timer anew.
func (s *Session) check() {
	s.g.running.begin()
	defer s.g.running.end()
	now := s.g.cfg.Clock.Now()
	idle, old := s.deadlines()
	var inv *invocation
	switch {
	case !old.After(now):
		inv = s.end(s.g.cfg.Undocumented.MaxAgeClose, byGateway)
	case !idle.After(now):
		inv = s.end(closeIdle(), byGateway)
	default:
		s.watch()
	}
	inv.start()
	inv.wait(context.Background())
}

func (s *Session) unwatch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
}
