package main

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
)

// wires is a listener that can cut and mute the connections of WebSockets.
type wires struct {
	net.Listener

	mu   sync.Mutex
	next int
	all  map[*wire]bool // that have become WebSockets
}

// Accept returns the next connection.
func (w *wires) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wire{Conn: c, wires: w}, nil
}

// cut closes every nth connection, and returns how many it has closed.
func (w *wires) cut(nth int) int {
	return w.each(nth, func(c *wire) {
		_ = c.Conn.Close()
		delete(w.all, c)
	})
}

// mute lets every nth connection stay open, but nothing passes any more, as if the network had
// forgotten it. It returns how many there are.
func (w *wires) mute(nth int) int {
	return w.each(nth, func(c *wire) { c.muted.Store(true) })
}

func (w *wires) each(nth int, f func(*wire)) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for c := range w.all {
		if w.next++; w.next%nth == 0 {
			f(c)
			n++
		}
	}
	return n
}

// wire is one connection.
type wire struct {
	net.Conn

	wires *wires
	muted atomic.Bool
}

// Read reads nothing more once the connection is mute.
func (c *wire) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.muted.Load() {
			return n, err
		}
	}
}

// Write notices the answer to a handshake.
func (c *wire) Write(b []byte) (int, error) {
	if c.muted.Load() {
		return len(b), nil
	}
	if bytes.HasPrefix(b, []byte("HTTP/1.1 101")) {
		c.wires.mu.Lock()
		if c.wires.all == nil {
			c.wires.all = make(map[*wire]bool)
		}
		c.wires.all[c] = true
		c.wires.mu.Unlock()
	}
	return c.Conn.Write(b)
}

// Close forgets the connection.
func (c *wire) Close() error {
	c.wires.mu.Lock()
	delete(c.wires.all, c)
	c.wires.mu.Unlock()
	return c.Conn.Close()
}
