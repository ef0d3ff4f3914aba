package emulator

import (
	"context"
	"log/slog"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
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
	if s.ended.Load() {
		return ErrClosed
	}
	inv := s.accept(ctx, m)
	inv.start()
	inv.wait(ctx)
	return nil
}

// accept takes a message up to the invocation that it needs; nil if it needs none.
func (s *Session) accept(ctx context.Context, m Message) *invocation {
	if status, ok := s.violation(m); ok {
		return s.end(status, byGateway)
	}
	s.touch()
	now := s.g.cfg.Clock.Now()
	st := stamp{requestID: s.g.ids.next(now, kindRequest), messageID: s.g.ids.next(now, kindMessage), time: now}
	if !s.g.bucket.take() {
		s.reply(errorFrame(s.g.cfg.Unknown.ThrottledMessage, s.id, st.requestID))
		return nil
	}
	route, ok := s.g.route(m.Data)
	if !ok {
		s.reply(errorFrame(messageForbidden, s.id, st.requestID))
		return nil
	}
	if validate := s.g.cfg.Models[route.Key]; validate != nil {
		if err := validate(m.Data); err != nil {
			s.g.cfg.Logger.Info("the model refused a message", slog.String("routeKey", route.Key), slog.Any("error", err))
			s.reply(badBodyFrame(s.id, st.messageID))
			return nil
		}
	}
	event := s.parts.messageEvent(st, route.Key, s.body(m.Data))
	return s.g.begin(ctx, route.Key, st.requestID, event, func(r response, err error) {
		s.answer(route, st.requestID, r, err)
	})
}

// violation gives the close status for a message that the gateway does not permit: binary (1003) or too big
// (1009; both AWS Developer Guide), or not UTF-8 (RFC 6455, section 8.1).
func (s *Session) violation(m Message) (CloseStatus, bool) {
	u := &s.g.cfg.Unknown
	switch {
	case m.Binary:
		return CloseStatus{Code: 1003, Reason: u.BinaryReason}, true
	case tooBig(m):
		return CloseStatus{Code: 1009, Reason: u.TooBigReason}, true
	case !utf8.Valid(m.Data):
		return u.InvalidUTF8Close, true
	}
	return CloseStatus{}, false
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
	if s.g.cfg.Unknown.OmitEmptyBody {
		return nil
	}
	return []byte{}
}

// route selects the route of a message; see §5 of the facts.
func (g *Gateway) route(body []byte) (gatesock.Route, bool) {
	key, ok := g.selection.evaluate(body)
	if reserved := key == gatesock.RouteConnect || key == gatesock.RouteDisconnect; reserved {
		if g.cfg.Unknown.ForbidReservedKeys {
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
// response on a route with a route response; see §6 of the facts.
func (s *Session) answer(route gatesock.Route, requestID string, r response, err error) {
	u := &s.g.cfg.Unknown
	switch {
	case err == errTimeout: //nolint:errorlint // begin's own value, never wrapped
		s.reply(errorFrame(messageTimeout, s.id, requestID))
	case err != nil, u.FailNon2xx && (r.statusCode < 200 || r.statusCode > 299):
		s.reply(errorFrame(messageInternal, s.id, requestID))
	case !route.TwoWay, len(r.body) == 0 && u.DropEmptyAnswers:
	case len(r.body) > gatesock.MaxMessageSize, !utf8.Valid(r.body):
		s.g.cfg.Logger.Error("the route response is too large or not UTF-8", slog.String("routeKey", route.Key))
		s.reply(errorFrame(messageInternal, s.id, requestID))
	default:
		s.reply(r.body)
	}
}
