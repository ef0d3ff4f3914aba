package broadcast

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/panics"
	"github.com/gatesock/gatesock/internal/testclock"
)

// jobQueue is a Relay that fails, or loses its answer, according to the plan.
type jobQueue struct {
	mu       sync.Mutex
	jobs     []Job
	outcomes []outcome // of one Relay after the other; the last repeats
}

func (q *jobQueue) Relay(ctx context.Context, j Job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	o := ok
	if len(q.outcomes) > 0 {
		o = q.outcomes[0]
		if len(q.outcomes) > 1 {
			q.outcomes = q.outcomes[1:]
		}
	}
	parsed, err := ParseJob(j.Encode())
	if err != nil {
		return err
	}
	switch o {
	case fault:
		return errFault
	case slowFault: // taken, but the answer is lost
		q.jobs = append(q.jobs, parsed)
		return errFault
	case hang:
		panic("the relay")
	default:
		q.jobs = append(q.jobs, parsed)
		return nil
	}
}

// relayed is a send in several invocations of limited time.
type relayed struct {
	plan
	limits  []time.Duration // of one invocation after the other; the last repeats
	crashes map[int]bool    // invocations whose report is lost, and that are done again
	doubles map[int]bool    // invocations that are done again though they went well
	relay   []outcome
	reserve time.Duration
}

func drawRelayed(t *rapid.T) relayed {
	p := drawPlan(t)
	p.cancelAt, p.readErr = -1, nil
	for _, script := range p.scripts {
		for i, o := range script {
			if o == forbidden || o == throttled && i == len(script)-1 { // the last one repeats
				script[i] = fault
			}
		}
	}
	invocations := rapid.SliceOfNDistinct(rapid.IntRange(0, 12), 0, 4, rapid.ID[int])
	set := func(name string) map[int]bool {
		m := map[int]bool{}
		for _, i := range invocations.Draw(t, name) {
			m[i] = true
		}
		return m
	}
	limit := rapid.Map(rapid.OneOf(rapid.IntRange(0, 1500), rapid.IntRange(50, 300)),
		func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond })
	return relayed{
		plan:    p,
		limits:  append(rapid.SliceOfN(limit, 0, 8).Draw(t, "limits"), time.Hour),
		crashes: set("crashes"),
		doubles: set("doubles"),
		relay: append(
			rapid.SliceOfN(rapid.SampledFrom([]outcome{ok, ok, ok, fault, slowFault, hang}), 0, 4).Draw(t, "relay"), ok),
		reserve: time.Duration(rapid.IntRange(20, 400).Draw(t, "reserve")) * time.Millisecond,
	}
}

// TestRestIsHandedOffExactlyOnce: whatever stops the invocations of a send, the merged reports
// account for each member once.
func TestRestIsHandedOffExactlyOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRelayed(rt)
		h := newHistory()
		var reports []Report
		synctest.Test(t, func(*testing.T) { reports = r.carryOutAll(rt, h) })
		total, missing := MergeReports(reports[0].ID, reports...)
		require.Empty(rt, missing)
		require.Equal(rt, len(r.audience()), total.Audience, "%+v", reports)
		require.Equal(rt, total.Audience, total.Delivered+total.Gone+total.Failed+total.Unsent)
		require.False(rt, total.Incomplete)
		for id := range r.audience() {
			require.Positive(rt, h.posts[id], id)
		}
		certain := !slices.ContainsFunc(r.relay, func(o outcome) bool { return o != ok })
		if len(r.crashes)+len(r.doubles) == 0 && certain {
			for id, n := range h.ok {
				require.LessOrEqual(rt, n, 1, "%s got it more than once", id)
			}
		}
	})
}

