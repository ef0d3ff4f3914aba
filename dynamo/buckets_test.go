package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/internal/meter"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/internal/tokenbucket"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/limittest"
)

func TestBucketsConformance(t *testing.T) {
	t.Parallel()
	client := dynamotest.Client(t)
	limittest.Run(t, func(t *testing.T, now func() time.Time) (a, b limittest.Store) {
		t.Helper()
		namespace := dynamotest.Namespace(t)
		open := func() limittest.Store { return openIn(t, client, namespace, dynamo.WithClock(now)).Buckets() }
		return open(), open()
	})
}

// skewed returns an option for a clock that is fast by d.
func skewed(c *testclock.Clock, d time.Duration) dynamo.Option {
	return dynamo.WithClock(func() time.Time { return c.Now().Add(d) })
}

func take(t require.TestingT, s dynamo.Buckets, key string, l ratelimit.Limit, n int) ratelimit.Decision {
	d, err := s.Take(context.Background(), key, l, n)
	require.NoError(t, err)
	return d
}

// Processes that are asked in turn decide as a bucket in memory does.
func TestBucketsDecideAsMemory(t *testing.T) {
	t.Parallel()
	client, namespace := dynamotest.Client(t), dynamotest.Namespace(t)
	c := testclock.New(testclock.Noon())
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		key := fmt.Sprint("key ", run)
		memory := ratelimit.NewMemory(ratelimit.WithClock(c.Now))
		stores := []dynamo.Buckets{
			openIn(t, client, namespace, skewed(c, 0)).Buckets(),
			openIn(t, client, namespace, skewed(c, 0)).Buckets(),
		}
		l := ratelimit.Limit{
			Rate:  rapid.SampledFrom([]float64{0.5, 3, 1000}).Draw(r, "rate"),
			Burst: rapid.IntRange(1, 5).Draw(r, "burst"),
		}
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			c.Advance(time.Duration(rapid.Int64Range(0, 2*int64(tokenbucket.Limit(l).Token())).Draw(r, "step")))
			n := rapid.IntRange(-1, l.Burst+1).Draw(r, "n")
			want, err := memory.Take(context.Background(), key, l, n)
			require.NoError(r, err)
			got := take(r, stores[rapid.IntRange(0, 1).Draw(r, "instance")], key, l, n)
			if want.Allowed {
				require.Equal(r, want, got)
				continue
			}
			// Refused by what the process saw last, when there were more tokens.
			require.False(r, got.Allowed)
			require.GreaterOrEqual(r, got.Remaining, want.Remaining)
			require.LessOrEqual(r, got.RetryAfter, want.RetryAfter)
			require.Positive(r, got.RetryAfter)
		}
		c.Advance(time.Hour) // the next run has another bucket, but time does not go back
	})
}

func TestBucketsCost(t *testing.T) {
	t.Parallel()
	m, c := meter.New(dynamotest.Client(t)), testclock.New(testclock.Noon())
	api := &counted{API: m}
	namespace := dynamotest.Namespace(t)
	s := openIn(t, api, namespace, skewed(c, 0)).Buckets()
	l := ratelimit.Limit{Rate: 1, Burst: 100}
	key := strings.Repeat("k", 200)
	for i := range 50 { // a full bucket, then one that is not, then one that is full again
		if i == 40 {
			c.Advance(time.Hour)
		}
		c.Advance(10 * time.Millisecond)
		require.True(t, take(t, s, key, l, 1).Allowed)
		require.Equal(t, meter.Units{Write: 1}, m.Take().Documented, "one request of one write unit")
	}
	requests, failed := api.counts()
	require.Equal(t, 50, requests)
	require.Zero(t, failed)

	// Another process does not know the bucket, and makes one wrong guess.
	other := openIn(t, api, namespace, skewed(c, 0)).Buckets()
	for range 10 {
		require.True(t, take(t, other, key, l, 1).Allowed)
	}
	requests, failed = api.counts()
	require.Equal(t, 61, requests)
	require.Equal(t, 1, failed)
	bill := m.Take()
	require.Equal(t, meter.Units{Write: 11}, bill.Documented)
	require.Equal(t, meter.Units{Write: 11}, bill.Answered)
	take(t, other, key, l, 0)
	require.Equal(t, meter.Units{Read: 1}, m.Take().Answered)
}

