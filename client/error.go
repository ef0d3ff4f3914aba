package client

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gatesock/gatesock"
)

// Errors of a [Client]; match them with [errors.Is]. Those of the server are [*gatesock.Error].
var (
	// ErrClosed means that the client, the subscription or what else was used is closed.
	ErrClosed = errors.New("client: closed")
	// ErrUnknownOutcome means that a call was sent and that its answer is not known: the server may
	// have carried it out. The client does not send it again, because it is not [Idempotent].
	ErrUnknownOutcome = errors.New("client: the outcome of the call is unknown")
	// ErrExpired means that a call could not be sent in time, see [WithExpiry], or that the server
	// has asked to wait for longer than that. It was not carried out.
	ErrExpired = errors.New("client: the call could not be sent in time")
	// ErrQueueFull means that as many calls as [WithMaxQueue] allows wait already. It was not sent.
	ErrQueueFull = errors.New("client: too many calls are waiting")
	// ErrOffline means that [Client.Send] found no connection, or one that is busy with what was
	// sent before.
	ErrOffline = errors.New("client: there is no connection")
	// ErrSlowConsumer means that a buffer was full because nobody took what was in it.
	ErrSlowConsumer = errors.New("client: the buffer is full")
	// ErrConflict means that the client has the topic already, with another [WithFilter] or [WithAs].
	ErrConflict = errors.New("client: the topic is subscribed with other options")
)

// RefusedError is the refusal of a handshake: the server, or what is in front of it, answered with
// an HTTP status other than 101. [errors.As] finds a [*gatesock.Error] in it, whose code is the one
// that docs/protocol.md, section 4, has for the status.
type RefusedError struct {
	// StatusCode is the HTTP status.
	StatusCode int
	// Message is what the gateway says, or "" if the answer has no message. It is for people.
	Message string
}

// Error returns the status and the message.
func (e *RefusedError) Error() string {
	text := "client: the handshake was refused: " + strconv.Itoa(e.StatusCode) + " " + http.StatusText(e.StatusCode)
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Unwrap returns an error with the code that the status stands for.
func (e *RefusedError) Unwrap() error {
	return &gatesock.Error{Code: codeOfStatus(e.StatusCode), Message: e.Message}
}

func codeOfStatus(status int) gatesock.Code {
	for _, code := range []gatesock.Code{
		gatesock.CodeInvalidArgument, gatesock.CodeUnauthenticated, gatesock.CodePermissionDenied,
		gatesock.CodeNotFound, gatesock.CodeAlreadyExists, gatesock.CodeStaleConnection,
		gatesock.CodeFailedPrecondition, gatesock.CodeTooLarge, gatesock.CodeRateLimited,
		gatesock.CodeUnavailable, gatesock.CodeDeadlineExceeded,
	} {
		if code.HTTPStatus() == status {
			return code
		}
	}
	return gatesock.CodeInternal
}

// CloseError is the end of a connection by a close frame.
type CloseError struct {
	// Code is the close code, such as 1001, which the gateway uses at its limits of time.
	Code int
	// Reason is the text of the frame. It is for people.
	Reason string
}

// Error returns the code and the reason.
func (e *CloseError) Error() string {
	text := "client: the connection was closed: code " + strconv.Itoa(e.Code)
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// LostError is what [Subscription.Events] yields where events of the topic are missing. The
// iteration goes on after it.
type LostError struct {
	Topic string
	// Reason is "history" if the log does not keep the events any more, "epoch" if another epoch has
	// begun and it is not certain that it follows, and "ahead" if the log has never been where the
	// client was.
	Reason string
	// Position is from where the subscription goes on.
	Position Position
}

// Error returns the topic and the reason.
func (e *LostError) Error() string {
	return fmt.Sprintf("client: events of topic %q were lost: %s", e.Topic, e.Reason)
}
