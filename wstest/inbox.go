package wstest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/oneline"
)

// Frame is one message that a client has received.
type Frame struct {
	// Text is the message. It is empty for the empty message that the gateway sends where a two-way route
	// has no answer (observed: serverless#6816); clients ignore it.
	Text string
	// Time is when the client received it: the harness's time.
	Time time.Time
	// Matched says that an Expect method has consumed it.
	Matched bool
}

// inbox holds what a client has received, in order, for the Expect methods to consume.
type inbox struct {
	now   func() time.Time
	names gatesock.Envelope

	mu      sync.Mutex
	frames  []*received
	closed  *closing
	changed chan struct{} // closed and replaced whenever something is received
}

// received is a frame with its meaning.
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

// add takes a frame, unless the connection has ended.
func (in *inbox) add(text string) {
	f := &received{Frame: Frame{Text: text, Time: in.now()}, message: parseMessage(text, in.names)}
	in.change(func() {
		if in.closed == nil {
			in.frames = append(in.frames, f)
		}
	})
}

// end takes note of the connection's end; the first one counts.
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

// state is what one look into an inbox gives.
type state struct {
	ended   bool
	changed <-chan struct{}
}

// take consumes the first frame that nothing has consumed and that match accepts; nil if there is none.
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

// takeClosing consumes the end of the connection by the gateway; nil if it has not ended.
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

func (in *inbox) state() state { return state{ended: in.closed != nil, changed: in.changed} }

// unexpected counts what an Expect method would have had to consume: frames that are not empty, and a close by
// the gateway.
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

func (in *inbox) all() []Frame {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := make([]Frame, len(in.frames))
	for i, f := range in.frames {
		list[i] = f.Frame
	}
	return list
}

// String lists what was received, for a failure: every frame in order, those marked that were consumed.
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

// describe says how the connection ended; nothing if it has not.
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

// maxClip is how many bytes of a frame a failure shows.
const maxClip = 400

// clip shows a part of text in one line of a failure.
func clip(text string) string { return oneline.Of(text, maxClip) }
