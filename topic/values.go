package topic

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// MaxKeyBytes is the length of the longest key of a value. It is that of a sort key of DynamoDB
// (Amazon DynamoDB Developer Guide, "Constraints in Amazon DynamoDB").
const MaxKeyBytes = 1024

// MarkTime is for how long the mark of a deleted value is kept.
const MarkTime = 24 * time.Hour

// Value is a value of a state topic, or the mark of one that was deleted.
type Value struct {
	Key string
	// Version orders what was stored under the key: what was stored later has a higher version. Of
	// two keys it says nothing.
	Version int64
	// Data is JSON; nil for a mark.
	Data json.RawMessage
	// Time is when it was stored, by the clock of the process that did it.
	Time time.Time
}

// Deleted reports whether the value is the mark of one that was deleted.
func (v Value) Deleted() bool { return v.Data == nil }

// Stored is the result of [Values.StoreValue] and [Values.ReplaceValue].
type Stored struct {
	// Version is that of what was stored.
	Version int64
	// Before is the data that it has replaced; nil if there was none. It is not certain, and nil,
	// if BeforeUnknown is true.
	Before        json.RawMessage
	BeforeUnknown bool
}

// ValuesQuery asks for a page of the values of a topic, in the order of the bytes of their keys.
type ValuesQuery struct {
	Topic string
	// After is the last key of the page before; empty for the first page.
	After string
	// Limit is the most values in the page, and Bytes the most bytes of their keys and data
	// together. A page that is not the last has at least one value. 0 means the store's own bound.
	Limit int
	Bytes int
}

// ValuesPage is a page of values.
type ValuesPage struct {
	// Values has the values and the marks.
	Values []Value
	// More is true if values may follow the page.
	More bool
}

// KeptFilter is a filter that subscriptions to a topic use.
type KeptFilter struct {
	// ID names the filter: 1 to 64 bytes of "A-Z a-z 0-9 _ -".
	ID string
	// Filter is its canonical form, of at most 1,024 bytes.
	Filter string
	// Kept is when it was kept last, by the clock of the process that did it, in whole
	// milliseconds.
	Kept time.Time
	// Nonce is that of the call that kept it last.
	Nonce string
}

// FilterTime is for how long a filter is kept. No connection is open for longer: API Gateway closes
// each after 2 hours (AWS Developer Guide, "Quotas for configuring and running a WebSocket API").
const FilterTime = 4 * time.Hour

// Turn is the right to push a key's value to the subscribers that have a filter with an interval,
// once in each interval.
type Turn struct {
	Topic, Filter, Key string
	// Every is the interval, at least 1 ms.
	Every time.Duration
	// Patience is how long the caller can wait at most. If the interval lasts longer, it does not
	// wait.
	Patience time.Duration
	// Ticket is that of the Taken whose Wait is over; empty otherwise.
	Ticket string
}

// Taken is the result of [Values.TakeTurn].
type Taken struct {
	// Mine is true if the caller has the turn. It then reads the value and pushes that.
	Mine bool
	// Wait is how long the caller has to wait before it asks again, with Ticket. If it is 0 and
	// Mine is false, there is nothing to do: another process waits, and reads the value afterwards.
	Wait   time.Duration
	Ticket string
}

