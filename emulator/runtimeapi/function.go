package runtimeapi

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// maxPayload is how many bytes an event or a response has at most (Lambda quotas: 6 MB; the exact
// number is in the error that Lambda returns).
const maxPayload = 6<<20 + 100

// Function is a function whose instances are processes. It is a [lambda.Handler], and safe for
// concurrent use.
type Function struct {
	lifetime      context.Context //nolint:containedctx // ends with the function
	end           context.CancelFunc
	starter       *starter
	instancesDone sync.WaitGroup
	allDone       chan struct{} // closed when nothing runs any more, after Close

	telling sync.Mutex // held while Log or Report are called

	mu        sync.Mutex
	cfg       *Config
	instances map[string]*instance
	waiting   []*instance // for an invocation; the last one was used last
	queue     []*call
	warming   []*call // of Warm
	held      bool
	closed    bool
	number    int // of the last instance
}

// New returns a function, which starts its first instance for the first invocation. It returns an
// error for a configuration that no function could have. Callers must close the function.
func New(cfg Config) (*Function, error) {
	checked, err := cfg.check()
	if err != nil {
		return nil, err
	}
	f := &Function{
		cfg: checked, starter: newStarter(), instances: map[string]*instance{}, allDone: make(chan struct{}),
	}
	f.lifetime, f.end = context.WithCancel(context.Background())
	return f, nil
}

// Invoke hands an event to an instance and returns the response. It waits for a free instance, and
// where there is no program yet, for that. An error is an [*Error], [ErrClosed] or the error of
// ctx.
//
// The invocation has an id of its own, or that of the lambdacontext of ctx if it is a UUID. The
// client context, the identity and the "x-amzn-trace-id" of ctx are handed on.
//
// When ctx ends, Invoke returns ctx's error, and the invocation goes on until Config.Timeout, as on
// Lambda. An invocation that is still waiting has failed with [TypeThrottled], which wraps the
// error of ctx.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if len(payload) > maxPayload {
		return nil, &Error{
			Type:    TypeEventTooLarge,
			Message: fmt.Sprintf("%d byte payload is too large for the Invoke operation (limit 6291556 bytes)", len(payload)),
		}
	}
	c := newCall(ctx, payload)
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, ErrClosed
	}
	c.queued = f.cfg.Clock.Now()
	if n := len(f.waiting); n > 0 && !f.held {
		i := f.waiting[n-1]
		f.waiting = f.waiting[:n-1]
		h := i.take(c).apart()
		f.mu.Unlock()
		h.over()
	} else {
		f.queue = append(f.queue, c)
		f.scale()
		f.mu.Unlock()
	}
	select {
	case r := <-c.done:
		return r.payload, r.err
	case <-ctx.Done():
		return f.abandon(c, ctx.Err())
	}
}

// abandon ends the wait of a caller whose context has ended.
func (f *Function) abandon(c *call, cause error) ([]byte, error) {
	f.mu.Lock()
	n := slices.Index(f.queue, c)
	if n < 0 {
		f.mu.Unlock()
		return nil, cause
	}
	f.queue = slices.Delete(f.queue, n, n+1)
	message := "Rate Exceeded."
	switch {
	case len(f.cfg.Command) == 0:
		message = "the function has no program yet"
	case f.held:
		message = "the function waits for a new program"
	}
	c.err = &Error{Type: TypeThrottled, Message: message, cause: cause}
	cfg := f.cfg
	report := c.report(cfg.Clock.Now())
	f.mu.Unlock()
	f.report(cfg, report)
	return nil, c.err
}

// Warm starts an instance if there is none, and returns when one is ready for an invocation, or
// with the [*Error] of its start. Lambda has nothing like it but provisioned concurrency: it is for
// callers that want to know at once whether a program starts, and its first invocation to be fast.
// Where there is no program yet, it waits for that.
func (f *Function) Warm(ctx context.Context) error {
	c := newCall(ctx, nil)
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return ErrClosed
	}
	if f.anyReady() && !f.held {
		f.mu.Unlock()
		return nil
	}
	f.warming = append(f.warming, c)
	f.scale()
	f.mu.Unlock()
	select {
	case r := <-c.done:
		return r.err
	case <-ctx.Done():
		f.mu.Lock()
		defer f.mu.Unlock()
		f.warming = slices.DeleteFunc(f.warming, func(w *call) bool { return w == c })
		return ctx.Err()
	}
}

// anyReady reports whether an instance of the present program has started. f.mu must be held.
func (f *Function) anyReady() bool {
	for _, i := range f.instances {
		if !i.dying && !i.old && i.init != 0 {
			return true
		}
	}
	return false
}

