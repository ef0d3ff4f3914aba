package runtimeapi

import (
	"encoding/json"
	"errors"
)

// ErrClosed is the error of invocations of a [Function] that has been closed.
var ErrClosed = errors.New("runtimeapi: the function is closed")

// Types of errors that Lambda itself makes. The types of other errors are the program's own.
const (
	TypeExit          = "Runtime.ExitError"             // the process ended
	TypeTimeout       = "Sandbox.Timedout"              // the invocation took too long
	TypeStart         = "Runtime.InvalidEntrypoint"     // the process does not start
	TypeTooLarge      = "Function.ResponseSizeTooLarge" // the response is larger than 6 MB
	TypeEventTooLarge = "RequestTooLargeException"      // the event is larger than 6 MB
	TypeThrottled     = "TooManyRequestsException"      // no instance became free while the caller waited

	typeTruncated = "Runtime.TruncatedResponse"
)

// Error is why an invocation failed: an error of the program, or one of Lambda.
type Error struct {
	Type    string // such as "Runtime.ExitError", or "errorString" for an error of a Go program
	Message string
	// StackTrace is what the program sent as the stackTrace, in JSON. It may be nil.
	StackTrace json.RawMessage

	payload []byte // what the program sent
	cause   error
}

// Error returns the type and the message.
func (e *Error) Error() string {
	if e.Type == "" {
		return e.Message
	}
	return e.Type + ": " + e.Message
}

// Unwrap returns the error of the context of an invocation that found no instance, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Payload returns what a caller of Lambda's Invoke gets for the error, with the header
// X-Amz-Function-Error: the JSON that the program sent, or
// {"errorType": …, "errorMessage": …, "stackTrace": …}.
func (e *Error) Payload() []byte {
	if e.payload != nil {
		return e.payload
	}
	payload, _ := json.Marshal(struct {
		Type    string          `json:"errorType,omitempty"`
		Message string          `json:"errorMessage"`
		Trace   json.RawMessage `json:"stackTrace,omitempty"`
	}{e.Type, e.Message, e.StackTrace})
	return payload
}
