package emulator

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

// turn is how long a goroutine that reads may handle a message itself. It spares most messages a change of goroutines,
// and is short enough for messages of one connection to overlap. What it spares shows "cd bench && go run
// ./emulatorload".
const turn = time.Millisecond

// socket is an open connection over the network. One goroutine at a time reads. It handles a message itself, if no
// other waits behind it, and loses the reading to a new goroutine if that takes longer than a turn: so invocations for
// one connection overlap.
type socket struct {
	session *Session
	conn    net.Conn
	in      *bufio.Reader
	frames  frameReader
	out     *outbound
	ended   func() // called when the connection is closed
}

// errRelieved is how a reader ends that another one has followed.
var errRelieved = errors.New("emulator: another goroutine reads")

// read reads until the connection ends, and closes it, unless another goroutine takes over.
func (c *socket) read(ctx context.Context) {
	// The timer is this goroutine's own: whether it could be stopped tells who reads on.
	relief := time.AfterFunc(time.Hour, func() { c.read(ctx) })
	relief.Stop()
	err := c.readAll(ctx, relief)
	var v *violation
	switch {
	case err == errRelieved: //nolint:errorlint // readAll's own value, never wrapped
		return
	case err == nil:
	case errors.As(err, &v):
		c.fail(v)
	default:
		// The link is lost, or the client did not answer the gateway's close frame in time.
		c.session.end(c.session.g.cfg.Undocumented.AbnormalClose, byClient).start()
	}
	if err := c.out.finish(); err != nil {
		c.session.g.cfg.Logger.Debug("closing a connection", slog.Any("error", err))
	}
	c.ended()
}

// readAll handles what the client sends until its close frame, for which it gives nil, or an error.
func (c *socket) readAll(ctx context.Context, relief *time.Timer) error {
	for {
		op, payload, err := c.frames.next()
		if err != nil {
			return err
		}
		switch op {
		case opText:
			if !c.handle(ctx, payload, relief) {
				return errRelieved
			}
		case opPing:
			c.session.Ping()
			c.out.pong(payload)
		case opClose:
			return c.closedByClient(payload)
		default: // an unasked pong
		}
	}
}

// handle handles a message. It gives false if another goroutine has begun to read, as relief makes one after a turn.
func (c *socket) handle(ctx context.Context, payload []byte, relief *time.Timer) bool {
	inv, err := c.session.accept(ctx, payload)
	if inv == nil || err != nil { // after the end messages go nowhere
		return true
	}
	if c.in.Buffered() > 0 {
		inv.start()
		return true
	}
	returned := false
	defer func() {
		if !returned && relief.Stop() { // the handler has ended this goroutine
			go c.read(ctx)
		}
	}()
	relief.Reset(turn)
	inv.run()
	returned = true
	return relief.Stop()
}

// closedByClient ends the session as the client wishes, and answers its close frame with the same code.
func (c *socket) closedByClient(payload []byte) error {
	status, err := closeStatus(payload)
	if err != nil {
		return err
	}
	code := status.Code
	if code == StatusNoStatusRcvd {
		status.Reason = reasonNoStatus
	}
	c.session.end(status, byClient).start()
	c.out.Close(code, "")
	return nil
}

// fail ends the session because of a frame that must not be. What the client still sends is thrown away for a moment,
// since to close on unread data would take the close frame from it.
func (c *socket) fail(v *violation) {
	status := CloseStatus{Code: v.code}
	switch u := &c.session.g.cfg.Undocumented; v.code {
	case 1003:
		status.Reason = u.BinaryReason
	case 1009:
		status.Reason = u.TooBigReason
	}
	c.session.g.cfg.Logger.Info("the client broke a rule", slog.String("connectionId", c.session.id), slog.Any("error", v))
	c.session.end(status, byGateway).start()
	// The deadline that the close frame set ends it, if the client does not.
	_ = c.frames.drain(v.rest)
}

// errBufferFull is what a slow client's outbound answers.
var errBufferFull = errors.New("emulator: the client's buffer is full")

// closeGrace is how long a closing connection may take: to end the write that is under way, then to write what is
// pending, and to see the client's close frame.
const closeGrace = time.Second

// outbound is the way to a client over a socket: a bounded buffer of frames, and, while there are any, one goroutine
// that writes them. It is a [Client] and a batcher.
type outbound struct {
	tracker *tracker
	limit   int

	mu      sync.Mutex
	idle    sync.Cond // the writer has ended
	conn    net.Conn  // nil until the handshake was answered
	pending []byte    // frames that wait
	inWrite int       // bytes of frames that are being written
	writing bool
	closed  bool // the close frame is queued or the connection is lost: no more frames
}