// Replace changes the program and the configuration. Running invocations end on the old instances,
// which are then killed; all others, including those that wait, have new ones. It ends what Hold
// began. FunctionName, Clock and what is called (Log, Report, InstanceEnv, InstanceEnd) stay as
// they were if the new ones are zero.
func (f *Function) Replace(cfg Config) error {
	f.mu.Lock()
	before := f.cfg
	f.mu.Unlock()
	setDefault(&cfg.FunctionName, before.FunctionName)
	setDefault(&cfg.Clock, before.Clock)
	if cfg.Log == nil {
		cfg.Log = before.Log
	}
	if cfg.Report == nil {
		cfg.Report = before.Report
	}
	if cfg.InstanceEnv == nil {
		cfg.InstanceEnv = before.InstanceEnv
	}
	if cfg.InstanceEnd == nil {
		cfg.InstanceEnd = before.InstanceEnd
	}
	checked, err := cfg.check()
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrClosed
	}
	f.cfg, f.held = checked, false
	for _, i := range f.instances {
		i.old = true
		if i.call == nil {
			i.kill(nil)
		}
	}
	f.scale()
	return nil
}

// Hold makes new invocations wait for Replace or Resume, for example while a program is being
// built.
func (f *Function) Hold() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = true
}

// Resume ends what Hold began: the last program goes on.
func (f *Function) Resume() {
	f.mu.Lock()
	f.held = false
	var hands []hand
	for len(f.waiting) > 0 && len(f.queue) > 0 {
		i := f.waiting[len(f.waiting)-1]
		f.waiting = f.waiting[:len(f.waiting)-1]
		hands = append(hands, i.take(f.dequeue()).apart())
	}
	if f.anyReady() {
		f.warmed(nil)
	}
	f.scale()
	f.mu.Unlock()
	for _, h := range hands {
		h.over()
	}
}

// Activity returns what an instance does, by its name, and reports whether there is such an
// instance. With it a proxy that knows the instance can say that a request came after the reply,
// and to which invocation it belongs. Before the first invocation the id is empty.
func (f *Function) Activity(instance string) (Activity, bool) {
	f.mu.Lock()
	i := f.instances[instance]
	f.mu.Unlock()
	if i == nil {
		return Activity{}, false
	}
	if a := i.activity.Load(); a != nil {
		return *a, true
	}
	return Activity{}, true
}

