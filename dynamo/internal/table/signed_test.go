package table

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"
)

// wire notes requests, and answers none.
type wire struct{ requests int }

func (w *wire) Do(*http.Request) (*http.Response, error) {
	w.requests++
	return nil, errors.New("the network is down")
}

// TestSignedUntil checks with the SDK's own client that a request is not sent if it was signed too
// late.
func TestSignedUntil(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit    time.Duration
		requests int
		fate     Fate
	}{
		"in time":   {time.Minute, 1, Unknown},
		"too late":  {-time.Minute, 0, TooLate},
		"far ahead": {24 * time.Hour, 1, Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := new(wire)
			client := dynamodb.New(dynamodb.Options{
				Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), HTTPClient: w,
			})
			_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{
				TableName: aws.String("table"), Item: Item{"pk": Text("a"), "sk": Text("b")},
			}, withoutRetryer, SignedUntil(time.Now().Add(c.limit)))
			require.Error(t, err)
			require.Equal(t, c.requests, w.requests)
			require.Equal(t, c.fate, FateOf(err), "%v", err)
		})
	}
	require.NoError(t, signedUntil("", time.Now()), "a client that does not sign")
}

func TestFateOf(t *testing.T) {
	t.Parallel()
	response := func(status int) error {
		return &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: errors.New("answer"),
		}
	}
	canceled := func(codes ...string) error {
		e := &types.TransactionCanceledException{}
		for _, code := range codes {
			e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: &code})
		}
		return &smithy.OperationError{OperationName: "TransactWriteItems", Err: e}
	}
	for name, c := range map[string]struct {
		err  error
		want Fate
	}{
		"no answer":             {context.DeadlineExceeded, Unknown},
		"a fault of DynamoDB":   {response(500), Unknown},
		"refused":               {response(400), Denied},
		"a broken connection":   {&smithyhttp.RequestSendError{Err: errors.New("reset by peer")}, Unknown},
		"no connection":         {&net.OpError{Op: "dial", Err: errors.New("refused")}, Repeatable},
		"throttled":             {&types.ProvisionedThroughputExceededException{}, Repeatable},
		"a conflict":            {&types.TransactionConflictException{}, Repeatable},
		"a transaction refused": {canceled("None", "ConditionalCheckFailed"), Denied},
		"a transaction invalid": {canceled("ValidationError", "None"), Denied},
		"a conflict of it":      {canceled("TransactionConflict", "None"), Repeatable},
		"both":                  {canceled("TransactionConflict", "ConditionalCheckFailed"), Denied},
		"throttled items":       {canceled("ThrottlingError", "ProvisionedThroughputExceeded"), Repeatable},
		"it goes on":            {&types.TransactionInProgressException{}, Unknown},
		"an old signature":      {&smithy.GenericAPIError{Code: "InvalidSignatureException", Fault: smithy.FaultClient}, TooLate},
		"a context that ended":  {&requestError{"t", true, context.Canceled}, Denied},
	} {
		require.Equal(t, c.want, FateOf(c.err), name)
	}
}
