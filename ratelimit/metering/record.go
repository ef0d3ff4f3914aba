package metering

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/ratelimit"
)

// Record is what one client, or one plan, has used on a day.
type Record struct {
	// Day is the day in UTC, such as 2026-11-24.
	Day string
	// Kind is what Name is: "connection", "user", "key", "gateway-key", "source", "route", the
	// kind of a [ratelimit.ByFunc], or "plan".
	Kind, Name string
	// Connections and Messages are how many were opened and sent.
	Connections, Messages int64
}

// Validate returns a [ratelimit.ErrInvalid] for a record that no [Store] takes. Day must be a
// date. Kind and Name must not be empty, must be UTF-8 and together at most 1,023 bytes long;
// Kind must not contain "#". The counts must not be negative.
func (r Record) Validate() error {
	const longest = 1024 - len("#") // of Kind and Name together
	_, err := time.Parse(time.DateOnly, r.Day)
	switch {
	case err != nil:
		return fmt.Errorf(
			"%w: metering: the day %.20q must be a date such as 2026-11-24",
			ratelimit.ErrInvalid,
			r.Day,
		)
	case r.Kind == "" || r.Name == "" || len(r.Kind)+len(r.Name) > longest:
		return fmt.Errorf(
			"%w: metering: the kind %.20q and the name %.20q must not be empty, and at most %d bytes together",
			ratelimit.ErrInvalid,
			r.Kind,
			r.Name,
			longest,
		)
	case !utf8.ValidString(r.Kind) || strings.Contains(r.Kind, "#") || !utf8.ValidString(r.Name):
		return fmt.Errorf("%w: metering: the kind %.20q and the name %.20q must be UTF-8, and the kind without #",
			ratelimit.ErrInvalid, r.Kind, r.Name)
	case r.Connections < 0 || r.Messages < 0:
		return fmt.Errorf("%w: metering: a record of %d connections and %d messages: the counts must not be negative",
			ratelimit.ErrInvalid, r.Connections, r.Messages)
	}
	return nil
}

// Store keeps records. [Memory] keeps them in one process, the DynamoDB store in a table. Test
// one of your own with package ratelimit/limittest. It must be safe for concurrent use.
type Store interface {
	// Add adds the counts of each record to what is stored for its day, kind and name.
	//
	// If it fails, it returns the records that were not added: those in retry may be added later;
	// those in rejected can never be, such as records that [Record.Validate] refuses. An error
	// without either means that no record was added. It returns when ctx ends.
	Add(ctx context.Context, records []Record) (retry, rejected []Record, err error)
	// Day returns the records of the day, in UTC, that contains a time, sorted by kind and name.
	// The records belong to the caller.
	Day(ctx context.Context, day time.Time) ([]Record, error)
}

// maxMemoryRecords is how many records a [Memory] holds.
const maxMemoryRecords = 100_000

var errMemoryFull = errors.New("metering: the store in memory is full")

// Memory is a [Store] of one process, for tests and for development. It is safe for concurrent use.
//
// It holds up to 100,000 records. When it is full, a new record evicts those of the oldest day; if
// no day is older than its own, it is not added, and may be retried.
type Memory struct {
	mu   sync.Mutex
	days map[string]tally
	n    int // of all days
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return new(Memory) }

// Add implements [Store].
func (m *Memory) Add(ctx context.Context, records []Record) (retry, rejected []Record, err error) {
	done, err := observing.BeginCall(ctx, "metering.Add")
	if err != nil {
		return nil, nil, err
	}
	defer done()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range records {
		if e := r.Validate(); e != nil {
			rejected, err = append(rejected, r), e
			continue
		}
		if !m.add(r) {
			retry, err = append(retry, r), errMemoryFull
		}
	}
	return retry, rejected, err
}

// add adds a record, and reports whether there was room for it; m.mu is held.
func (m *Memory) add(r Record) bool {
	day := m.days[r.Day]
	before := len(day)
	if !day.add(r, before+maxMemoryRecords-m.n) {
		oldest := slices.Min(slices.Collect(maps.Keys(m.days)))
		if oldest >= r.Day {
			return false
		}
		m.n -= len(m.days[oldest])
		delete(m.days, oldest)
		day.add(r, math.MaxInt)
	}
	if m.days == nil {
		m.days = make(map[string]tally)
	}
	m.days[r.Day] = day
	m.n += len(day) - before
	return true
}

// Day implements [Store].
func (m *Memory) Day(ctx context.Context, day time.Time) ([]Record, error) {
	done, err := observing.BeginCall(ctx, "metering.Day")
	if err != nil {
		return nil, err
	}
	defer done()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.days[day.UTC().Format(time.DateOnly)].records(), nil
}

// tally adds up records of the same day, kind and name.
type tally map[[3]string]*Record

// add adds a record, unless the tally would have more than most. It reports whether it did.
func (t *tally) add(r Record, most int) bool {
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

// records returns the records, sorted by day, kind and name.
func (t tally) records() []Record {
	all := make([]Record, 0, len(t))
	for _, r := range t {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return all
}