func (r relayed) carryOutAll(t *rapid.T, h *history) []Report {
	q := &jobQueue{outcomes: r.relay}
	b := New(r.poster(h), r.store(h), WithRelay(q), WithMaxHops(1000), WithDeadlineMargin(r.reserve),
		WithConcurrency(r.concurrency), WithRetries(r.attempts, r.retryTime), WithPostTimeout(time.Second),
		WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	reports := r.first(b)
	for i := len(reports); len(q.jobs) > 0; i++ {
		j := q.jobs[0]
		q.jobs = q.jobs[1:]
		ctx, cancel := r.invocation(i)
		rep, err := b.Run(ctx, j)
		cancel()
		if err != nil {
			require.True(t, errors.Is(err, errFault) || errors.Is(err, context.DeadlineExceeded) ||
				errors.Is(err, errUnreached) || errors.As(err, new(*panics.Error)), "%v", err)
		}
		done := err == nil && !r.crashes[i]
		if done {
			reports = append(reports, rep)
		}
		if !done || r.doubles[i] {
			q.jobs = append(q.jobs, j)
		}
	}
	return reports
}

// first is the Send itself. What it cannot hand off is in its cursor, which is sent to as a user
// would.
func (r relayed) first(b *Broadcaster) (reports []Report) {
	to := ToConnections(r.ids...).Except(r.except...)
	for g := range r.groups {
		to = to.And(To(g))
	}
	for i := 0; ; i++ {
		ctx, cancel := r.invocation(i)
		rep, _ := b.Send(ctx, to, hello())
		cancel()
		to = Resume(rep.Cursor)
		end := rep.Cursor == ""
		rep.Audience -= rep.Unsent // they are in the next
		rep.Unsent, rep.Incomplete, rep.Cursor = 0, false, ""
		if reports = append(reports, rep); i > 0 { // counted as one more job of the send
			reports[0].HandedOff = append(reports[0].HandedOff, rep.ID)
		}
		if end {
			return reports
		}
	}
}

func (r relayed) invocation(i int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), r.limits[min(i, len(r.limits)-1)])
}

func newHistory() *history {
	return &history{
		posts: map[string]int{}, refused: map[string]int{}, finals: map[string]outcome{}, ok: map[string]int{},
		gone: map[string]bool{}, deletes: map[string]int{}, leaves: map[string]int{},
	}
}

// A client that takes nothing is not tried from hop to hop: its retries end when their time is
// over, however many invocations that takes.
func TestRetriesEndOverSeveralInvocations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
			if to.ConnectionID == "c7" {
				return wait(ctx, 10*time.Millisecond, gatesock.ErrThrottled)
			}
			return wait(ctx, 10*time.Millisecond, nil)
		})
		q := &jobQueue{}
		b := New(p, room(100, 10), WithRelay(q), quiet())
		invocation := func(do func(context.Context) (Report, error)) Report {
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			defer cancel()
			rep, err := do(ctx)
			require.NoError(t, err)
			return rep
		}
		reports := []Report{invocation(func(ctx context.Context) (Report, error) { return b.Send(ctx, To("room"), hello()) })}
		for len(q.jobs) > 0 {
			j := q.jobs[0]
			q.jobs = q.jobs[1:]
			reports = append(reports, invocation(func(ctx context.Context) (Report, error) { return b.Run(ctx, j) }))
		}
		require.Len(t, reports, 5, "30 s in parts of 7.2 s")
		total, missing := MergeReports(reports[0].ID, reports...)
		require.Empty(t, missing)
		require.Equal(t, []int{100, 99, 1}, []int{total.Audience, total.Delivered, total.Unsent})

		// The cursor of what is left begins anew.
		rep, err := b.Send(t.Context(), Resume(reports[4].Cursor), hello())
		require.NoError(t, err)
		require.Equal(t, 1, rep.Unsent)
		require.Greater(t, rep.Throttled, 5)
	})
}

