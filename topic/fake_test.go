package topic_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/gatesock/gatesock/topic"
)

// testLog is a Log without keys, retention or rolls that lose anything.
type testLog struct {
	mu      sync.Mutex
	entries map[string][]topic.Record
	keys    map[string]topic.Record
	epoch   int
	fail    func(what string) error
	queries []topic.Query
	moved   [][]topic.At
}

func newLog() *testLog {
	return &testLog{entries: map[string][]topic.Record{}, keys: map[string]topic.Record{}, epoch: 1}
}

func (l *testLog) failing(what string) error {
	if l.fail != nil {
		return l.fail(what)
	}
	return nil
}

func (l *testLog) name() string { return fmt.Sprintf("%d-test", l.epoch) }

func (l *testLog) Append(_ context.Context, name string, e topic.Entry) (topic.Appended, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.failing("Append"); err != nil {
		return topic.Appended{}, err
	}
	if r, ok := l.keys[name+"#"+e.Key]; ok && e.Key != "" {
		return topic.Appended{Record: r, Duplicate: true}, nil
	}
	list := l.entries[name]
	r := topic.Record{Position: topic.Position{Epoch: l.name(), Offset: int64(len(list) + 1)}, Events: e.Events}
	if len(list) == 0 {
		r.Prev = &topic.Position{}
	}
	l.entries[name] = append(list, r)
	l.keys[name+"#"+e.Key] = r
	return topic.Appended{Record: r}, nil
}

func (l *testLog) Read(_ context.Context, q topic.Query) (topic.Page, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queries = append(l.queries, q)
	if err := l.failing("Read"); err != nil {
		return topic.Page{}, err
	}
	list := l.entries[q.Topic]
	head := topic.Position{}
	if len(list) > 0 {
		head = list[len(list)-1].Position
	}
	p := topic.Page{Head: head, Position: head, Quiet: len(list) == 0}
	from, to := len(list), len(list)
	switch {
	case q.Before != nil:
		to = min(len(list), int(q.Before.Offset)-1)
		from = max(0, to-q.Limit)
		p.More = from > 0
		p.Entries = list[from:to]
		p.Position = *q.Before
		if len(p.Entries) > 0 {
			p.Position = p.Entries[0].Position
		}
		return p, nil
	case q.Since != nil && q.Since.Offset > int64(len(list)):
		p.Lost = topic.LostAhead
		from = max(0, len(list)-q.Newest)
	case q.Since != nil && q.Since.Epoch != "" && q.Since.Epoch != l.name():
		p.Lost = topic.LostEpoch
		from = max(0, len(list)-q.Newest)
	case q.Since != nil:
		from, p.Position = int(q.Since.Offset), *q.Since
	default:
		from = max(0, len(list)-q.Newest)
	}
	size := 0
	for to = from; to < len(list) && to-from < q.Limit; to++ {
		for _, e := range list[to].Events {
			size += len(e.Data)
		}
		if size > q.Bytes && to > from {
			break
		}
	}
	p.Entries, p.More = list[from:to], to < len(list)
	if to > from {
		p.Position = list[to-1].Position
	}
	return p, nil
}

func (l *testLog) Moved(_ context.Context, at []topic.At) ([]bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moved = append(l.moved, at)
	if err := l.failing("Moved"); err != nil {
		return nil, err
	}
	moved := make([]bool, len(at))
	for i, a := range at {
		moved[i] = int(a.Offset) < len(l.entries[a.Topic])
	}
	return moved, nil
}

func (l *testLog) Roll(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	l.mu.Lock()
	l.epoch++
	l.entries[name] = nil
	l.mu.Unlock()
	return l.Append(ctx, name, e)
}
