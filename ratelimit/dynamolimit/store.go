// Package dynamolimit keeps the token buckets and the quotas of package ratelimit in the table of package conn/dynamoconn, where they hold for all
// instances of a function together.
//
//	store, err := dynamolimit.New(dynamodb.NewFromConfig(cfg), "chat")
//	if err != nil {
//		return err
//	}
//	messages := ratelimit.New(store, "messages", ratelimit.Limit{Rate: 5, Burst: 20}, ratelimit.FailOpen)
//	month := ratelimit.NewQuota(store, "month", ratelimit.Quota{Max: 10_000, Per: ratelimit.Month}, ratelimit.FailOpen, ratelimit.WithBatchSize(10))
//
// # What it costs
//
// A message that is let through is one conditional write: 1 write unit. It is two, of which the first fails, where another instance
// has taken tokens of that bucket which are not there again yet. A message that is refused is one or two writes the first time; from
// then on the instance knows when there are tokens again, and refuses until then by itself, at no cost. No call makes more than two
// requests, and none is repeated: a request that fails is up to [ratelimit.FailureMode]. The credentials need dynamodb:UpdateItem, and
// GetItem for who asks for 0 tokens.
//
// A quota is one write unit for each unit that is used, or for each reserve of several (ratelimit.NewQuota), and at most two for a
// refusal, which is remembered until the period ends.
//
// # How far it holds
//
// All instances together let through no more than the burst and the rate times the time, and the rate times as much as their clocks
// differ: with clocks that are two seconds fast and slow, four seconds' worth, once and not again. They do not refuse what is there.
// A request whose answer is lost may have taken its tokens for nothing.
//
// One bucket is one item, and takes up to 1,000 writes a second (DynamoDB Developer Guide, "Best practices for designing and using
// partition keys effectively"): it is for connections, users, keys and addresses, not for all messages of an API. ratelimit.Shard
// splits a bucket that many share.
//
// # In the table
//
// One item is one bucket: pk r#<key>, sk b, with the time at which it is full again (the generic cell rate algorithm); or what is used
// of one quota in one period: pk r#<key>, sk q#<when that begins>. It expires an hour after that time, or after the period, so that
// made-up keys leave nothing behind.
package dynamolimit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/internal/dynamotable"
	"github.com/gatesock/gatesock/internal/tokenbucket"
	"github.com/gatesock/gatesock/internal/until"
	"github.com/gatesock/gatesock/ratelimit"
)

// API is what a Store calls; [*dynamodb.Client] has it.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// Store is a [ratelimit.Store] and [ratelimit.QuotaStore] in a DynamoDB table. It is safe for concurrent use.
type Store struct {
	api     API
	table   string
	prefix  string // of every partition key
	clock   func() time.Time
	timeout time.Duration

	mu sync.Mutex
	// known is when buckets are full again, as this process saw them last. They are never full earlier.
	known until.Map
}

var (
	_ ratelimit.Store      = (*Store)(nil)
	_ ratelimit.QuotaStore = (*Store)(nil)
)

// DefaultTimeout is how long a call may take: whoever sends a message waits for it.
const DefaultTimeout = time.Second

// maxKnown is how many buckets a process remembers. For one that it has forgotten it asks again.
const maxKnown = 100_000

// margin is how long a bucket that is full stays in the table: clocks differ by less.
const margin = time.Hour

// Option is an option of [New].
type Option interface{ apply(*Store) error }

type option func(*Store) error

func (o option) apply(s *Store) error { return o(s) }

// WithNamespace keeps the store's items apart from those of others in the same table; it has to be the same in all processes. At
// most 255 bytes of UTF-8, without "#".
func WithNamespace(namespace string) Option {
	return option(func(s *Store) (err error) {
		if s.prefix, err = dynamotable.Prefix(namespace); err != nil {
			return fmt.Errorf("dynamolimit: %w", err)
		}
		return nil
	})
}

// WithClock sets the time; the default is [time.Now].
func WithClock(now func() time.Time) Option {
	return option(func(s *Store) error {
		if now == nil {
			return errors.New("dynamolimit: the clock is nil")
		}
		s.clock = now
		return nil
	})
}

// WithTimeout sets how long a call may take; the default is [DefaultTimeout].
func WithTimeout(d time.Duration) Option {
	return option(func(s *Store) error {
		if d <= 0 {
			return errors.New("dynamolimit: the timeout is not above 0")
		}
		s.timeout = d
		return nil
	})
}

