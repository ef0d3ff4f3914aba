package topictest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatesock/gatesock/topic"
)

func callChecks() []promise[*fixture] {
	return []promise[*fixture]{
		{"contexts", "a call whose context has ended fails with the cause, and does nothing", checkContexts},
		{"invalid", "an argument that is not valid is refused with ErrInvalid, and nothing is added", checkInvalid},
	}
}

// invalid ends the check unless a call was refused.
func (t *probe) invalid(err error, format string, args ...any) {
	t.that(errors.Is(err, topic.ErrInvalid), "%s returns the error %v, want topic.ErrInvalid", fmt.Sprintf(format, args...), err)
}

func checkContexts(ctx context.Context, t *probe, f *fixture) {
	s := f.story("contexts")
	s.add(ctx, t, 2)
	cause := errors.New("the cause")
	canceled, cancel := context.WithCancelCause(ctx)
	cancel(cause)
	late, stop := context.WithDeadlineCause(ctx, time.Unix(0, 0), cause)
	defer stop()
	for i, log := range f.Logs {
		s.refuses(canceled, t, log, cause)
		s.refuses(late, t, log, cause)
		s.tell(ctx, t, log, 0)
		f.story("new").tell(ctx, t, f.log(i+1), 0)
	}
	s.append(ctx, t, f.log(0), keyed(entry(1), "key"))
	s.tell(ctx, t, f.log(1), 0)
}

// refuses requires that calls with a context that has ended fail.
func (s *story) refuses(ended context.Context, t *probe, log topic.Log, cause error) {
	_, appendErr := log.Append(ended, s.topic, entry(1))
	_, newErr := log.Append(ended, "new", entry(1))
	_, keyErr := log.Append(ended, s.topic, keyed(entry(1), "key"))
	_, rollErr := log.Roll(ended, s.topic, entry(1))
	_, readErr := log.Read(ended, topic.Query{Topic: s.topic, Newest: 1})
	_, movedErr := log.Moved(ended, []topic.At{{Topic: s.topic, Position: s.at(1)}})
	for i, err := range []error{appendErr, newErr, keyErr, rollErr, readErr, movedErr} {
		t.that(errors.Is(err, cause), "call %d with a context that has ended returns the error %v", i, err)
	}
}

func checkInvalid(ctx context.Context, t *probe, f *fixture) {
	s := f.story("invalid")
	s.add(ctx, t, 2)
	for i, e := range invalidEntries() {
		_, err := f.log(i).Append(ctx, s.topic, e)
		t.invalid(err, "Append of %+v", e)
		_, err = f.log(i).Roll(ctx, s.topic, e)
		t.invalid(err, "Roll with %+v", e)
	}
	bad := badPositions(s.last().Epoch)
	for _, q := range invalidQueries(s.topic, bad) {
		_, err := f.log(0).Read(ctx, q)
		t.invalid(err, "Read of %s", queryText(q))
	}
	for _, p := range bad {
		_, err := f.log(0).Moved(ctx, []topic.At{{Topic: s.topic, Position: s.last()}, {Topic: s.topic, Position: p}})
		t.invalid(err, "Moved for %s", text(p))
	}
	for _, name := range []string{"", "a\xff"} {
		_, appendErr := f.log(0).Append(ctx, name, entry(1))
		_, rollErr := f.log(0).Roll(ctx, name, entry(1))
		_, readErr := f.log(0).Read(ctx, topic.Query{Topic: name})
		_, movedErr := f.log(0).Moved(ctx, []topic.At{{Topic: name}})
		for i, err := range []error{appendErr, rollErr, readErr, movedErr} {
			t.invalid(err, "call %d for the topic %q", i, name)
		}
	}
	for _, log := range f.Logs {
		s.tell(ctx, t, log, 0)
	}
}

func invalidEntries() []topic.Entry {
	name := func(name string) topic.Entry {
		return topic.Entry{Events: []topic.Event{event(1), {Name: name, Data: []byte("1")}}, Keep: day}
	}
	return []topic.Entry{
		{},
		{Keep: day},
		name(""), name("a\xff"), keyed(entry(1), "a\xff"),
		kept(entry(1), 0), kept(entry(1), -day), kept(entry(1), time.Second-1),
		{Events: []topic.Event{{Name: "a"}}, Keep: day},
		{Events: []topic.Event{{Name: "a", Data: []byte{}}}, Keep: day},
	}
}

func badPositions(epoch string) []topic.Position {
	list := []topic.Position{{Epoch: epoch, Offset: -1}, {Epoch: epoch, Offset: topic.MaxOffset + 1}, {Offset: 1}}
	for _, bad := range []string{
		"x", "1", "1-", "-x", "0-x", "01-x", "-1-x", "+1-x", "1-x#y", "1-x y", "1-\x00", "1-\xff", "9007199254740992-x",
		"99999999999999999999-x", "1-" + strings.Repeat("x", 65),
	} {
		list = append(list, topic.Position{Epoch: bad, Offset: 1})
	}
	return list
}

func invalidQueries(name string, bad []topic.Position) []topic.Query {
	queries := []topic.Query{
		{Since: &topic.Position{}, Before: &topic.Position{}}, {Newest: -1}, {Limit: -1}, {Bytes: -1}, {Keep: -1},
	}
	for _, p := range bad {
		queries = append(queries, topic.Query{Since: &p}, topic.Query{Before: &p})
	}
	for i := range queries {
		queries[i].Topic = name
	}
	return queries
}
