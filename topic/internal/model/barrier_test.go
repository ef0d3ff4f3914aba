//go:build !race

package model

// Subscribing and delivery. The log is taken as right: an append is one step. There are two
// publishers and one subscriber. Every step of a handler may come any time later; pushes come in
// any order or not at all.

// The rules that subscribing can break.
const (
	undelivered = "without a fault, an event is not delivered unless the client asks for it by sync"
	skipped     = "an event is skipped for good"
	noMember    = "after sync the client takes itself for subscribed and is not a member"
)

// barrierRules are the rules of the design that a run has, and the faults.
type barrierRules struct {
	events        [2]uint8
	keepsPushes   bool // the client keeps pushes that come while a subscribe is open
	atomicReads   bool // a reading of the log is one moment
	readsHoles    bool // a reader that sees a hole reads again from there
	joinsFirst    bool // membership before reading: the barrier
	syncsMembers  bool // sync also finds that the client is not a member any more
	patient       bool // subscribe and unsubscribe never overlap; without an answer: a new connection
	trusting      bool // the client takes an answer for whole and goes on after its head
	losses        uint8
	crashes       uint8
	prunes        uint8
	reconnects    uint8
	unsubscribing uint8
}

// Kinds of handlers, which are processes of their own.
const (
	noHandler uint8 = iota
	subscribe
	unsubscribe
	history
)

// What a handler does next.
const (
	first uint8 = iota + 1
	second
	reading
	answering
)

// unknown is the head in the answer to a connection that the registry does not know.
const unknown = 255

// handler has read the offsets of a bit set, up to at.
type handler struct{ kind, conn, does, at, since, read, head uint8 }

// What the client is.
const (
	out uint8 = iota
	subscribing
	subscribed
	unsubscribed // has sent unsubscribe
)

// What a publishing does next.
const (
	appending uint8 = iota
	readingMembers
	posting
)

type publishing struct{ does, event, offset, members uint8 }

type barrierState struct {
	appended         uint8
	pubs             [2]publishing
	members, records uint8    // connections
	wire             [3]uint8 // offsets under way, by connection
	handlers         [3]handler
	conn             uint8
	client           uint8
	base, next       uint8 // next is 0 if it is not known
	buffer           uint8 // offsets
	asking           uint8 // for history
	missed           uint8

	losses, crashes, prunes, reconnects, unsubscribing uint8
}

func bit(i uint8) uint8 { return 1 << i }

func (o barrierRules) last() uint8 { return o.events[0] + o.events[1] }

func (o barrierRules) system() system[barrierState] {
	return system[barrierState]{
		begin: barrierState{conn: 1, records: bit(1)},
		next: func(from barrierState, visit func(barrierState, string, step)) {
			m := barrier{o, from, visit}
			for i := range from.pubs {
				m.publish(uint8(i))
			}
			m.push()
			for i := range from.handlers {
				m.handle(uint8(i))
			}
			m.send()
			m.connect()
		},
		atRest: o.atRest,
	}
}

// barrier finds the steps from a state.
type barrier struct {
	barrierRules

	s     barrierState
	visit func(to barrierState, bad string, what step)
}

func (m barrier) become(n barrierState, format string, numbers ...uint8) {
	var abc [3]uint8
	copy(abc[:], numbers)
	m.visit(n, "", step{format, abc[0], abc[1], abc[2]})
}

func (m barrier) publish(i uint8) {
	p, n := m.s.pubs[i], m.s
	switch p.does {
	case appending:
		if p.event < m.events[i] {
			n.appended++
			n.pubs[i] = publishing{readingMembers, p.event, n.appended, 0}
			m.become(n, "publisher %d appends %d", i, n.appended)
		}
		return
	case readingMembers:
		n.pubs[i].members, n.pubs[i].does = m.s.members, posting
		m.become(n, "publisher %d reads the members: set %d", i, m.s.members)
	case posting:
		m.post(i, p)
	}
	if m.s.crashes < m.crashes {
		n := m.s
		n.crashes++
		n.pubs[i] = publishing{event: p.event + 1}
		m.become(n, "publisher %d dies before the posts of %d", i, p.offset)
	}
}

func (m barrier) post(i uint8, p publishing) {
	n := m.s
	n.pubs[i] = publishing{event: p.event + 1}
	failed := n
	for c := uint8(1); c <= 2; c++ {
		if p.members&bit(c) != 0 {
			n.wire[c] |= bit(p.offset)
		}
	}
	m.become(n, "publisher %d posts %d", i, p.offset)
	if p.members != 0 && m.s.losses < m.losses {
		failed.losses++
		m.become(failed, "the post of %d by publisher %d fails", p.offset, i)
	}
}

