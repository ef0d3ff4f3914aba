package topic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gatesock/gatesock/broadcast"
)

// The bounds of [Topics.Update]: how often it tries, and how long it waits at most between two
// attempts, which is 5 ms at first and doubles.
const (
	updateAttempts   = 100
	updateFirstPause = 5 * time.Millisecond
	updateMostPause  = 500 * time.Millisecond
)

// Update replaces the last value of a key of a state topic by one that depends on it, such as a
// counter, or the state of a device of which a message has only a part:
//
//	topics.Update(ctx, "devices", id, func(last topic.Value) (any, error) {
//		var d Device
//		if !last.Deleted() {
//			if err := json.Unmarshal(last.Data, &d); err != nil {
//				return nil, err
//			}
//		}
//		d.Battery = m.Battery
//		return d, nil
//	})
//
// change gets the last value, which is [Value.Deleted] if there is none, and returns the next. What
// it returns is stored only if nobody has stored another value meanwhile. Otherwise change is
// called again, with that value; so it must have no effects beside its results. It may keep and
// modify what it gets. Of values that are changed by Update alone, no change is lost and none is
// made twice. [Topics.Set] and [Topics.Delete] replace whatever is there.
//
// If change returns [ErrKeep], nothing is stored, and Update returns the version of the last value,
// 0 if there is none, and no error. If change returns another error, Update returns it, wrapped,
// and nothing is stored. If others are faster a hundred times, with short waits in between, or
// until ctx ends, the error is an [ErrChanged], also beside the cause of ctx, and nothing is
// stored. If the answer of the store is lost, Update finds out whether the value was stored. Where
// it cannot, the error says so, and is not an ErrChanged.
//
// In all other respects it is like Set: it returns a version if and only if the value is stored,
// and pushes it. On DynamoDB it takes what Set takes, and 1 read unit for each 4 KB of the last
// value. An attempt that another outruns takes the reading and the write again. [UpdateAs] decodes
// the last value, too.
func (t *Topics) Update(
	ctx context.Context, topic, key string, change func(last Value) (data any, err error),
) (version int64, _ broadcast.Report, _ error) {
	if err := t.checkKey(topic, key); err != nil {
		return 0, broadcast.Report{}, err
	}
	for n := 1; ; n++ {
		v, stored, err := t.update(ctx, topic, key, change)
		if err == nil {
			return t.deliver(ctx, topic, v, stored)
		}
		if errors.Is(err, ErrKeep) {
			return v.Version, broadcast.Report{}, nil
		}
		if errors.Is(err, errFaster) {
			err = pauseUpdate(ctx, n)
		}
		if err != nil {
			return 0, broadcast.Report{}, fmt.Errorf("topic: updating %.100q of %.100q: %w", key, topic, err)
		}
	}
}

// errFaster means that another was faster. It is apart from ErrChanged, which change may return.
var errFaster = errors.New("another was faster")

// update makes one attempt.
func (t *Topics) update(
	ctx context.Context, topic, key string, change func(last Value) (data any, err error),
) (Value, Stored, error) {
	last, err := t.values.GetValue(ctx, topic, key)
	if err != nil {
		return Value{}, Stored{}, fmt.Errorf("reading the last value: %w", err)
	}
	last.Key = key
	before := bytes.Clone(last.Data)
	version := last.Version
	data, err := change(last)
	if err != nil {
		return Value{Version: version}, Stored{}, err
	}
	encoded, err := t.encodeValue(topic, key, data)
	if err != nil {
		return Value{}, Stored{}, err
	}
	now := t.now()
	stored, err := t.values.ReplaceValue(ctx, topic, key, version, encoded)
	if errors.Is(err, ErrChanged) {
		return Value{}, Stored{}, errFaster
	}
	stored.Before, stored.BeforeUnknown = before, false
	return Value{key, stored.Version, encoded, now}, stored, err
}

// pauseUpdate waits before another attempt, by the number of those that were made.
func pauseUpdate(ctx context.Context, made int) error {
	if made == updateAttempts {
		return fmt.Errorf("others were faster %d times, and nothing was stored: %w", made, ErrChanged)
	}
	longest := min(updateFirstPause<<min(made-1, 10), updateMostPause)
	if err := sleep(ctx, rand.N(longest)); err != nil {
		return fmt.Errorf("others were faster %d times, and nothing was stored: %w; no time is left: %w",
			made, ErrChanged, err)
	}
	return nil
}
