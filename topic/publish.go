package topic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/internal/observing"
)

// Outgoing is an event that is to be published.
type Outgoing struct {
	// Event is its name. It must not be empty.
	Event string
	// Data is encoded by the codec of [WithCodec].
	Data any
}

// PublishOption is an option of one publish.
type PublishOption interface{ applyTo(*publishing) }

type publishOption func(*publishing)

func (o publishOption) applyTo(p *publishing) { o(p) }

type publishing struct {
	key    string
	hasKey bool
	log    Log
}

// WithKey makes publishing repeatable: while the entry is kept and its epoch lasts, publishing to
// the topic again with the same key adds nothing, pushes the first entry again, and returns its
// position. Clients drop the repeated push. An empty key makes Publish fail with [ErrInvalid].
//
// Use it where the caller itself may be called again, such as a handler of a queue, and after
// [ErrOutcome]. On DynamoDB it costs 4 write units instead of 1.
func WithKey(key string) PublishOption {
	return publishOption(func(p *publishing) { p.key, p.hasKey = key, true })
}

// WithLog appends through l instead of the log of [New], for this one publish. l must append to the
// same log, for example together with other writes. It panics if l is nil.
func WithLog(l Log) PublishOption {
	if l == nil {
		panic("topic: WithLog: l must not be nil")
	}
	return publishOption(func(p *publishing) { p.log = l })
}

// Publish adds an event to a topic and pushes it to the subscribers.
//
// It returns a position if and only if the event is durable, which the zero Position is not. Then
// every subscriber gets it, even if there is an error beside the position, an [ErrPush], which is
// about the pushes: do not publish again. The [broadcast.Report] counts the pushes. An error
// without a position is one of these:
//
//   - [ErrInvalid]: the topic, the event or the key is not valid.
//   - [gatesock.ErrTooLarge]: the event does not fit into a frame. Nothing was stored.
//   - The data cannot be encoded.
//   - [ErrOutcome]: the event may have been published. With a key, publish again.
//   - Any other error of the log, such as a canceled context: it was not published.
//
// All that Publish has started has ended when it returns.
func (t *Topics) Publish(
	ctx context.Context, topic, event string, data any, opts ...PublishOption,
) (Position, broadcast.Report, error) {
	return t.PublishBatch(ctx, topic, []Outgoing{{Event: event, Data: data}}, opts...)
}

// PublishBatch publishes several events at once. They have one position, travel in one frame, and
// cost as much as one event of their size. It is otherwise like [Topics.Publish], and fails with
// [ErrInvalid] if there are no events.
func (t *Topics) PublishBatch(
	ctx context.Context, topic string, events []Outgoing, opts ...PublishOption,
) (Position, broadcast.Report, error) {
	p := publishing{log: t.log}
	for _, o := range opts {
		if o == nil {
			return Position{}, broadcast.Report{}, fmt.Errorf("%w: an option is nil", ErrInvalid)
		}
		o.applyTo(&p)
	}
	e, err := t.entry(topic, events, p)
	if err != nil {
		return Position{}, broadcast.Report{}, err
	}
	return t.publish(ctx, topic, func(ctx context.Context) (Appended, error) { return p.log.Append(ctx, topic, e) })
}

// Roll ends the epoch of a topic and begins another one with an event. Call it for every topic
// after the table was restored from a backup: subscribers that are ahead of what was restored would
// otherwise wait for offsets that come a second time. They are told that they have lost events. It
// is otherwise like [Topics.Publish].
func (t *Topics) Roll(ctx context.Context, topic, event string, data any) (Position, broadcast.Report, error) {
	e, err := t.entry(topic, []Outgoing{{Event: event, Data: data}}, publishing{})
	if err != nil {
		return Position{}, broadcast.Report{}, err
	}
	return t.publish(ctx, topic, func(ctx context.Context) (Appended, error) { return t.log.Roll(ctx, topic, e) })
}

// publish appends, and pushes what the log has then.
func (t *Topics) publish(
	ctx context.Context, topic string, appendTo func(context.Context) (Appended, error),
) (Position, broadcast.Report, error) {
	a, err := appendTo(ctx)
	if err != nil {
		return Position{}, broadcast.Report{}, fmt.Errorf("topic: publishing to %.100q: %w", topic, err)
	}
	if !a.Duplicate {
		observing.Count(ctx, observing.EventsPublished, len(a.Events))
	}
	if t.stream {
		return a.Position, broadcast.Report{}, nil
	}
	rep, err := t.Deliver(ctx, topic, a.Record)
	return a.Position, rep, t.pushResult(ctx, err)
}

