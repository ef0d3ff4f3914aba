package emulator

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"github.com/gobwas/ws"
)

// socket is an open connection over the network. Its goroutine reads; every message that it reads is handled by a
// goroutine of its own, so that invocations for one connection overlap.
type socket struct {
	session *Session
	conn    net.Conn
	frames  frameReader
	out     *outbound
}

// serve reads until the connection ends, and closes it.
func (c *socket) serve(ctx context.Context) {
	err := c.readAll(ctx)
	var v *violation
	switch {
	case err == nil:
	case errors.As(err, &v):
		c.fail(v)
	default:
		// The link is lost, or the client did not answer the gateway's close frame in time.
		c.session.end(c.session.g.cfg.Unknown.AbnormalClose, byClient).start()
	}
	if err := c.out.finish(); err != nil {
		c.session.g.cfg.Logger.Debug("closing a connection", slog.Any("error", err))
	}
}

// readAll handles what the client sends until its close frame, for which it gives nil, or an error.
func (c *socket) readAll(ctx context.Context) error {
	for {
		op, payload, err := c.frames.next()
		if err != nil {
			return err
		}
		switch op {
		case ws.OpText:
			if !c.session.ended.Load() {
				c.session.accept(ctx, Message{Data: payload, Frames: c.frames.sizes}).start()
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

// closedByClient ends the session as the client wishes, and answers its close frame with the same code.
func (c *socket) closedByClient(payload []byte) error {
	status, err := closeStatus(payload)
	if err != nil {
		return err
	}
	code := status.Code
	if code == NoStatus {
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
	switch u := &c.session.g.cfg.Unknown; v.code {
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
