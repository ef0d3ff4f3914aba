package emulator

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/gatesock/gatesock"
)

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
	o.pending = appendFrame(o.pending, ws.OpPong, true, payload)
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
	var payload []byte
	if code != StatusNoStatusRcvd {
		payload = ws.NewCloseFrameBody(ws.StatusCode(code), reason)
	}
	o.pending = appendFrame(o.pending, ws.OpClose, true, payload)
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

// appendMessage appends a text message as frames.
func appendMessage(b, data []byte) []byte {
	op := ws.OpText
	for len(data) > gatesock.MaxFrameSize {
		b = appendFrame(b, op, false, data[:gatesock.MaxFrameSize])
		data = data[gatesock.MaxFrameSize:]
		op = ws.OpContinuation
	}
	return appendFrame(b, op, true, data)
}

// appendFrame appends an unmasked frame of up to 64 KB, as servers send it.
func appendFrame(b []byte, op ws.OpCode, fin bool, payload []byte) []byte {
	first := byte(op)
	if fin {
		first |= 0x80
	}
	if n := len(payload); n <= 125 {
		b = append(b, first, byte(n))
	} else {
		b = append(b, first, 126, byte(n>>8), byte(n))
	}
	return append(b, payload...)
}