// Deliver pushes an entry that is already in the log to the subscribers: it is for handlers of the
// log's own stream of changes. With [WithMark] it marks the entry. Clients that have got the entry
// drop it. It fails with [ErrInvalid] if the name is not valid or the Record has no events.
func (t *Topics) Deliver(ctx context.Context, topic string, r Record) (broadcast.Report, error) {
	if err := validateName("the topic", topic); err != nil {
		return broadcast.Report{}, err
	}
	if len(r.Events) == 0 {
		return broadcast.Report{}, fmt.Errorf("%w: the record has no events", ErrInvalid)
	}
	start := t.now()
	rep, err := t.fanout.SendFrame(ctx, broadcast.To(Group(topic)), t.pushFrame(topic, r))
	t.spread.measured(topic, t.now().Sub(start), rep)
	if err != nil {
		return rep, notPushed("entry %d of epoch %s of %.100q is in the log, but was not pushed to all: %w",
			r.Offset, r.Epoch, topic, err)
	}
	t.markPushed(ctx, topic, r.Position, rep)
	return rep, nil
}

// markPushed marks an entry that nobody waits for any more. If that fails, it is pushed again.
func (t *Topics) markPushed(ctx context.Context, topic string, at Position, rep broadcast.Report) {
	if !t.mark || rep.Unsent > 0 || rep.Incomplete {
		return
	}
	if err := t.marker.Mark(ctx, topic, at); err != nil {
		t.slog().WarnContext(ctx, "topic: an entry was pushed, but not marked, and will be pushed again",
			"topic", topic, "epoch", at.Epoch, "offset", at.Offset, "error", err)
	}
}

// entry encodes events for the log.
func (t *Topics) entry(topic string, events []Outgoing, p publishing) (Entry, error) {
	if err := validateName("the topic", topic); err != nil {
		return Entry{}, err
	}
	if t.isState(topic) {
		return Entry{}, fmt.Errorf("%w: %.100q is a state topic, which has values and no events", ErrInvalid, topic)
	}
	if err := p.validate(); err != nil {
		return Entry{}, err
	}
	age, _ := t.retained(topic)
	if age < 0 {
		return Entry{}, fmt.Errorf("%w: the retention of %.100q is negative", ErrInvalid, topic)
	}
	e := Entry{Key: p.key, Keep: age, Events: make([]Event, len(events))}
	if len(events) == 0 {
		return Entry{}, fmt.Errorf("%w: there are no events", ErrInvalid)
	}
	for i, out := range events {
		if err := validateName("the name of the event", out.Event); err != nil {
			return Entry{}, err
		}
		data, err := t.encode(out)
		if err != nil {
			return Entry{}, err
		}
		e.Events[i] = Event{Name: out.Event, Data: data}
	}
	if size := entrySize(e.Events); size > roomFor(topic) {
		return Entry{}, fmt.Errorf("topic: publishing to %.100q: the events have %d bytes, at most %d fit into a frame: %w",
			topic, size, roomFor(topic), gatesock.ErrTooLarge)
	}
	return e, nil
}

func (p publishing) validate() error {
	switch {
	case p.hasKey && p.key == "":
		return fmt.Errorf("%w: the key is empty", ErrInvalid)
	case !utf8.ValidString(p.key):
		return fmt.Errorf("%w: the key is not UTF-8: %.100q", ErrInvalid, p.key)
	}
	return nil
}

var errNotJSON = errors.New("the codec did not return one JSON value in UTF-8")

// encode returns the data of an event as compact JSON.
func (t *Topics) encode(out Outgoing) (json.RawMessage, error) {
	data, err := t.codec.Marshal(out.Data)
	if err == nil && !utf8.Valid(data) {
		err = errNotJSON
	}
	var b bytes.Buffer
	if err == nil && json.Compact(&b, data) != nil {
		err = errNotJSON
	}
	if err != nil {
		return nil, fmt.Errorf("topic: encoding the data of event %.100q: %w", out.Event, err)
	}
	return b.Bytes(), nil
}
