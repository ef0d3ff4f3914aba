package limittest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/ratelimit/metering"
)

// RunUsage tests a store of metering records. open returns two stores over the same empty data,
// as two processes have them; for a store in memory it returns the same one twice.
func RunUsage(t *testing.T, open func(t *testing.T) (a, b metering.Store)) {
	t.Helper()
	for _, c := range usageChecks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b := open(t)
			if err := c.run(t.Context(), a, b); err != nil {
				t.Error(err)
			}
		})
	}
}

// usageCheck is one promise of a store of records.
type usageCheck struct {
	name string
	run  func(ctx context.Context, a, b metering.Store) error
}

func usageChecks() []usageCheck {
	return []usageCheck{
		{"added counts add up", usageAddsUp},
		{"days are apart, and in UTC", usageDays},
		{"kinds and names are apart", usageNames},
		{"a day is sorted by kind and name", usageSorted},
		{"counts may be large", usageLarge},
		{"bad records are rejected, and all others added", usageRejects},
		{"concurrent calls add up", usageAtOnce},
		{"records belong to the caller", usageOwned},
	}
}

// day returns a day as records have it, counted from the first day of the checks. That day is
// ahead of the real time, so that a service that deletes expired items keeps what the checks
// write.
func day(after int) string { return testclock.Noon().AddDate(0, 0, after).Format(time.DateOnly) }

func used(kind, name string, connections, messages int64) metering.Record {
	return metering.Record{Day: day(0), Kind: kind, Name: name, Connections: connections, Messages: messages}
}

// add adds records, and returns an error if one is not taken.
func add(ctx context.Context, s metering.Store, records ...metering.Record) error {
	retry, rejected, err := s.Add(ctx, records)
	if err == nil && len(retry)+len(rejected) > 0 {
		err = errors.New("some records were not added, without an error")
	}
	if err != nil {
		return fmt.Errorf("adding %d records: %d left, %d rejected: %w", len(records), len(retry), len(rejected), err)
	}
	return nil
}

// usageIs checks the records of the day that a time is in.
func usageIs(ctx context.Context, s metering.Store, at time.Time, want ...metering.Record) error {
	got, err := s.Day(ctx, at)
	if err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("the usage of %s is %+v, want %+v", at.UTC().Format(time.DateOnly), got, want)
	}
	return err
}

func usageAddsUp(ctx context.Context, a, b metering.Store) error {
	return first(
		func() error { return usageIs(ctx, a, testclock.Noon()) },
		func() error { return add(ctx, a, used("key", "k", 1, 2), used("user", "u", 0, 1)) },
		func() error { return add(ctx, b, used("key", "k", 10, 20), used("user", "u", 1, 0)) },
		func() error { return add(ctx, a, used("key", "k", 100, 200)) },
		func() error { return add(ctx, a) },
		func() error {
			return usageIs(ctx, b, testclock.Noon(), used("key", "k", 111, 222), used("user", "u", 1, 1))
		},
		func() error {
			return usageIs(ctx, a, testclock.Noon(), used("key", "k", 111, 222), used("user", "u", 1, 1))
		},
	)
}

func usageDays(ctx context.Context, a, b metering.Store) error {
	today, tomorrow := used("key", "k", 1, 2), used("key", "k", 3, 4)
	tomorrow.Day = day(1)
	midnight := testclock.Noon().Truncate(24 * time.Hour)
	west := time.FixedZone("west", -10*3600)
	return first(
		func() error { return add(ctx, a, today, tomorrow) },
		func() error { return usageIs(ctx, b, midnight, today) },
		func() error { return usageIs(ctx, b, midnight.Add(24*time.Hour-1).In(west), today) },
		func() error { return usageIs(ctx, b, midnight.Add(24*time.Hour).In(west), tomorrow) },
		func() error { return usageIs(ctx, b, midnight.Add(-1)) },
	)
}

