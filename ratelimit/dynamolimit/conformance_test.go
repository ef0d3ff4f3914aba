package dynamolimit_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/dynamolimit"
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

func TestPlansConformance(t *testing.T) {
	t.Parallel()
	limittest.RunPlans(t, func(t *testing.T, plans map[string]ratelimit.Plan) ratelimit.PlanStore {
		t.Helper()
		s, err := dynamolimit.NewPlanStore(dynamotest.Client(t), dynamotest.Table(t), dynamotest.Namespace(t))
		require.NoError(t, err)
		for name, plan := range plans {
			require.NoError(t, s.Set(t.Context(), name, plan))
		}
		return s
	})
}

func TestUsageConformance(t *testing.T) {
	t.Parallel()
	namespaces := map[string]string{}
	limittest.RunUsage(t, func(t *testing.T) ratelimit.UsageStore {
		t.Helper()
		if namespaces[t.Name()] == "" {
			namespaces[t.Name()] = dynamotest.Namespace(t)
		}
		s, err := dynamolimit.NewUsageStore(dynamotest.Client(t), dynamotest.Table(t), namespaces[t.Name()])
		require.NoError(t, err)
		return s
	})
}
