// Package topiclog is the log of event topics on the table. docs/adr/0025-topics.md explains why it
// keeps its promises.
//
// # Items
//
// A topic has one head item, which names the current epoch and never expires. An epoch has an entry
// for each offset, and an item for each key of a publisher. An entry is put on condition that there
// is none at its offset, and its expiry is not before that of the entry before it.
//
// An epoch ends in one transaction, which writes the next epoch into the head item, a seal at the
// offset after the last entry, so that nothing can be appended there any more, and the first entry
// of the next epoch. This happens when the last entry has less than a day to live. So a put that
// was signed before is refused or arrives while the last entry is still there.
package topiclog

import (
	"context"
	"fmt"
	"time"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

const (
	// Spare is how much longer an entry stays in the table than it can be read.
	Spare = 8 * 24 * time.Hour
	// quiet is the time that the last entry must have left for another to follow it.
	quiet = 24 * time.Hour
	// skew is the time that an entry must have left to be certain that those after it are not
	// deleted. DynamoDB accepts no signature of a clock that differs more than 15 minutes from its
	// own.
	skew = time.Hour
	// patience is for how long a known head is used, and for how long an attempt to append is
	// repeated at the same offset.
	patience = 5 * time.Minute
	// longestWait bounds the wait of an append that others overtake again and again, as an attempt
	// of [table.FullJitter]: up to 200 ms. If it were longer, a publisher might be overtaken for
	// ever by one that appends without a pause; if shorter, each entry would cost more writes.
	longestWait = 4
)

// Log is a [topic.Log] on a table. It is safe for concurrent use.
type Log struct {
	t     *table.Table
	cache cache
	turns turns
}

// New returns a Log. It sends nothing.
func New(t *table.Table) *Log {
	return &Log{t: t, cache: newCache(), turns: turns{of: make(map[string]*turn)}}
}

// instant is a moment by the clock of the table, which may be a test's, and by the clock of the
// process.
type instant struct{ clock, process time.Time }

func (l *Log) instant() instant { return instant{process: time.Now(), clock: l.t.Clock()} }

// since returns the time from another moment, by the wall clock or the monotonic clock, whichever
// says more. The monotonic clock may stand still while a Lambda function is frozen, and the wall
// clock may be set back.
func (i instant) since(earlier instant) time.Duration {
	return max(
		i.clock.Sub(earlier.clock),
		i.clock.Round(0).Sub(earlier.clock.Round(0)),
		i.process.Sub(earlier.process),
	)
}

// readHead reads the head item of a topic.
func (l *Log) readHead(ctx context.Context, name string) (head, error) {
	out, _, err := table.Do(ctx, l.t, l.t.API.GetItem, l.get(l.t.TopicHeadKey(name)))
	if err != nil {
		return head{}, fmt.Errorf("read the head of topic %.100q: %w", name, err)
	}
	if out.Item == nil {
		return head{}, nil
	}
	h, err := decodeHead(out.Item)
	if err != nil {
		return head{}, itemError(out.Item, err)
	}
	return h, nil
}

// check refuses what the table cannot hold.
func (l *Log) check(ctx context.Context, name string, e *topic.Entry) error {
	if err := ended(ctx); err != nil {
		return err
	}
	if err := CheckTopic(name); err != nil {
		return err
	}
	if err := e.Validate(); err != nil {
		return err
	}
	if len(e.Key) > MaxNameBytes {
		return fmt.Errorf("%w: the key has %d bytes, the most is %d", topic.ErrInvalid, len(e.Key), MaxNameBytes)
	}
	data, names := 0, 0
	for _, event := range e.Events {
		data += len(event.Data)
		names += len(event.Name) + 2
	}
	if data > MaxDataBytes {
		return fmt.Errorf("%w: the entry has %d bytes of data, the most is %d", topic.ErrInvalid, data, MaxDataBytes)
	}
	if size := entryOverhead + len(l.t.Prefix) + len(name) + data + names; size > maxItem {
		return fmt.Errorf("%w: the entry has about %d bytes, names included, the most is %d", topic.ErrInvalid, size, maxItem)
	}
	return nil
}

const (
	// MaxNameBytes is the longest name of a topic, and the longest key of a publisher, which is a
	// sort key (Amazon DynamoDB Developer Guide, "Constraints in Amazon DynamoDB": 1,024 bytes).
	// With it, partition keys stay below their 2,048 bytes.
	MaxNameBytes = 1024
	// MaxDataBytes is the most bytes of data in an entry.
	MaxDataBytes = 390 << 10
	// maxItem is the most bytes of an item (the same page).
	maxItem = 400 << 10
	// entryOverhead is what an entry takes beside its names and data.
	entryOverhead = 350
)

// CheckTopic returns a [topic.ErrInvalid] for a name that no topic in the table can have.
func CheckTopic(name string) error {
	if err := topic.ValidateName("the topic", name); err != nil {
		return err
	}
	if len(name) > MaxNameBytes {
		return fmt.Errorf("%w: the topic %.40q… has %d bytes, the most is %d",
			topic.ErrInvalid, name, len(name), MaxNameBytes)
	}
	return nil
}

// ended returns the error of a context that has ended, or nil.
func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}