// A flood costs nothing after its first refusal.
func TestAFloodIsFree(t *testing.T) {
	t.Parallel()
	m, c := &counted{API: dynamotest.Client(t)}, testclock.New(testclock.Noon())
	namespace := dynamotest.Namespace(t)
	l := ratelimit.Limit{Rate: 1, Burst: 3}
	stores := []dynamo.Buckets{
		openIn(t, m, namespace, skewed(c, 0)).Buckets(),
		openIn(t, m, namespace, skewed(c, 0)).Buckets(),
	}
	for range 3 {
		require.True(t, take(t, stores[0], "flood", l, 1).Allowed)
	}
	for refill := range 5 {
		before, _ := m.counts()
		allowed := 0
		for range 10_000 {
			for _, s := range stores {
				if take(t, s, "flood", l, 1).Allowed {
					allowed++
				}
			}
		}
		require.Equal(t, min(refill, 1), allowed)
		after, _ := m.counts()
		require.LessOrEqual(t, after-before, 3*len(stores), "10,000 refused messages of each instance")
		c.Advance(time.Second)
	}
}

// Sixteen processes whose clocks differ by up to four seconds allow what they should. The test
// moves all clocks together, so the speed of the machine does not matter.
func TestBucketsOfManyProcesses(t *testing.T) {
	t.Parallel()
	seed := dynamotest.Seed(t)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // nothing secret
	for _, l := range []ratelimit.Limit{
		// A bucket of one token is full between two rounds, and gains nothing more until the next
		// round.
		{Rate: 39, Burst: 1},
		{Rate: 79, Burst: 1},
		{Rate: float64(20 + random.IntN(60)), Burst: 1 + random.IntN(50)},
	} {
		const spread = 4 * time.Second
		c, namespace := testclock.New(testclock.Noon()), dynamotest.Namespace(t)
		stores, fastest := make([]taker, 16), -spread
		for i := range stores {
			skew := time.Duration(random.Int64N(int64(spread))) - spread/2
			stores[i] = openIn(t, dynamotest.Client(t), namespace, skewed(c, skew)).Buckets()
			fastest = max(fastest, skew)
		}
		allowed := letThrough(t, c, l, stores...)
		c = testclock.New(testclock.Noon())
		alone := letThrough(
			t,
			c,
			l,
			ratelimit.NewMemory(ratelimit.WithClock(func() time.Time { return c.Now().Add(fastest) })),
		)
		t.Logf("seed %d: %+v let %d through, alone %d", seed, l, allowed, alone)
		due := float64(l.Burst) + l.Rate*letThroughFor.Seconds()
		require.LessOrEqual(t, float64(allowed), due+l.Rate*spread.Seconds(), "no more than clocks that differ explain")
		require.GreaterOrEqual(t, allowed, alone, "as much as the one whose clock is fastest, if it were alone")
	}
}

type taker interface {
	Take(ctx context.Context, key string, l ratelimit.Limit, n int) (ratelimit.Decision, error)
}

// letThroughFor is the time that passes on the clock in letThrough.
const letThroughFor = 6 * time.Second

// letThrough lets all processes take single tokens until they are refused, moves the clock by 10
// ms, and repeats that. It returns how many tokens they got.
func letThrough(t *testing.T, c *testclock.Clock, l ratelimit.Limit, instances ...taker) int64 {
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
		c.Advance(round)
	}
	return allowed.Load()
}

