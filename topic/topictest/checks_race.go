package topictest

import (
	"context"
	"fmt"

	"github.com/gatesock/gatesock/topic"
)

func raceChecks() []promise[*fixture] {
	return []promise[*fixture]{
		{"race-append", "processes that append at the same time leave no hole and use no offset twice", raceAppend},
		{"race-first", "processes that publish to a new topic at the same time begin one epoch", raceFirst},
		{"race-read", "readers see all that was added before, in order, while others append", raceRead},
		{"race-roll", "no entry gets into an epoch that has ended", raceRoll},
	}
}

// appends has every writer append some entries.
func (s *story) appends(ctx context.Context, h *history, writer, n int) error {
	log := s.log(writer)
	for i := range n {
		err := h.add(false, func() (topic.Appended, error) {
			return log.Append(ctx, s.topic, entry(fmt.Sprintf("entry %d of writer %d", i, writer)))
		})
		if err != nil {
			return fmt.Errorf("writer %d: %w", writer, err)
		}
	}
	return nil
}

func raceAppend(ctx context.Context, t *probe, f *fixture) {
	s, h := f.story("race"), new(history)
	s.add(ctx, t, 1)
	h.added = append(h.added, added{record: s.entries[0]})
	t.ok(together(f.Writers, func(i int) error { return s.appends(ctx, h, i, 8) }), "%d writers", f.Writers)
	s.told(ctx, t, h)
}

// told requires that the history holds, and that every log has it.
func (s *story) told(ctx context.Context, t *probe, h *history) {
	t.ok(h.check(), "calls for %.40q at the same time", s.topic)
	s.entries = nil
	for _, a := range h.added {
		if n := len(s.entries); n > 0 && s.entries[n-1].Epoch != a.record.Epoch {
			s.entries = nil
		}
		s.entries = append(s.entries, a.record)
	}
	for _, log := range s.Logs {
		s.tell(ctx, t, log, 0)
	}
}

func raceFirst(ctx context.Context, t *probe, f *fixture) {
	for round := range 8 {
		s, h := f.story(fmt.Sprint("race ", round)), new(history)
		t.ok(together(f.Writers, func(i int) error { return s.appends(ctx, h, i, 1) }), "%d writers", f.Writers)
		s.told(ctx, t, h)
	}
}

// raceRead has readers that follow the topic while the others write, and read the rest afterwards.
func raceRead(ctx context.Context, t *probe, f *fixture) {
	s, h := f.story("race"), new(history)
	s.add(ctx, t, 1)
	h.added = append(h.added, added{record: s.entries[0]})
	at := make([]topic.Position, 2*len(f.Logs))
	for i := range at {
		at[i] = s.last()
	}
	t.ok(together(f.Writers+len(at), func(i int) (err error) {
		if i >= len(at) {
			return s.appends(ctx, h, i, 6)
		}
		at[i], err = s.followOn(ctx, h, i, at[i])
		return err
	}), "%d writers and %d readers", f.Writers, len(at))
	s.told(ctx, t, h)
	for i, p := range at {
		s.recover(ctx, t, f.log(i), p, int(p.Offset))
	}
}

// followOn reads some pages from a position on.
func (s *story) followOn(ctx context.Context, h *history, reader int, at topic.Position) (topic.Position, error) {
	for range 50 {
		q := topic.Query{Topic: s.topic, Since: new(at), Limit: reader}
		p, err := h.read(q, func() (topic.Page, error) { return s.log(reader).Read(ctx, q) })
		if err != nil {
			return at, fmt.Errorf("reader %d: %w", reader, err)
		}
		if p.Lost != "" {
			return at, fmt.Errorf("reader %d is told %q at %s", reader, p.Lost, text(at))
		}
		at = p.Position
	}
	return at, nil
}

func raceRoll(ctx context.Context, t *probe, f *fixture) {
	s, h := f.story("race"), new(history)
	s.add(ctx, t, len(f.Logs))
	for _, r := range s.entries {
		h.added = append(h.added, added{record: r})
	}
	t.ok(together(f.Writers, func(i int) error {
		if i > 1 {
			return s.appends(ctx, h, i, 6)
		}
		for j := range 3 {
			err := h.add(true, func() (topic.Appended, error) {
				return s.log(i).Roll(ctx, s.topic, entry(fmt.Sprintf("roll %d of %d", j, i)))
			})
			if err != nil {
				return fmt.Errorf("roll %d of writer %d: %w", j, i, err)
			}
		}
		return nil
	}), "%d writers, two of them roll", f.Writers)
	s.told(ctx, t, h)
}
