package limittest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

// RunPlans tests a store of plans. open returns a store that has the given plans and no others;
// it is called for each subtest.
func RunPlans(t *testing.T, open func(t *testing.T, plans map[string]plan.Plan) plan.Store) {
	t.Helper()
	for _, c := range planChecks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := c.run(t.Context(), open(t, c.plans)); err != nil {
				t.Error(err)
			}
		})
	}
}

// planCheck is one promise of a store that has some plans.
type planCheck struct {
	name  string
	plans map[string]plan.Plan
	run   func(ctx context.Context, s plan.Store) error
}

func planChecks() []planCheck {
	return []planCheck{
		checkPlansKept(), checkPlanNames(), checkPlanMissing(), checkPlanOwned(), checkPlansAtOnce(),
	}
}

// tokyo returns a zone that is not UTC; it returns UTC if the machine has no time zone database.
func tokyo() *time.Location {
	zone, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		return time.UTC
	}
	return zone
}

// samePlan returns how a plan differs from the wanted one. Zones are compared by name; nil means
// UTC.
func samePlan(got, want plan.Plan) error {
	if got.Limit != want.Limit || len(got.Quotas) != len(want.Quotas) {
		return fmt.Errorf("the plan is %+v, want %+v", got, want)
	}
	for i, q := range got.Quotas {
		w := want.Quotas[i]
		if q.Max != w.Max || q.Per != w.Per || q.Zone.String() != w.Zone.String() {
			return fmt.Errorf("quota %d of the plan is %d a %v in %v, want %d a %v in %v",
				i, q.Max, q.Per, q.Zone, w.Max, w.Per, w.Zone)
		}
	}
	return nil
}

// planIs checks the plan with a name.
func planIs(ctx context.Context, s plan.Store, name string, want plan.Plan) error {
	got, err := s.Plan(ctx, name)
	if err == nil {
		err = samePlan(got, want)
	}
	if err != nil {
		return fmt.Errorf("plan %.40q: %w", name, err)
	}
	return nil
}

// eachPlan returns a check that a store has the plans.
func eachPlan(plans map[string]plan.Plan) func(ctx context.Context, s plan.Store) error {
	return func(ctx context.Context, s plan.Store) error {
		var errs []error
		for name, want := range plans {
			errs = append(errs, planIs(ctx, s, name, want))
		}
		return errors.Join(errs...)
	}
}

func checkPlansKept() planCheck {
	plans := map[string]plan.Plan{
		"all":    {},
		"bucket": {Limit: ratelimit.Limit{Rate: 0.1, Burst: 20}},
		"quotas": {Quotas: []ratelimit.Quota{
			{Max: 1 << 53, Per: ratelimit.Month, Zone: tokyo()},
			{Max: 10, Per: ratelimit.Day},
			{Max: 20, Per: ratelimit.Week, Zone: time.UTC},
		}},
		"both": {
			Limit:  ratelimit.Limit{Rate: 1e6, Burst: 1},
			Quotas: []ratelimit.Quota{{Max: 1, Per: ratelimit.Day}},
		},
	}
	return planCheck{"a plan keeps its limits", plans, eachPlan(plans)}
}

func checkPlanNames() planCheck {
	plans := map[string]plan.Plan{}
	for i, name := range []string{"a", "A", "a#b", "a b", "ü", "#", "a\x00", strings.Repeat("a", 255)} {
		plans[name] = plan.Plan{Limit: ratelimit.Limit{Rate: 1, Burst: i + 1}}
	}
	return planCheck{"names are apart", plans, eachPlan(plans)}
}

func checkPlanMissing() planCheck {
	plans := map[string]plan.Plan{"free": {Limit: ratelimit.Limit{Rate: 1, Burst: 1}}}
	return planCheck{"a missing plan is ErrNotFound", plans, func(ctx context.Context, s plan.Store) error {
		var errs []error
		for _, name := range []string{"", "fre", "free ", "Free", "\xff", strings.Repeat("x", 5000)} {
			if _, err := s.Plan(ctx, name); !errors.Is(err, plan.ErrNotFound) {
				errs = append(
					errs,
					fmt.Errorf("plan %.40q: the error is %w, want ErrNotFound", name, errors.Join(errOther, err)),
				)
			}
		}
		return errors.Join(errs...)
	}}
}

// errOther stands for another error than the promised one, or for none.
var errOther = errors.New("another, or none")

func checkPlanOwned() planCheck {
	quotas := []ratelimit.Quota{{Max: 1, Per: ratelimit.Day}, {Max: 2, Per: ratelimit.Week}}
	kept := slices.Clone(quotas)
	plans := map[string]plan.Plan{"free": {Quotas: quotas}}
	return planCheck{"a plan belongs to the caller", plans, func(ctx context.Context, s plan.Store) error {
		got, err := s.Plan(ctx, "free")
		if err != nil {
			return err
		}
		for i := range got.Quotas {
			got.Quotas[i].Max = 99
		}
		return planIs(ctx, s, "free", plan.Plan{Quotas: slices.Clone(kept)})
	}}
}

func checkPlansAtOnce() planCheck {
	plans := map[string]plan.Plan{"0": {}, "1": {Limit: ratelimit.Limit{Rate: 1, Burst: 1}}}
	return planCheck{"concurrent calls get the right plan", plans, func(ctx context.Context, s plan.Store) error {
		_, err := atOnce(func(worker int) (bool, error) {
			name := fmt.Sprint(worker % 2)
			return true, planIs(ctx, s, name, plans[name])
		})
		return err
	}}
}
