package topic_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

func TestStateConversation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{})
		c := w.connect()
		v1 := w.set("a", 1)
		got := w.subscribed(c, "")
		require.Equal(t, topicwire.Result{
			Topic: "s:1", State: true, Counter: 1, Values: []topicwire.Value{{Key: "a", Version: v1, Data: []byte("1")}},
		}, stripped(got))
		v2 := w.set("a", map[string]string{"t": "<b>"})
		require.Equal(t, v1+1, v2)
		c.ExpectFrame(pushed("set", "a", v2, 2, `{"t":"<b>"}`))
		v3 := w.delete("a")
		c.ExpectFrame(pushed("delete", "a", v3, 3, ""))
		v4 := w.set("b", nil)
		c.ExpectFrame(pushed("set", "b", v4, 4, "null"))
		require.Equal(t, []topicwire.Value{
			{Key: "a", Version: v3, Deleted: true}, {Key: "b", Version: v4, Data: []byte("null")},
		}, w.subscribed(c, "null").Values)

		var synced topicwire.Synced
		for counter, moved := range map[int64][]string{4: {}, 3: {"s:1"}, 5: {"s:1"}} {
			c.Request("sync", topicwire.Sync{Topics: []topicwire.SyncTopic{{Topic: "s:1", Counter: counter}}}).
				ExpectReply(&synced)
			require.Equal(t, moved, synced.Moved)
			require.Empty(t, synced.Lost)
			require.Empty(t, synced.Extra)
		}
		c.Request("unsubscribe", topicwire.Unsubscribe{Topic: "s:1"}).ExpectAck()
		w.set("b", 2)
		c.ExpectNone()
		c.Request("history", topicwire.History{Topic: "s:1"}).ExpectError(gatesock.CodeFailedPrecondition)
	})
}

func TestLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{})
		for _, key := range []string{"b", "c", "a", "d"} {
			w.set(key, key)
		}
		w.delete("c")
		var keys []string
		for v, err := range w.topics.Last(t.Context(), "s:1") {
			require.NoError(t, err)
			require.Equal(t, `"`+v.Key+`"`, string(v.Data))
			if keys = append(keys, v.Key); v.Key == "b" {
				break
			}
		}
		require.Equal(t, []string{"a", "b"}, keys)
		v, err := w.topics.LastOf(t.Context(), "s:1", "d")
		require.NoError(t, err)
		require.JSONEq(t, `"d"`, string(v.Data))
		v, err = w.topics.LastOf(t.Context(), "s:1", "c")
		require.NoError(t, err)
		require.True(t, v.Deleted())
		w.failing("ReadValues")
		for _, err := range w.topics.Last(t.Context(), "s:1") {
			require.ErrorIs(t, err, errDown)
		}
		for _, err := range w.topics.Last(t.Context(), "event") {
			require.ErrorIs(t, err, topic.ErrInvalid)
		}
	})
}

// The order of the steps is what the guarantee rests on.
func TestStateOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{Attributes: []string{"room"}})
		c := w.connect()
		w.subscribed(c, `{"where":{"room":"x"}}`)
		group := "filtered:" + filterGroup(t, w, c)
		require.Equal(t, []string{
			"Authorize s:1", "Join " + group, "Get", "Authorize s:1", "ReadFilters", "KeepFilter", "Counters", "ReadValues",
		}, w.take())
		w.set("k", map[string]string{"room": "x"})
		calls := w.take()
		require.Equal(t, []string{"StoreValue", "RaiseCounter", "ReadFilters"}, calls[:3])
		require.ElementsMatch(t, []string{"Members topic:s:1", "Members " + group}, calls[3:])
	})
}

// Clients that come back at once cost a reading of the counter each, until it has moved, or the
// page is a minute old.
func TestSnapshotsAreReadOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{Attributes: []string{"n"}})
		w.set("k", map[string]int{"n": 1})
		reads := func(filter string) (n int, r topicwire.Result) {
			c := w.connect()
			r = w.subscribed(c, filter)
			for _, call := range w.take() {
				if call == "ReadValues" {
					n++
				}
			}
			return n, r
		}
		for i, want := range []int{1, 0, 0} {
			n, r := reads([]string{"", "", `{"where":{"n":2}}`}[i])
			require.Equal(t, want, n)
			require.Len(t, r.Values, 1)
			require.Equal(t, i == 2, r.Values[0].Deleted)
		}
		v := w.set("k", map[string]int{"n": 2})
		n, r := reads("")
		require.Equal(t, 1, n)
		require.Equal(t, v, r.Values[0].Version)

		lost, err := w.values.Values.StoreValue(t.Context(), "s:1", "k", []byte("3")) // and its process dies
		require.NoError(t, err)
		n, _ = reads("")
		require.Zero(t, n)
		w.clock.Advance(time.Minute + time.Second)
		n, r = reads("")
		require.Equal(t, 1, n)
		require.Equal(t, lost.Version, r.Values[0].Version)
	})
}

