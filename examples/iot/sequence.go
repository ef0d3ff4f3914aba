package iot

import "strconv"

// maxSeq is the largest whole number that JavaScript counts to.
const maxSeq = 1<<53 - 1

// sequence is which readings of a device were accepted: the highest number, and a bit for each of
// the 64 up to it, of which the lowest bit is the highest number.
type sequence struct {
	highest int64
	seen    uint64
}

const windowSize = 64

// check refuses a reading that was accepted before, or may have been.
func (s sequence) check(seq int64) *refusal {
	switch behind := s.highest - seq; {
	case behind >= windowSize:
		return refuse(ReasonOutOfOrder, "the device is at reading %d, that is too far ahead", s.highest)
	case behind >= 0 && s.seen&(1<<behind) != 0:
		return refuse(ReasonReplayed, "the reading was accepted before")
	}
	return nil
}

// add returns the sequence with a reading that check has not refused.
func (s sequence) add(seq int64) sequence {
	if seq <= s.highest {
		s.seen |= 1 << (s.highest - seq)
		return s
	}
	return sequence{highest: seq, seen: s.seen<<(seq-s.highest) | 1}
}

// sequence returns which of the device's readings were accepted.
func (d *Device) sequence() sequence {
	seen, _ := strconv.ParseUint(d.Window, 16, 64)
	return sequence{highest: d.Seq, seen: seen}
}

func (d *Device) setSequence(s sequence) {
	d.Seq, d.Window = s.highest, strconv.FormatUint(s.seen, 16)
}
