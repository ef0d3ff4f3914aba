package broadcast

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// outcome is what a post to a connection does.
type outcome int

const (
	ok outcome = iota
	slow
	gone
	throttled
	fault
	slowFault
	tooLarge
	badID
	hang
	lateGone // answers after its context has ended
	forbidden
)

// plan is a whole send with all that goes wrong.
type plan struct {
	scripts     map[string][]outcome // a connection's posts; the last outcome repeats
	groups      map[string][][]conn.Member
	ids, except []string
	shards      int
	readErr     map[string]int
	// prune is ok, fault (of Delete), slowFault (of Get), hang, gone (no record), throttled (too
	// young).
	prune       map[string]outcome
	concurrency int
	attempts    int
	retryTime   time.Duration
	jitter      int           // percent of the limit
	cancelAt    time.Duration // negative: never
}

func drawPlan(t *rapid.T) plan {
	p := plan{
		scripts: map[string][]outcome{}, groups: map[string][][]conn.Member{},
		readErr: map[string]int{}, prune: map[string]outcome{},
		shards:      rapid.IntRange(1, 3).Draw(t, "shards"),
		concurrency: rapid.IntRange(1, 6).Draw(t, "concurrency"),
		attempts:    rapid.IntRange(1, 4).Draw(t, "attempts"),
		retryTime:   time.Duration(rapid.IntRange(0, 2000).Draw(t, "retryTime")) * time.Millisecond,
		jitter:      rapid.IntRange(10, 100).Draw(t, "jitter"),
		cancelAt:    -1,
	}
	n := rapid.IntRange(0, 40).Draw(t, "connections")
	all := make([]string, n)
	most := rapid.SampledFrom([]outcome{gone, badID, hang, lateGone, forbidden}).Draw(t, "worst outcome")
	for i := range all {
		all[i] = name(i)
		p.scripts[all[i]] = rapid.SliceOfN(rapid.Map(rapid.IntRange(0, int(most)),
			func(i int) outcome { return outcome(i) }), 1, 4).Draw(t, "script")
		p.prune[all[i]] = rapid.SampledFrom([]outcome{ok, ok, fault, slowFault, hang, gone, throttled}).Draw(t, "prune")
	}
	if n > 0 {
		some := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 0, n, rapid.ID[string])
		for _, g := range []string{"a", "b"}[:rapid.IntRange(0, 2).Draw(t, "groups")] {
			ids := some.Draw(t, "members of "+g)
			if g == "b" && rapid.Bool().Draw(t, "overlap") { // the members of a, in another order
				ids = rapid.Permutation(all).Draw(t, "overlapping members of b")
			}
			p.groups[g] = drawPages(t, ids)
		}
		p.ids = rapid.SliceOfN(rapid.SampledFrom(all), 0, 5).Draw(t, "ids")
		p.except = rapid.SliceOfN(rapid.SampledFrom(all), 0, 3).Draw(t, "except")
	}
	if len(p.groups)+len(p.ids) == 0 {
		p.groups["empty"] = nil
	}
	if rapid.IntRange(0, 3).Draw(t, "store fails") == 0 {
		p.readErr["b"] = rapid.IntRange(0, 4).Draw(t, "at page")
	}
	if rapid.IntRange(0, 1).Draw(t, "cancel") == 0 {
		p.cancelAt = time.Duration(rapid.IntRange(0, 3000).Draw(t, "cancel at")) * time.Millisecond
	}
	return p
}

func drawPages(t *rapid.T, ids []string) [][]conn.Member {
	var pages [][]conn.Member
	for len(ids) > 0 {
		size := rapid.IntRange(0, min(7, len(ids))).Draw(t, "page size")
		page := make([]conn.Member, 0, size)
		for _, id := range ids[:size] {
			page = append(page, conn.Member{ID: id})
		}
		pages, ids = append(pages, page), ids[size:]
	}
	return pages
}

// history is what the other side saw.
type history struct {
	mu       sync.Mutex
	posts    map[string]int
	refused  map[string]int     // of those, how many were throttled
	finals   map[string]outcome // the last post's outcome
	ok       map[string]int
	gone     map[string]bool
	deletes  map[string]int
	leaves   map[string]int
	left     map[string]string // connection to the group that it left last
	broken   []string          // posts after an outcome that allows none
	inFlight int
	most     int
}

