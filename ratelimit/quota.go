package ratelimit

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/gatesock/gatesock"
)

// Period is how often a [Quota] starts again.
type Period int

// The periods of a [Quota]. Weeks begin on Monday (ISO 8601).
const (
	Day Period = iota + 1
	Week
	Month
)

// String returns "day", "week" or "month".
func (p Period) String() string {
	switch p {
	case Day:
		return "day"
	case Week:
		return "week"
	case Month:
		return "month"
	}
	return fmt.Sprintf("Period(%d)", int(p))
}

// Quota is how many units may be used in a calendar day, week or month.
//
//	ratelimit.Quota{Max: 10_000, Per: ratelimit.Month, Zone: berlin}
//
// The zero Quota allows nothing.
type Quota struct {
	// Max is how many units there are in a period.
	Max int64
	// Per is the period.
	Per Period
	// Zone is the time zone of the period's boundaries; nil means UTC. [time.LoadLocation] needs
	// the time zone database, which Lambda's provided.al2023 lacks: import time/tzdata.
	Zone *time.Location
}

// Validate returns an error if Max is below 1, or if Per is not Day, Week or Month.
func (q Quota) Validate() error {
	switch {
	case q.Max < 1:
		return fmt.Errorf("ratelimit: the quota %d must be at least 1", q.Max)
	case q.Per != Day && q.Per != Week && q.Per != Month:
		return fmt.Errorf("ratelimit: the quota's period %v must be Day, Week or Month", q.Per)
	}
	return nil
}

// Window returns the period that contains a time: from start up to, but not including, end. A day
// has 23 to 25 hours where clocks change.
func (q Quota) Window(t time.Time) (start, end time.Time) {
	zone := q.Zone
	if zone == nil {
		zone = time.UTC
	}
	year, month, day := t.In(zone).Date()
	midnight := func(month time.Month, day int) time.Time { return firstMoment(year, month, day, zone) }
	switch q.Per {
	case Day:
		return midnight(month, day), midnight(month, day+1)
	case Week:
		monday := day - (int(t.In(zone).Weekday())+6)%7
		return midnight(month, monday), midnight(month, monday+7)
	case Month:
		return midnight(month, 1), midnight(month+1, 1)
	}
	return time.Time{}, time.Time{}
}

// firstMoment returns when a day begins. If the day does not exist, it returns the first moment
// after it. Where clocks go forward at midnight, a day begins later; where they go back over
// midnight, it has two midnights; and a country that moves across the date line skips a day.
func firstMoment(year int, month time.Month, day int, zone *time.Location) time.Time {
	want := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	from := time.Date(year, month, day-1, 0, 0, 0, 0, time.UTC).Add(-12 * time.Hour) // earlier anywhere
	minutes := sort.Search(4*24*60, func(i int) bool {
		year, month, day := from.Add(time.Duration(i) * time.Minute).In(zone).Date()
		return !time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Before(want)
	})
	return from.Add(time.Duration(minutes) * time.Minute).In(zone)
}

// QuotaStore counts by key what is used of quotas. [Memory] counts in one process; the DynamoDB
// store counts for all instances of a function. Test one of your own with package
// ratelimit/limittest. It must be safe for concurrent use.
type QuotaStore interface {
	// Consume adds n units to what a key has used in the window that begins at start, unless that
	// makes more than maximum. n is 0 or more. The store may forget the count after end.
	//
	// Keys are those of a [Store]. After an error the units may or may not have been counted. An
	// error that the same call would get again wraps [ErrInvalid].
	Consume(ctx context.Context, key string, start, end time.Time, n, maximum int64) (Usage, error)
}

// Usage is the answer of a [QuotaStore].
type Usage struct {
	// Allowed reports whether the units were added.
	Allowed bool
	// Total is how many units are used, including those that were added.
	Total int64
}

// NewQuota returns a Limiter by a quota. [Decision.RetryAfter] is the time until the period ends.
// A process remembers what was refused, so that further refusals do not call the store. The name
// and the panics are those of [New], and it panics if [Quota.Validate] refuses the quota. It
// takes all options but [WithMaxKeys].
func NewQuota(store QuotaStore, name string, q Quota, failure FailureMode, opts ...Option) *Limiter {
	s := apply("NewQuota", opts, "WithLogger", "WithLabel", "WithClock", "WithBatchSize")
	if store == nil {
		panic("ratelimit: NewQuota: store must not be nil")
	}
	must(q.Validate())
	l := newLimiter(name, failure, s)
	l.burst, l.most, l.quota = int(q.Max), int(q.Max), true
	l.text = fmt.Sprintf("%d a %v", q.Max, q.Per)
	l.limit = gatesock.RouteLimit{Quota: q.Max, Period: q.Per.String()}
	l.prefix += q.Per.String() + "#" // a month may begin at the same time as a day
	l.ask = newLedger(store, q, s.batch, s.now).take
	return l
}
