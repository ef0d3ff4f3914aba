package broadcast

import (
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

const (
	// slotTime is the unit in which refusals and what was taken at the same time are compared: a
	// refusal with the posts of its own slot and of the two beside it.
	slotTime = 100 * time.Millisecond
	// reach is how many slots after a refusal the next one of the same connection is looked at, so
	// that no post is evidence for two.
	reach = 3
	// maxRows is how many connections are remembered, maxEndpoints of how many endpoints posts are counted.
	maxRows      = 10_000
	maxEndpoints = 100
	// leastSlow is over how long a connection must have been refused: a client that stalls for a moment
	// while many messages come is not too slow.
	leastSlow = 5 * time.Second
	// maxAge is how old the last refusal of a row may be for another to continue it.
	maxAge = 10 * time.Minute
	// maxChance is how likely it may be that a connection is called slow by chance.
	maxChance = 1e-9
)

// evidence tells clients that are too slow from an account that is throttled, which the gateway
// answers in the same way: it compares each refusal with the first posts to other connections at
// the same time. If r of n such posts were refused as well, the chance that this connection is
// among the refused is (r+1)/(n+1), whatever the account's quota is. The chances of refusals in a
// row are multiplied. Where nothing else was taken, as in an outage, a refusal says nothing.
//
// First posts alone are compared, since retries are made to those that were refused before, and only those to the same
// endpoint, since another may be another account's. It is safe for concurrent use.
type evidence struct {
	began time.Time

	mu    sync.Mutex
	now   int64               // the slot
	slots map[string]*[4]slot // by endpoint, the newest of each, by number modulo 4
	rows  map[gatesock.Target]*row
	open  []trial // those whose slots are not over, the oldest first
}

// slot counts first posts.
type slot struct {
	number         int64
	taken, refused int
}

// row is what is known of a connection since its last post that was taken.
type row struct {
	trials int     // refusals while others were taken
	chance float64 // that they are all chance
	first  int64   // the slot of the first of them
	last   int64   // the slot of the last refusal that was looked at
}

// trial is a refusal to be compared.
type trial struct {
	to      gatesock.Target
	slot    int64
	counted bool // it is among the refused of its slot
}

func newEvidence() *evidence {
	return &evidence{
		began: time.Now(), slots: make(map[string]*[4]slot), rows: make(map[gatesock.Target]*row),
	}
}

func target(m conn.Member) gatesock.Target {
	return gatesock.Target{ConnectionID: m.ID, Endpoint: m.Endpoint}
}

// passed notes a post that was taken, after so many refusals in its send.
func (e *evidence) passed(m conn.Member, refused int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
	to := target(m)
	if refused == 0 && e.rows[to] == nil { // as of those that are refused
		e.current(to).taken++
	}
	delete(e.rows, to)
}

// refused notes a refusal, after so many in its send, and returns what is known of the connection
// by now; the refusal itself is judged when its time has passed.
func (e *evidence) refused(m conn.Member, refused int) row {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
	to := target(m)
	r := e.rows[to]
	first := r == nil && refused == 0 // a connection that an earlier send left refused is no sample
	if first {
		e.current(to).refused++
	}
	if r == nil || e.now-r.last > int64(maxAge/slotTime) {
		e.makeRoom()
		r = &row{chance: 1, last: e.now - reach}
		e.rows[to] = r
	}
	if e.now-r.last >= reach {
		r.last = e.now
		e.open = append(e.open, trial{to, e.now, first})
	}
	return *r
}

// forget drops what is known of a connection.
func (e *evidence) forget(m conn.Member) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.rows, target(m))
}

func (e *evidence) makeRoom() {
	if len(e.rows) < maxRows {
		return
	}
	for other := range e.rows {
		delete(e.rows, other)
		return
	}
}

// advance goes on to the slot of now, and judges the refusals whose three slots are over.
func (e *evidence) advance() {
	now := int64(time.Since(e.began) / slotTime)
	if now == e.now {
		return
	}
	e.now = now
	for len(e.open) > 0 && e.open[0].slot+1 < now {
		e.judge(e.open[0])
		e.open = e.open[1:]
	}
}

// current returns the slot of now at the endpoint of a connection.
func (e *evidence) current(to gatesock.Target) *slot {
	slots := e.slots[to.Endpoint]
	if slots == nil {
		if len(e.slots) >= maxEndpoints {
			clear(e.slots)
		}
		slots = new([4]slot)
		e.slots[to.Endpoint] = slots
	}
	s := &slots[e.now%int64(len(slots))]
	if s.number != e.now {
		*s = slot{number: e.now}
	}
	return s
}

func (e *evidence) judge(t trial) {
	r, slots := e.rows[t.to], e.slots[t.to.Endpoint]
	if r == nil || r.last != t.slot || slots == nil { // a post was taken since
		return
	}
	var taken, refused int
	for _, s := range slots {
		if s.number >= t.slot-1 && s.number <= t.slot+1 {
			taken += s.taken
			refused += s.refused
		}
	}
	if t.counted {
		refused--
	}
	if taken == 0 {
		return
	}
	if r.trials == 0 {
		r.first = t.slot
	}
	r.trials++
	r.chance *= float64(1+refused) / float64(1+taken+refused)
}

// isSlow reports whether so many refusals in a row, at least, are too many to be chance, and too long to be a moment's.
func (r row) isSlow(refusals int) bool {
	return r.trials >= refusals && r.chance <= maxChance && r.last-r.first >= int64(leastSlow/slotTime)
}