func (p plan) poster(h *history) gatesock.Poster {
	return posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
		id := to.ConnectionID
		h.mu.Lock()
		script := p.scripts[id]
		o := script[min(h.posts[id], len(script)-1)]
		if last, again := h.finals[id]; again && last != throttled && last != fault && last != slowFault {
			h.broken = append(h.broken, id)
		}
		h.posts[id]++
		h.finals[id] = o
		if o == throttled {
			h.refused[id]++
		}
		h.inFlight++
		h.most = max(h.most, h.inFlight)
		h.mu.Unlock()

		err := o.post(ctx)

		h.mu.Lock()
		defer h.mu.Unlock()
		h.inFlight--
		if err == nil {
			h.ok[id]++
		}
		if errors.Is(err, gatesock.ErrGone) {
			h.gone[id] = true
		}
		return err
	})
}

var errFault = errors.New("the line is down")

func (o outcome) post(ctx context.Context) error {
	switch o {
	case ok:
		return nil
	case slow:
		return wait(ctx, 300*time.Millisecond, nil)
	case gone:
		return gatesock.ErrGone
	case throttled:
		return gatesock.ErrThrottled
	case fault:
		return errFault
	case slowFault:
		return wait(ctx, 200*time.Millisecond, errFault)
	case tooLarge:
		return gatesock.ErrTooLarge
	case badID:
		return gatesock.ErrBadConnectionID
	case hang:
		return wait(ctx, time.Hour, nil)
	case lateGone:
		_ = wait(ctx, time.Hour, nil)
		return gatesock.ErrGone
	case forbidden:
		return gatesock.ErrForbidden
	default:
		panic("no such outcome")
	}
}

func wait(ctx context.Context, d time.Duration, err error) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p plan) store(h *history) *shelf {
	return &shelf{
		groups: p.groups, shards: p.shards, readErr: p.readErr,
		get: func(ctx context.Context, id string) (conn.Conn, error) {
			c := conn.Conn{ID: id, ConnectedAt: time.Now().Add(-time.Hour)}
			switch p.prune[id] {
			case slowFault:
				return conn.Conn{}, errStore
			case hang:
				return c, wait(ctx, time.Hour, nil)
			case gone:
				return conn.Conn{}, conn.ErrNotFound
			case throttled:
				c.ConnectedAt = time.Now().Add(-time.Second)
				return c, nil
			default:
				return c, nil
			}
		},
		del: func(_ context.Context, id string) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.deletes[id]++
			if p.prune[id] == fault {
				return errStore
			}
			return nil
		},
		leave: func(_ context.Context, id string) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.leaves[id]++
			return nil
		},
	}
}

// carryOut runs the plan in virtual time. All goroutines have ended when it returns: the bubble
// sees to it.
func (p plan) carryOut(t *testing.T) (rep Report, h *history, err error) {
	t.Helper()
	h = &history{
		posts: map[string]int{}, refused: map[string]int{}, finals: map[string]outcome{}, ok: map[string]int{},
		gone: map[string]bool{}, deletes: map[string]int{}, leaves: map[string]int{},
	}
	synctest.Test(t, func(*testing.T) {
		store := p.store(h)
		b := New(p.poster(h), store,
			WithConcurrency(p.concurrency), WithRetries(p.attempts, p.retryTime),
			WithPostTimeout(time.Second), WithDeadlineMargin(0),
			withJitter(func(limit time.Duration) time.Duration { return limit * time.Duration(p.jitter) / 100 }),
			WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
		ctx := context.Background()
		if p.cancelAt >= 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, p.cancelAt, errStopped)
			defer cancel()
		}
		to := ToConnections(p.ids...).Except(p.except...)
		for g := range p.groups {
			to = to.And(To(g))
		}
		rep, err = b.Send(ctx, to, hello())
		h.left = store.left
	})
	return rep, h, err
}

var errStopped = errors.New("time is up")

// audience is who would be posted to if all could be read.
func (p plan) audience() map[string]bool {
	set := map[string]bool{}
	for _, pages := range p.groups {
		for _, m := range slices.Concat(pages...) {
			set[m.ID] = true
		}
	}
	for _, id := range p.ids {
		set[id] = true
	}
	for _, id := range p.except {
		delete(set, id)
	}
	return set
}

