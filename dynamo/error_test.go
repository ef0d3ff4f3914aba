package dynamo_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

// operations are all operations of a store, by the beginning of their errors.
func operations(s *dynamo.Connections) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		`put connection "a"`: func(ctx context.Context) error { return s.Put(ctx, conn.Conn{ID: "a", Groups: []string{"g"}}) },
		`get connection "a"`: func(ctx context.Context) error { _, err := s.Get(ctx, "a"); return err },
		`get 2 connections`:  func(ctx context.Context) error { _, err := s.GetMany(ctx, []string{"a", "b"}); return err },
		`set attributes of connection "a"`: func(ctx context.Context) error {
			_, err := s.SetAttributes(ctx, "a", map[string]string{"k": "v"})
			return err
		},
		`delete connection "a"`: func(ctx context.Context) error { _, err := s.Delete(ctx, "a"); return err },
		`join "a" to "g"`:       func(ctx context.Context) error { return s.Join(ctx, "a", "g") },
		`leave "a" from "g"`:    func(ctx context.Context) error { return s.Leave(ctx, "a", "g") },
		`read group "g"`:        func(ctx context.Context) error { _, err := s.Read(ctx, conn.Query{Group: "g"}); return err },
		`is group "g" settled`:  func(ctx context.Context) error { _, err := s.Settled(ctx, "g"); return err },
	}
}

func writes() []string {
	return []string{
		`put connection "a"`, `set attributes of connection "a"`, `delete connection "a"`, `join "a" to "g"`, `leave "a" from "g"`,
	}
}

// storeWrites are the operations of the other stores that write, by the beginning of their errors.
func storeWrites(db *dynamo.DB) map[string]func(context.Context) error {
	key := apikey.Key{ID: "a", Version: 2}
	noon := testclock.Noon()
	return map[string]func(context.Context) error{
		`create API key "a"`: func(ctx context.Context) error { return db.APIKeys().Create(ctx, key) },
		`update API key "a"`: func(ctx context.Context) error { return db.APIKeys().Update(ctx, key) },
		`note the use of API key "a"`: func(ctx context.Context) error {
			return db.APIKeys().TouchLastUsed(ctx, "a", noon, noon)
		},
		`delete API key "a"`: func(ctx context.Context) error { return db.APIKeys().Delete(ctx, "a") },
		`create a ticket`:    func(ctx context.Context) error { return db.Tickets().Create(ctx, "h", authz.Ticket{}) },
		`consume a ticket`:   func(ctx context.Context) error { _, err := db.Tickets().Consume(ctx, "h"); return err },
		`save the renewal of connection "a"`: func(ctx context.Context) error {
			return db.Renewals().Save(ctx, "a", authz.Principal{ID: "ann"})
		},
		`take 1 tokens of "k"`: func(ctx context.Context) error {
			_, err := db.Buckets().Take(ctx, "k", ratelimit.Limit{Rate: 1, Burst: 1}, 1)
			return err
		},
		`use 1 units of "k"`: func(ctx context.Context) error {
			_, err := db.Buckets().Consume(ctx, "k", noon, noon.Add(time.Hour), 1, 1)
			return err
		},
		`set plan "free"`:    func(ctx context.Context) error { return db.Plans().Set(ctx, "free", plan.Plan{}) },
		`delete plan "free"`: func(ctx context.Context) error { return db.Plans().Delete(ctx, "free") },
	}
}

// Every error names a table that does not exist, and none claims that something may have been
// written.
func TestErrorsNameTheTable(t *testing.T) {
	t.Parallel()
	store := dynamo.Open(dynamotest.Client(t), "not-there").Connections()
	for what, do := range operations(store) {
		err := do(t.Context())
		var missing *types.ResourceNotFoundException
		require.ErrorAs(t, err, &missing, what)
		require.ErrorContains(t, err, "dynamo: "+what)
		require.ErrorContains(t, err, `table "not-there"`)
		require.NotContains(t, err.Error(), "may", what)
	}
	for _, what := range writes() {
		require.ErrorContains(t, operations(store)[what](t.Context()), "nothing was written", what)
	}
	db := dynamo.Open(dynamotest.Client(t), "not-there", dynamo.WithLimitTimeout(time.Hour))
	for what, do := range storeWrites(db) {
		require.ErrorContains(t, do(t.Context()), "dynamo: "+what+": nothing was written: table \"not-there\"", what)
	}
}

