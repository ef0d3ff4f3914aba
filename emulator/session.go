package emulator

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock"
)

// Client receives what a [Gateway] sends to a connected client. Its methods are called concurrently
// and must not block.
type Client interface {
	// Send takes one text message. It must not keep data. It returns an error if the client's
	// buffer is full and it did not take the message.
	Send(data []byte) error
	// Close means that the gateway has closed the connection, with the code and the reason of its
	// close frame. It is called at most once, and not after the client has ended the connection.
	// Ignore calls of Send that follow.
	Close(code int, reason string)
}

// StatusNoStatusRcvd is the code of a close frame without a code (RFC 6455, section 7.1.5).
const StatusNoStatusRcvd = 1005

// reasonNoStatus is the reason in $disconnect for StatusNoStatusRcvd (AWS Developer Guide;
// observed).
const reasonNoStatus = "Client-side close frame status not set"

// Session is a connection. [Gateway.Connect] opens it, and [Gateway.Session] finds any open one,
// also that of a client over a socket. It is safe for concurrent use.
type Session struct {
	g            *Gateway
	client       Client
	batch        batcher // the client as a batcher, or nil
	id           string
	number       uint64 // of the handshake
	domain       string
	sourceIP     string
	userAgent    string
	subprotocols []string
	connectedAt  time.Time
	parts        eventParts
	faultConn    faultConn

	active   atomic.Int64 // time of the last traffic, in nanoseconds since connectedAt
	ended    atomic.Bool
	halfOpen atomic.Bool // the client is gone, and the gateway does not know

	mu    sync.Mutex
	timer Timer // of the next check of the connection's lifetime
}

// ID returns the connection id.
func (s *Session) ID() string { return s.id }

// Number returns a short name for the connection, as in [Event]: the gateway numbers handshakes
// from 1.
func (s *Session) Number() uint64 { return s.number }

// Subprotocol returns the Sec-WebSocket-Protocol that the handler of $connect returned, or "". No
// other header of the response reaches the client (observed: chalice#1768).
func (s *Session) Subprotocol() string {
	if len(s.subprotocols) == 0 {
		return ""
	}
	return s.subprotocols[0]
}

// Close ends the session with a close frame of the client. A code of 0 or [StatusNoStatusRcvd]
// means a frame without a code. Close returns when $disconnect or ctx has ended. On a session that
// has ended it does nothing, nor on one that is [HalfOpen]. It does not wait for a $disconnect that
// a fault delays.
//
// If a close frame can't have the code or the reason, the gateway closes the connection instead:
// with 1002 for a code outside 1000–1003, 1007–1014 and 3000–4999 or a reason above 123 bytes, with
// 1007 for a reason that is not UTF-8.
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

// Abort ends the session without a close frame, as if the connection were lost
// (Undocumented.AbnormalClose). It returns when $disconnect or ctx has ended. On a session that has
// ended it does nothing.
func (s *Session) Abort(ctx context.Context) {
	s.endAndWait(ctx, s.g.config().Undocumented.AbnormalClose, byClient)
}

// Disconnect lets the gateway close the connection with a code and a reason, for which
// [Gateway.Disconnect] has no parameters. A client over a socket gets the close frame, and
// $disconnect the same code and reason. The zero status is that of [Gateway.Disconnect]. A client
// that is [HalfOpen] gets nothing. Disconnect returns when $disconnect or ctx has ended.
//
// The error names a code or reason that a close frame can't have: codes are 1000–1003, 1007–1014
// and 3000–4999, reasons have at most 123 bytes of UTF-8. It is [ErrClosed] on a session that had
// ended before.
func (s *Session) Disconnect(ctx context.Context, status CloseStatus) error {
	if status == (CloseStatus{}) {
		status = closeNormally()
	}
	if v := status.check(); v != nil {
		return fmt.Errorf("emulator: disconnecting: close status %d %.200q can't be sent: %w", status.Code, status.Reason, v)
	}
	inv, ended := s.finish(status, byGateway)
	if !ended {
		return ErrClosed
	}
	inv.start()
	inv.wait(ctx)
	return nil
}

// Ping is a ping frame of the client. It has an effect only with Undocumented.PingResetsIdle. The
// front sends the pong.
func (s *Session) Ping() {
	if s.g.config().Undocumented.PingResetsIdle {
		s.touch()
	}
}

// open registers the session with the gateway and starts its timer. It returns false if the gateway
// is closing.
func (s *Session) open() bool {
	s.touch()
	if !s.g.register(s) {
		return false
	}
	s.watch()
	s.g.faults.opened(s)
	return true
}

