package limittest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/limittest"
)

func TestPlanMap(t *testing.T) {
	t.Parallel()
	limittest.RunPlans(t, func(_ *testing.T, plans map[string]ratelimit.Plan) ratelimit.PlanStore {
		return ratelimit.PlanMap(plans)
	})
}

// planFunc is a PlanStore that is a function.
type planFunc func(name string) (ratelimit.Plan, error)

func (f planFunc) Plan(_ context.Context, name string) (ratelimit.Plan, error) { return f(name) }

// Each broken store of plans fails the check of what it breaks.
func TestBrokenPlanStoresAreFound(t *testing.T) {
	t.Parallel()
	type plans = map[string]ratelimit.Plan
	get := func(m plans, name string) (ratelimit.Plan, error) {
		return ratelimit.PlanMap(m).Plan(context.Background(), name)
	}
	for name, c := range map[string]struct {
		open  func(m plans) planFunc
		check string
	}{
		"forgets zones": {func(m plans) planFunc {
			return func(name string) (ratelimit.Plan, error) {
				p, err := get(m, name)
				for i := range p.Quotas {
					p.Quotas[i].Zone = nil
				}
				return p, err
			}
		}, "a plan is as it was made"},
		"forgets a quota": {func(m plans) planFunc {
			return func(name string) (ratelimit.Plan, error) {
				p, err := get(m, name)
				p.Quotas = p.Quotas[:min(len(p.Quotas), 1)]
				return p, err
			}
		}, "a plan is as it was made"},
		"rounds rates": {func(m plans) planFunc {
			return func(name string) (ratelimit.Plan, error) {
				p, err := get(m, name)
				p.Limit.Rate = float64(int(p.Limit.Rate))
				return p, err
			}
		}, "a plan is as it was made"},
		"has no empty plan": {func(m plans) planFunc {
			return func(name string) (ratelimit.Plan, error) {
				p, err := get(m, name)
				if err == nil && p.Limit.Burst == 0 && len(p.Quotas) == 0 {
					err = ratelimit.ErrNoPlan
				}
				return p, err
			}
		}, "a plan is as it was made"},
		"knows no case": {func(m plans) planFunc {
			return func(name string) (ratelimit.Plan, error) { return get(m, strings.ToLower(name)) }
		}, "names are apart"},
		"knows no case of what there is not": {func(m plans) planFunc {
			return func(name string) (ratelimit.Plan, error) {
				if p, err := get(m, name); err == nil {
					return p, nil
				}
				return get(m, strings.TrimSpace(strings.ToLower(name)))
			}
		}, "a plan that there is not is ErrNoPlan"},
		"has an empty plan for all others": {func(m plans) planFunc {
			return func(name string) (ratelimit.Plan, error) { return m[name], nil }
		}, "a plan that there is not is ErrNoPlan"},
		"fails on odd names": {func(m plans) planFunc {
			return func(name string) (ratelimit.Plan, error) {
				if len(name) > 1000 {
					return ratelimit.Plan{}, errors.New("ValidationException")
				}
				return get(m, name)
			}
		}, "a plan that there is not is ErrNoPlan"},
		"lends what it has": {func(m plans) planFunc {
			return func(name string) (ratelimit.Plan, error) {
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
			return func(name string) (ratelimit.Plan, error) {
				before := <-calls
				calls <- name
				if _, ok := m["0"]; ok {
					return get(m, before)
				}
				return get(m, name)
			}
		}, "many may ask at the same time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := false
			for _, check := range limittest.PlanChecks() {
				err := check.Run(t.Context(), c.open(check.Plans))
				if check.Name == c.check {
					found = true
					require.Error(t, err)
				}
			}
			require.True(t, found, "there is no check %q", c.check)
		})
	}
}

func TestMemoryUsage(t *testing.T) {
	t.Parallel()
	open := map[*testing.T]*ratelimit.MemoryUsage{}
	limittest.RunUsage(t, func(t *testing.T) ratelimit.UsageStore {
		t.Helper()
		if open[t] == nil {
			open[t] = new(ratelimit.MemoryUsage)
		}
		return open[t]
	})
}

// brokenUsage is a store that keeps all promises but those that a test takes away.
type brokenUsage struct {
	*ratelimit.MemoryUsage

	add func(m *ratelimit.MemoryUsage, records []ratelimit.UsageRecord) (retry, rejected []ratelimit.UsageRecord, err error)
	day func(m *ratelimit.MemoryUsage, day time.Time) ([]ratelimit.UsageRecord, error)
}

func (b brokenUsage) Add(ctx context.Context, records []ratelimit.UsageRecord) (retry, rejected []ratelimit.UsageRecord, err error) {
	if b.add != nil {
		return b.add(b.MemoryUsage, records)
	}
	return b.MemoryUsage.Add(ctx, records)
}

func (b brokenUsage) Day(ctx context.Context, day time.Time) ([]ratelimit.UsageRecord, error) {
	if b.day != nil {
		return b.day(b.MemoryUsage, day)
	}
	return b.MemoryUsage.Day(ctx, day)
}

