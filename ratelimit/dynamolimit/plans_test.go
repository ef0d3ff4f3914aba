package dynamolimit

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/dynamotable"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

func TestPlans(t *testing.T) {
	t.Parallel()
	client, namespace := dynamotest.Client(t), dynamotest.Namespace(t)
	p, err := NewPlanStore(client, dynamotest.Table(t), namespace)
	require.NoError(t, err)
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
	require.Equal(t, []NamedPlan{{Name: "all#of it"}, {Name: "pro"}}, all)
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
	for i, bad := range []types.AttributeValue{
		&types.AttributeValueMemberN{Value: "1"}, &types.AttributeValueMemberS{Value: "{"}, &types.AttributeValueMemberS{Value: `{"burst":1}`},
		&types.AttributeValueMemberS{Value: `{"quotas":[{"max":1,"per":"year"}]}`}, &types.AttributeValueMemberS{Value: `{"quotas":[{"max":1,"per":"day","zone":"Mars"}]}`},
	} {
		name, table := fmt.Sprint("bad ", i), dynamotest.Table(t)
		item := p.key(name)
		item[attrPlan] = bad
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item})
		require.NoError(t, err)
		_, err = p.Plan(t.Context(), name)
		require.ErrorContains(t, err, name)
		require.False(t, errors.Is(err, plan.ErrNotFound))
		_, err = p.List(t.Context())
		require.ErrorContains(t, err, name)
		require.NoError(t, p.Delete(t.Context(), name))
	}
	_, err = NewPlanStore(client, "", "")
	require.ErrorContains(t, err, "empty")
	_, err = NewPlanStore(client, "t", "a#b")
	require.ErrorContains(t, err, "namespace")
	require.Panics(t, func() { _, _ = NewPlanStore(nil, "t", "") })
}

// Nothing in the table makes the reader panic, and what it gives is a plan, which comes out of the table as it went in.
func FuzzDecodePlan(f *testing.F) {
	f.Add(`{"rate":1,"burst":2,"quotas":[{"max":3,"per":"week","zone":"Europe/Berlin"}]}`)
	f.Add(`{"rate":-1,"burst":1e9}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		item := map[string]types.AttributeValue{
			dynamotable.SortKey: &types.AttributeValueMemberS{Value: "x"}, attrPlan: &types.AttributeValueMemberS{Value: text},
		}
		limits, err := decodePlan(item)
		if err != nil {
			return
		}
		require.NoError(t, limits.Validate())
		again, err := encodePlan(limits)
		if err != nil { // "Local" is a zone of this machine only
			return
		}
		item[attrPlan] = &types.AttributeValueMemberS{Value: string(again)}
		_, err = decodePlan(item)
		require.NoError(t, err)
	})
}
