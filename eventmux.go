package gatesock

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock/internal/event"
)

// EventMux lets one Lambda function serve several event sources: it tells an event by its shape and hands it to
// the handler of its source. It is a [lambda.Handler].
//
//	gatesock.Start(&gatesock.EventMux{WebSocket: router, Queue: relay})
//
// An event whose source has no handler, or that is of no source named here, is refused with an error that says
// what it looks like. An EventMux must not be changed after the first event.
type EventMux struct {
	// WebSocket takes the events of a WebSocket API, usually by a [Router].
	WebSocket lambda.Handler
	// Authorizer takes the events of a REQUEST authorizer.
	Authorizer lambda.Handler
	// Queue takes batches of SQS messages.
	Queue lambda.Handler
	// Schedule takes the scheduled events of EventBridge rules and of EventBridge Scheduler, the latter as long as
	// the schedule does not have an input of its own.
	Schedule lambda.Handler
}

var _ lambda.Handler = (*EventMux)(nil)

// Invoke hands an event to the handler of its source.
func (m *EventMux) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	h, field := m.handlerFor(event.Read(payload).Kind)
	if field == "" {
		return nil, fmt.Errorf("gatesock: no event that an EventMux knows: it looks like %s", event.Looks(payload))
	}
	if h == nil {
		return nil, fmt.Errorf("gatesock: EventMux.%s is not set, but %s arrived", field, event.Looks(payload))
	}
	return h.Invoke(ctx, payload)
}

// Routes lists the routes of the WebSocket handler as [Router.Routes] does, so that an emulator serves an EventMux like its
// router. It is nil if that handler does not tell.
func (m *EventMux) Routes() []Route {
	if d, ok := m.WebSocket.(interface{ Routes() []Route }); ok {
		return d.Routes()
	}
	return nil
}

// HasAuthorizer tells if there is a handler for the events of an authorizer, so that an emulator asks it before $connect.
func (m *EventMux) HasAuthorizer() bool { return m.Authorizer != nil }

// Freeze freezes the WebSocket handler as [Router.Freeze] does, if it has such a method.
func (m *EventMux) Freeze() {
	if f, ok := m.WebSocket.(interface{ Freeze() }); ok {
		f.Freeze()
	}
}

func (m *EventMux) handlerFor(from event.Kind) (lambda.Handler, string) {
	switch from {
	case event.WebSocket:
		return m.WebSocket, "WebSocket"
	case event.Authorizer:
		return m.Authorizer, "Authorizer"
	case event.SQS:
		return m.Queue, "Queue"
	case event.Schedule:
		return m.Schedule, "Schedule"
	default:
	}
	return nil, ""
}
