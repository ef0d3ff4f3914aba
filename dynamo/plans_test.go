package dynamo_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo/internal/meter"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/limittest"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

func TestPlans(t *testing.T) {
	t.Parallel()
	client, namespace := dynamotest.Client(t), dynamotest.Namespace(t)
	p := openIn(t, client, namespace).Plans()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	pro := plan.Plan{
		Limit:  ratelimit.Limit{Rate: 0.5, Burst: 20},
		Quotas: []ratelimit.Quota{{Max: 1 << 40, Per: ratelimit.Month, Zone: berlin}, {Max: 10, Per: ratelimit.Day}},
	}
	_, err = p.Plan(t.Context(), "pro")
	require.ErrorIs(t, err, plan.ErrNotFound)
	require.NoError(t, p.Set(t.Context(), "pro", pro))
	got, err := p.Plan(t.Context(), "pro")
	require.NoError(t, err)
	require.Equal(t, pro.Limit, got.Limit)
	require.Equal(t, "Europe/Berlin", got.Quotas[0].Zone.String())
	require.Equal(t, ratelimit.Quota{Max: 10, Per: ratelimit.Day, Zone: time.UTC}, got.Quotas[1])

	require.NoError(t, p.Set(t.Context(), "pro", plan.Plan{}), "replaced")
	got, err = p.Plan(t.Context(), "pro")
	require.NoError(t, err)
	require.Equal(t, plan.Plan{}, got)
	require.NoError(t, p.Set(t.Context(), "all#of it", plan.Plan{}))
	all, err := p.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]plan.Plan{"all#of it": {}, "pro": {}}, all)
	require.NoError(t, p.Delete(t.Context(), "pro"))
	require.ErrorIs(t, p.Delete(t.Context(), "pro"), plan.ErrNotFound)
	require.ErrorIs(t, p.Delete(t.Context(), ""), plan.ErrNotFound)

	for name, limits := range map[string]plan.Plan{
		"":                       {},
		strings.Repeat("x", 256): {},
		"\xff":                   {},
		"no burst":               {Limit: ratelimit.Limit{Rate: 1}},
		"no zone":                {Quotas: []ratelimit.Quota{{Max: 1, Per: ratelimit.Day, Zone: time.FixedZone("X", 60)}}},
	} {
		require.Error(t, p.Set(t.Context(), name, limits), name)
		_, err := p.Plan(t.Context(), name)
		require.ErrorIs(t, err, plan.ErrNotFound, name)
	}
}

// An item that is not a plan is an error with the plan's name, which no retry helps against.
func TestPlansThatAreNot(t *testing.T) {
	t.Parallel()
	namespace := dynamotest.Namespace(t)
	p := openIn(t, dynamotest.Client(t), namespace).Plans()
	for i, bad := range []types.AttributeValue{
		numeral("1"), text("{"), text(`{"burst":1}`), text(`{"quotas":[{"max":1,"per":"year"}]}`),
		text(`{"quotas":[{"max":1,"per":"day","zone":"Mars"}]}`),
	} {
		name := fmt.Sprint("bad ", i)
		putRaw(t, namespace, "p#", name, attributes{"d": bad})
		_, err := p.Plan(t.Context(), name)
		require.ErrorContains(t, err, fmt.Sprintf("dynamo: get plan %q: ", name))
		require.ErrorIs(t, err, ratelimit.ErrInvalid)
		require.NotErrorIs(t, err, plan.ErrNotFound)
		_, err = p.List(t.Context())
		require.ErrorContains(t, err, name)
		require.NoError(t, p.Delete(t.Context(), name))
	}
	down := openIn(t, canned{err: errors.New("down")}, namespace).Plans()
	_, err := down.Plan(t.Context(), "pro")
	require.ErrorContains(t, err, "down")
	_, err = down.List(t.Context())
	require.ErrorContains(t, err, "dynamo: list plans: ")
	require.ErrorContains(t, down.Set(t.Context(), "pro", plan.Plan{}), `dynamo: set plan "pro": `)
	require.ErrorContains(t, down.Delete(t.Context(), "pro"), `dynamo: delete plan "pro": it may be deleted: `)
}

func TestPlansWithALostAnswer(t *testing.T) {
	t.Parallel()
	namespace := dynamotest.Namespace(t)
	require.NoError(t, openIn(t, unheardOnce(t), namespace).Plans().Set(t.Context(), "pro", plan.Plan{}))
	p := openIn(t, unheardOnce(t), namespace).Plans()
	require.NoError(t, p.Delete(t.Context(), "pro"))
	require.ErrorIs(t, p.Delete(t.Context(), "pro"), plan.ErrNotFound)
}

func TestPlansCost(t *testing.T) {
	t.Parallel()
	m := meter.New(dynamotest.Client(t))
	p := openIn(t, m, dynamotest.Namespace(t)).Plans()
	write := meter.Units{Write: 1}
	requirePrices(t, m,
		priced{name: "set", price: write, call: func() error { return p.Set(t.Context(), "pro", plan.Plan{}) }},
		priced{
			name: "get", price: meter.Units{Read: 0.5},
			call: func() error { _, err := p.Plan(t.Context(), "pro"); return err },
		},
		priced{
			name: "list", price: meter.Units{Read: 1},
			call: func() error { _, err := p.List(t.Context()); return err },
		},
		priced{name: "delete", price: write, call: func() error { return p.Delete(t.Context(), "pro") }},
	)
}

func TestPlansConformance(t *testing.T) {
	t.Parallel()
	limittest.RunPlans(t, func(t *testing.T, plans map[string]plan.Plan) plan.Store {
		t.Helper()
		s := openIn(t, dynamotest.Client(t), dynamotest.Namespace(t)).Plans()
		for name, limits := range plans {
			require.NoError(t, s.Set(t.Context(), name, limits))
		}
		return s
	})
}
