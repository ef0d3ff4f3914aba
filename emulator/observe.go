package emulator

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/gatesock/gatesock"
)

// Event is something that happened at a gateway, for a log or a page that shows the traffic; see
// [Config.Observe]. Which fields are set depends on its kind; Kind and Time always are.
type Event struct {
	Kind EventKind
	// Time is the gateway's time.
	Time time.Time
	// ConnectionID is the id of the connection. Connection is a short name for it: the gateway
	// numbers handshakes from 1. It is 0 for a call for an id that is not open.
	ConnectionID string
	Connection   uint64
	// RequestID is that of the handshake or the message: what a message causes has the same one. An
	// [EventCalled] has that of the invocation whose context the call was made with, if it was made
	// in the process; otherwise it is empty.
	RequestID string
	// Route is the route key of a message, an answer or an invocation. It is empty for a message
	// that selects no route, and "authorizer" for the invocation of an authorizer.
	Route string
	// Frame is what an [EventSent] sent.
	Frame FrameKind
	// Method is that of an [EventCalled]: POST, GET or DELETE.
	Method string
	// Status is the HTTP status of a handshake, such as 101 or 403, or of a call, such as 200 or 410,
	// also if the call did not come over HTTP.
	Status int
	// Code and Reason are those of an [EventDisconnected], as $disconnect gets them. ByClient reports
	// whether the client ended the connection. Reason is also the text of an [EventRefused], if the
	// gateway refused the client and not its handler.
	Code     int
	Reason   string
	ByClient bool
	// Handshake is that of an [EventConnected] or [EventRefused]: what the client asked for, and in
	// Authorizer what the authorizer returned, if it was asked and allowed the client. It is valid
	// during the call only, and nobody may change it.
	Handshake *Handshake
	// Bytes is the size of what was received, sent or posted, or of what a function returned, and
	// Body is that itself. Input is the event that an invocation got. Both are valid during the call
	// only: callers that keep them must copy them. Nobody may change them.
	Bytes int
	Body  []byte
	Input []byte
	// Duration is how long a handshake, a call or an invocation took, or how long a connection that
	// has ended was open, by the gateway's clock.
	Duration time.Duration
	// Err is why an invocation or a call failed, or why a frame was dropped. It is nil otherwise.
	Err error
}

// EventKind is the kind of an [Event].
type EventKind string

// The kinds of events.
const (
	// EventConnected is a handshake that was accepted. It comes before all that the connection
	// causes, except the invocations of its authorizer and $connect.
	EventConnected EventKind = "connected"
	// EventRefused is a handshake that was refused.
	EventRefused EventKind = "refused"
	// EventReceived is a message of a client, when its route is selected. It comes also for one that
	// the gateway answers with an error, but not for one that closes the connection.
	EventReceived EventKind = "received"
	// EventSent is a message to a client, except a post.
	EventSent EventKind = "sent"
	// EventCalled is a call of the @connections API. A POST with the status 200 is a message to the
	// client.
	EventCalled EventKind = "called"
	// EventInvoked is an invocation that has ended, or that the gateway has given up.
	EventInvoked EventKind = "invoked"
	// EventDisconnected is the end of a connection. It comes before the invocation of $disconnect.
	EventDisconnected EventKind = "disconnected"
)

// FrameKind is where a message to a client comes from.
type FrameKind string

// The kinds of messages to clients.
const (
	FrameAnswer FrameKind = "answer" // what the handler answered, by a route response
	FrameMock   FrameKind = "mock"   // the answer of a route whose Mock is set
	FrameError  FrameKind = "error"  // an error frame of the gateway
)

// outgoing is a message to a client, except a post.
type outgoing struct {
	kind      FrameKind
	route     string
	requestID string
	data      []byte
}

// observedNow returns the time if somebody observes the gateway.
func (g *Gateway) observedNow() time.Time {
	if g.config().Observe == nil {
		return time.Time{}
	}
	return g.clock.Now()
}

