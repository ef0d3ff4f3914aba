//go:build !race

package model

// answer is that of the table to a request.
type answer struct {
	late, ok bool
	met      cell // what was at the offset of a put
	bad      string
}

// arrive is a request that reaches the table; then its answer arrives, or is lost.
func (m logModel) arrive(i uint8) {
	for j := range m.s.pubs[i].requests {
		r := m.s.pubs[i].requests[j]
		if r.kind == noRequest {
			continue
		}
		n := m.s
		n.pubs[i].requests[j] = request{}
		a := m.carryOut(&n, r)
		what := step{"the request of publisher %d for (%d,%d) arrives; the answer is lost", i, r.epoch, r.offset}
		m.visit(n, a.bad, what)
		if a.bad == "" && j == 0 && m.s.pubs[i].does == await {
			n.pubs[i] = m.told(i, n, r, a)
			what.format = "the request of publisher %d for (%d,%d) arrives; it is told the answer"
			m.visit(n, "", what)
		}
	}
}

// carryOut is what the table does.
func (m logModel) carryOut(n *logState, r request) answer {
	switch {
	case n.now-r.sent > window:
		return answer{late: true}
	case r.kind == put:
		if met := n.cells[r.epoch][r.offset]; met.kind != nothing {
			return answer{met: met}
		}
		return answer{ok: true, bad: n.store(r.epoch, r.offset, r)}
	}
	sealAt := r.offset + 1
	seals := r.offset > 0 && !m.noSeal
	if n.head != r.epoch || sealAt > maxOffset || seals && n.cells[r.epoch][sealAt].kind != nothing {
		return answer{}
	}
	if seals {
		n.cells[r.epoch][sealAt] = cell{seal, 0, r.expiry}
	}
	n.head = r.epoch + 1
	return answer{ok: true, bad: n.store(r.epoch+1, 1, r)}
}

// store stores an event, and returns the rule that this breaks.
func (n *logState) store(epoch, offset uint8, r request) string {
	bit := uint8(1) << (r.id - 1)
	switch {
	case n.head != epoch:
		return endedEpoch
	case n.owners[epoch][offset] != 0:
		return offsetTwice
	case offset > 1 && n.owners[epoch][offset-1] == 0:
		return hole
	case n.stored&bit != 0:
		return storedTwice
	}
	n.stored |= bit
	n.owners[epoch][offset] = r.id
	n.cells[epoch][offset] = cell{event, r.id, r.expiry}
	return ""
}

// told is a publisher that has got an answer.
func (m logModel) told(i uint8, n logState, r request, a answer) publisher {
	p := n.pubs[i]
	knows := func(epoch, offset, expiry uint8) publisher {
		p.epoch, p.offset, p.expiry, p.known = epoch, offset, expiry, n.now
		return p
	}
	switch {
	case a.late:
		return m.toldLate(i, p)
	case a.ok && r.kind == put:
		return m.done(i, knows(r.epoch, r.offset, r.expiry))
	case a.ok:
		return m.done(i, knows(r.epoch+1, 1, r.expiry))
	case r.kind == put:
		return m.toldRefused(i, n, r, a.met)
	}
	if first := n.firstOf(r.epoch + 1); first.kind == event && first.id == r.id {
		return m.done(i, knows(r.epoch+1, 1, first.expiry)) // the roll was our own
	}
	return again(p, readHead)
}

func (n *logState) firstOf(epoch uint8) cell {
	if epoch > maxEpoch {
		return cell{}
	}
	return n.cells[epoch][1]
}

// toldLate is told that the signature is too old. The outcome of an earlier attempt is not known.
func (m logModel) toldLate(i uint8, p publisher) publisher {
	p.epoch, p.offset, p.expiry, p.known = 0, 0, 0, 0
	if p.tries > 1 && m.nonce {
		return m.done(i, p)
	}
	return again(p, readHead)
}

// toldRefused is told that there is something at the offset.
func (m logModel) toldRefused(i uint8, n logState, r request, met cell) publisher {
	p := n.pubs[i]
	switch {
	case !m.nonce:
		p.does, p.known = readLast, n.now
		return p
	case met.kind == seal:
		return again(p, readHead)
	}
	p.offset, p.expiry, p.known = r.offset, met.expiry, n.now
	if met.id == r.id {
		return m.done(i, p)
	}
	return again(p, sendPut)
}

// again begins with the event anew, without an attempt that is open.
func again(p publisher, does uint8) publisher {
	p.does, p.tries, p.since, p.sent = does, 0, 0, 0
	return p
}