func TestStatePages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{Attributes: []string{"even"}})
		c := w.connect()
		want := map[string]bool{}
		for i := range 400 {
			key := fmt.Sprintf("%03d", i)
			want[key] = true
			w.set(key, map[string]any{"even": i%2 == 0, "text": strings.Repeat("<", 1000)})
		}
		w.clock.Advance(time.Hour)
		for filter, n := range map[string]int{`{}`: 400, `{"where":{"even":true}}`: 200} {
			seen := map[string]int{}
			pages := 1
			r := w.subscribed(c, filter)
			require.Equal(t, int64(400), r.Counter)
			for ; ; pages++ {
				for _, v := range r.Values {
					seen[v.Key]++
				}
				if r.Cursor == "" {
					break
				}
				cursor := r.Cursor
				r = topicwire.Result{}
				c.Request("history", topicwire.History{Topic: "s:1", Cursor: cursor}).ExpectReply(&r)
				require.True(t, r.State)
			}
			require.Len(t, seen, n)
			for key, times := range seen {
				require.True(t, want[key])
				require.Equal(t, 1, times)
			}
			require.LessOrEqual(t, pages, n/100+1, "a page is nearly full")
		}
	})
}

// cut returns what follows a separator.
func cut(s, sep string) string {
	_, after, _ := strings.Cut(s, sep)
	return after
}

// The largest value that Set accepts fits into a push, and into a page.
func TestLargestValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{})
		c := w.connect()
		w.subscribed(c, "")
		key := strings.Repeat("\x01", topic.MaxKeyBytes)
		data := strings.Repeat("x", gatesock.MaxMessageSize)
		_, _, err := w.topics.Set(t.Context(), "s:1", key, data)
		require.ErrorIs(t, err, gatesock.ErrTooLarge)
		var limit, size int
		_, parse := fmt.Sscanf("takes"+cut(err.Error(), "takes"),
			"takes %d bytes with its key, the limit is %d", &size, &limit)
		require.NoError(t, parse, err)
		data = data[:len(data)-(size-limit)]
		_, _, err = w.topics.Set(t.Context(), "s:1", key, data+"x")
		require.ErrorIs(t, err, gatesock.ErrTooLarge)
		version, rep, err := w.topics.Set(t.Context(), "s:1", key, data)
		require.NoError(t, errors.Join(err, rep.Err()))
		require.Positive(t, version)
		require.Len(t, c.Frames(), 2, "the answer and the push")
		for _, id := range []string{"", strings.Repeat("i", 100)} {
			c.SendText(`{"action":"history","id":"` + id + `","topic":"s:1"}`)
		}
		require.Len(t, c.Frames(), 4)
		for _, f := range c.Frames()[2:] {
			require.Contains(t, f.Text, data[:1000])
			require.NotContains(t, f.Text, "cursor")
		}
	})
}

func TestStateRefusals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{Attributes: []string{"n"}, MaxFilters: 1})
		c := w.connect()
		ctx := t.Context()
		for name, err := range map[string]error{
			"is a state topic": second(w.topics.Publish(ctx, "s:1", "said", 1)),
			"is an event topic, which has no values: use Publish": second(w.topics.Set(ctx, "room", "k", 1)),
			"the key is empty":                         second(w.topics.Set(ctx, "s:1", "", 1)),
			"1025 bytes, the limit is 1024":            second(w.topics.Delete(ctx, "s:1", strings.Repeat("k", 1025))),
			"topic is empty":                           second(w.topics.Set(ctx, "", "k", 1)),
			"there are no state topics: use WithState": second(newWorld(t).topics.Set(ctx, "s:1", "k", 1)),
		} {
			require.ErrorIs(t, err, topic.ErrInvalid)
			require.ErrorContains(t, err, name)
		}
		_, _, err := w.topics.Set(ctx, "s:1", "k", func() {})
		require.ErrorContains(t, err, "encoding the value")

		for filter, want := range map[string]string{
			`{"where":{"m":1}}`: `the filter: the topic has no attribute "m"; it has n`,
			`{"everyMs":1000}`:  `the filter: "s:1" does not allow everyMs`,
			`[]`:                `the filter: must be a JSON object`,
		} {
			f := c.Request("subscribe", topicwire.Subscription{Topic: "s:1", Filter: json.RawMessage(filter)}).
				ExpectError(gatesock.CodeInvalidArgument)
			require.Equal(t, want, f.Message)
		}
		f := c.Request("subscribe", topicwire.Subscription{Topic: "room", Filter: json.RawMessage(`{"where":{"n":1}}`)}).
			ExpectError(gatesock.CodeInvalidArgument)
		require.Contains(t, f.Message, "filters are for state topics")

		w.subscribed(c, `{"where":{"n":1}}`)
		f = c.Request("subscribe", topicwire.Subscription{Topic: "s:1", Filter: json.RawMessage(`{"where":{"n":2}}`)}).
			ExpectError(gatesock.CodeFailedPrecondition)
		require.Contains(t, f.Message, "1 different filters, the limit is 1")
		record, err := w.store.Get(ctx, c.ID())
		require.NoError(t, err)
		require.Len(t, record.Groups, 1, "the subscription before stays")
		w.subscribed(c, `{"where":{"n":1}}`)

		for _, in := range []topicwire.History{
			{Topic: "s:1", Cursor: "!"},
			{Topic: "s:1", Cursor: "AA"},
			{Topic: "s:1", Since: &topicwire.Position{}},
			{Topic: "s:1", Before: &topicwire.Position{Epoch: "1-a", Offset: 2}},
			{Topic: "s:1", Cursor: strings.Repeat("A", 2000)},
		} {
			c.Request("history", in).ExpectError(gatesock.CodeInvalidArgument)
		}
		c.Request("history", topicwire.History{Topic: "s:1", Cursor: "OmE6"}).ExpectError(gatesock.CodeFailedPrecondition)
	})
}

