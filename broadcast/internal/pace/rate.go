// Package pace finds how many posts per second an account has room for, knowing only which posts
// were throttled.
//
// API Gateway does not tell a client how much of the account's quota is left, and other programs
// draw on the same quota. A [Rate] therefore does what TCP does on a shared line: additive
// increase, multiplicative decrease. It counts the answers of a window of 200 ms, and derives the
// limit of the next window from them; see [state.next].
package pace

import (
	"sync"
	"time"
)

// Rate limits the posts per second of all that share it. Make it with [New]. It is safe for
// concurrent use.
type Rate struct {
	mu      sync.Mutex
	ceiling float64 // posts per second; 0: there is no ceiling
	state   state
	window  window
	began   time.Time // the start of the window

	tokens float64 // posts that may begin now
	filled time.Time
}

const (
	// depth is the time whose posts may begin at once: the size of the token bucket.
	depth = 20 * time.Millisecond
	// maxWait is the longest wait before a caller asks again.
	maxWait = time.Hour
)

// New returns a Rate with a ceiling in posts per second; 0 means no ceiling. It has no other limit
// until posts are throttled.
func New(ceiling float64) *Rate { return &Rate{ceiling: ceiling} }

// Take returns 0 and counts a post as begun, or returns how long to wait before asking again.
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
	wait := min((1-r.tokens)/rate, maxWait.Seconds())
	return max(time.Microsecond, time.Duration(wait*float64(time.Second)))
}

// Delivered counts a post that the gateway accepted. throttled is how often the same member was
// throttled before in this send: since the client reads after all, it was the account that was
// throttled.
func (r *Rate) Delivered(now time.Time, throttled int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endWindow(now)
	r.window.answers++
	r.window.delivered++
	r.window.confirmed += throttled
}

// Throttled counts a post that was throttled. before is how often the same member was throttled
// before in this send.
func (r *Rate) Throttled(now time.Time, before int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endWindow(now)
	r.window.answers++
	if before == 0 {
		r.window.newlyThrottled++
	}
}

// Limit returns the posts per second that are allowed, 0 if there is no limit.
func (r *Rate) Limit() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rate()
}

func (r *Rate) rate() float64 {
	switch {
	case r.ceiling == 0:
		return r.state.limit
	case r.state.limit == 0:
		return r.ceiling
	default:
		return min(r.ceiling, r.state.limit)
	}
}

// endWindow ends the window if its time is over, and begins the next one.
func (r *Rate) endWindow(now time.Time) {
	if r.began.IsZero() {
		r.began = now
	}
	elapsed := now.Sub(r.began)
	if elapsed < windowLength {
		return
	}
	r.window.end, r.window.seconds = now, elapsed.Seconds()
	r.state = r.state.next(r.window, r.ceiling)
	r.began, r.window = now, window{}
}
