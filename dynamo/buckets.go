package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/internal/bounded"
	"github.com/gatesock/gatesock/internal/tokenbucket"
	"github.com/gatesock/gatesock/ratelimit"
)

// Buckets is the store of token buckets and quotas; see [DB.Buckets].
type Buckets interface {
	ratelimit.Store
	ratelimit.QuotaStore
}

// Buckets returns the store of token buckets and quotas for package ratelimit. The limits hold for
// all processes together:
//
//	limit := ratelimit.Limit{Rate: 5, Burst: 20}
//	messages := ratelimit.New(db.Buckets(), "messages", limit, ratelimit.FailOpen)
//
// It is the same store each time, and safe for concurrent use. A call takes at most a second
// ([WithLimitTimeout]). The role needs dynamodb:UpdateItem, and GetItem for callers that take 0
// tokens.
//
// # Cost
//
// An allowed message is one conditional write, of 1 write unit. It is two, the first of which
// fails, if another process has used the bucket and it is not full again. The first refusal is one
// or two writes; after it the process knows when the bucket has tokens again and refuses until then
// by itself, for free. A refusal by memory may report more tokens and a shorter wait than there
// are, because others may have taken some since.
//
// A quota costs one write unit for each unit that is used, or for each batch of units
// (ratelimit.WithBatchSize), and at most two for a refusal, which is remembered until the period
// ends.
//
// # Accuracy
//
// All processes together allow at most the burst, plus the rate times the time, plus the rate times
// the difference between their clocks: clocks that are two seconds fast and two seconds slow allow
// four seconds' worth more, once. They never refuse a message for which there are tokens.
//
// # Lost answers
//
// No request is repeated: a repeated one would take its tokens or units twice, and a client waits
// for the answer. A request that fails, or whose answer is lost, is an error, never a refusal; the
// limiter's failure mode decides. It may have taken its tokens.
//
// # Keys
//
// A bucket is one item and takes up to 1,000 writes a second (Amazon DynamoDB Developer Guide,
// "Best practices for designing and using partition keys effectively"). So limit connections,
// users, keys or addresses, not all messages of an API; ratelimit.Shard splits a bucket that many
// clients share. Keys have 1 to 1,500 bytes of UTF-8; others are an error that wraps
// [ratelimit.ErrInvalid]. Items expire an hour after the bucket is full or the period has ended, so
// made-up keys leave nothing behind.
func (db *DB) Buckets() Buckets {
	db.bucketsOnce.Do(func() { db.buckets = newBuckets(db.t, db.limitTimeout) })
	return db.buckets
}

// defaultLimitTimeout is short because a client waits for its message to pass.
const defaultLimitTimeout = time.Second

// WithLimitTimeout sets how long a call of [DB.Buckets] may take; the default is a second. It
// panics unless d is positive.
func WithLimitTimeout(d time.Duration) Option {
	if d <= 0 {
		panic("dynamo: WithLimitTimeout: d must be positive")
	}
	return option(func(db *DB) { db.limitTimeout = d })
}

type buckets struct {
	t       *table.Table
	timeout time.Duration

	mu sync.Mutex
	// known is when buckets are full again, as this process saw them last: a lower bound.
	known *bounded.Map[string, int64]
}

// maxKnown is how many buckets a process remembers. It asks the table again for others.
const maxKnown = 100_000

// margin is how long a bucket that is full stays in the table. Clocks differ by less.
const margin = time.Hour

func newBuckets(t *table.Table, timeout time.Duration) *buckets {
	if timeout == 0 {
		timeout = defaultLimitTimeout
	}
	return &buckets{
		t:       t,
		timeout: timeout,
		known:   bounded.New[string](maxKnown, func(full int64) int64 { return full }),
	}
}

const (
	attrFullAt = "f" // when a bucket is full again: Unix time in nanoseconds
	attrCount  = "n" // how many units of a quota are used
)

