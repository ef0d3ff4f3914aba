package emulator

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/gobwas/ws"
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
		case ws.OpText:
			if !c.handle(ctx, payload, relief) {
				return errRelieved
			}
		case ws.OpPing:
			c.session.Ping()
			c.out.pong(payload)
		case ws.OpClose:
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
