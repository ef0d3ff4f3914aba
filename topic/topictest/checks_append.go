package topictest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gatesock/gatesock/topic"
)

func appendChecks() []promise[*fixture] {
	return []promise[*fixture]{
		{"positions", "entries have the offsets 1, 2, 3, … of one epoch, whichever process appends", checkPositions},
		{"records", "an entry comes back byte by byte, with all its events, in every process", checkRecords},
		{"immutable", "an entry stays as it is", checkImmutable},
		{"entry-largest", "an entry of the largest size comes back", checkLargest},
		{"copies", "values belong to the caller", checkCopies},
	}
}

func checkPositions(ctx context.Context, t *probe, f *fixture) {
	s := f.story("positions")
	s.add(ctx, t, 2*len(f.Logs)+2)
	for i, r := range s.entries {
		t.that(r.Offset == int64(i+1) && r.Epoch == s.entries[0].Epoch, "entry %d has the position %s", i, text(r.Position))
		t.that((r.Prev != nil) == (i == 0), "the entry at %s has Prev %s", text(r.Position), textOf(r.Prev))
	}
	t.that(*s.entries[0].Prev == topic.Position{}, "the first entry has Prev %s", textOf(s.entries[0].Prev))
	for _, log := range f.Logs {
		s.tell(ctx, t, log, 0)
	}
}

func checkRecords(ctx context.Context, t *probe, f *fixture) {
	s := f.story("records")
	raw := func(name, data string) topic.Event { return topic.Event{Name: name, Data: []byte(data)} }
	for i, events := range [][]topic.Event{
		{raw("said", `null`)},
		{raw("said", ` { "a" : 1.0e2, "a":"\u00fcü\u0000\/" } `)},
		{raw("n", `12345678901234567890.10`)},
		{raw("a", `1`), raw("b", `""`), raw("a", `[]`)},
		{raw("日本 #\x00", `"日本\n"`), raw("te#1-x#t", `{}`)},
		{raw(strings.Repeat("n", 300), `"`+strings.Repeat("ü", 5000)+`"`)},
	} {
		s.append(ctx, t, f.log(i), topic.Entry{Events: events, Keep: day})
		s.clock.Advance(1234567 * time.Microsecond)
	}
	many := entry("first")
	for i := range 200 {
		many.Events = append(many.Events, event(i))
	}
	s.append(ctx, t, f.log(1), many)
	for _, log := range f.Logs {
		s.tell(ctx, t, log, 0)
	}
}

func checkImmutable(ctx context.Context, t *probe, f *fixture) {
	s := f.story("immutable")
	for i := range 6 {
		s.append(ctx, t, f.log(i), keyed(entry(i), "key"+fmt.Sprint(i)))
		a, err := f.log(i+1).Append(ctx, s.topic, keyed(kept(entry("other"), time.Hour), "key0"))
		t.ok(err, "Append with a key that is used")
		t.that(a.Duplicate, "Append with a key that is used adds an entry at %s", text(a.Position))
		s.clock.Advance(time.Minute)
		s.tell(ctx, t, f.log(i), 0)
		s.tell(ctx, t, f.log(i+1), 0)
	}
}

func checkLargest(ctx context.Context, t *probe, f *fixture) {
	most := f.MaxData
	if most == 0 {
		most = LeastData
	}
	large := func(n int) topic.Entry {
		return topic.Entry{Keep: day, Events: []topic.Event{{Name: "e", Data: []byte(`"` + strings.Repeat("x", n-2) + `"`)}}}
	}
	s := f.story("large")
	s.add(ctx, t, 1)
	s.append(ctx, t, f.log(0), large(most))
	s.append(ctx, t, f.log(1), keyed(large(most), "key"))
	if f.MaxData != 0 {
		_, err := f.log(0).Append(ctx, s.topic, large(most+1))
		t.invalid(err, "Append of %d bytes", most+1)
	}
	s.add(ctx, t, 1)
	for _, log := range f.Logs {
		s.tell(ctx, t, log, 0)
	}
	roll := f.story("large and first")
	roll.append(ctx, t, f.log(0), large(most))
	roll.roll(ctx, t, f.log(0), large(most))
	roll.tell(ctx, t, f.log(1), 1)
}

// checkCopies changes what it gave to the log, and what it got.
func checkCopies(ctx context.Context, t *probe, f *fixture) {
	s := f.story("copies")
	log := f.log(0)
	e := keyed(entry("one"), "key")
	s.append(ctx, t, log, e)
	spoil(e.Events)
	s.add(ctx, t, 3)
	appended, err := log.Append(ctx, s.topic, keyed(entry("two"), "key"))
	t.ok(err, "Append with a key that is used")
	spoilRecord(appended.Record)
	for range 2 { // a log may keep what it has read
		for _, r := range s.all(ctx, t, log) {
			spoilRecord(r)
		}
	}
	s.tell(ctx, t, log, 0)
	p := f.read(ctx, t, log, topic.Query{Topic: s.topic, Newest: 4})
	first := p.Entries[0].Events[0].Data
	_ = append(first, "xxxxxxxxxxxxxxxx"...)
	_ = append(p.Entries[0].Events, topic.Event{Name: "xxx"})
	_ = append(p.Entries[:1], topic.Record{})
	s.tell(ctx, t, log, 0)
	rolled := f.story("copies of a roll")
	rolled.add(ctx, t, 1)
	e = entry("rolled")
	rolled.roll(ctx, t, log, e)
	spoil(e.Events)
	rolled.tell(ctx, t, log, 1)
}

func spoilRecord(r topic.Record) {
	spoil(r.Events)
	if r.Prev != nil {
		*r.Prev = topic.Position{Epoch: "77-x", Offset: 77}
	}
}

func spoil(events []topic.Event) {
	for i := range events {
		clear(events[i].Data)
		events[i].Name = "spoiled"
	}
}