// refusing answers every request with an error.
type refusing struct {
	dynamo.API
	err error
}

func (r refusing) PutItem(
	context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error,
) {
	return nil, r.err
}

func (r refusing) UpdateItem(
	context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error,
) {
	return nil, r.err
}

func (r refusing) DeleteItem(
	context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error,
) {
	return nil, r.err
}

// Only what DynamoDB has certainly not done is said not to have been done.
func TestErrorsSayWhatMayHaveBeenDone(t *testing.T) {
	t.Parallel()
	answered := func(code int, err error) error {
		return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code}}, Err: err}
	}
	for name, c := range map[string]struct {
		err    error
		undone bool
	}{
		"no such table":  {&types.ResourceNotFoundException{Message: aws.String("Requested resource not found")}, true},
		"forbidden":      {answered(400, &smithy.GenericAPIError{Code: "AccessDeniedException"}), true},
		"malformed":      {answered(400, &smithy.GenericAPIError{Code: "ValidationException"}), true},
		"throttled":      {throttle(), true},
		"a fault":        {answered(500, &smithy.GenericAPIError{Code: "InternalServerError"}), false},
		"no connection":  {&smithyhttp.RequestSendError{Err: http.ErrServerClosed}, false},
		"nobody listens": {&smithyhttp.RequestSendError{Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, true},
		"a reset":        {&smithyhttp.RequestSendError{Err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}}, false},
		"something else": {gatesock.ErrGone, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dynamo.Open(refusing{err: c.err}, "chat", dynamo.WithoutBackoff())
			for what, do := range storeWrites(db) {
				err := do(t.Context())
				require.ErrorIs(t, err, c.err)
				if c.undone {
					require.ErrorContains(t, err, "dynamo: "+what+": ")
					require.ErrorContains(t, err, ": nothing was written: table \"chat\"", what)
				} else {
					require.ErrorContains(t, err, " may ", what)
				}
			}
			store := db.Connections()
			for _, what := range writes() {
				err := operations(store)[what](t.Context())
				require.ErrorIs(t, err, c.err)
				require.ErrorContains(t, err, `table "chat"`)
				if c.undone {
					require.ErrorContains(t, err, what+": nothing was written")
					require.NotContains(t, err.Error(), " may ", what)
				} else {
					require.ErrorContains(t, err, " may ", what)
				}
			}
		})
	}
}

// endingAPI ends the caller's context while a write is under way.
type endingAPI struct {
	dynamo.API
	end context.CancelCauseFunc
}

func (e endingAPI) stop(ctx context.Context) error {
	e.end(errOver)
	return &smithy.CanceledError{Err: ctx.Err()}
}

func (e endingAPI) PutItem(
	ctx context.Context, _ *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error,
) {
	return nil, e.stop(ctx)
}

func (e endingAPI) UpdateItem(
	ctx context.Context, _ *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error,
) {
	return nil, e.stop(ctx)
}

func (e endingAPI) DeleteItem(
	ctx context.Context, _ *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error,
) {
	return nil, e.stop(ctx)
}

var errOver = errors.New("the invocation is over")

// A write whose context ends may have been made; one whose context had ended before was not.
func TestErrorsOfContextsThatEnd(t *testing.T) {
	t.Parallel()
	for what := range storeWrites(dynamo.Open(refusing{}, "chat")) {
		ctx, end := context.WithCancelCause(t.Context())
		do := storeWrites(dynamo.Open(endingAPI{end: end}, "chat"))[what]
		err := do(ctx)
		require.ErrorIs(t, err, errOver, what)
		require.ErrorContains(t, err, " may ", what)
		for _, refusal := range []error{
			authz.ErrNoTicket, apikey.ErrNotFound, apikey.ErrChanged, apikey.ErrExists, plan.ErrNotFound,
		} {
			require.NotErrorIs(t, err, refusal, what)
		}
		err = do(ctx)
		require.ErrorIs(t, err, errOver, what)
		require.ErrorContains(t, err, "nothing was written", what)
	}
}
