package emulator

import (
	"container/heap"
	"sync"
	"time"
)

// pendingCalls are the calls that a clock has yet to make, in the order of their times. The owner
// holds the lock, which may guard more than them, while it calls a method.
type pendingCalls struct {
	mu   sync.Mutex
	heap callHeap
	seq  uint64
}

// add adds a call.
func (p *pendingCalls) add(due time.Time, call func()) *pendingCall {
	p.seq++
	t := &pendingCall{among: p, due: due, seq: p.seq, call: call}
	heap.Push(&p.heap, t)
	return t
}

// first returns the time of the first call, and whether there is one.
func (p *pendingCalls) first() (time.Time, bool) {
	if len(p.heap) == 0 {
		return time.Time{}, false
	}
	return p.heap[0].due, true
}

// take removes and returns the first call if it is due by end; nil otherwise.
func (p *pendingCalls) take(end time.Time) *pendingCall {
	if due, ok := p.first(); !ok || due.After(end) {
		return nil
	}
	return heap.Pop(&p.heap).(*pendingCall)
}

// pendingCall is a [Timer] of a clock of this package.
type pendingCall struct {
	among *pendingCalls
	due   time.Time
	seq   uint64
	call  func()
	index int // in the heap, or -1
}

func (t *pendingCall) Stop() bool {
	t.among.mu.Lock()
	defer t.among.mu.Unlock()
	if t.index < 0 {
		return false
	}
	heap.Remove(&t.among.heap, t.index)
	return true
}

// callAndWait makes the call, which take has returned, in another goroutine. It waits until the
// call returns, but not longer than the machine's clock needs for limit.
func (t *pendingCall) callAndWait(limit time.Duration) {
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		t.call()
	}()
	wait := time.NewTimer(limit)
	defer wait.Stop()
	select {
	case <-returned:
	case <-wait.C:
	}
}

// callHeap is a heap.Interface ordered by time, then by the order in which the calls were added.
type callHeap []*pendingCall

func (h callHeap) Len() int { return len(h) }

func (h callHeap) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].seq < h[j].seq
	}
	return h[i].due.Before(h[j].due)
}

func (h callHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *callHeap) Push(x any) {
	t := x.(*pendingCall)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *callHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}
