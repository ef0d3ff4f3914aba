//go:build !race

package model

// The log. Two publishers append to one topic. Time goes in ticks, of which one stands for 5
// minutes or more. Requests are under way until their signature is too old, answers get lost,
// publishers crash and freeze (any step may come any time later), the table deletes what has
// expired in any order.

const (
	maxEpoch  = 3
	maxOffset = 5
	window    = 1 // for how many ticks a signature is accepted
	cached    = 1 // for how many ticks a known head counts
)

// The rules that a log can break.
const (
	endedEpoch  = "an event is stored in an epoch that has ended: a reader of the next one never sees it"
	offsetTwice = "one offset of an epoch is used for two events"
	hole        = "an offset is skipped"
	storedTwice = "one Publish is stored twice"
)

// logRules are the rules of the design that a run has, and its size.
type logRules struct {
	nonce     bool // a refusal by the own entry is a success
	zone      bool // puts only while the last entry has long to live; else the epoch is rolled, with a seal
	rising    bool // the expiry never falls along the log
	noSeal    bool // zone without the seal
	zoneTicks uint8
	life      [2]uint8 // of the entries of each publisher
	events    [2]uint8 // of each publisher
	end       uint8    // of time
	first     uint8    // the expiry of an entry that is there at the begin; 0 if there is none
	crashes   bool     // as steps of their own
}

// What is at an offset.
const (
	nothing uint8 = iota
	event
	seal
)

type cell struct{ kind, id, expiry uint8 }

// Kinds of requests.
const (
	noRequest uint8 = iota
	put
	roll // with the first entry
)

type request struct{ kind, epoch, offset, sent, expiry, id uint8 }

// What a publisher does next.
const (
	idle uint8 = iota
	readHead
	readLast
	sendPut
	await
	dead
	sendRoll
	finished
)

// publisher knows a head: epoch, offset, expiry, and when it learned that.
type publisher struct {
	does, event                  uint8
	epoch, offset, expiry, known uint8
	tries, since, sent           uint8 // attempts, when the first one was made (+1), kind of the last one
	requests                     [2]request
}

type logState struct {
	now, head uint8
	cells     [maxEpoch + 1][maxOffset + 1]cell
	owners    [maxEpoch + 1][maxOffset + 1]uint8 // the events that ever had the offset
	stored    uint8                              // events that were ever stored
	pubs      [2]publisher
}

func (o logRules) system() system[logState] {
	var s logState
	if o.first > 0 {
		s.head, s.stored = 1, 1<<7
		s.cells[1][1] = cell{event, 8, o.first}
		s.owners[1][1] = 8
	}
	return system[logState]{begin: s, next: func(from logState, visit func(logState, string, step)) {
		m := logModel{o, from, visit}
		m.pass()
		m.expire()
		for i := range from.pubs {
			m.crash(uint8(i))
			m.arrive(uint8(i))
			m.publish(uint8(i))
		}
	}}
}

// logModel finds the steps from a state.
type logModel struct {
	logRules

	s     logState
	visit func(to logState, bad string, what step)
}

func (m logModel) pass() {
	if n := m.s; n.now < m.end {
		n.now++
		m.visit(n, "", step{"time passes, it is %d", n.now, 0, 0})
	}
}

func (m logModel) expire() {
	for e := 1; e <= maxEpoch; e++ {
		for i := 1; i <= maxOffset; i++ {
			if c := m.s.cells[e][i]; c.kind != nothing && c.expiry <= m.s.now {
				n := m.s
				n.cells[e][i] = cell{}
				m.visit(n, "", step{"the table deletes (%d,%d)", uint8(e), uint8(i), 0})
			}
		}
	}
}

func (m logModel) crash(i uint8) {
	p := m.s.pubs[i]
	if !m.crashes || p.does == dead || p.does == finished || p.does == idle {
		return
	}
	if p.does = dead; p.requests[0].kind != noRequest {
		p.requests[1] = p.requests[0]
	}
	p.requests[0] = request{}
	m.become(i, p, step{"publisher %d dies", i, 0, 0})
}

// become makes the step that only changes a publisher.
func (m logModel) become(i uint8, p publisher, what step) {
	n := m.s
	n.pubs[i] = p
	m.visit(n, "", what)
}

// publish is what a publisher does next.
func (m logModel) publish(i uint8) {
	switch p := m.s.pubs[i]; p.does {
	case idle:
		m.start(i, p)
	case readHead:
		p.epoch, p.offset, p.known, p.does = m.s.head, 0, m.s.now, readLast
		if m.s.head == 0 {
			p.does = sendRoll
		}
		m.become(i, p, step{"publisher %d reads the head: epoch %d", i, m.s.head, 0})
	case readLast:
		m.readLast(i, p)
	case sendRoll:
		m.sendRoll(i, p)
	case sendPut:
		m.sendPut(i, p)
	case await:
		m.timeOut(i, p)
	}
}

