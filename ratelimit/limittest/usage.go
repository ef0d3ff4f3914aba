package limittest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/ratelimit"
)

// UsageCheck is one promise of a [ratelimit.UsageStore]. It is given two empty stores on the same usage, as two processes have them (the same
// one twice, if it is of one process); an error says what was not kept.
type UsageCheck struct {
	Name string
	Run  func(ctx context.Context, a, b ratelimit.UsageStore) error
}

// RunUsage runs the suite of usage stores. open returns a store; called again in the same test, another one on the same usage, or the same
// one.
func RunUsage(t *testing.T, open func(t *testing.T) ratelimit.UsageStore) {
	t.Helper()
	var mu sync.Mutex // stores may be kept by test
	for _, c := range UsageChecks() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			mu.Lock()
			a, b := open(t), open(t)
			mu.Unlock()
			if err := c.Run(t.Context(), a, b); err != nil {
				t.Error(err)
			}
		})
	}
}

// UsageChecks returns the promises of usage stores, for those who test a suite.
func UsageChecks() []UsageCheck {
	return []UsageCheck{
		{"what is added adds up", usageAddsUp},
		{"days are apart, and of UTC", usageDays},
		{"kinds and names are apart", usageNames},
		{"a day is sorted by kind and name", usageSorted},
		{"counts may be large", usageLarge},
		{"what can never be taken is rejected, and all else added", usageRejects},
		{"many may add at the same time", usageAtOnce},
		{"records belong to the caller", usageOwned},
	}
}

// day returns a day of the checks as records have it, which is ahead of the real time: a service that deletes what has expired leaves it.
func day(after int) string { return testclock.Noon().AddDate(0, 0, after).Format(time.DateOnly) }

func used(kind, name string, connections, messages int64) ratelimit.UsageRecord {
	return ratelimit.UsageRecord{Day: day(0), Kind: kind, Name: name, Connections: connections, Messages: messages}
}

// add adds records, all of which must be taken.
func add(ctx context.Context, s ratelimit.UsageStore, records ...ratelimit.UsageRecord) error {
	retry, rejected, err := s.Add(ctx, records)
	if err == nil && len(retry)+len(rejected) > 0 {
		err = errors.New("some were not added, without an error")
	}
	if err != nil {
		return fmt.Errorf("adding %d records: %d left, %d rejected: %w", len(records), len(retry), len(rejected), err)
	}
	return nil
}

// usageIs checks the records of the day that a time is in.
func usageIs(ctx context.Context, s ratelimit.UsageStore, at time.Time, want ...ratelimit.UsageRecord) error {
	got, err := s.Day(ctx, at)
	if err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("the usage of %s is %+v, want %+v", at.UTC().Format(time.DateOnly), got, want)
	}
	return err
}

func usageAddsUp(ctx context.Context, a, b ratelimit.UsageStore) error {
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

func usageDays(ctx context.Context, a, b ratelimit.UsageStore) error {
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

// usageSample returns records in the order of a day.
func usageSample() []ratelimit.UsageRecord {
	var records []ratelimit.UsageRecord
	for _, kind := range []string{"a", "a ", "a!", "a-b", "gateway-key", "key", "plan"} {
		for _, name := range []string{" ", "#", "#a", "A", "a", "a#b", "a:b", "b", strings.Repeat("x", 900), "ü"} {
			records = append(records, used(kind, name, int64(len(records)), 1))
		}
	}
	return records
}

func usageNames(ctx context.Context, a, b ratelimit.UsageStore) error {
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
					return fmt.Errorf("%+v is not among the records", r)
				}
			}
			return nil
		},
	)
}

func usageSorted(ctx context.Context, a, b ratelimit.UsageStore) error {
	want := usageSample()
	mixed := slices.Clone(want)
	rand.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	return first(
		func() error { return add(ctx, a, mixed...) },
		func() error { return usageIs(ctx, b, testclock.Noon(), want...) },
	)
}

func usageLarge(ctx context.Context, a, b ratelimit.UsageStore) error {
	const large = 1<<53 + 1 // more than a float has
	return first(
		func() error { return add(ctx, a, used("key", "k", large, large)) },
		func() error { return add(ctx, b, used("key", "k", 2, large)) },
		func() error { return usageIs(ctx, a, testclock.Noon(), used("key", "k", large+2, 2*large)) },
	)
}

func usageRejects(ctx context.Context, a, b ratelimit.UsageStore) error {
	bad := []ratelimit.UsageRecord{
		used("", "k", 1, 1), used("key", "", 1, 1), used("a#b", "k", 1, 1), used("key", "\xff", 1, 1), used("k\xff", "k", 1, 1), used("key", "k", -1, 0),
		used("key", "k", 0, -1), used("key", strings.Repeat("x", 5000), 1, 1),
		{Day: "today", Kind: "key", Name: "k"},
		{Day: "", Kind: "key", Name: "k"},
	}
	good := []ratelimit.UsageRecord{used("key", "a", 1, 1), used("key", "z", 1, 1)}
	retry, rejected, err := a.Add(ctx, slices.Concat(good[:1], bad, good[1:]))
	switch {
	case err == nil:
		return errors.New("no error for records that can never be taken")
	case len(retry) > 0:
		return fmt.Errorf("records that can never be taken are to be tried again: %+v", retry)
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

func usageAtOnce(ctx context.Context, a, b ratelimit.UsageStore) error {
	_, err := atOnce(func(worker int) (bool, error) {
		return true, add(ctx, []ratelimit.UsageStore{a, b}[worker%2], used("key", "k", 1, 2), used("user", fmt.Sprint(worker), 0, 1))
	})
	if err != nil {
		return err
	}
	want := []ratelimit.UsageRecord{used("key", "k", 10*workers, 20*workers)}
	for worker := range workers {
		want = append(want, used("user", fmt.Sprint(worker), 0, 10))
	}
	return usageIs(ctx, a, testclock.Noon(), want...)
}

func usageOwned(ctx context.Context, a, b ratelimit.UsageStore) error {
	records := []ratelimit.UsageRecord{used("key", "k", 1, 1)}
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
			return fmt.Errorf("a record is %+v after others of its values were changed", got)
		}
		got[0].Messages, got[0].Name = 99, "changed"
	}
	return nil
}
