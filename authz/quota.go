package authz

import (
	"container/heap"
	"container/list"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// The bounds of [MemoryTickets] and [MemoryRenewals].
const (
	// MaxMemoryEntries is how many tickets, or renewals, there are in memory at the most.
	MaxMemoryEntries = 10_000
	// MaxMemoryPerPrincipal is how many of them one principal has.
	MaxMemoryPerPrincipal = 100
)

// errTaken says that there is an entry of a key.
var errTaken = errors.New("authz: the key is taken")

// ErrMemoryFull says that a store in memory has [MaxMemoryEntries] that are all good.
var ErrMemoryFull = errors.New("authz: the store in memory is full")

// quotas is a map with bounds, so that nobody puts out what belongs to others: an owner with too many entries loses its own
// oldest, and what does not fit in at all is refused. Expired entries make room. Each call takes logarithmic time, and
// those that make room no longer than what they remove. The zero value is ready to use.
type quotas[V any] struct {
	mu     sync.Mutex
	m      map[string]*quotaEntry[V]
	owners map[string]*list.List // of *quotaEntry[V], the oldest first
	ends   quotaHeap[V]
}

type quotaEntry[V any] struct {
	key, owner string
	value      V
	ends       time.Time
	place      int           // in the heap
	element    *list.Element // in its owner's list
}

// put keeps a value, in place of an earlier one of the key.
func (q *quotas[V]) put(key, owner string, v V, ends, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.remove(q.m[key])
	return q.insert(key, owner, v, ends, now)
}

// add keeps a value, or fails with errTaken if there is one of the key.
func (q *quotas[V]) add(key, owner string, v V, ends, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, ok := q.m[key]; ok {
		return errTaken
	}
	return q.insert(key, owner, v, ends, now)
}

// insert keeps a value of a key that is not there.
func (q *quotas[V]) insert(key, owner string, v V, ends, now time.Time) error {
	if q.m == nil {
		q.m, q.owners = make(map[string]*quotaEntry[V]), make(map[string]*list.List)
	}
	if q.owned(owner) >= MaxMemoryPerPrincipal || len(q.m) >= MaxMemoryEntries {
		q.expire(now)
	}
	if q.owned(owner) >= MaxMemoryPerPrincipal {
		q.remove(q.owners[owner].Front().Value.(*quotaEntry[V]))
	}
	if len(q.m) >= MaxMemoryEntries {
		return ErrMemoryFull
	}
	own := q.owners[owner]
	if own == nil {
		own = list.New()
		q.owners[owner] = own
	}
	e := &quotaEntry[V]{key: key, owner: owner, value: v, ends: ends}
	e.element = own.PushBack(e)
	q.m[key] = e
	heap.Push(&q.ends, e)
	return nil
}

// owned returns how many entries an owner has.
func (q *quotas[V]) owned(owner string) int {
	if own := q.owners[owner]; own != nil {
		return own.Len()
	}
	return 0
}

// expire removes what has expired.
func (q *quotas[V]) expire(now time.Time) {
	for len(q.ends) > 0 && !now.Before(q.ends[0].ends) {
		q.remove(q.ends[0])
	}
}

func (q *quotas[V]) get(key string) (V, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e, ok := q.m[key]
	if !ok {
		var none V
		return none, false
	}
	return e.value, true
}

// take removes a value and returns it.
func (q *quotas[V]) take(key string) (V, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e, ok := q.m[key]
	if !ok {
		var none V
		return none, false
	}
	q.remove(e)
	return e.value, true
}

// remove takes an entry out; nil is none.
func (q *quotas[V]) remove(e *quotaEntry[V]) {
	if e == nil {
		return
	}
	delete(q.m, e.key)
	heap.Remove(&q.ends, e.place)
	own := q.owners[e.owner]
	if own.Remove(e.element); own.Len() == 0 {
		delete(q.owners, e.owner)
	}
}

// quotaHeap has the entry that ends first on top.
type quotaHeap[V any] []*quotaEntry[V]

func (h quotaHeap[V]) Len() int           { return len(h) }
func (h quotaHeap[V]) Less(i, j int) bool { return h[i].ends.Before(h[j].ends) }

func (h quotaHeap[V]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push adds x, for package heap.
func (h *quotaHeap[V]) Push(x any) {
	e := x.(*quotaEntry[V])
	e.place = len(*h)
	*h = append(*h, e)
}

// Pop takes the last one off, for package heap.
func (h *quotaHeap[V]) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}

// own returns a copy of a principal, which shares nothing with it.
func (p Principal) own() Principal {
	p.Scopes, p.Roles, p.Attributes = slices.Clone(p.Scopes), slices.Clone(p.Roles), maps.Clone(p.Attributes)
	return p
}

// ended returns the error of a context that has ended, nil while it has not.
func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("authz: %w", context.Cause(ctx))
}