func second[A, B any](_ A, _ B, err error) error { return err }

func TestMisconfiguredState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := topic.NewMemory()
		of := func(string) (topic.State, bool) { return topic.State{}, true }
		require.PanicsWithValue(t, "topic: WithState: values must not be nil", func() { topic.WithState(nil, of) })
		require.PanicsWithValue(t, "topic: WithState: of must not be nil", func() { topic.WithState(m, nil) })
		for want, state := range map[string]topic.State{
			`the attribute ""`:           {Attributes: []string{""}},
			`the attribute "a" is empty`: {Attributes: []string{"a", "a"}},
			"33 attributes":              {Attributes: strings.Split(strings.Repeat("a", 33), "")},
			"MaxFilters is -1":           {MaxFilters: -1},
		} {
			w := newStateWorld(t, state)
			_, _, err := w.topics.Set(t.Context(), "s:1", "k", 1)
			require.ErrorIs(t, err, topic.ErrInvalid)
			require.ErrorContains(t, err, want)
			w.connect().Request("subscribe", topicwire.Subscription{Topic: "s:1"}).ExpectError(gatesock.CodeInternal)
			w.TakeErrors()
		}
	})
}

func TestFailuresOfSet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{Attributes: []string{"n"}})
		c := w.connect()
		w.subscribed(c, "")
		w.failing("StoreValue")
		version, _, err := w.topics.Set(t.Context(), "s:1", "k", 1)
		require.ErrorIs(t, err, errDown)
		require.Zero(t, version)
		w.failing("RaiseCounter")
		version, rep, err := w.topics.Set(t.Context(), "s:1", "k", 1)
		require.ErrorIs(t, err, errDown)
		require.ErrorContains(t, err, "subscribers were not told; set it again")
		require.Positive(t, version)
		require.Zero(t, rep)
		w.failing("ReadFilters")
		version, rep, err = w.topics.Set(t.Context(), "s:1", "k", 2)
		require.ErrorIs(t, err, errDown)
		require.Equal(t, 1, rep.Delivered, "those without a filter")
		c.ExpectFrame(pushed("set", "k", version, 1, "2"))
		w.failing("Members topic:s:1")
		_, rep, err = w.topics.Set(t.Context(), "s:1", "k", 3)
		require.ErrorIs(t, err, errDown)
		require.True(t, rep.Incomplete)
	})
}

// With a stream Set only stores; the handler of the stream does the rest.
func TestStateWithStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{}, topic.WithStream())
		c := w.connect()
		w.subscribed(c, "")
		w.take()
		version := w.set("k", 1)
		require.Equal(t, []string{"StoreValue"}, w.take())
		for counter := range int64(2) { // streams deliver at least once
			v := topic.Value{Key: "k", Version: version, Data: []byte("1")}
			rep, err := w.topics.DeliverValue(t.Context(), "s:1", v, topic.Stored{})
			require.NoError(t, err)
			require.Equal(t, broadcast.Report{Audience: 1, Delivered: 1}, rep)
			c.ExpectFrame(pushed("set", "k", version, counter+1, "1"))
		}
	})
}

// A process that was frozen after it stored a value, and a stream that is far behind, push nothing;
// clients notice by the counter.
func TestLateValueIsNotPushed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{})
		c := w.connect()
		r := w.subscribed(c, "")
		w.mu.Lock()
		w.fail = func(call string) error {
			if call == "RaiseCounter" {
				w.clock.Advance(6 * time.Minute)
			}
			return nil
		}
		w.mu.Unlock()
		version, rep, err := w.topics.Set(t.Context(), "s:1", "k", 1)
		require.ErrorContains(t, err, "too late to push")
		require.Positive(t, version)
		require.True(t, rep.Incomplete)
		c.ExpectNone()
		var synced topicwire.Synced
		c.Request("sync", topicwire.Sync{Topics: []topicwire.SyncTopic{{Topic: "s:1", Counter: r.Counter}}}).
			ExpectReply(&synced)
		require.Equal(t, []string{"s:1"}, synced.Moved)
	})
}
