package metering

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

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

// Memory is a [Store] of one process, for tests and for development. It keeps everything. It is
// safe for concurrent use.
type Memory struct {
	mu  sync.Mutex
	all tally
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return new(Memory) }

// Add implements [Store]. It fails only for records that [Record.Validate] refuses.
func (m *Memory) Add(_ context.Context, records []Record) (retry, rejected []Record, err error) {
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

// Day implements [Store].
func (m *Memory) Day(_ context.Context, day time.Time) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all.records(day.UTC().Format(time.DateOnly)), nil
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

// records returns the records of a day, or all if day is empty.
func (t tally) records(day string) []Record {
	all := make([]Record, 0, len(t))
	for _, r := range t {
		if day == "" || r.Day == day {
			all = append(all, *r)
		}
	}
	slices.SortFunc(all, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return all
}