// Concurrent processes take no token twice.
func TestBucketsAtOnce(t *testing.T) {
	t.Parallel()
	client, namespace, c := dynamotest.Client(t), dynamotest.Namespace(t), testclock.New(testclock.Noon())
	l := ratelimit.Limit{Rate: 1, Burst: 50}
	for _, key := range []string{"a", "b", "c"} {
		var allowed atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			s := openIn(t, client, namespace, skewed(c, 0)).Buckets()
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

func TestBucketsExpire(t *testing.T) {
	t.Parallel()
	client, namespace, c := dynamotest.Client(t), dynamotest.Namespace(t), testclock.New(testclock.Noon())
	s := openIn(t, client, namespace, skewed(c, 0)).Buckets()
	l := ratelimit.Limit{Rate: 1, Burst: 30}
	for range 2 {
		require.True(t, take(t, s, "x", l, 1).Allowed)
		want := fmt.Sprint(c.Now().Add(30*time.Second+time.Hour).Unix() + 1)
		require.Equal(t, numeral(want), getRaw(t, namespace, "r#x", "b")["exp"])
	}
	require.Len(t, getRaw(t, namespace, "r#x", "b"), 4)

	// A deleted item is a full bucket.
	require.True(t, take(t, s, "x", l, 28).Allowed)
	table := dynamotest.Table(t)
	_, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: &table, Key: key("@"+namespace+"#r#x", "b"),
	})
	require.NoError(t, err)
	c.Advance(time.Second)
	require.Equal(t, ratelimit.Decision{Allowed: true, Limit: 30, Remaining: 29}, take(t, s, "x", l, 1))
}

// An item that is not a bucket or a counter is an error that no retry helps against, and opens
// nothing.
func TestBrokenItemsOpenNothing(t *testing.T) {
	t.Parallel()
	namespace, now := dynamotest.Namespace(t), testclock.Noon()
	s := openIn(t, dynamotest.Client(t), namespace, stoppedAt(now)).Buckets()
	silent := ratelimit.WithLogger(slog.New(slog.DiscardHandler))
	quota := ratelimit.Quota{Max: 5, Per: ratelimit.Day}
	start, _ := quota.Window(now)
	clock := ratelimit.WithClock(func() time.Time { return now })
	for i, broken := range []types.AttributeValue{text("soon"), numeral("1e30"), numeral("99999999999999999999")} {
		client := fmt.Sprint("k", i)
		putRaw(t, namespace, "r#messages#"+client, "b", attributes{"f": broken})
		putRaw(t, namespace, "r#day#day#"+client, fmt.Sprintf("q#%d", start.Unix()), attributes{"n": broken})
		for name, l := range map[string]*ratelimit.Limiter{
			"bucket": ratelimit.New(s, "messages", ratelimit.Limit{Rate: 1, Burst: 5}, ratelimit.FailOpen, silent),
			"quota":  ratelimit.NewQuota(s, "day", quota, ratelimit.FailOpen, silent, clock),
		} {
			for range 3 {
				d, err := l.Allow(t.Context(), client, 1)
				require.ErrorIs(t, err, ratelimit.ErrInvalid, "%s %v", name, broken)
				require.False(t, d.Allowed)
			}
		}
		_, err := s.Take(t.Context(), "messages#"+client, ratelimit.Limit{Rate: 1, Burst: 5}, 0)
		require.ErrorIs(t, err, ratelimit.ErrInvalid)
		require.ErrorContains(t, err, `attribute "f" is `)
	}
}

