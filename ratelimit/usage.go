package ratelimit

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
)

// Day layout of [UsageRecord.Day].
const dayLayout = time.DateOnly

// UsageRecord is what somebody has used on a day.
type UsageRecord struct {
	// Day is the day in UTC, as in 2026-11-24.
	Day string
	// Kind is what Name is: "connection", "user", "key", "gateway-key", "source", "route", that of [By], or "plan".
	Kind, Name string
	// Connections and Messages are how many were opened and sent.
	Connections, Messages int64
}

// UsageStore keeps usage: [MemoryUsage] in one process, dynamolimit.Usage in a table. It is safe for concurrent use.
type UsageStore interface {
	// Add adds to what was used. It gives the records that it could not add, with an error.
	Add(ctx context.Context, records []UsageRecord) (left []UsageRecord, err error)
	// Day gives what was used on a day, by kind and name.
	Day(ctx context.Context, day time.Time) ([]UsageRecord, error)
}

// The defaults of [Usage].
const (
	DefaultFlushEvery = 10 * time.Second
	DefaultMaxPending = 100
)

// Usage counts the connections and messages of everybody, and of every plan, day by day. It is safe for concurrent use, and must not be
// changed or copied when it is used. See [Usage.Middleware].
//
// It writes what it has counted together, while an event is handled: nothing goes on in the background, which Lambda would freeze. What
// an instance has counted in the FlushEvery before its last event is lost with it.
type Usage struct {
	Store UsageStore
	// FlushEvery is how often it is written, at the next event; 0 is [DefaultFlushEvery].
	FlushEvery time.Duration
	// MaxPending is how many records wait at most; one more writes them. 0 is [DefaultMaxPending].
	MaxPending int
	// Clock gives the time; nil is [time.Now]. Logger gets what could not be written; nil is [slog.Default].
	Clock  func() time.Time
	Logger *slog.Logger

	mu      sync.Mutex
	pending tally
	flushed time.Time
}

// tally adds up records of the same day, kind and name.
type tally map[[3]string]*UsageRecord

// add adds a record, unless it would be one too many.
func (t *tally) add(r UsageRecord, most int) {
	key := [3]string{r.Day, r.Kind, r.Name}
	if has, ok := (*t)[key]; ok {
		has.Connections += r.Connections
		has.Messages += r.Messages
		return
	}
	if *t == nil {
		*t = make(tally)
	}
	if len(*t) < most {
		(*t)[key] = &r
	}
}

// records gives all of a day, or of any if that is empty.
func (t tally) records(day string) []UsageRecord {
	all := make([]UsageRecord, 0, len(t))
	for _, r := range t {
		if day == "" || r.Day == day {
			all = append(all, *r)
		}
	}
	slices.SortFunc(all, func(a, b UsageRecord) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// maxKept is how many times MaxPending waits where the store fails; what comes after is not counted.
const maxKept = 10

// Middleware counts the events that come to it, for those whom a Key names and for the plan that the principal's [PlanAttribute] names,
// if it does. Placed after limits it counts what they let through. It panics if the Usage has no Store, or by is none of this package's.
func (u *Usage) Middleware(by Key) gatesock.Middleware {
	if u.Store == nil || by.of == nil {
		panic("ratelimit: Usage without a Store, or with an empty Key")
	}
	return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			reply, err := next(ctx, req)
			if u.count(req, by) {
				u.report(ctx, u.Flush(ctx))
			}
			return reply, err
		}
	}
}

func (u *Usage) report(ctx context.Context, err error) {
	if err != nil {
		cmp.Or(u.Logger, slog.Default()).ErrorContext(ctx, "ratelimit: usage could not be written, and is kept for the next time", "error", err)
	}
}

func (u *Usage) now() time.Time {
	if u.Clock != nil {
		return u.Clock()
	}
	return time.Now()
}

// count counts an event, and tells if it is time to write.
func (u *Usage) count(req *gatesock.Request, by Key) bool {
	if req.EventType == gatesock.EventDisconnect {
		return false
	}
	now := u.now()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.flushed.IsZero() {
		u.flushed = now
	}
	r := UsageRecord{Day: now.UTC().Format(dayLayout), Messages: 1}
	if req.EventType == gatesock.EventConnect {
		r.Connections, r.Messages = 1, 0
	}
	if r.Kind, r.Name = by.of(req); r.Name != "" {
		u.pending.add(r, u.mostKept())
	}
	if r.Kind, r.Name = "plan", authz.AttributeOf(req, PlanAttribute); r.Name != "" {
		u.pending.add(r, u.mostKept())
	}
	return len(u.pending) >= u.maxPending() || now.Sub(u.flushed) >= cmp.Or(u.FlushEvery, DefaultFlushEvery)
}

func (u *Usage) maxPending() int { return cmp.Or(u.MaxPending, DefaultMaxPending) }

func (u *Usage) mostKept() int { return maxKept * u.maxPending() }

// Flush writes what was counted, as before a program ends. What can't be written is kept for the next time.
func (u *Usage) Flush(ctx context.Context) error {
	u.mu.Lock()
	records := u.pending.records("")
	u.pending = nil
	u.flushed = u.now()
	u.mu.Unlock()
	if len(records) == 0 {
		return nil
	}
	left, err := u.Store.Add(ctx, records)
	if err == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, r := range left {
		u.pending.add(r, u.mostKept())
	}
	return fmt.Errorf("ratelimit: %d of %d records of usage: %w", len(left), len(records), err)
}

// MemoryUsage is a [UsageStore] of one process, which keeps everything. The zero value is ready to use.
type MemoryUsage struct {
	mu  sync.Mutex
	all tally
}

// Add adds to what was used. It never fails.
func (m *MemoryUsage) Add(_ context.Context, records []UsageRecord) ([]UsageRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range records {
		m.all.add(r, math.MaxInt)
	}
	return nil, nil
}

// Day gives what was used on a day.
func (m *MemoryUsage) Day(_ context.Context, day time.Time) ([]UsageRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all.records(day.UTC().Format(dayLayout)), nil
}
