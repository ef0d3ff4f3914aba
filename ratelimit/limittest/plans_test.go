package limittest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/ratelimit/plan"
)

func TestPlanMap(t *testing.T) {
	t.Parallel()
	RunPlans(t, func(_ *testing.T, plans map[string]plan.Plan) plan.Store {
		return plan.Map(plans)
	})
}

// planFunc is a plan.Store that is a function.
type planFunc func(name string) (plan.Plan, error)

func (f planFunc) Plan(_ context.Context, name string) (plan.Plan, error) { return f(name) }

// TestBrokenPlanStoresAreFound checks that each broken store fails the check of what it breaks.
func TestBrokenPlanStoresAreFound(t *testing.T) {
	t.Parallel()
	type plans = map[string]plan.Plan
	get := func(m plans, name string) (plan.Plan, error) {
		return plan.Map(m).Plan(context.Background(), name)
	}
	for name, c := range map[string]struct {
		open  func(m plans) planFunc
		check string
	}{
		"forgets zones": {func(m plans) planFunc {
			return func(name string) (plan.Plan, error) {
				p, err := get(m, name)
				for i := range p.Quotas {
					p.Quotas[i].Zone = nil
				}
				return p, err
			}
		}, "a plan keeps its limits"},
		"forgets a quota": {func(m plans) planFunc {
			return func(name string) (plan.Plan, error) {
				p, err := get(m, name)
				p.Quotas = p.Quotas[:min(len(p.Quotas), 1)]
				return p, err
			}
		}, "a plan keeps its limits"},
		"rounds rates": {func(m plans) planFunc {
			return func(name string) (plan.Plan, error) {
				p, err := get(m, name)
				p.Limit.Rate = float64(int(p.Limit.Rate))
				return p, err
			}
		}, "a plan keeps its limits"},
		"has no empty plan": {func(m plans) planFunc {
			return func(name string) (plan.Plan, error) {
				p, err := get(m, name)
				if err == nil && p.Limit.Burst == 0 && len(p.Quotas) == 0 {
					err = plan.ErrNotFound
				}
				return p, err
			}
		}, "a plan keeps its limits"},
		"knows no case": {func(m plans) planFunc {
			return func(name string) (plan.Plan, error) { return get(m, strings.ToLower(name)) }
		}, "names are apart"},
		"knows no case of what there is not": {func(m plans) planFunc {
			return func(name string) (plan.Plan, error) {
				if p, err := get(m, name); err == nil {
					return p, nil
				}
				return get(m, strings.TrimSpace(strings.ToLower(name)))
			}
		}, "a missing plan is ErrNotFound"},
		"has an empty plan for all others": {func(m plans) planFunc {
			return func(name string) (plan.Plan, error) { return m[name], nil }
		}, "a missing plan is ErrNotFound"},
		"fails on odd names": {func(m plans) planFunc {
			return func(name string) (plan.Plan, error) {
				if len(name) > 1000 {
					return plan.Plan{}, errors.New("ValidationException")
				}
				return get(m, name)
			}
		}, "a missing plan is ErrNotFound"},
		"lends what it has": {func(m plans) planFunc {
			return func(name string) (plan.Plan, error) {
				p, err := get(m, name)
				if err == nil {
					p = m[name]
				}
				return p, err
			}
		}, "a plan belongs to the caller"},
		"answers with the plan before": {func(m plans) planFunc {
			calls := make(chan string, 1)
			calls <- "0"
			return func(name string) (plan.Plan, error) {
				before := <-calls
				calls <- name
				if _, ok := m["0"]; ok {
					return get(m, before)
				}
				return get(m, name)
			}
		}, "concurrent calls get the right plan"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := false
			for _, check := range planChecks() {
				err := check.run(t.Context(), c.open(check.plans))
				if check.name == c.check {
					found = true
					require.Error(t, err)
				}
			}
			require.True(t, found, "there is no check %q", c.check)
		})
	}
}
