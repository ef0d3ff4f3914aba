package table_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/observe"
)

// tracer keeps the names of spans, and how they end.
type tracer []string

func (tr *tracer) Start(ctx context.Context, s observe.Span) (context.Context, func(observe.SpanEnd)) {
	if s.Kind != "store" {
		return ctx, func(observe.SpanEnd) {}
	}
	return ctx, func(e observe.SpanEnd) {
		text := s.Name + " " + s.Target
		if e.Err != nil {
			text += ": " + e.Err.Error()
		}
		*tr = append(*tr, text)
	}
}

func (*tracer) Flush(context.Context) error { return nil }

// answers returns requests that are answered with one error after the other.
func answers[In, Out any](errs ...error) table.Request[In, Out] {
	return func(context.Context, In, ...func(*dynamodb.Options)) (out Out, err error) {
		err, errs = errs[0], errs[1:]
		return out, err
	}
}

func coded(code string) error { return &smithy.GenericAPIError{Code: code, Message: code} }

// Each attempt counts, by its answer: served, refused because of the rate, refused by a condition,
// which does not count as a failure, or failed.
func TestRequestsAreObserved(t *testing.T) {
	t.Parallel()
	tb := &table.Table{Name: "chat", Backoff: func(int) time.Duration { return 0 }}
	for _, c := range []struct {
		errs []error
		want string
	}{
		{[]error{nil}, `"StoreLatency":`},
		{
			[]error{coded("ProvisionedThroughputExceededException"), coded("ThrottlingException"), coded("RequestLimitExceeded"), nil},
			`"StoreThrottled":3,"StoreLatency":[`,
		},
		{[]error{&types.ConditionalCheckFailedException{}}, `"StoreLatency":`},
		{[]error{coded("TransactionConflictException"), nil}, `"StoreErrors":1,"StoreLatency":[`},
		{[]error{coded("InternalServerError")}, `"StoreErrors":1,"StoreLatency":`},
		{[]error{coded("ValidationException")}, `"StoreErrors":1,"StoreLatency":`},
		{[]error{errors.New("no route to host")}, `"StoreErrors":1,"StoreLatency":`},
	} {
		var lines bytes.Buffer
		h := observe.New(observe.WithOutput(&lines)).Handler(lambda.NewHandler(func(ctx context.Context) {
			_, _, _ = table.Do(ctx, tb, answers[*dynamodb.QueryInput, *dynamodb.QueryOutput](c.errs...), &dynamodb.QueryInput{})
		}))
		_, err := h.Invoke(t.Context(), []byte("{}"))
		require.NoError(t, err)
		require.Contains(t, lines.String(), `"ColdStarts":1,`+c.want)
		if n := len(c.errs); n > 1 {
			_, list, _ := strings.Cut(lines.String(), `"StoreLatency":[`)
			list, _, _ = strings.Cut(list, "]")
			require.Equal(t, n-1, strings.Count(list, ","))
		}
	}
}

func TestOperationsHaveNames(t *testing.T) {
	t.Parallel()
	tb := &table.Table{Name: "chat"}
	tr := new(tracer)
	o := observe.New(observe.WithOutput(new(bytes.Buffer)), observe.WithTracer(tr))
	h := o.Handler(lambda.NewHandler(func(ctx context.Context) {
		once(ctx, tb, &dynamodb.GetItemInput{}, nil)
		once(ctx, tb, &dynamodb.BatchGetItemInput{}, nil)
		once(ctx, tb, &dynamodb.PutItemInput{}, &types.ConditionalCheckFailedException{})
		once(ctx, tb, &dynamodb.UpdateItemInput{}, nil)
		once(ctx, tb, &dynamodb.DeleteItemInput{}, nil)
		once(ctx, tb, &dynamodb.QueryInput{}, coded("ThrottlingException"))
		once(ctx, tb, &dynamodb.ScanInput{}, nil)
		defer func() { _ = recover() }()
		_, _ = table.Once(ctx, tb, func(context.Context, int, ...func(*dynamodb.Options)) (int, error) { panic("a bug") }, 0)
	}))
	_, err := h.Invoke(t.Context(), []byte("{}"))
	require.NoError(t, err)
	require.Equal(t, tracer{
		"GetItem chat", "BatchGetItem chat", "PutItem chat", "UpdateItem chat", "DeleteItem chat",
		"Query chat: api error ThrottlingException: ThrottlingException", "Scan chat", "other chat: dynamo: panic during a request",
	}, *tr)
}

func once[In any](ctx context.Context, tb *table.Table, in In, err error) {
	_, _ = table.Once(ctx, tb, answers[In, int](err), in)
}
