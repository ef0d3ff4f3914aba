package runtimeapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/gatesock/gatesock/emulator"
)

// result is how an invocation ended for its caller.
type result struct {
	payload []byte
	err     error
}

// call is an invocation. Function.mu guards what changes.
type call struct {
	id       string
	payload  []byte
	trace    string
	client   string      // the client context in JSON, or empty
	identity string      // the Cognito identity in JSON, or empty
	done     chan result // has room for the one result

	queued   time.Time
	settled  bool      // done has the result
	replied  bool      // by the program
	failed   *Error    // what it replied, if that is an error
	err      *Error    // why the invocation failed, or what happened to the instance after the reply
	started  time.Time // when an instance got it
	running  Activity  // of the instance, during the invocation
	over     Activity  // and after it
	deadline time.Time
	timer    emulator.Timer // of the function's timeout
}

// newCall returns an invocation with the context of its caller.
func newCall(ctx context.Context, payload []byte) *call {
	c := &call{payload: payload, done: make(chan result, 1)}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		if isUUID(lc.AwsRequestID) {
			c.id = lc.AwsRequestID
		}
		c.client = clientContext(&lc.ClientContext)
		if lc.Identity != (lambdacontext.CognitoIdentity{}) {
			identity, _ := json.Marshal(struct {
				ID   string `json:"cognitoIdentityId"`
				Pool string `json:"cognitoIdentityPoolId"`
			}{lc.Identity.CognitoIdentityID, lc.Identity.CognitoIdentityPoolID})
			c.identity = string(identity)
		}
	}
	if c.id == "" {
		c.id = newUUID()
	}
	c.running, c.over = Activity{RequestID: c.id}, Activity{RequestID: c.id, Late: true}
	if trace, ok := ctx.Value("x-amzn-trace-id").(string); ok && trace != "" && oneLine(trace) {
		c.trace = trace
	} else {
		c.trace = newTrace(time.Now())
	}
	return c
}

// clientContext returns a client context as its header has it, or "" for an empty one.
func clientContext(c *lambdacontext.ClientContext) string {
	if c.Client == (lambdacontext.ClientApplication{}) && len(c.Env) == 0 && len(c.Custom) == 0 {
		return ""
	}
	text, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	return string(text)
}

// head returns the head of the HTTP response that hands the invocation to a program, with the
// headers of the Lambda Developer Guide, "Using the Lambda runtime API".
func (c *call) head(arn string) []byte {
	b := make([]byte, 0, 512+min(len(c.payload), smallPayload)) // with room for the payload
	b = append(b, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: "...)
	b = append(b, c.id...)
	b = append(b, "\r\nLambda-Runtime-Deadline-Ms: "...)
	b = strconv.AppendInt(b, c.deadline.UnixMilli(), 10)
	b = append(b, "\r\nLambda-Runtime-Invoked-Function-Arn: "...)
	b = append(b, arn...)
	b = append(b, "\r\nLambda-Runtime-Trace-Id: "...)
	b = append(b, c.trace...)
	if c.client != "" {
		b = append(b, "\r\nLambda-Runtime-Client-Context: "...)
		b = append(b, c.client...)
	}
	if c.identity != "" {
		b = append(b, "\r\nLambda-Runtime-Cognito-Identity: "...)
		b = append(b, c.identity...)
	}
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(c.payload)), 10)
	return append(b, "\r\n\r\n"...)
}

// settle hands the result to the caller, once. Function.mu must be held.
func (c *call) settle(r result) {
	if !c.settled {
		c.settled = true
		c.done <- r
	}
}

// fail records why the invocation failed, and hands that to the caller. Function.mu must be held.
func (c *call) fail(err *Error) {
	c.err = err
	c.settle(result{err: err})
}

// programError reads what a program posts as an error: JSON, or anything else.
func programError(body []byte, kind string) *Error {
	var sent struct {
		Type    string          `json:"errorType"`
		Message string          `json:"errorMessage"`
		Trace   json.RawMessage `json:"stackTrace"`
	}
	if err := json.Unmarshal(body, &sent); err != nil {
		return &Error{Type: kindOr(kind, "Runtime.Unknown"), Message: strings.ToValidUTF8(string(body), "\ufffd")}
	}
	if string(sent.Trace) == "null" {
		sent.Trace = nil
	}
	return &Error{Type: kindOr(sent.Type, kind), Message: sent.Message, StackTrace: sent.Trace, payload: body}
}

// trailerError returns the error in the trailers of a response, which a program sends that fails in
// the middle of it, or nil.
func trailerError(kind, body string) *Error {
	if kind == "" && body == "" {
		return nil
	}
	if text, err := base64.StdEncoding.DecodeString(body); err == nil && len(text) > 0 {
		return programError(text, kind)
	}
	return &Error{Type: kindOr(kind, "Runtime.Unknown"), Message: body}
}

func kindOr(kind, other string) string {
	if kind != "" {
		return kind
	}
	return other
}

// oneLine reports whether a text may be the value of a header.
func oneLine(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}

func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i, c := range []byte(text) {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F'):
			return false
		}
	}
	return true
}

// newUUID returns a random UUID. Ids of invocations are names and no secrets.
func newUUID() string {
	a, b := rand.Uint64(), rand.Uint64()
	a = a&^0xf000 | 0x4000
	b = b&^(3<<62) | 1<<63
	text := make([]byte, 0, 36)
	text = appendHex(text, a>>32, 8)
	text = append(text, '-')
	text = appendHex(text, a>>16&0xffff, 4)
	text = append(text, '-')
	text = appendHex(text, a&0xffff, 4)
	text = append(text, '-')
	text = appendHex(text, b>>48, 4)
	text = append(text, '-')
	text = appendHex(text, b&(1<<48-1), 12)
	return string(text)
}

// newTrace returns the trace id of an invocation that X-Ray does not sample.
func newTrace(now time.Time) string {
	text := make([]byte, 0, 74)
	text = append(text, "Root=1-"...)
	text = appendHex(text, uint64(now.Unix())&0xffffffff, 8)
	text = append(text, '-')
	text = appendHex(text, uint64(rand.Uint32()), 8)
	text = appendHex(text, rand.Uint64(), 16)
	text = append(text, ";Parent="...)
	text = appendHex(text, rand.Uint64(), 16)
	return string(append(text, ";Sampled=0"...))
}

// appendHex appends the last digits of a number.
func appendHex(b []byte, n uint64, digits int) []byte {
	const hexDigits = "0123456789abcdef"
	for i := digits - 1; i >= 0; i-- {
		b = append(b, hexDigits[n>>(4*i)&0xf])
	}
	return b
}
