package limittest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatesock/gatesock/ratelimit"
)

// PlanCheck is one promise of a [ratelimit.PlanStore]. It is given one that has Plans and no others; an error says what was not kept.
type PlanCheck struct {
	Name  string
	Plans map[string]ratelimit.Plan
	Run   func(ctx context.Context, s ratelimit.PlanStore) error
}

// RunPlans runs the suite of plan stores. open returns a store, for each check one of its own, that has the given plans and no others.
func RunPlans(t *testing.T, open func(t *testing.T, plans map[string]ratelimit.Plan) ratelimit.PlanStore) {
	t.Helper()
	for _, c := range PlanChecks() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if err := c.Run(t.Context(), open(t, c.Plans)); err != nil {
				t.Error(err)
			}
		})
	}
}

// PlanChecks returns the promises of plan stores, for those who test a suite.
func PlanChecks() []PlanCheck {
	return []PlanCheck{
		checkPlansKept(), checkPlanNames(), checkPlanMissing(), checkPlanOwned(), checkPlansAtOnce(),
	}
}

// tokyo returns a zone that is not UTC, as UTC where the machine has no time zone database.
func tokyo() *time.Location {
	zone, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		return time.UTC
	}
	return zone
}

// samePlan returns how a plan differs from the one that was wanted. Zones are compared by name; nil is UTC.
func samePlan(got, want ratelimit.Plan) error {
	if got.Limit != want.Limit || len(got.Quotas) != len(want.Quotas) {
		return fmt.Errorf("the plan is %+v, want %+v", got, want)
	}
	for i, q := range got.Quotas {
		w := want.Quotas[i]
		if q.Max != w.Max || q.Per != w.Per || q.Zone.String() != w.Zone.String() {
			return fmt.Errorf("quota %d of the plan is %d a %v in %v, want %d a %v in %v", i, q.Max, q.Per, q.Zone, w.Max, w.Per, w.Zone)
		}
	}
	return nil
}

// planIs checks one plan.
func planIs(ctx context.Context, s ratelimit.PlanStore, name string, want ratelimit.Plan) error {
	got, err := s.Plan(ctx, name)
	if err == nil {
		err = samePlan(got, want)
	}
	if err != nil {
		return fmt.Errorf("plan %.40q: %w", name, err)
	}
	return nil
}

// eachPlan checks that a store has the plans.
func eachPlan(plans map[string]ratelimit.Plan) func(ctx context.Context, s ratelimit.PlanStore) error {
	return func(ctx context.Context, s ratelimit.PlanStore) error {
		var errs []error
		for name, want := range plans {
			errs = append(errs, planIs(ctx, s, name, want))
		}
		return errors.Join(errs...)
	}
}

func checkPlansKept() PlanCheck {
	plans := map[string]ratelimit.Plan{
		"all":    {},
		"bucket": {Limit: ratelimit.Limit{Rate: 0.1, Burst: 20}},
		"quotas": {Quotas: []ratelimit.Quota{
			{Max: 1 << 53, Per: ratelimit.Month, Zone: tokyo()}, {Max: 10, Per: ratelimit.Day}, {Max: 20, Per: ratelimit.Week, Zone: time.UTC},
		}},
		"both": {Limit: ratelimit.Limit{Rate: 1e6, Burst: 1}, Quotas: []ratelimit.Quota{{Max: 1, Per: ratelimit.Day}}},
	}
	return PlanCheck{"a plan is as it was made", plans, eachPlan(plans)}
}

func checkPlanNames() PlanCheck {
	plans := map[string]ratelimit.Plan{}
	for i, name := range []string{"a", "A", "a#b", "a b", "ü", "#", "a\x00", strings.Repeat("a", 255)} {
		plans[name] = ratelimit.Plan{Limit: ratelimit.Limit{Rate: 1, Burst: i + 1}}
	}
	return PlanCheck{"names are apart", plans, eachPlan(plans)}
}

func checkPlanMissing() PlanCheck {
	plans := map[string]ratelimit.Plan{"free": {Limit: ratelimit.Limit{Rate: 1, Burst: 1}}}
	return PlanCheck{"a plan that there is not is ErrNoPlan", plans, func(ctx context.Context, s ratelimit.PlanStore) error {
		var errs []error
		for _, name := range []string{"", "fre", "free ", "Free", "\xff", strings.Repeat("x", 5000)} {
			if _, err := s.Plan(ctx, name); !errors.Is(err, ratelimit.ErrNoPlan) {
				errs = append(errs, fmt.Errorf("plan %.40q: the error is %w, want ErrNoPlan", name, errors.Join(errOther, err)))
			}
		}
		return errors.Join(errs...)
	}}
}

// errOther stands for an error that is not the promised one, or none.
var errOther = errors.New("another, or none")

func checkPlanOwned() PlanCheck {
	quotas := []ratelimit.Quota{{Max: 1, Per: ratelimit.Day}, {Max: 2, Per: ratelimit.Week}}
	plans := map[string]ratelimit.Plan{"free": {Quotas: quotas}}
	return PlanCheck{"a plan belongs to the caller", plans, func(ctx context.Context, s ratelimit.PlanStore) error {
		got, err := s.Plan(ctx, "free")
		if err != nil {
			return err
		}
		for i := range got.Quotas {
			got.Quotas[i].Max = 99
		}
		return planIs(ctx, s, "free", ratelimit.Plan{Quotas: []ratelimit.Quota{{Max: 1, Per: ratelimit.Day}, {Max: 2, Per: ratelimit.Week}}})
	}}
}

func checkPlansAtOnce() PlanCheck {
	plans := map[string]ratelimit.Plan{"0": {}, "1": {Limit: ratelimit.Limit{Rate: 1, Burst: 1}}}
	return PlanCheck{"many may ask at the same time", plans, func(ctx context.Context, s ratelimit.PlanStore) error {
		_, err := atOnce(func(worker int) (bool, error) {
			name := fmt.Sprint(worker % 2)
			return true, planIs(ctx, s, name, plans[name])
		})
		return err
	}}
}
