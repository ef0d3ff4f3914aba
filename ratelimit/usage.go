package ratelimit

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
)

// Day layout of [UsageRecord.Day].
const dayLayout = time.DateOnly

// UsageRecord is what somebody has used on a day.
type UsageRecord struct {
	// Day is the day in UTC, as in 2026-11-24.
	Day string
	// Kind is what Name is: "connection", "user", "key", "gateway-key", "source", "route", that of [ByFunc], or "plan".
	Kind, Name string
	// Connections and Messages are how many were opened and sent.
	Connections, Messages int64
}

// maxUsageName is how long the kind and the name of a record may be together, in bytes.
const maxUsageName = 1024 - len("#")

// Check returns what no [UsageStore] takes of a record: a Day that is not a date, a Kind that is empty or has a "#", a Name that is empty,
// either of them not UTF-8, more than 1,023 bytes of both, or a count below 0. It is an [ErrInvalid].
func (r UsageRecord) Validate() error {
	_, err := time.Parse(time.DateOnly, r.Day)
	switch {
	case err != nil:
		return fmt.Errorf("%w: the day %.20q of a record of usage is not a date as 2026-11-24", ErrInvalid, r.Day)
	case r.Kind == "" || r.Name == "" || len(r.Kind)+len(r.Name) > maxUsageName:
		return fmt.Errorf("%w: the kind %.20q and the name %.20q of a record of usage are empty, or longer than %d bytes", ErrInvalid, r.Kind, r.Name, maxUsageName)
	case !utf8.ValidString(r.Kind) || strings.Contains(r.Kind, "#") || !utf8.ValidString(r.Name):
		return fmt.Errorf("%w: the kind %.20q or the name %.20q of a record of usage is not UTF-8, or the kind has a #", ErrInvalid, r.Kind, r.Name)
	case r.Connections < 0 || r.Messages < 0:
		return fmt.Errorf("%w: a record of usage counts less than 0: %d connections, %d messages", ErrInvalid, r.Connections, r.Messages)
	}
	return nil
}

// UsageStore keeps usage: [MemoryUsage] in one process, dynamolimit.UsageStore in a table; package ratelimit/limittest checks one of your own.
// It is safe for concurrent use.
type UsageStore interface {
	// Add adds to what was used, each record by itself. With an error it returns those that were not added: retry may be given to it again,
	// rejected are those that it can never take, such as those that [UsageRecord.Validate] refuses. An error without either says that none was
	// added. It returns when ctx ends.
	Add(ctx context.Context, records []UsageRecord) (retry, rejected []UsageRecord, err error)
	// Day returns what was used on a day, the one in UTC that a time is in, sorted by kind and name. The records belong to the caller.
	Day(ctx context.Context, day time.Time) ([]UsageRecord, error)
}

// The defaults of [UsageMeter].
const (
	DefaultFlushEvery   = 10 * time.Second
	DefaultMaxPending   = 100
	DefaultFlushTimeout = 3 * time.Second
)

// UsageMeter counts the connections and messages of everybody, and of every plan, day by day. It is safe for concurrent use, and must not be
// changed or copied when it is used. See [UsageMeter.Middleware].
//
// It writes what it has counted together, while an event is handled: nothing goes on in the background, which Lambda would freeze. What
// an instance has counted in the FlushEvery before its last event is lost with it.
//
// What could not be written is kept, up to ten times MaxPending records, and written later: after twice FlushEvery, and after twice as long
// each time that it fails again, up to five minutes. What the store can never take is dropped, as is what can't be kept; see
// [UsageMeter.Dropped].
type UsageMeter struct {
	Store UsageStore
	// FlushEvery is how often it is written, at the next event; 0 is [DefaultFlushEvery].
	FlushEvery time.Duration
	// MaxPending is how many records wait at most; one more writes them. 0 is [DefaultMaxPending].
	MaxPending int
	// FlushTimeout is how long writing may hold up the event that does it; 0 is [DefaultFlushTimeout].
	FlushTimeout time.Duration
	// Clock gives the time; nil is [time.Now]. Logger gets what could not be written; nil is [slog.Default].
	Clock  func() time.Time
	Logger *slog.Logger

	dropped atomic.Int64

	mu       sync.Mutex
	pending  tally
	flushing bool      // by an event
	failed   int       // how many times in a row
	next     time.Time // when to write
	told     time.Time // when it was logged last that records were dropped
}

// tally adds up records of the same day, kind and name.
type tally map[[3]string]*UsageRecord

// add adds a record, unless it would be one too many.
func (t *tally) add(r UsageRecord, most int) bool {
	key := [3]string{r.Day, r.Kind, r.Name}
	if has, ok := (*t)[key]; ok {
		has.Connections += r.Connections
		has.Messages += r.Messages
		return true
	}
	if *t == nil {
		*t = make(tally)
	}
	if len(*t) >= most {
		return false
	}
	(*t)[key] = &r
	return true
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

const (
	// maxKept is how many times MaxPending waits where the store fails; what comes after is dropped.
	maxKept = 10
	// maxBackoff is how long a store that fails is left alone at most.
	maxBackoff = 5 * time.Minute
	// tellEvery is how often it is logged that records are dropped.
	tellEvery = time.Hour
)

// Middleware counts the events that come to it, for those whom a Key names and for the plan that the principal's [PlanAttribute] names,
// if it does. Placed after limits it counts what they let through. It panics if the Usage has no Store, or by is none of this package's.
func (u *UsageMeter) Middleware(by KeyFunc) gatesock.Middleware {
	if u.Store == nil || by.of == nil {
		panic("ratelimit: Usage without a Store, or with an empty Key")
	}
	return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			reply, err := next(ctx, req)
			if u.count(req, by) {
				u.flushWithin(ctx)
			}
			return reply, err
		}
	}
}

