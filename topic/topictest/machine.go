package topictest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gatesock/gatesock/internal/shrink"
	"github.com/gatesock/gatesock/topic"
)

// RunModel makes random calls to a log, and compares every answer with that of a model that is a
// list of entries. It runs the given number of sequences of 40 calls, each with a store of its own.
// The calls are those of [topic.Log], the passing of time, and the deletion of expired entries.
//
// The calls differ from run to run. If an answer differs, RunModel removes calls from the sequence
// as long as it still fails, and reports the calls that remain, so that a test of yours can repeat
// them.
func RunModel(t *testing.T, newHarness NewHarness, sequences int) {
	t.Helper()
	seed := rand.Uint64()
	for n := range uint64(sequences) {
		s := randomSequence(newSource(seed+n), 40)
		if err := s.compare(t, newHarness); err != nil {
			t.Error(err)
			return
		}
	}
}

// source draws from 0 to below n.
type source interface{ IntN(n int) int }

func newSource(seed uint64) source { return rand.New(rand.NewPCG(seed, 0)) }

// sequence is a list of calls. Each can run after any others.
type sequence []call

type call struct {
	text string
	run  func(ctx context.Context, t *probe, m *machine)
}

// String returns the calls, each on a line.
func (s sequence) String() string {
	var b strings.Builder
	for _, c := range s {
		fmt.Fprintf(&b, "\t%s\n", c.text)
	}
	return b.String()
}

// compare runs the calls, and returns an error with the shortest part of them that fails.
func (s sequence) compare(t testing.TB, newHarness NewHarness) error {
	t.Helper()
	err := s.run(t, newHarness)
	if err == nil {
		return nil
	}
	s, err = shrink.Sequence(s, err, func(s sequence) error { return s.run(t, newHarness) })
	return fmt.Errorf("topictest: the log differs from the model after\n%s%w", s, err)
}

// run runs the calls on a store of its own.
func (s sequence) run(t testing.TB, newHarness NewHarness) error {
	t.Helper()
	f, err := newHarness.open(t)
	if err != nil {
		return err
	}
	m := newMachine(f)
	err = attempt(func(probe *probe) {
		for _, c := range s {
			c.run(t.Context(), probe, m)
		}
	})
	return errors.Join(err, f.close())
}

func randomSequence(r source, length int) sequence {
	kinds := []func(source) call{
		randomAppend, randomAppend, randomAppend, randomKeyed, randomRoll, randomSince, randomSince, randomSince,
		randomMadeUp, randomNewest, randomBefore, randomMoved, randomAdvance, randomAdvance, randomDelete,
	}
	s := make(sequence, length)
	for i := range s {
		s[i] = pick(r, kinds)(r)
	}
	return s
}

func pick[T any](r source, from []T) T { return from[r.IntN(len(from))] }

// There are few names, so that calls meet.
func randomTopic(r source) string { return pick(r, machineTopics()) }

func machineTopics() []string { return []string{"a", "b#\x00"} }

func randomEntry(r source) topic.Entry {
	e := entry(r.IntN(1000))
	for range r.IntN(3) {
		e.Events = append(e.Events, event(r.IntN(1000)))
	}
	e.Keep = pick(r, []time.Duration{time.Second, time.Hour, time.Hour, day, day, 3 * day, 10 * day})
	return e
}

func randomAppend(r source) call {
	name, log, e := randomTopic(r), r.IntN(6), randomEntry(r)
	text := fmt.Sprintf("log %d: Append(%q, %s, kept for %v)", log, name, texts(e.Events), e.Keep)
	return call{text, func(ctx context.Context, t *probe, m *machine) { m.topics[name].append(ctx, t, m.log(log), e) }}
}

