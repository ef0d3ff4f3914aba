package emulator

import (
	"context"
	"slices"
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

// cancel ends the contexts of all, and returns their descriptions, sorted.
func (s *invocations) cancel() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var cut []string
	for inv := range s.running {
		cut = append(cut, inv.String())
		inv.ctx.end(context.Canceled)
	}
	slices.Sort(cut)
	return cut
}
