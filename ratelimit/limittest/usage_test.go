package limittest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/ratelimit/metering"
)

func TestMeteringMemory(t *testing.T) {
	t.Parallel()
	RunUsage(t, func(*testing.T) (a, b metering.Store) {
		m := metering.NewMemory()
		return m, m
	})
}

// brokenUsage is a store that keeps all promises but those that a test breaks.
type brokenUsage struct {
	*metering.Memory

	add func(m *metering.Memory, records []metering.Record) (retry, rejected []metering.Record, err error)
	day func(m *metering.Memory, day time.Time) ([]metering.Record, error)
}

func (b brokenUsage) Add(
	ctx context.Context,
	records []metering.Record,
) (retry, rejected []metering.Record, err error) {
	if b.add != nil {
		return b.add(b.Memory, records)
	}
	return b.Memory.Add(ctx, records)
}

func (b brokenUsage) Day(ctx context.Context, day time.Time) ([]metering.Record, error) {
	if b.day != nil {
		return b.day(b.Memory, day)
	}
	return b.Memory.Day(ctx, day)
}

// TestBrokenUsageStoresAreFound checks that each broken store fails the check of what it breaks.
func TestBrokenUsageStoresAreFound(t *testing.T) {
	t.Parallel()
	type records = []metering.Record
	type memory = *metering.Memory
	add := func(m memory, r records) (retry, rejected records, err error) { return m.Add(context.Background(), r) }
	day := func(m memory, at time.Time) (records, error) { return m.Day(context.Background(), at) }
	// each changes the records before they are added.
	each := func(change func(r *metering.Record)) func(m memory, r records) (retry, rejected records, err error) {
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
		"counts no connections": {brokenUsage{add: each(func(r *metering.Record) { r.Connections = 0 })}, "added counts add up"},
		"keeps the last": {brokenUsage{add: func(m memory, r records) (retry, rejected records, err error) {
			if got, _ := day(m, testclock.Noon()); len(got) == 0 {
				return add(m, r)
			}
			return nil, nil, nil
		}}, "added counts add up"},
		"has one day": {brokenUsage{add: each(func(r *metering.Record) {
			if r.Day > "2000" {
				r.Day = testclock.Noon().UTC().Format(time.DateOnly)
			}
		})}, "days are apart, and in UTC"},
		"has local days": {brokenUsage{day: func(m memory, at time.Time) (records, error) {
			_, offset := at.Zone()
			return day(m, at.Add(time.Duration(offset)*time.Second))
		}}, "days are apart, and in UTC"},
		"knows no case": {brokenUsage{add: each(func(r *metering.Record) { r.Name = strings.ToLower(r.Name) })}, "kinds and names are apart"},
		"cuts names":    {brokenUsage{add: each(func(r *metering.Record) { r.Name = r.Name[:min(len(r.Name), 100)] })}, "kinds and names are apart"},
		"cuts at a hash": {brokenUsage{add: each(func(r *metering.Record) {
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
		"counts in floats": {brokenUsage{add: each(func(r *metering.Record) { r.Messages = int64(float64(r.Messages)) })}, "counts may be large"},
		"rejects nothing": {brokenUsage{add: func(m memory, r records) (retry, rejected records, err error) {
			_, _, _ = add(m, r)
			return nil, nil, nil
		}}, "bad records are rejected, and all others added"},
		"tries for ever": {brokenUsage{add: func(m memory, r records) (retry, rejected records, err error) {
			retry, rejected, err = add(m, r)
			return append(retry, rejected...), nil, err
		}}, "bad records are rejected, and all others added"},
		"stops at the first": {brokenUsage{add: func(m memory, r records) (retry, rejected records, err error) {
			for i := range r {
				if _, rejected, err := add(m, r[i:i+1]); err != nil {
					return nil, rejected, err
				}
			}
			return nil, nil, nil
		}}, "bad records are rejected, and all others added"},
		"loses some": {brokenUsage{add: func(m memory, r records) (retry, rejected records, err error) {
			if len(r) == 2 && r[1].Name == "3" {
				return nil, nil, nil
			}
			return add(m, r)
		}}, "concurrent calls add up"},
		"leaves records without an error": {brokenUsage{add: func(_ memory, r records) (retry, rejected records, err error) {
			return r, nil, nil
		}}, "added counts add up"},
		"fails": {brokenUsage{add: func(_ memory, r records) (retry, rejected records, err error) {
			return r, nil, errors.New("down")
		}}, "added counts add up"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := false
			for _, check := range usageChecks() {
				c.store.Memory = metering.NewMemory()
				err := check.run(t.Context(), c.store, c.store)
				if check.name == c.check {
					found = true
					require.Error(t, err)
				}
			}
			require.True(t, found, "there is no check %q", c.check)
		})
	}
	t.Run("lends what it has", func(t *testing.T) {
		t.Parallel()
		checks := usageChecks()
		i := slices.IndexFunc(checks, func(c usageCheck) bool { return c.name == "records belong to the caller" })
		s := new(lending) // which is not for many at the same time
		require.Error(t, checks[i].run(t.Context(), s, s))
	})
}

// lending is a store that keeps the slice that it is given, and returns the same slice.
type lending struct{ all []metering.Record }

func (l *lending) Add(_ context.Context, records []metering.Record) (retry, rejected []metering.Record, err error) {
	l.all = records
	return nil, nil, nil
}

func (l *lending) Day(context.Context, time.Time) ([]metering.Record, error) { return l.all, nil }
