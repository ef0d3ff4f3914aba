package topictest

import (
	"context"
	"fmt"
	"time"

	"github.com/gatesock/gatesock/topic"
)

func rollChecks() []promise[*fixture] {
	return []promise[*fixture]{
		{"roll", "Roll begins an epoch, in which every process goes on", checkRoll},
		{"roll-lost", "after Roll all subscribers learn that they have lost the epoch", checkRollLost},
		{"roll-unknown", "Roll of a topic to which nothing was published begins it", checkRollUnknown},
		{"roll-expired", "Roll ends an epoch whose entries have expired", checkRollExpired},
	}
}

func checkRoll(ctx context.Context, t *probe, f *fixture) {
	s := f.story("roll")
	s.add(ctx, t, 2*len(f.Logs)) // so that each log knows the epoch
	old := s.last()
	s.roll(ctx, t, f.log(0), entry("rolled"))
	from := len(s.entries) - 1
	t.that(number(s.last().Epoch) > number(old.Epoch), "Roll of epoch %q begins %q", old.Epoch, s.last().Epoch)
	for i := range f.Logs {
		s.append(ctx, t, f.log(len(f.Logs)-1-i), entry(fmt.Sprint("after ", i)))
	}
	t.that(s.last().Epoch == s.entries[from].Epoch, "after the roll to %q an entry is at %s", s.entries[from].Epoch, text(s.last()))
	for _, log := range f.Logs {
		s.tell(ctx, t, log, from)
	}
	for i := range 3 {
		s.roll(ctx, t, f.log(i), entry("again"))
		s.tell(ctx, t, f.log(i+1), len(s.entries)-1)
	}
}

func checkRollLost(ctx context.Context, t *probe, f *fixture) {
	s := f.story("roll")
	s.add(ctx, t, 4)
	s.roll(ctx, t, f.log(1), entry("rolled"))
	for i := range 5 {
		s.loses(ctx, t, f.log(i), i, topic.LostEpoch)
	}
	s.recovers(ctx, t, f.log(0), 5)
}

func checkRollUnknown(ctx context.Context, t *probe, f *fixture) {
	s := f.story("roll")
	s.roll(ctx, t, f.log(0), topic.Entry{Events: []topic.Event{event(1), event(2)}, Keep: day})
	s.loses(ctx, t, f.log(1), 0, topic.LostEpoch)
	s.add(ctx, t, 2)
	s.tell(ctx, t, f.log(1), 0)
}

func checkRollExpired(ctx context.Context, t *probe, f *fixture) {
	for i, days := range []int{1, 2, 8, 9, 10, 40} {
		s := f.story(fmt.Sprint("after ", days))
		s.add(ctx, t, 2)
		last := s.last()
		s.clock.Advance(time.Duration(days) * day)
		s.roll(ctx, t, f.log(i), entry("rolled"))
		lost := s.recover(ctx, t, f.log(i), last, 2)
		t.that(lost == topic.LostEpoch, "a subscriber at %s is told %q after a roll", text(last), lost)
		s.add(ctx, t, 2)
		s.tell(ctx, t, f.log(i+1), 2)
	}
}
