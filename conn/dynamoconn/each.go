package dynamoconn

import (
	"errors"
	"sync"
)

// each calls f for the numbers from 0 to n-1, some of them at the same time, and returns when all have. An
// error does not keep the others from being tried. The errors are joined.
func (s *Store) each(n int, f func(i int) error) error {
	if n == 1 {
		return f(0)
	}
	errs := make([]error, n)
	places := make(chan struct{}, s.concurrency)
	var calls sync.WaitGroup
	for i := range n {
		places <- struct{}{}
		calls.Go(func() {
			errs[i] = f(i)
			<-places
		})
	}
	calls.Wait()
	return errors.Join(errs...)
}