// What an outage leaves of a send or a job is handed off once the retries are over, and tried
// again after a while.
func TestOutageIsSatOut(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 500, 1500, 3000} {
		synctest.Test(t, func(t *testing.T) {
			q := &jobQueue{}
			b := New(newAccount(during(0, time.Minute)), room(size, 100), WithRelay(q), quiet())
			rep, err := b.Send(t.Context(), To("room"), hello())
			require.NoError(t, err)
			reports := []Report{rep}
			for len(q.jobs) > 0 {
				j := q.jobs[0]
				q.jobs = q.jobs[1:]
				<-time.After(time.Second << (j.Hops - 1)) // the queue's, of which Encode knows nothing
				rep, err := b.Run(t.Context(), j)
				require.NoError(t, err)
				reports = append(reports, rep)
			}
			total, missing := MergeReports(reports[0].ID, reports...)
			require.Empty(t, missing)
			require.Equal(t, []int{size, size}, []int{total.Audience, total.Delivered})
		})
	}
}

// A client that takes nothing and is alone in its room is tried for two minutes, and then unsent:
// it does not go on until the dead-letter queue.
func TestAloneAndStuckEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &jobQueue{}
		posts := 0
		b := New(posterFunc(func(context.Context, gatesock.Target, []byte) error {
			posts++
			return gatesock.ErrThrottled
		}), room(1, 1), WithRelay(q), quiet())
		rep, err := b.Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		jobs := 0
		for ; len(q.jobs) > 0; jobs++ {
			before := posts
			j := q.jobs[0]
			q.jobs = q.jobs[1:]
			rep, err = b.Run(t.Context(), j)
			require.NoError(t, err)
			require.Equal(t, before+1, posts)
		}
		require.Equal(t, retryHops, jobs)
		require.Equal(t, 1, rep.Unsent)
		require.NotEmpty(t, rep.Cursor)
	})
}

// A job's id does not depend on for how long its members have been tried again.
func TestJobIDs(t *testing.T) {
	t.Parallel()
	j := goodJob()
	a, later, b := named("a"), named("a"), named("b")
	a.retried, later.retried, b.retried = time.Second, 1003*time.Millisecond, time.Second
	one := j.next(remaining{members: []unserved{a}}, 0)
	two := j.next(remaining{members: []unserved{later}}, 0)
	other := j.next(remaining{members: []unserved{b}}, 0)
	require.Equal(t, one.ID, two.ID)
	require.NotEqual(t, one.Cursor, two.Cursor)
	require.NotEqual(t, one.ID, other.ID)
}

// A cursor is of version 1 unless it has something that a program which knows no other would
// overlook.
func TestCursorVersions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		remaining remaining
		version   string
	}{
		{remaining{members: []unserved{named("a")}}, `{"v":1`},
		{remaining{members: []unserved{named("a")}, exceptGroups: []string{"x"}}, `{"v":2`},
		{remaining{gone: []member{named("a").member}}, `{"v":2`},
	} {
		text, err := base64.RawURLEncoding.DecodeString(c.remaining.encode())
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(text), c.version), "%s", text)
		_, err = parseCursor(c.remaining.encode())
		require.NoError(t, err)
	}
	for _, version := range []string{`{"v":0,`, `{"v":3,`} {
		_, err := parseCursor(base64.RawURLEncoding.EncodeToString([]byte(version + `"m":[{"i":"a"}]}`)))
		require.ErrorIs(t, err, ErrBadCursor)
	}
}

// A job that is handed off too often is refused as it is, with everybody in it.
func TestTooManyHops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &jobQueue{}
		slow := posterFunc(func(ctx context.Context, _ gatesock.Target, _ []byte) error {
			return wait(ctx, time.Second, nil)
		})
		b := New(slow, room(10, 10), WithRelay(q), WithMaxHops(2), WithConcurrency(1), WithDeadlineMargin(time.Second))
		run := func(do func(ctx context.Context) (Report, error)) Report {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			rep, err := do(ctx)
			require.NoError(t, err)
			require.Equal(t, 3, rep.Delivered)
			require.NotEmpty(t, rep.HandedOff)
			return rep
		}
		reports := []Report{run(func(ctx context.Context) (Report, error) { return b.Send(ctx, To("room"), hello()) })}
		for q.jobs[0].Hops <= 2 {
			j := q.jobs[0]
			q.jobs = q.jobs[1:]
			reports = append(reports, run(func(ctx context.Context) (Report, error) { return b.Run(ctx, j) }))
		}
		_, err := b.Run(t.Context(), q.jobs[0])
		require.ErrorIs(t, err, ErrTooManyHops)
		total, missing := MergeReports(reports[0].ID, reports...)
		require.Equal(t, []string{q.jobs[0].ID}, missing)
		require.Equal(t, 9, total.Delivered)

		rep, err := b.Send(t.Context(), Resume(q.jobs[0].Cursor), hello())
		require.NoError(t, err)
		require.Equal(t, 1, rep.Delivered)
	})
}

