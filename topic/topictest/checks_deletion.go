package topictest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatesock/gatesock/topic"
)

func deletionChecks() []promise[*fixture] {
	return []promise[*fixture]{
		{"deletion", "expired entries may be deleted in any order: no position is given twice, and nobody is misled", checkDeletion},
		{"deletion-live", "what can be read is not deleted, and the head is not while it is remembered", checkDeletionLive},
		{"deletion-known", "a process that knows the head from before is not misled", checkDeletionKnown},
	}
}

// deletions are the entries, from 1 to 5, that are deleted, in their order. The store may be slow
// with any.
func deletions() [][]int {
	return [][]int{{5}, {5, 4}, {1, 2, 3, 4}, {3}, {5, 3, 1}, {1, 2, 3, 4, 5}, {5, 4, 3, 2, 1}}
}

// delete deletes entries, counted from 1, as far as the store would.
func (s *story) delete(ctx context.Context, t *probe, numbers []int) {
	for _, n := range numbers {
		t.ok(s.Delete(ctx, s.topic, s.at(n)), "Harness.Delete of %s", text(s.at(n)))
	}
}

// checkDeletion looks at times around those at which a log may delete entries and forget the head.
func checkDeletion(ctx context.Context, t *probe, f *fixture) {
	f.needStore(t)
	for i, pause := range []time.Duration{
		7*day + time.Hour, 8*day + 59*time.Minute, 8*day + time.Hour, 8*day + 90*time.Minute, 9*day + time.Hour, 40 * day,
	} {
		for j, numbers := range deletions() {
			s := f.story(fmt.Sprintf("%v %v", pause, numbers))
			for k := range 5 {
				keep := []time.Duration{time.Hour, time.Minute, 2 * time.Hour, time.Hour, time.Hour}[(k+j)%5]
				s.append(ctx, t, s.log(k), kept(entry(k), keep))
			}
			s.clock.Advance(pause)
			s.delete(ctx, t, numbers)
			s.afterDeletion(ctx, t, i+j)
		}
	}
}

// afterDeletion has subscribers at all positions, which read before and after an Append.
func (s *story) afterDeletion(ctx context.Context, t *probe, i int) {
	p := s.read(ctx, t, s.log(i), topic.Query{Topic: s.topic})
	for n := range 6 {
		s.recover(ctx, t, s.log(i), s.at(n), n)
	}
	for k := range 2 {
		s.append(ctx, t, s.log(i+k), entry(fmt.Sprint("after ", k)))
		for n := range len(s.entries) {
			s.recover(ctx, t, s.log(k), s.at(n), n)
		}
		s.recover(ctx, t, s.log(k+1), p.Position, 5)
	}
	s.recovers(ctx, t, s.log(i), 6)
	s.tell(ctx, t, s.log(i), 5)
}

func checkDeletionLive(ctx context.Context, t *probe, f *fixture) {
	f.needStore(t)
	s := f.story("live")
	for i, keep := range []time.Duration{time.Hour, time.Hour, 3 * day, 3 * day, time.Hour} {
		s.append(ctx, t, f.log(i), kept(entry(i), keep))
	}
	all := []int{5, 4, 3, 2, 1}
	for _, from := range []int{0, 2, 2, 5, 5} {
		s.delete(ctx, t, all)
		s.tell(ctx, t, f.log(from), from)
		for n := from; n <= 5; n++ {
			s.recovers(ctx, t, f.log(n), n)
		}
		s.clock.Advance(day)
	}
	s.clock.Advance(40 * day)
	s.delete(ctx, t, all)
	for i := range f.Logs {
		p := f.read(ctx, t, f.log(i), topic.Query{Topic: s.topic, Since: new(s.at(4))})
		t.that(p.Lost == topic.LostHistory && p.Head.Offset == 0 && p.Quiet,
			"when all entries have been deleted, since %s: %s", text(s.at(4)), pageText(p))
	}
}

// checkDeletionKnown has processes that have appended, and then do nothing for days.
func checkDeletionKnown(ctx context.Context, t *probe, f *fixture) {
	f.needStore(t)
	s := f.story("known")
	for range 4 {
		from := len(s.entries)
		for i := range 5 {
			s.append(ctx, t, f.log(i), kept(entry(i), time.Hour))
		}
		s.clock.Advance(8*day + 2*time.Hour)
		s.delete(ctx, t, []int{from + 5, from + 4, from + 2})
		s.append(ctx, t, f.log(0), kept(entry("first of all"), time.Hour))
		for i := range f.Logs {
			s.append(ctx, t, f.log(len(f.Logs)-1-i), kept(entry("others"), time.Hour))
		}
		last := s.last()
		epoch := slices.IndexFunc(s.entries, func(r topic.Record) bool { return r.Epoch == last.Epoch })
		s.tell(ctx, t, f.log(1), max(epoch, from+5))
	}
}
