package client

import (
	"context"
	"iter"
	"sync"
	"time"
)

// Status is what a [Client] is doing about its connection.
type Status string

// The states of section 12 of docs/protocol.md.
const (
	StatusConnecting Status = "connecting" // the first connection, or another one, is being opened
	StatusOnline     Status = "online"     // a connection is open
	StatusWaiting    Status = "waiting"    // the next attempt is at RetryAt
	StatusRefused    Status = "refused"    // as waiting; the server has refused several attempts in a row
	StatusClosed     Status = "closed"     // Close was called
)

// State is the state of a [Client].
type State struct {
	Status Status
	// RetryAt is when the next attempt to connect begins, if the client waits for it.
	RetryAt time.Time
	// Err is how the last connection has ended, or why the last attempt has failed, such as a
	// [*RefusedError] or a [*CloseError]. It is nil if the connection is open, and at first.
	Err error
}

// stateQueue is how many changes of the state wait for an iterator.
const stateQueue = 64

// watch has the current state, and passes changes on.
type watch struct {
	mu      sync.Mutex
	current State
	hub     hub[State]
}

func newWatch() *watch { return &watch{current: State{Status: StatusConnecting}} }

func (w *watch) set(s State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s == w.current {
		return
	}
	w.current = s
	w.hub.push(s)
}

func (w *watch) get() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.current
}

// join returns a queue that begins with the current state.
func (w *watch) join() *queue[State] {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := &queue[State]{limit: stateQueue, drops: true}
	q.push(w.current)
	w.hub.join(q)
	return q
}

// State returns the current state.
func (c *Client) State() State { return c.states.get() }

// States returns the current state and then each change. If the loop that takes them is 64 changes
// behind, it misses the earliest ones. The iteration ends after [StatusClosed], and when ctx ends.
func (c *Client) States(ctx context.Context) iter.Seq[State] {
	return func(yield func(State) bool) {
		q := c.states.join()
		defer c.states.hub.leave(q)
		for s, err := range q.all(ctx) {
			if err != nil || !yield(s) {
				return
			}
		}
	}
}

// Wait returns when the client is online. It returns [ErrClosed] if the client is closed, and when
// ctx ends an error with its cause and with the reason why there is no connection.
func (c *Client) Wait(ctx context.Context) error {
	var last error
	for s := range c.States(ctx) {
		switch {
		case s.Status == StatusOnline:
			return nil
		case s.Status == StatusClosed:
			return ErrClosed
		case s.Err != nil:
			last = s.Err
		}
	}
	return notConnected(ctx, last)
}

// Retry tries to connect now, if the client waits for its next attempt; there are at most 20 in 5
// minutes. If it is online, it checks whether the server still answers, and connects again if that
// is not so. Call it when there is a reason to believe that the network has changed.
func (c *Client) Retry() { c.do(c.machine.Retry) }

// first waits for the first attempt to connect.
func (c *Client) first(ctx context.Context) error {
	for s := range c.States(ctx) {
		switch {
		case s.Status == StatusOnline:
			return nil
		case s.Err != nil: // also if there is another attempt already
			return s.Err
		case s.Status == StatusClosed:
			return ErrClosed
		}
	}
	return notConnected(ctx, nil)
}
