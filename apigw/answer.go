package apigw

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxBody is how much of an answer's body is read, in bytes. The gateway's own have a few hundred.
const maxBody = 64 << 10

// answer is what the gateway said. The status is 0 if it said nothing.
type answer struct {
	status    int
	errorType string // the header x-amzn-ErrorType
	body      []byte // up to maxBody
	sent      bool   // a byte of the request may have gone out
	late      bool   // the request's own time was up
}

// read takes over an answer of net/http. What it learnt before an error stays.
func (a *answer) read(resp *http.Response) error {
	a.status = resp.StatusCode
	a.errorType = resp.Header.Get("X-Amzn-ErrorType")
	if resp.Body == http.NoBody {
		return nil
	}
	var err error
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody)); err != nil {
		return fmt.Errorf("read the answer's body: %w", err)
	}
	return nil
}

// refused reports whether there is an answer, and it is not a success.
func (a *answer) refused() bool { return a.status != 0 && (a.status < 200 || a.status >= 300) }

// cutOff returns why not all of a refusal came, which each way reports in words of its own: the cause of ctx if that has
// ended, or that the request's own time was up. It returns err as it is where nothing was refused, or it was neither.
func (a *answer) cutOff(ctx context.Context, err error) error {
	if err == nil || !a.refused() {
		return err
	}
	cause := ended(ctx)
	if cause == nil && a.late {
		cause = context.DeadlineExceeded
	}
	if cause == nil {
		return err
	}
	return fmt.Errorf("%w: %v", cause, err) //nolint:errorlint // Over HTTP/2 it is context.Canceled, whatever ended it.
}

// fault returns why an operation failed, and false if it did not. err is what came between, nil for nothing.
func (a *answer) fault(err error) (fault, bool) {
	if !a.refused() {
		return fault{status: a.status, sent: a.sent, late: a.late, err: err}, err != nil
	}
	code, message := a.details()
	return fault{status: a.status, errorType: code, sent: true, err: &refusal{a.status, code, message, err}}, true
}

// details reads the type and the message of a refusal as the SDK does: the header comes before the body.
func (a *answer) details() (code, message string) {
	type details struct {
		Code    string
		Type    string `json:"__type"`
		Message string
	}
	var body details
	if err := json.NewDecoder(bytes.NewReader(a.body)).Decode(&body); err != nil {
		body = details{} // A body that is not JSON has no type.
	}
	if body == (details{}) { // It says what it says (observed: aws-sdk-js-v3#4269).
		body.Message = bodyText(a.body)
	}
	code = bareType(cmp.Or(body.Code, body.Type))
	return bareType(cmp.Or(a.errorType, code)), readable(body.Message) // The SDK strips that of a body twice, too.
}

// bareType takes away the address that may be behind an error's type, and the namespace that may be before it.
func bareType(s string) string {
	s, _, _ = strings.Cut(s, ":")
	if _, name, ok := strings.Cut(s, "#"); ok {
		return name
	}
	return s
}

// refusal is an answer that is not a success. Its text begins as that of the SDK's error does.
type refusal struct {
	status        int
	code, message string
	err           error // why not all of the answer was read
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("StatusCode: %d", r.status)
	if r.code != "" {
		text += ", " + readable(r.code)
	}
	if r.message != "" {
		text += ": " + r.message
	}
	if r.err != nil {
		text += ", " + r.err.Error()
	}
	return text
}

func (r *refusal) Unwrap() error { return r.err }
