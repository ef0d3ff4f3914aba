package stream

import (
	"context"
	"time"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

// skipMarked removes the entries that their publishers have pushed. It waits until the youngest of
// those without a mark is MarkTime old, or as long as there is time, and reads the marks.
func (b *batch) skipMarked(ctx context.Context) error {
	if !b.topics.UsesMarks() {
		return nil
	}
	var at []topic.At
	places := map[topic.At]int{}
	var youngest time.Time
	for _, j := range b.jobs {
		for i, e := range j.entries {
			a := topic.At{Topic: j.topic, Position: e.Position}
			if j.kind != table.EntryKind || b.marked[a] {
				b.state[j.records[i]] = done
				continue
			}
			at, places[a] = append(at, a), j.records[i]
			if e.Time.After(youngest) {
				youngest = e.Time
			}
		}
	}
	if len(at) == 0 {
		return nil
	}
	if err := b.wait(ctx, youngest); err != nil {
		return err
	}
	unmarked, err := b.log.Unmarked(ctx, at)
	if err != nil {
		return err
	}
	for _, a := range unmarked {
		delete(places, a)
	}
	for _, i := range places {
		b.state[i] = done
	}
	return nil
}

// wait waits until a publisher that has appended at a time has had MarkTime, but leaves time for
// the pushes.
func (b *batch) wait(ctx context.Context, appended time.Time) error {
	d := min(MarkTime-b.table.Clock().Sub(appended), MarkTime)
	if deadline, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(deadline)/2)
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
