package topictest

import (
	"context"
	"fmt"
	"time"

	"github.com/gatesock/gatesock/topic"
)

func keyChecks() []promise[*fixture] {
	return []promise[*fixture]{
		{"keys", "an Append with a key that is used adds nothing and returns the first entry", checkKeys},
		{"keys-topic", "a key is one of a topic", checkKeysTopic},
		{"keys-epoch", "a key is one of an epoch", checkKeysEpoch},
		{"keys-kept", "a key is used for as long as its entry can be read", checkKeysKept},
		{"keys-race", "of several processes that append with a key at once, one adds the entry", checkKeysRace},
	}
}

// duplicate requires that an Append with a key returns entry i of the story.
func (s *story) duplicate(ctx context.Context, t *probe, log topic.Log, e topic.Entry, i int) {
	a, err := log.Append(ctx, s.topic, e)
	t.ok(err, "Append with the key %q again", e.Key)
	t.that(a.Duplicate, "Append with the key %q again adds an entry at %s", e.Key, text(a.Position))
	t.that(sameRecord(a.Record, s.entries[i]), "Append with the key %q again returns\n%swant\n%s",
		e.Key, recordsText([]topic.Record{a.Record}), recordsText(s.entries[i:i+1]))
}

func checkKeys(ctx context.Context, t *probe, f *fixture) {
	s := f.story("keys")
	s.append(ctx, t, f.log(0), keyed(entry("one"), "a"))
	s.duplicate(ctx, t, f.log(0), keyed(entry("one"), "a"), 0)
	s.add(ctx, t, 2)
	two := topic.Entry{Events: []topic.Event{event(1), event(2)}, Key: "b", Keep: day}
	s.append(ctx, t, f.log(1), two)
	s.clock.Advance(time.Minute)
	for i, log := range f.Logs {
		s.duplicate(ctx, t, log, keyed(entry(fmt.Sprint("other ", i)), "b"), 3)
		s.duplicate(ctx, t, log, keyed(two, "a"), 0)
	}
	s.add(ctx, t, 2)
	s.append(ctx, t, f.log(1), keyed(entry("three"), "c"))
	s.tell(ctx, t, f.log(1), 0)
}

func checkKeysTopic(ctx context.Context, t *probe, f *fixture) {
	for i, name := range []string{"one", "two", "three"} {
		s := f.story(name)
		s.append(ctx, t, f.log(i), keyed(entry(name), "key"))
		s.duplicate(ctx, t, f.log(i+1), keyed(entry(name), "key"), 0)
		s.tell(ctx, t, f.log(i), 0)
	}
}

func checkKeysEpoch(ctx context.Context, t *probe, f *fixture) {
	s := f.story("keys")
	s.append(ctx, t, f.log(0), keyed(entry(1), "a"))
	s.append(ctx, t, f.log(0), keyed(entry(2), "b"))
	s.roll(ctx, t, f.log(1), keyed(entry(3), "a"))
	s.duplicate(ctx, t, f.log(0), keyed(entry(4), "a"), 2)
	s.append(ctx, t, f.log(0), keyed(entry(5), "b"))
	s.duplicate(ctx, t, f.log(1), keyed(entry(6), "b"), 3)
	s.roll(ctx, t, f.log(0), entry(7))
	s.append(ctx, t, f.log(0), keyed(entry(8), "a"))
	s.tell(ctx, t, f.log(1), 4)
}

// checkKeysKept does not ask when a key is free again, only that it is at last.
func checkKeysKept(ctx context.Context, t *probe, f *fixture) {
	s := f.story("keys")
	s.append(ctx, t, f.log(0), keyed(kept(entry(1), day), "a"))
	s.append(ctx, t, f.log(0), keyed(kept(entry(2), 2*day), "b"))
	s.append(ctx, t, f.log(0), keyed(kept(entry(3), time.Hour), "c")) // kept as the one before
	s.clock.Advance(day - time.Second)
	for i, key := range []string{"a", "b", "c"} {
		s.duplicate(ctx, t, f.log(i), keyed(entry("again"), key), i)
	}
	s.clock.Advance(day)
	for i, key := range []string{"b", "c"} {
		s.duplicate(ctx, t, f.log(i), keyed(entry("again"), key), i+1)
	}
	s.clock.Advance(100 * day)
	for i, key := range []string{"a", "b", "c"} {
		s.append(ctx, t, f.log(i), keyed(entry("new"), key))
	}
	s.tell(ctx, t, f.log(1), 3)
}

func checkKeysRace(ctx context.Context, t *probe, f *fixture) {
	s := f.story("race")
	for round := range 3 {
		key := fmt.Sprint("key ", round)
		results := make([]topic.Appended, f.Writers)
		t.ok(together(f.Writers, func(i int) (err error) {
			results[i], err = f.log(i).Append(ctx, s.topic, keyed(entry(fmt.Sprint(round, i)), key))
			return err
		}), "Append with one key by %d writers", f.Writers)
		added := 0
		for _, a := range results {
			if !a.Duplicate {
				added++
				s.entries = append(s.entries, a.Record)
			}
		}
		t.that(added == 1, "of %d that append with a key at once %d add an entry", f.Writers, added)
		for _, a := range results {
			t.that(sameRecord(a.Record, s.entries[round]), "writers with one key get\n%sand\n%s",
				recordsText([]topic.Record{a.Record}), recordsText(s.entries[round:]))
		}
	}
	s.tell(ctx, t, f.log(1), 0)
}
