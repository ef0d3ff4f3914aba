package iot

import (
	"sync"
)

// maxParallel is how many devices a process changes at once for one event.
const maxParallel = 64

// inParallel calls f with 0 to n-1, up to maxParallel at once, and returns when all have returned.
func inParallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, maxParallel)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	wg.Wait()
}
