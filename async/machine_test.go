package async

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/testclock"
)

// TestGuarantees delivers one job many times, at once and one after the other, and has every call
// to the store, to the gateway and to the handler fail or end the invocation, before or after its
// effect. It holds the package to what its documentation guarantees.
func TestGuarantees(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, rapid.IntRange(1, 3).Draw(t, "attempts"), rapid.IntRange(0, 3).Draw(t, "overruns") == 0)
		defer w.killAll()
		t.Repeat(map[string]func(*rapid.T){
			"deliver": w.deliver,
			"step":    w.step,
			"step 2":  w.step, // more often than the others
			"step 3":  w.step,
			"advance": w.advance,
			"hang up": w.hangUp,
		})
		w.finish()
	})
}

// verdict is how a call ends.
type verdict string

const (
	succeed     verdict = "succeeds"
	fail        verdict = "fails"
	failAfter   verdict = "fails after its effect"
	crash       verdict = "crashes"
	crashAfter  verdict = "crashes after its effect"
	refuse      verdict = "refuses"  // a final error of the handler
	refuseFault verdict = "gives up" // a fault that is final
	explode     verdict = "panics"   // of the handler
)

// world is everything around the Jobs.
type world struct {
	t     *rapid.T
	clock *testclock.Clock
	store Outcomes
	jobs  *Jobs
	job   Job

	runs       []*invocation // that wait at a call
	deliveries int
	removed    bool // a Run returned nil
	gone       bool
	results    int // of the handler

	overruns    bool     // invocations run on when their time is over
	running     int      // handlers
	mayRun      int      // how often the handler may still begin
	mayPost     int      // how often the client may still get the result
	storeFailed bool     // while it recorded a result
	accepted    []string // by the client
	toldGone    bool     // a post failed because the connection is gone
}

// invocation is a call of Run.
type invocation struct {
	w       *world
	attempt int
	ends    time.Time
	at      *point // where it waits
	arrived chan *point
	ended   chan error

	began   bool // the handler
	settled bool // what it did is recorded
	posted  bool // and not recorded as posted
}

// point is a call that waits for its verdict.
type point struct {
	name    string
	verdict chan verdict
}

var (
	errCrashed  = errors.New("crashed")
	errInjected = errors.New("injected")
)

type invocationKey struct{}

func newWorld(t *rapid.T, attempts int, overruns bool) *world {
	clock := testclock.New(testclock.Noon())
	w := &world{t: t, clock: clock, mayRun: 1, mayPost: 1, overruns: overruns}
	w.store = NewMemoryOutcomes(WithClock(clock.Now))
	quiet := slog.New(slog.DiscardHandler)
	w.jobs = New(NewMemoryQueue(), w, &flaky{w}, WithAttempts(attempts), WithTimeout(time.Minute),
		WithClock(clock.Now), WithLogger(quiet))
	w.jobs.pause = func(time.Duration) time.Duration { return 0 }
	r := gatesock.New(gatesock.WithLogger(quiet))
	HandleReply(r, w.jobs, "work", w.handle)
	w.job = Job{
		ID: "c/m", Route: "work", ConnectionID: "c", RequestID: "1",
		Event: []byte(`{"requestContext":{"routeKey":"work","eventType":"MESSAGE","connectionId":"c","messageId":"m"},"body":"{\"action\":\"work\",\"id\":\"1\"}"}`),
	}
	return w
}

// start starts a call of Run, up to its first call.
func (w *world) start(attempt int) {
	inv := &invocation{
		w: w, attempt: attempt, ends: w.clock.Now().Add(w.jobs.timeout + maxMargin),
		arrived: make(chan *point), ended: make(chan error, 1),
	}
	ctx := context.WithValue(context.Background(), invocationKey{}, inv)
	go func() {
		err := errCrashed
		defer func() { inv.ended <- err }()
		err = w.jobs.Run(ctx, w.job, attempt)
	}()
	w.runs = append(w.runs, inv)
	w.await(inv)
}

// await waits until an invocation has arrived at its next call, or has ended.
func (w *world) await(inv *invocation) {
	select {
	case inv.at = <-inv.arrived:
	case err := <-inv.ended:
		w.runs = slices.DeleteFunc(w.runs, func(i *invocation) bool { return i == inv })
		w.over(inv, err)
	}
}

// over holds what has ended to the guarantees.
func (w *world) over(inv *invocation, err error) {
	switch {
	case errors.Is(err, errCrashed):
		if inv.began && !inv.settled {
			w.mayRun++
		}
		if inv.posted {
			w.mayPost++
		}
	case err == nil, errors.Is(err, ErrDead):
		w.removed = w.removed || err == nil
		if len(w.accepted) == 0 && !w.toldGone {
			w.t.Fatalf("Run returned %v, and the client has no result", err)
		}
	}
}

// arrive waits for the verdict of a call.
func arrive(ctx context.Context, name string) (*invocation, verdict) {
	inv, _ := ctx.Value(invocationKey{}).(*invocation)
	p := &point{name, make(chan verdict)}
	inv.arrived <- p
	v := <-p.verdict
	if v == crash {
		runtime.Goexit()
	}
	return inv, v
}

// effect has a call take effect, as its verdict says.
func effect(v verdict, do func() error) error {
	if v == fail {
		return errInjected
	}
	err := do()
	if v == crashAfter {
		runtime.Goexit()
	}
	if v == failAfter {
		return errInjected
	}
	return err
}

// deliver delivers the job: again after it has failed, or a second time.
func (w *world) deliver(t *rapid.T) {
	if len(w.runs) >= 3 {
		t.Skip("enough")
	}
	again := w.deliveries > 0 && rapid.IntRange(0, 3).Draw(t, "duplicate") == 0
	switch {
	case again:
	case w.removed || w.deliveries > w.jobs.Attempts():
		t.Skip("the queue has no job")
	default:
		w.deliveries++
	}
	w.start(w.deliveries)
}

