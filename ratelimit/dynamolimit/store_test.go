package dynamolimit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/internal/dynamotable"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/internal/tokenbucket"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/dynamolimit"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

// clock is a time that tests move.
type clock struct{ now atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.now.Store(testclock.Noon().UnixNano())
	return c
}

func (c *clock) advance(d time.Duration) { c.now.Add(int64(d)) }

// skewed is the time on a clock that is fast by d.
func (c *clock) skewed(d time.Duration) func() time.Time {
	return func() time.Time { return time.Unix(0, c.now.Load()).Add(d) }
}

// meter counts what goes to DynamoDB.
type meter struct {
	dynamolimit.API

	units, requests, failed atomic.Int64
}

func (m *meter) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	m.requests.Add(1)
	out, err := m.API.UpdateItem(ctx, in, o...)
	if err != nil {
		m.failed.Add(1)
		return out, err
	}
	m.units.Add(int64(*out.ConsumedCapacity.CapacityUnits))
	return out, nil
}

// newStore gives a process's store in a namespace.
func newStore(t *testing.T, api dynamolimit.API, namespace string, now func() time.Time, opts ...dynamolimit.Option) *dynamolimit.Store {
	t.Helper()
	// DynamoDB Local on a busy machine may take long: how long a test may take is up to the test binary.
	opts = append([]dynamolimit.Option{dynamolimit.WithNamespace(namespace), dynamolimit.WithClock(now), dynamolimit.WithTimeout(time.Hour)}, opts...)
	s, err := dynamolimit.New(api, dynamotest.Table(t), opts...)
	require.NoError(t, err)
	return s
}

func take(t require.TestingT, s *dynamolimit.Store, key string, l ratelimit.Limit, n int) ratelimit.Decision {
	d, err := s.Take(context.Background(), key, l, n)
	require.NoError(t, err)
	return d
}

// One instance after another decides as a bucket in memory does, whichever is asked.
func TestDecidesAsMemory(t *testing.T) {
	t.Parallel()
	client, namespace := dynamotest.Client(t), dynamotest.Namespace(t)
	c := newClock()
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		key := fmt.Sprint("key ", run)
		memory := ratelimit.NewMemory(ratelimit.WithClock(c.skewed(0)))
		stores := []*dynamolimit.Store{newStore(t, client, namespace, c.skewed(0)), newStore(t, client, namespace, c.skewed(0))}
		l := ratelimit.Limit{Rate: rapid.SampledFrom([]float64{0.5, 3, 1000}).Draw(r, "rate"), Burst: rapid.IntRange(1, 5).Draw(r, "burst")}
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			c.advance(time.Duration(rapid.Int64Range(0, 2*int64(tokenbucket.Limit(l).Token())).Draw(r, "step")))
			n := rapid.IntRange(-1, l.Burst+1).Draw(r, "n")
			want, err := memory.Take(context.Background(), key, l, n)
			require.NoError(r, err)
			got := take(r, stores[rapid.IntRange(0, 1).Draw(r, "instance")], key, l, n)
			if want.Allowed {
				require.Equal(r, want, got)
				continue
			}
			// Refused from memory: of what the instance saw last, when there was more.
			require.False(r, got.Allowed)
			require.GreaterOrEqual(r, got.Remaining, want.Remaining)
			require.LessOrEqual(r, got.RetryAfter, want.RetryAfter)
			require.Positive(r, got.RetryAfter)
		}
		c.advance(time.Hour) // the next one's buckets are its own, but time does not go back
	})
}

func TestCosts(t *testing.T) {
	t.Parallel()
	m, c := &meter{API: dynamotest.Client(t)}, newClock()
	namespace := dynamotest.Namespace(t)
	s := newStore(t, m, namespace, c.skewed(0))
	l := ratelimit.Limit{Rate: 1, Burst: 100}
	key := strings.Repeat("k", 200)
	for i := range 50 { // a full bucket, then one that is not, then one that is full again
		if i == 40 {
			c.advance(time.Hour)
		}
		c.advance(10 * time.Millisecond)
		require.True(t, take(t, s, key, l, 1).Allowed)
		require.EqualValues(t, i+1, m.requests.Load(), "one request for each message")
		require.EqualValues(t, i+1, m.units.Load(), "of one write unit")
	}
	require.Zero(t, m.failed.Load())

	// Another instance does not know the bucket, and makes one wrong guess.
	other := newStore(t, m, namespace, c.skewed(0))
	for range 10 {
		require.True(t, take(t, other, key, l, 1).Allowed)
	}
	require.EqualValues(t, 61, m.requests.Load())
	require.EqualValues(t, 1, m.failed.Load())
}

