package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gatesock/gatesock/ratelimit"
)

// Attribute is the attribute of a principal that names its plan. Package authz/apikey sets it.
const Attribute = "plan"

// ErrNotFound means that no plan has the name.
var ErrNotFound = errors.New("plan: no such plan")

// Plan is what each client on it may do. A Plan without limits allows everything.
type Plan struct {
	// Limit is the token bucket of each client; the zero value means none.
	Limit ratelimit.Limit
	// Quotas are the quotas of each client, at most one for a period.
	Quotas []ratelimit.Quota
}

// Validate returns an error if the limit or a quota is not valid, or if two quotas have the same
// period.
func (p Plan) Validate() error {
	if p.Limit != (ratelimit.Limit{}) {
		if err := p.Limit.Validate(); err != nil {
			return err
		}
	}
	for i, q := range p.Quotas {
		if err := q.Validate(); err != nil {
			return err
		}
		if slices.ContainsFunc(p.Quotas[:i], func(o ratelimit.Quota) bool { return o.Per == q.Per }) {
			return fmt.Errorf("plan: two quotas a %v", q.Per)
		}
	}
	return nil
}

// equal reports whether two plans allow the same. Zones are compared by name, because each
// reading of a plan makes another pointer.
func (p Plan) equal(o Plan) bool {
	return p.Limit == o.Limit && slices.EqualFunc(p.Quotas, o.Quotas, func(a, b ratelimit.Quota) bool {
		return a.Max == b.Max && a.Per == b.Per && a.Zone.String() == b.Zone.String()
	})
}

// Store looks up plans by name. [Map] has the plans of the program; the DynamoDB store has those
// of a table. Test one of your own with package ratelimit/limittest. It must be safe for
// concurrent use.
type Store interface {
	// Plan returns the plan with a name, or [ErrNotFound] if it does not exist; that includes
	// names that no plan can have, such as an empty one. An error that wraps
	// [ratelimit.ErrInvalid] means that the plan exists but cannot be read. The plan belongs to
	// the caller. Plan returns when ctx ends.
	Plan(ctx context.Context, name string) (Plan, error)
}

// Map is a [Store] that does not change.
type Map map[string]Plan

// Plan implements [Store].
func (m Map) Plan(_ context.Context, name string) (Plan, error) {
	p, ok := m[name]
	if !ok {
		return Plan{}, ErrNotFound
	}
	p.Quotas = slices.Clone(p.Quotas)
	return p, nil
}
