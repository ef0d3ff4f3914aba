package broadcast

import (
	"container/heap"
	"time"

	"github.com/gatesock/gatesock/broadcast/internal/pace"
	"github.com/gatesock/gatesock/conn"
)

const (
	// backlogFactor times the concurrency is how many members may wait for a retry or for their
	// removal before reading pauses.
	backlogFactor = 16
	// maxSuspects is how many of them may be suspected of being too slow without being counted
	// there.
	maxSuspects = 4096
	// cleanupShare is the part of the workers and of the gateway's calls, as in 1/cleanupShare,
	// that cleanups get while there are posts. Otherwise they run when no posts are left or reading
	// has paused. With fewer workers than this, that is always so.
	cleanupShare = 8
)

// A retry waits for a random time with a limit that doubles with each attempt from firstRetryDelay
// up to maxRetryDelay (full jitter; AWS Architecture Blog, "Exponential Backoff And Jitter").
const (
	firstRetryDelay = 100 * time.Millisecond
	maxRetryDelay   = 5 * time.Second
	// suspectRetryDelay takes the place of maxRetryDelay for a connection that may be too slow:
	// within seconds it shows whether it is.
	suspectRetryDelay = time.Second
	// leastRetryDelay is waited in any case.
	leastRetryDelay = 5 * time.Millisecond
)

// kind is what a worker does for a member.
type kind int

const (
	post       kind = iota
	remove          // removes a connection that is gone from the store
	disconnect      // closes a connection that is too slow
)

// task is what a worker does next: mostly a post.
type task struct {
	kind      kind
	member    member
	attempts  int       // that were started
	throttled int       // of those, how many were throttled
	suspect   bool      // it is throttled while others are not, and may be too slow
	failedAt  time.Time // the first failure
	notBefore time.Time // when the next attempt may start
}

// unserved returns the member with the time for which it has been retried.
func (t task) unserved(now time.Time) unserved {
	u := unserved{member: t.member}
	if !t.failedAt.IsZero() {
		u.retried = now.Sub(t.failedAt)
	}
	return u
}

// queue holds what a send has still to do for members that it knows, and decides what is next and
// when. It belongs to one goroutine.
type queue struct {
	settings *settings
	rate     *pace.Rate
	// cleanupsArePaced is set if cleanups call the gateway, whose rate they share with the posts.
	cleanupsArePaced bool
	// skip reports whether a member is not to be posted to any more, and accounts for it then.
	skip func(t task) bool

	named    []task        // by the audience; not tried yet
	page     []conn.Member // read from the group; not tried yet
	group    string
	delayed  delayed // waiting for another attempt
	suspects int     // of those, how many may be too slow
	cleanups []task

	postsSinceCleanup int
	notBefore         time.Time // when the rate allows the next call
	permitted         bool      // the rate has allowed a call that has not started
}

// addNamed adds members that the audience names.
func (q *queue) addNamed(tasks []task) {
	q.settings.shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
	q.named = tasks
}

// addPage adds members that were read. The queue has tried all of the page before.
func (q *queue) addPage(members []conn.Member, group string) {
	q.settings.shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	q.page, q.group = members, group
}

// addCleanup adds a removal or a disconnection.
func (q *queue) addCleanup(k kind, m member) {
	q.cleanups = append(q.cleanups, task{kind: k, member: m})
}

// putBack adds a task that is to be tried again.
func (q *queue) putBack(t task) {
	if t.kind != post {
		q.cleanups = append(q.cleanups, t)
		return
	}
	heap.Push(&q.delayed, t)
	if t.suspect {
		q.suspects++
	}
}

// canSuspect reports whether another member can be treated as a suspect.
func (q *queue) canSuspect() bool { return q.suspects < maxSuspects }

// retry puts a failed post back for another attempt, and reports whether there is to be one. It
// notes the time of the first failure either way: a job that tries the member later continues from
// it. Throttled posts are not counted as attempts: no member is given up because the account was
// throttled.
func (q *queue) retry(t *task, now time.Time) bool {
	if q.settings.attempts == 1 || t.attempts-t.throttled >= q.settings.attempts {
		return false
	}
	if t.failedAt.IsZero() {
		t.failedAt = now
	}
	limit := retryDelayLimit(t.attempts)
	if t.suspect {
		limit = min(limit, suspectRetryDelay)
	}
	t.notBefore = now.Add(max(leastRetryDelay, q.settings.jitter(limit)))
	if t.notBefore.Sub(t.failedAt) > q.settings.retryTime {
		return false
	}
	q.putBack(*t)
	return true
}

func retryDelayLimit(attempts int) time.Duration {
	d := firstRetryDelay
	for range attempts - 1 {
		if d >= maxRetryDelay/2 {
			return maxRetryDelay
		}
		d *= 2
	}
	return d
}

