package topic

import (
	"context"
	"slices"
	"time"

	"github.com/gatesock/gatesock/internal/observing"
)

// roundLife is for how long a round is remembered after its end.
const roundLife = time.Hour

// BeginRound implements [Rounds].
func (m *memoryRoster) BeginRound(ctx context.Context, topic string, s RoundStart) (Round, error) {
	done, err := observing.BeginCall(ctx, "topic.BeginRound")
	if err != nil {
		return Round{}, err
	}
	defer done()
	if err := checkTopic(ctx, topic); err != nil {
		return Round{}, err
	}
	if err := s.Validate(); err != nil {
		return Round{}, err
	}
	at := microseconds(s.At)
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.open(topic)
	if last := p.round; last != nil && last.Until.After(at) && !last.Until.After(at.Add(maxRound)) {
		return last.copy(), nil
	}
	begun := Round{Begun: true}
	if p.round != nil {
		begun = p.round.copy()
		begun.Begun, begun.Waiting = true, false
	}
	begun.Until = microseconds(s.Until)
	p.round = &Round{Until: begun.Until, Count: begun.Count, Since: s.Since}
	return begun, nil
}

// LastRound implements [Rounds].
func (m *memoryRoster) LastRound(ctx context.Context, topic string) (Round, error) {
	done, err := observing.BeginCall(ctx, "topic.LastRound")
	if err != nil {
		return Round{}, err
	}
	defer done()
	if err := checkTopic(ctx, topic); err != nil {
		return Round{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if p, ok := m.topics[topic]; ok && p.round != nil {
		return p.round.copy(), nil
	}
	return Round{}, nil
}

// DeferToRound implements [Rounds].
func (m *memoryRoster) DeferToRound(
	ctx context.Context, topic string, until time.Time, d Deferral,
) (wait bool, err error) {
	done, err := observing.BeginCall(ctx, "topic.DeferToRound")
	if err != nil {
		return false, err
	}
	defer done()
	if err := checkTopic(ctx, topic); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t, err := m.round(topic, until)
	if err != nil {
		return false, err
	}
	if d.Since > 0 {
		t.Since = min(t.Since, d.Since)
	}
	room := min(maxGone-len(t.Gone), len(d.Gone))
	t.Gone = append(t.Gone, d.Gone[:room]...)
	t.Incomplete = t.Incomplete || d.Incomplete || room < len(d.Gone)
	wait = d.Wait && !t.Waiting
	t.Waiting = t.Waiting || wait
	return wait, nil
}

// SettleRound implements [Rounds].
func (m *memoryRoster) SettleRound(ctx context.Context, topic string, until time.Time, to Settlement) error {
	done, err := observing.BeginCall(ctx, "topic.SettleRound")
	if err != nil {
		return err
	}
	defer done()
	if err := checkTopic(ctx, topic); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t, err := m.round(topic, until)
	if err != nil {
		return err
	}
	t.Until, t.Count = microseconds(to.Until), to.Count
	return nil
}

// round returns the round of a topic that ends at a time. The caller holds m.mu.
func (m *memoryRoster) round(topic string, until time.Time) (*Round, error) {
	p, ok := m.topics[topic]
	if !ok || p.round == nil || !p.round.Until.Equal(microseconds(until)) {
		return nil, ErrChanged
	}
	return p.round, nil
}

func (t *Round) copy() Round {
	other := *t
	other.Gone = slices.Clone(t.Gone)
	return other
}

func microseconds(t time.Time) time.Time { return time.UnixMicro(t.UnixMicro()).UTC() }
