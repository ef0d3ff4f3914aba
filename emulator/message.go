package emulator

import (
	"context"
	"log/slog"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/jsonscan"
)

// Message is one whole message of a client.
type Message struct {
	// Data is the payload. [Session.Receive] does not keep it.
	Data []byte
	// Frames holds the payload sizes in bytes of the frames of the message, if it has more than one.
	// None may be above [gatesock.MaxFrameSize]. Their sum is not compared with Data.
	Frames []int
	// Binary marks a binary message. The gateway does not accept those.
	Binary bool
}

// Receive takes a message from the client and routes it. It returns when the invocation has ended
// and the response is sent, when the gateway has given up the invocation, or when ctx has ended,
// which does not stop the invocation. It does not wait for what [Hold] or [ColdStart] delays.
// Concurrent calls run concurrently: the gateway does not order the messages of a connection (AWS
// Developer Guide: responses may come in another order than the messages).
//
// On the session of a client over a socket, Receive takes a message as if that client had sent it
// now, beside what it sends itself. The client gets the response.
//
// A message that the gateway does not allow ends the session and returns nil. The error is
// [ErrClosed] on a session that had ended before.
func (s *Session) Receive(ctx context.Context, m Message) error {
	inv, err := s.judge(ctx, m)
	if err != nil {
		return err
	}
	inv.start()
	inv.wait(ctx)
	return nil
}

// judge is accept for a message of unchecked kind and size. Binary messages end the session with
// 1003, large ones with 1009 (both AWS Developer Guide).
func (s *Session) judge(ctx context.Context, m Message) (*invocation, error) {
	u := &s.g.config().Undocumented
	switch {
	case s.ended.Load():
		return nil, ErrClosed
	case s.halfOpen.Load():
		return nil, nil
	case m.Binary:
		return s.end(CloseStatus{Code: 1003, Reason: u.BinaryReason}, byGateway), nil
	case tooBig(m):
		return s.end(CloseStatus{Code: 1009, Reason: u.TooBigReason}, byGateway), nil
	}
	return s.accept(ctx, m.Data)
}

// accept returns the invocation for the payload of a message, or nil if it needs none. Text that is
// not UTF-8 ends the session (RFC 6455, section 8.1). The call counts as running before it checks
// whether the session has ended. So a shutdown either ends the session first or waits for what was
// accepted.
func (s *Session) accept(ctx context.Context, data []byte) (*invocation, error) {
	s.g.running.begin()
	defer s.g.running.end()
	switch {
	case s.ended.Load():
		return nil, ErrClosed
	case s.halfOpen.Load():
		return nil, nil
	case !utf8.Valid(data):
		return s.end(s.g.config().Undocumented.InvalidUTF8Close, byGateway), nil
	}
	s.touch()
	if s.held(ctx, data) {
		return nil, nil
	}
	return s.dispatch(ctx, data), nil
}

// dispatch selects the route of a message and prepares its invocation, or answers with one of the
// gateway's frames.
func (s *Session) dispatch(ctx context.Context, data []byte) *invocation {
	now, d := s.g.clock.Now(), s.g.current()
	st := stamp{on: d, time: now}
	st.requestID, st.messageID = s.g.ids.pair(now)
	route := d.route(data)
	s.observeMessage(route, data, st)
	if !s.g.allow(d) || !s.allowed(route.key(), st) {
		return s.throttle(route, st)
	}
	if route == nil {
		s.fail((*Session).reply, nil, messageForbidden, st)
		return nil
	}
	if !s.g.allowRoute(route) {
		return s.throttle(route, st)
	}
	if route.model != nil {
		if err := route.model(data); err != nil {
			s.g.logger().Info("the model rejected a message", slog.String("routeKey", route.Key), loggedError(err))
			s.reply(outgoing{FrameError, route.Key, st.requestID, badBodyFrame(s.id, st.messageID)})
			return nil
		}
	}
	if route.Mock != nil {
		s.answerMock(route, st)
		return nil
	}
	event := s.parts.messageEvent(st, route.Key, st.body(data))
	inv := s.invocation(ctx, route, st, event, func(reply replier, r response, err error) {
		s.answer(reply, route, st, r, err)
	})
	inv.session = s
	return s.warm(inv)
}

