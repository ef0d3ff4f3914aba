package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

// process is a function that runs as a process: a [runtimeapi.Function].
type process interface {
	lambda.Handler
	Warm(ctx context.Context) error
	Replace(cfg runtimeapi.Config) error
	Activity(instance string) (runtimeapi.Activity, bool)
	Close(ctx context.Context) error
}

// unit is a function of the application. Its invocations wait while it has no code yet, or new code
// is made, for at most the function's timeout.
type unit struct {
	id       string
	gate     gate
	proc     process
	fn       atomic.Pointer[project.Function]
	requests *requests

	// What follows is the supervisor's.
	cfg   runtimeapi.Config // of proc
	works bool              // proc has code
}

// handler is the unit as the handler of a gateway.
type handler struct{ u *unit }

// Invoke hands an event to the function. Those of a connection that have waited follow each other.
func (h handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	connection, request := idsOf(payload)
	ctx = h.u.requests.begin(ctx, origin{connection, request})
	if h.u.gate.idle() {
		return h.u.proc.Invoke(ctx, payload)
	}
	return h.u.invoke(ctx, connection, request, payload)
}

// invoke hands an event to the function, when there is code for it. Events with the same key that
// have waited follow each other.
func (u *unit) invoke(ctx context.Context, key, id string, payload []byte) ([]byte, error) {
	fn := u.fn.Load()
	waiting, cancel := context.WithTimeoutCause(ctx, fn.Timeout, errNoCode)
	leave, err := u.gate.enter(waiting, key, id)
	cancel()
	if err != nil {
		return nil, fmt.Errorf("the function %s: %w", fn.Name, err)
	}
	defer leave()
	return u.proc.Invoke(ctx, payload)
}

// errNoCode is why an invocation fails that has waited for a build.
var errNoCode = errors.New("there was no build of it within its timeout")

// idsOf returns the ids of the connection and of the request in an event of the gateway, or "".
func idsOf(event []byte) (connection, request string) {
	var e struct {
		RequestContext struct{ ConnectionID, RequestID string }
	}
	_ = json.Unmarshal(event, &e)
	return e.RequestContext.ConnectionID, e.RequestContext.RequestID
}

// observe keeps the order of messages that come while the gate is held.
func (u *unit) observe(e *emulator.Event) {
	switch e.Kind {
	case emulator.EventReceived:
		u.gate.reserve(e.ConnectionID, e.RequestID)
	case emulator.EventSent, emulator.EventInvoked: // it was answered without the function, or by it
		u.gate.cancel(e.ConnectionID, e.RequestID)
	default:
	}
}
