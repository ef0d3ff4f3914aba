package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

// Plans is the store of plans: a [plan.Store]. Change plans with its methods, or on the command
// line with gatesock plans; other processes notice within a minute (plan.WithCacheTTL). It is safe
// for concurrent use. See [DB.Plans].
//
// Reading a plan costs half a read unit, setting or deleting one a write unit. All plans are in one
// partition. The role of a program that only reads them needs dynamodb:GetItem; the other methods
// need PutItem, DeleteItem and Query.
//
// A write whose answer is lost is repeated, so it may replace what somebody else has set in
// between.
type Plans struct{ t *table.Table }

var _ plan.Store = (*Plans)(nil)

// Plans returns the store of plans.
func (db *DB) Plans() *Plans { return &Plans{db.t} }

const attrPlan = "d" // JSON of a planRecord

// planRecord is a plan in the table.
type planRecord struct {
	Rate   float64       `json:"rate,omitempty"`
	Burst  int           `json:"burst,omitempty"`
	Quotas []quotaRecord `json:"quotas,omitempty"`
}

type quotaRecord struct {
	Max  int64  `json:"max"`
	Per  string `json:"per"`
	Zone string `json:"zone,omitempty"`
}

// Plan implements [plan.Store] with an eventually consistent read.
func (p *Plans) Plan(ctx context.Context, name string) (plan.Plan, error) {
	if checkPlanName(name) != nil {
		return plan.Plan{}, plan.ErrNotFound
	}
	out, _, err := table.Do(ctx, p.t, p.t.API.GetItem, &dynamodb.GetItemInput{
		TableName: &p.t.Name, Key: p.t.PlanKey(name),
	})
	switch {
	case err != nil:
		return plan.Plan{}, fmt.Errorf("dynamo: get plan %.60q: %w", name, err)
	case len(out.Item) == 0:
		return plan.Plan{}, plan.ErrNotFound
	}
	limits, err := decodePlan(out.Item)
	if err != nil {
		return plan.Plan{}, fmt.Errorf("dynamo: get plan %.60q: %w", name, invalid(err))
	}
	return limits, nil
}

// Set creates or replaces a plan. It fails if [plan.Plan.Validate] does, if the time zone of a
// quota is not in the time zone database, or if the name does not have 1 to 255 bytes of UTF-8.
func (p *Plans) Set(ctx context.Context, name string, limits plan.Plan) error {
	err := errors.Join(checkPlanName(name), limits.Validate())
	var text []byte
	if err == nil {
		text, err = encodePlan(limits)
	}
	if err == nil {
		it := p.t.PlanKey(name)
		it[attrPlan] = table.Text(string(text))
		_, _, err = table.Do(ctx, p.t, p.t.API.PutItem, &dynamodb.PutItemInput{TableName: &p.t.Name, Item: it})
		if err != nil {
			err = fmt.Errorf("%s: %w", table.OutcomeOf(err, "it may be set"), err)
		}
	}
	if err != nil {
		return fmt.Errorf("dynamo: set plan %.60q: %w", name, err)
	}
	return nil
}

// Delete deletes a plan, or fails with [plan.ErrNotFound]. It succeeds if the answer to an attempt
// was lost and the next one does not find the plan.
func (p *Plans) Delete(ctx context.Context, name string) error {
	if checkPlanName(name) != nil {
		return plan.ErrNotFound
	}
	existed, err := deleteExisting(ctx, p.t, p.t.PlanKey(name))
	switch {
	case err != nil:
		return fmt.Errorf("dynamo: delete plan %.60q: %s: %w", name, table.OutcomeOf(err, "it may be deleted"), err)
	case !existed:
		return plan.ErrNotFound
	}
	return nil
}

// List returns all plans by name, by strongly consistent reads.
func (p *Plans) List(ctx context.Context) (map[string]plan.Plan, error) {
	all := make(map[string]plan.Plan)
	in := &dynamodb.QueryInput{
		TableName: &p.t.Name, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String(table.PartitionKey + " = :p"),
		ExpressionAttributeValues: table.Item{":p": p.t.PlanPartition()},
	}
	for {
		out, _, err := table.Do(ctx, p.t, p.t.API.Query, in)
		if err != nil {
			return nil, fmt.Errorf("dynamo: list plans: %w", err)
		}
		for _, it := range out.Items {
			name, err := table.GetText(it, table.SortKey)
			if err == nil {
				all[name], err = decodePlan(it)
			}
			if err != nil {
				return nil, fmt.Errorf("dynamo: list plans: %.60q: %w", name, err)
			}
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return all, nil
		}
	}
}

func checkPlanName(name string) error {
	if name == "" || len(name) > 255 || !utf8.ValidString(name) {
		return errors.New("the name must have 1 to 255 bytes of UTF-8")
	}
	return nil
}

func encodePlan(limits plan.Plan) ([]byte, error) {
	r := planRecord{Rate: limits.Limit.Rate, Burst: limits.Limit.Burst}
	for _, q := range limits.Quotas {
		zone := ""
		if q.Zone != nil && q.Zone != time.UTC {
			zone = q.Zone.String()
		}
		if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
			return nil, fmt.Errorf("the time zone %q is not in the time zone database", zone)
		}
		r.Quotas = append(r.Quotas, quotaRecord{Max: q.Max, Per: q.Per.String(), Zone: zone})
	}
	return json.Marshal(r)
}

// decodePlan reads an item, and fails unless its plan is valid.
func decodePlan(it table.Item) (plan.Plan, error) {
	var r planRecord
	if err := getJSON(it, attrPlan, &r); err != nil {
		return plan.Plan{}, err
	}
	limits := plan.Plan{Limit: ratelimit.Limit{Rate: r.Rate, Burst: r.Burst}}
	for _, q := range r.Quotas {
		zone, err := time.LoadLocation(q.Zone)
		if err != nil {
			return plan.Plan{}, fmt.Errorf("the time zone %q of a quota: %w", q.Zone, err)
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
