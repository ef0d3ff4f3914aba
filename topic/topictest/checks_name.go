package topictest

import (
	"context"
	"strings"

	"github.com/gatesock/gatesock/topic"
)

func nameChecks() []promise[*fixture] {
	return []promise[*fixture]{
		{"topics-apart", "topics are apart, whatever characters their names have", checkTopicsApart},
		{"keys-apart", "keys are apart, whatever characters they have", checkKeysApart},
		{"names-long", "long names are taken whole or refused", checkNamesLong},
	}
}

// hostileNames would meet if a log joined parts of its keys carelessly.
func hostileNames() []string {
	return []string{
		"a", "A", "a#v", "a#h", "a#", "#a", "#", "##", "h", "c", "a#k", "a#1-x", "1-x#a", "1-x", "th#a", "te#1-x#a",
		"tv#a", "tk#a", "k#a", "0000000000000001", "a#0000000000000001", "a\x00", "a\x00b", "\x00", "a/b", "a b", " a", "a ",
		"日本", "é", "e\u0301", "\U0010ffff", "%61", `"a"`, "a\nb", "topic:a", "__proto__",
	}
}

func checkTopicsApart(ctx context.Context, t *probe, f *fixture) {
	var stories []*story
	for i, name := range hostileNames() {
		s := f.story(name)
		s.append(ctx, t, f.log(i), keyed(entry("first of "+name), "a"))
		stories = append(stories, s)
	}
	for i, s := range stories {
		s.append(ctx, t, f.log(i+1), keyed(entry("second of "+s.topic), s.topic+"#k"))
		s.append(ctx, t, f.log(i), entry("third of "+s.topic))
		if i%3 == 0 {
			s.roll(ctx, t, f.log(i), entry("rolled "+s.topic))
		}
	}
	for i, s := range stories {
		from := 0
		if i%3 == 0 {
			from = 3
		}
		s.tell(ctx, t, f.log(i+1), from)
	}
}

func checkKeysApart(ctx context.Context, t *probe, f *fixture) {
	s := f.story("keys")
	keys := append(hostileNames(), "0000000000000002", "2", "h#1")
	for i, key := range keys {
		s.append(ctx, t, f.log(i), keyed(entry(key), key))
	}
	for i, key := range keys {
		a, err := f.log(i+1).Append(ctx, s.topic, keyed(entry("again"), key))
		t.ok(err, "Append with the key %q", key)
		t.that(a.Duplicate && sameRecord(a.Record, s.entries[i]), "Append with the key %q again returns duplicate %v and\n%s",
			key, a.Duplicate, recordsText([]topic.Record{a.Record}))
	}
	s.tell(ctx, t, f.log(1), 0)
}

func checkNamesLong(ctx context.Context, t *probe, f *fixture) {
	most := f.MaxName
	if most == 0 {
		most = 500
	}
	long := strings.Repeat("n", most-1)
	one, two := f.story(long+"1"), f.story(long+"2")
	for _, s := range []*story{one, two} {
		s.append(ctx, t, f.log(0), keyed(entry(1), long+"1"))
		s.append(ctx, t, f.log(1), keyed(entry(2), long+"2"))
		s.roll(ctx, t, f.log(1), keyed(entry(3), long+"2"))
		s.tell(ctx, t, f.log(0), 2)
	}
	if f.MaxName == 0 {
		return
	}
	_, err := f.log(0).Append(ctx, long+"xx", entry(1))
	t.invalid(err, "Append to a topic whose name has %d bytes", most+1)
	_, err = f.log(0).Roll(ctx, long+"xx", entry(1))
	t.invalid(err, "Roll of a topic whose name has %d bytes", most+1)
	_, err = f.log(0).Append(ctx, one.topic, keyed(entry(1), long+"xx"))
	t.invalid(err, "Append with a key of %d bytes", most+1)
	_, err = f.log(0).Read(ctx, topic.Query{Topic: long + "xx"})
	t.invalid(err, "Read of a topic whose name has %d bytes", most+1)
	_, err = f.log(0).Moved(ctx, []topic.At{{Topic: long + "xx"}})
	t.invalid(err, "Moved of a topic whose name has %d bytes", most+1)
	one.tell(ctx, t, f.log(1), 2)
}
