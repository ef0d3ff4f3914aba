package topictest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gatesock/gatesock/topic"
)

func answerChecks() []promise[*fixture] {
	return []promise[*fixture]{
		{"answers", "an Append or Roll whose answer of the store is lost adds its entry once, or says so", checkAnswers},
		{"answers-rival", "the same while another process appends", checkAnswersRival},
		{"answers-known", "the same where a process knows the head from before, and others have appended since", checkAnswersKnown},
		{"answers-key", "publishing again with a key adds an entry once", checkAnswersKey},
		{"answers-read", "a reading whose answer of the store is lost is right or fails", checkAnswersRead},
	}
}

// maxRequests is the most requests for one call that the checks of answers bear.
const maxRequests = 60

// losing makes a call with a log that loses its n-th answer, for n = 1, 2 and so on, until the call
// makes fewer requests. Each has a topic of its own, which prepare fills. What the call returns is
// run afterwards, with the log that has lost an answer.
func (f *fixture) losing(
	t *probe,
	name string,
	rival func(*story),
	prepare func(*story),
	call func(*story, topic.Log) (check func(topic.Log)),
) {
	lostAny := false
	for n, goOn := 1, true; goOn; n++ {
		t.that(n <= maxRequests, "%s: a call makes more than %d requests to the store, or Harness.Lose loses answers for ever", name, maxRequests)
		s := f.story(fmt.Sprintf("%s %d", name, n))
		prepare(s)
		var meanwhile func()
		if rival != nil {
			meanwhile = func() { rival(s) }
		}
		log, lost := f.Lose(n, meanwhile)
		check := call(s, log)
		if goOn = lost(); goOn {
			lostAny = true
			check(log)
		} else {
			check(f.log(0))
		}
	}
	t.that(lostAny, "%s: Harness.Lose has lost no answer", name)
}

// situation is what a call finds.
type situation struct {
	name    string
	rolls   bool
	key     string
	prepare func(ctx context.Context, t *probe, s *story)
}

func situations() []situation {
	fresh := func(context.Context, *probe, *story) {}
	few := func(ctx context.Context, t *probe, s *story) { s.add(ctx, t, 2) }
	quiet := func(ctx context.Context, t *probe, s *story) {
		s.add(ctx, t, 2)
		s.clock.Advance(8*day + day/2)
	}
	forgotten := func(ctx context.Context, t *probe, s *story) {
		s.add(ctx, t, 2)
		s.clock.Advance(40 * day)
	}
	return []situation{
		{"append first", false, "", fresh},
		{"append", false, "", few},
		{"append to a quiet topic", false, "", quiet},
		{"append after long", false, "", forgotten},
		{"append with a key, first", false, "key", fresh},
		{"append with a key", false, "key", few},
		{"append with a key to a quiet topic", false, "key", quiet},
		{"roll first", true, "", fresh},
		{"roll", true, "", few},
		{"roll of a quiet topic", true, "", quiet},
		{"roll with a key", true, "key", few},
	}
}

func (c situation) call(ctx context.Context, s *story, log topic.Log, e topic.Entry) (topic.Appended, error) {
	if e.Key = c.key; c.rolls {
		return log.Roll(ctx, s.topic, e)
	}
	return log.Append(ctx, s.topic, e)
}

func checkAnswers(ctx context.Context, t *probe, f *fixture) {
	f.needStore(t)
	for _, c := range situations() {
		f.losing(t, c.name, nil, func(s *story) { c.prepare(ctx, t, s) }, func(s *story, log topic.Log) func(topic.Log) {
			e := entry("the entry")
			a, err := c.call(ctx, s, log, e)
			return func(log topic.Log) {
				s.outcome(ctx, t, a, err, e, nil)
				s.more(ctx, t, log)
			}
		})
	}
}

// outcome requires that the entry of a call is there once if the call has returned a position, once
// or not at all if it has returned ErrOutcome, and not at all with another error. The story takes
// over what has been added since, of which the others are rivals.
func (s *story) outcome(
	ctx context.Context,
	t *probe,
	a topic.Appended,
	err error,
	e topic.Entry,
	rivals []topic.Record,
) {
	all := s.all(ctx, t, s.log(0))
	var found []topic.Record
	for _, r := range all {
		if sameEvents(r.Events, e.Events) {
			found = append(found, r)
		}
	}
	switch {
	case err == nil:
		t.that(len(found) == 1 && sameRecord(found[0], a.Record) && !a.Duplicate,
			"%s: the call has returned %s (duplicate %v); the topic has\n%s", s.topic, text(a.Position), a.Duplicate, recordsText(all))
	case errors.Is(err, topic.ErrOutcome):
		t.that(len(found) <= 1, "%s: the topic has\n%s", s.topic, recordsText(all))
	default:
		t.that(len(found) == 0, "%s: the call has returned %v; the topic has\n%s", s.topic, err, recordsText(all))
	}
	s.takeOver(t, all, rivals)
}

// takeOver requires that all entries that are not in the story follow it, those of rivals included,
// which may be in an epoch that cannot be read any more.
func (s *story) takeOver(t *probe, all, rivals []topic.Record) {
	added := slices.Clone(all)
	for _, r := range rivals {
		if slices.ContainsFunc(all, func(k topic.Record) bool { return sameRecord(k, r) }) {
			continue
		}
		t.that(len(all) > 0 && number(r.Epoch) < number(all[0].Epoch),
			"%s: the entry of a rival at %s is not there:\n%s", s.topic, text(r.Position), recordsText(all))
		added = append(added, r)
	}
	slices.SortFunc(added, func(a, b topic.Record) int { return compare(a.Position, b.Position) })
	for _, r := range added {
		if !slices.ContainsFunc(s.entries, func(k topic.Record) bool { return k.Position == r.Position }) {
			t.ok(s.follows(r), "%s", s.topic)
			s.entries = append(s.entries, r)
		}
	}
}

