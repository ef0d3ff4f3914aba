package topic

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// Set stores the last value of a key of a state topic and pushes it to the subscribers. Any JSON is
// a value; for filters it must be an object.
//
// It returns a version if and only if the value is stored. Then clients converge to it or to a
// later one: an error beside the version, an [ErrPush], is about the pushes, and what they have
// missed clients notice at their next sync. If the error is about the counter, they do not; then
// set the value again. An error without a version is one of these:
//
//   - [ErrInvalid]: the topic is not a state topic, or the topic or the key is not valid.
//   - [gatesock.ErrTooLarge]: the value does not fit into a frame. Nothing was stored.
//   - The data cannot be encoded.
//   - Any other error of the store: the value may have been stored, or may yet be.
//
// Of two calls for one key that run at the same time, either may be the later one. If the answer of
// the store is lost, Set may store the value a second time before it returns, under a higher
// version, but never afterwards.
//
// # Sampling
//
// If subscribers have filters with "everyMs", Set may wait for such an interval to end, but not
// beyond the deadline of ctx, and then pushes the latest value. Of all calls in one interval only
// one waits. If the deadline is nearer than the end of the interval, or the process dies while it
// waits, clients get the value with the next call for the key, or by their next sync. In a handler
// of messages, use [gatesock.Timeout]: the gateway answers after 29 seconds, whatever Set does.
// State.Patience makes Set wait for less, or not at all.
//
// All that Set has started has ended when it returns.
func (t *Topics) Set(ctx context.Context, topic, key string, data any) (version int64, _ broadcast.Report, _ error) {
	encoded, err := t.encodeValue(topic, key, data)
	if err != nil {
		return 0, broadcast.Report{}, err
	}
	return t.set(ctx, topic, key, encoded)
}

// Delete removes the value of a key of a state topic, and pushes that. It is not an error if there
// is none. It is otherwise like [Topics.Set]: what it stores is a mark, which expires after a day
// and has a version.
func (t *Topics) Delete(ctx context.Context, topic, key string) (version int64, _ broadcast.Report, _ error) {
	if err := t.checkKey(topic, key); err != nil {
		return 0, broadcast.Report{}, err
	}
	return t.set(ctx, topic, key, nil)
}

// Last returns the last values of a state topic, in the order of the bytes of their keys. It ends
// with the first error. A value that changes meanwhile is there before or after the change.
//
// It reads all values, in pages of up to 1 MB. On DynamoDB that costs a read unit for each 4 KB.
func (t *Topics) Last(ctx context.Context, topic string) iter.Seq2[Value, error] {
	return func(yield func(Value, error) bool) {
		if err := t.checkState(topic); err != nil {
			yield(Value{}, err)
			return
		}
		for q := (ValuesQuery{Topic: topic}); ; {
			page, err := t.values.ReadValues(ctx, q)
			if err != nil {
				yield(Value{}, fmt.Errorf("topic: reading the values of %.100q: %w", topic, err))
				return
			}
			for _, v := range page.Values {
				if q.After = v.Key; !v.Deleted() && !yield(v, nil) {
					return
				}
			}
			if !page.More {
				return
			}
		}
	}
}

// LastOf returns the last value of a key of a state topic. If there is none, or it was deleted,
// [Value.Deleted] is true.
func (t *Topics) LastOf(ctx context.Context, topic, key string) (Value, error) {
	if err := t.checkKey(topic, key); err != nil {
		return Value{}, err
	}
	v, err := t.values.GetValue(ctx, topic, key)
	if err != nil {
		return Value{}, fmt.Errorf("topic: reading the value %.100q of %.100q: %w", key, topic, err)
	}
	return v, nil
}

func (t *Topics) checkState(topic string) error {
	if err := validateName("the topic", topic); err != nil {
		return err
	}
	_, err := t.state(topic)
	return err
}

func (t *Topics) checkKey(topic, key string) error {
	if err := t.checkState(topic); err != nil {
		return err
	}
	return ValidateKey(key)
}

// encodeValue encodes a value that fits into every frame that carries it.
func (t *Topics) encodeValue(topic, key string, data any) (json.RawMessage, error) {
	if err := t.checkKey(topic, key); err != nil {
		return nil, err
	}
	encoded, err := t.codec.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("topic: encoding the value %.100q of %.100q: %w", key, topic, err)
	}
	if !json.Valid(encoded) {
		return nil, fmt.Errorf("%w: the codec %T did not return JSON for the value %.100q of %.100q",
			ErrInvalid, t.codec, key, topic)
	}
	if n, room := valueSize(key, encoded), roomForValues(topic); n > room {
		return nil, fmt.Errorf("topic: %w: the value %.100q of %.100q takes %d bytes with its key, the limit is %d",
			gatesock.ErrTooLarge, key, topic, n, room)
	}
	return encoded, nil
}

