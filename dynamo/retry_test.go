package dynamo_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/dynamotwin"
)

// failing answers each GetItem with the next of its errors, and then with nothing.
type failing struct {
	dynamo.API
	errs  []error
	calls []time.Time
	hang  int // so many calls do not answer until their context ends
}

func (f *failing) GetItem(
	ctx context.Context, _ *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error,
) {
	var o dynamodb.Options
	for _, opt := range opts {
		opt(&o)
	}
	if o.Retryer.MaxAttempts() != 1 {
		return nil, errors.New("the client would retry, too")
	}
	f.calls = append(f.calls, time.Now())
	if n := len(f.calls); n <= f.hang {
		<-ctx.Done()
		return nil, &smithy.CanceledError{Err: ctx.Err()}
	} else if n <= len(f.errs) {
		return nil, f.errs[n-1]
	}
	return &dynamodb.GetItemOutput{}, nil
}

func throttle() error {
	err := &types.ProvisionedThroughputExceededException{Message: aws.String("slow down")}
	return &smithy.OperationError{OperationName: "GetItem", Err: err}
}

func times(n int, err error) []error {
	list := make([]error, n)
	for i := range list {
		list[i] = err
	}
	return list
}

func status(code int) error {
	return &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code}},
		Err:      errors.New(http.StatusText(code)),
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		api     failing
		calls   int
		within  time.Duration // of all attempts, at the most
		wantErr string        // empty: the last attempt succeeds
	}{
		"nothing fails":                {failing{}, 1, 0, ""},
		"throttled twice":              {failing{errs: times(2, throttle())}, 3, 75 * time.Millisecond, ""},
		"a conflict with transactions": {failing{errs: times(1, &types.TransactionConflictException{})}, 2, 25 * time.Millisecond, ""},
		"a fault of DynamoDB":          {failing{errs: times(3, status(500))}, 4, 175 * time.Millisecond, ""},
		"a connection that broke":      {failing{errs: times(1, &smithyhttp.RequestSendError{Err: errors.New("reset by peer")})}, 2, 25 * time.Millisecond, ""},
		"no answer":                    {failing{hang: 2}, 3, 6*time.Second + 75*time.Millisecond, ""},
		"throttled for ever":           {failing{errs: times(20, throttle())}, 10, 5 * time.Second, `get connection "a": table "table": 10 attempts, the last: .*slow down`},
		"refused": {
			failing{errs: times(2, &smithy.GenericAPIError{Code: "ValidationException", Message: "no such thing"})},
			1, 0,
			`get connection "a": .*no such thing`,
		},
		"forbidden": {failing{errs: times(2, &smithy.GenericAPIError{Code: "AccessDeniedException"})}, 1, 0, "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := dynamo.Open(&c.api, "table").Connections()
				began := time.Now()
				_, err := store.Get(t.Context(), "a")
				require.Len(t, c.api.calls, c.calls)
				require.LessOrEqual(t, time.Since(began), c.within)
				if c.wantErr == "" {
					require.ErrorIs(t, err, conn.ErrNotFound)
				} else {
					require.Regexp(t, "^dynamo: .*"+c.wantErr, err)
				}
			})
		})
	}
}

func TestRetriesEndBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &failing{errs: times(100, throttle())}
		store := dynamo.Open(api, "table").Connections()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := store.Get(ctx, "a")
		require.NoError(t, ctx.Err(), "it waited for a deadline that leaves no time for an attempt")
		require.ErrorContains(t, err, "no time is left")
		var throttled *types.ProvisionedThroughputExceededException
		require.ErrorAs(t, err, &throttled)
		require.Greater(t, len(api.calls), 1)
	})
}

func TestRetriesEndWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &failing{hang: 100}
		store := dynamo.Open(api, "table").Connections()
		why := errors.New("the client hung up")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(4*time.Second, func() { cancel(why) })
		began := time.Now()
		_, err := store.Get(ctx, "a")
		require.ErrorIs(t, err, why)
		require.Equal(t, 4*time.Second, time.Since(began))
		require.Len(t, api.calls, 2)
	})
}

func TestJitterIsFull(t *testing.T) {
	t.Parallel()
	for attempt, bound := range map[int]time.Duration{
		1: 25 * time.Millisecond, 2: 50 * time.Millisecond, 4: 200 * time.Millisecond, 6: 800 * time.Millisecond,
		7: time.Second, 9: time.Second,
	} {
		var low, high bool
		for range 1000 {
			d := dynamo.FullJitter(attempt)
			require.Less(t, d, bound)
			low, high = low || d < bound/4, high || d > bound*3/4
		}
		require.True(t, low && high, "attempt %d", attempt)
	}
}

// forgetful carries out requests, and loses the answers of as many as a test wants.
type forgetful struct {
	dynamo.API
	puts, updates, deletes int
}

func lose(n *int, err error) error {
	if *n > 0 && err == nil {
		*n--
		return status(http.StatusInternalServerError)
	}
	return err
}