func (m logModel) start(i uint8, p publisher) {
	p.does = readHead
	if p.epoch != 0 && m.s.now-p.known <= cached {
		p.does = sendPut
	}
	m.become(i, p, step{"publisher %d begins event %d", i, i*2 + p.event + 1, 0})
}

func (m logModel) readLast(i uint8, p publisher) {
	p.known, p.offset, p.expiry = m.s.now, 0, 0
	for n := uint8(maxOffset); n >= 1 && p.offset == 0; n-- {
		if c := m.s.cells[p.epoch][n]; c.kind != nothing {
			p.offset, p.expiry = n, c.expiry
		}
	}
	p.does = sendPut
	switch {
	case p.offset == 0:
		p.does = sendRoll
	case m.zone && m.s.cells[p.epoch][p.offset].kind == seal:
		p.does = readHead
	case m.zone && p.expiry < m.s.now+m.zoneTicks:
		p.does = sendRoll
	}
	m.become(i, p, step{"publisher %d reads the last entry of epoch %d: %d", i, p.epoch, p.offset})
}

// tooOld reports whether a publisher's head is too old to use, or its first attempt.
func (m logModel) tooOld(p publisher, attempts bool) bool {
	return m.s.now-p.known > cached || attempts && p.since != 0 && m.s.now-(p.since-1) > cached
}

// attempt begins one more attempt.
func (m logModel) attempt(i uint8, p publisher, r request, what step) {
	if p.tries++; p.since == 0 {
		p.since = m.s.now + 1
	}
	r.sent, r.id = m.s.now, i*2+p.event+1
	p.requests[0], p.sent, p.does = r, r.kind, await
	m.become(i, p, what)
}

func (m logModel) sendRoll(i uint8, p publisher) {
	switch {
	case p.epoch+1 > maxEpoch:
	case !m.zone:
		m.beginEpoch(i, p)
	case p.requests[0].kind != noRequest:
	case m.tooOld(p, true):
		m.stale(i, p)
	default:
		m.attempt(i, p, request{kind: roll, epoch: p.epoch, offset: p.offset, expiry: m.s.now + m.life[i]},
			step{"publisher %d sends a roll of epoch %d after %d", i, p.epoch, p.offset})
	}
}

// beginEpoch is the draft's roll: a conditional update of the head, and later a put.
func (m logModel) beginEpoch(i uint8, p publisher) {
	n := m.s
	if n.head == p.epoch {
		n.head++
	}
	p.epoch, p.offset, p.expiry, p.known, p.does = n.head, 0, 0, n.now, sendPut
	n.pubs[i] = p
	m.visit(n, "", step{"publisher %d begins an epoch, the head is %d", i, n.head, 0})
}

func (m logModel) sendPut(i uint8, p publisher) {
	switch {
	case p.offset+1 > maxOffset || p.requests[0].kind != noRequest:
	case m.tooOld(p, m.nonce):
		m.stale(i, p)
	case m.zone && p.expiry < m.s.now+m.zoneTicks:
		m.stale(i, p) // with an attempt open at this offset: do not go elsewhere
	default:
		expiry := m.s.now + m.life[i]
		if m.rising {
			expiry = max(expiry, p.expiry)
		}
		m.attempt(i, p, request{kind: put, epoch: p.epoch, offset: p.offset + 1, expiry: expiry},
			step{"publisher %d puts (%d,%d)", i, p.epoch, p.offset + 1})
	}
}

// stale is a publisher that may not use its head: it gives up if an attempt is open.
func (m logModel) stale(i uint8, p publisher) {
	if p.tries > 0 && m.nonce {
		m.giveUp(i, p)
		return
	}
	p.does = readHead
	m.become(i, p, step{"publisher %d knows a head that is too old", i, 0, 0})
}

func (m logModel) giveUp(i uint8, p publisher) {
	p = m.done(i, p)
	p.epoch = 0
	m.become(i, p, step{"publisher %d gives up: the outcome is not known", i, 0, 0})
}

// done goes on to the next event.
func (m logModel) done(i uint8, p publisher) publisher {
	p.event++
	p.tries, p.since, p.sent, p.does = 0, 0, 0, idle
	if p.event >= m.events[i] {
		p.does = finished
		p.epoch, p.offset, p.expiry, p.known = 0, 0, 0, 0
	}
	return p
}

// timeOut is an answer that does not come. The request may arrive later.
func (m logModel) timeOut(i uint8, p publisher) {
	if p.requests[0].kind != noRequest {
		if p.requests[1].kind != noRequest {
			return
		}
		p.requests[1], p.requests[0] = p.requests[0], request{}
	}
	if p.tries >= 2 {
		m.giveUp(i, p)
		return
	}
	if p.does = sendPut; p.sent == roll {
		p.does = sendRoll
	}
	m.become(i, p, step{"publisher %d gets no answer and tries again", i, 0, 0})
}
