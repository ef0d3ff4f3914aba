package emulator

import (
	"context"
	"sync"
)

// invocations are those whose handler has not returned.
type invocations struct {
	mu      sync.Mutex
	running map[*invocation]struct{}
}

func (s *invocations) add(inv *invocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		s.running = make(map[*invocation]struct{})
	}
	s.running[inv] = struct{}{}
}

func (s *invocations) remove(inv *invocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, inv)
}

// cancel ends the contexts of all.
func (s *invocations) cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for inv := range s.running {
		inv.ctx.end(context.Canceled)
	}
}
