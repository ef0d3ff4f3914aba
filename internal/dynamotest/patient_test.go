package dynamotest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
)

// slow answers after an hour, unless the request's context ends before.
type slow struct {
	status int
	body   string
}

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-time.After(time.Hour):
		body := io.NopCloser(strings.NewReader(s.body))
		return &http.Response{StatusCode: s.status, Header: http.Header{}, Request: r, Body: body}, nil
	}
}

func (s slow) list(ctx context.Context) (*dynamodb.ListTablesOutput, error) {
	return localClient("http://dynamodb.example", s).ListTables(ctx, &dynamodb.ListTablesInput{}, func(o *dynamodb.Options) {
		o.Retryer = aws.NopRetryer{}
	})
}

func TestNoRequestIsCutOffByItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		out, err := slow{http.StatusOK, `{"TableNames":["t"]}`}.list(ctx)
		require.NoError(t, err)
		require.Equal(t, []string{"t"}, out.TableNames)
		require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
	})
}

// A refusal after the deadline is not reported as a cancellation, which a store would treat as a
// lost answer.
func TestARefusalAfterTheDeadlineIsOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := slow{http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}`}.list(ctx)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		var refused smithy.APIError
		require.ErrorAs(t, err, &refused)
	})
}

func TestCancellationEndsARequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		_, err := slow{}.list(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, time.Second, time.Since(began))
	})
}
