package emulator

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock"
)

// Client is how a [Gateway] reaches a connected client. Its methods are called concurrently and must not block.
type Client interface {
	// Send takes one text message. It must not keep data. An error says that the client's buffer is full,
	// and that the message was not taken.
	Send(data []byte) error
	// Close says that the gateway closes the connection, with the code and the reason of its close frame. It is
	// called at most once, and not after the client itself has ended the connection. A Send that comes
	// after it is to be ignored.
	Close(code int, reason string)
}

// StatusNoStatusRcvd is the code of a close frame without one (RFC 6455, section 7.1.5).
const StatusNoStatusRcvd = 1005

// reasonNoStatus is what $disconnect reports with StatusNoStatusRcvd (AWS Developer Guide; observed).
const reasonNoStatus = "Client-side close frame status not set"

// Session is one open connection. It is safe for concurrent use.
type Session struct {
	g            *Gateway
	client       Client
	batch        batcher // the client, if it is one; else nil
	id           string
	domain       string
	sourceIP     string
	userAgent    string
	subprotocols []string
	connectedAt  time.Time
	parts        eventParts

	active atomic.Int64 // when the last traffic was, in nanoseconds since connectedAt
	ended  atomic.Bool

	mu    sync.Mutex
	timer Timer // of the next check of the connection's lifetime
}

// ID is the connection id.
func (s *Session) ID() string { return s.id }

// Subprotocol is what the handler of $connect returned in Sec-WebSocket-Protocol, the only header of its answer that
// reaches the client (observed: chalice#1768), empty if it returned none.
func (s *Session) Subprotocol() string {
	if len(s.subprotocols) == 0 {
		return ""
	}
	return s.subprotocols[0]
}

// Close is the client's close frame, with its code ([StatusNoStatusRcvd] or 0 for none) and reason. It returns when $disconnect
// has ended, or when ctx has. On a session that has ended it does nothing.
//
// What no close frame may have makes the gateway close the connection, as over a socket: with 1002 for a code
// outside 1000–1003, 1007–1014 and 3000–4999 or a reason above 123 bytes, with 1007 for a reason that is not UTF-8.
func (s *Session) Close(ctx context.Context, code int, reason string) {
	if code == 0 || code == StatusNoStatusRcvd {
		s.endAndWait(ctx, CloseStatus{Code: StatusNoStatusRcvd, Reason: reasonNoStatus}, byClient)
		return
	}
	status := CloseStatus{Code: code, Reason: reason}
	if v := status.check(); v != nil {
		s.endAndWait(ctx, CloseStatus{Code: v.code}, byGateway)
		return
	}
	s.endAndWait(ctx, status, byClient)
}

// Drop is the loss of the link without a close frame (Undocumented.AbnormalClose). It returns when $disconnect has ended,
// or when ctx has. On a session that has ended it does nothing.
func (s *Session) Abort(ctx context.Context) {
	s.endAndWait(ctx, s.g.cfg.Undocumented.AbnormalClose, byClient)
}

// Ping is a ping frame of the client. It matters only with Undocumented.PingResetsIdle; the pong is the front's affair.
func (s *Session) Ping() {
	if s.g.cfg.Undocumented.PingResetsIdle {
		s.touch()
	}
}

// open makes the session known to the gateway, and its lifetime begin.
func (s *Session) open() bool {
	s.touch()
	if !s.g.register(s) {
		return false
	}
	s.watch()
	return true
}

// abandon is the end of a connection whose client did not wait for the handshake's answer.
func (s *Session) abandon(ctx context.Context) {
	if !s.g.cfg.Undocumented.ForgetAbandonedConnect {
		s.Abort(context.WithoutCancel(ctx))
	}
}

// touch notes traffic.
func (s *Session) touch() { s.active.Store(int64(s.g.cfg.Clock.Now().Sub(s.connectedAt))) }

// lastActive is the time of the last message in either direction.
func (s *Session) lastActive() time.Time { return s.connectedAt.Add(time.Duration(s.active.Load())) }

// send hands a message to the client, if the session is open.
func (s *Session) send(data []byte, send func([]byte) error) error {
	if s.ended.Load() {
		return gatesock.ErrGone
	}
	if err := send(data); err != nil {
		return err
	}
	s.touch()
	return nil
}

