package apigw_test

import (
	"fmt"
	"net/http"
	"path"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/stretchr/testify/require"
)

// A connection that goes directly from one call to the next was never idle. If the gateway dies
// after the second message, that message is not sent again.
func TestHandedOverIsNotIdle(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	requests := map[string]int{} // of each way's connection id
	virtually(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		id := path.Base(r.URL.Path)
		requests[id]++
		number := requests[id]
		mu.Unlock()
		switch number {
		case 1:
			<-time.After(time.Second)
		case 2:
			panic(http.ErrAbortHandler)
		}
	}, func(t *testing.T, w way, c client) {
		if w.http2 {
			return // It has no line.
		}
		to := gatesock.Target{ConnectionID: fmt.Sprintf("%x", w.name)}
		var wg sync.WaitGroup
		var errs [2]error
		for i := range errs {
			wg.Go(func() { errs[i] = c.Post(t.Context(), to, []byte("x")) })
			synctest.Wait()
		}
		wg.Wait()
		require.NoError(t, errs[0])
		require.Error(t, errs[1])
		require.NotErrorIs(t, errs[1], gatesock.ErrNotSent)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, 2, requests[to.ConnectionID])
	}, apigw.WithConcurrency(1))
}