// A request that DynamoDB will never accept is the caller's mistake; others may succeed later. Keys
// are not logged in full.
func TestWhichErrorsAreInvalid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err     error
		invalid bool
	}{
		"validation": {&smithy.GenericAPIError{Code: "ValidationException", Message: "no"}, true},
		"throttling": {&types.ProvisionedThroughputExceededException{}, false},
		"no table":   {&types.ResourceNotFoundException{}, false},
		"the link":   {errors.New("connection reset"), false},
	} {
		s := openIn(t, canned{err: c.err}, "").Buckets()
		long := strings.Repeat("k", 1000)
		for _, n := range []int{0, 1} {
			_, err := s.Take(t.Context(), long, ratelimit.Limit{Rate: 1, Burst: 1}, n)
			require.ErrorContains(t, err, fmt.Sprintf("dynamo: take %d tokens of ", n), name)
			require.Equal(t, c.invalid, errors.Is(err, ratelimit.ErrInvalid), name)
			require.Less(t, len(err.Error()), 300, name)
		}
		_, err := s.Consume(t.Context(), long, testclock.Noon(), testclock.Noon().Add(time.Hour), 1, 1)
		require.ErrorContains(t, err, "dynamo: use 1 units of ", name)
		require.Equal(t, c.invalid, errors.Is(err, ratelimit.ErrInvalid), name)
		require.Less(t, len(err.Error()), 300, name)
		for _, bad := range []string{"", strings.Repeat("x", 1501), "\xff"} {
			_, err = s.Take(t.Context(), bad, ratelimit.Limit{Rate: 1, Burst: 1}, 1)
			require.ErrorIs(t, err, ratelimit.ErrInvalid)
			require.ErrorContains(t, err, "must have 1 to 1500 bytes of UTF-8")
			require.Less(t, len(err.Error()), 300)
			_, err = s.Consume(t.Context(), bad, testclock.Noon(), testclock.Noon().Add(time.Hour), 1, 1)
			require.ErrorIs(t, err, ratelimit.ErrInvalid)
		}
	}
}

func TestBucketsTimeOut(t *testing.T) {
	t.Parallel()
	s := openIn(t, canned{}, "", dynamo.WithLimitTimeout(time.Millisecond)).Buckets()
	_, err := s.Take(t.Context(), "k", ratelimit.Limit{Rate: 1, Burst: 1}, 1)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = s.Consume(t.Context(), "k", testclock.Noon(), testclock.Noon().Add(time.Hour), 1, 1)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	d, err := s.Take(t.Context(), "k", ratelimit.Limit{Rate: 1, Burst: 1}, 2)
	require.NoError(t, err, "it needs no request")
	require.Equal(t, ratelimit.Never, d.RetryAfter)
}

// The time of a call is what WithLimitTimeout says, also if that is longer than an attempt of the
// other stores.
func TestBucketsWaitAsLongAsTheyMay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := dynamo.Open(canned{}, "table", dynamo.WithLimitTimeout(20*time.Second)).Buckets()
		began := time.Now()
		_, err := s.Take(t.Context(), "k", ratelimit.Limit{Rate: 1, Burst: 1}, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 20*time.Second, time.Since(began))
		_, err = s.Consume(t.Context(), "k", testclock.Noon(), testclock.Noon().Add(time.Hour), 1, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 40*time.Second, time.Since(began))
	})
}

// Two calls return one store, so that both know of a flood.
func TestBucketsAreShared(t *testing.T) {
	t.Parallel()
	db := openIn(t, canned{}, "")
	require.Same(t, db.Buckets(), db.Buckets())
}

// A lost answer is neither a refusal nor a reason to take tokens twice: the failure mode decides.
func TestTokensTakenWithALostAnswer(t *testing.T) {
	t.Parallel()
	silent := ratelimit.WithLogger(slog.New(slog.DiscardHandler))
	l := ratelimit.Limit{Rate: 1, Burst: 5}
	for mode, allowed := range map[ratelimit.FailureMode]bool{ratelimit.FailOpen: true, ratelimit.FailClosed: false} {
		api, namespace := unheardOnce(t), dynamotest.Namespace(t)
		d, err := ratelimit.New(openIn(t, api, namespace, stoppedAt(testclock.Noon())).Buckets(), "x", l, mode, silent).
			Allow(t.Context(), "k", 1)
		require.Equal(t, allowed, d.Allowed)
		if !allowed {
			require.ErrorContains(t, err, "connection reset by peer")
		}
		require.Equal(t, 1, api.writes, "it is not repeated")
		others := openIn(t, dynamotest.Client(t), namespace, stoppedAt(testclock.Noon())).Buckets()
		require.Equal(t, 4, take(t, others, "x#k", l, 0).Remaining, "taken once")
	}
}

