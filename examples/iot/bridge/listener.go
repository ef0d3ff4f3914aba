package bridge

import (
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// patience is for how long a client may take to sign in, or to take what it is sent.
const patience = 10 * time.Second

// listener accepts clients. Unlike those of the broker, it ends with all of its goroutines, also
// those of clients that have not signed in.
type listener struct {
	net.Listener
	running sync.WaitGroup
	ended   chan struct{} // closed when Serve has returned

	mu     sync.Mutex
	open   map[*connection]struct{}
	closed bool
}

// connection is the connection of a client.
type connection struct {
	net.Conn
	session *session // nil until it has signed in; only its own goroutine writes it
}

// Write writes within patience: the sender of an order waits for it.
func (c *connection) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func newListener(l net.Listener) *listener {
	return &listener{Listener: l, ended: make(chan struct{}), open: map[*connection]struct{}{}}
}

// ID returns the name of the listener.
func (l *listener) ID() string { return "mqtt" }

// Address returns the address of the listener.
func (l *listener) Address() string { return l.Addr().String() }

// Protocol returns the name of the protocol.
func (l *listener) Protocol() string { return "mqtt" }

// Init does nothing.
func (l *listener) Init(*slog.Logger) error { return nil }

// Serve passes connections to establish until the listener is closed.
func (l *listener) Serve(establish listeners.EstablishFn) {
	defer close(l.ended)
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_ = c.SetDeadline(time.Now().Add(patience)) // the broker sets another one when it has signed in
		one := &connection{Conn: c}
		if !l.add(one) {
			_ = c.Close()
			return
		}
		l.running.Go(func() {
			_ = establish(l.ID(), one) // why the client is gone
			_ = c.Close()
			l.remove(one)
		})
	}
}

func (l *listener) add(c *connection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.open[c] = struct{}{}
	}
	return !l.closed
}

func (l *listener) remove(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

// Close closes the listener and all connections, and waits for their goroutines.
func (l *listener) Close(listeners.CloseFn) {
	_ = l.Listener.Close()
	l.mu.Lock()
	l.closed = true
	for c := range l.open {
		_ = c.Conn.Close()
	}
	l.mu.Unlock()
	<-l.ended
	l.running.Wait()
}
