package clientcore

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// mark is a place among the positions of a topic, of all epochs.
type mark struct {
	number int64 // of the epoch
	epoch  string
	offset int64
}

// compare orders marks: by the number of the epoch, then by offset. Of epochs with the same number,
// which only a restored table can have, it puts one before the other.
func (m mark) compare(other mark) int {
	switch {
	case m.number != other.number:
		return sign(m.number - other.number)
	case m.epoch != other.epoch:
		return strings.Compare(m.epoch, other.epoch)
	default:
		return sign(m.offset - other.offset)
	}
}

func sign(n int64) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	default:
		return 0
	}
}

// entry is an entry of an event topic: a push, or a part of a result.
type entry struct {
	mark
	name  string
	data  json.RawMessage
	items []topicwire.Item
	prev  *topicwire.Position
	size  int
	push  int64 // the value of Client.pushes when it came
}

// isBelow reports whether the client has an entry, or one of a later epoch.
func (l *log) isBelow(m mark) bool {
	return m.number < l.number || m.epoch == l.position.Epoch && m.offset <= l.position.Offset
}

// isNext reports whether an entry follows the position.
func (l *log) isNext(e *entry) bool {
	if e.epoch == l.position.Epoch {
		return e.offset == l.position.Offset+1
	}
	return e.number > l.number && e.offset == 1 && e.prev != nil && *e.prev == l.position
}

// moveTo sets the position.
func (l *log) moveTo(m mark) {
	l.number, l.position = m.number, topicwire.Position{Epoch: m.epoch, Offset: m.offset}
}

// hold keeps an entry until it is next. It drops the highest one if there are too many.
func (l *log) hold(e *entry, count, bytes int) {
	i, there := slices.BinarySearchFunc(l.waiting, e.mark, func(w entry, m mark) int { return w.compare(m) })
	if there {
		return
	}
	l.waiting = slices.Insert(l.waiting, i, *e)
	l.bytes += e.size
	for len(l.waiting) > count || l.bytes > bytes {
		last := len(l.waiting) - 1
		l.note(l.waiting[last].mark, l.waiting[last].push)
		l.bytes -= l.waiting[last].size
		l.waiting = slices.Delete(l.waiting, last, last+1)
	}
}

// note remembers that there is an entry that the client does not have.
func (l *log) note(m mark, push int64) {
	l.beyondPush = max(l.beyondPush, push)
	if m.compare(l.beyond) > 0 {
		l.beyond = m
	}
}

// settle drops what waits, and has come before a request was sent whose answer has all that
// followed: it is not kept any more.
func (l *log) settle(pushes int64) {
	l.waiting = slices.DeleteFunc(l.waiting, func(e entry) bool {
		if e.push > pushes {
			return false
		}
		l.bytes -= e.size
		return true
	})
	if l.beyondPush <= pushes {
		l.beyond = mark{}
	}
}

// takeNext removes the entry that is next from those that wait, and returns it. It drops those that
// are below the position.
func (l *log) takeNext() (entry, bool) {
	for i := 0; i < len(l.waiting); {
		e := l.waiting[i]
		next := l.isNext(&e)
		if next || l.isBelow(e.mark) {
			l.bytes -= e.size
			l.waiting = slices.Delete(l.waiting, i, i+1)
			if next {
				return e, true
			}
			continue
		}
		if e.epoch == l.position.Epoch {
			// The entries of this epoch that follow are higher still: look at the later epochs.
			i = l.after(i)
			continue
		}
		i++
	}
	if len(l.waiting) == 0 {
		l.waiting = nil
	}
	return entry{}, false
}

// after returns the index of the first entry of another epoch than the one at i.
func (l *log) after(i int) int {
	if l.waiting[len(l.waiting)-1].epoch == l.waiting[i].epoch {
		return len(l.waiting)
	}
	epoch := l.waiting[i].epoch
	for i < len(l.waiting) && l.waiting[i].epoch == epoch {
		i++
	}
	return i
}

// hasGap reports whether the client knows of an entry that is not next.
func (l *log) hasGap() bool {
	return len(l.waiting) > 0 || l.beyond.offset > 0 && !l.isBelow(l.beyond)
}

// gapIsHere reports whether what is missing is certainly in the epoch of the position.
func (l *log) gapIsHere() bool {
	return len(l.waiting) > 0 && l.waiting[0].epoch == l.position.Epoch ||
		l.beyond.epoch == l.position.Epoch && l.beyond.offset > l.position.Offset
}
