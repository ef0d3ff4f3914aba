package emulator

import (
	"context"
	"sync"
)

// invocations are those whose handler has not returned, in a list that runs through them.
type invocations struct {
	mu   sync.Mutex
	head *invocation
}

func (l *invocations) add(inv *invocation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	inv.next = l.head
	if l.head != nil {
		l.head.prev = inv
	}
	l.head = inv
}

func (l *invocations) remove(inv *invocation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if inv.prev == nil {
		l.head = inv.next
	} else {
		inv.prev.next = inv.next
	}
	if inv.next != nil {
		inv.next.prev = inv.prev
	}
	inv.prev, inv.next = nil, nil
}

// cancel ends the contexts of all.
func (l *invocations) cancel() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for inv := l.head; inv != nil; inv = inv.next {
		inv.ctx.end(context.Canceled)
	}
}
