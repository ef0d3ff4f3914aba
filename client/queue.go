package client

import (
	"context"
	"iter"
	"slices"
	"sync"
)

// queue is what waits for iterators. It is bounded.
type queue[T any] struct {
	limit int
	drops bool         // a full queue drops its first element; otherwise it ends with ErrSlowConsumer
	wants func(T) bool // what a hub passes on; nil if that is all

	mu    sync.Mutex
	items []T
	ended bool
	err   error         // how it has ended; nil if its user has closed it
	more  chan struct{} // closed when there is something new; nil if nobody waits
}

// push adds an element. It reports false if the queue has ended, perhaps by this call.
func (q *queue[T]) push(item T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return false
	}
	if len(q.items) == q.limit {
		if !q.drops {
			q.ended, q.err = true, ErrSlowConsumer
			q.wake()
			return false
		}
		q.items = slices.Delete(q.items, 0, 1)
	}
	q.items = append(q.items, item)
	q.wake()
	return true
}

// end ends the queue with an error, after what is in it. Without an error nothing more comes.
func (q *queue[T]) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		q.items, q.err = nil, nil
	}
	if !q.ended {
		q.ended, q.err = true, err
	}
	q.wake()
}

func (q *queue[T]) wake() {
	if q.more != nil {
		close(q.more)
		q.more = nil
	}
}

// next returns the next element, and waits for it. Over is true at the end, with an error unless
// the user has closed the queue.
func (q *queue[T]) next(ctx context.Context) (item T, over bool, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return item, true, err
		}
		item, over, more, err := q.take()
		if more == nil {
			return item, over, err
		}
		select {
		case <-more:
		case <-ctx.Done():
		}
	}
}

// take returns the next element, or the end, or a channel to wait for.
func (q *queue[T]) take() (item T, over bool, more <-chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.items) > 0:
		item = q.items[0]
		var zero T
		q.items[0] = zero
		q.items = q.items[1:]
		return item, false, nil, nil
	case q.ended:
		return item, true, nil, q.err
	case q.more == nil:
		q.more = make(chan struct{})
	}
	return item, false, q.more, nil
}

// all yields the elements, and at the end the error if there is one.
func (q *queue[T]) all(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			item, over, err := q.next(ctx)
			if over {
				if err != nil {
					yield(item, err)
				}
				return
			}
			if !yield(item, nil) {
				return
			}
		}
	}
}

// hub passes elements on to several queues, and remembers the last ones for those that come later.
type hub[T any] struct {
	keep int

	mu     sync.Mutex
	queues []*queue[T]
	kept   []T
	ended  bool
	err    error
}

// join adds a queue, which begins with what the hub remembers.
func (h *hub[T]) join(q *queue[T]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, item := range h.kept {
		q.push(item)
	}
	if h.ended {
		q.end(h.err)
		return
	}
	h.queues = append(h.queues, q)
}

func (h *hub[T]) leave(q *queue[T]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queues = slices.DeleteFunc(h.queues, func(other *queue[T]) bool { return other == q })
}

func (h *hub[T]) push(item T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.keep > 0 {
		if len(h.kept) == h.keep {
			h.kept = slices.Delete(h.kept, 0, 1)
		}
		h.kept = append(h.kept, item)
	}
	h.queues = slices.DeleteFunc(h.queues, func(q *queue[T]) bool {
		return (q.wants == nil || q.wants(item)) && !q.push(item)
	})
}

// end ends all queues, and those that come later.
func (h *hub[T]) end(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended, h.err = true, err
	for _, q := range h.queues {
		q.end(err)
	}
	h.queues = nil
}