// usageSample returns records of a day, in order.
func usageSample() []metering.Record {
	var records []metering.Record
	for _, kind := range []string{"a", "a ", "a!", "a-b", "gateway-key", "key", "plan"} {
		for _, name := range []string{" ", "#", "#a", "A", "a", "a#b", "a:b", "b", strings.Repeat("x", 900), "ü"} {
			records = append(records, used(kind, name, int64(len(records)), 1))
		}
	}
	return records
}

func usageNames(ctx context.Context, a, b metering.Store) error {
	want := usageSample()
	return first(
		func() error { return add(ctx, a, want...) },
		func() error {
			got, err := b.Day(ctx, testclock.Noon())
			if err != nil {
				return err
			}
			if len(got) != len(want) {
				return fmt.Errorf("there are %d records, want %d", len(got), len(want))
			}
			for _, r := range want {
				if !slices.Contains(got, r) {
					return fmt.Errorf("the record %+v is missing", r)
				}
			}
			return nil
		},
	)
}

func usageSorted(ctx context.Context, a, b metering.Store) error {
	want := usageSample()
	mixed := slices.Clone(want)
	rand.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	return first(
		func() error { return add(ctx, a, mixed...) },
		func() error { return usageIs(ctx, b, testclock.Noon(), want...) },
	)
}

func usageLarge(ctx context.Context, a, b metering.Store) error {
	const large = 1<<53 + 1 // more than a float has
	return first(
		func() error { return add(ctx, a, used("key", "k", large, large)) },
		func() error { return add(ctx, b, used("key", "k", 2, large)) },
		func() error { return usageIs(ctx, a, testclock.Noon(), used("key", "k", large+2, 2*large)) },
	)
}

func usageRejects(ctx context.Context, a, b metering.Store) error {
	bad := []metering.Record{
		used("", "k", 1, 1), used("key", "", 1, 1), used("a#b", "k", 1, 1), used("key", "\xff", 1, 1),
		used("k\xff", "k", 1, 1), used("key", "k", -1, 0), used("key", "k", 0, -1),
		used("key", strings.Repeat("x", 5000), 1, 1),
		{Day: "today", Kind: "key", Name: "k"},
		{Day: "", Kind: "key", Name: "k"},
	}
	good := []metering.Record{used("key", "a", 1, 1), used("key", "z", 1, 1)}
	retry, rejected, err := a.Add(ctx, slices.Concat(good[:1], bad, good[1:]))
	switch {
	case err == nil:
		return errors.New("bad records are added without an error")
	case len(retry) > 0:
		return fmt.Errorf("bad records are returned for a retry: %+v", retry)
	case len(rejected) != len(bad):
		return fmt.Errorf("%d records were rejected, want %d", len(rejected), len(bad))
	}
	for _, r := range bad {
		if !slices.Contains(rejected, r) {
			return fmt.Errorf("%+v was not rejected", r)
		}
	}
	return usageIs(ctx, b, testclock.Noon(), good...)
}

func usageAtOnce(ctx context.Context, a, b metering.Store) error {
	_, err := atOnce(func(worker int) (bool, error) {
		s := []metering.Store{a, b}[worker%2]
		return true, add(ctx, s, used("key", "k", 1, 2), used("user", fmt.Sprint(worker), 0, 1))
	})
	if err != nil {
		return err
	}
	want := []metering.Record{used("key", "k", 10*workers, 20*workers)}
	for worker := range workers {
		want = append(want, used("user", fmt.Sprint(worker), 0, 10))
	}
	return usageIs(ctx, a, testclock.Noon(), want...)
}

func usageOwned(ctx context.Context, a, b metering.Store) error {
	records := []metering.Record{used("key", "k", 1, 1)}
	if err := add(ctx, a, records...); err != nil {
		return err
	}
	records[0].Messages = 99
	for range 2 {
		got, err := b.Day(ctx, testclock.Noon())
		if err != nil {
			return err
		}
		if len(got) != 1 || got[0] != used("key", "k", 1, 1) {
			return fmt.Errorf("a record is %+v after a caller has changed its own", got)
		}
		got[0].Messages, got[0].Name = 99, "changed"
	}
	return nil
}
