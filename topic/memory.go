package topic

import (
	"context"
	"time"

	"github.com/gatesock/gatesock/internal/observing"
)

// Memory is a [Log], [Values] and a [Roster] in the memory of this process, for tests, for
// development and for services that are one process. Do not use it in Lambda, where each instance
// would have its own.
//
// It keeps every entry for Entry.Keep, whatever the number of entries that a reader wants, so its
// size is bounded by what is published in that time. It remembers the head of a topic for 8 days
// longer, as the log of package dynamo does; after that it forgets the topic, and the next entry
// begins an epoch with a higher number than any that was forgotten. What has expired uses memory
// until later calls, for any topics, remove it. Of a state topic that has had a value, the
// counter is kept for ever.
type Memory struct {
	*memoryRoster
	now    func() time.Time
	log    memoryLog
	values memoryValues
}

// MemoryOption is an option of [NewMemory].
type MemoryOption func(*Memory)

// WithMemoryClock sets the clock of [NewMemory]. The default is [time.Now]. The clock must be safe
// for concurrent use. It panics if now is nil.
func WithMemoryClock(now func() time.Time) MemoryOption {
	if now == nil {
		panic("topic: WithMemoryClock: now must not be nil")
	}
	return func(m *Memory) { m.now = now }
}

// NewMemory returns an empty [Memory].
func NewMemory(opts ...MemoryOption) *Memory {
	m := &Memory{now: time.Now, log: newMemoryLog()}
	m.memoryRoster = newMemoryRoster(func() time.Time { return m.now() })
	for _, o := range opts {
		if o == nil {
			panic("topic: NewMemory: an option is nil")
		}
		o(m)
	}
	return m
}

// Append adds an entry to a topic; see [Log].
func (m *Memory) Append(ctx context.Context, topic string, e Entry) (Appended, error) {
	done, err := observing.BeginCall(ctx, "topic.Append")
	if err != nil {
		return Appended{}, err
	}
	defer done()
	if err := checkEntry(ctx, topic, e); err != nil {
		return Appended{}, err
	}
	entry, duplicate := m.log.append(topic, e, m.now())
	return Appended{Record: cloneRecord(entry.record), Duplicate: duplicate}, nil
}

// Roll begins an epoch with an entry; see [Log].
func (m *Memory) Roll(ctx context.Context, topic string, e Entry) (Appended, error) {
	done, err := observing.BeginCall(ctx, "topic.Roll")
	if err != nil {
		return Appended{}, err
	}
	defer done()
	if err := checkEntry(ctx, topic, e); err != nil {
		return Appended{}, err
	}
	return Appended{Record: cloneRecord(m.log.roll(topic, e, m.now()).record)}, nil
}

func checkEntry(ctx context.Context, topic string, e Entry) error {
	if err := refuse(ctx); err != nil {
		return err
	}
	if err := ValidateName("the topic", topic); err != nil {
		return err
	}
	return e.Validate()
}

// Read returns a page of a topic; see [Log]. A page has at most 1,000 entries, and 1 MiB of data
// unless an entry has more.
func (m *Memory) Read(ctx context.Context, q Query) (Page, error) {
	done, err := observing.BeginCall(ctx, "topic.Read")
	if err != nil {
		return Page{}, err
	}
	defer done()
	if err := refuse(ctx); err != nil {
		return Page{}, err
	}
	if err := q.Validate(); err != nil {
		return Page{}, err
	}
	page, entries := m.log.read(q, m.now())
	page.Entries = cloneEntries(entries)
	return page, nil
}

// Moved reports for positions whether there is a newer entry; see [Log].
func (m *Memory) Moved(ctx context.Context, at []At) ([]bool, error) {
	done, err := observing.BeginCall(ctx, "topic.Moved")
	if err != nil {
		return nil, err
	}
	defer done()
	if err := refuse(ctx); err != nil {
		return nil, err
	}
	for _, a := range at {
		if err := ValidateName("the topic", a.Topic); err != nil {
			return nil, err
		}
		if err := a.Validate(); err != nil {
			return nil, err
		}
	}
	return m.log.moved(at, m.now()), nil
}