// event returns an event of the session.
func (s *Session) event(kind EventKind, e Event) Event {
	e.Kind, e.Time, e.ConnectionID, e.Connection = kind, s.g.clock.Now(), s.id, s.number
	return e
}

// observeHandshake reports that a handshake has ended with that status.
func (s *Session) observeHandshake(kind EventKind, h *Handshake, status int, reason string, st stamp) {
	if observe := st.on.cfg.Observe; observe != nil {
		observe(s.event(kind, Event{
			Route: gatesock.RouteConnect, RequestID: st.requestID, Status: status, Reason: reason, Handshake: h,
			Duration: s.g.clock.Now().Sub(st.time),
		}))
	}
}

// observeMessage reports a message of the client.
func (s *Session) observeMessage(route *apiRoute, data []byte, st stamp) {
	if observe := st.on.cfg.Observe; observe != nil {
		observe(s.event(EventReceived, Event{
			Route: route.key(), RequestID: st.requestID, Bytes: len(data), Body: data,
		}))
	}
}

// observeFrame reports a message to the client, or that it was dropped.
func (s *Session) observeFrame(f outgoing, err error) {
	if observe := s.g.config().Observe; observe != nil {
		observe(s.event(EventSent, Event{
			Route: f.route, RequestID: f.requestID, Frame: f.kind, Bytes: len(f.data), Body: f.data, Err: err,
		}))
	}
}

// observeEnd reports that the session has ended.
func (s *Session) observeEnd(status CloseStatus, by closer) {
	if observe := s.g.config().Observe; observe != nil {
		observe(s.event(EventDisconnected, Event{
			Code: status.Code, Reason: status.Reason, ByClient: by == byClient,
			Duration: s.g.clock.Now().Sub(s.connectedAt),
		}))
	}
}

// observe reports that an invocation is settled.
func (inv *invocation) observe(r response, err error) {
	if observe := inv.on.cfg.Observe; observe != nil {
		observe(inv.by.event(EventInvoked, Event{
			Route: inv.route.Key, RequestID: inv.id, Bytes: len(r.raw), Body: r.raw, Input: inv.event,
			Duration: inv.g.clock.Now().Sub(inv.began), Err: err,
		}))
	}
}

// observeCall reports a call that has returned. It began at that time.
func (g *Gateway) observeCall(
	ctx context.Context, method string, to gatesock.Target, data []byte, began time.Time, err error,
) {
	observe := g.config().Observe
	if observe == nil {
		return
	}
	e := Event{
		Kind: EventCalled, Time: g.clock.Now(), ConnectionID: to.ConnectionID,
		RequestID: requestOf(ctx), Method: method, Status: callStatus(method, err), Bytes: len(data), Body: data, Err: err,
	}
	e.Duration = e.Time.Sub(began)
	if s, ok := g.Session(to.ConnectionID); ok {
		e.Connection = s.number
	}
	observe(e)
}

// requestOf returns the request id of the invocation that a context belongs to, or "".
func requestOf(ctx context.Context) string {
	if c, ok := lambdacontext.FromContext(ctx); ok {
		return c.AwsRequestID
	}
	return ""
}

// callStatus returns the HTTP status of a call with that error.
func callStatus(method string, err error) int {
	switch {
	case err == nil && method == http.MethodDelete:
		return http.StatusNoContent
	case err == nil:
		return http.StatusOK
	case isForbidden(err):
		return http.StatusForbidden
	case errors.Is(err, gatesock.ErrGone):
		return http.StatusGone
	case errors.Is(err, gatesock.ErrBadConnectionID), errors.Is(err, ErrNotUTF8), errors.Is(err, errBody):
		return http.StatusBadRequest
	case errors.Is(err, gatesock.ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, gatesock.ErrThrottled):
		return http.StatusTooManyRequests
	case errors.Is(err, errNoRoute):
		return http.StatusNotFound
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return 0 // the caller did not wait for it
	}
	return http.StatusInternalServerError
}
