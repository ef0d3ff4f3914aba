// Package slowness finds the clients that read too slowly.
//
// API Gateway refuses a post to a client whose buffer is full with the same answer, 429, as a post
// that exceeds the account's rate. A single refusal therefore says nothing about the client. A
// [Detector] compares the refusals of a connection with the posts to other connections at the same
// time.
//
// # Model
//
// It is a permutation test. The null hypothesis is that the account is throttled, and picks the
// posts to refuse without regard to the connection. Take one refusal of a connection, and n first
// posts to other connections within the same time, r of which were refused too. Under the null
// hypothesis each of the n+1 posts is equally likely to be among the r+1 that were refused,
// whatever the account's quota is, so that
//
//	P(this one is refused) = (r+1) / (n+1)
//
// Refusals at different times are independent. A streak of k refusals has the p-value
//
//	p = ∏ (r_i+1) / (n_i+1),  i = 1 … k
//
// The connection is too slow if p ≤ 1e-9, the significance level, and if in addition the streak has
// a number of refusals that the user sets, and lasts for 5 seconds: a client that stalls for a
// moment is not too slow. A delivery ends the streak.
//
// A refusal does not count if nothing was delivered to others at that time, as in an outage. Only
// first posts are compared, because retries go to connections that were refused before, and only
// posts to the same endpoint, because another endpoint may belong to another account.
package slowness

import (
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/bounded"
)

const (
	// slotLength is the unit of time. A refusal is compared with the first posts of its own slot
	// and of the slots before and after it.
	slotLength = 100 * time.Millisecond
	// spacing is how many slots lie between two refusals of a streak, so that no post is compared
	// with both.
	spacing = 3
	// leastLasting is how long a streak lasts at least.
	leastLasting = 5 * time.Second
	// maxGap is the longest time between two refusals of a streak.
	maxGap = 10 * time.Minute
	// significance is the p-value up to which the null hypothesis is rejected.
	significance = 1e-9

	// maxStreaks bounds the connections that are remembered, maxEndpoints the endpoints whose posts
	// are counted.
	maxStreaks   = 10_000
	maxEndpoints = 100
)

// Detector decides which connections are too slow. Make it with [New]. It is safe for concurrent
// use.
type Detector struct {
	leastRefusals int
	began         time.Time

	mu      sync.Mutex
	now     int64               // the number of the current slot
	slots   map[string]*[4]slot // by endpoint: the newest slots, by number modulo 4
	streaks *bounded.Map[gatesock.Target, *streak]
	pending []refusal // whose three slots are not over yet, oldest first
}

// slot counts first posts.
type slot struct {
	number             int64
	delivered, refused int
}

// streak is the refusals of a connection since the last delivery to it.
type streak struct {
	counted int     // refusals that were compared, and count
	p       float64 // the p-value of these
	first   int64   // the slot of the first of these
	last    int64   // the slot of the last refusal that is or will be compared
}

// refusal is to be compared when its slots are over.
type refusal struct {
	to     gatesock.Target
	slot   int64
	sample bool // it was a first post, and is among the refused of its slot
}

// New returns a Detector whose streaks have at least this many refusals.
func New(leastRefusals int) *Detector {
	return &Detector{
		leastRefusals: leastRefusals, began: time.Now(),
		slots: make(map[string]*[4]slot), streaks: bounded.New[gatesock.Target, *streak](maxStreaks, nil),
	}
}

// Delivered notes a delivery. before is how often the connection was refused before in the same
// send.
func (d *Detector) Delivered(to gatesock.Target, before int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance()
	_, hasStreak := d.streaks.Get(to)
	if before == 0 && !hasStreak { // as first posts that are refused are counted
		d.current(to.Endpoint).delivered++
	}
	d.streaks.Delete(to)
}

// Refused notes a refusal. before is how often the connection was refused before in the same send.
// It returns how many refusals in a row count so far, and whether the connection is too slow. The
// refusal itself is compared later, when the posts around it have been answered.
func (d *Detector) Refused(to gatesock.Target, before int) (refusals int, tooSlow bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance()
	s, _ := d.streaks.Get(to)
	sample := s == nil && before == 0 // a connection that an earlier send left refused is not a random one
	if sample {
		d.current(to.Endpoint).refused++
	}
	if s == nil || d.now-s.last > int64(maxGap/slotLength) {
		s = &streak{p: 1, last: d.now - spacing}
		d.streaks.Set(to, s)
	}
	if d.now-s.last >= spacing {
		s.last = d.now
		d.pending = append(d.pending, refusal{to, d.now, sample})
	}
	return s.counted, s.isTooSlow(d.leastRefusals)
}

// Forget ends the streak of a connection.
func (d *Detector) Forget(to gatesock.Target) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.streaks.Delete(to)
}

// advance moves on to the current slot, and compares the refusals whose three slots are over.
func (d *Detector) advance() {
	now := int64(time.Since(d.began) / slotLength)
	if now == d.now {
		return
	}
	d.now = now
	for len(d.pending) > 0 && d.pending[0].slot+1 < now {
		d.compare(d.pending[0])
		d.pending = d.pending[1:]
	}
}

// current returns the current slot of an endpoint.
func (d *Detector) current(endpoint string) *slot {
	slots := d.slots[endpoint]
	if slots == nil {
		if len(d.slots) >= maxEndpoints {
			clear(d.slots)
		}
		slots = new([4]slot)
		d.slots[endpoint] = slots
	}
	s := &slots[d.now%int64(len(slots))]
	if s.number != d.now {
		*s = slot{number: d.now}
	}
	return s
}

// compare multiplies the chance of a refusal into its streak, unless a delivery has ended the
// streak since.
func (d *Detector) compare(r refusal) {
	s, _ := d.streaks.Get(r.to)
	slots := d.slots[r.to.Endpoint]
	if s == nil || s.last != r.slot || slots == nil {
		return
	}
	var delivered, refused int
	for _, at := range slots {
		if at.number >= r.slot-1 && at.number <= r.slot+1 {
			delivered += at.delivered
			refused += at.refused
		}
	}
	if r.sample {
		refused-- // itself
	}
	if delivered == 0 {
		return
	}
	if s.counted == 0 {
		s.first = r.slot
	}
	s.counted++
	s.p *= float64(1+refused) / float64(1+delivered+refused)
}

func (s *streak) isTooSlow(leastRefusals int) bool {
	return s.counted >= leastRefusals && s.p <= significance && s.last-s.first >= int64(leastLasting/slotLength)
}
