package async_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/internal/testclock"
)

// caught is a queue that keeps its jobs for the test.
type caught struct{ jobs []async.Job }

func (c *caught) Enqueue(_ context.Context, job async.Job) error {
	c.jobs = append(c.jobs, job)
	return nil
}

// posts is a gateway that answers as the test says, and keeps what it accepts.
type posts struct {
	answers []error // the first ones; then nil
	begun   int
	frames  []string
}

func (p *posts) Post(ctx context.Context, _ gatesock.Target, frame []byte) error {
	p.begun++
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(p.answers) >= p.begun && p.answers[p.begun-1] != nil {
		return p.answers[p.begun-1]
	}
	p.frames = append(p.frames, string(frame))
	return nil
}

// bench is Jobs with one route, "work", and one job of it.
type bench struct {
	jobs     *async.Jobs
	job      async.Job
	posts    *posts
	outcomes async.Outcomes
	log      *logged
}

func newBench(t *testing.T, handler func(ctx, *request, struct{}) (string, error), opts ...async.Option) *bench {
	t.Helper()
	b := &bench{posts: new(posts), outcomes: async.NewMemoryOutcomes(), log: new(logged)}
	queue := new(caught)
	r := gatesock.New(gatesock.WithLogger(b.log.logger()))
	b.jobs = async.New(queue, b.posts, b.outcomes, append([]async.Option{async.WithLogger(b.log.logger())}, opts...)...)
	async.HandleReply(r, b.jobs, "work", handler)
	_, err := r.Invoke(t.Context(), message("m1", `{"action":"work","id":"1"}`))
	require.NoError(t, err)
	b.job = queue.jobs[0]
	return b
}

func message(id, body string) []byte {
	return fmt.Appendf(nil, `{"requestContext":{"routeKey":"$default","eventType":"MESSAGE","connectionId":"c1","messageId":%q},"body":%q}`, id, body)
}

const (
	result     = `{"event":"work","id":"1","data":"done"}`
	faultFrame = `{"event":"work","id":"1","error":{"code":"internal","message":"internal error"}}`
)

