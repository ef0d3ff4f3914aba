package broadcast

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/broadcast/internal/pace"
	"github.com/gatesock/gatesock/conn"
)

// newQueue returns a queue in order, whose retries wait as long as they may.
func newQueue(opts ...Option) *queue {
	s := defaults()
	for _, o := range append([]Option{inOrder(), withJitter(fullJitter)}, opts...) {
		o.apply(&s)
	}
	return &queue{settings: &s, rate: pace.New(s.ceiling), skip: func(task) bool { return false }}
}

func pageOf(ids ...string) (p []conn.Member) {
	for _, id := range ids {
		p = append(p, conn.Member{ID: id})
	}
	return p
}

// drain returns what the queue has to do now, "-" for a cleanup before its name.
func drain(q *queue, now time.Time, reading bool) (ids []string) {
	for t, ok := q.next(now, 0, reading); ok; t, ok = q.next(now, 0, reading) {
		id := t.member.ID
		if t.kind != post {
			id = "-" + id
		}
		ids = append(ids, id)
	}
	return ids
}

// Retries that are due come first, then named members, then those that were read.
func TestQueueOrder(t *testing.T) {
	t.Parallel()
	q, now := newQueue(), time.Now()
	q.addNamed([]task{{member: named("named").member}})
	q.addPage(pageOf("a", "b"), "room")
	require.False(t, q.wantsPage())
	require.True(t, q.retry(&task{member: named("late").member, attempts: 2}, now))
	require.True(t, q.retry(&task{member: named("early").member, attempts: 1}, now))
	require.Equal(t, []string{"named", "a", "b"}, drain(q, now, true))
	require.True(t, q.wantsPage())
	require.False(t, q.isEmpty())
	require.Equal(t, now.Add(firstRetryDelay), q.nextAt())
	require.Equal(t, []string{"early"}, drain(q, now.Add(firstRetryDelay), true))
	require.Equal(t, []string{"late"}, drain(q, now.Add(2*firstRetryDelay), true))
	require.True(t, q.isEmpty())
	require.Zero(t, q.nextAt())
}

// One call in eight is a cleanup while there are posts; the others come when the posts are done.
func TestQueueMixesCleanupsIn(t *testing.T) {
	t.Parallel()
	q, now := newQueue(), time.Now()
	for _, id := range []string{"x", "y", "z"} {
		q.addCleanup(remove, named(id).member)
	}
	q.addPage(pageOf("1", "2", "3", "4", "5", "6", "7", "8"), "room")
	require.Equal(t, []string{"1", "2", "3", "4", "5", "6", "7", "-x", "8"}, drain(q, now, true), "more may come")
	_, ok := q.next(now, q.settings.concurrency/cleanupShare, true)
	require.False(t, ok)
	require.Equal(t, []string{"-y", "-z"}, drain(q, now, false))
}

// A member that is skipped takes nothing of the rate, and a cleanup only if it calls the gateway.
func TestQueueKeepsToTheRate(t *testing.T) {
	t.Parallel()
	for _, paced := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			q, now := newQueue(WithRate(10)), time.Now()
			q.cleanupsArePaced = paced
			q.skip = func(t task) bool { return t.member.ID == "skipped" }
			q.addPage(pageOf("a", "skipped", "skipped", "b"), "room")
			q.addCleanup(remove, named("x").member)
			require.Equal(t, []string{"a"}, drain(q, now, true))
			require.Equal(t, now.Add(100*time.Millisecond), q.nextAt())
			require.Equal(t, []string{"b"}, drain(q, now.Add(100*time.Millisecond), true))
			want := []string{"-x"}
			if paced {
				want = nil
			}
			require.Equal(t, want, drain(q, now.Add(100*time.Millisecond), false))
			if paced {
				require.Equal(t, []string{"-x"}, drain(q, now.Add(200*time.Millisecond), false))
			}
		})
	}
}

func TestQueueRetries(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		opts []Option
		task task
		want time.Duration // until the next attempt; 0: there is none
	}{
		"first":                  {nil, task{attempts: 1}, 100 * time.Millisecond},
		"third":                  {nil, task{attempts: 3}, 400 * time.Millisecond},
		"last":                   {nil, task{attempts: 5}, 0},
		"throttled":              {nil, task{attempts: 40, throttled: 36}, 5 * time.Second},
		"suspect":                {nil, task{attempts: 40, throttled: 36, suspect: true}, time.Second},
		"time is over":           {nil, task{attempts: 1, failedAt: now.Add(-29901 * time.Millisecond)}, 0},
		"time is just enough":    {nil, task{attempts: 1, failedAt: now.Add(-29900 * time.Millisecond)}, 100 * time.Millisecond},
		"one attempt, throttled": {[]Option{WithRetries(1, time.Hour)}, task{attempts: 1, throttled: 1}, 0},
		"no time":                {[]Option{WithRetries(5, 0)}, task{attempts: 1}, 0},
		"negative jitter": {
			[]Option{withJitter(func(time.Duration) time.Duration { return -time.Hour })}, task{attempts: 1}, leastRetryDelay,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newQueue(c.opts...)
			require.Equal(t, c.want > 0, q.retry(&c.task, now))
			if c.want > 0 {
				require.Equal(t, now.Add(c.want), q.nextAt())
			}
		})
	}
}

// Reading pauses while the backlog is full. Suspects do not count.
func TestQueueIsFull(t *testing.T) {
	t.Parallel()
	q := newQueue(WithConcurrency(1))
	for range backlogFactor {
		require.True(t, q.wantsPage())
		q.putBack(task{suspect: true})
		q.putBack(task{})
	}
	require.False(t, q.wantsPage())
	for range backlogFactor {
		_, ok := q.next(time.Now(), 0, true)
		require.True(t, ok)
	}
	require.Equal(t, backlogFactor, len(q.delayed))
	require.True(t, q.wantsPage())
}

func TestQueueListsWhatRemains(t *testing.T) {
	t.Parallel()
	q, now := newQueue(), time.Now()
	q.addNamed([]task{{member: named("named").member, failedAt: now.Add(-time.Second)}})
	q.addPage(pageOf("read"), "room")
	q.putBack(task{member: named("delayed").member, failedAt: now.Add(-time.Minute)})
	q.addCleanup(remove, named("gone").member)
	q.addCleanup(disconnect, named("slow").member)
	a, b, c := named("read"), named("named"), named("delayed")
	a.member.group, b.retried, c.retried = "room", time.Second, time.Minute
	require.Equal(t, []unserved{a, b, c}, q.members(now))
	require.Equal(t, []member{named("gone").member}, q.gone())
}
