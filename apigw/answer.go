package apigw

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	smithytime "github.com/aws/smithy-go/time"
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/oneline"
)

// maxBody is how much of the body of an answer is read, in bytes. Those of the gateway have a few
// hundred.
const maxBody = 64 << 10

// answer is the gateway's answer to a request. Its status is 0 if there was none.
type answer struct {
	status    int
	errorType string // the header x-amzn-ErrorType
	body      []byte // up to maxBody
	sent      bool   // a byte of the request may have gone out
	timedOut  bool   // the timeout of the call had passed
}

// read reads an answer of net/http. What it read before an error stays.
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

// cutOff returns why only a part of a refusal arrived: the cause of ctx if that has ended, or
// [context.DeadlineExceeded] if the timeout of the call had passed. Each transport has its own
// words for it in err. In all other cases it returns err.
func (a *answer) cutOff(ctx context.Context, err error) error {
	if err == nil || !a.refused() {
		return err
	}
	cause := ended(ctx)
	if cause == nil && a.timedOut {
		cause = context.DeadlineExceeded
	}
	if cause == nil {
		return err
	}
	return fmt.Errorf("%w: %v", cause, err) //nolint:errorlint // Over HTTP/2 it is context.Canceled, whatever ended it.
}

// failure returns why an operation failed, or false if it did not fail. err is the error of the
// transport, or nil.
func (a *answer) failure(err error) (failure, bool) {
	if !a.refused() {
		return failure{status: a.status, sent: a.sent, timedOut: a.timedOut, err: err}, err != nil
	}
	code, message := a.details()
	return failure{status: a.status, errorType: code, sent: true, err: &refusal{a.status, code, message, err}}, true
}

// details returns the type and the message of a refusal, as the SDK reads them: the header's type
// comes before the body's.
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
	if body == (details{}) { // The body is a plain text (observed: aws-sdk-js-v3#4269).
		body.Message = bodyText(a.body)
	}
	code = bareType(cmp.Or(body.Code, body.Type))
	return bareType(cmp.Or(a.errorType, code)), body.Message // The SDK strips the type of a body twice, too.
}

// bareType removes the address that may follow an error's type, and the namespace that may precede
// it.
func bareType(s string) string {
	s, _, _ = strings.Cut(s, ":")
	if _, name, ok := strings.Cut(s, "#"); ok {
		return name
	}
	return s
}

// refusal is an answer that is not a success. Its text begins like that of the SDK's error.
type refusal struct {
	status        int
	code, message string
	err           error // why only a part of the answer was read
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("StatusCode: %d", r.status)
	if r.code != "" {
		text += ", " + oneline.Of(r.code, maxText)
	}
	if r.message != "" {
		text += ": " + oneline.Of(r.message, maxText)
	}
	if r.err != nil {
		text += ", " + r.err.Error()
	}
	return text
}

func (r *refusal) Unwrap() error { return r.err }

// maxText is how much text of the gateway an error quotes, in bytes.
const maxText = 256

// bodyText returns the words of a body that is not JSON. Proxies and load balancers send text, HTML
// and XML. Tags are left out, and white space is one space.
func bodyText(body []byte) string {
	if body = bytes.TrimSpace(body); !bytes.HasPrefix(body, []byte{'<'}) {
		return words(body)
	}
	var text []byte
	for len(body) > 0 && len(text) < 4*maxText {
		before, tag, _ := bytes.Cut(body, []byte{'<'})
		text = append(append(text, before...), ' ')
		_, body, _ = bytes.Cut(tag, []byte{'>'})
	}
	return words(text)
}

func words(text []byte) string { return string(bytes.Join(bytes.Fields(text), []byte{' '})) }

// parseInfo parses the answer to a GET as the SDK does: every member may be missing or null. It
// decodes to maps, whose keys match exactly, unlike the fields of a struct.
func parseInfo(body []byte) (gatesock.ConnectionInfo, error) {
	var top, identity map[string]json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&top); err != nil && !errors.Is(err, io.EOF) {
		return gatesock.ConnectionInfo{}, fmt.Errorf("failed to decode the answer: %w", err)
	}
	var (
		info                gatesock.ConnectionInfo
		connected, lastSeen isoTime
	)
	for _, member := range []struct {
		data json.RawMessage
		to   any
	}{
		{top["connectedAt"], &connected},
		{top["lastActiveAt"], &lastSeen},
		{top["identity"], &identity},
	} {
		if err := unmarshal(member.data, member.to); err != nil {
			return gatesock.ConnectionInfo{}, err
		}
	}
	if err := unmarshal(identity["sourceIp"], &info.Identity.SourceIP); err != nil {
		return gatesock.ConnectionInfo{}, err
	}
	if err := unmarshal(identity["userAgent"], &info.Identity.UserAgent); err != nil {
		return gatesock.ConnectionInfo{}, err
	}
	info.ConnectedAt, info.LastActiveAt = time.Time(connected).UTC(), time.Time(lastSeen).UTC()
	return info, nil
}

// unmarshal decodes a member that may be missing.
func unmarshal(data json.RawMessage, to any) error {
	if data == nil {
		return nil
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("failed to decode the answer: %w", err)
	}
	return nil
}

// isoTime is a time in ISO 8601, with or without an offset.
type isoTime time.Time

func (t *isoTime) UnmarshalJSON(data []byte) error {
	var s *string
	if err := json.Unmarshal(data, &s); err != nil || s == nil {
		return err
	}
	parsed, err := smithytime.ParseDateTime(*s)
	if err != nil {
		return err
	}
	*t = isoTime(parsed)
	return nil
}
