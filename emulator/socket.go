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

// turn is how long a goroutine that reads may handle a message itself. For most messages that saves
// a switch of goroutines, and it is short enough for messages of one connection to overlap. "cd
// bench && go run ./emulatorload" measures the effect.
const turn = time.Millisecond

// socket is a connection over the network. One goroutine at a time reads. It handles a message
// itself if no other message waits behind it. If that takes longer than a turn, a new goroutine
// takes over the reading. So the invocations of one connection overlap.
type socket struct {
	session *Session
	conn    net.Conn
	in      *bufio.Reader
	frames  frameReader
	out     *outbound
}

// errRelieved ends a reader after another goroutine has taken over.
var errRelieved = errors.New("emulator: another goroutine reads")

// read reads until the connection ends and closes it, unless another goroutine takes over.
func (c *socket) read(ctx context.Context) {
	c.end(c.readAll(ctx, c.newRelief(ctx)))
}

// relief is the end of the turn of the goroutine that reads. It belongs to this goroutine: if the
// timer can't be stopped, another goroutine reads, and knows which invocation goes on.
type relief struct {
	*time.Timer
	inv *invocation
}

func (c *socket) newRelief(ctx context.Context) *relief {
	r := new(relief)
	r.Timer = time.AfterFunc(time.Hour, func() {
		r.inv.arm(turn)
		c.read(ctx)
	})
	r.Stop()
	return r
}

// end closes the connection after a reader has ended with err, unless another goroutine reads now.
// It is not part of read, so that a goroutine that waits for a message has small frames: then the
// garbage collector can halve its stack, which is most of the memory of an open connection.
func (c *socket) end(err error) {
	var v *violation
	switch {
	case err == errRelieved: //nolint:errorlint // never wrapped
		return
	case err == nil:
	case errors.As(err, &v):
		c.fail(v)
	default:
		// The link is lost, or the client did not answer the gateway's close frame in time.
		c.session.end(c.session.g.config().Undocumented.AbnormalClose, byClient).start()
	}
	if err := c.out.finish(); err != nil {
		c.session.g.logger().Debug("closing a connection", slog.Any("error", err))
	}
	c.session.g.fronts.end()
}

// readAll handles what the client sends. It returns nil after the client's close frame.
func (c *socket) readAll(ctx context.Context, relief *relief) error {
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
			if !c.session.halfOpen.Load() {
				c.session.Ping()
				c.out.pong(payload)
			}
		case opClose:
			return c.closedByClient(payload)
		default: // an unsolicited pong
		}
	}
}

// handle handles a message. It returns false if it took longer than a turn and another goroutine
// reads now. By a clock that runs, the timeouts of an invocation start with the end of the turn,
// which most never reach, or before the clock is moved.
func (c *socket) handle(ctx context.Context, payload []byte, relief *relief) bool {
	inv, err := c.session.accept(ctx, payload)
	if inv == nil || err != nil { // messages after the end are dropped
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
	relief.inv = inv
	relief.Reset(turn)
	if !c.session.g.clockRuns {
		inv.arm(0)
	}
	inv.run()
	returned = true
	return relief.Stop()
}

// closedByClient ends the session with the status of the client's close frame, and answers with the
// same code.
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
	if !c.session.halfOpen.Load() {
		c.out.Close(code, "")
	}
	return nil
}

// fail ends the session because of a frame that is not allowed. It discards what the client still
// sends for a moment: closing a connection with unread data could prevent the client from getting
// the close frame.
func (c *socket) fail(v *violation) {
	if c.session.halfOpen.Load() {
		return
	}
	status := CloseStatus{Code: v.code}
	switch u := &c.session.g.config().Undocumented; v.code {
	case 1003:
		status.Reason = u.BinaryReason
	case 1009:
		status.Reason = u.TooBigReason
	}
	c.session.g.logger().Info("the client violated the protocol",
		slog.String("connectionId", c.session.id), slog.Any("error", v))
	c.session.end(status, byGateway).start()
	// It ends with the client's close frame or with the deadline that our close frame has set.
	_ = c.frames.drain(v.rest)
}

// errBufferFull is the error of Send for a client that reads slowly.
var errBufferFull = errors.New("emulator: the client's buffer is full")

