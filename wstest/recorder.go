package wstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/observing"
)

// Post is a call of [Recorder.Post].
type Post struct {
	// Target is the connection.
	Target gatesock.Target
	// Data is the message.
	Data []byte
	// Time is when the call began, by the harness's clock, or by the machine's if the recorder has no
	// harness.
	Time time.Time
	// Err is the result. It is nil until the call returns.
	Err error
}

// Recorder is a [gatesock.ConnectionsAPI] for the application under test: it records every post,
// forwards it to the harness's clients, and can simulate failures.
//
//	rec := wstest.NewRecorder()
//	h := wstest.New(t, newApp(rec), wstest.WithPoster(rec))
//
//	rec.Gone(bob.ID()) // posts to bob fail with gatesock.ErrGone
//	alice.Request("say", Say{Text: "hello"}).ExpectAck() // the application must cope
//	rec.PostsTo(bob.ID())
//
// By default it forwards to the gateway of its harness. [Recorder.Attach] sets another target. A
// recorder without a harness and a target accepts every message and delivers none. Simulated
// failures come before forwarding: a post that fails is recorded and not delivered. For all faults
// of a gateway, see [Harness.Faults].
//
// A Recorder is safe for concurrent use. Its errors wrap those of package gatesock.
type Recorder struct {
	mu          sync.Mutex
	posts       []*Post
	disconnects []gatesock.Target
	closed      map[string]bool // connections that the recorder itself has closed
	faults      *emulator.Faults
	endFault    map[faultKey]func()
	next        gatesock.Poster
	watch       *watch // nil outside a harness
	now         func() time.Time
	made        time.Time
}

var (
	_ gatesock.ConnectionsAPI = (*Recorder)(nil)
	_ gatesock.Preparer       = (*Recorder)(nil)
)

// NewRecorder returns a Recorder. [WithPoster] connects it to a harness.
func NewRecorder() *Recorder {
	return &Recorder{
		closed: make(map[string]bool), faults: new(emulator.Faults), endFault: make(map[faultKey]func()),
		now: time.Now, made: time.Now(),
	}
}

// Attach sets the Poster to forward to, for example the @connections client of package apigw. If p
// is nil, the recorder forwards nothing. A harness attaches its recorder to its gateway.
func (r *Recorder) Attach(p gatesock.Poster) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = p
}

// Posts returns all posts, including failed ones, in the order in which they began.
func (r *Recorder) Posts() []Post { return r.filter(func(*Post) bool { return true }) }

// PostsTo returns the posts to one connection, in the order in which they began.
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

// Reset forgets the recorded posts and disconnections. Simulated failures stay; see
// [Recorder.ClearFaults].
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.posts, r.disconnects = nil, nil
	clear(r.closed)
}

// Post records a message, then fails or forwards it. Without a target to forward to, it refuses
// what the gateway would refuse: an empty connection id, and data above [gatesock.MaxMessageSize].
//
// A post after its handler has returned is refused and fails the test at its end, because Lambda
// would freeze it with the process. The recorder recognizes such a post by its context, or else by
// the goroutine that makes it.
func (r *Recorder) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	done, err := observing.BeginCall(ctx, callPost)
	if err != nil {
		return postError(to, err)
	}
	defer done()
	post, w := r.begin(to, data)
	err = w.operate(ctx, posting, to, func() error { return r.do(ctx, to, data) })
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
	if r.watch != nil {
		r.watch.ledger.post(to.ConnectionID, len(data))
	}
	return p, r.watch
}

// do performs a post that is already recorded.
func (r *Recorder) do(ctx context.Context, to gatesock.Target, data []byte) error {
	next, err := r.answer(ctx, to, data)
	if next != nil && err == nil {
		return next.Post(ctx, to, data) // which calls the observer of the invocation
	}
	observing.Posted(ctx, err)
	return err
}

// answer returns the answer of the recorder itself to a post, and what the post is forwarded to if
// there is no error; nil for nothing.
func (r *Recorder) answer(ctx context.Context, to gatesock.Target, data []byte) (gatesock.Poster, error) {
	next, err := r.meet(ctx, to)
	switch {
	case err != nil:
		return nil, postError(to, err)
	case next == nil && len(data) > gatesock.MaxMessageSize:
		return nil, postError(to, gatesock.ErrTooLarge)
	}
	if err := r.judge(to); err != nil && (next == nil || errors.Is(err, gatesock.ErrGone)) {
		return nil, postError(to, err)
	}
	return next, nil
}

// meet waits for the simulated delay and returns the simulated failure of a call, or else the
// target to forward to, which may be nil.
func (r *Recorder) meet(ctx context.Context, to gatesock.Target) (gatesock.Poster, error) {
	if err := r.faults.Call(ctx, to); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return r.next, nil
}