// Values keeps the values of state topics: for each topic and key the last one, a counter of each
// topic, and the filters of the subscriptions to it. [Memory] has them for a single process;
// package dynamo for all instances of a function. To test an implementation of your own, use
// package topictest.
//
// All methods are safe for concurrent use, and may be called again after an error. Names of topics
// and keys are non-empty UTF-8 strings, keys of at most [MaxKeyBytes]; others are refused with
// [ErrInvalid], and a store may refuse what is too long or too large for it in the same way. Reads
// are strongly consistent: they see what earlier calls of any process have done, once those have
// returned. The error of a canceled context wraps [context.Cause].
type Values interface {
	// StoreValue stores a value, or with nil data a mark that expires after [MarkTime].
	//
	// Of all that is stored under a key, each has a higher version than what it replaces, also if
	// that is a mark that has expired or been removed. So the order of the versions is the order in
	// which the calls took effect, and each takes effect between its beginning and its return. A
	// call may take effect twice within that time, under two versions; it returns the second. It
	// never takes effect after it has returned without an error, also if its first request to a
	// backend arrives late. One that returns an error may have stored the value, or may yet.
	StoreValue(ctx context.Context, topic, key string, data json.RawMessage) (Stored, error)

	// ReplaceValue stores a value like StoreValue, but only in place of a version: that of the value
	// or the mark that is stored, or 0 if there is nothing or a mark that has expired. If another is
	// stored, it fails with [ErrChanged], has stored nothing, and never will.
	//
	// It takes effect once at most, also if an answer of a backend is lost: the call finds out
	// whether its own request was carried out, and never takes what it has stored for that of
	// another. If it cannot find out, since others have replaced the value several times meanwhile,
	// it returns an error that is not ErrChanged, as it does if it cannot reach the backend.
	ReplaceValue(ctx context.Context, topic, key string, version int64, data json.RawMessage) (Stored, error)

	// RaiseCounter adds 1, or rarely more, to the counter of a topic, and returns it. A counter
	// begins at 0, never falls and never expires.
	RaiseCounter(ctx context.Context, topic string) (int64, error)

	// Counters returns the counters of topics, in their order.
	Counters(ctx context.Context, topics []string) ([]int64, error)

	// GetValue returns what is stored under a key, which may be a mark. If there is nothing, the
	// version is 0.
	GetValue(ctx context.Context, topic, key string) (Value, error)

	// ReadValues returns a page of a topic's values and marks, without marks that have expired.
	// Following the pages returns each value that is there all the time exactly once. What changes
	// meanwhile is in a page before or after the change.
	ReadValues(ctx context.Context, q ValuesQuery) (ValuesPage, error)

	// KeepFilter keeps a filter for [FilterTime] from now, whether it is kept already or not.
	KeepFilter(ctx context.Context, topic string, f KeptFilter) error

	// DropFilter removes a filter, unless it was kept since with another nonce. It is idempotent.
	DropFilter(ctx context.Context, topic string, f KeptFilter) error

	// ReadFilters returns all filters of a topic that have not expired, in the order of their IDs.
	ReadFilters(ctx context.Context, topic string) ([]KeptFilter, error)

	// TakeTurn asks for a turn. Without a ticket the caller has the turn if the interval since the
	// last one is over. Otherwise it waits for the rest of the interval, and asks again with the
	// ticket; but of all that ask in an interval, only one waits. With a ticket the caller has the
	// turn unless another has taken one since.
	//
	// Callers have stored the value before they ask. So the one that takes the next turn, and reads
	// the value after that, reads that value or a newer one. If the one that waits dies, the next
	// caller after the interval has the turn. A turn is forgotten some time after its interval, at
	// the earliest when that is over.
	TakeTurn(ctx context.Context, t Turn) (Taken, error)
}

// ValidateKey returns an [ErrInvalid] if the key of a value is empty, not UTF-8 or longer than
// [MaxKeyBytes]. Stores call it.
func ValidateKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: the key is empty", ErrInvalid)
	case len(key) > MaxKeyBytes:
		return fmt.Errorf("%w: the key %.60q… has %d bytes, the limit is %d", ErrInvalid, key, len(key), MaxKeyBytes)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: the key %.100q is not UTF-8", ErrInvalid, key)
	}
	return nil
}

// Validate returns an [ErrInvalid] for a query that no store accepts: without a topic, after what
// cannot be a key, or with a negative number. Stores call it in ReadValues.
func (q ValuesQuery) Validate() error {
	switch {
	case q.Topic == "" || !utf8.ValidString(q.Topic):
		return fmt.Errorf("%w: the topic %.100q is empty or not UTF-8", ErrInvalid, q.Topic)
	case q.After != "" && ValidateKey(q.After) != nil:
		return fmt.Errorf("%w: After: %.60q is not a key", ErrInvalid, q.After)
	case q.Limit < 0 || q.Bytes < 0:
		return fmt.Errorf("%w: Limit is %d and Bytes %d; neither may be negative", ErrInvalid, q.Limit, q.Bytes)
	}
	return nil
}

// maxFilterID is the length of the longest KeptFilter.ID.
const maxFilterID = 64

// Validate returns an [ErrInvalid] for a filter that no store accepts. Stores call it in
// KeepFilter.
func (f KeptFilter) Validate() error {
	switch {
	case f.ID == "" || len(f.ID) > maxFilterID:
		return fmt.Errorf("%w: the ID %.70q of the filter must have 1 to %d bytes", ErrInvalid, f.ID, maxFilterID)
	case f.Filter == "" || len(f.Filter) > maxFilter:
		return fmt.Errorf("%w: the filter has %d bytes, it must have 1 to %d", ErrInvalid, len(f.Filter), maxFilter)
	case f.Nonce == "" || f.Kept.IsZero():
		return fmt.Errorf("%w: the filter has no nonce or no time", ErrInvalid)
	}
	return nil
}

// Validate returns an [ErrInvalid] for a turn that no store accepts. Stores call it in TakeTurn,
// after they have checked the topic and the key.
func (t Turn) Validate() error {
	if t.Filter == "" || len(t.Filter) > maxFilterID {
		return fmt.Errorf("%w: the ID %.70q of the filter must have 1 to %d bytes", ErrInvalid, t.Filter, maxFilterID)
	}
	if t.Every < time.Millisecond {
		return fmt.Errorf("%w: Every is %v, must be at least a millisecond", ErrInvalid, t.Every)
	}
	return nil
}
