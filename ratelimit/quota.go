package ratelimit

import (
	"context"
	"fmt"
	"sort"
	"time"
)

// Period is how often a [Quota] begins anew.
type Period int

// The periods of a [Quota]. Weeks begin on Monday (ISO 8601).
const (
	Day Period = iota + 1
	Week
	Month
)

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

// Quota is how many units may be used in a day, a week or a month of the calendar.
//
//	ratelimit.Quota{Max: 10_000, Per: ratelimit.Month, Zone: berlin}
//
// The zero Quota allows nothing.
type Quota struct {
	// Max is how many units there are.
	Max int64
	// Per is the period.
	Per Period
	// Zone is where the calendar is of; nil is UTC. [time.LoadLocation] needs the time zone database, which Lambda's
	// provided.al2023 has not: import time/tzdata.
	Zone *time.Location
}

// Check says what is wrong with a quota.
func (q Quota) Validate() error {
	switch {
	case q.Max < 1:
		return fmt.Errorf("ratelimit: the quota %d is less than 1", q.Max)
	case q.Per != Day && q.Per != Week && q.Per != Month:
		return fmt.Errorf("ratelimit: the quota's period %v is none of Day, Week and Month", q.Per)
	}
	return nil
}

// Window gives the period that a time is in: from start, up to and without end. A day is as long as it is in its zone: 23 to 25 hours
// where clocks are changed.
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

// firstMoment is when a day begins, or the first one after it that there is: where clocks go forward at midnight a day begins later,
// where they go back over midnight it has two, and a country that changes to the other side of the date line leaves one out.
func firstMoment(year int, month time.Month, day int, zone *time.Location) time.Time {
	want := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	from := time.Date(year, month, day-1, 0, 0, 0, 0, time.UTC).Add(-12 * time.Hour) // earlier anywhere
	minutes := sort.Search(4*24*60, func(i int) bool {
		year, month, day := from.Add(time.Duration(i) * time.Minute).In(zone).Date()
		return !time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Before(want)
	})
	return from.Add(time.Duration(minutes) * time.Minute).In(zone)
}

// QuotaStore counts what is used of quotas by key: [Memory] in one process, package ratelimit/dynamolimit in many; package
// ratelimit/limittest checks one of your own. It is safe for concurrent use.
type QuotaStore interface {
	// Use adds n units to what a key has used in the window that begins at start, if that makes no more than maximum, and tells. The
	// count may be forgotten after end. n is not negative. Keys are
	// as those of [Store]. An error says that the store could not tell; the units may have been counted or not. One that no later call
	// can mend wraps [ErrInvalid].
	Consume(ctx context.Context, key string, start, end time.Time, n, maximum int64) (Usage, error)
}

// Usage is what is used of a quota.
type Usage struct {
	// Allowed tells if the units were added.
	Allowed bool
	// Total is how many are used, with those that were added.
	Total int64
}

// QuotaOption is an option of [NewQuota].
type QuotaOption interface{ applyQuota(l *Limiter, of *ledger) }

type quotaOption func(*ledger)

func (o quotaOption) applyQuota(_ *Limiter, of *ledger) { o(of) }

// WithDeadlineMargin sets how many units a process takes from the counters at once; the default is 1. With k it asks them for every k-th unit
// only, which cuts what they cost by k, and up to k−1 units for each key and process are lost when the process ends: they count as used. It
// panics if k is below 1.
func WithBatchSize(k int) QuotaOption {
	if k < 1 {
		panic("ratelimit: WithReserve with less than 1")
	}
	return quotaOption(func(l *ledger) { l.reserve = int64(k) })
}

// WithClock sets the time that says in which period it is; the default is [time.Now]. It panics if now is nil.
func WithClock(now func() time.Time) QuotaOption {
	if now == nil {
		panic("ratelimit: WithClock with a nil clock")
	}
	return quotaOption(func(l *ledger) { l.clock = now })
}

// NewQuota returns a Limiter by a quota: [Decision.RetryAfter] is the time until the period ends. What is refused is remembered, and costs
// nothing from then on. It panics as [New] does, and on a quota that [Quota.Validate] refuses.
func NewQuota(counters QuotaStore, name string, q Quota, failure FailureMode, opts ...QuotaOption) *Limiter {
	if counters == nil {
		panic("ratelimit: NewQuota with nil Counters")
	}
	must(q.Validate())
	of := &ledger{counters: counters, quota: q, reserve: 1, clock: time.Now}
	l := newLimiter(name, int(q.Max), fmt.Sprintf("%d a %v", q.Max, q.Per), failure, of.take)
	l.quota = true
	l.prefix += q.Per.String() + "#" // a month may begin with a day
	for _, o := range opts {
		o.applyQuota(l, of)
	}
	return l
}
