package dynamoconn

import (
	"context"
	"fmt"
	"sync"
)

// each calls f for the numbers from 0 to n-1, some of them at the same time, and returns when all calls have. An error does
// not keep the others from being tried; the end of ctx does. The first error is given, and how many there are. A panic
// is raised again.
func (s *Store) each(ctx context.Context, n int, f func(i int) error) error {
	if n == 1 {
		return f(0)
	}
	var o outcome
	places := make(chan struct{}, s.concurrency)
	var calls sync.WaitGroup
	for i := range n {
		places <- struct{}{}
		if err := refuse(ctx); err != nil {
			o.fail(err, n-i)
			break
		}
		calls.Go(func() {
			defer func() { <-places }()
			o.try(i, f)
		})
	}
	calls.Wait()
	return o.err()
}

// outcome is what became of several calls.
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
