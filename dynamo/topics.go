package dynamo

import (
	"context"
	"fmt"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/dynamo/internal/topiclog"
	"github.com/gatesock/gatesock/dynamo/internal/topicvalues"
	"github.com/gatesock/gatesock/topic"
)

// Topics keeps topics in the table: it is the [topic.Log] of event topics, the [topic.Values] of
// state topics and the [topic.Roster] of presence. It is safe for concurrent use. See [DB.Topics].
//
// The client that was passed to [Open] must be a [*dynamodb.Client], or have its method
// TransactWriteItems. Names of topics and keys of publishers have at most [MaxNameBytes] bytes, and
// an entry at most about 400 KB; more is a [topic.ErrInvalid]. A page has at most 1,000 entries and
// 1 MB of data.
//
// Data is stored as it is; it need not be JSON. Times are stored in milliseconds.
//
// # Cost
//
// An entry of up to 1 KB, with about 100 bytes of names and numbers, costs 1 write unit, and one
// more for each further KB. A process that has not used the topic for 5 minutes, or was not the
// last one to append to it, first reads the last entry, for 1 read unit, or 2 if it does not know
// the epoch. If another process is faster, the attempt costs a write unit all the same. A key makes
// it 4 write units. The first entry of a topic costs 4 write units, and one after more than a week
// without any costs 6.
//
// A reading costs 1 read unit, and 1 for each 4 KB of entries that the process has not read or
// appended before: it keeps some MB of them. It costs 1 more if the process does not know the
// epoch, or if the last entry is more than a week old. docs/costs.md has all figures; tests check
// them.
//
// # Retention
//
// An entry is stored for 8 days longer than it can be read, since it takes part in the protocol
// in which no offset is given twice. The head of a topic, an item of about 100 bytes, stays for
// ever.
type Topics struct {
	t   *table.Table
	log *topiclog.Log

	values *topicvalues.Store
}

var (
	_ topic.Log    = (*Topics)(nil)
	_ topic.Marker = (*Topics)(nil)
)

// Topics returns the store of topics, for topic.New, topic.WithState and topic.WithPresence. It is
// the same each time.
func (db *DB) Topics() *Topics {
	db.topicsOnce.Do(func() { db.topics = &Topics{t: db.t, log: topiclog.New(db.t), values: topicvalues.New(db.t)} })
	return db.topics
}

// Append adds an entry to a topic; see [topic.Log].
//
// If DynamoDB does not answer, Append sends the same request again, for at most 5 minutes or until
// the context's deadline, and then fails with [topic.ErrOutcome]. In one process, the appends to a
// topic wait for each other.
func (ts *Topics) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	return wrapped(ts.log.Append(ctx, name, e))
}

// Roll begins an epoch with an entry; see [topic.Log]. The number of the epoch is at least the Unix
// time in seconds, so that it is higher than that of any epoch that a restored table has forgotten.
func (ts *Topics) Roll(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	return wrapped(ts.log.Roll(ctx, name, e))
}

// Read returns a page of a topic; see [topic.Log].
func (ts *Topics) Read(ctx context.Context, q topic.Query) (topic.Page, error) {
	return wrapped(ts.log.Read(ctx, q))
}

// Moved reports for positions whether there is a newer entry; see [topic.Log]. It costs 1 read unit
// for each position, 2 if it is a quiet one, and those of the entries that it finds.
func (ts *Topics) Moved(ctx context.Context, at []topic.At) ([]bool, error) {
	return wrapped(ts.log.Moved(ctx, at))
}

// Mark keeps that an entry has been pushed; see [topic.Marker]. It costs 1 write unit for each KB
// of the entry.
func (ts *Topics) Mark(ctx context.Context, name string, at topic.Position) error {
	_, err := wrapped(struct{}{}, ts.log.Mark(ctx, name, at))
	return err
}

// wrapped adds the package to an error.
func wrapped[T any](result T, err error) (T, error) {
	if err != nil {
		return result, fmt.Errorf("dynamo: %w", err)
	}
	return result, nil
}