// Take implements [ratelimit.Store].
func (b *buckets) Take(ctx context.Context, key string, l ratelimit.Limit, n int) (ratelimit.Decision, error) {
	if err := checkLimitKey(key); err != nil {
		return ratelimit.Decision{}, err
	}
	r := taking{key: key, limit: l, n: n, now: b.t.Clock().UnixNano()}
	known := b.recall(key)
	if d := r.decide(known); !d.Allowed { // the bucket can only be full later than that
		return d, nil
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	take := b.take
	if n <= 0 {
		take = b.look
	}
	full, err := take(ctx, r, known)
	if err != nil {
		return ratelimit.Decision{}, fmt.Errorf("dynamo: take %d tokens of %.60q: %w", n, key, markInvalid(err))
	}
	return r.decide(full), nil
}

// maxLimitKey is the longest key in bytes. A partition key has up to 2,048 (Amazon DynamoDB
// Developer Guide, "Constraints in Amazon DynamoDB").
const maxLimitKey = 1500

func checkLimitKey(key string) error {
	if key == "" || len(key) > maxLimitKey || !utf8.ValidString(key) {
		return fmt.Errorf("%w: dynamo: the key %.60q must have 1 to %d bytes of UTF-8",
			ratelimit.ErrInvalid, key, maxLimitKey)
	}
	return nil
}

// taking is a request for n tokens at a time.
type taking struct {
	key   string
	limit ratelimit.Limit
	n     int
	now   int64 // Unix time in nanoseconds
}

// decide returns the decision on a bucket that is full at a time.
func (r taking) decide(full int64) ratelimit.Decision {
	_, d := tokenbucket.Limit(r.limit).Take(full, r.now, r.n)
	return ratelimit.Decision(d)
}

// cost is how much later the bucket is full when the tokens are taken.
func (r taking) cost() int64 { return int64(tokenbucket.Limit(r.limit).Token()) * int64(r.n) }

// latest is when the bucket is full that is empty now.
func (r taking) latest() int64 { return r.now + int64(tokenbucket.Limit(r.limit).Fill()) }

// take takes the tokens in the table, and returns when the bucket was full before that. If the
// bucket was refused, nothing is taken, and decide refuses the result too.
//
// One update cannot serve both a bucket that is full, whose past must not count, and one that is
// not. So take guesses by what it knows, and makes the other update if the answer shows a wrong
// guess.
func (b *buckets) take(ctx context.Context, r taking, known int64) (full int64, err error) {
	first, second := r.tryFull, r.tryPartial
	if known > r.now {
		first, second = r.tryPartial, r.tryFull
	}
	full, made, err := b.try(ctx, r, first())
	if err != nil || made || !r.decide(full).Allowed {
		return full, err
	}
	full, made, err = b.try(ctx, r, second()) // a wrong guess, or an item that was deleted
	if err == nil && !made && r.decide(full).Allowed {
		err = errors.New("another process changed the bucket between two writes")
	}
	return full, err
}

// tryFull is the update of a bucket that is full now, or was never used.
func (r taking) tryFull() *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		UpdateExpression:    aws.String("SET " + attrFullAt + " = :full, " + table.Expiry + " = :exp"),
		ConditionExpression: aws.String("attribute_not_exists(" + attrFullAt + ") OR " + attrFullAt + " <= :now"),
		ExpressionAttributeValues: table.Item{
			":full": table.Number(r.now + r.cost()), ":now": table.Number(r.now),
		},
	}
}

// tryPartial is the update of a bucket that is not full but has enough tokens.
func (r taking) tryPartial() *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		UpdateExpression: aws.String(
			"SET " + attrFullAt + " = " + attrFullAt + " + :cost, " + table.Expiry + " = :exp"),
		ConditionExpression: aws.String(attrFullAt + " > :now AND " + attrFullAt + " <= :most"),
		ExpressionAttributeValues: table.Item{
			":cost": table.Number(r.cost()), ":now": table.Number(r.now), ":most": table.Number(r.latest() - r.cost()),
		},
	}
}