// batcher is a [Client] whose messages can be written by the goroutine that sends them, which spares a change of
// goroutines.
type batcher interface {
	// queue takes a message as Send does, and leaves it to flush.
	queue(data []byte) error
	// flush writes what is queued. It blocks while the client does not read.
	flush()
}

// replier hands over what answers a message; there is nobody to report a failure to.
type replier func(s *Session, data []byte)

// reply answers from a goroutine that must not wait for the client.
func (s *Session) reply(data []byte) { s.noteDropped(s.send(data, s.client.Send)) }

// replyAndFlush answers from a goroutine that calls flush next.
func (s *Session) replyAndFlush(data []byte) {
	if s.batch == nil {
		s.reply(data)
		return
	}
	s.noteDropped(s.send(data, s.batch.queue))
}

// flush writes what replyAndFlush has left.
func (s *Session) flush() {
	if s.batch != nil {
		s.batch.flush()
	}
}

func (s *Session) noteDropped(err error) {
	if err != nil {
		s.g.cfg.Logger.Warn("a frame was dropped", slog.String("connectionId", s.id), slog.Any("error", err))
	}
}

func (s *Session) endAndWait(ctx context.Context, status CloseStatus, by closer) {
	inv := s.end(status, by)
	inv.start()
	inv.wait(ctx)
}

// closer is the side that ended a connection.
type closer bool

const (
	byClient  closer = false
	byGateway closer = true
)

// end ends the session, tells the client if it was not the client who ended it, and gives the invocation of $disconnect
// to be run: nil if the session had ended before or the API has no such route. A shutdown that finds the session ended
// waits for it.
func (s *Session) end(status CloseStatus, by closer) *invocation {
	s.g.running.begin()
	defer s.g.running.end()
	if !s.ended.CompareAndSwap(false, true) {
		return nil
	}
	s.g.unregister(s)
	s.unwatch()
	if by == byGateway {
		s.client.Close(status.Code, status.Reason)
	}
	s.g.cfg.Logger.Debug("connection closed", slog.String("connectionId", s.id), slog.Int("code", status.Code))
	if _, ok := s.g.routes[gatesock.RouteDisconnect]; !ok {
		return nil
	}
	now := s.g.cfg.Clock.Now()
	st := stamp{requestID: s.g.ids.next(now, kindRequest), time: now}
	event := s.parts.disconnectEvent(st, s.domain, status)
	// The answer goes nowhere: the connection is closed.
	return s.invocation(context.Background(), gatesock.RouteDisconnect, st.requestID, event, func(replier, response, error) {})
}

// closeIdle ends a connection without traffic (observed: code and reason in public captures).
func closeIdle() CloseStatus { return CloseStatus{Code: 1001, Reason: "Going away"} }

// watch sets the timer for the moment at which the session would have lived too long or been idle for too long, as
// things stand. Traffic does not move the timer; the check does.
func (s *Session) watch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended.Load() {
		return
	}
	idle, old := s.deadlines()
	if old.Before(idle) {
		idle = old
	}
	s.timer = s.g.cfg.Clock.AfterFunc(idle.Sub(s.g.cfg.Clock.Now()), s.check)
}

// deadlines gives when the session will be idle for too long, without further traffic, and when too old.
func (s *Session) deadlines() (idle, old time.Time) {
	return s.lastActive().Add(s.g.cfg.IdleTimeout), s.connectedAt.Add(s.g.cfg.MaxAge)
}

// check ends the session if its time has come, and returns after its $disconnect; or sets the timer anew.
func (s *Session) check() {
	s.g.running.begin()
	defer s.g.running.end()
	now := s.g.cfg.Clock.Now()
	idle, old := s.deadlines()
	var inv *invocation
	switch {
	case !old.After(now):
		inv = s.end(s.g.cfg.Undocumented.MaxAgeClose, byGateway)
	case !idle.After(now):
		inv = s.end(closeIdle(), byGateway)
	default:
		s.watch()
	}
	inv.start()
	inv.wait(context.Background())
}

func (s *Session) unwatch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
}