// judge returns the error for a connection that has no id or that the recorder itself has closed.
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

// Prepare returns a function that posts data as [Recorder.Post] does. A positive timeout bounds
// each post, including the delay of [Recorder.Slow]; a post that takes longer fails with
// [context.DeadlineExceeded].
func (r *Recorder) Prepare(data []byte, timeout time.Duration) func(ctx context.Context, to gatesock.Target) error {
	return func(ctx context.Context, to gatesock.Target) error {
		if timeout > 0 {
			bounded, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			ctx = bounded
		}
		return r.Post(ctx, to, data)
	}
}

// Disconnect records the disconnection and forwards it, if the target is a [gatesock.Disconnector],
// such as the harness's gateway or the client of package apigw. Simulated failures apply to it as
// to posts, and like a post it must not outlive its handler.
//
// Without such a target, the connection is gone for the recorder until [Recorder.Reset].
func (r *Recorder) Disconnect(ctx context.Context, from gatesock.Target) error {
	done, err := observing.BeginCall(ctx, callDisconnect)
	if err != nil {
		return disconnectError(from, err)
	}
	defer done()
	r.mu.Lock()
	r.disconnects = append(r.disconnects, from)
	w := r.watch
	r.mu.Unlock()
	return w.operate(ctx, disconnecting, from, func() error { return r.disconnect(ctx, from) })
}

func (r *Recorder) disconnect(ctx context.Context, from gatesock.Target) error {
	next, err := r.meet(ctx, from)
	if err != nil {
		return disconnectError(from, err)
	}
	if d, ok := next.(gatesock.Disconnector); ok {
		return d.Disconnect(ctx, from)
	}
	if err := r.judge(from); err != nil {
		return disconnectError(from, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed[from.ConnectionID] = true
	return nil
}

// Disconnects returns the targets of all calls of [Recorder.Disconnect], in order. [Recorder.Reset]
// forgets them.
func (r *Recorder) Disconnects() []gatesock.Target {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.disconnects)
}

func disconnectError(from gatesock.Target, err error) error {
	return fmt.Errorf("wstest: disconnect %q: %w", from.ConnectionID, err)
}

// Info asks the target, if it has a method Info, such as the harness's gateway and the clients of
// package apigw. Simulated failures apply to it as to posts, and like a post it must not outlive
// its handler.
//
// Without such a target, every connection comes from 127.0.0.1, was opened when the recorder was
// made, and was last active with its last successful post.
func (r *Recorder) Info(ctx context.Context, of gatesock.Target) (info gatesock.ConnectionInfo, err error) {
	done, err := observing.BeginCall(ctx, callInfo)
	if err != nil {
		return gatesock.ConnectionInfo{}, infoError(of, err)
	}
	defer done()
	r.mu.Lock()
	w := r.watch
	r.mu.Unlock()
	err = w.operate(ctx, asking, of, func() error {
		info, err = r.info(ctx, of)
		return err
	})
	if err != nil {
		return gatesock.ConnectionInfo{}, err
	}
	return info, nil
}

func (r *Recorder) info(ctx context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error) {
	next, err := r.meet(ctx, of)
	if err != nil {
		return gatesock.ConnectionInfo{}, infoError(of, err)
	}
	if i, ok := next.(interface {
		Info(ctx context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error)
	}); ok {
		return i.Info(ctx, of)
	}
	if err := r.judge(of); err != nil {
		return gatesock.ConnectionInfo{}, infoError(of, err)
	}
	return r.assumed(of.ConnectionID), nil
}

// assumed returns the info about a connection if there is no target to ask.
func (r *Recorder) assumed(connectionID string) gatesock.ConnectionInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	active := r.made
	for _, p := range r.posts {
		if p.Target.ConnectionID == connectionID && p.Err == nil && p.Time.After(active) {
			active = p.Time
		}
	}
	return gatesock.ConnectionInfo{
		ConnectedAt:  r.made.UTC().Truncate(time.Millisecond),
		LastActiveAt: active.UTC().Truncate(time.Millisecond),
		Identity:     gatesock.Identity{SourceIP: "127.0.0.1"},
	}
}

func infoError(of gatesock.Target, err error) error {
	return fmt.Errorf("wstest: info of %q: %w", of.ConnectionID, err)
}

// join connects the recorder to a harness.
func (r *Recorder) join(w *watch, next gatesock.Poster, now func() time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watch, r.next, r.now = w, next, now
}

// leave disconnects the recorder from its harness.
func (r *Recorder) leave() { r.join(nil, nil, time.Now) }

// The names of the recorder's calls.
const (
	callPost       = "Post"
	callDisconnect = "Disconnect"
	callInfo       = "Info"
)

func postError(to gatesock.Target, err error) error {
	return fmt.Errorf("wstest: post to %q: %w", to.ConnectionID, err)
}
