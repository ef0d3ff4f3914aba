// Package topicvalues is the store of state topics on the table.
//
// # Items
//
// A value is an item in the partition of its topic, with its key as sort key. A deleted value stays
// as a mark that expires. A topic has one item for its counter, which never expires, one for each
// filter of its subscriptions, and one for each key and filter with an interval that was pushed
// lately.
//
// # Versions
//
// A value's version is one more than that of the value before, by one update. The first version is
// the time in microseconds, less a minute, so that a key whose mark has expired comes back with a
// higher one: a key is not set a million times a second.
//
// An update whose answer is lost may arrive later, also after the next attempt has succeeded, and
// after others have stored what is newer. So each update has a bound, the time in microseconds,
// which the version must be below. Normally it is, by far. Once an attempt was lost, the next ones
// set the version to more than the bounds of all attempts before, so that none of these can succeed
// any more. Versions only grow. A bound that is too low, because clocks differ, is raised to the
// version that was found, and the update made again.
//
// An update that replaces a version has the condition that this version is stored, so none of its
// attempts can be carried out once it is not. If an attempt before had no answer, the item shows
// whether it was carried out: it has the nonces of the last four updates of this kind. Others that
// store a value leave them there. docs/adr/0037-values-are-replaced-by-version.md explains it.
package topicvalues

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/dynamo/internal/topiclog"
	"github.com/gatesock/gatesock/topic"
)

// MaxDataBytes is the largest value. An item has up to 400 KB (Amazon DynamoDB Developer Guide,
// "Constraints in Amazon DynamoDB").
const MaxDataBytes = 390 << 10

// head start is how far below the time the first version of a key is, so that clocks that differ by
// less do not make the next update fail.
const headStart = time.Minute

// step is how far a bound is raised above a version that was found.
const step = int64(time.Second / time.Microsecond)

// The attributes of items; see also package table.
const (
	attrVersion = "v"
	attrData    = "d" // absent: a mark
	attrTime    = "t" // Unix time in milliseconds
	attrCounter = "n"
	attrFilter  = "f"
	attrNonce   = "o"
	attrWaits   = "w" // the nonce of the one that waits for the next turn
)

// Store is a [topic.Values] on a table. It is safe for concurrent use.
type Store struct{ t *table.Table }

// New returns a Store. It sends nothing.
func New(t *table.Table) *Store { return &Store{t} }

func check(ctx context.Context, name string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return topiclog.CheckTopic(name)
}

func checkKey(ctx context.Context, name, key string) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	return topic.ValidateKey(key)
}

// StoreValue implements [topic.Values].
func (s *Store) StoreValue(ctx context.Context, name, key string, data json.RawMessage) (topic.Stored, error) {
	w, err := s.begin(ctx, name, key, data)
	if err != nil {
		return topic.Stored{}, err
	}
	stored, err := w.run(ctx)
	if err != nil {
		return topic.Stored{}, fmt.Errorf("store the value %.100q of topic %.100q: %w", key, name, err)
	}
	return stored, nil
}

// begin checks the arguments of a call that stores a value.
func (s *Store) begin(ctx context.Context, name, key string, data json.RawMessage) (*writing, error) {
	if err := checkKey(ctx, name, key); err != nil {
		return nil, err
	}
	if len(data) > MaxDataBytes {
		return nil, fmt.Errorf("%w: the value %.60q has %d bytes, the limit is %d",
			topic.ErrInvalid, key, len(data), MaxDataBytes)
	}
	w := &writing{s: s, key: s.t.ValueKey(name, key), data: data, now: s.t.Clock()}
	w.bound = w.now.UnixMicro()
	return w, nil
}

// writing is a value that is being stored.
type writing struct {
	s    *Store
	key  table.Item
	data json.RawMessage
	now  time.Time

	// bound is what the version must be below; with lost, it is what the version becomes. It is above
	// those of the attempts before.
	bound int64
	lost  bool // an attempt may have been carried out, or may still be
}