// try makes an update, and returns when the bucket was full before it and whether it was made.
func (b *buckets) try(ctx context.Context, r taking, in *dynamodb.UpdateItemInput) (full int64, made bool, err error) {
	in.TableName, in.Key = &b.t.Name, b.t.BucketKey(r.key)
	in.ExpressionAttributeValues[":exp"] = table.Number((r.latest()+int64(margin))/int64(time.Second) + 1)
	in.ReturnValues = types.ReturnValueUpdatedNew
	in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	out, err := table.Once(ctx, b.t, b.t.API.UpdateItem, in)
	if there, ok := table.Refused(err); ok {
		full, err := limitNumber(there, attrFullAt)
		b.learn(r.key, full)
		return full, false, err
	}
	if err != nil {
		return 0, false, fmt.Errorf("%s: %w", table.OutcomeOf(err, "they may be taken"), err)
	}
	full, err = limitNumber(out.Attributes, attrFullAt)
	b.learn(r.key, full)
	return full - r.cost(), true, err
}

// look reads when a bucket is full, by a strongly consistent read.
func (b *buckets) look(ctx context.Context, r taking, _ int64) (full int64, err error) {
	out, err := table.Once(ctx, b.t, b.t.API.GetItem, &dynamodb.GetItemInput{
		TableName: &b.t.Name, Key: b.t.BucketKey(r.key), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return 0, err
	}
	return limitNumber(out.Item, attrFullAt)
}

func (b *buckets) recall(key string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	full, _ := b.known.Get(key)
	return full
}

func (b *buckets) learn(key string, full int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known.Set(key, full)
}

// Consume implements [ratelimit.QuotaStore]. It costs 1 write unit, even for a refusal.
func (b *buckets) Consume(
	ctx context.Context, key string, start, end time.Time, n, maximum int64,
) (ratelimit.Usage, error) {
	if err := checkLimitKey(key); err != nil {
		return ratelimit.Usage{}, err
	}
	if n > maximum {
		return ratelimit.Usage{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	out, err := table.Once(ctx, b.t, b.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName: &b.t.Name, Key: b.t.QuotaKey(key, start),
		UpdateExpression:    aws.String("ADD " + attrCount + " :n SET " + table.Expiry + " = :exp"),
		ConditionExpression: aws.String("attribute_not_exists(" + attrCount + ") OR " + attrCount + " <= :most"),
		ExpressionAttributeValues: table.Item{
			":n": table.Number(n), ":most": table.Number(maximum - n), ":exp": table.Number(end.Add(margin).Unix() + 1),
		},
		ReturnValues:                        types.ReturnValueUpdatedNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	used := ratelimit.Usage{Allowed: true}
	if there, ok := table.Refused(err); ok {
		used.Allowed = false
		used.Total, err = limitNumber(there, attrCount)
	} else if err != nil {
		err = fmt.Errorf("%s: %w", table.OutcomeOf(err, "they may be used"), err)
	} else {
		used.Total, err = limitNumber(out.Attributes, attrCount)
	}
	if err != nil {
		return ratelimit.Usage{}, fmt.Errorf("dynamo: use %d units of %.60q: %w", n, key, markInvalid(err))
	}
	return used, nil
}

// limitNumber reads a number of an item. It is 0 if there is no item: a full bucket, an unused
// quota. A number that does not fit is an error, because sums with it overflow.
func limitNumber(it table.Item, name string) (int64, error) {
	if len(it) == 0 {
		return 0, nil
	}
	n, err := countNumber(it, name)
	if err != nil {
		return 0, invalid(err)
	}
	return n, nil
}

// countNumber reads a number that fits, of an item that has it.
func countNumber(it table.Item, name string) (int64, error) {
	n, err := table.GetNumber(it, name)
	if err == nil && (n == math.MaxInt64 || n == math.MinInt64) {
		err = fmt.Errorf("attribute %q is out of range", name)
	}
	return n, err
}

func invalid(err error) error { return fmt.Errorf("%w: %w", ratelimit.ErrInvalid, err) }

// markInvalid makes err a [ratelimit.ErrInvalid] if the table will never accept the request.
func markInvalid(err error) error {
	if table.Invalid(err) {
		return invalid(err)
	}
	return err
}
