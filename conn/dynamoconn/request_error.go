package dynamoconn

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// requestError is what became of a request, with all its attempts, that DynamoDB did not carry out as asked.
type requestError struct {
	table string
	// undone tells that none of the attempts was carried out: DynamoDB has refused all of them.
	undone bool
	err    error
}

func (e *requestError) Error() string { return fmt.Sprintf("table %q: %v", e.table, e.err) }
func (e *requestError) Unwrap() error { return e.err }

// nothingWritten is what an error says in the place of what may have been done, if nothing was.
const nothingWritten = "nothing was written"

// outcomeOf returns what the error of an operation's first write says of what was done.
func outcomeOf(err error, otherwise string) string {
	var e *requestError
	if errors.As(err, &e) && e.undone {
		return nothingWritten
	}
	return otherwise
}

// rejected reports whether DynamoDB has answered that it does not carry out a request: there is no such table, the caller
// may not do it, it makes no sense, or there is no room for it now.
func rejected(err error) bool {
	if throttled(err) {
		return true
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) {
		code := answer.HTTPStatusCode()
		return code >= http.StatusBadRequest && code < http.StatusInternalServerError
	}
	var failed smithy.APIError
	return errors.As(err, &failed) && failed.ErrorFault() == smithy.FaultClient
}
