package table

import (
	"context"
	"fmt"
	"sync"
)

// Each calls f for the numbers from 0 to n-1, up to Concurrency of them at the same time, and returns when all
// calls have returned. An error does not keep the others from being tried; the end of ctx does. Each returns
// the first error and how many there are. A panic is raised again.
func (t *Table) Each(ctx context.Context, n int, f func(i int) error) error {
	if n == 1 {
		return f(0)
	}
	var o outcome
	slots := make(chan struct{}, t.Concurrency)
	var calls sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		if err := Ended(ctx); err != nil {
			o.fail(err, n-i)
			break
		}
		calls.Go(func() {
			defer func() { <-slots }()
			o.try(i, f)
		})
	}
	calls.Wait()
	return o.err()
}

// outcome collects the results of several calls.
type outcome struct {
	mu       sync.Mutex
	first    error
	failed   int
	panicked any
}

func (o *outcome) try(i int, f func(i int) error) {
	defer func() {
		if v := recover(); v != nil {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.panicked = v
		}
	}()
	if err := f(i); err != nil {
		o.fail(err, 1)
	}
}

func (o *outcome) fail(err error, calls int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.first == nil {
		o.first = err
	}
	o.failed += calls
}

// err is called when all calls have returned.
func (o *outcome) err() error {
	switch {
	case o.panicked != nil:
		panic(o.panicked)
	case o.failed > 1:
		return fmt.Errorf("%w (and %d more)", o.first, o.failed-1)
	default:
		return o.first
	}
}