func newOutbound(t *tracker, limit int) *outbound {
	o := &outbound{tracker: t, limit: limit}
	o.idle.L = &o.mu
	return o
}

// attach gives the connection that the frames go to; those that were queued before go out now.
func (o *outbound) attach(conn net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.conn = conn
	if o.closed {
		o.limitTime()
	}
	o.wake()
}

// Send queues a text message, in frames of at most 32 KB (AWS, quotas: larger payloads are split, also those
// of @connections).
func (o *outbound) Send(data []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	err := o.add(data)
	o.wake()
	return err
}

// queue is Send without a writer: flush must follow.
func (o *outbound) queue(data []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.add(data)
}

// flush writes what is pending in the calling goroutine, unless another one is at it. It blocks while the client does
// not read.
func (o *outbound) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.begin() {
		o.writePending()
	}
}

func (o *outbound) add(data []byte) error {
	switch {
	case o.closed:
		return nil
	case o.full(len(data)):
		return errBufferFull
	}
	o.pending = appendMessage(o.pending, data)
	return nil
}

// full tells whether n bytes more do not fit. A message always fits into an empty buffer.
func (o *outbound) full(n int) bool {
	waiting := len(o.pending) + o.inWrite
	return waiting > 0 && waiting+n > o.limit
}

// pong answers a ping, unless the client does not read.
func (o *outbound) pong(payload []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.full(len(payload)) {
		return
	}
	o.pending = appendFrame(o.pending, opPong, true, payload)
	o.wake()
}

// Close queues the close frame. The connection has a moment left to answer it.
func (o *outbound) Close(code int, reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.closed = true
	o.pending = appendFrame(o.pending, opClose, true, closePayload(code, reason))
	o.limitTime()
	o.wake()
}

// limitTime ends reads and writes after the grace, which begins anew with the writing of the close frame: a machine that
// comes late to it does not lose the frame.
func (o *outbound) limitTime() {
	if o.conn != nil {
		// It fails on a closed connection only, which has nothing to wait for.
		_ = o.conn.SetDeadline(time.Now().Add(closeGrace))
	}
}

// finish waits until what is pending was written, at most for the grace after Close, and closes the connection.
func (o *outbound) finish() error {
	o.mu.Lock()
	if !o.closed { // the link is lost: what waits has nowhere to go
		o.closed = true
		o.pending = nil
		_ = o.conn.SetDeadline(time.Now())
	}
	for o.writing {
		o.idle.Wait()
	}
	o.mu.Unlock()
	o.linger()
	return o.conn.Close()
}

// linger says that nothing more comes, and throws away what the client sends until it has closed its side, or until the
// grace has passed: to close on unread data would reset the connection, which can take the close frame from the client.
func (o *outbound) linger() {
	if closeWrite(o.conn) == nil {
		_, _ = io.Copy(io.Discard, onlyReader{o.conn})
	}
}

// onlyReader keeps io.Copy from other ways to read.
type onlyReader struct{ io.Reader }

// begin makes the caller the writer, if there is something to write and nobody is at it.
func (o *outbound) begin() bool {
	if o.writing || o.conn == nil || len(o.pending) == 0 {
		return false
	}
	o.writing = true
	return true
}

// wake starts a writer in a goroutine of its own, if one is needed.
func (o *outbound) wake() {
	if !o.begin() {
		return
	}
	o.tracker.begin()
	go func() {
		defer o.tracker.end()
		o.mu.Lock()
		defer o.mu.Unlock()
		o.writePending()
	}()
}

// writePending writes until nothing is pending. The lock is held but for the writing itself.
func (o *outbound) writePending() {
	var spare []byte
	for len(o.pending) > 0 {
		batch := o.pending
		o.pending, o.inWrite = spare, len(batch)
		if o.closed {
			o.limitTime()
		}
		o.mu.Unlock()
		_, err := o.conn.Write(batch)
		o.mu.Lock()
		o.inWrite = 0
		if err != nil {
			o.closed = true
			o.pending = nil
			break
		}
		if spare = nil; cap(batch) <= keptBuffer {
			spare = batch[:0]
		}
	}
	if o.pending == nil {
		o.pending = spare
	}
	o.writing = false
	o.idle.Broadcast()
}
