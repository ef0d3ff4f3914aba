package client

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/coder/websocket"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/clientcore"
)

// config returns what the machine is told of the options.
func (c *Client) config() clientcore.Config {
	cfg := clientcore.Config{
		Random: random(), MaxCalls: c.settings.maxQueue, Idempotent: c.settings.idempotent,
		KeepAlive: c.settings.keepAlive, KeepAliveAction: c.settings.keepAction,
	}
	if t, ok := c.settings.http.Transport.(clientcore.Tuner); ok {
		t.Tune(&cfg, func(f func(time.Time, *clientcore.Client)) {
			c.do(func(now time.Time) { f(now, c.machine) })
		})
	}
	return cfg
}

// perform does one thing that the machine asks for.
func (c *Client) perform(a *clientcore.Action) {
	switch a.Kind {
	case clientcore.Dial:
		c.fresh = false
		c.dial(a.Conn)
	case clientcore.Send:
		if l := c.conns[a.Conn]; l != nil {
			l.send(a.Frame)
		}
	case clientcore.Close:
		if l := c.conns[a.Conn]; l != nil {
			delete(c.conns, a.Conn)
			l.close()
		}
	case clientcore.Changed:
		c.changed(a)
	case clientcore.Problem:
		c.trouble(a.Code, a.Text)
	case clientcore.Settled:
		c.settled(a)
	case clientcore.Pushed:
		c.pushes.push(Push{Name: a.Name, Topic: a.Topic, Data: a.Data})
	case clientcore.Answer:
		c.answered(a)
	default:
		c.tell(a)
	}
}

// dialed is told how an attempt to connect has ended.
func (c *Client) dialed(now time.Time, l *connection, socket *websocket.Conn, err error) {
	if err == nil {
		c.opened(l, socket)
		c.machine.Connected(now, l.number)
		return
	}
	delete(c.conns, l.number)
	c.cause, c.fresh = err, true
	var refused *RefusedError
	var unprepared *preparationError
	switch {
	case errors.As(err, &refused):
		c.machine.Refused(now, l.number, refused.StatusCode)
	case errors.As(err, &unprepared):
		c.machine.NoCredentials(now, l.number, unprepared.err.Error())
	default:
		c.machine.Disconnected(now, l.number)
	}
}

// ended is told that a connection has ended.
func (c *Client) ended(now time.Time, l *connection, err error) {
	delete(c.conns, l.number)
	l.end()
	c.cause, c.fresh = err, true
	var frame *CloseError
	if errors.As(err, &frame) {
		c.machine.Closed(now, l.number, frame.Code, frame.Reason)
		return
	}
	c.machine.Disconnected(now, l.number)
}

// changed is told of the state of the connection.
func (c *Client) changed(a *clientcore.Action) {
	s := State{RetryAt: a.At}
	switch a.State {
	case clientcore.Connecting:
		s.Status = StatusConnecting
	case clientcore.Online:
		s.Status = StatusOnline
	case clientcore.Waiting, clientcore.Offline:
		s.Status = StatusWaiting
	case clientcore.Refused:
		s.Status = StatusRefused
	case clientcore.Closed:
		return // the states end when all else has
	}
	if !a.At.IsZero() && !c.fresh { // it is the machine that has given up
		c.cause, c.fresh = errors.New("client: "+a.Text), true
	}
	if s.Status != StatusOnline {
		s.Err = c.cause
	}
	c.logger().Debug("client: the state of the connection has changed", slog.String("status", string(s.Status)))
	c.states.set(s)
}

// trouble is told of a problem.
func (c *Client) trouble(code, text string) {
	p := &Problem{Code: code, Message: text}
	switch code {
	case "token", "refused", "unauthenticated", "permission_denied":
		p.cause = c.cause
	}
	c.logger().Warn("client: a problem", slog.String("code", code), slog.Any("error", p))
	c.problems.push(p)
}

// settled is told how a call has ended.
func (c *Client) settled(a *clientcore.Action) {
	p := c.calls[a.Request]
	if p == nil {
		return
	}
	delete(c.calls, a.Request)
	switch {
	case a.Code == "":
		p.settle(a.Data, nil)
	case p.cause != nil:
		p.settle(nil, canceled(p.action, a.Sent, p.cause))
	default:
		p.settle(nil, failure(p.action, a))
	}
}

// cancel ends a call whose context has ended.
func (c *Client) cancel(p *pending, cause error) {
	c.do(func(now time.Time) {
		if c.calls[p.number] == p {
			p.cause = cause
			c.machine.Cancel(now, p.number)
		}
	})
}

// sendNow sends a message without an id.
func (c *Client) sendNow(now time.Time, action string, input []byte) error {
	for _, l := range c.conns {
		if l.isBusy() {
			return fmt.Errorf("%w that can take %q now", ErrOffline, action)
		}
	}
	err := c.machine.Send(now, action, input)
	switch {
	case errors.Is(err, clientcore.ErrNotOnline):
		return fmt.Errorf("%w: %q was not sent", ErrOffline, action)
	case errors.Is(err, clientcore.ErrTooLarge):
		return fmt.Errorf("client: %q: %w", action, gatesock.Errorf(gatesock.CodeTooLarge, "%v", err))
	case err != nil:
		return fmt.Errorf("client: %q: %w", action, err)
	}
	return nil
}

// settleAll ends what the machine has not ended.
func (c *Client) settleAll() {
	for _, p := range c.pages {
		p.settle(nil, ErrClosed)
	}
	for _, t := range c.topics {
		for _, h := range t.handles() {
			h.settle(ErrClosed)
		}
	}
	for _, p := range c.calls {
		p.settle(nil, ErrUnknownOutcome)
	}
}