func TestUnitsUsedWithALostAnswer(t *testing.T) {
	t.Parallel()
	api, namespace := unheardOnce(t), dynamotest.Namespace(t)
	start, end := testclock.Noon(), testclock.Noon().Add(time.Hour)
	_, err := openIn(t, api, namespace).Buckets().Consume(t.Context(), "k", start, end, 3, 5)
	require.ErrorContains(t, err, `dynamo: use 3 units of "k": `)
	require.NotErrorIs(t, err, ratelimit.ErrInvalid)
	require.Equal(t, 1, api.writes, "it is not repeated")
	used, err := openIn(t, dynamotest.Client(t), namespace).Buckets().Consume(t.Context(), "k", start, end, 0, 5)
	require.NoError(t, err)
	require.EqualValues(t, 3, used.Total, "counted once")
}

// A counter, its price and its expiry.
func TestQuotas(t *testing.T) {
	t.Parallel()
	m, namespace := meter.New(dynamotest.Client(t)), dynamotest.Namespace(t)
	s := openIn(t, m, namespace).Buckets()
	start := testclock.Noon()
	end := start.Add(24 * time.Hour)
	for _, step := range []struct {
		start      time.Time
		n, maximum int64
		want       ratelimit.Usage
	}{
		{start, 3, 5, ratelimit.Usage{Allowed: true, Total: 3}},
		{start, 3, 5, ratelimit.Usage{Total: 3}},
		{start, 2, 5, ratelimit.Usage{Allowed: true, Total: 5}},
		{start, 1, 5, ratelimit.Usage{Total: 5}},
		{start, 0, 5, ratelimit.Usage{Allowed: true, Total: 5}},
		{start, 1, 6, ratelimit.Usage{Allowed: true, Total: 6}}, // the quota was raised
		{start, 1, 2, ratelimit.Usage{Total: 6}},                // and lowered
		{end, 5, 5, ratelimit.Usage{Allowed: true, Total: 5}},
	} {
		got, err := s.Consume(t.Context(), "k", step.start, step.start.Add(24*time.Hour), step.n, step.maximum)
		require.NoError(t, err)
		require.Equal(t, step.want, got, "%+v", step)
		require.Equal(t, meter.Units{Write: 1}, m.Take().Documented, "also for a refusal")
	}
	got, err := s.Consume(t.Context(), "k", start, end, 7, 6)
	require.NoError(t, err)
	require.False(t, got.Allowed)
	require.Equal(t, meter.Bill{}, m.Take(), "more than the quota is refused without a request")
	it := getRaw(t, namespace, "r#k", fmt.Sprintf("q#%d", start.Unix()))
	require.Equal(t, numeral(fmt.Sprint(end.Add(time.Hour).Unix()+1)), it["exp"])
}

// Concurrent processes that take batches use a quota up, use no unit twice, and make one write for
// each batch.
func TestQuotaOfManyProcesses(t *testing.T) {
	t.Parallel()
	m, namespace, now := &counted{API: dynamotest.Client(t)}, dynamotest.Namespace(t), testclock.Noon()
	quota := ratelimit.Quota{Max: 503, Per: ratelimit.Day}
	var allowed atomic.Int64
	var wg sync.WaitGroup
	const instances, reserve = 16, 10
	for range instances {
		l := ratelimit.NewQuota(openIn(t, m, namespace).Buckets(), "x", quota, ratelimit.FailClosed,
			ratelimit.WithBatchSize(reserve), ratelimit.WithClock(func() time.Time { return now }))
		wg.Go(func() {
			for d := (ratelimit.Decision{Allowed: true}); d.Allowed; {
				var err error
				if d, err = l.Allow(context.Background(), "k", 1); err != nil {
					t.Error(err)
				}
				if d.Allowed {
					allowed.Add(1)
				}
			}
			for range 1000 {
				if d, err := l.Allow(context.Background(), "k", 1); err != nil || d.Allowed {
					t.Error("it is used up", d, err)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, quota.Max, allowed.Load())
	requests, _ := m.counts()
	require.LessOrEqual(t, requests, int(quota.Max)/reserve+1+2*instances)
}
