//go:build !race

package model

// handle is what a handler does next.
func (m barrier) handle(i uint8) {
	h := m.s.handlers[i]
	if h.kind == noHandler {
		return
	}
	if h.does != answering && m.s.crashes < m.crashes {
		n := m.with(i, handler{})
		n.crashes++
		if h.kind == history && h.conn == m.s.conn {
			n.asking = 0
		}
		m.become(n, "handler %d dies", i)
	}
	switch {
	case h.does == answering:
		m.answer(i, h)
	case h.does == reading:
		m.read(i, h)
	case h.kind == unsubscribe:
		n := m.with(i, handler{kind: unsubscribe, conn: h.conn, does: answering})
		n.members &^= bit(h.conn)
		m.become(n, "unsubscribe deletes the membership")
	case m.joinsFirst || h.does == second:
		m.join(i, h)
	default:
		m.become(m.with(i, h.begun()), "subscribe begins to read")
	}
}

func (m barrier) with(i uint8, h handler) barrierState {
	n := m.s
	n.handlers[i] = h
	return n
}

// begun begins to read.
func (h handler) begun() handler {
	h.does, h.at = reading, max(1, h.since)
	return h
}

// join writes the membership.
func (m barrier) join(i uint8, h handler) {
	n := m.s
	if n.records&bit(h.conn) == 0 {
		h.does, h.head = answering, unknown
		m.become(m.with(i, h), "subscribe: the registry does not know the connection")
		return
	}
	n.members |= bit(h.conn)
	if h.does == first {
		h = h.begun()
	} else {
		h.does = answering
	}
	n.handlers[i] = h
	m.become(n, "subscribe writes the membership")
}

// read reads the log, as a whole or an entry.
func (m barrier) read(i uint8, h handler) {
	if m.atomicReads {
		h.read, h.head = 0, m.s.appended
		for at := h.at; at <= m.s.appended; at++ {
			h.read |= bit(at)
		}
		m.become(m.with(i, m.hasRead(h)), "the log is read to %d", m.s.appended)
		return
	}
	at := h.at
	if at <= m.s.appended {
		h.read |= bit(at)
	}
	if h.at++; h.at > m.last() {
		h.head = highest(h.read, m.last())
		if at := h.gap(); m.readsHoles && at != 0 {
			h.at = at
			m.become(m.with(i, h), "the reader sees a hole at %d", at)
			return
		}
		h = m.hasRead(h)
	}
	m.become(m.with(i, h), "the reader passes %d", at)
}

func (m barrier) hasRead(h handler) handler {
	h.at, h.does = 0, answering
	if h.kind == subscribe && !m.joinsFirst {
		h.does = second
	}
	return h
}

// highest is the last offset of a set.
func highest(set, last uint8) uint8 {
	for i := last; i > 0; i-- {
		if set&bit(i) != 0 {
			return i
		}
	}
	return 0
}

// gap is the first offset that is missing before the head; 0 if there is none.
func (h handler) gap() uint8 {
	for i := max(1, h.since); i < h.head; i++ {
		if h.read&bit(i) == 0 {
			return i
		}
	}
	return 0
}

// answer is the arrival of an answer.
func (m barrier) answer(i uint8, h handler) {
	n := m.with(i, handler{})
	switch {
	case h.conn != n.conn:
		m.become(n, "an answer to the old connection")
	case h.kind == subscribe && n.client != subscribing:
		m.become(n, "an answer that nobody waits for")
	case h.kind == subscribe && h.head == unknown:
		if n.conn == 1 {
			m.become(n.reconnected(), "the client is told that it is not known, and connects again")
		}
	case h.kind == subscribe:
		m.become(m.subscribed(n, h), "the client is subscribed since %d: entries of the set %d, head %d", h.since, h.read, h.head)
	case h.kind == history:
		if n.asking = 0; n.client == subscribed {
			n.buffer |= h.read
			n = n.delivered()
		}
		m.become(n, "history arrives")
	default:
		if n.client == unsubscribed {
			n.client = out
		}
		m.become(n, "the client is told that it is unsubscribed")
	}
}

// subscribed takes the answer to subscribe.
func (m barrier) subscribed(n barrierState, h handler) barrierState {
	if n.client = subscribed; n.next == 0 {
		n.base, n.next = h.head, h.head+1
		return n.delivered()
	}
	n.buffer |= h.read
	if n = n.delivered(); m.trusting && n.next <= h.head {
		n.missed, n.next = 1, h.head+1
	}
	return n.delivered()
}