// push is the arrival of pushes.
func (m barrier) push() {
	for offset := uint8(1); offset <= m.last(); offset++ {
		c := m.s.conn
		if m.s.wire[c]&bit(offset) == 0 {
			continue
		}
		n := m.s
		n.wire[c] &^= bit(offset)
		if n.client == subscribed || n.client == subscribing && m.keepsPushes {
			n.buffer |= bit(offset)
			n = n.delivered()
		}
		m.become(n, "push %d arrives", offset)
	}
}

// delivered delivers what is at next.
func (n barrierState) delivered() barrierState {
	for n.next != 0 && n.buffer&bit(n.next) != 0 {
		n.buffer &^= bit(n.next)
		n.next++
	}
	for i := range n.next {
		n.buffer &^= bit(i)
	}
	return n
}

// isOpen reports whether a request of the connection has no answer yet.
func (m barrier) isOpen(kind uint8) bool {
	for _, h := range m.s.handlers {
		if h.kind == kind && h.conn == m.s.conn {
			return true
		}
	}
	return false
}

// send is the requests of the client.
func (m barrier) send() {
	free := -1
	for i, h := range m.s.handlers {
		if h.kind == noHandler && free < 0 {
			free = i
		}
	}
	if free < 0 {
		return
	}
	n := m.s
	request := &n.handlers[free]
	if n.client == out || n.client == subscribing && !m.isOpen(subscribe) {
		n.client = subscribing
		*request = handler{kind: subscribe, conn: n.conn, does: first, since: n.next}
		m.become(n, "the client sends subscribe since %d", n.next)
	}
	if n = m.s; n.client == subscribed && n.buffer != 0 && n.asking == 0 {
		n.asking = 1
		*request = handler{kind: history, conn: n.conn, does: reading, since: n.next, at: n.next}
		m.become(n, "the client asks for history since %d", n.next)
	}
	if n = m.s; n.client == subscribed && n.unsubscribing < m.unsubscribing {
		n.unsubscribing++
		n.client, n.buffer, n.asking = unsubscribed, 0, 0
		*request = handler{kind: unsubscribe, conn: n.conn, does: first}
		m.become(n, "the client sends unsubscribe")
	}
}

// connect is what happens to the connection.
func (m barrier) connect() {
	if m.s.client == unsubscribed && !m.patient {
		n := m.s
		n.client = out
		m.become(n, "the client does not wait for the answer to unsubscribe")
	}
	gaveUp := m.s.client == unsubscribed && m.patient && !m.isOpen(unsubscribe)
	if m.s.conn == 1 && m.s.client != out && (gaveUp || m.s.reconnects < m.reconnects) {
		n := m.s
		if n.client != unsubscribed {
			n.reconnects++
		}
		m.become(n.reconnected(), "the connection breaks; the client has a new one")
	}
	if isKnown := m.s.records&bit(m.s.conn) != 0; isKnown && m.s.client != out && m.s.prunes < m.prunes {
		n := m.s
		n.prunes++
		n.records &^= bit(n.conn)
		n.members &^= bit(n.conn)
		m.become(n, "a false 410: the registry forgets the live connection")
	}
}

func (n barrierState) reconnected() barrierState {
	n.conn, n.client, n.buffer, n.asking, n.wire[1] = 2, out, 0, 0, 0
	n.records |= bit(2)
	return n
}

// atRest returns the rule that is broken when everything is done.
func (o barrierRules) atRest(s barrierState) string {
	if s.missed != 0 {
		return skipped
	}
	if !o.isDone(s) || s.client != subscribed || s.wire[s.conn] != 0 || s.buffer != 0 && s.asking == 0 {
		return ""
	}
	if s.losses+s.crashes+s.prunes == 0 && s.next != o.last()+1 {
		return undelivered
	}
	if s.members&bit(s.conn) == 0 && !o.syncsMembers {
		return noMember
	}
	return ""
}

// isDone reports whether all events were published and no handler is under way.
func (o barrierRules) isDone(s barrierState) bool {
	for i, p := range s.pubs {
		if p.does != appending || p.event < o.events[i] {
			return false
		}
	}
	return s.handlers == [3]handler{} && s.appended == o.last()
}
