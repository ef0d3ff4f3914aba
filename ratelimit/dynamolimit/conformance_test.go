package dynamolimit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/ratelimit/dynamolimit"
	"github.com/gatesock/gatesock/ratelimit/limittest"
	"github.com/gatesock/gatesock/ratelimit/metering"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	client := dynamotest.Client(t)
	limittest.Run(t, func(t *testing.T, now func() time.Time) (a, b limittest.Store) {
		t.Helper()
		namespace := dynamotest.Namespace(t)
		return newStore(t, client, namespace, now), newStore(t, client, namespace, now)
	})
}

func TestPlansConformance(t *testing.T) {
	t.Parallel()
	limittest.RunPlans(t, func(t *testing.T, plans map[string]plan.Plan) plan.Store {
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
	limittest.RunUsage(t, func(t *testing.T) (a, b metering.Store) {
		t.Helper()
		namespace := dynamotest.Namespace(t)
		open := func() metering.Store {
			s, err := dynamolimit.NewUsageStore(dynamotest.Client(t), dynamotest.Table(t), namespace)
			require.NoError(t, err)
			return s
		}
		return open(), open()
	})
}
