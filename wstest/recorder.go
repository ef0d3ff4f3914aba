package wstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
)

// Post is one message that was given to a [Recorder].
type Post struct {
	// Target is where it was to go.
	Target gatesock.Target
	// Data is the message.
	Data []byte
	// Time is when it was given: the harness's time if the recorder belongs to one, and else the
	// machine's.
	Time time.Time
	// Err is what Post returned; nil also while it is under way.
	Err error
}

// Recorder is a [gatesock.ConnectionsAPI] that takes note of every post and can be told to refuse or delay what goes to some
// connections. Alone it takes every message and delivers none; [New], [NewServer] or [Recorder.Attach] give
// it something to forward to. Faults come before the forwarding: what they refuse is recorded, and not
// delivered.
//
// A Recorder is safe for concurrent use. Its errors wrap those of package gatesock.
type Recorder struct {
	mu    sync.Mutex
	posts []*Post
	// disconnects are the connections that were to be closed.
	disconnects []gatesock.Target
	closed      map[string]bool // those that the recorder has closed by itself, alone
	faults      map[string]*fault
	forbid      bool
	next        gatesock.Poster
	watch       *watch // nil outside a harness
	now         func() time.Time
	made        time.Time
}

var (
	_ gatesock.ConnectionsAPI = (*Recorder)(nil)
	_ gatesock.Preparer       = (*Recorder)(nil)
)

// NewRecorder returns a Recorder on its own.
func NewRecorder() *Recorder {
	return &Recorder{closed: make(map[string]bool), faults: make(map[string]*fault), now: time.Now, made: time.Now()}
}

// Attach makes the recorder forward to p, and to nothing if p is nil. With it a recorder may stand before any
// Poster, as the @connections client of package apigw. The harness attaches its recorder to its gateway.
func (r *Recorder) Attach(p gatesock.Poster) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = p
}

// Posts gives all posts so far, refused ones among them, in the order in which they were begun.
func (r *Recorder) Posts() []Post { return r.filter(func(*Post) bool { return true }) }

// PostsTo gives the posts to one connection, in the order in which they were begun.
func (r *Recorder) PostsTo(connectionID string) []Post {
	return r.filter(func(p *Post) bool { return p.Target.ConnectionID == connectionID })
}

func (r *Recorder) filter(want func(*Post) bool) []Post {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Post
	for _, p := range r.posts {
		if want(p) {
			c := *p
			c.Data = bytes.Clone(p.Data)
			list = append(list, c)
		}
	}
	return list
}

// Reset forgets the posts and disconnections so far. Faults stay; see [Recorder.Clear].
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.posts, r.disconnects = nil, nil
	clear(r.closed)
}

// Post records a message, and delays, refuses or forwards it as it was told. Alone it also refuses what no gateway
// takes: an empty connection id, and data above [gatesock.MaxMessageSize].
//
// A post whose context belongs to a handler that has returned is refused, and fails the test at its end: in Lambda
// it would be frozen with the process, and lost. So is, as far as it can be told, one from a goroutine that such
// a handler has started.
func (r *Recorder) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	post, w := r.begin(to, data)
	err := w.operate(ctx, posting, to, func() error { return r.do(ctx, to, data) })
	r.mu.Lock()
	defer r.mu.Unlock()
	post.Err = err
	return err
}

func (r *Recorder) begin(to gatesock.Target, data []byte) (*Post, *watch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &Post{Target: to, Data: bytes.Clone(data), Time: r.now()}
	r.posts = append(r.posts, p)
	return p, r.watch
}

// do carries out a post that is already recorded.
func (r *Recorder) do(ctx context.Context, to gatesock.Target, data []byte) error {
	next, err := r.meet(ctx, to)
	switch {
	case err != nil:
		return postError(to, err)
	case next == nil && len(data) > gatesock.MaxMessageSize:
		return postError(to, gatesock.ErrTooLarge)
	}
	if err := r.judge(to); err != nil && (next == nil || errors.Is(err, gatesock.ErrGone)) {
		return postError(to, err)
	}
	if next != nil {
		return next.Post(ctx, to, data)
	}
	return nil
}

// meet returns the fault that a call meets, after its delay, or else what the call is forwarded to, nil if nothing.
func (r *Recorder) meet(ctx context.Context, to gatesock.Target) (gatesock.Poster, error) {
	if err := wait(ctx, r.delay(to.ConnectionID)); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forbid {
		return nil, gatesock.ErrForbidden
	}
	if err := r.faults[to.ConnectionID].take(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return r.next, nil
}

// judge returns what the recorder finds by itself about a connection: that it is none, or that the recorder has closed it.
func (r *Recorder) judge(to gatesock.Target) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case to.ConnectionID == "":
		return gatesock.ErrBadConnectionID
	case r.closed[to.ConnectionID]:
		return gatesock.ErrGone
	}
	return nil
}

// join makes the recorder the one of a harness.
func (r *Recorder) join(w *watch, next gatesock.Poster, now func() time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watch, r.next, r.now = w, next, now
}

// leave makes the recorder stand alone again.
func (r *Recorder) leave() { r.join(nil, nil, time.Now) }

func postError(to gatesock.Target, err error) error {
	return fmt.Errorf("wstest: post to %q: %w", to.ConnectionID, err)
}

// wait returns when d has passed, or with the context's error.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
