package dynamolimit_test

import (
	"sync"
	"testing"
	"time"

	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/ratelimit/limittest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	client := dynamotest.Client(t)
	var mu sync.Mutex
	namespaces := map[string]string{}
	limittest.Run(t, func(t *testing.T, now func() time.Time) limittest.Store {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if namespaces[t.Name()] == "" {
			namespaces[t.Name()] = dynamotest.Namespace(t)
		}
		return newStore(t, client, namespaces[t.Name()], now)
	})
}