func TestSplitByShard(t *testing.T) {
	t.Parallel()
	q := &jobQueue{}
	store := room(40, 4)
	store.shards = 4
	var posted record
	p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
		posted.add(to.ConnectionID)
		return nil
	})
	b := New(p, store, WithRelay(q))
	rep, err := b.Send(t.Context(), To("room").Except("c1"), hello())
	require.NoError(t, err)
	require.Len(t, rep.HandedOff, 3)
	reports := []Report{rep}
	for _, j := range q.jobs {
		require.Equal(t, 1, j.Hops)
		require.Zero(t, j.Delay)
		rep, err := b.Run(t.Context(), j)
		require.NoError(t, err)
		reports = append(reports, rep)
	}
	total, missing := MergeReports(rep.ID, reports...)
	require.Empty(t, missing)
	require.Equal(t, 39, total.Delivered)
	slices.Sort(posted.ids)
	require.Len(t, slices.Compact(posted.ids), 39)
	require.NotContains(t, posted.ids, "c1")
}

// A rest that was cut for another number of shards can't be read: it fails, and stays whole.
func TestResharded(t *testing.T) {
	t.Parallel()
	q := &jobQueue{}
	store := room(40, 4)
	store.shards = 4
	b := New(always(nil), store, WithRelay(q))
	_, err := b.Send(t.Context(), To("room"), hello())
	require.NoError(t, err)
	j := q.jobs[0]
	store.shards, q.jobs = 2, nil
	q.outcomes = []outcome{fault}
	rep, err := b.Run(t.Context(), j)
	require.ErrorIs(t, err, ErrShardsChanged)
	require.ErrorIs(t, err, errFault)
	require.Equal(t, j.Cursor, rep.Cursor)
	require.Zero(t, rep.Audience)
}

// A job that was in the queue for longer than WithMaxAge allows does nothing, and neither do the
// jobs that it would have handed off.
func TestJobIsOutOfDate(t *testing.T) {
	t.Parallel()
	clock := testclock.New(testclock.Noon())
	posts := 0
	count := func(context.Context, gatesock.Target, []byte) error { posts++; return nil }
	var jobs []Job
	relay := relayFunc(func(_ context.Context, j Job) error { jobs = append(jobs, j); return nil })
	plain := New(posterFunc(count), room(1, 1), WithRelay(relay), WithClock(clock.Now), WithHandOffAfter(0), quiet())
	_, err := plain.With(WithMaxAge(15*time.Minute)).Send(t.Context(), To("room"), hello())
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	require.Equal(t, clock.Now().Add(15*time.Minute), jobs[0].Until)
	parsed, err := ParseJob(jobs[0].Encode())
	require.NoError(t, err)

	require.Equal(t, parsed.Until, parsed.next(remaining{}, 0).Until, "what it hands off is out of date at the same time")

	clock.Advance(15 * time.Minute)
	rep, err := plain.Run(t.Context(), parsed)
	require.NoError(t, err)
	require.Equal(t, 1, rep.Delivered)
	clock.Advance(time.Millisecond)
	rep, err = plain.Run(t.Context(), parsed)
	require.NoError(t, err)
	require.Equal(t, Report{ID: parsed.ID, Incomplete: true}, rep)
	require.Equal(t, 1, posts)
}
