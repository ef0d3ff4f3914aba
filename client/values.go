package client

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/gatesock/gatesock/internal/clientcore"
)

// Value is the last value of a key of a state topic, or its end.
type Value struct {
	Key string
	// Data is defined by the application. It is nil if the key is gone. Do not change it.
	Data json.RawMessage
	// Version grows with each change of the key.
	Version int64
	// Gone reports that the key was deleted, or does not match the filter any more.
	Gone bool
}

// Decode decodes the data into v, as [json.Unmarshal] does.
func (v Value) Decode(to any) error { return decode(v.Key, v.Data, to) }

// Values has the last values of a state topic. [Client.Values] makes it. It is safe for concurrent
// use; of several iterations at the same time each gets a part of the changes.
type Values struct {
	client *Client
	topic  string
	begun  once[struct{}]

	mu      sync.Mutex
	current map[string]Value
	order   []string // the keys that have changed, in order
	changed map[string]Value
	ended   bool
	err     error
	more    chan struct{} // closed when there is something new; nil if nobody waits
}

// Values subscribes to a state topic. It does not wait for the server. Close the Values when they
// are not needed any more.
//
// Others for the same topic share the membership: another one with another filter fails with
// [ErrConflict]. It panics if the topic is empty.
func (c *Client) Values(name string, opts ...ValuesOption) *Values {
	mustName("Values", name)
	var settings valuesSettings
	for i, o := range opts {
		mustOption("Values", i, o == nil)
		o.applyValues(&settings)
	}
	v := &Values{client: c, topic: name, current: map[string]Value{}, changed: map[string]Value{}}
	c.open(v, name, clientcore.Options{Filter: settings.filter}, func(t *topic) {
		t.values = append(t.values, v)
		for _, key := range slices.Sorted(maps.Keys(t.keys)) {
			v.put(t.keys[key])
		}
		if t.ready {
			v.begun.set(struct{}{})
		}
	})
	return v
}

// Topic returns the name of the topic.
func (v *Values) Topic() string { return v.topic }

// Ready waits until all values are known that the topic had when the subscription began. It returns
// an error as [Values.Changes] does.
func (v *Values) Ready(ctx context.Context) error {
	_, err := v.begun.wait(ctx)
	return err
}

// Get returns the last value of a key, and false if there is none.
func (v *Values) Get(key string) (Value, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	value, ok := v.current[key]
	return value, ok
}

// All returns the last values of all keys.
func (v *Values) All() map[string]Value {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.current)
}

// Changes yields the values that the topic has, and then each change. A loop that is behind gets
// only the last value of each key, never an older one after a newer one. An error ends the
// iteration: a [*gatesock.Error] if the server refuses the subscription, now or later, [ErrClosed]
// if the client was closed, and that of ctx. After [Values.Close] it ends without an error.
func (v *Values) Changes(ctx context.Context) iter.Seq2[Value, error] {
	return func(yield func(Value, error) bool) {
		for {
			if err := ctx.Err(); err != nil {
				yield(Value{}, err)
				return
			}
			value, more, over, err := v.take()
			switch {
			case more != nil:
				select {
				case <-more:
				case <-ctx.Done():
				}
			case over && err != nil:
				yield(Value{}, err)
				return
			case over || !yield(value, nil):
				return
			}
		}
	}
}

// take returns the next change, or a channel to wait for, or the end.
func (v *Values) take() (value Value, more <-chan struct{}, over bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.ended && v.err == nil:
		return Value{}, nil, true, nil
	case len(v.order) > 0:
		value = v.changed[v.order[0]]
		delete(v.changed, v.order[0])
		v.order = v.order[1:]
		return value, nil, false, nil
	case v.ended:
		return Value{}, nil, true, v.err
	case v.more == nil:
		v.more = make(chan struct{})
	}
	return Value{}, v.more, false, nil
}

// Close ends the subscription and its iterations. It does not wait for the server.
func (v *Values) Close() {
	v.client.shut(v, v.topic, func(t *topic) { t.values = without(t.values, v) })
}

func (v *Values) put(value Value) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if value.Gone {
		delete(v.current, value.Key)
	} else {
		v.current[value.Key] = value
	}
	if _, waits := v.changed[value.Key]; !waits {
		v.order = append(v.order, value.Key)
	}
	v.changed[value.Key] = value
	v.wake()
}

func (v *Values) settle(err error) {
	v.mu.Lock()
	if !v.ended || err == nil {
		v.ended, v.err = true, err
	}
	v.wake()
	v.mu.Unlock()
	if err == nil {
		err = ErrClosed
	}
	v.begun.fail(err)
}

func (v *Values) wake() {
	if v.more != nil {
		close(v.more)
		v.more = nil
	}
}

func (v *Values) confirm(Position) {}

// changeValues applies what the machine says of the values.
func (t *topic) changeValues(a *clientcore.Action) {
	if a.Kind == clientcore.Ready {
		t.ready = true
		for _, v := range t.values {
			v.begun.set(struct{}{})
		}
		return
	}
	value := Value{Key: a.Key, Data: a.Data, Version: a.Version, Gone: a.Kind == clientcore.Deleted}
	if value.Gone {
		delete(t.keys, a.Key)
	} else {
		t.keys[a.Key] = value
	}
	for _, v := range t.values {
		v.put(value)
	}
}
