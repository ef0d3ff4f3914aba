package topic

import (
	"context"
	"slices"
	"time"
)

// turnLife is for how long a MemoryRoster remembers a turn after its end.
const turnLife = time.Hour

// TakeTurn implements [Turns].
func (m *MemoryRoster) TakeTurn(ctx context.Context, topic string, t Taking) (Turn, error) {
	if err := checkTopic(ctx, topic); err != nil {
		return Turn{}, err
	}
	if err := t.Validate(); err != nil {
		return Turn{}, err
	}
	at := microseconds(t.At)
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.open(topic)
	if last := p.turn; last != nil && last.Until.After(at) && !last.Until.After(at.Add(maxTurn)) {
		return last.copy(), nil
	}
	taken := Turn{Taken: true}
	if p.turn != nil {
		taken = p.turn.copy()
		taken.Taken, taken.Waiting = true, false
	}
	taken.Until = microseconds(t.Until)
	p.turn = &Turn{Until: taken.Until, Count: taken.Count, Since: t.Since}
	return taken, nil
}

// Turn implements [Turns].
func (m *MemoryRoster) Turn(ctx context.Context, topic string) (Turn, error) {
	if err := checkTopic(ctx, topic); err != nil {
		return Turn{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if p, ok := m.topics[topic]; ok && p.turn != nil {
		return p.turn.copy(), nil
	}
	return Turn{}, nil
}

// Defer implements [Turns].
func (m *MemoryRoster) Defer(ctx context.Context, topic string, until time.Time, d Deferral) (wait bool, err error) {
	if err := checkTopic(ctx, topic); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t, err := m.turn(topic, until)
	if err != nil {
		return false, err
	}
	if d.Since > 0 {
		t.Since = min(t.Since, d.Since)
	}
	room := min(maxGone-len(t.Gone), len(d.Gone))
	t.Gone = append(t.Gone, d.Gone[:room]...)
	t.Incomplete = t.Incomplete || room < len(d.Gone)
	wait = d.Wait && !t.Waiting
	t.Waiting = t.Waiting || wait
	return wait, nil
}

// Settle implements [Turns].
func (m *MemoryRoster) Settle(ctx context.Context, topic string, until time.Time, to Settlement) error {
	if err := checkTopic(ctx, topic); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t, err := m.turn(topic, until)
	if err != nil {
		return err
	}
	t.Until, t.Count = microseconds(to.Until), to.Count
	return nil
}

// turn returns the turn of a topic that ends at a time. The caller holds m.mu.
func (m *MemoryRoster) turn(topic string, until time.Time) (*Turn, error) {
	p, ok := m.topics[topic]
	if !ok || p.turn == nil || !p.turn.Until.Equal(microseconds(until)) {
		return nil, ErrChanged
	}
	return p.turn, nil
}

func (t *Turn) copy() Turn {
	other := *t
	other.Gone = slices.Clone(t.Gone)
	return other
}

func microseconds(t time.Time) time.Time { return time.UnixMicro(t.UnixMicro()).UTC() }