// Dropped is how many records were lost so far: those that the store can never take, and what came when it failed and no more could be
// kept.
func (u *UsageMeter) Dropped() int64 { return u.dropped.Load() }

func (u *UsageMeter) logger() *slog.Logger { return cmp.Or(u.Logger, slog.Default()) }

func (u *UsageMeter) now() time.Time { return wallClock(u.Clock) }

func (u *UsageMeter) flushEvery() time.Duration { return cmp.Or(u.FlushEvery, DefaultFlushEvery) }

// count counts an event, and reports whether the caller has to write, which nobody else does meanwhile.
func (u *UsageMeter) count(req *gatesock.Request, by KeyFunc) bool {
	if req.EventType == gatesock.EventDisconnect {
		return false
	}
	now := u.now()
	r := UsageRecord{Day: now.UTC().Format(dayLayout), Messages: 1}
	if req.EventType == gatesock.EventConnect {
		r.Connections, r.Messages = 1, 0
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.next.IsZero() {
		u.next = now.Add(u.flushEvery())
	}
	kind, name := by.of(req)
	u.add(r, kind, name)
	u.add(r, "plan", authz.AttributeFrom(req, PlanAttribute))
	due := !now.Before(u.next) || u.failed == 0 && len(u.pending) >= u.maxPending()
	if u.flushing || !due {
		return false
	}
	u.flushing = true
	return true
}

// add counts what a record says for a name, if there is one; u.mu is held.
func (u *UsageMeter) add(r UsageRecord, kind, name string) {
	if name == "" {
		return
	}
	r.Kind, r.Name = kind, keyName(name)
	u.keep(r)
}

// keep adds a record to those that wait; u.mu is held.
func (u *UsageMeter) keep(r UsageRecord) {
	if !u.pending.add(r, maxKept*u.maxPending()) {
		u.dropped.Add(1)
	}
}

func (u *UsageMeter) maxPending() int { return cmp.Or(u.MaxPending, DefaultMaxPending) }

// flushWithin writes for an event, which it does not hold up for long.
func (u *UsageMeter) flushWithin(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, cmp.Or(u.FlushTimeout, DefaultFlushTimeout))
	defer cancel()
	defer func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.flushing = false
	}()
	if err := u.Flush(bounded); err != nil {
		u.logger().ErrorContext(ctx, "ratelimit: usage could not be written, and is kept for the next time", "error", err, "dropped", u.Dropped())
	}
}

// Flush writes what was counted, as before a program ends, also where it would wait after a failure. It fails if some of it could not be
// written, which is kept for the next time. What the store can never take is logged and counted ([UsageMeter.Dropped]), and is not a failure.
func (u *UsageMeter) Flush(ctx context.Context) error {
	u.mu.Lock()
	records := u.pending.records("")
	u.pending = nil
	u.next = u.now().Add(u.flushEvery())
	u.mu.Unlock()
	if len(records) == 0 {
		return nil
	}
	retry, rejected, err := u.Store.Add(ctx, records)
	if err != nil && len(retry)+len(rejected) == 0 {
		retry = records
	}
	if len(rejected) > 0 {
		u.drop(ctx, rejected, err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(retry) == 0 {
		u.failed = 0
		return nil
	}
	for _, r := range retry {
		u.keep(r)
	}
	u.failed++
	u.next = u.now().Add(backoff(u.flushEvery(), u.failed))
	return fmt.Errorf("ratelimit: %d of %d records of usage: %w", len(retry), len(records), err)
}

// backoff is how long to wait after so many failures: twice as long each time.
func backoff(every time.Duration, failures int) time.Duration {
	d := every
	for range failures {
		if d *= 2; d >= maxBackoff {
			return max(maxBackoff, every)
		}
	}
	return d
}

// drop counts records that can never be written, and logs one of them.
func (u *UsageMeter) drop(ctx context.Context, rejected []UsageRecord, err error) {
	u.dropped.Add(int64(len(rejected)))
	now := u.now()
	u.mu.Lock()
	quiet := !u.told.IsZero() && now.Sub(u.told) < tellEvery
	if !quiet {
		u.told = now
	}
	u.mu.Unlock()
	if quiet {
		return
	}
	u.logger().ErrorContext(ctx, "ratelimit: usage that can never be written is dropped",
		"records", len(rejected), "kind", short(rejected[0].Kind), "name", short(rejected[0].Name), "error", err)
}

// MemoryUsage is a [UsageStore] of one process, which keeps everything. The zero value is ready to use.
type MemoryUsage struct {
	mu  sync.Mutex
	all tally
}

// Add adds to what was used. It fails only for records that [UsageRecord.Validate] refuses.
func (m *MemoryUsage) Add(_ context.Context, records []UsageRecord) (retry, rejected []UsageRecord, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range records {
		if e := r.Validate(); e != nil {
			rejected, err = append(rejected, r), e
			continue
		}
		m.all.add(r, math.MaxInt)
	}
	return nil, rejected, err
}

// Day returns what was used on a day.
func (m *MemoryUsage) Day(_ context.Context, day time.Time) ([]UsageRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all.records(day.UTC().Format(dayLayout)), nil
}
