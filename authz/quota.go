package authz

import (
	"container/heap"
	"container/list"
	"errors"
	"sync"
	"time"
)

// errTaken is the error of an entry whose key is in use.
var errTaken = errors.New("the key is in use")

// quotas is a map for the stores in memory, with bounds that no owner can use against another: an
// owner with too many entries loses its own oldest, and an entry that does not fit is refused.
// Expired entries make room. A call takes logarithmic time, in which it looks only at entries that
// it removes. The zero value is ready to use.
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

// put keeps a value, in place of an earlier one for the key.
func (q *quotas[V]) put(key, owner string, v V, ends, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.remove(q.m[key])
	return q.insert(key, owner, v, ends, now)
}

// add keeps a value, or fails with errTaken if the key has one.
func (q *quotas[V]) add(key, owner string, v V, ends, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, ok := q.m[key]; ok {
		return errTaken
	}
	return q.insert(key, owner, v, ends, now)
}

// insert keeps a value for a key that has none.
func (q *quotas[V]) insert(key, owner string, v V, ends, now time.Time) error {
	if q.m == nil {
		q.m, q.owners = make(map[string]*quotaEntry[V]), make(map[string]*list.List)
	}
	if q.owned(owner) >= maxMemoryPerPrincipal || len(q.m) >= maxMemoryEntries {
		q.expire(now)
	}
	if q.owned(owner) >= maxMemoryPerPrincipal {
		q.remove(q.owners[owner].Front().Value.(*quotaEntry[V]))
	}
	if len(q.m) >= maxMemoryEntries {
		return errMemoryFull
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

// expire removes the entries that have expired.
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

// remove removes an entry. It does nothing if e is nil.
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

// Push adds an entry, for package heap.
func (h *quotaHeap[V]) Push(x any) {
	e := x.(*quotaEntry[V])
	e.place = len(*h)
	*h = append(*h, e)
}

// Pop removes the last entry, for package heap.
func (h *quotaHeap[V]) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