// run makes attempts until one succeeds.
func (w *writing) run(ctx context.Context) (topic.Stored, error) {
	for n := 1; ; n++ {
		out, err := table.Attempt(ctx, w.s.t, w.s.t.API.UpdateItem, w.update())
		if err == nil {
			return w.stored(out.Attributes)
		}
		there, refused := table.Refused(err)
		fate := table.FateOf(err)
		switch {
		case refused:
			version, invalid := table.GetNumber(there, attrVersion)
			if invalid != nil {
				return topic.Stored{}, invalid
			}
			w.bound = max(w.bound, version) + step
		case fate == table.Unknown:
			w.lost = true
			w.bound = max(w.bound+1, w.s.t.Clock().UnixMicro())
		case fate != table.Repeatable:
			return topic.Stored{}, w.failed(err)
		}
		switch {
		case n == table.MaxAttempts:
			return topic.Stored{}, w.failed(fmt.Errorf("%d attempts, the last: %w", n, err))
		case !refused && !w.s.t.WaitFor(ctx, n):
			return topic.Stored{}, w.failed(fmt.Errorf("no time is left for another attempt: %w", err))
		}
	}
}

func (w *writing) failed(err error) error {
	if w.lost {
		return fmt.Errorf("it may be stored, or may yet be: %w", err)
	}
	return fmt.Errorf("%s: %w", table.OutcomeOf(err, "it may be stored, or may yet be"), err)
}

func (w *writing) first() int64 { return w.now.Add(-headStart).UnixMicro() }

// expiry is that of a mark.
func (w *writing) expiry() types.AttributeValue {
	return table.Number(w.now.Add(topic.MarkTime).Unix() + 1)
}

func (w *writing) update() *dynamodb.UpdateItemInput {
	set := "SET v = if_not_exists(v, :first) + :one"
	values := table.Item{":first": table.Number(w.first()), ":one": table.Number(1)}
	if w.lost {
		set, values = "SET v = :bound", table.Item{}
	}
	values[":bound"], values[":time"] = table.Number(w.bound), table.Number(w.now.UnixMilli())
	set += ", t = :time"
	if w.data == nil {
		set += ", " + table.Expiry + " = :exp REMOVE d"
		values[":exp"] = w.expiry()
	} else {
		set += ", d = :data REMOVE " + table.Expiry
		values[":data"] = table.Text(string(w.data))
	}
	return &dynamodb.UpdateItemInput{
		TableName: &w.s.t.Name, Key: w.key,
		UpdateExpression:                    &set,
		ConditionExpression:                 aws.String("attribute_not_exists(v) OR v < :bound"),
		ExpressionAttributeValues:           values,
		ReturnValues:                        types.ReturnValueAllOld,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// stored returns the result of the attempt that has succeeded, from the item before.
func (w *writing) stored(old table.Item) (topic.Stored, error) {
	r := topic.Stored{Version: w.first() + 1, BeforeUnknown: w.lost}
	if len(old) > 0 {
		version, err := table.GetNumber(old, attrVersion)
		if err != nil {
			return r, err
		}
		r.Version = version + 1
	}
	if w.lost {
		r.Version = w.bound
		return r, nil
	}
	before, err := beforeOf(old)
	r.Before = before
	return r, err
}

// beforeOf returns the data in an item, or nil if there is none.
func beforeOf(old table.Item) (json.RawMessage, error) {
	text, err := table.GetText(old, attrData)
	if err != nil || text == "" {
		return nil, err
	}
	return json.RawMessage(text), nil
}

// RaiseCounter implements [topic.Values]. If the answer to an attempt is lost, the counter may grow
// by more than 1.
func (s *Store) RaiseCounter(ctx context.Context, name string) (int64, error) {
	if err := check(ctx, name); err != nil {
		return 0, err
	}
	out, _, err := table.Do(ctx, s.t, s.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName: &s.t.Name, Key: s.t.CounterKey(name),
		UpdateExpression:          aws.String("ADD n :one"),
		ExpressionAttributeValues: table.Item{":one": table.Number(1)},
		ReturnValues:              types.ReturnValueUpdatedNew,
	})
	if err != nil {
		return 0, fmt.Errorf("raise the counter of topic %.100q: %s: %w",
			name, table.OutcomeOf(err, "it may be raised"), err)
	}
	return table.GetNumber(out.Attributes, attrCounter)
}

// nonce returns a name for one call, which no other call has.
func nonce() string { return rand.Text() }
