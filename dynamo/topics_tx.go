package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/dynamo/internal/topiclog"
	"github.com/gatesock/gatesock/topic"
)

// MaxTxItems is how many items of its own a caller can write together with an entry: a transaction
// has up to 100 (Amazon DynamoDB API Reference, "TransactWriteItems"), of which up to 4 are the
// entry's, its key's and those of an epoch that ends.
const MaxTxItems = topiclog.MaxItems

// CanceledError is the error of a transaction that was not carried out because of the caller's
// items, for example since the condition of one did not hold. Nothing was written.
type CanceledError struct {
	// Reasons has DynamoDB's reason for each of the caller's items, in their order. The code of an
	// item that was not the cause is "None". A failed condition has the code
	// "ConditionalCheckFailed", and the item that it met if ReturnValuesOnConditionCheckFailure
	// asked for it.
	Reasons []types.CancellationReason

	err error
}

// Error implements error. It names each item that was the cause.
func (e *CanceledError) Error() string { return e.err.Error() }

// Unwrap returns the error of DynamoDB, a [*types.TransactionCanceledException].
func (e *CanceledError) Unwrap() error { return e.err }

// PublishTx is [topic.Topics.Publish] in one transaction with items of the caller: either the event
// is in the log and all items are written, or nothing is. ts must be the log of t. The items may be
// in any tables of the region and account; for several events at once use [Topics.Tx]:
//
//	order := types.TransactWriteItem{Put: &types.Put{
//		TableName: aws.String("orders"), Item: item,
//		ConditionExpression: aws.String("attribute_not_exists(id)"),
//	}}
//	at, report, err := db.Topics().PublishTx(ctx, topics, "orders:1", "placed", data,
//		[]types.TransactWriteItem{order}, topic.WithKey(orderID))
//
// The event is pushed after the transaction. If the process dies before that, the event is in the
// log, and subscribers get it as [topic.Topics] describes for a publisher that dies, or at once
// from a handler of the table's stream.
//
// Errors without a position are those of Publish, and these:
//
//   - [*CanceledError]: an item of the caller kept the transaction from being made. Nothing was
//     written, unless the error is also [topic.ErrOutcome].
//   - [topic.ErrInvalid]: there are more than [MaxTxItems] items. Nothing was written.
//   - [topic.ErrOutcome]: the transaction may have been made, or may still be. With a key, call
//     PublishTx again: if it was made, that writes nothing, neither the event nor the items, pushes
//     the first event again, and returns its position.
//
// The key must stand for the items, too: a second call with the key and other items writes none of
// them.
//
// It costs 2 write units for each KB of each item, the entry and the key among them, also if it is
// canceled. The role needs dynamodb:PutItem on the table, and for the caller's items the action of
// each: dynamodb:PutItem, UpdateItem, DeleteItem or ConditionCheckItem.
func (ts *Topics) PublishTx(
	ctx context.Context, t *topic.Topics, name, event string, data any,
	items []types.TransactWriteItem, opts ...topic.PublishOption,
) (topic.Position, broadcast.Report, error) {
	return t.Publish(ctx, name, event, data, append(opts[:len(opts):len(opts)], topic.WithLog(ts.Tx(items...)))...)
}

// Tx returns the log for one publish whose entry is written together with items; see
// [Topics.PublishTx]. Use it with [topic.WithLog]. Each Append writes the items; Roll fails.
func (ts *Topics) Tx(items ...types.TransactWriteItem) topic.Log { return &txLog{ts, items} }

// txLog appends in transactions with items of the caller.
type txLog struct {
	*Topics
	items []types.TransactWriteItem
}

// Append implements [topic.Log].
func (l *txLog) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	a, err := l.log.AppendTx(ctx, name, e, l.items)
	if canceled := (*topiclog.CanceledError)(nil); errors.As(err, &canceled) {
		err = &CanceledError{Reasons: canceled.Reasons, err: err}
	}
	return wrapped(a, err)
}

// Roll implements [topic.Log].
func (l *txLog) Roll(context.Context, string, topic.Entry) (topic.Appended, error) {
	return topic.Appended{}, fmt.Errorf("dynamo: %w: Roll is not for a log of Topics.Tx", topic.ErrInvalid)
}
