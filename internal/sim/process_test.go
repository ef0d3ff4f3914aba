package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
)

// functionTimeout is when Lambda ends a process whose invocation has not ended.
const functionTimeout = 30 * time.Second

// process is an instance of the function, with its caches.
type process struct {
	w     *world
	name  string
	dead  atomic.Bool
	died  chan struct{}
	busy  int // invocations; changed by the scheduler only, or while the gate is closed
	store conn.Store
	log   topic.Log

	fanout *broadcast.Broadcaster
	topics *topic.Topics
	router *gatesock.Router
}

func (p *process) isDead() bool { return p.dead.Load() }

// invocation is one use of a process.
type invocation struct {
	name string
	proc *process
}

type invocationKey struct{}

func withInvocation(ctx context.Context, inv *invocation) context.Context {
	return context.WithValue(ctx, invocationKey{}, inv)
}

func (p *process) invocationOf(ctx context.Context) *invocation {
	if inv, ok := ctx.Value(invocationKey{}).(*invocation); ok {
		return inv
	}
	return &invocation{name: "?", proc: p}
}

// newProcess starts an instance.
func (w *world) newProcess() *process {
	w.started++
	p := &process{w: w, name: fmt.Sprintf("p%d", w.started), died: make(chan struct{})}
	open := w.backend.open(p)
	p.store, p.log = open.conns, open.log
	p.fanout = broadcast.New(gateway{p}, p.store,
		broadcast.WithRandom(steady(w.seed*0x9E3779B97F4A7C15+uint64(w.started)*0xBF58476D1CE4E5B9)),
		broadcast.WithLogger(w.logger))
	opts := []topic.Option{
		topic.WithRetention(func(string) topic.Retention { return w.plan.retention }), topic.WithLogger(w.logger),
	}
	if w.plan.state {
		opts = append(opts, topic.WithState(open.topics, stateOf))
	}
	if w.plan.presence {
		opts = append(opts, topic.WithPresence(open.topics, presenceOf, open.ended))
	}
	p.topics = topic.New(p.log, p.store, p.fanout, opts...)
	p.router = gatesock.New(gatesock.WithLogger(w.logger))
	p.router.Use(conn.Track(p.store, conn.WithUser(func(r *gatesock.Request) string { return r.Query.Get("user") })))
	p.router.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	p.router.OnDisconnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	p.topics.Register(p.router, p.authorize)
	w.procs = append(w.procs, p)
	return p
}

// kill ends a process: nothing that it does has an effect any more.
func (w *world) kill(p *process) {
	if p.dead.Swap(true) {
		return
	}
	close(p.died)
	kept := w.procs[:0]
	for _, other := range w.procs {
		if other != p {
			kept = append(kept, other)
		}
	}
	w.procs = kept
}

// authorize reads what a user may read, as from a database.
func (p *process) authorize(ctx context.Context, req *gatesock.Request, name string) error {
	c := p.w.linkNamed(req.ConnectionID)
	allowed := false
	s := &step{
		kind: kindRead, text: "may " + c.agent.name + " read " + name, to: "rights", do: func() { allowed = c.agent.may(name) },
	}
	if err := p.stop(ctx, s, c.name+" "+name); err != nil {
		return err
	}
	if !allowed {
		return gatesock.Errorf(gatesock.CodePermissionDenied, "you may not read %q", name)
	}
	return nil
}

var errBackend = errors.New("sim: the backend has failed")

// stop stops a step of a process at the gate, and returns an error unless it was carried out.
func (p *process) stop(ctx context.Context, s *step, target string) error {
	switch p.stopFor(ctx, s, target) {
	case carried:
		return nil
	case died:
		return errDead
	case abandoned:
		return fmt.Errorf("sim: %w", context.Cause(ctx))
	default:
		return errBackend
	}
}

func (p *process) stopFor(ctx context.Context, s *step, target string) verdict {
	s.proc, s.inv, s.from = p, p.invocationOf(ctx), p.name
	s.order = p.name + "|" + s.inv.name + "|" + s.text + "|" + target
	return p.w.wait(ctx, s)
}

// handler is the function.
type handler = lambda.Handler

// described is the function as the gateway sees it.
type described struct {
	w *world
	*gatesock.Router
}

// Invoke passes an event to an instance.
func (d described) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	w := d.w
	name, again := w.nameOf(ctx, event), (func())(nil)
	handle := func(ctx context.Context, p *process) ([]byte, error) { return p.router.Invoke(ctx, event) }
	if strings.HasPrefix(name, "$disconnect") && !strings.HasSuffix(name, "'") {
		again = func() { //nolint:contextcheck // the second event has a context of its own
			ctx, cancel := context.WithTimeout(context.Background(), functionTimeout)
			defer cancel()
			_, _ = w.run(ctx, name+"'", handle, nil)
		}
	}
	return w.run(ctx, name, handle, again)
}

// run runs an invocation on an instance that the scheduler chooses.
func (w *world) run(
	ctx context.Context, name string, handle func(context.Context, *process) ([]byte, error), again func(),
) ([]byte, error) {
	inv := &invocation{name: name}
	s := &step{kind: kindInvoke, order: "invoke|" + name, text: name, from: "gateway", inv: inv, again: again}
	if v := w.wait(ctx, s); v != carried {
		return nil, fmt.Errorf("sim: %s was not started", name)
	}
	p := s.proc
	inv.proc = p
	s.to = p.name
	type result struct {
		out []byte
		err error
	}
	results := make(chan result, 1)
	go func() {
		out, err := handle(withInvocation(ctx, inv), p)
		results <- result{out, err}
	}()
	var r result
	select {
	case r = <-results:
	case <-p.died:
		return nil, errDead
	case <-ctx.Done():
	}
	end := &step{kind: kindAnswer, text: name + " ends", to: "gateway"}
	if ctx.Err() != nil {
		end.kind, end.text = kindTimeout, name+" takes too long"
	}
	if v := p.stopFor(withInvocation(context.WithoutCancel(ctx), inv), end, ""); v != carried {
		return nil, errDead
	}
	return r.out, r.err
}

// nameOf names the invocation of an event.
func (w *world) nameOf(ctx context.Context, event []byte) string {
	if from, ok := ctx.Value(originKey{}).(origin); ok {
		w.learn(from, event)
		return from.name
	}
	route, id := eventOf(event)
	return route + " " + w.nameOfConn(id)
}

// steady is a source that always returns the same number: what is drawn must not depend on which of
// two goroutines draws first.
type steady uint64

func (s steady) Uint64() uint64 { return uint64(s) }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
