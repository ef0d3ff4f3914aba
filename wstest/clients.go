package wstest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatesock/gatesock"
)

// clients are the clients of a harness, or of a deployed stage, and what they share.
type clients struct {
	now      func() time.Time
	timeout  time.Duration // of Expect methods
	envelope gatesock.Envelope
	ids      atomic.Uint64 // of requests
	names    atomic.Uint64 // of clients
	values   values        // of names in patterns

	mu   sync.Mutex
	list []*Client
}

// newClient returns a client without a link, which is not in the list yet.
func (cs *clients) newClient(t testing.TB, r *request) *Client {
	t.Helper()
	c := &Client{
		t: t, name: r.user, inbox: newInbox(cs.now, cs.envelope), timeout: cs.timeout, ids: &cs.ids, values: &cs.values,
	}
	if n := cs.names.Add(1); c.name == "" {
		c.name = fmt.Sprintf("client %d", n)
	}
	return c
}

func (cs *clients) add(c *Client) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.list = append(cs.list, c)
}

// connected returns the clients that have connected, also those whose connection has ended.
func (cs *clients) connected() []*Client {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return slices.Clone(cs.list)
}