// Close kills all instances. Invocations that run or wait fail with [ErrClosed]. It returns when no
// process is left, or with the error of ctx when that ends first; the processes are killed anyway.
// Further calls only wait.
func (f *Function) Close(ctx context.Context) error {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		f.warmed(ErrClosed)
		for _, c := range f.queue {
			c.settle(result{err: ErrClosed})
		}
		f.queue = nil
		for _, i := range f.instances {
			if i.call != nil {
				i.call.settle(result{err: ErrClosed})
			}
			i.kill(nil)
		}
		go func() {
			defer close(f.allDone)
			f.instancesDone.Wait()
			f.starter.end()
			f.end()
		}()
	}
	f.mu.Unlock()
	select {
	case <-f.allDone:
		return nil
	default:
	}
	select {
	case <-f.allDone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Freezes reports whether this system can freeze a process.
func Freezes() bool { return freezes }

// scale starts as many instances as the invocations that wait need. f.mu must be held.
func (f *Function) scale() {
	if f.closed || f.held || len(f.cfg.Command) == 0 {
		return
	}
	starting, alive := 0, 0
	for _, i := range f.instances {
		if i.old || i.dying {
			continue
		}
		alive++
		if i.starting() {
			starting++
		}
	}
	want := len(f.queue)
	if len(f.warming) > 0 && alive == 0 {
		want = max(want, 1)
	}
	for ; starting < want && alive < f.cfg.Concurrency; starting, alive = starting+1, alive+1 {
		f.start(false)
	}
}

// start starts an instance. f.mu must be held.
func (f *Function) start(retry bool) {
	f.number++
	now := f.cfg.Clock.Now()
	i := &instance{
		f: f, cfg: f.cfg, name: f.cfg.FunctionName + "." + strconv.Itoa(f.number), arn: f.cfg.arn(),
		retry: retry, began: now, conns: map[*conn]struct{}{},
	}
	limit := i.cfg.InitTimeout
	if retry {
		limit = i.cfg.Timeout
		i.limit = now.Add(limit)
	}
	f.instances[i.name] = i
	i.timer = i.cfg.Clock.AfterFunc(limit, i.startTimeout)
	f.instancesDone.Add(1)
	go i.run()
}

// dequeue returns the invocation that has waited longest. f.mu must be held.
func (f *Function) dequeue() *call {
	c := f.queue[0]
	f.queue[0] = nil
	f.queue = f.queue[1:]
	return c
}

// warmed ends the calls of Warm. f.mu must be held.
func (f *Function) warmed(err error) {
	for _, w := range f.warming {
		w.settle(result{err: err})
	}
	f.warming = nil
}

// forget removes an instance from those that wait. f.mu must be held.
func (f *Function) forget(i *instance) {
	f.waiting = slices.DeleteFunc(f.waiting, func(w *instance) bool { return w == i })
	i.next = nil
}

// asks lets an instance wait for an invocation: its program has asked for it over c. It reports
// whether c may go on.
func (f *Function) asks(i *instance, c *conn) bool {
	i.drain() // what it has written belongs to the invocation that ends now
	f.mu.Lock()
	if i.dying {
		f.mu.Unlock()
		return false
	}
	now := i.cfg.Clock.Now()
	var over *Report
	switch last := i.call; {
	case last != nil && !last.replied && !i.truncated:
		// It gets the same invocation again, as from Lambda (aws-lambda-runtime-interface-emulator,
		// core/states.go): it has lost the connection.
		f.mu.Unlock()
		c.write(last.head(i.arn), last.payload)
		return true
	case last != nil:
		if !last.replied {
			last.fail(&Error{Type: typeTruncated, Message: "the response broke off"})
		}
		last.timer.Stop()
		report := i.report(last, now)
		over, i.call, i.used = &report, nil, true
		i.activity.Store(&last.over)
	case i.init == 0:
		i.init = max(now.Sub(i.began), 1)
		i.timer.Stop()
	}
	if i.old {
		i.kill(nil)
		f.mu.Unlock()
		f.reportIf(i.cfg, over)
		return false
	}
	if i.next != nil { // the last connection that asks gets it
		_ = i.next.net.Close()
		f.forget(i)
	}
	i.next = c
	if len(f.queue) > 0 && !f.held {
		h := i.take(f.dequeue())
		f.warmed(nil)
		f.mu.Unlock()
		f.reportIf(i.cfg, over)
		h.over()
		return true
	}
	f.waiting = append(f.waiting, i)
	i.free()
	if !f.held {
		f.warmed(nil)
	}
	f.mu.Unlock()
	f.reportIf(i.cfg, over)
	return true
}

// waits reports whether a program waits for an invocation on a connection.
func (f *Function) waits(i *instance, c *conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return i.next == c
}

// withdraws ends the wait of a connection that is closed, and reports whether it waited.
func (f *Function) withdraws(i *instance, c *conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i.next != c {
		return false
	}
	f.forget(i)
	return true
}

// ended ends the life of an instance whose process has ended, or could not start.
func (f *Function) ended(i *instance, how string, startError error) {
	f.mu.Lock()
	i.stopTimers()
	delete(f.instances, i.name)
	f.forget(i)
	killed := i.killed && i.reason == nil
	i.dying = true
	var lines []string
	var reports []Report
	err := i.reason
	switch {
	case startError != nil:
		err = &Error{Type: TypeStart, Message: startError.Error()}
	case err == nil && i.initError != nil && i.init == 0:
		err = i.initError
	case err == nil:
		err = exitError(how)
	}
	switch c := i.call; {
	case c != nil:
		c.timer.Stop()
		if c.err == nil && killed {
			c.err = &Error{Type: TypeExit, Message: "RequestId: " + c.id + " Error: the function was closed"}
			c.settle(result{err: ErrClosed})
		}
		if c.err == nil {
			c.err = err.of(c.id)
			lines = append(lines, c.err.Message)
		} else if i.reason != nil {
			lines = append(lines, i.reason.Message)
		}
		c.settle(result{err: c.err}) // unless it has replied
		reports = append(reports, i.report(c, i.cfg.Clock.Now()))
		i.call = nil
	case killed || i.old: // what waits is for the new program
	case i.init != 0:
		lines = append(lines, err.Message)
	case f.held: // what waits is for Replace, or for the start after Resume
		lines = append(lines, "the program did not start: "+err.Error())
	case startError == nil && !i.retry && !i.old && !f.closed:
		lines = append(lines, "the program did not start: "+err.Error()+"; starting it once more, as Lambda does")
		f.start(true)
	default:
		lines = append(lines, "the program did not start: "+err.Error())
		f.warmed(err)
		if len(f.queue) > 0 {
			c := f.dequeue()
			c.fail(err.of(c.id))
			report := c.report(i.cfg.Clock.Now())
			report.Instance = i.name
			reports = append(reports, report)
		}
	}
	f.scale()
	f.mu.Unlock()
	for _, line := range lines {
		i.line(Platform, line)
	}
	for _, r := range reports {
		f.report(i.cfg, r)
	}
	if i.cfg.InstanceEnd != nil {
		i.cfg.InstanceEnd(i.name)
	}
}

// report returns the report of an invocation that never had an instance.
func (c *call) report(now time.Time) Report {
	return Report{RequestID: c.id, Start: c.queued, Waited: now.Sub(c.queued), Err: c.err}
}

// report returns the report of an invocation of the instance.
func (i *instance) report(c *call, now time.Time) Report {
	r := Report{
		RequestID: c.id, Instance: i.name, Start: c.started,
		Duration: now.Sub(c.started), Waited: c.started.Sub(c.queued),
		ColdStart: !i.used, Err: c.err, Replied: c.replied,
	}
	if r.ColdStart {
		r.InitDuration = i.init
	}
	return r
}

func (f *Function) log(cfg *Config, line Line) {
	f.telling.Lock()
	defer f.telling.Unlock()
	cfg.Log(line)
}

func (f *Function) report(cfg *Config, r Report) {
	if cfg.Report != nil {
		f.telling.Lock()
		defer f.telling.Unlock()
		cfg.Report(r)
	}
}

func (f *Function) reportIf(cfg *Config, r *Report) {
	if r != nil {
		f.report(cfg, *r)
	}
}