// throttle refuses a message that exceeds a rate.
func (s *Session) throttle(route *apiRoute, st stamp) *invocation {
	u := &st.on.cfg.Undocumented
	if c := u.ThrottledClose; c.Code != 0 {
		return s.end(c, byGateway)
	}
	s.fail((*Session).reply, route, u.ThrottledMessage, st)
	return nil
}

func tooBig(m Message) bool {
	for _, size := range m.Frames {
		if size > gatesock.MaxFrameSize {
			return true
		}
	}
	return len(m.Data) > gatesock.MaxMessageSize || len(m.Frames) == 0 && len(m.Data) > gatesock.MaxFrameSize
}

// body returns the body for the event; nil omits it.
func (st stamp) body(data []byte) []byte {
	if len(data) > 0 {
		return data
	}
	if st.on.cfg.Undocumented.OmitEmptyBody {
		return nil
	}
	return []byte{}
}

// route selects the route of a message (docs/gateway-facts.md, §5); nil if there is none.
func (d *deployment) route(body []byte) *apiRoute {
	key, ok := d.selection.evaluate(body)
	if reserved := key == gatesock.RouteConnect || key == gatesock.RouteDisconnect; reserved {
		if d.cfg.Undocumented.ForbidReservedKeys {
			return nil
		}
		ok = false
	}
	if ok {
		if r, found := d.routes[key]; found {
			return r
		}
	}
	return d.routes[gatesock.RouteDefault]
}

// key returns the key of the route; "" for a message without one.
func (r *apiRoute) key() string {
	if r == nil {
		return ""
	}
	return r.Key
}

// answer sends the response to a message: a frame for a failure, on any route, or the body of the
// handler's response on a route with a route response (docs/gateway-facts.md, §6).
func (s *Session) answer(reply replier, route *apiRoute, st stamp, r response, err error) {
	u := &st.on.cfg.Undocumented
	switch {
	case err == errTimeout: //nolint:errorlint // never wrapped
		s.fail(reply, route, messageTimeout, st)
	case err != nil, u.FailNon2xx && (r.StatusCode < 200 || r.StatusCode > 299):
		s.fail(reply, route, messageInternal, st)
	case !route.NeedsResponse:
		s.logDropped(route, len(r.Body))
	case len(r.Body) == 0 && u.DropEmptyAnswers:
	case len(r.Body) > gatesock.MaxMessageSize, !utf8.Valid(r.Body):
		s.g.logger().Error("the route response is too large or not UTF-8", slog.String("routeKey", route.Key))
		s.fail(reply, route, messageInternal, st)
	default:
		reply(s, outgoing{FrameAnswer, route.Key, st.requestID, r.Body})
	}
}

// fail answers a message that the gateway could not process; route is nil if it selects none.
func (s *Session) fail(reply replier, route *apiRoute, message string, st stamp) {
	reply(s, outgoing{FrameError, route.key(), st.requestID, errorFrame(message, s.id, st.requestID)})
}

// logDropped logs a response of that size on a route without a route response.
func (s *Session) logDropped(route *apiRoute, size int) {
	if size > 0 {
		s.g.logger().Warn("a response was dropped: the route has no route response",
			slog.String("routeKey", route.Key), slog.String("connectionId", s.id), slog.Int("bytes", size))
	}
}

// The frames of the gateway itself, with its uneven spaces (docs/gateway-facts.md, §5 and §6).

// errorFrame returns the frame for a message that the gateway could not process.
func errorFrame(message, connectionID, requestID string) []byte {
	b := jsonscan.AppendString(append(make([]byte, 0, 128), `{"message": `...), message)
	b = append(append(b, `, "connectionId":"`...), connectionID...)
	b = append(append(b, `", "requestId":"`...), requestID...)
	return append(b, `"}`...)
}

// badBodyFrame returns the frame for a message that the model of its route rejects.
func badBodyFrame(connectionID, messageID string) []byte {
	b := append(make([]byte, 0, 128), `{"message" : "Bad request body", "connectionId": "`...)
	b = append(append(b, connectionID...), `", "messageId": "`...)
	return append(append(b, messageID...), `"}`...)
}

// The messages in error frames.
const (
	messageForbidden    = "Forbidden"
	messageInternal     = "Internal server error"
	messageUnauthorized = "Unauthorized"
	messageTimeout      = "Endpoint request timed out"
)