// abandon ends a connection whose client did not wait for the response to its handshake.
func (s *Session) abandon(ctx context.Context) {
	if !s.g.config().Undocumented.ForgetAbandonedConnect {
		s.Abort(context.WithoutCancel(ctx))
	}
}

// touch records traffic.
func (s *Session) touch() { s.active.Store(int64(s.g.clock.Now().Sub(s.connectedAt))) }

// lastActive returns the time of the last message in either direction.
func (s *Session) lastActive() time.Time { return s.connectedAt.Add(time.Duration(s.active.Load())) }

// send passes a message to the client if the session is open.
func (s *Session) send(data []byte, send func([]byte) error) error {
	switch {
	case s.ended.Load():
		return gatesock.ErrGone
	case s.halfOpen.Load():
		s.touch()
		return nil
	case s.full():
		return errBufferFull
	}
	if err := send(data); err != nil {
		return err
	}
	s.touch()
	return nil
}

// batcher is a [Client] that lets the goroutine that sends messages write them as well, which saves
// a switch of goroutines.
type batcher interface {
	// queue takes a message as Send does, and leaves the writing to flush.
	queue(data []byte) error
	// flush writes the queued messages. It blocks while the client does not read.
	flush()
}

// replier sends the response to a message. It logs failures.
type replier func(s *Session, f outgoing)

// reply sends a response from a goroutine that must not wait for the client.
func (s *Session) reply(f outgoing) { s.noteSent(f, s.send(f.data, s.client.Send)) }

// replyAndFlush sends a response from a goroutine that calls flush next.
func (s *Session) replyAndFlush(f outgoing) {
	if s.batch == nil {
		s.reply(f)
		return
	}
	s.noteSent(f, s.send(f.data, s.batch.queue))
}

// flush writes what replyAndFlush has queued.
func (s *Session) flush() {
	if s.batch != nil {
		s.batch.flush()
	}
}

func (s *Session) noteSent(f outgoing, err error) {
	s.observeFrame(f, err)
	if err != nil {
		s.g.logger().Warn("a frame was dropped", slog.String("connectionId", s.id), slog.Any("error", err))
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

// end ends the session. A close by the gateway also closes the client. It returns the invocation of
// $disconnect, which the caller must start, or nil if the session had ended before or the API has
// no such route. A shutdown that finds the session ended waits for end to return.
func (s *Session) end(status CloseStatus, by closer) *invocation {
	inv, _ := s.finish(status, by)
	return inv
}

// finish is end, and reports whether this call has ended the session.
func (s *Session) finish(status CloseStatus, by closer) (disconnect *invocation, ended bool) {
	s.g.running.begin()
	defer s.g.running.end()
	if by == byClient && s.halfOpen.Load() || !s.ended.CompareAndSwap(false, true) {
		return nil, false
	}
	s.g.unregister(s)
	s.unwatch()
	if by == byGateway {
		s.hangUp(status)
	}
	s.g.logger().Debug("connection closed", slog.String("connectionId", s.id), slog.Int("code", status.Code))
	s.observeEnd(status, by)
	defer s.g.faults.left(s)
	d := s.g.current()
	route, ok := d.invoked(gatesock.RouteDisconnect)
	if !ok {
		return nil, true
	}
	now := s.g.clock.Now()
	st := stamp{on: d, requestID: s.g.ids.next(now, kindRequest), time: now}
	event := s.parts.disconnectEvent(st, s.domain, status)
	// Nobody gets the response: the connection is closed.
	ignore := func(replier, response, error) {}
	return s.disconnecting(st, func() *invocation {
		return s.invocation(context.Background(), route, st, event, ignore)
	}), true
}

// closeIdle returns the status that closes an idle connection (observed in public captures).
func closeIdle() CloseStatus { return CloseStatus{Code: 1001, Reason: "Going away"} }

// watch sets the timer for the time when, without further traffic, the session will be too old or
// idle for too long. Traffic does not move the timer. Instead, check sets it again.
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
	s.timer = s.g.clock.AfterFunc(idle.Sub(s.g.clock.Now()), s.check)
}

// deadlines returns when the session will be idle for too long without further traffic, and when it
// will be too old.
func (s *Session) deadlines() (idle, old time.Time) {
	return s.lastActive().Add(s.g.config().IdleTimeout), s.connectedAt.Add(s.g.config().MaxAge)
}

// check ends the session if it is due and waits for its $disconnect. Otherwise it sets the timer
// again.
func (s *Session) check() {
	s.g.running.begin()
	defer s.g.running.end()
	now := s.g.clock.Now()
	idle, old := s.deadlines()
	var inv *invocation
	switch {
	case !old.After(now):
		inv = s.end(s.g.config().Undocumented.MaxAgeClose, byGateway)
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