// more requires that a topic goes on, through the log that lost an answer too.
func (s *story) more(ctx context.Context, t *probe, log topic.Log) {
	s.append(ctx, t, s.log(1), entry("afterwards"))
	s.append(ctx, t, log, entry("and after that"))
	s.append(ctx, t, s.log(0), entry("and at last"))
	epoch := s.last().Epoch
	from := slices.IndexFunc(s.entries, func(r topic.Record) bool { return r.Epoch == epoch })
	for i, r := range s.entries {
		if s.clock.Now().Sub(r.Time) >= day {
			from = max(from, i+1)
		}
	}
	s.tell(ctx, t, s.log(0), from)
	s.tell(ctx, t, log, from)
}

func checkAnswersRival(ctx context.Context, t *probe, f *fixture) {
	f.needStore(t)
	for _, rolls := range []bool{false, true} {
		for _, c := range situations() {
			var before, rivals []topic.Record
			rival := func(s *story) {
				before = s.all(ctx, t, s.log(0))
				a, err := situation{rolls: rolls}.call(ctx, s, s.log(0), entry("the rival's"))
				t.ok(err, "%s: the rival", s.topic)
				rivals = []topic.Record{cloned(a.Record)}
			}
			name := fmt.Sprintf("%s, and a rival that rolls (%v)", c.name, rolls)
			prepare := func(s *story) { c.prepare(ctx, t, s) }
			f.losing(t, name, rival, prepare, func(s *story, log topic.Log) func(topic.Log) {
				before, rivals = nil, nil
				e := entry("the entry")
				a, err := c.call(ctx, s, log, e)
				return func(log topic.Log) {
					if err == nil && len(rivals) > 0 && number(rivals[0].Epoch) > number(a.Epoch) {
						s.ended(t, a.Record, before, rivals)
					} else {
						s.outcome(ctx, t, a, err, e, rivals)
					}
					s.more(ctx, t, log)
				}
			})
		}
	}
}

// ended requires that an entry was there before a rival ended its epoch.
func (s *story) ended(t *probe, r topic.Record, before, rivals []topic.Record) {
	t.that(slices.ContainsFunc(before, func(k topic.Record) bool { return sameRecord(k, r) }),
		"%s: the entry was added at %s after a rival had begun %q", s.topic, text(r.Position), rivals[0].Epoch)
	s.takeOver(t, before, nil)
	s.takeOver(t, rivals, nil)
}

// checkAnswersKnown loses answers of requests that the store refuses.
func checkAnswersKnown(ctx context.Context, t *probe, f *fixture) {
	f.needStore(t)
	for _, c := range situations() {
		f.losing(t, c.name, nil, func(s *story) { c.prepare(ctx, t, s) }, func(s *story, log topic.Log) func(topic.Log) {
			known := entry("to know the head")
			a, err := log.Append(ctx, s.topic, known)
			s.outcome(ctx, t, a, err, known, nil)
			s.append(ctx, t, s.log(1), entry("another process"))
			e := entry("the entry")
			a, err = c.call(ctx, s, log, e)
			return func(log topic.Log) {
				s.outcome(ctx, t, a, err, e, nil)
				s.more(ctx, t, log)
			}
		})
	}
}

func checkAnswersKey(ctx context.Context, t *probe, f *fixture) {
	f.needStore(t)
	for _, c := range situations() {
		if c.key == "" || c.rolls {
			continue
		}
		f.losing(t, c.name, nil, func(s *story) { c.prepare(ctx, t, s) }, func(s *story, log topic.Log) func(topic.Log) {
			e := entry("the entry")
			_, err := c.call(ctx, s, log, e)
			again, againErr := c.call(ctx, s, s.log(1), e)
			t.ok(againErr, "%s: publishing again", s.topic)
			t.that(err != nil || again.Duplicate, "%s: publishing again adds an entry at %s", s.topic, text(again.Position))
			again.Duplicate = false
			return func(log topic.Log) {
				s.outcome(ctx, t, again, nil, e, nil)
				s.more(ctx, t, log)
			}
		})
	}
}

func checkAnswersRead(ctx context.Context, t *probe, f *fixture) {
	f.needStore(t)
	rolled := func(s *story) {
		s.add(ctx, t, 2)
		s.roll(ctx, t, s.log(1), entry("rolled"))
		s.add(ctx, t, 3)
	}
	f.losing(t, "read", nil, rolled, func(s *story, log topic.Log) func(topic.Log) {
		p, err := log.Read(ctx, topic.Query{Topic: s.topic, Since: new(s.at(4))})
		if err == nil {
			t.that(p.Lost == "" && sameRecords(p.Entries, s.entries[4:]) && p.Head == s.last(), "%s: %s", s.topic, pageText(p))
		}
		return func(log topic.Log) { s.tell(ctx, t, log, 2) }
	})
	f.losing(t, "moved", nil, rolled, func(s *story, log topic.Log) func(topic.Log) {
		at := []topic.At{
			{Topic: s.topic, Position: s.at(1), Quiet: true},
			{Topic: s.topic, Position: s.at(6)},
			{Topic: s.topic, Position: s.at(4)},
		}
		moved, err := log.Moved(ctx, at)
		if err == nil {
			t.that(slices.Equal(moved, []bool{true, false, true}), "%s: Moved is %v", s.topic, moved)
		}
		return func(topic.Log) {}
	})
}
