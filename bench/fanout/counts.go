package main

import (
	"fmt"
	"net"
	"sync"
)

// counts has the requests that a server has seen.
type counts struct {
	Connections int `json:"connections"`
	Posts       int `json:"posts"` // accepted
	Bytes       int `json:"bytes"` // of their bodies
	Repeated    int `json:"repeated"`
	Refused     int `json:"refused"`
	// Refusal is the reason for the latest refusal.
	Refusal string `json:"refusal,omitempty"`
}

// check fails unless every member got the message once and nothing else happened.
func (c counts) check(posts, payload int) error {
	if c.Posts != posts || c.Bytes != posts*payload || c.Repeated > 0 || c.Refused > 0 {
		return fmt.Errorf("want %d posts of %d bytes, the server saw %+v", posts, payload, c)
	}
	return nil
}

// counter counts. It is safe for concurrent use.
type counter struct {
	mu   sync.Mutex
	seen counts
	ids  map[string]struct{}
}

func (c *counter) counts() counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

// count counts a post. It returns an error if the post is refused.
func (c *counter) count(p *request) error {
	id, err := p.check()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.seen.Refused++
		c.seen.Refusal = err.Error()
		return err
	}
	c.seen.Posts++
	c.seen.Bytes += p.length
	if _, again := c.ids[id]; again {
		c.seen.Repeated++
	}
	c.ids[id] = struct{}{}
	return nil
}

// countingListener counts the connections that it accepts.
type countingListener struct {
	net.Listener
	counter *counter
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.counter.mu.Lock()
		l.counter.seen.Connections++
		l.counter.mu.Unlock()
	}
	return conn, err
}
