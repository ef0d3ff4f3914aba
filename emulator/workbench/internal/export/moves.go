package export

import (
	"time"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// move is a move of the gateway's clock in the recording.
type move struct {
	seq uint64
	at  time.Time     // as the machine's clock would show it if nobody had moved the other one before
	sum time.Duration // of all moves up to this one
}

// readMoves finds the moves of the clock, and the first and the last time.
func (s *session) readMoves() {
	for _, e := range s.entries {
		at := s.unmoved(e.Seq, e.Time)
		if s.first.IsZero() || at.Before(s.first) {
			s.first = at
		}
		if e.Time.After(s.last) {
			s.last = e.Time
		}
		if e.Kind == entry.Clock && e.AdvanceMs != 0 {
			m := move{seq: e.Seq, at: at, sum: millis(e.AdvanceMs)}
			if n := len(s.moves); n > 0 {
				m.sum += s.moves[n-1].sum
			}
			s.moves = append(s.moves, m)
		}
	}
}

// unmoved returns the time of an entry as if nobody had moved the clock: how long after the first
// entry it was, the application and the clients have seen. What is due during a move happens at
// once.
func (s *session) unmoved(seq uint64, at time.Time) time.Time {
	var last move
	for _, m := range s.moves {
		if m.seq < seq {
			last = m
		}
	}
	if at = at.Add(-last.sum); at.Before(last.at) {
		return last.at
	}
	return at
}
