// Package pace finds the rate of posts that an account's quota has room for, from nothing but which posts were
// throttled: additive increase, multiplicative decrease.
package pace

import (
	"math"
	"sync"
	"time"
)

const (
	// window is the time over which answers are counted before they are judged.
	window = 200 * time.Millisecond
	// stale is when answers were counted too long ago to judge by: there was nothing to do meanwhile.
	stale = 5 * window
	// decrease is what each throttled post takes off the rate, as a part of it. It is by the post, and not by the window,
	// so that all who share a quota, and see the same part of their posts throttled, come to the same rate.
	decrease = 0.004
	// least is the part of the rate that is left after a window, whatever was throttled in it.
	least = 0.8
	// first is the lowest rate to begin with: there may have been little to do when the first post was throttled.
	first = 500.0
	// growth is by how much the rate rises in a second, in posts per second; by as much again for each second since
	// a post was throttled, so that a rate that is far too low does not stay so.
	growth = 60.0
	// floor is the lowest rate: what shows that the quota has room again.
	floor = 20.0
	// depth is the time whose posts may be made at once.
	depth = 20 * time.Millisecond
	// crowd is how many connections must be refused to be taken for all.
	crowd = 10
	// tolerance is the share of posts that may be throttled without a change: connections that were slow for a
	// moment look like that.
	tolerance = 0.02
	// outage is the share of posts below which what is taken is an outage's, which says nothing about the quota.
	outage = 0.1
	// resumed is the part of the rate before an outage that is gone back to at once, window by window twice as much.
	resumed = 0.7
	// longest is the longest wait before a caller asks again.
	longest = time.Hour
	// forget is how long after the last throttling the rate is no longer limited.
	forget = time.Minute
)

// Rate is a limit of the posts per second of all that share it. It is safe for concurrent use. Make it with [New].
type Rate struct {
	mu      sync.Mutex
	ceiling float64 // 0: none
	limit   float64 // what throttling has left; 0: not limited

	tokens float64
	filled time.Time

	begun     time.Time // the window's start
	answers   int       // in it
	taken     int
	refused   int       // connections that were refused for the first time
	evidence  int       // refusals that were the account's, since the connection was served later
	throttled time.Time // the last window with evidence

	healthy float64 // the posts per second of the last window without refusals
	resume  float64 // what an outage has interrupted, and the rate doubles up to; 0: none
}

// New gives a Rate that is not limited but by the ceiling, in posts per second; 0 is none.
func New(ceiling float64) *Rate { return &Rate{ceiling: ceiling} }

// Take counts on a post and gives 0, or gives how long to wait before asking again.
func (r *Rate) Take(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	rate := r.rate()
	if rate == 0 {
		return 0
	}
	most := max(1, rate*depth.Seconds())
	if r.filled.IsZero() {
		r.tokens = most
	} else {
		r.tokens = min(most, r.tokens+rate*max(0, now.Sub(r.filled).Seconds()))
	}
	r.filled = now
	if r.tokens >= 1 {
		r.tokens--
		return 0
	}
	wait := min((1-r.tokens)/rate, longest.Seconds())
	return max(time.Microsecond, time.Duration(wait*float64(time.Second)))
}

// Passed counts a post that was taken. The connection had been refused so many times before in this send: those refusals
// were not for its slowness, so they were the account's.
func (r *Rate) Passed(now time.Time, refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.judge(now)
	r.answers++
	r.taken++
	r.evidence += refused
}

// Refused counts a post that was throttled. The connection had been refused so many times before in this send.
func (r *Rate) Refused(now time.Time, refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.judge(now)
	r.answers++
	if refused == 0 {
		r.refused++
	}
}

// Limit gives the posts per second that are allowed, 0 if there is no limit.
func (r *Rate) Limit() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rate()
}

func (r *Rate) rate() float64 {
	switch {
	case r.ceiling == 0:
		return r.limit
	case r.limit == 0:
		return r.ceiling
	default:
		return min(r.ceiling, r.limit)
	}
}

// judge ends a window whose time has come.
func (r *Rate) judge(now time.Time) {
	if r.begun.IsZero() {
		r.begun = now
	}
	elapsed := now.Sub(r.begun)
	switch {
	case elapsed < window:
		return
	case r.limit > 0 && now.Sub(r.throttled) >= forget:
		r.limit = 0
	case elapsed < stale:
		r.adapt(now, elapsed.Seconds())
	}
	r.begun, r.answers, r.taken, r.refused, r.evidence = now, 0, 0, 0, 0
}

func (r *Rate) adapt(now time.Time, elapsed float64) {
	if r.refused+r.evidence == 0 {
		r.healthy = float64(r.taken) / elapsed
	}
	if float64(r.taken) < outage*float64(r.answers) {
		r.resume = max(r.resume, resumed*r.healthy)
	}
	switch {
	case r.recovers():
	case r.refused >= crowd && r.refused > r.taken:
		r.fall(elapsed)
	case r.taken == 0: // There is no room, whoever was refused.
		r.throttled = now
	case r.limit > 0:
		r.grow(now, elapsed)
		r.shrink()
	case float64(r.evidence) > tolerance*float64(r.answers):
		r.limit = max(first, float64(r.answers)/elapsed)
		r.shrink()
	default:
		return
	}
	if r.evidence > 0 {
		r.throttled = now
	}
}

// recovers doubles the rate after an outage, up to the part of it that there was before, and reports whether it did.
// What is taken then, with refusals of before, is no evidence of the quota. It ends when many are refused again.
func (r *Rate) recovers() bool {
	if r.limit == 0 || r.resume <= r.limit || r.taken == 0 {
		return false
	}
	if r.refused >= crowd || r.refused > r.taken {
		if r.refused < r.taken {
			r.resume = 0
		}
		return false
	}
	if r.limit = min(2*r.limit, r.resume); r.limit == r.resume {
		r.resume = 0
	}
	r.evidence = 0
	return true
}

// fall takes the rate down to what was taken: where most are refused, they can't all be slow.
func (r *Rate) fall(elapsed float64) {
	served := max(floor, float64(r.taken)/elapsed)
	if r.limit == 0 || served < r.limit {
		r.limit = served
	}
	r.evidence = max(r.evidence, 1)
}

func (r *Rate) shrink() {
	r.limit = max(floor, r.limit*max(least, math.Pow(1-decrease, float64(r.evidence))))
}

// grow takes the rate up, if it was what limited the posts.
func (r *Rate) grow(now time.Time, elapsed float64) {
	if r.limit == 0 || r.ceiling > 0 && r.limit >= r.ceiling || float64(r.answers) < 0.7*r.limit*elapsed {
		return
	}
	r.limit += growth * (1 + now.Sub(r.throttled).Seconds()) * elapsed
}