// A flood costs nothing after its first refusal.
func TestAFloodIsFree(t *testing.T) {
	t.Parallel()
	m, c := &meter{API: dynamotest.Client(t)}, newClock()
	namespace := dynamotest.Namespace(t)
	l := ratelimit.Limit{Rate: 1, Burst: 3}
	stores := []*dynamolimit.Store{newStore(t, m, namespace, c.skewed(0)), newStore(t, m, namespace, c.skewed(0))}
	for range 3 {
		require.True(t, take(t, stores[0], "flood", l, 1).Allowed)
	}
	for refill := range 5 {
		before := m.requests.Load()
		allowed := 0
		for range 10_000 {
			for _, s := range stores {
				if take(t, s, "flood", l, 1).Allowed {
					allowed++
				}
			}
		}
		require.Equal(t, min(refill, 1), allowed)
		require.LessOrEqual(t, m.requests.Load()-before, int64(3*len(stores)), "10,000 refused messages of each instance")
		c.advance(time.Second)
	}
}

// Sixteen instances whose clocks differ by up to four seconds let through what they should. All clocks are moved by hand, together: how
// fast the machine is makes no difference.
func TestManyInstances(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // nothing secret
	for _, l := range []ratelimit.Limit{
		// A bucket of one is full when the token of between two rounds is there, and loses what comes until the next round.
		{Rate: 39, Burst: 1},
		{Rate: 79, Burst: 1},
		{Rate: float64(20 + random.IntN(60)), Burst: 1 + random.IntN(50)},
	} {
		const spread = 4 * time.Second
		c, namespace := newClock(), dynamotest.Namespace(t)
		stores, fastest := make([]taker, 16), -spread
		for i := range stores {
			skew := time.Duration(random.Int64N(int64(spread))) - spread/2
			stores[i] = newStore(t, dynamotest.Client(t), namespace, c.skewed(skew))
			fastest = max(fastest, skew)
		}
		allowed := letThrough(t, c, l, stores...)
		c = newClock()
		alone := letThrough(t, c, l, ratelimit.NewMemory(ratelimit.WithClock(c.skewed(fastest))))
		t.Logf("seed %d: %+v let %d through, alone %d", seed, l, allowed, alone)
		due := float64(l.Burst) + l.Rate*letThroughFor.Seconds()
		require.LessOrEqual(t, float64(allowed), due+l.Rate*spread.Seconds(), "no more than clocks that differ explain")
		require.GreaterOrEqual(t, allowed, alone, "as much as the one whose clock is fastest, if it were alone")
	}
}

type taker interface {
	Take(ctx context.Context, key string, l ratelimit.Limit, n int) (ratelimit.Decision, error)
}

// letThroughFor is how much time passes on the clock in letThrough.
const letThroughFor = 6 * time.Second

