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
	// Data is the payload. It is not kept.
	Data []byte
	// Frames holds the payload sizes of the frames that the message came in, if it was more than one.
	Frames []int
	// Binary says that it is no text message.
	Binary bool
}

// Receive takes a message from the client and routes it. It returns when the invocation that it causes has ended, and
// its answer was sent; or when the gateway has given the invocation up; or when ctx has ended, which does not
// stop the invocation. Concurrent calls run concurrently: the gateway does not put the messages of a connection in
// order (AWS Developer Guide: answers may come in another order than the messages).
//
// A message that the gateway does not permit ends the session; that is no error. The error is [ErrClosed] on a session
// that had ended before.
func (s *Session) Receive(ctx context.Context, m Message) error {
	inv, err := s.judge(ctx, m)
	if err != nil {
		return err
	}
	inv.start()
	inv.wait(ctx)
	return nil
}

// judge is accept for a message whose kind and size nobody has looked at: binary ones end the session with 1003,
// those that are too big with 1009 (both AWS Developer Guide).
func (s *Session) judge(ctx context.Context, m Message) (*invocation, error) {
	u := &s.g.cfg.Undocumented
	switch {
	case s.ended.Load():
		return nil, ErrClosed
	case m.Binary:
		return s.end(CloseStatus{Code: 1003, Reason: u.BinaryReason}, byGateway), nil
	case tooBig(m):
		return s.end(CloseStatus{Code: 1009, Reason: u.TooBigReason}, byGateway), nil
	}
	return s.accept(ctx, m.Data)
}

// accept takes the payload of a message up to the invocation that it needs; nil if it needs none. Text that is not UTF-8
// ends the session (RFC 6455, section 8.1). It is counted as running before it looks whether the session has ended,
// so that a shutdown either ends the session first or waits for what is accepted.
func (s *Session) accept(ctx context.Context, data []byte) (*invocation, error) {
	s.g.running.begin()
	defer s.g.running.end()
	switch {
	case s.ended.Load():
		return nil, ErrClosed
	case !utf8.Valid(data):
		return s.end(s.g.cfg.Undocumented.InvalidUTF8Close, byGateway), nil
	}
	s.touch()
	return s.dispatch(ctx, data), nil
}

// dispatch finds the route of a message and prepares its invocation, or answers in the gateway's name.
func (s *Session) dispatch(ctx context.Context, data []byte) *invocation {
	now := s.g.cfg.Clock.Now()
	st := stamp{requestID: s.g.ids.next(now, kindRequest), messageID: s.g.ids.next(now, kindMessage), time: now}
	if !s.g.allow() {
		if c := s.g.cfg.Undocumented.ThrottledClose; c.Code != 0 {
			return s.end(c, byGateway)
		}
		s.reply(errorFrame(s.g.cfg.Undocumented.ThrottledMessage, s.id, st.requestID))
		return nil
	}
	route, ok := s.g.route(data)
	if !ok {
		s.reply(errorFrame(messageForbidden, s.id, st.requestID))
		return nil
	}
	if validate := s.g.cfg.Models[route.Key]; validate != nil {
		if err := validate(data); err != nil {
			s.g.cfg.Logger.Info("the model refused a message", slog.String("routeKey", route.Key), loggedError(err))
			s.reply(badBodyFrame(s.id, st.messageID))
			return nil
		}
	}
	event := s.parts.messageEvent(st, route.Key, s.body(data))
	inv := s.invocation(ctx, route.Key, st.requestID, event, func(reply replier, r response, err error) {
		s.answer(reply, route, st.requestID, r, err)
	})
	inv.session = s
	return inv
}

func tooBig(m Message) bool {
	for _, size := range m.Frames {
		if size > gatesock.MaxFrameSize {
			return true
		}
	}
	return len(m.Data) > gatesock.MaxMessageSize || len(m.Frames) == 0 && len(m.Data) > gatesock.MaxFrameSize
}

// body gives the body of the event; nil leaves it out.
func (s *Session) body(data []byte) []byte {
	if len(data) > 0 {
		return data
	}
	if s.g.cfg.Undocumented.OmitEmptyBody {
		return nil
	}
	return []byte{}
}

// route selects the route of a message; see §5 of docs/gateway-facts.md.
func (g *Gateway) route(body []byte) (gatesock.Route, bool) {
	key, ok := g.selection.evaluate(body)
	if reserved := key == gatesock.RouteConnect || key == gatesock.RouteDisconnect; reserved {
		if g.cfg.Undocumented.ForbidReservedKeys {
			return gatesock.Route{}, false
		}
		ok = false
	}
	if ok {
		if r, found := g.routes[key]; found {
			return r, true
		}
	}
	r, found := g.routes[gatesock.RouteDefault]
	return r, found
}

// answer sends what the client gets for a message: the frame of a failure, on every route, or the body of the
// response on a route with a route response; see §6 of docs/gateway-facts.md.
func (s *Session) answer(reply replier, route gatesock.Route, requestID string, r response, err error) {
	u := &s.g.cfg.Undocumented
	switch {
	case err == errTimeout: //nolint:errorlint // begin's own value, never wrapped
		reply(s, errorFrame(messageTimeout, s.id, requestID))
	case err != nil, u.FailNon2xx && (r.StatusCode < 200 || r.StatusCode > 299):
		reply(s, errorFrame(messageInternal, s.id, requestID))
	case !route.NeedsResponse:
		if len(r.Body) > 0 {
			s.g.cfg.Logger.Warn("an answer was dropped: the route has no route response",
				slog.String("routeKey", route.Key), slog.String("connectionId", s.id), slog.Int("bytes", len(r.Body)))
		}
	case len(r.Body) == 0 && u.DropEmptyAnswers:
	case len(r.Body) > gatesock.MaxMessageSize, !utf8.Valid(r.Body):
		s.g.cfg.Logger.Error("the route response is too large or not UTF-8", slog.String("routeKey", route.Key))
		reply(s, errorFrame(messageInternal, s.id, requestID))
	default:
		reply(s, r.Body)
	}
}

// The gateway's own frames, byte for byte with its uneven spaces; see §5 and §6 of docs/gateway-facts.md.

// errorFrame gives the frame that tells a client that the gateway itself could not answer.
func errorFrame(message, connectionID, requestID string) []byte {
	b := jsonscan.AppendString(append(make([]byte, 0, 128), `{"message": `...), message)
	b = append(append(b, `, "connectionId":"`...), connectionID...)
	b = append(append(b, `", "requestId":"`...), requestID...)
	return append(b, `"}`...)
}

// badBodyFrame gives the frame that answers a message which the route's model refuses.
func badBodyFrame(connectionID, messageID string) []byte {
	b := append(make([]byte, 0, 128), `{"message" : "Bad request body", "connectionId": "`...)
	b = append(append(b, connectionID...), `", "messageId": "`...)
	return append(append(b, messageID...), `"}`...)
}

// The messages of errorFrame.
const (
	messageForbidden    = "Forbidden"
	messageInternal     = "Internal server error"
	messageUnauthorized = "Unauthorized"
	messageTimeout      = "Endpoint request timed out"
)