// step lets one invocation go on.
func (w *world) step(t *rapid.T) {
	if len(w.runs) == 0 {
		t.Skip("nothing runs")
	}
	inv := rapid.SampledFrom(w.runs).Draw(t, "run")
	verdicts := []verdict{succeed, succeed, succeed, fail, failAfter, crash, crashAfter}
	if inv.at.name == "handle" {
		verdicts = []verdict{succeed, succeed, fail, fail, refuse, refuseFault, explode, crash, crashAfter}
	}
	w.proceed(inv, rapid.SampledFrom(verdicts).Draw(t, inv.at.name))
}

func (w *world) proceed(inv *invocation, v verdict) {
	inv.at.verdict <- v
	w.await(inv)
}

// advance moves the clock. Lambda ends what runs for too long, unless the world is another one.
func (w *world) advance(t *rapid.T) {
	all := w.jobs.timeout + maxMargin + claimMargin
	w.clock.Advance(rapid.SampledFrom([]time.Duration{time.Second, 30 * time.Second, all}).Draw(t, "by"))
	for _, inv := range slices.Clone(w.runs) {
		if !w.overruns && !w.clock.Now().Before(inv.ends) {
			w.proceed(inv, crash)
		}
	}
}

func (w *world) hangUp(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "really") > 0 {
		t.Skip("the client stays")
	}
	w.gone = true
}

func (w *world) killAll() {
	for len(w.runs) > 0 {
		w.proceed(w.runs[0], crash)
	}
}

// finish delivers the job a last time, when all else has ended, and lets everything succeed. The
// client has the result then.
func (w *world) finish() {
	w.killAll()
	if w.deliveries == 0 || w.removed {
		return
	}
	w.clock.Advance(w.jobs.timeout + maxMargin + claimMargin)
	w.deliveries = w.jobs.Attempts() + 1
	w.start(w.deliveries)
	for len(w.runs) > 0 {
		w.proceed(w.runs[0], succeed)
	}
	if len(w.accepted) == 0 && !w.toldGone {
		w.t.Fatal("the client has no result after the last delivery")
	}
}

// handle is the handler.
func (w *world) handle(ctx context.Context, _ *gatesock.Request, _ struct{}) (int, error) {
	w.begin(ctx)
	defer func() { w.running-- }()
	inv, v := arrive(ctx, "handle")
	w.results++
	err := effect(v, func() error { return nil })
	switch v {
	case fail, explode:
		w.mayRun++
		inv.began = false
		if v == explode {
			panic("a bug")
		}
		return 0, err
	case refuse:
		return 0, gatesock.Errorf(gatesock.CodeNotFound, "refused %d", w.results)
	case refuseFault:
		return 0, Final(fmt.Errorf("given up %d", w.results))
	case succeed, failAfter, crash, crashAfter:
	}
	return w.results, err
}

// begin holds the beginning of the handler to the guarantees.
func (w *world) begin(ctx context.Context) {
	inv, _ := ctx.Value(invocationKey{}).(*invocation)
	w.running++
	w.mayRun--
	inv.began = true
	switch {
	case inv.attempt > w.jobs.Attempts():
		w.t.Errorf("the handler runs after the last attempt")
	case w.overruns: // it may run twice
	case w.running > 1:
		w.t.Errorf("the handler runs twice at once")
	case w.mayRun < 0:
		w.t.Errorf("the handler runs again without a reason")
	}
}

// Post is the gateway.
func (w *world) Post(ctx context.Context, _ gatesock.Target, frame []byte) error {
	inv, v := arrive(ctx, "post")
	err := effect(v, func() error {
		if w.gone {
			w.toldGone = v == succeed || w.toldGone
			return gatesock.ErrGone
		}
		w.mayPost--
		w.accepted = append(w.accepted, string(frame))
		inv.posted = true
		if w.mayPost < 0 && !w.overruns {
			w.t.Errorf("the client gets the result again without a reason: %q", w.accepted)
		}
		if w.accepted[0] != string(frame) && !w.storeFailed {
			w.t.Errorf("the client gets different results: %q", w.accepted)
		}
		if !strings.HasPrefix(string(frame), `{"event":"work","id":"1",`) {
			w.t.Errorf("the client gets %q", frame)
		}
		return nil
	})
	if v == failAfter && !w.gone { // nobody knows that it arrived
		w.mayPost++
		inv.posted = false
	}
	return err
}

// flaky is the store of the world.
type flaky struct{ w *world }

func (f *flaky) Claim(ctx context.Context, id string, c Claim) (o Outcome, err error) {
	_, v := arrive(ctx, "claim")
	err = effect(v, func() error {
		o, err = f.w.store.Claim(ctx, id, c)
		return err
	})
	if err != nil {
		return Outcome{}, err
	}
	return o, nil
}

func (f *flaky) Record(ctx context.Context, id, token string, o Outcome) error {
	inv, v := arrive(ctx, "record")
	took := false
	err := effect(v, func() error {
		err := f.w.store.Record(ctx, id, token, o)
		took = err == nil
		if took {
			inv.settled = true
			inv.posted = inv.posted && !o.Settled
		}
		return err
	})
	if !took { // the result counts as lost, and so does that it was posted
		f.w.storeFailed = true
		if !inv.settled {
			f.w.mayRun++
			inv.began = false
		}
		f.w.mayPost++
		inv.posted = false
	}
	return err
}

func (f *flaky) Release(ctx context.Context, id, token string) error {
	_, v := arrive(ctx, "release")
	return effect(v, func() error { return f.w.store.Release(ctx, id, token) })
}
