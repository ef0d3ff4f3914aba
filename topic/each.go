package topic

import (
	"errors"
	"sync"

	"github.com/gatesock/gatesock/internal/panics"
)

// maxAtOnce is how many topics of a request are worked on at the same time.
const maxAtOnce = 16

// each calls f for 0 to n-1, several at the same time, and returns when all have returned. If one
// panics, each panics with that.
func each(n int, f func(i int)) {
	if n == 1 {
		f(0)
		return
	}
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		first *panics.Error
	)
	places := make(chan struct{}, maxAtOnce)
	for i := range n {
		places <- struct{}{}
		all.Go(func() {
			panics.Watch("topic: panic while working on several topics", func() { f(i) }, func(err error) {
				if p := (*panics.Error)(nil); errors.As(err, &p) {
					mu.Lock()
					first = p
					mu.Unlock()
				}
				<-places
			})
		})
	}
	all.Wait()
	if first != nil {
		panic(first)
	}
}
