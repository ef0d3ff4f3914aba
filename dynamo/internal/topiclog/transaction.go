package topiclog

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

// CanceledError is the error of an append that was not made because of the caller's items.
type CanceledError struct {
	// Reasons has the reason of each of the caller's items, in their order.
	Reasons []types.CancellationReason
	err     error
}

// Error implements error.
func (e *CanceledError) Error() string {
	var failed []string
	for i, r := range e.Reasons {
		if code := aws.ToString(r.Code); code != "None" && code != "" {
			failed = append(failed, fmt.Sprintf("item %d: %s: %s", i, code, aws.ToString(r.Message)))
		}
	}
	return "the caller's items canceled the transaction: " + strings.Join(failed, "; ")
}

// Unwrap returns DynamoDB's error.
func (e *CanceledError) Unwrap() error { return e.err }

// transaction is the writes of an append that are made together, and where among them the entry and
// the publisher's key are. The caller's items come last.
type transaction struct {
	writes []types.TransactWriteItem
	entry  int
	key    int // -1 if there is none
	own    int // the number of writes before the caller's
}

// transact returns a transaction of an entry, what goes before it, its key and the caller's items.
func (a *appending) transact(epoch string, e *entry, before ...types.TransactWriteItem) transaction {
	tx := transaction{writes: before, entry: len(before), key: -1}
	tx.writes = append(tx.writes, a.l.t.PutIf(a.l.encodeEntry(a.name, epoch, e), absent, nil))
	if a.key != "" {
		tx.key = len(tx.writes)
		it := a.l.t.PublishKeyKey(a.name, epoch, a.key)
		it[attrOffset], it[table.Expiry] = table.Number(e.offset), table.Number(e.exp)
		now := table.Item{":now": table.Number(a.at.Unix())}
		tx.writes = append(tx.writes, a.l.t.PutIf(it, absent+" OR exp <= :now", now))
	}
	tx.own = len(tx.writes)
	tx.writes = append(tx.writes, a.items...)
	return tx
}

// sendTx makes a transaction; see send. All attempts have one token, by which DynamoDB recognizes
// for 10 minutes a transaction that it has made (Amazon DynamoDB API Reference,
// "TransactWriteItems"). After that the nonce does it.
func (a *appending) sendTx(
	ctx context.Context, tx transaction, allowed func() (time.Time, bool),
) (lost bool, err error) {
	client, err := a.l.t.Transactor()
	if err != nil {
		return false, a.failed(false, err)
	}
	in := &dynamodb.TransactWriteItemsInput{TransactItems: tx.writes, ClientRequestToken: aws.String(rand.Text())}
	return a.send(ctx, allowed, func(ctx context.Context, until time.Time) error {
		write := func(
			ctx context.Context, in *dynamodb.TransactWriteItemsInput, opts ...func(*dynamodb.Options),
		) (*dynamodb.TransactWriteItemsOutput, error) {
			return client.TransactWriteItems(ctx, in, append(opts, table.SignedUntil(until))...)
		}
		_, err := table.Attempt(ctx, a.l.t, write, in)
		return err
	})
}

// putTx appends the entry together with its key and the caller's items.
func (a *appending) putTx(
	ctx context.Context, epoch string, e *entry, seen instant, allowed func() (time.Time, bool),
) (*topic.Appended, error) {
	tx := a.transact(epoch, e)
	lost, err := a.sendTx(ctx, tx, allowed)
	if err == nil {
		return a.done(epoch, e, seen), nil
	}
	reasons, ok := table.Canceled(err)
	if !ok {
		return nil, ignoreAgain(err)
	}
	if mine, err := a.isMine(ctx, epoch, e, reasons, tx, lost); mine || err != nil {
		return a.doneIf(mine, epoch, e, seen), err
	}
	used := tx.key >= 0 && reasons[tx.key].Refused
	if reasons[tx.entry].Refused {
		result, err := a.met(epoch, e, reasons[tx.entry].Item)
		if !used || err != nil {
			return result, err
		}
		// The key is used in an epoch that may have ended.
		if p, ok, err := a.read(ctx, epoch); !ok || p.epoch != epoch || err != nil {
			return nil, err
		}
	}
	if used {
		return a.duplicate(ctx, epoch, reasons[tx.key].Item)
	}
	return nil, a.canceled(tx, lost, err)
}

func (a *appending) doneIf(mine bool, epoch string, e *entry, seen instant) *topic.Appended {
	if !mine {
		return nil
	}
	return a.done(epoch, e, seen)
}

// isMine reports whether the entry of a canceled transaction is in the table, since an attempt has
// written it whose answer was lost.
func (a *appending) isMine(
	ctx context.Context, epoch string, e *entry, reasons []table.Reason, tx transaction, lost bool,
) (bool, error) {
	if len(reasons) != len(tx.writes) {
		return false, a.failed(lost, fmt.Errorf("%d reasons for %d items", len(reasons), len(tx.writes)))
	}
	if nonce, ok := reasons[tx.entry].Item[attrNonce].(*types.AttributeValueMemberB); ok {
		return bytes.Equal(nonce.Value, a.nonce), nil
	}
	if !lost {
		return false, nil
	}
	there, err := a.l.getEntry(ctx, a.name, epoch, e.offset)
	if err != nil {
		return false, a.failed(lost, err)
	}
	return there != nil && bytes.Equal(there.nonce, a.nonce), nil
}

// canceled is for a transaction that the caller's items have canceled. If an attempt is lost, it
// may still arrive when their conditions hold.
func (a *appending) canceled(tx transaction, lost bool, err error) error {
	var all *types.TransactionCanceledException
	if !errors.As(err, &all) || len(all.CancellationReasons) != len(tx.writes) {
		return a.failed(lost, err)
	}
	for i, r := range all.CancellationReasons[:tx.own] {
		if code := aws.ToString(r.Code); code == "ValidationError" || code == "ItemCollectionSizeLimitExceeded" {
			return a.failed(lost, fmt.Errorf("write %d of the entry: %s: %w", i, aws.ToString(r.Message), err))
		}
	}
	return a.failed(lost, &CanceledError{Reasons: all.CancellationReasons[tx.own:], err: err})
}

// keyReads is how often an append looks for the entry of a key. The transaction that writes both
// may be being carried out; see newborn.
const keyReads = 4

// duplicate returns the entry that has the key already.
func (a *appending) duplicate(ctx context.Context, epoch string, key table.Item) (*topic.Appended, error) {
	offset, err := table.GetNumber(key, attrOffset)
	if err == nil && (offset < 1 || offset > topic.MaxOffset) {
		err = fmt.Errorf("attribute %q is %d, which is not an offset", attrOffset, offset)
	}
	if err != nil {
		return nil, a.failed(false, itemError(key, err))
	}
	first := a.l.cache.entry(a.name, epoch, offset)
	for n := 1; first == nil && n <= keyReads && (n == 1 || a.l.t.WaitFor(ctx, n-1)); n++ {
		if first, err = a.l.getEntry(ctx, a.name, epoch, offset); err != nil {
			return nil, a.failed(false, err)
		}
	}
	if first == nil || first.seal {
		return nil, a.failed(false, fmt.Errorf("the key %.100q was used for entry %d of epoch %s, which is gone",
			a.key, offset, epoch))
	}
	return &topic.Appended{Record: first.record(epoch), Duplicate: true}, nil
}
