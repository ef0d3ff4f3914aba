package topictest

import (
	"context"
	"fmt"
	"time"

	"github.com/gatesock/gatesock/topic"
)

func movedChecks() []promise[*fixture] {
	return []promise[*fixture]{
		{"moved", "Moved reports for every position whether there is a newer entry", checkMoved},
		{"moved-epoch", "Moved finds that another epoch has begun", checkMovedEpoch},
		{"moved-many", "Moved takes many positions, in any order and more than once", checkMovedMany},
		{"moved-deletion", "Moved finds entries behind some that were deleted", checkMovedDeletion},
	}
}

// moved requires an answer for the subscribers of a topic.
func (s *story) moved(ctx context.Context, t *probe, log topic.Log, quiet bool, p topic.Position, want bool) {
	got, err := log.Moved(ctx, []topic.At{{Topic: s.topic, Position: p, Quiet: quiet}})
	t.ok(err, "Moved")
	t.that(len(got) == 1 && got[0] == want, "Moved for %s (quiet %v) of %.40q, with the head at %s, is %v, want %v",
		text(p), quiet, s.topic, text(s.last()), got, want)
}

func checkMoved(ctx context.Context, t *probe, f *fixture) {
	s := f.story("moved")
	s.moved(ctx, t, f.log(0), true, topic.Position{}, false)
	for n := range 4 {
		s.add(ctx, t, 1)
		s.moved(ctx, t, f.log(n), true, topic.Position{}, true)
		for i := 1; i <= n+1; i++ {
			for _, log := range f.Logs {
				s.moved(ctx, t, log, false, s.at(i), i < n+1)
				s.moved(ctx, t, log, true, s.at(i), i < n+1)
			}
		}
	}
	got, err := f.log(0).Moved(ctx, nil)
	t.that(err == nil && len(got) == 0, "Moved for no positions returns %v, %v", got, err)
}

func checkMovedEpoch(ctx context.Context, t *probe, f *fixture) {
	s := f.story("moved")
	s.add(ctx, t, 3)
	s.roll(ctx, t, f.log(0), entry("rolled"))
	for _, log := range f.Logs {
		for i := 1; i <= 3; i++ {
			s.moved(ctx, t, log, false, s.at(i), true)
			s.moved(ctx, t, log, true, s.at(i), true)
		}
		s.moved(ctx, t, log, false, s.at(4), false)
	}
	s.add(ctx, t, 1)
	s.moved(ctx, t, f.log(0), false, s.at(3), true)
	s.moved(ctx, t, f.log(0), false, s.at(4), true)

	quiet := f.story("quiet")
	quiet.add(ctx, t, 2)
	for i := range 3 {
		quiet.clock.Advance(8*day + day/2)
		p := f.read(ctx, t, f.log(i), topic.Query{Topic: quiet.topic})
		t.that(p.Position == quiet.last() && p.Quiet, "half a day before the head is forgotten: %s", pageText(p))
		quiet.moved(ctx, t, f.log(i), true, p.Position, false)
		quiet.add(ctx, t, 1)
		quiet.moved(ctx, t, f.log(i), true, p.Position, true)
		quiet.moved(ctx, t, f.log(i+1), false, quiet.last(), false)
	}
}

// checkMovedMany has more positions than DynamoDB reads in a request.
func checkMovedMany(ctx context.Context, t *probe, f *fixture) {
	var at []topic.At
	var want []bool
	for i := range 12 {
		s := f.story(fmt.Sprint("topic ", i))
		s.add(ctx, t, 1+i%3)
		for range 20 {
			n := len(at) % (len(s.entries) + 1)
			at = append(at, topic.At{Topic: s.topic, Position: s.at(n), Quiet: n == 0})
			want = append(want, n < len(s.entries))
		}
		at = append(at, topic.At{Topic: fmt.Sprint("none ", i), Quiet: true})
		want = append(want, false)
	}
	got, err := f.log(0).Moved(ctx, at)
	t.ok(err, "Moved for %d positions", len(at))
	t.that(len(got) == len(at), "Moved for %d positions returns %d results", len(at), len(got))
	for i, a := range at {
		t.that(got[i] == want[i], "Moved for %s of %q, which is position %d of many, is %v", text(a.Position), a.Topic, i, got[i])
	}
}

// checkMovedDeletion has subscribers that have been away for so long that the entries after their
// positions may be deleted, in a topic with a newer entry that can be read. They ask a process that
// knows nothing of the topic, and one that has appended to it.
func checkMovedDeletion(ctx context.Context, t *probe, f *fixture) {
	f.needStore(t)
	for _, numbers := range [][]int{{4}, {2}, {2, 3}, {4, 3, 2}, {1, 2, 3, 4}, {1, 3}} {
		s := f.story(fmt.Sprint(numbers))
		for range 4 {
			s.append(ctx, t, f.log(0), kept(entry("short"), time.Hour))
		}
		s.append(ctx, t, f.log(0), kept(entry("long"), 10*day))
		s.clock.Advance(8*day + 2*time.Hour)
		s.delete(ctx, t, numbers)
		for range 2 {
			for n := 1; n < len(s.entries); n++ {
				s.moved(ctx, t, f.log(1), true, s.at(n), true)
				s.moved(ctx, t, f.log(0), true, s.at(n), true)
			}
			s.moved(ctx, t, f.log(1), true, s.last(), false)
			s.append(ctx, t, f.log(0), entry("new"))
		}
		t.that(s.last().Offset == 7 && s.last().Epoch == s.at(1).Epoch, "the last entry is at %s", text(s.last()))
	}
}