// set stores a value before it raises the counter, and does that before it reads the subscribers.
// So a snapshot, which reads the counter before the values, has every value that its counter
// counts; and clients that miss the push find the counter raised.
func (t *Topics) set(
	ctx context.Context, topic, key string, data json.RawMessage,
) (int64, broadcast.Report, error) {
	now := t.now()
	stored, err := t.values.StoreValue(ctx, topic, key, data)
	if err != nil {
		return 0, broadcast.Report{}, fmt.Errorf("topic: setting %.100q of %.100q: %w", key, topic, err)
	}
	return t.deliver(ctx, topic, Value{key, stored.Version, data, now}, stored)
}

// deliver pushes a value that has just been stored, unless that is left to the handler of a stream.
func (t *Topics) deliver(ctx context.Context, topic string, v Value, s Stored) (int64, broadcast.Report, error) {
	if t.stream {
		return s.Version, broadcast.Report{}, nil
	}
	rep, err := t.DeliverValue(ctx, topic, v, s)
	return s.Version, rep, t.pushResult(ctx, err)
}

// DeliverValue raises the counter of a state topic and pushes a value that is already stored, or
// the mark of a deleted one: it is for handlers of the store's own stream of changes. s is what is
// known of the value before; if BeforeUnknown is true, subscribers may be told of a change that
// does not concern them. Clients ignore what they have.
//
// A value that was stored more than 5 minutes ago, by its Time, is not pushed, which is an error:
// it could arrive when clients have forgotten that it is gone by now. The counter is raised all the
// same, so that clients get what is there with their next sync.
func (t *Topics) DeliverValue(ctx context.Context, topic string, v Value, s Stored) (broadcast.Report, error) {
	state, err := t.state(topic)
	if err != nil {
		return broadcast.Report{}, err
	}
	counter, err := t.values.RaiseCounter(ctx, topic)
	if err != nil {
		return broadcast.Report{}, notPushed("the value %.100q of %.100q is stored with version %d, "+
			"but subscribers were not told; set it again: %w", v.Key, topic, v.Version, err)
	}
	c := &change{Topics: t, topic: topic, value: v, counter: counter, begun: v.Time, patience: state.Patience}
	if c.begun.IsZero() {
		c.begun = t.now()
	}
	rep, err := c.push(ctx, state, s)
	if err != nil {
		err = notPushed("the value %.100q of %.100q is stored with version %d, "+
			"but was not pushed to all: %w", v.Key, topic, v.Version, err)
	}
	return rep, err
}

// maxCursor is the length of the longest cursor of a page of values.
const maxCursor = 1536

// roomForValues returns how many bytes of a frame are left for values, as valueSize counts.
func roomForValues(topic string) int { return roomFor(topic) - maxCursor }

// valueSize returns how many bytes a value takes in a page.
func valueSize(key string, data json.RawMessage) int {
	const rest = len(`{"key":,"version":9007199254740991,"data":,"deleted":true},`)
	return rest + len(jsonscan.AppendString(nil, key)) + len(data)
}

// The events of the pushes of state topics.
const (
	eventSet    = "set"
	eventDelete = "delete"
	eventDrop   = "drop"
)

// valueFrame encodes a push of a value, or of its end.
func (t *Topics) valueFrame(topic, event string, v Value, counter int64) []byte {
	b := make([]byte, 0, valueSize(v.Key, v.Data)+len(topic)+128)
	b = append(jsonscan.AppendString(member(append(b, '{'), cmp.Or(t.envelope.Event, "event")), event), ',')
	b = jsonscan.AppendString(member(b, cmp.Or(t.envelope.Topic, "topic")), topic)
	b = jsonscan.AppendString(append(b, `,"key":`...), v.Key)
	b = strconv.AppendInt(append(b, `,"version":`...), v.Version, 10)
	b = strconv.AppendInt(append(b, `,"counter":`...), counter, 10)
	if event == eventSet {
		b = append(member(append(b, ','), cmp.Or(t.envelope.Data, "data")), v.Data...)
	}
	return append(b, '}')
}

var errCursor = errors.New("topic: the cursor is not one of this topic")

// wireValue returns a value for a subscriber whose filter it matches or not.
func wireValue(v Value, matches bool) topicwire.Value {
	if !matches {
		return topicwire.Value{Key: v.Key, Version: v.Version, Deleted: true}
	}
	return topicwire.Value{Key: v.Key, Version: v.Version, Data: v.Data}
}