// next removes and returns what to do next, if there is anything that may start now. cleaning is
// how many cleanups run; reading means that more members will come.
func (q *queue) next(now time.Time, cleaning int, reading bool) (task, bool) {
	if q.postsSinceCleanup >= cleanupShare-1 && cleaning < q.settings.concurrency/cleanupShare {
		if t, ok := q.nextCleanup(now); ok {
			q.postsSinceCleanup = 0
			return t, true
		}
	}
	for q.hasPost(now) && q.permits(now) {
		t := q.takePost(now)
		if q.skip(t) {
			continue
		}
		q.permitted = false
		q.postsSinceCleanup++
		t.attempts++
		return t, true
	}
	if reading && !q.isFull() {
		return task{}, false // posts come first
	}
	return q.nextCleanup(now)
}

func (q *queue) hasPost(now time.Time) bool { return q.hasUntried() || q.delayed.isDue(now) }

// takePost removes and returns a retry that is due, or a member that was not tried.
func (q *queue) takePost(now time.Time) task {
	if q.delayed.isDue(now) {
		t := heap.Pop(&q.delayed).(task)
		if t.suspect {
			q.suspects--
		}
		return t
	}
	if len(q.named) > 0 {
		t := q.named[0]
		q.named = q.named[1:]
		return t
	}
	t := task{member: member{q.page[0], q.group}}
	q.page = q.page[1:]
	return t
}

func (q *queue) nextCleanup(now time.Time) (task, bool) {
	if len(q.cleanups) == 0 || q.cleanupsArePaced && !q.permits(now) {
		return task{}, false
	}
	if q.cleanupsArePaced {
		q.permitted = false
	}
	t := q.cleanups[0]
	q.cleanups = q.cleanups[1:]
	t.attempts++
	return t, true
}

// permits reports whether the rate allows a call of the gateway. The permission lasts until a call
// uses it.
func (q *queue) permits(now time.Time) bool {
	if q.permitted {
		return true
	}
	if now.Before(q.notBefore) {
		return false
	}
	wait := q.rate.Take(now)
	if wait > 0 {
		q.notBefore = now.Add(wait)
	}
	q.permitted = wait <= 0
	return q.permitted
}

// nextAt returns when next may return something that it does not return now, zero if that is not a
// matter of time.
func (q *queue) nextAt() time.Time {
	var at time.Time
	if len(q.delayed) > 0 {
		at = q.delayed[0].notBefore
	}
	if q.hasUntried() || len(q.cleanups) > 0 && time.Now().Before(q.notBefore) {
		at = q.notBefore
	}
	if at.Before(q.notBefore) && !at.IsZero() {
		at = q.notBefore
	}
	return at
}

// hasUntried reports whether there are members that were not tried.
func (q *queue) hasUntried() bool { return len(q.named)+len(q.page) > 0 }

// isEmpty reports whether nothing is left to do.
func (q *queue) isEmpty() bool { return !q.hasUntried() && len(q.delayed)+len(q.cleanups) == 0 }

// wantsPage reports whether the queue has room for another page.
func (q *queue) wantsPage() bool { return len(q.page) == 0 && !q.isFull() }

// isFull reports whether so many members wait that reading pauses.
func (q *queue) isFull() bool { return len(q.delayed)-q.suspects+len(q.cleanups) >= q.backlog() }

func (q *queue) backlog() int { return backlogFactor * q.settings.concurrency }

// members returns the members that have no message yet.
func (q *queue) members(now time.Time) []unserved {
	var all []unserved
	for _, m := range q.page {
		all = append(all, unserved{member: member{m, q.group}})
	}
	for _, t := range q.named {
		all = append(all, t.unserved(now))
	}
	for _, t := range q.delayed {
		all = append(all, t.unserved(now))
	}
	return all
}

// gone returns the connections that wait for their removal.
func (q *queue) gone() []member {
	var all []member
	for _, t := range q.cleanups {
		if t.kind == remove {
			all = append(all, t.member)
		}
	}
	return all
}

// delayed is a heap of tasks, the earliest first.
type delayed []task

func (d delayed) isDue(now time.Time) bool { return len(d) > 0 && !d[0].notBefore.After(now) }

func (d delayed) Len() int           { return len(d) }
func (d delayed) Less(i, j int) bool { return d[i].notBefore.Before(d[j].notBefore) }
func (d delayed) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *delayed) Push(x any)        { *d = append(*d, x.(task)) }

func (d *delayed) Pop() any {
	last := len(*d) - 1
	t := (*d)[last]
	(*d)[last] = task{}
	*d = (*d)[:last]
	return t
}