// letThrough has all instances take one token after the other until they are refused, and moves the clock by 10 ms, and so on. It
// returns how many tokens they were given.
func letThrough(t *testing.T, c *clock, l ratelimit.Limit, instances ...taker) int64 {
	t.Helper()
	var allowed atomic.Int64
	const round = 10 * time.Millisecond
	for range letThroughFor / round {
		var wg sync.WaitGroup
		for _, s := range instances {
			wg.Go(func() {
				for d := (ratelimit.Decision{Allowed: true}); d.Allowed; {
					var err error
					if d, err = s.Take(context.Background(), "shared", l, 1); err != nil {
						t.Error(err)
					}
					if d.Allowed {
						allowed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		c.advance(round)
	}
	return allowed.Load()
}

// Instances at once take no token twice.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	client, namespace, c := dynamotest.Client(t), dynamotest.Namespace(t), newClock()
	l := ratelimit.Limit{Rate: 1, Burst: 50}
	for _, key := range []string{"a", "b", "c"} {
		var allowed atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			s := newStore(t, client, namespace, c.skewed(0))
			wg.Go(func() {
				for range 10 {
					d, err := s.Take(context.Background(), key, l, 1)
					if err != nil {
						t.Error(err)
					}
					if d.Allowed {
						allowed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, l.Burst, allowed.Load())
	}
}

func TestItemsExpire(t *testing.T) {
	t.Parallel()
	client, namespace, c := dynamotest.Client(t), dynamotest.Namespace(t), newClock()
	s := newStore(t, client, namespace, c.skewed(0))
	l := ratelimit.Limit{Rate: 1, Burst: 30}
	read := func() map[string]types.AttributeValue {
		out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: name(dynamotest.Table(t)), Key: key(namespace, "x")})
		require.NoError(t, err)
		return out.Item
	}
	for range 2 {
		require.True(t, take(t, s, "x", l, 1).Allowed)
		at := time.Unix(0, c.now.Load())
		want := fmt.Sprint(at.Add(30*time.Second+time.Hour).Unix() + 1)
		require.Equal(t, &types.AttributeValueMemberN{Value: want}, read()[dynamotable.Expiry])
	}
	require.Len(t, read(), 4)

	// One that was deleted is a full bucket.
	require.True(t, take(t, s, "x", l, 28).Allowed)
	_, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: name(dynamotest.Table(t)), Key: key(namespace, "x")})
	require.NoError(t, err)
	c.advance(time.Second)
	require.Equal(t, ratelimit.Decision{Allowed: true, Limit: 30, Remaining: 29}, take(t, s, "x", l, 1))
}

func name(table string) *string { return &table }

func key(namespace, key string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		dynamotable.PartitionKey: &types.AttributeValueMemberS{Value: "@" + namespace + "#r#" + key},
		dynamotable.SortKey:      &types.AttributeValueMemberS{Value: "b"},
	}
}

func TestItemsOfOthers(t *testing.T) {
	t.Parallel()
	client, namespace := dynamotest.Client(t), dynamotest.Namespace(t)
	s := newStore(t, client, namespace, newClock().skewed(0))
	l := ratelimit.Limit{Rate: 1, Burst: 1}
	for i, value := range []types.AttributeValue{&types.AttributeValueMemberS{Value: "x"}, &types.AttributeValueMemberN{Value: "1e30"}} {
		item := key(namespace, fmt.Sprint(i))
		item["f"] = value
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: name(dynamotest.Table(t)), Item: item})
		require.NoError(t, err)
		for _, n := range []int{0, 1} {
			_, err = s.Take(t.Context(), fmt.Sprint(i), l, n)
			require.ErrorContains(t, err, "number f")
		}
	}
}

// down is a DynamoDB that fails, or never answers.
type down struct{ err error }

func (d down) UpdateItem(ctx context.Context, _ *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	if d.err == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, d.err
}

func (d down) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return nil, d.err
}

func TestFailures(t *testing.T) {
	t.Parallel()
	l := ratelimit.Limit{Rate: 1, Burst: 1}
	s, err := dynamolimit.New(down{errors.New("no network")}, "t")
	require.NoError(t, err)
	for _, n := range []int{0, 1} {
		_, err = s.Take(t.Context(), "k", l, n)
		require.ErrorContains(t, err, `tokens of "k": no network`)
	}
	d, err := s.Take(t.Context(), "k", l, 2)
	require.NoError(t, err)
	require.Equal(t, ratelimit.Never, d.RetryAfter)
	for _, bad := range []string{"", strings.Repeat("x", 1501), "\xff"} {
		_, err = s.Take(t.Context(), bad, l, 1)
		require.ErrorContains(t, err, "the key")
	}
	hanging, err := dynamolimit.New(down{}, "t", dynamolimit.WithTimeout(time.Millisecond))
	require.NoError(t, err)
	_, err = hanging.Take(t.Context(), "k", l, 1)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	for _, o := range []dynamolimit.Option{
		dynamolimit.WithNamespace("a#b"), dynamolimit.WithNamespace("\xff"), dynamolimit.WithClock(nil), dynamolimit.WithTimeout(0),
	} {
		_, err = dynamolimit.New(down{}, "t", o)
		require.Error(t, err)
	}
	_, err = dynamolimit.New(down{}, "")
	require.ErrorContains(t, err, "empty")
	require.Panics(t, func() { _, _ = dynamolimit.New(nil, "t") })
}