func TestEveryMemberIsAccountedFor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := drawPlan(rt)
		rep, h, err := p.carryOut(t)
		checkReport(rt, p, rep, h, err)
		checkHistory(rt, p, rep, h)
		if p.cancelAt < 0 && h.count(forbidden) == 0 && !errors.Is(err, errUnreached) {
			checkRemovals(rt, p, h)
		}
	})
}

func checkReport(t require.TestingT, p plan, rep Report, h *history, err error) {
	require.Equal(t, rep.Audience, rep.Delivered+rep.Gone+rep.Failed+rep.Unsent, "%+v", rep)
	whole := len(p.audience())
	if rep.Incomplete {
		require.LessOrEqual(t, rep.Audience, whole)
	} else {
		require.Equal(t, whole, rep.Audience)
	}
	if err == nil {
		require.False(t, rep.Incomplete)
		require.Equal(t, h.count(throttled), rep.Unsent)
	} else {
		require.True(t, errors.Is(err, errStopped) && p.cancelAt >= 0 || errors.Is(err, errUnreached) ||
			errors.Is(err, errStore) && len(p.readErr) > 0 || errors.Is(err, gatesock.ErrForbidden), "%v", err)
		require.True(t, rep.Incomplete || rep.Unsent+rep.Failed > 0, "nothing is missing, but %v", err)
	}
	require.Len(t, rep.Errors, min(rep.Failed, maxReportErrors))
	for _, e := range rep.Errors {
		require.Error(t, e.Err)
		require.GreaterOrEqual(t, e.Attempts, 1)
		require.NotErrorIs(t, e, gatesock.ErrGone)
	}
}

func checkHistory(t require.TestingT, p plan, rep Report, h *history) {
	total, delivered := 0, 0
	audience := p.audience()
	for id, n := range h.posts {
		require.True(t, audience[id], "%s is not in the audience", id)
		if p.attempts > 1 {
			n -= h.refused[id]
		}
		require.LessOrEqual(t, n, p.attempts, id)
		n = h.posts[id]
		require.LessOrEqual(t, h.ok[id], 1, "%s got it more than once", id)
		total += n
		delivered += h.ok[id]
	}
	require.Empty(t, h.broken, "posted to after an error that is final")
	require.Equal(t, delivered, rep.Delivered)
	require.Len(t, h.gone, rep.Gone)
	require.Equal(t, total, len(h.posts)+rep.Retries)
	require.GreaterOrEqual(t, len(h.posts), rep.Delivered+rep.Gone+rep.Failed)
	require.LessOrEqual(t, h.most, p.concurrency)
	require.Zero(t, h.inFlight)

	removed := 0
	for id, n := range h.deletes {
		require.Equal(t, 1, n, "%s was removed more than once", id)
		require.True(t, h.gone[id], "%s was removed and is not gone", id)
		require.NotEqual(t, throttled, p.prune[id], "%s was removed and is too young", id)
		if p.prune[id] == ok {
			removed++
		}
	}
	require.Equal(t, removed, rep.Pruned)
	require.LessOrEqual(t, rep.Pruned+rep.PruneFailed, rep.Gone)
	checkStrays(t, p, h)
}

// checkStrays: who is gone and has no record leaves a group that it was read from, once.
func checkStrays(t require.TestingT, p plan, h *history) {
	for id, n := range h.leaves {
		require.Equal(t, 1, n, "%s left more than once", id)
		require.True(t, h.gone[id] && p.prune[id] == gone, "%s left, but is registered or not gone", id)
		require.NotContains(t, p.ids, id, "left a group, but was named")
		require.Contains(t, slices.Concat(p.groups[h.left[id]]...), conn.Member{ID: id}, "left another's group")
	}
}

// checkRemovals: every connection that is gone was removed, or left its group, unless the store or
// its age forbid it.
func checkRemovals(t require.TestingT, p plan, h *history) {
	for id := range h.gone {
		require.Equal(t, p.prune[id] == ok || p.prune[id] == fault, h.deletes[id] == 1, id)
		stray := p.prune[id] == gone && !slices.Contains(p.ids, id)
		require.Equal(t, stray, h.leaves[id] == 1, id)
	}
}

func (h *history) count(o outcome) int {
	n := 0
	for _, f := range h.finals {
		if f == o {
			n++
		}
	}
	return n
}