// Each broken store of usage fails the check of what it breaks.
func TestBrokenUsageStoresAreFound(t *testing.T) {
	t.Parallel()
	type records = []ratelimit.UsageRecord
	type memory = *ratelimit.MemoryUsage
	add := func(m memory, r records) (retry, rejected records, err error) { return m.Add(context.Background(), r) }
	day := func(m memory, at time.Time) (records, error) { return m.Day(context.Background(), at) }
	// each changes the records before they are added.
	each := func(change func(r *ratelimit.UsageRecord)) func(m memory, r records) (retry, rejected records, err error) {
		return func(m memory, r records) (retry, rejected records, err error) {
			changed := append(records(nil), r...)
			for i := range changed {
				change(&changed[i])
			}
			return add(m, changed)
		}
	}
	for name, c := range map[string]struct {
		store brokenUsage
		check string
	}{
		"counts no connections": {brokenUsage{add: each(func(r *ratelimit.UsageRecord) { r.Connections = 0 })}, "what is added adds up"},
		"keeps the last": {brokenUsage{add: func(m memory, r records) (retry, rejected records, err error) {
			if got, _ := day(m, limittest.NewClock().Now()); len(got) == 0 {
				return add(m, r)
			}
			return nil, nil, nil
		}}, "what is added adds up"},
		"has one day": {brokenUsage{add: each(func(r *ratelimit.UsageRecord) {
			if r.Day > "2000" {
				r.Day = limittest.NewClock().Now().UTC().Format(time.DateOnly)
			}
		})}, "days are apart, and of UTC"},
		"has local days": {brokenUsage{day: func(m memory, at time.Time) (records, error) {
			_, offset := at.Zone()
			return day(m, at.Add(time.Duration(offset)*time.Second))
		}}, "days are apart, and of UTC"},
		"knows no case": {brokenUsage{add: each(func(r *ratelimit.UsageRecord) { r.Name = strings.ToLower(r.Name) })}, "kinds and names are apart"},
		"cuts names":    {brokenUsage{add: each(func(r *ratelimit.UsageRecord) { r.Name = r.Name[:min(len(r.Name), 100)] })}, "kinds and names are apart"},
		"cuts at a hash": {brokenUsage{add: each(func(r *ratelimit.UsageRecord) {
			if before, _, _ := strings.Cut(r.Name, "#"); before != "" {
				r.Name = before
			}
		})}, "kinds and names are apart"},
		"sorts backwards": {brokenUsage{day: func(m memory, at time.Time) (records, error) {
			got, err := day(m, at)
			for i, j := 0, len(got)-1; i < j; i, j = i+1, j-1 {
				got[i], got[j] = got[j], got[i]
			}
			return got, err
		}}, "a day is sorted by kind and name"},
		"counts in floats": {brokenUsage{add: each(func(r *ratelimit.UsageRecord) { r.Messages = int64(float64(r.Messages)) })}, "counts may be large"},
		"rejects nothing": {brokenUsage{add: func(m memory, r records) (retry, rejected records, err error) {
			_, _, _ = add(m, r)
			return nil, nil, nil
		}}, "what can never be taken is rejected, and all else added"},
		"tries for ever": {brokenUsage{add: func(m memory, r records) (retry, rejected records, err error) {
			retry, rejected, err = add(m, r)
			return append(retry, rejected...), nil, err
		}}, "what can never be taken is rejected, and all else added"},
		"stops at the first": {brokenUsage{add: func(m memory, r records) (retry, rejected records, err error) {
			for i := range r {
				if _, rejected, err := add(m, r[i:i+1]); err != nil {
					return nil, rejected, err
				}
			}
			return nil, nil, nil
		}}, "what can never be taken is rejected, and all else added"},
		"loses some": {brokenUsage{add: func(m memory, r records) (retry, rejected records, err error) {
			if len(r) == 2 && r[1].Name == "3" {
				return nil, nil, nil
			}
			return add(m, r)
		}}, "many may add at the same time"},
		"says that all is well": {brokenUsage{add: func(_ memory, r records) (retry, rejected records, err error) {
			return r, nil, nil
		}}, "what is added adds up"},
		"fails": {brokenUsage{add: func(_ memory, r records) (retry, rejected records, err error) {
			return r, nil, errors.New("down")
		}}, "what is added adds up"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := false
			for _, check := range limittest.UsageChecks() {
				c.store.MemoryUsage = new(ratelimit.MemoryUsage)
				err := check.Run(t.Context(), c.store, c.store)
				if check.Name == c.check {
					found = true
					require.Error(t, err)
				}
			}
			require.True(t, found, "there is no check %q", c.check)
		})
	}
	t.Run("lends what it has", func(t *testing.T) {
		t.Parallel()
		checks := limittest.UsageChecks()
		i := slices.IndexFunc(checks, func(c limittest.UsageCheck) bool { return c.Name == "records belong to the caller" })
		s := new(lending) // which is not for many at the same time
		require.Error(t, checks[i].Run(t.Context(), s, s))
	})
}

// lending is a store that keeps the records as they were given, and lends them.
type lending struct{ all []ratelimit.UsageRecord }

func (l *lending) Add(_ context.Context, records []ratelimit.UsageRecord) (retry, rejected []ratelimit.UsageRecord, err error) {
	l.all = records
	return nil, nil, nil
}

func (l *lending) Day(context.Context, time.Time) ([]ratelimit.UsageRecord, error) { return l.all, nil }