func (f *forgetful) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error,
) {
	out, err := f.API.PutItem(ctx, in, opts...)
	return out, lose(&f.puts, err)
}

func (f *forgetful) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error,
) {
	out, err := f.API.UpdateItem(ctx, in, opts...)
	return out, lose(&f.updates, err)
}

func (f *forgetful) DeleteItem(
	ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error,
) {
	out, err := f.API.DeleteItem(ctx, in, opts...)
	return out, lose(&f.deletes, err)
}

// congested is a table that throttles the attempt after one whose answer was lost.
type congested struct {
	forgetful
	calls int
}

func (c *congested) DeleteItem(
	ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error,
) {
	if c.calls++; c.calls == 2 {
		return nil, throttle()
	}
	return c.forgetful.DeleteItem(ctx, in, opts...)
}

// What was lost stays lost, whatever the attempts in between say.
func TestLostAnswersBeforeThrottling(t *testing.T) {
	t.Parallel()
	api := &congested{forgetful: forgetful{API: dynamotest.Client(t), deletes: 1}}
	store := dynamo.Open(api, dynamotest.Table(t), dynamo.WithNamespace(dynamotest.Namespace(t))).Connections()
	require.NoError(t, store.Put(t.Context(), conn.Conn{ID: "a"}))
	_, err := store.Delete(t.Context(), "a")
	require.ErrorContains(t, err, "whose answer was lost")
	require.Equal(t, 3, api.calls)
}

// The store can tell an attempt of its own, whose answer was lost, from a call of another process.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	api := &forgetful{API: dynamotest.Client(t)}
	store := dynamo.Open(api, dynamotest.Table(t), dynamo.WithNamespace(dynamotest.Namespace(t)),
		dynamo.WithConcurrency(1)).Connections()
	ctx := t.Context()
	members := func(group string) (ids []string) {
		for m, err := range conn.Members(ctx, store, group) {
			require.NoError(t, err)
			ids = append(ids, m.ID)
		}
		return ids
	}

	api.puts = 2
	require.NoError(t, store.Put(ctx, conn.Conn{ID: "a", Groups: []string{"g"}}))
	require.Equal(t, []string{"a"}, members("g"))
	require.ErrorIs(t, store.Put(ctx, conn.Conn{ID: "a"}), conn.ErrExists)

	api.updates, api.puts = 1, 1
	require.NoError(t, store.Join(ctx, "a", "h"))
	require.Equal(t, []string{"a"}, members("h"))

	api.updates, api.deletes = 1, 1
	require.NoError(t, store.Leave(ctx, "a", "h"))
	require.Empty(t, members("h"))

	for lost := range 4 { // the record's update, and rows that it has come to
		api.updates = lost
		c, err := store.JoinMany(ctx, "a", []string{"x", "y"})
		require.NoError(t, err)
		require.Equal(t, []string{"g", "x", "y"}, c.Groups)
		require.Equal(t, []string{"a"}, members("x"))
		require.Equal(t, []string{"a"}, members("y"))
		require.NoError(t, store.Leave(ctx, "a", "x"))
		require.NoError(t, store.Leave(ctx, "a", "y"))
		require.Empty(t, append(members("x"), members("y")...))
	}

	api.deletes = 1
	_, err := store.Delete(ctx, "a")
	require.ErrorContains(t, err, "whose answer was lost")
	require.NotErrorIs(t, err, conn.ErrNotFound)
	_, err = store.Get(ctx, "a")
	require.ErrorIs(t, err, conn.ErrNotFound)
	require.NoError(t, store.Leave(ctx, "a", "g"), "what is left of it goes with a Leave")
	require.Empty(t, members("g"))
}

// latecomer does not answer the first request for a row of the group h, and keeps it for later.
type latecomer struct {
	dynamo.API
	late func(context.Context) error
}

func (l *latecomer) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error,
) {
	if l.late == nil && strings.Contains(dynamotwin.KeyOf(in.Key).Partition, "g#h#") {
		l.late = func(ctx context.Context) error {
			_, err := l.API.UpdateItem(ctx, in, opts...)
			return err
		}
		return nil, status(http.StatusInternalServerError)
	}
	return l.API.UpdateItem(ctx, in, opts...)
}

// An attempt of a join whose answer was lost may be carried out after the membership has ended.
func TestLateAttemptOfAJoin(t *testing.T) {
	t.Parallel()
	api := &latecomer{API: dynamotest.Client(t)}
	store := dynamo.Open(api, dynamotest.Table(t), dynamo.WithNamespace(dynamotest.Namespace(t))).Connections()
	ctx := t.Context()
	require.NoError(t, store.Put(ctx, conn.Conn{ID: "a"}))
	require.NoError(t, store.Join(ctx, "a", "h"))
	require.NoError(t, store.Leave(ctx, "a", "h"))
	var refused *types.ConditionalCheckFailedException
	require.ErrorAs(t, api.late(ctx), &refused)
	for m, err := range conn.Members(ctx, store, "h") {
		require.NoError(t, err)
		require.Fail(t, "there is a member", m.ID)
	}
}