// closeGrace is how long a closing connection may take for each of these: to end the write in
// progress, to write what is pending, and to receive the client's close frame.
const closeGrace = time.Second

// outbound sends to a client over a socket. It has a bounded buffer of frames and, while there are
// any, one goroutine that writes them. It is a [Client] and a batcher.
type outbound struct {
	tracker *tracker
	limit   int
	deflate *deflation // nil: messages are not compressed

	mu      sync.Mutex
	idle    sync.Cond // signaled when writing becomes false
	conn    net.Conn  // nil until the handshake is answered
	pending []byte    // frames to write
	inWrite int       // bytes being written
	writing bool      // a goroutine writes
	closed  bool      // the close frame is queued or the connection is lost: accept no more frames
}

func newOutbound(t *tracker, limit int) *outbound {
	o := &outbound{tracker: t, limit: limit}
	o.idle.L = &o.mu
	return o
}

// attach sets the connection and starts to write the frames that are already queued.
func (o *outbound) attach(conn net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.conn = conn
	if o.closed {
		o.limitTime()
	}
	o.wake()
}

// Send queues a text message, in frames of at most 32 KB (AWS, quotas: larger payloads are split,
// also those of @connections).
func (o *outbound) Send(data []byte) error {
	op, data := o.encode(data)
	o.mu.Lock()
	defer o.mu.Unlock()
	err := o.add(op, data)
	o.wake()
	return err
}

// queue is Send without starting a writer. A call of flush must follow.
func (o *outbound) queue(data []byte) error {
	op, data := o.encode(data)
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.add(op, data)
}

// encode returns the payload of a message, with the opcode of its first frame.
func (o *outbound) encode(data []byte) (opcode, []byte) {
	if o.deflate != nil {
		if compressed, shorter := o.deflate.compress(data); shorter {
			return opCompressed, compressed
		}
	}
	return opText, data
}

// flush writes what is pending in the calling goroutine, unless another goroutine is writing. It
// blocks while the client does not read.
func (o *outbound) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.begin() {
		o.writePending()
	}
}

func (o *outbound) add(op opcode, data []byte) error {
	switch {
	case o.closed:
		return nil
	case o.full(len(data)):
		return errBufferFull
	}
	o.pending = appendMessage(o.pending, op, data)
	return nil
}

// full reports whether n more bytes do not fit. Any message fits into an empty buffer.
func (o *outbound) full(n int) bool {
	waiting := len(o.pending) + o.inWrite
	return waiting > 0 && waiting+n > o.limit
}

// pong answers a ping, unless the buffer is full.
func (o *outbound) pong(payload []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.full(len(payload)) {
		return
	}
	o.pending = appendFrame(o.pending, opPong, true, payload)
	o.wake()
}

// Close queues the close frame. The client has closeGrace to answer it.
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

// drop cuts the connection without a close frame.
func (o *outbound) drop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.pending = nil
	if o.conn != nil {
		// It fails only if the connection is closed.
		_ = o.conn.SetDeadline(time.Now())
	}
}

// limitTime ends reads and writes after closeGrace. The grace starts again when the close frame is
// written, so that a slow machine does not lose the frame.
func (o *outbound) limitTime() {
	if o.conn != nil {
		// It fails only if the connection is closed.
		_ = o.conn.SetDeadline(time.Now().Add(closeGrace))
	}
}

// finish waits until what is pending is written, at most for closeGrace, and closes the connection.
func (o *outbound) finish() error {
	o.mu.Lock()
	if !o.closed { // the connection is lost
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

// linger closes the writing side and discards what the client sends until it has closed its side,
// or until closeGrace has passed. Closing a connection with unread data would reset it, and could
// prevent the client from getting the close frame.
func (o *outbound) linger() {
	if closeWrite(o.conn) == nil {
		_, _ = io.Copy(io.Discard, onlyReader{o.conn})
	}
}

// onlyReader hides the other methods of a reader from io.Copy.
type onlyReader struct{ io.Reader }

// begin makes the caller the writer if something is pending and no goroutine is writing. It reports
// whether it did.
func (o *outbound) begin() bool {
	if o.writing || o.conn == nil || len(o.pending) == 0 {
		return false
	}
	o.writing = true
	return true
}

// wake starts a writer goroutine if one is needed.
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

// writePending writes until nothing is pending. It holds the lock except while it writes.
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