func randomKeyed(r source) call {
	name, log, e := randomTopic(r), r.IntN(6), keyed(randomEntry(r), pick(r, []string{"k", "l#"}))
	text := fmt.Sprintf("log %d: Append(%q, %s, kept for %v, with the key %q)", log, name, texts(e.Events), e.Keep, e.Key)
	return call{text, func(ctx context.Context, t *probe, m *machine) { m.topics[name].keyed(ctx, t, m.log(log), e) }}
}

func randomRoll(r source) call {
	name, log, e := randomTopic(r), r.IntN(6), randomEntry(r)
	text := fmt.Sprintf("log %d: Roll(%q, %s, kept for %v)", log, name, texts(e.Events), e.Keep)
	return call{text, func(ctx context.Context, t *probe, m *machine) {
		m.topics[name].roll(ctx, t, m.log(log), e)
	}}
}

// randomSince is a reading by one of the positions that readings have given.
func randomSince(r source) call {
	name, log, sub := randomTopic(r), r.IntN(6), r.IntN(50)
	q := topic.Query{Topic: name, Limit: r.IntN(4), Keep: r.IntN(4) * r.IntN(3), Newest: r.IntN(4)}
	text := fmt.Sprintf("log %d: Read(%q, since position %d of those that were read, limit %d, keep %d, newest %d)",
		log, name, sub, q.Limit, q.Keep, q.Newest)
	return call{text, func(ctx context.Context, t *probe, m *machine) {
		s := m.topics[name]
		s.since(ctx, t, m.log(log), q, s.subscribers[sub%len(s.subscribers)])
	}}
}

func randomMadeUp(r source) call {
	name, log, by := randomTopic(r), r.IntN(6), int64(1+r.IntN(3))
	text := fmt.Sprintf("log %d: Read(%q, since the head plus %d)", log, name, by)
	return call{text, func(ctx context.Context, t *probe, m *machine) { m.topics[name].madeUp(ctx, t, m.log(log), by) }}
}

func randomNewest(r source) call {
	name, log := randomTopic(r), r.IntN(6)
	q := topic.Query{Topic: name, Limit: r.IntN(4), Keep: r.IntN(4) * r.IntN(3), Newest: r.IntN(6)}
	text := fmt.Sprintf("log %d: Read(%q, newest %d, limit %d, keep %d)", log, name, q.Newest, q.Limit, q.Keep)
	return call{text, func(ctx context.Context, t *probe, m *machine) { m.topics[name].newest(ctx, t, m.log(log), q) }}
}

func randomBefore(r source) call {
	name, log, n := randomTopic(r), r.IntN(6), r.IntN(50)
	q := topic.Query{Topic: name, Limit: r.IntN(4), Keep: r.IntN(4) * r.IntN(3)}
	text := fmt.Sprintf("log %d: Read(%q, before entry %d, limit %d, keep %d)", log, name, n, q.Limit, q.Keep)
	return call{text, func(ctx context.Context, t *probe, m *machine) { m.topics[name].before(ctx, t, m.log(log), q, n) }}
}

func randomMoved(r source) call {
	log := r.IntN(6)
	text := fmt.Sprintf("log %d: Moved(all positions that were read)", log)
	return call{text, func(ctx context.Context, t *probe, m *machine) { m.moved(ctx, t, m.log(log)) }}
}

func randomAdvance(r source) call {
	d := pick(r, []time.Duration{
		time.Second, time.Minute, time.Hour, 10 * time.Hour, day, 2 * day, 8 * day, 9 * day, 40 * day,
	})
	return call{fmt.Sprintf("%v pass", d), func(_ context.Context, _ *probe, m *machine) { m.clock.Advance(d) }}
}

func randomDelete(r source) call {
	name, n := randomTopic(r), r.IntN(50)
	return call{fmt.Sprintf("entry %d of %q is deleted if it has expired", n, name), func(ctx context.Context, t *probe, m *machine) {
		if s := m.topics[name]; m.Delete != nil && len(s.entries) > 0 {
			t.ok(m.Delete(ctx, name, s.at(1+n%len(s.entries))), "Harness.Delete")
		}
	}}
}