// New returns a Store in a table of the form that dynamoconn.CreateTable makes. It sends nothing. It fails if the table's name is
// empty, and panics if client is nil.
func New(client API, table string, opts ...Option) (*Store, error) {
	if client == nil {
		panic("dynamolimit: New with a nil client")
	}
	if table == "" {
		return nil, errors.New("dynamolimit: the table's name is empty")
	}
	s := &Store{api: client, table: table, clock: time.Now, timeout: DefaultTimeout, known: until.Map{Max: maxKnown}}
	for _, o := range opts {
		if err := o.apply(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// attrFull is when a bucket is full again: a Unix time in nanoseconds.
const attrFull = "f"

// maxKey is the longest key, in bytes: a partition key has up to 2,048 (DynamoDB Developer Guide, "Constraints").
const maxKey = 1500

// Take takes n tokens; see the package about its cost. A refusal may be of what this process has seen of the bucket last: then others
// may have taken more since, and there is less than Remaining, and longer to wait than RetryAfter. It fails on a key that is empty,
// longer than 1,500 bytes or not UTF-8, and if DynamoDB does.
func (s *Store) Take(ctx context.Context, key string, l ratelimit.Limit, n int) (ratelimit.Decision, error) {
	if err := checkKey(key); err != nil {
		return ratelimit.Decision{}, err
	}
	r := request{key: key, limit: l, n: n, now: s.clock()}
	known := s.recall(key)
	// What is refused by what is known stays so: buckets are never full earlier than they were seen to be.
	if d := r.decide(known); !d.Allowed {
		return d, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	d, err := s.ask(ctx, r, known)
	if err != nil {
		return ratelimit.Decision{}, fmt.Errorf("dynamolimit: take %d tokens of %.60q: %w", n, key, marked(err))
	}
	return d, nil
}

func checkKey(key string) error {
	if key == "" || len(key) > maxKey || !utf8.ValidString(key) {
		return fmt.Errorf("%w: dynamolimit: the key %.60q is empty, longer than %d bytes or not UTF-8", ratelimit.ErrInvalid, key, maxKey)
	}
	return nil
}

// request is for n tokens.
type request struct {
	key   string
	limit ratelimit.Limit
	n     int
	now   time.Time
}

// decide gives the decision on a bucket that is full at a time, as if the tokens were taken now.
func (r *request) decide(full int64) ratelimit.Decision {
	_, d := tokenbucket.Limit(r.limit).Take(full, r.now.UnixNano(), r.n)
	return ratelimit.Decision(d)
}

// ask takes the tokens in the table. A bucket that is known not to be full is one to which their time is added. One that may be full is
// first taken for that; the answer to a wrong guess says how it is.
func (s *Store) ask(ctx context.Context, r request, known int64) (ratelimit.Decision, error) {
	if r.n <= 0 {
		return s.look(ctx, r)
	}
	isFull := known <= r.now.UnixNano()
	found, err := s.write(ctx, r, isFull)
	if err != nil {
		return ratelimit.Decision{}, err
	}
	if found.isAllowed(r) && !found.made { // a wrong guess, or an item that somebody has deleted
		if found, err = s.write(ctx, r, !isFull); err != nil {
			return ratelimit.Decision{}, err
		}
	}
	d := r.decide(found.full)
	if !found.made && d.Allowed {
		return ratelimit.Decision{}, errors.New("the bucket was changed by hand meanwhile")
	}
	return d, nil
}

// bucket is how a write has found one.
type bucket struct {
	full int64 // when it was full, before the write
	made bool  // the write was made
}

func (b bucket) isAllowed(r request) bool { return r.decide(b.full).Allowed }

// write takes the tokens of a bucket on condition that it is full, or that it is not and has enough.
func (s *Store) write(ctx context.Context, r request, isFull bool) (bucket, error) {
	now, cost := r.now.UnixNano(), r.cost()
	latest := now + int64(tokenbucket.Limit(r.limit).Fill())
	in := &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: s.key(r.key, bucketKey),
		ExpressionAttributeValues:           map[string]types.AttributeValue{":exp": number((latest+int64(margin))/int64(time.Second) + 1)},
		ReturnValues:                        types.ReturnValueUpdatedNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	const expires = ", " + dynamotable.Expiry + " = :exp"
	if isFull {
		in.UpdateExpression = aws.String("SET " + attrFull + " = :full" + expires)
		in.ConditionExpression = aws.String("attribute_not_exists(" + attrFull + ") OR " + attrFull + " <= :now")
		in.ExpressionAttributeValues[":full"], in.ExpressionAttributeValues[":now"] = number(now+cost), number(now)
	} else {
		in.UpdateExpression = aws.String("SET " + attrFull + " = " + attrFull + " + :cost" + expires)
		in.ConditionExpression = aws.String(attrFull + " > :now AND " + attrFull + " <= :most")
		in.ExpressionAttributeValues[":cost"], in.ExpressionAttributeValues[":now"] = number(cost), number(now)
		in.ExpressionAttributeValues[":most"] = number(latest - cost)
	}
	out, err := s.api.UpdateItem(ctx, in, once)
	var failed *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &failed):
		full, err := numberOf(failed.Item, attrFull)
		s.learn(r, full)
		return bucket{full: full}, err
	case err != nil:
		return bucket{}, err
	}
	full, err := numberOf(out.Attributes, attrFull)
	s.learn(r, full)
	return bucket{full: full - cost, made: true}, err
}

// look tells how many tokens there are, by a strongly consistent read.
func (s *Store) look(ctx context.Context, r request) (ratelimit.Decision, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: s.key(r.key, bucketKey), ConsistentRead: aws.Bool(true)}, once)
	if err != nil {
		return ratelimit.Decision{}, err
	}
	full, err := numberOf(out.Item, attrFull)
	return r.decide(full), err
}

// once keeps a client from repeating a request: it may have been made, and who waits has little time.
func once(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

func (r *request) cost() int64 { return int64(tokenbucket.Limit(r.limit).Token()) * int64(r.n) }

func (s *Store) recall(key string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	full, _ := s.known.Get(key)
	return full
}

func (s *Store) learn(r request, full int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known.Set(r.key, full, r.now.UnixNano())
}

// bucketKey is the sort key of buckets.
const bucketKey = "b"

func (s *Store) key(key, sortKey string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		dynamotable.PartitionKey: &types.AttributeValueMemberS{Value: s.prefix + "r#" + key},
		dynamotable.SortKey:      &types.AttributeValueMemberS{Value: sortKey},
	}
}

// numberOf reads an item; one that is not there has 0: a full bucket, a count of nothing.
func numberOf(item map[string]types.AttributeValue, name string) (int64, error) {
	if len(item) == 0 {
		return 0, nil
	}
	n, ok := item[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0, fmt.Errorf("%w: the item has no number %s", ratelimit.ErrInvalid, name)
	}
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: the item's number %s: %w", ratelimit.ErrInvalid, name, err)
	}
	return v, nil
}

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
