package conn

import (
	"cmp"
	"slices"
	"time"
)

// group is a group of a Memory. It exists as long as it has members.
type group struct {
	name   string
	size   int // members in all shards, expired ones among them
	shards []sequence
}

// sequence holds the members of a shard in the order of joining. Who leaves becomes a tombstone, so that
// leaving costs a binary search; when the tombstones are more than the members, all are cleared at once. Places
// are numbers that are never used again, not indexes, so that a clearing does not disturb who is reading.
type sequence struct {
	entries []entry // sorted by seq
	dead    int     // the tombstones among entries
}

type entry struct {
	seq uint64
	rec *record // nil in a tombstone
}

// position is a place in a reading: the members after one number and up to another.
type position struct{ after, end uint64 }

// minDead spares small groups the clearing.
const minDead = 16

// search gives the index of the first entry whose number is at least seq.
func (s *sequence) search(seq uint64) int {
	i, _ := slices.BinarySearchFunc(s.entries, seq, func(e entry, seq uint64) int {
		return cmp.Compare(e.seq, seq)
	})
	return i
}

// add appends a member; seq must be above all before.
func (s *sequence) add(seq uint64, r *record) { s.entries = append(s.entries, entry{seq, r}) }

// remove ends the membership that has the number seq.
func (s *sequence) remove(seq uint64) {
	s.entries[s.search(seq)].rec = nil
	s.dead++
	if s.dead > minDead && s.dead > len(s.entries)/2 {
		s.compact()
	}
}

// compact clears the tombstones, into new memory: a group that was large once may be small now.
func (s *sequence) compact() {
	live := make([]entry, 0, len(s.entries)-s.dead)
	for _, e := range s.entries {
		if e.rec != nil {
			live = append(live, e)
		}
	}
	s.entries, s.dead = live, 0
}

// maxSkipped bounds how many tombstones and expired members a page goes past, since the store is locked meanwhile.
const maxSkipped = 1024

// read gives the members of a page, the number of the last entry that it looked at, and whether entries
// are left.
func (s *sequence) read(p position, limit int, now time.Time) (members []Member, last uint64, more bool) {
	from, to := s.search(p.after+1), s.search(p.end+1)
	if from >= to {
		return nil, p.after, false
	}
	members = make([]Member, 0, min(limit, to-from))
	for i, e := range s.entries[from:to] {
		last = e.seq
		if e.rec != nil && !e.rec.expired(now) {
			members = append(members, Member{ID: e.rec.conn.ID, Endpoint: e.rec.conn.Endpoint})
		}
		if skipped := i + 1 - len(members); len(members) == limit || skipped == maxSkipped {
			return members, last, from+i+1 < to
		}
	}
	return members, last, false
}
