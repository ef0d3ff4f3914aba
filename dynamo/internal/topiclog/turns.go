package topiclog

import (
	"context"
	"fmt"
	"sync"
)

// turns lets one goroutine at a time append to a topic. Those of a process would otherwise refuse
// each other, at the price of a write each.
type turns struct {
	mu sync.Mutex
	of map[string]*turn
}

type turn struct {
	taken chan struct{} // holds one element while somebody has the turn
	users int           // who have it or wait for it
}

// take waits for the turn of a topic and returns what ends it. It fails when the context ends.
func (t *turns) take(ctx context.Context, name string) (end func(), err error) {
	mine := t.enter(name)
	select {
	case mine.taken <- struct{}{}:
		return func() {
			<-mine.taken
			t.leave(name, mine)
		}, nil
	case <-ctx.Done():
		t.leave(name, mine)
		return nil, fmt.Errorf("wait for other entries of the topic: nothing was written: %w", context.Cause(ctx))
	}
}

func (t *turns) enter(name string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine, ok := t.of[name]
	if !ok {
		mine = &turn{taken: make(chan struct{}, 1)}
		t.of[name] = mine
	}
	mine.users++
	return mine
}

func (t *turns) leave(name string, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mine.users--; mine.users == 0 {
		delete(t.of, name)
	}
}
