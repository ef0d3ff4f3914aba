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
	cut     bool // those that still come have no time
}

func (s *invocations) add(inv *invocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		s.running = make(map[*invocation]struct{})
	}
	s.running[inv] = struct{}{}
	if s.cut {
		inv.ctx.end(context.Canceled)
	}
}

func (s *invocations) remove(inv *invocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, inv)
}

// cancel ends the contexts of all, those too that follow from them, as the $disconnect of a client whose $connect returns
// now. It returns the descriptions of those that run, sorted.
func (s *invocations) cancel() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
	var cut []string
	for inv := range s.running {
		cut = append(cut, inv.String())
		inv.ctx.end(context.Canceled)
	}
	slices.Sort(cut)
	return cut
}
