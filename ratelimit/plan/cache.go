package plan

import (
	"context"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/bounded"
)

// maxNames is how many names of plans a process remembers.
const maxNames = 1000

// cache remembers what a loader returned for each name, until its time is over. One call loads a
// name at a time.
type cache[V any] struct {
	now func() time.Time
	// load returns the value of a name, given the value before, and how long it is current. It
	// fails only if ctx ends; then the name is loaded again by the next call.
	load func(ctx context.Context, name string, before V) (after V, ttl time.Duration, err error)
	// usable reports whether calls may use a value while another call loads the next one.
	usable func(V) bool

	mu      sync.Mutex
	entries *bounded.Map[string, *entry[V]]
}

// entry is what is known of a name.
type entry[V any] struct {
	turn  chan struct{} // holds a value while a call loads the name
	value V             // guarded by cache.mu, like the fields below
	at    time.Time     // when the value was loaded
	ttl   time.Duration // for how long it is current; 0 if it was never loaded
}

func newCache[V any](
	now func() time.Time, load func(context.Context, string, V) (V, time.Duration, error), usable func(V) bool,
) *cache[V] {
	// Clients may make up names, so entries without a usable value are evicted first.
	worth := func(e *entry[V]) int64 {
		if usable(e.value) {
			return 1
		}
		return 0
	}
	return &cache[V]{now: now, load: load, usable: usable, entries: bounded.New[string](maxNames, worth)}
}

// get returns the value of a name, and whether this call has loaded it. It fails only if ctx ends
// before there is a usable value.
func (c *cache[V]) get(ctx context.Context, name string) (v V, fresh bool, err error) {
	e := c.entry(name)
	v, current := c.peek(e)
	if current {
		return v, false, nil
	}
	select {
	case e.turn <- struct{}{}:
	default: // another call is loading
		if c.usable(v) {
			return v, false, nil
		}
		select {
		case e.turn <- struct{}{}:
		case <-ctx.Done():
			return v, false, context.Cause(ctx)
		}
	}
	defer func() { <-e.turn }()
	if v, current = c.peek(e); current { // another call has loaded it meanwhile
		return v, false, nil
	}
	after, ttl, err := c.load(ctx, name, v)
	if err != nil {
		if c.usable(v) {
			err = nil
		}
		return v, false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e.value, e.at, e.ttl = after, c.now(), ttl
	return after, true, nil
}

// peek returns the value of an entry, and reports whether it is current.
func (c *cache[V]) peek(e *entry[V]) (v V, current bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := c.now().Sub(e.at) // negative on a clock that was set back
	return e.value, age >= 0 && age < e.ttl
}

// entry returns the entry of a name, which may be new.
func (c *cache[V]) entry(name string) *entry[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries.Get(name)
	if !ok {
		e = &entry[V]{turn: make(chan struct{}, 1)}
		c.entries.Set(name, e)
	}
	return e
}
