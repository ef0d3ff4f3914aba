package topic_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// watchedValues are Values that note their calls.
type watchedValues struct {
	topic.Values
	*journal
}

func (v *watchedValues) StoreValue(ctx context.Context, name, key string, data json.RawMessage) (topic.Stored, error) {
	if err := v.call("StoreValue"); err != nil {
		return topic.Stored{}, err
	}
	return v.Values.StoreValue(ctx, name, key, data)
}

func (v *watchedValues) ReplaceValue(
	ctx context.Context, name, key string, version int64, data json.RawMessage,
) (topic.Stored, error) {
	if err := v.call("ReplaceValue"); err != nil {
		return topic.Stored{}, err
	}
	return v.Values.ReplaceValue(ctx, name, key, version, data)
}

func (v *watchedValues) RaiseCounter(ctx context.Context, name string) (int64, error) {
	if err := v.call("RaiseCounter"); err != nil {
		return 0, err
	}
	return v.Values.RaiseCounter(ctx, name)
}

func (v *watchedValues) Counters(ctx context.Context, names []string) ([]int64, error) {
	if err := v.call("Counters"); err != nil {
		return nil, err
	}
	return v.Values.Counters(ctx, names)
}

func (v *watchedValues) ReadValues(ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
	if err := v.call("ReadValues"); err != nil {
		return topic.ValuesPage{}, err
	}
	return v.Values.ReadValues(ctx, q)
}

func (v *watchedValues) ReadFilters(ctx context.Context, name string) ([]topic.KeptFilter, error) {
	if err := v.call("ReadFilters"); err != nil {
		return nil, err
	}
	return v.Values.ReadFilters(ctx, name)
}

func (v *watchedValues) KeepFilter(ctx context.Context, name string, f topic.KeptFilter) error {
	if err := v.call("KeepFilter"); err != nil {
		return err
	}
	return v.Values.KeepFilter(ctx, name, f)
}

func (v *watchedValues) DropFilter(ctx context.Context, name string, f topic.KeptFilter) error {
	if err := v.call("DropFilter"); err != nil {
		return err
	}
	return v.Values.DropFilter(ctx, name, f)
}

// stateWorld is an application whose topics are state topics if they begin with "s:".
type stateWorld struct {
	*world

	clock  *testclock.Clock
	values *watchedValues
}

func newStateWorld(t testing.TB, state topic.State, opts ...topic.Option) *stateWorld {
	t.Helper()
	clock := testclock.New(testclock.Noon())
	j := &journal{}
	values := &watchedValues{topic.NewMemory(topic.WithMemoryClock(clock.Now)), j}
	of := func(name string) (topic.State, bool) { return state, strings.HasPrefix(name, "s:") }
	opts = append([]topic.Option{topic.WithClock(clock.Now), topic.WithState(values, of)}, opts...)
	return &stateWorld{newWorldOf(t, watchedStore{conn.NewMemory(), j}, j, opts...), clock, values}
}

func (w *stateWorld) set(key string, data any) int64 {
	w.t.Helper()
	version, rep, err := w.topics.Set(w.t.Context(), "s:1", key, data)
	require.NoError(w.t, err)
	require.NoError(w.t, rep.Err())
	return version
}

func (w *stateWorld) delete(key string) int64 {
	w.t.Helper()
	version, _, err := w.topics.Delete(w.t.Context(), "s:1", key)
	require.NoError(w.t, err)
	return version
}

// subscribed subscribes to s:1 with a filter.
func (w *stateWorld) subscribed(c *wstest.Client, filter string) topicwire.Result {
	w.t.Helper()
	return w.subscribe(c, topicwire.Subscription{Topic: "s:1", Filter: json.RawMessage(filter)})
}

func pushed(event, key string, version, counter int64, data string) string {
	frame := fmt.Sprintf(`{"event":"%s","topic":"s:1","key":"%s","version":%d,"counter":%d`, event, key, version, counter)
	if data != "" {
		frame += `,"data":` + data
	}
	return frame + "}"
}

// stripped returns a result without the empty events that state topics do not have.
func stripped(r topicwire.Result) topicwire.Result {
	if len(r.Events) == 0 {
		r.Events = nil
	}
	return r
}

func (w *stateWorld) filters() []topic.KeptFilter {
	w.t.Helper()
	list, err := w.values.Values.ReadFilters(w.t.Context(), "s:1")
	require.NoError(w.t, err)
	return list
}

// last returns the values that a client knows from its frames, by key.
func (w *stateWorld) last(c *wstest.Client) map[string]string {
	values := map[string]string{}
	for _, f := range c.Frames() {
		var frame struct {
			Key  string `json:"key"`
			Data json.RawMessage
		}
		require.NoError(w.t, json.Unmarshal([]byte(f.Text), &frame))
		var r topicwire.Result
		if frame.Key != "" {
			values[frame.Key] = string(frame.Data)
		} else if json.Unmarshal(frame.Data, &r) == nil {
			for _, v := range r.Values {
				values[v.Key] = string(v.Data)
			}
		}
	}
	return values
}