// TestErrorsOfHandlers has one delivery after the other, as long as the queue delivers.
func TestErrorsOfHandlers(t *testing.T) {
	t.Parallel()
	fault := errors.New("no table")
	for name, c := range map[string]struct {
		handler func(attempt int) (string, error)
		runs    int
		ends    []error // of the deliveries; errAny is any
		frames  []string
	}{
		"none": {func(int) (string, error) { return "done", nil }, 1, []error{nil}, []string{result}},
		"fault": {
			func(int) (string, error) { return "", fault }, 3,
			[]error{fault, fault, async.ErrDead, async.ErrDead},
			[]string{faultFrame},
		},
		"a fault, then none": {func(attempt int) (string, error) {
			if attempt < 3 {
				return "", fault
			}
			return "done", nil
		}, 3, []error{fault, fault, nil}, []string{result}},
		"unavailable": {
			func(int) (string, error) { return "", gatesock.Errorf(gatesock.CodeUnavailable, "down") }, 3,
			[]error{errAny, errAny, async.ErrDead, async.ErrDead},
			[]string{`{"event":"work","id":"1","error":{"code":"unavailable","message":"down"}}`},
		},
		"a code of the application": {
			func(int) (string, error) { return "", gatesock.Errorf("busy", "no") }, 3,
			[]error{errAny, errAny, async.ErrDead, async.ErrDead},
			[]string{`{"event":"work","id":"1","error":{"code":"busy","message":"no"}}`},
		},
		"panic": {
			func(int) (string, error) { panic("a bug") }, 3,
			[]error{errAny, errAny, async.ErrDead, async.ErrDead},
			[]string{faultFrame},
		},
		"refusal": {
			func(int) (string, error) { return "", gatesock.Errorf(gatesock.CodeNotFound, "no") }, 1,
			[]error{nil},
			[]string{`{"event":"work","id":"1","error":{"code":"not_found","message":"no"}}`},
		},
		"final refusal": {
			func(int) (string, error) { return "", async.Final(gatesock.Errorf(gatesock.CodeNotFound, "no")) }, 1,
			[]error{nil},
			[]string{`{"event":"work","id":"1","error":{"code":"not_found","message":"no"}}`},
		},
		"final fault": {
			func(int) (string, error) { return "", async.Final(fault) }, 1,
			[]error{async.ErrDead, async.ErrDead, async.ErrDead, async.ErrDead},
			[]string{faultFrame},
		},
		"too large": {
			func(int) (string, error) { return strings.Repeat("x", gatesock.MaxMessageSize), nil }, 1,
			[]error{nil},
			[]string{`{"event":"work","id":"1","error":{"code":"too_large","message":"the reply of 131108 bytes is above the limit of 131072"}}`},
		},
		"as large as it may be": {
			func(int) (string, error) {
				return strings.Repeat("x", gatesock.MaxMessageSize-len(`{"event":"work","id":"1","data":""}`)-1), nil
			}, 1,
			[]error{nil},
			[]string{`{"event":"work","id":"1","data":"` + strings.Repeat("x", gatesock.MaxMessageSize-len(`{"event":"work","id":"1","data":""}`)-1) + `"}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			b := newBench(t, func(ctx, *request, struct{}) (string, error) {
				runs++
				return c.handler(runs)
			}, async.WithAttempts(3))
			require.Equal(t, 3, b.jobs.Attempts())
			for i, want := range c.ends {
				err := b.jobs.Run(t.Context(), b.job, i+1)
				switch {
				case want == nil:
					require.NoError(t, err)
				case errors.Is(want, errAny):
					require.Error(t, err)
					require.NotErrorIs(t, err, async.ErrDead)
				default:
					require.ErrorIs(t, err, want)
				}
				if i < len(c.ends)-1 {
					require.Error(t, err)
				}
			}
			again := b.jobs.Run(t.Context(), b.job, 1) // the queue delivers a job twice
			require.Equal(t, errors.Is(c.ends[len(c.ends)-1], async.ErrDead), errors.Is(again, async.ErrDead), again)
			require.Equal(t, c.runs, runs)
			require.Equal(t, c.frames, b.posts.frames)
		})
	}
}

var errAny = errors.New("any")

// TestLastDelivery: all attempts ended without a result, because their invocations died.
func TestLastDelivery(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options []gatesock.Option
		want    string
	}{
		"of the protocol":    {nil, faultFrame},
		"of the application": {[]gatesock.Option{gatesock.WithErrorFrame(func(*request, *gatesock.Error) []byte { return []byte("sorry") })}, "sorry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			queue, to := new(caught), new(posts)
			r := gatesock.New(append(c.options, gatesock.WithLogger((&logged{}).logger()))...)
			jobs := async.New(queue, to, async.NewMemoryOutcomes())
			async.HandleReply(r, jobs, "work", func(ctx, *request, struct{}) (string, error) {
				t.Error("the handler runs")
				return "", nil
			})
			_, err := r.Invoke(t.Context(), message("m1", `{"action":"work","id":"1"}`))
			require.NoError(t, err)
			require.ErrorIs(t, jobs.Run(t.Context(), queue.jobs[0], jobs.Attempts()+1), async.ErrDead)
			require.Equal(t, []string{c.want}, to.frames)
		})
	}
}

// TestDeadIsFinal: a job that an operator moves back from the dead-letter queue is delivered as if
// for the first time. Its client has got an error, so nothing happens, which the error says.
func TestDeadIsFinal(t *testing.T) {
	t.Parallel()
	clock := testclock.New(testclock.Noon())
	runs := 0
	queue, to := new(caught), new(posts)
	r := gatesock.New(gatesock.WithLogger((&logged{}).logger()))
	jobs := async.New(queue, to, async.NewMemoryOutcomes(async.WithClock(clock.Now)), async.WithClock(clock.Now))
	async.HandleReply(r, jobs, "work", func(ctx, *request, struct{}) (string, error) {
		if runs++; runs == 1 {
			return "", async.Final(errAny)
		}
		return "done", nil
	})
	_, err := r.Invoke(t.Context(), message("m1", `{"action":"work","id":"1"}`))
	require.NoError(t, err)

	err = jobs.Run(t.Context(), queue.jobs[0], 1)
	require.ErrorIs(t, err, async.ErrDead)
	require.ErrorIs(t, err, errAny)
	for attempt := 1; attempt <= jobs.Attempts()+1; attempt++ {
		err = jobs.Run(t.Context(), queue.jobs[0], attempt)
		require.ErrorIs(t, err, async.ErrDead)
		require.ErrorContains(t, err, "its client has got an error")
	}
	require.Equal(t, 1, runs)
	require.Equal(t, []string{faultFrame}, to.frames)
	clock.Advance(async.Keep + time.Hour)
	require.NoError(t, jobs.Run(t.Context(), queue.jobs[0], 1))
	require.Equal(t, []string{faultFrame, result}, to.frames)
}

// stricter is the input of a later version, which refuses what the earlier one has accepted.
type stricter struct{}

func (stricter) Validate() error { return gatesock.Errorf(gatesock.CodeInvalidArgument, "no year") }

// TestChangedInput: a job that was accepted, but that the version of the program that runs it would
// refuse, ends with that refusal.
func TestChangedInput(t *testing.T) {
	t.Parallel()
	old := newBench(t, func(ctx, *request, struct{}) (string, error) { return "done", nil })
	to := new(posts)
	jobs := async.New(new(caught), to, async.NewMemoryOutcomes())
	strict := gatesock.New(gatesock.WithLogger((&logged{}).logger()))
	async.HandleReply(strict, jobs, "work", func(ctx, *request, stricter) (string, error) {
		t.Error("the handler runs")
		return "", nil
	})
	require.NoError(t, jobs.Run(t.Context(), old.job, 1))
	require.Len(t, to.frames, 1)
	require.Contains(t, to.frames[0], `{"event":"work","id":"1","error":{"code":"invalid_argument"`)
}

// TestRouteIsGone: a program whose routes were removed answers the clients of the earlier one in
// the envelope of the other routes or, without any, in that of the protocol.
func TestRouteIsGone(t *testing.T) {
	t.Parallel()
	renamed := gatesock.WithEnvelope(gatesock.Envelope{Event: "kind", ID: "ref"})
	const renamedFault = `{"kind":"work","ref":"1","error":{"code":"internal","message":"internal error"}}`
	for name, c := range map[string]struct {
		options []gatesock.Option
		routes  bool
		want    string
	}{
		"another route":                   {nil, true, faultFrame},
		"another route, another envelope": {[]gatesock.Option{renamed}, true, renamedFault},
		"no route":                        {nil, false, faultFrame},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, to := newBench(t, func(ctx, *request, struct{}) (string, error) { return "done", nil }), new(posts)
			jobs := async.New(new(caught), to, async.NewMemoryOutcomes(), async.WithAttempts(1))
			if c.routes {
				r := gatesock.New(c.options...)
				async.HandleReply(r, jobs, "other", func(ctx, *request, struct{}) (string, error) { return "", nil })
			}
			require.ErrorIs(t, jobs.Run(t.Context(), old.job, 1), async.ErrDead)
			require.Equal(t, []string{c.want}, to.frames)
		})
	}
}

// TestPosts: posts that fail are repeated, in this run and in the next, and the handler is not.
func TestPosts(t *testing.T) {
	t.Parallel()
	broken := errors.New("reset")
	slow := gatesock.ErrThrottled
	throttled := []error{slow, broken, slow, broken, slow, slow}
	for name, c := range map[string]struct {
		answers []error
		want    error // of the first run
		begun   int   // of both runs
		took    time.Duration
	}{
		"accepted":         {nil, nil, 1, 0},
		"throttled once":   {[]error{gatesock.ErrThrottled}, nil, 2, 100 * time.Millisecond},
		"failing for long": {throttled, gatesock.ErrThrottled, 7, 3100 * time.Millisecond},
		"forbidden":        {[]error{gatesock.ErrForbidden}, gatesock.ErrForbidden, 2, 0},
		"gone":             {[]error{fmt.Errorf("x: %w", gatesock.ErrGone)}, nil, 1, 0},
		"malformed id":     {[]error{gatesock.ErrBadConnectionID}, nil, 1, 0},
		"frame too large":  {[]error{gatesock.ErrTooLarge}, nil, 1, 0},
		"throttled, gone":  {[]error{gatesock.ErrThrottled, gatesock.ErrGone}, nil, 2, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				b := newBench(t, func(ctx, *request, struct{}) (string, error) {
					runs++
					return "done", nil
				})
				b.posts.answers = c.answers
				start := time.Now()
				err := b.jobs.Run(t.Context(), b.job, 1)
				require.LessOrEqual(t, time.Since(start), c.took, "each wait is random, up to a limit")
				require.ErrorIs(t, err, c.want)
				require.NotErrorIs(t, err, async.ErrDead)
				require.NoError(t, b.jobs.Run(t.Context(), b.job, 2))
				require.Equal(t, 1, runs)
				require.Equal(t, c.begun, b.posts.begun)
			})
		})
	}
}

// TestTime: the handler ends in time for the rest.
func TestTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		deadline time.Duration // of the invocation; 0 for none
		options  []async.Option
		want     time.Duration
	}{
		"a tenth is left":      {20 * time.Second, nil, 18 * time.Second},
		"five seconds at most": {15 * time.Minute, nil, 15*time.Minute - 5*time.Second},
		"a margin":             {20 * time.Second, []async.Option{async.WithDeadlineMargin(8 * time.Second)}, 12 * time.Second},
		"a timeout":            {20 * time.Second, []async.Option{async.WithTimeout(3 * time.Second)}, 3 * time.Second},
		"no deadline":          {0, nil, 15 * time.Minute},
		"a timeout alone":      {0, []async.Option{async.WithTimeout(time.Hour)}, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, func(ctx ctx, _ *request, _ struct{}) (string, error) {
					<-ctx.Done()
					return "", ctx.Err()
				}, append(c.options, async.WithAttempts(1))...)
				run, cancel := context.WithCancel(t.Context())
				if c.deadline > 0 {
					run, cancel = context.WithTimeout(t.Context(), c.deadline)
				}
				defer cancel()
				start := time.Now()
				require.ErrorIs(t, b.jobs.Run(run, b.job, 1), async.ErrDead)
				require.Equal(t, c.want, time.Since(start))
				require.Len(t, b.posts.frames, 1)
				require.Contains(t, b.posts.frames[0], `"code":"deadline_exceeded"`)
			})
		})
	}
}

// TestClaimOutlivesItsInvocation: another invocation waits for as long as one may run.
func TestClaimOutlivesItsInvocation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b *bench
		b = newBench(t, func(ctx ctx, _ *request, _ struct{}) (string, error) {
			<-time.After(58 * time.Second) // Lambda has not ended it
			require.ErrorIs(t, b.jobs.Run(context.WithoutCancel(ctx), b.job, 1), async.ErrClaimed)
			return "done", nil
		})
		run, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, b.jobs.Run(run, b.job, 1))
		require.Equal(t, []string{result}, b.posts.frames)
	})
}

// TestCancelled: a run that is stopped has not failed, whatever the handler makes of it, and a
// result is not lost.
func TestCancelled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler func(ctx) (string, error)
		runs    int
	}{
		"a handler that fails":    {func(ctx ctx) (string, error) { return "done", ctx.Err() }, 2},
		"a handler that succeeds": {func(ctx) (string, error) { return "done", nil }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run, cancel := context.WithCancel(t.Context())
			defer cancel()
			runs := 0
			b := newBench(t, func(ctx ctx, _ *request, _ struct{}) (string, error) {
				runs++
				cancel()
				return c.handler(ctx)
			}, async.WithAttempts(1))
			require.ErrorIs(t, b.jobs.Run(run, b.job, 1), context.Canceled)
			require.ErrorIs(t, b.jobs.Run(run, b.job, 1), context.Canceled)
			require.NoError(t, b.jobs.Run(t.Context(), b.job, 1))
			require.Equal(t, c.runs, runs)
			require.Equal(t, []string{result}, b.posts.frames)
		})
	}
}

// failingStore fails the records that the test names, by their number.
type failingStore struct {
	async.Outcomes

	records int
	fails   map[int]error
}

func (s *failingStore) Record(ctx context.Context, id, token string, o async.Outcome) error {
	s.records++
	if err := s.fails[s.records]; err != nil {
		return err
	}
	return s.Outcomes.Record(ctx, id, token, o)
}

// TestStoreFails: a client does not wait for a result because it could not be recorded; and an
// invocation that has lost its job says nothing.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for name, c := range map[string]struct {
		fails  map[int]error
		want   error
		frames int
		log    string
	}{
		"the result is not recorded":         {map[int]error{1: down}, nil, 1, "the result of a job was not recorded"},
		"the post is not recorded":           {map[int]error{2: down}, nil, 1, "it was not recorded that the result"},
		"the claim is lost":                  {map[int]error{1: fmt.Errorf("x: %w", async.ErrClaimLost)}, async.ErrClaimLost, 0, ""},
		"the claim is lost while it is sent": {map[int]error{2: async.ErrClaimLost}, nil, 1, "it was not recorded that the result"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &failingStore{Outcomes: async.NewMemoryOutcomes(), fails: c.fails}
			to, queue, log := new(posts), new(caught), new(logged)
			jobs := async.New(queue, to, store, async.WithLogger(log.logger()))
			r := gatesock.New()
			async.HandleReply(r, jobs, "work", func(ctx, *request, struct{}) (string, error) { return "done", nil })
			_, err := r.Invoke(t.Context(), message("m1", `{"action":"work","id":"1"}`))
			require.NoError(t, err)
			require.ErrorIs(t, jobs.Run(t.Context(), queue.jobs[0], 1), c.want)
			require.Len(t, to.frames, c.frames)
			require.Contains(t, log.String(), c.log)
		})
	}
}

// TestJobsThatCannotRun are damaged, or of a route that only another version of the program has.
func TestJobsThatCannotRun(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(ctx, *request, struct{}) (string, error) { return "done", nil }, async.WithAttempts(2))
	require.ErrorIs(t, b.jobs.Run(t.Context(), async.Job{}, 1), async.ErrBadJob)
	require.Zero(t, b.posts.begun)

	for name, change := range map[string]func(*async.Job){
		"another route": func(j *async.Job) { j.Route = "other" },
		"no event":      func(j *async.Job) { j.Event = []byte("{}") },
		"another event": func(j *async.Job) { j.Event = []byte(strings.ReplaceAll(string(j.Event), "work", "play")) },
	} {
		job := b.job
		job.ID = name
		change(&job)
		b.posts.frames = nil
		err := b.jobs.Run(t.Context(), job, 1)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, async.ErrDead, name)
		require.ErrorIs(t, b.jobs.Run(t.Context(), job, 2), async.ErrDead, name)
		require.Equal(t, []string{strings.ReplaceAll(faultFrame, "work", job.Route)}, b.posts.frames, name)
	}
}

// observer keeps what it is told of jobs.
type observer struct {
	observing.Observer

	began []observing.Op
	ended []observing.Result
}

func (o *observer) Begin(ctx context.Context, op observing.Op) (context.Context, func(observing.Result)) {
	o.began = append(o.began, op)
	return ctx, func(r observing.Result) { o.ended = append(o.ended, r) }
}

type resumedKey struct{}

func (o *observer) Resumed(ctx context.Context, req any) context.Context {
	return context.WithValue(ctx, resumedKey{}, req)
}

func TestObserved(t *testing.T) {
	t.Parallel()
	fault, refusal := errors.New("down"), gatesock.Errorf(gatesock.CodeNotFound, "no")
	var answer error
	seen := new(observer)
	b := newBench(t, func(ctx ctx, req *request, _ struct{}) (string, error) {
		require.Equal(t, seen, observing.From(ctx), "handlers are observed too")
		require.Same(t, req, ctx.Value(resumedKey{}))
		return "done", answer
	})
	observed := context.WithValue(t.Context(), observing.Key{}, seen)
	for i, err := range []error{fault, refusal} {
		answer = err
		_ = b.jobs.Run(observed, b.job, i+1)
	}
	_, err := b.outcomes.Claim(t.Context(), "busy", async.Claim{Token: "x", Until: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	busy, unknown := b.job, b.job
	busy.ID, unknown.ID, unknown.Route = "busy", "unknown", "from outside"
	for _, job := range []async.Job{busy, unknown} {
		require.Error(t, b.jobs.Run(observed, job, 1))
	}
	b.job.ID, answer = "panic", nil
	b.posts = nil
	require.Panics(t, func() { _ = (panicking{b}).run(observed) })

	var names []string
	for _, op := range seen.began {
		require.Equal(t, observing.Job, op.Kind)
		names = append(names, op.Name)
	}
	require.Equal(t, []string{"work", "work", "work", "unknown", "work"}, names)
	require.ErrorIs(t, seen.ended[0].Err, fault)
	require.False(t, seen.ended[0].Refused)
	require.ErrorIs(t, seen.ended[1].Err, refusal)
	require.True(t, seen.ended[1].Refused)
	require.ErrorIs(t, seen.ended[2].Err, async.ErrClaimed)
	require.True(t, seen.ended[2].Refused)
	require.Error(t, seen.ended[3].Err)
	require.Error(t, seen.ended[4].Err)
	require.Len(t, seen.ended, 5)
}

// panicking has a store that panics.
type panicking struct{ *bench }

func (p panicking) run(in ctx) error {
	queue := new(caught)
	jobs := async.New(queue, new(posts), brokenStore{})
	r := gatesock.New()
	async.HandleReply(r, jobs, "work", func(ctx, *request, struct{}) (string, error) { return "", nil })
	return jobs.Run(in, p.job, 1)
}

type brokenStore struct{ async.Outcomes }

func (brokenStore) Claim(context.Context, string, async.Claim) (async.Outcome, error) { panic("a bug") }

func TestRetryDelay(t *testing.T) {
	t.Parallel()
	for deliveries, limit := range map[int]time.Duration{
		0: 2 * time.Second, 1: 2 * time.Second, 2: 4 * time.Second, 5: 32 * time.Second, 9: 512 * time.Second,
		10: 15 * time.Minute, 1000: 15 * time.Minute,
	} {
		for range 100 {
			d := async.RetryDelay(errAny, deliveries)
			require.GreaterOrEqual(t, d, limit/2, deliveries)
			require.LessOrEqual(t, d, limit, deliveries)
		}
	}
	slow := fmt.Errorf("x: %w", gatesock.Errorf(gatesock.CodeUnavailable, "").WithRetryAfter(time.Minute))
	require.Equal(t, time.Minute, async.RetryDelay(slow, 1))
	require.Equal(t, 15*time.Minute, async.RetryDelay(gatesock.Errorf("x", "").WithRetryAfter(time.Hour), 1))
	require.NoError(t, async.Final(nil))
}
