package dynamolimit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/internal/dynamotable"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

// PlansAPI is what [PlanStore] call; [*dynamodb.Client] has it, and repeats what failed on the way.
type PlansAPI interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// PlanStore is a [plan.Store] in a DynamoDB table. Plans are changed by Set and Delete, or on the command line by gatesock plans;
// a program that reads them notices within a minute (plan.WithCacheTTL). It is safe for concurrent use.
//
// Reading a plan is half a read unit, and a write unit to set or delete one. All plans are in one partition: pk p#, sk the plan's name.
type PlanStore struct {
	api    PlansAPI
	table  string
	prefix string
}

var _ plan.Store = (*PlanStore)(nil)

// NewPlanStore returns Plans in a table of the form that dynamoconn.CreateTable makes; the namespace is that of [WithNamespace], or empty. It
// sends nothing. It fails if the table's name is empty or the namespace is none, and panics if client is nil.
func NewPlanStore(client PlansAPI, table, namespace string) (*PlanStore, error) {
	if client == nil {
		panic("dynamolimit: NewPlans with a nil client")
	}
	if table == "" {
		return nil, errors.New("dynamolimit: the table's name is empty")
	}
	prefix, err := dynamotable.Prefix(namespace)
	if err != nil {
		return nil, fmt.Errorf("dynamolimit: %w", err)
	}
	return &PlanStore{api: client, table: table, prefix: prefix}, nil
}

// NamedPlan is a plan with its name.
type NamedPlan struct {
	Name string
	plan.Plan
}

// attrPlan is a plan, as JSON.
const attrPlan = "d"

// record is a plan in the table.
type record struct {
	Rate   float64       `json:"rate,omitempty"`
	Burst  int           `json:"burst,omitempty"`
	Quotas []quotaRecord `json:"quotas,omitempty"`
}

type quotaRecord struct {
	Max  int64  `json:"max"`
	Per  string `json:"per"`
	Zone string `json:"zone,omitempty"`
}

// Plan returns a plan by an eventually consistent read. An item that is not a plan is a [ratelimit.ErrInvalid].
func (p *PlanStore) Plan(ctx context.Context, name string) (plan.Plan, error) {
	if err := checkPlanName(name); err != nil {
		return plan.Plan{}, plan.ErrNotFound
	}
	out, err := p.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &p.table, Key: p.key(name)})
	switch {
	case err != nil:
		return plan.Plan{}, fmt.Errorf("dynamolimit: get plan %.60q: %w", name, err)
	case len(out.Item) == 0:
		return plan.Plan{}, plan.ErrNotFound
	}
	limits, err := decodePlan(out.Item)
	if err != nil {
		return plan.Plan{}, fmt.Errorf("dynamolimit: get plan %.60q: %w", name, invalid(err))
	}
	return limits, nil
}

// Set makes or replaces a plan. It fails on one that plan.Plan.Validate refuses, and on a name that is empty, longer than 255 bytes or
// not UTF-8.
func (p *PlanStore) Set(ctx context.Context, name string, limits plan.Plan) error {
	err := errors.Join(checkPlanName(name), limits.Validate())
	var text []byte
	if err == nil {
		text, err = encodePlan(limits)
	}
	if err == nil {
		item := p.key(name)
		item[attrPlan] = &types.AttributeValueMemberS{Value: string(text)}
		_, err = p.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &p.table, Item: item})
	}
	if err != nil {
		return fmt.Errorf("dynamolimit: set plan %q: %w", name, err)
	}
	return nil
}

// Delete removes a plan, or fails with [plan.ErrNotFound].
func (p *PlanStore) Delete(ctx context.Context, name string) error {
	if err := checkPlanName(name); err != nil {
		return plan.ErrNotFound
	}
	_, err := p.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &p.table, Key: p.key(name), ConditionExpression: aws.String("attribute_exists(" + dynamotable.PartitionKey + ")"),
	})
	var failed *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &failed):
		return plan.ErrNotFound
	case err != nil:
		return fmt.Errorf("dynamolimit: delete plan %q: %w", name, err)
	}
	return nil
}

// List gives all plans, by name, in strongly consistent reads.
func (p *PlanStore) List(ctx context.Context) ([]NamedPlan, error) {
	var all []NamedPlan
	in := &dynamodb.QueryInput{
		TableName: &p.table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String(dynamotable.PartitionKey + " = :p"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":p": p.key("")[dynamotable.PartitionKey]},
	}
	for {
		out, err := p.api.Query(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("dynamolimit: list plans: %w", err)
		}
		for _, item := range out.Items {
			name, _ := item[dynamotable.SortKey].(*types.AttributeValueMemberS)
			limits, err := decodePlan(item)
			if err != nil {
				return nil, fmt.Errorf("dynamolimit: list plans: %q: %w", name.Value, err)
			}
			all = append(all, NamedPlan{name.Value, limits})
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return all, nil
		}
	}
}

func (p *PlanStore) key(name string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		dynamotable.PartitionKey: &types.AttributeValueMemberS{Value: p.prefix + "p#"},
		dynamotable.SortKey:      &types.AttributeValueMemberS{Value: name},
	}
}

func checkPlanName(name string) error {
	if name == "" || len(name) > 255 || !utf8.ValidString(name) {
		return errors.New("the name is empty, longer than 255 bytes or not UTF-8")
	}
	return nil
}

func encodePlan(limits plan.Plan) ([]byte, error) {
	r := record{Rate: limits.Limit.Rate, Burst: limits.Limit.Burst}
	for _, q := range limits.Quotas {
		zone := ""
		if q.Zone != nil && q.Zone != time.UTC {
			zone = q.Zone.String()
		}
		if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
			return nil, fmt.Errorf("the zone %q is not one of the time zone database", zone)
		}
		r.Quotas = append(r.Quotas, quotaRecord{Max: q.Max, Per: q.Per.String(), Zone: zone})
	}
	return json.Marshal(r)
}

// decodePlan reads an item, and refuses one that makes no plan.
func decodePlan(item map[string]types.AttributeValue) (plan.Plan, error) {
	text, ok := item[attrPlan].(*types.AttributeValueMemberS)
	if !ok {
		return plan.Plan{}, fmt.Errorf("the item has no attribute %s", attrPlan)
	}
	var r record
	if err := json.Unmarshal([]byte(text.Value), &r); err != nil {
		return plan.Plan{}, fmt.Errorf("the item's attribute %s: %w", attrPlan, err)
	}
	limits := plan.Plan{Limit: ratelimit.Limit{Rate: r.Rate, Burst: r.Burst}}
	for _, q := range r.Quotas {
		zone, err := time.LoadLocation(q.Zone)
		if err != nil {
			return plan.Plan{}, fmt.Errorf("the quota's zone %q: %w", q.Zone, err)
		}
		quota := ratelimit.Quota{Max: q.Max, Zone: zone}
		for _, per := range []ratelimit.Period{ratelimit.Day, ratelimit.Week, ratelimit.Month} {
			if per.String() == q.Per {
				quota.Per = per
			}
		}
		limits.Quotas = append(limits.Quotas, quota)
	}
	return limits, limits.Validate()
}
