package wstest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/oneline"
)

// Frame is a message that a client has received.
type Frame struct {
	// Text is the message. It is empty for the empty message that the gateway sends if a route with a
	// route response has no answer (observed: serverless#6816). Clients ignore it.
	Text string
	// Time is when the client received it, by the harness's clock.
	Time time.Time
	// Matched reports whether an Expect method has consumed it.
	Matched bool
}

// inbox has what a client has received, in order, for the Expect methods to consume.
type inbox struct {
	now   func() time.Time
	names gatesock.Envelope

	mu      sync.Mutex
	frames  []*received
	closed  *closing
	changed chan struct{} // closed and replaced whenever something is received
}

// received is a frame and its meaning.
type received struct {
	Frame
	message message
}

// closing is the end of a connection.
type closing struct {
	code   int
	reason string
	own    bool // by the client itself
	seen   bool // an Expect method has consumed it
}

func newInbox(now func() time.Time, names gatesock.Envelope) *inbox {
	return &inbox{now: now, names: names, changed: make(chan struct{})}
}

// add adds a frame, unless the connection has ended.
func (in *inbox) add(text string) {
	f := &received{Frame: Frame{Text: text, Time: in.now()}, message: parseMessage(text, in.names)}
	in.change(func() {
		if in.closed == nil {
			in.frames = append(in.frames, f)
		}
	})
}

// end records the end of the connection. The first end counts.
func (in *inbox) end(c closing) {
	in.change(func() {
		if in.closed == nil {
			in.closed = &c
		}
	})
}

func (in *inbox) change(f func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	f()
	close(in.changed)
	in.changed = make(chan struct{})
}

// state is the state of an inbox when a method looked at it.
type state struct {
	ended   bool
	changed <-chan struct{}
}

// take consumes and returns the first frame that is not consumed yet and that match accepts, or nil
// if there is none.
func (in *inbox) take(match func(*received) bool) (*received, state) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, f := range in.frames {
		if !f.Matched && match(f) {
			f.Matched = true
			return f, in.state()
		}
	}
	return nil, in.state()
}

// putBack undoes that a frame was consumed.
func (in *inbox) putBack(f *received) {
	in.mu.Lock()
	defer in.mu.Unlock()
	f.Matched = false
}

// takeClosing consumes and returns the end of the connection by the gateway, or nil if the gateway
// has not ended it.
func (in *inbox) takeClosing() (*closing, state) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed == nil || in.closed.own || in.closed.seen {
		return nil, in.state()
	}
	in.closed.seen = true
	c := *in.closed
	return &c, in.state()
}

// current returns the state for callers that wait for a change.
func (in *inbox) current() state {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.state()
}

func (in *inbox) state() state { return state{ended: in.closed != nil, changed: in.changed} }

// unexpected returns the number of things that no Expect method has consumed: frames that are not
// empty, and a close by the gateway.
func (in *inbox) unexpected() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := 0
	for _, f := range in.frames {
		if !f.Matched && f.Text != "" {
			n++
		}
	}
	if in.closed != nil && !in.closed.own && !in.closed.seen {
		n++
	}
	return n
}

func (in *inbox) endedByGateway() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.closed != nil && !in.closed.own
}

func (in *inbox) hasEnded() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.closed != nil
}

func (in *inbox) all() []Frame {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := make([]Frame, len(in.frames))
	for i, f := range in.frames {
		list[i] = f.Frame
	}
	return list
}

// String lists what was received, for a failure: every frame in order, with a mark for those that
// were consumed.
func (in *inbox) String() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	var b strings.Builder
	if len(in.frames) == 0 {
		b.WriteString("\n\tno frames were received")
	} else {
		fmt.Fprintf(&b, "\n\t%d %s received, in this order (✓ matched, · not matched):", len(in.frames), plural(len(in.frames), "frame"))
	}
	for i, f := range in.frames {
		mark := "·"
		if f.Matched {
			mark = "✓"
		}
		text := clip(f.Text)
		if f.Text == "" {
			text = "(empty; clients ignore it)"
		}
		fmt.Fprintf(&b, "\n\t%3d %s %s", i+1, mark, text)
	}
	b.WriteString(in.closed.describe())
	return b.String()
}

// describe describes how the connection ended. It returns "" if it has not.
func (c *closing) describe() string {
	switch {
	case c == nil:
		return ""
	case c.own:
		return "\n\tthen the client ended the connection"
	case c.code == 0:
		return "\n\tthen the connection broke: " + clip(c.reason)
	}
	return fmt.Sprintf("\n\tthen the gateway closed the connection: %d %q", c.code, c.reason)
}

// maxClip is how many bytes of a text a failure shows.
const maxClip = 400

// clip shortens a text to one line of a failure.
func clip(text string) string { return oneline.Of(text, maxClip) }
