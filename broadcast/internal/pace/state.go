package pace

import (
	"math"
	"time"
)

// The constants were tuned with the simulations in this package's tests: several broadcasters and
// inbound traffic on one account, outages, and slow clients.
const (
	// windowLength is the time over which answers are counted. It is longer than a post takes, so
	// that a window sees the effect of the limit that it has.
	windowLength = 200 * time.Millisecond
	// staleAfter is the length of a window that says nothing about the limit: there was too little
	// to post.
	staleAfter = 5 * windowLength
	// forgetAfter is how long after the last throttling the limit is lifted.
	forgetAfter = time.Minute

	// decrease is the part of the limit that each throttled post takes off. It counts posts, not
	// windows, so that all programs that share a quota, and see the same part of their posts
	// throttled, arrive at the same limit.
	decrease = 0.004
	// leastKept is the part of the limit that one window leaves, however many posts were throttled
	// in it.
	leastKept = 0.8
	// increase is by how many posts per second the limit rises each second. It rises by as much
	// again for each second since the last throttling, so that a limit that is far too low does not
	// last.
	increase = 60.0
	// used is the part of the limit that must have been used for it to rise.
	used = 0.7

	// leastFirst is the lowest limit to begin with: there may have been little to do when the first
	// post was throttled.
	leastFirst = 500.0
	// floor is the lowest limit: these posts find out that the quota has room again.
	floor = 20.0
	// crowd is how many members must be throttled for the first time before the account, rather
	// than single slow clients, is the likely cause.
	crowd = 10
	// tolerated is the part of the answers that may be throttled without a limit: clients that
	// stall for a moment look the same.
	tolerated = 0.02
	// outagePart is the part of the answers below which deliveries belong to an outage, and say
	// nothing about the quota.
	outagePart = 0.1
	// resumedPart is the part of the rate before an outage up to which the limit doubles in each
	// window after it.
	resumedPart = 0.7
)

// window is what was counted in one window.
type window struct {
	end     time.Time
	seconds float64 // its length

	answers        int
	delivered      int
	newlyThrottled int // members that were throttled for the first time
	confirmed      int // earlier throttlings of members that were delivered to: they were the account's
}

func (w window) perSecond(posts int) float64 { return float64(posts) / w.seconds }

// state is what a Rate has learned.
type state struct {
	limit     float64   // posts per second; 0: there is none
	throttled time.Time // the end of the last window in which the account was throttled
	healthy   float64   // the deliveries per second of the last window without throttling
	resume    float64   // what the limit doubles up to after an outage; 0: there was none
}

// kind classifies a window.
type kind int

const (
	quiet kind = iota
	resuming
	crowded
	silent
	limited
	contested
)

// next returns the state after a window. A window that ends a minute after the last throttling
// lifts the limit, and a stale window changes nothing. Any other window is of the first kind in
// this table whose condition holds. All kinds but resuming and quiet, and limited without confirmed
// throttlings, note that the account was throttled.
//
//	kind       condition                                    limit afterwards
//	resuming   an outage interrupted a higher rate, and     doubled, at most to resume
//	           deliveries come without a crowd
//	crowded    10 members or more are newly throttled,      the deliveries per second, if lower;
//	           and they outnumber the deliveries            at least the floor
//	silent     nothing was delivered                        unchanged
//	limited    there is a limit                             raised if it was used, then cut for
//	                                                        each confirmed throttling
//	contested  over 2 % of the answers are confirmed        the answers per second, at least 500,
//	           throttlings                                  cut likewise
//	quiet      none of these                                none, as before
func (s state) next(w window, ceiling float64) state {
	if s.limit > 0 && w.end.Sub(s.throttled) >= forgetAfter {
		s.limit = 0
		return s
	}
	if w.seconds >= staleAfter.Seconds() {
		return s
	}
	s = s.noteOutage(w)
	switch s.classify(w) {
	case resuming:
		if s.limit = min(2*s.limit, s.resume); s.limit == s.resume {
			s.resume = 0
		}
		return s
	case crowded:
		if served := max(floor, w.perSecond(w.delivered)); s.limit == 0 || served < s.limit {
			s.limit = served
		}
	case silent:
	case limited:
		s.limit = s.cut(s.raised(w, ceiling), w)
		if w.confirmed == 0 {
			return s
		}
	case contested:
		s.limit = s.cut(max(leastFirst, w.perSecond(w.answers)), w)
	case quiet:
		return s
	}
	s.throttled = w.end
	return s
}

func (s state) classify(w window) kind {
	switch {
	case s.isInterrupted() && w.delivered > 0 && w.newlyThrottled < crowd && w.newlyThrottled <= w.delivered:
		return resuming
	case w.newlyThrottled >= crowd && w.newlyThrottled > w.delivered:
		return crowded
	case w.delivered == 0:
		return silent
	case s.limit > 0:
		return limited
	case float64(w.confirmed) > tolerated*float64(w.answers):
		return contested
	default:
		return quiet
	}
}

// isInterrupted reports whether an outage interrupted a rate above the limit.
func (s state) isInterrupted() bool { return s.limit > 0 && s.limit < s.resume }

// noteOutage keeps the rate that an outage interrupts, and forgets it when a crowd is throttled
// although most posts are delivered: then the limit was found again.
func (s state) noteOutage(w window) state {
	if w.newlyThrottled+w.confirmed == 0 {
		s.healthy = w.perSecond(w.delivered)
	}
	if float64(w.delivered) < outagePart*float64(w.answers) {
		s.resume = max(s.resume, resumedPart*s.healthy)
	}
	if s.isInterrupted() && w.newlyThrottled >= crowd && w.newlyThrottled < w.delivered {
		s.resume = 0
	}
	return s
}

// raised returns the limit after a window in which it may have been what limited the posts.
func (s state) raised(w window, ceiling float64) float64 {
	if ceiling > 0 && s.limit >= ceiling || float64(w.answers) < used*s.limit*w.seconds {
		return s.limit
	}
	return s.limit + increase*(1+w.end.Sub(s.throttled).Seconds())*w.seconds
}

// cut returns a limit without what the confirmed throttlings of a window take off.
func (s state) cut(limit float64, w window) float64 {
	return max(floor, limit*max(leastKept, math.Pow(1-decrease, float64(w.confirmed))))
}
