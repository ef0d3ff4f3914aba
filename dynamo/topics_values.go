package dynamo

import (
	"context"
	"encoding/json"

	"github.com/gatesock/gatesock/topic"
)

// The methods below are the [topic.Values] of state topics. docs/adr/0026-filters-share-groups.md
// explains the rows of filters.
//
// # Values: cost
//
// To set a value of a topic costs 1 write unit for each KB of the value, and 1 for the counter; if
// the topic has filters, also 1 read unit for each 4 KB of different filters. For each filter with
// an interval it costs 1 write unit more, 3 for the one that waits, and 1 read unit for the value
// that is pushed. A snapshot costs a read unit for each 4 KB of values, and 1 for the counter. A
// filter costs 1 read unit for each 4 KB of different filters, and 1 write unit unless another
// subscription has had it within 30 seconds.
//
// All values of a topic are one partition, which takes up to 1,000 write units and 3,000 read units
// a second, and so is its counter (Amazon DynamoDB Developer Guide, "Best practices for designing
// and using partition keys effectively").

var _ topic.Values = (*Topics)(nil)

// StoreValue stores a value; see [topic.Values]. A value has at most 390 KB; more is a
// [topic.ErrInvalid].
//
// If DynamoDB does not answer, StoreValue stores the value again. It then sets the version to the
// time, so that the attempt that was not answered can have no effect any more, should it arrive
// later.
func (ts *Topics) StoreValue(ctx context.Context, name, key string, data json.RawMessage) (topic.Stored, error) {
	return wrapped(ts.values.StoreValue(ctx, name, key, data))
}

// ReplaceValue stores a value in place of a version; see [topic.Values]. It costs what StoreValue
// does. The item of a value that was replaced in this way is about 60 bytes larger.
//
// If DynamoDB does not answer, ReplaceValue makes the same request again, and recognizes its own
// value by a nonce in the item, also under up to three values that others have put in its place by
// ReplaceValue, and any number by StoreValue.
func (ts *Topics) ReplaceValue(
	ctx context.Context, name, key string, version int64, data json.RawMessage,
) (topic.Stored, error) {
	return wrapped(ts.values.ReplaceValue(ctx, name, key, version, data))
}

// RaiseCounter adds to the counter of a state topic; see [topic.Values].
func (ts *Topics) RaiseCounter(ctx context.Context, name string) (int64, error) {
	return wrapped(ts.values.RaiseCounter(ctx, name))
}

// Counters returns the counters of state topics; see [topic.Values]. It costs 1 read unit for each.
func (ts *Topics) Counters(ctx context.Context, names []string) ([]int64, error) {
	return wrapped(ts.values.Counters(ctx, names))
}

// GetValue returns a value of a state topic; see [topic.Values].
func (ts *Topics) GetValue(ctx context.Context, name, key string) (topic.Value, error) {
	return wrapped(ts.values.GetValue(ctx, name, key))
}

// ReadValues returns a page of a state topic; see [topic.Values]. A page has at most 1,000 values
// and 1 MB.
func (ts *Topics) ReadValues(ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
	return wrapped(ts.values.ReadValues(ctx, q))
}

// KeepFilter keeps a filter of a state topic; see [topic.Values].
func (ts *Topics) KeepFilter(ctx context.Context, name string, f topic.KeptFilter) error {
	_, err := wrapped(struct{}{}, ts.values.KeepFilter(ctx, name, f))
	return err
}

// DropFilter removes a filter of a state topic; see [topic.Values].
func (ts *Topics) DropFilter(ctx context.Context, name string, f topic.KeptFilter) error {
	_, err := wrapped(struct{}{}, ts.values.DropFilter(ctx, name, f))
	return err
}

// ReadFilters returns the filters of a state topic; see [topic.Values].
func (ts *Topics) ReadFilters(ctx context.Context, name string) ([]topic.KeptFilter, error) {
	return wrapped(ts.values.ReadFilters(ctx, name))
}

// TakeTurn asks for a turn to push a value of a state topic; see [topic.Values].
func (ts *Topics) TakeTurn(ctx context.Context, turn topic.Turn) (topic.Taken, error) {
	return wrapped(ts.values.TakeTurn(ctx, turn))
}
