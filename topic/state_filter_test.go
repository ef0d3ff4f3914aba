package topic_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// filterGroup returns the part after the prefix of the one group of a client.
func filterGroup(t testing.TB, w *stateWorld, c *wstest.Client) string {
	t.Helper()
	record, err := w.store.Get(t.Context(), c.ID())
	require.NoError(t, err)
	require.Len(t, record.Groups, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = w.calls[:len(w.calls)-1]
	return strings.TrimPrefix(record.Groups[0], "filtered:")
}

func TestStateFiltersArePushed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{Attributes: []string{"room", "value"}})
		all, hot, same, room := w.connect(), w.connect(), w.connect(), w.connect()
		w.subscribed(all, "{}")
		w.subscribed(hot, `{"where":{"value":{"above":30}}}`)
		w.subscribed(same, ` {"where": {"value": {"above": 3e1}}}`)
		w.subscribed(room, `{"where":{"room":["a","b"]}}`)
		require.Len(t, w.filters(), 2, "two have the same filter")

		type at struct {
			Room  string `json:"room"`
			Value int    `json:"value"`
		}
		v := w.set("k", at{"a", 31})
		data := `{"room":"a","value":31}`
		for _, c := range []*wstest.Client{all, hot, same, room} {
			c.ExpectFrame(pushed("set", "k", v, 1, data))
		}
		v = w.set("k", at{"c", 30})
		all.ExpectFrame(pushed("set", "k", v, 2, `{"room":"c","value":30}`))
		for _, c := range []*wstest.Client{hot, same, room} {
			c.ExpectFrame(pushed("drop", "k", v, 2, ""))
		}
		v = w.set("k", at{"c", 29})
		all.ExpectFrame(pushed("set", "k", v, 3, `{"room":"c","value":29}`))
		v = w.set("k", at{"b", 29})
		all.ExpectFrame(pushed("set", "k", v, 4, `{"room":"b","value":29}`))
		room.ExpectFrame(pushed("set", "k", v, 4, `{"room":"b","value":29}`))
		v = w.delete("k")
		all.ExpectFrame(pushed("delete", "k", v, 5, ""))
		room.ExpectFrame(pushed("delete", "k", v, 5, ""))
		for _, c := range []*wstest.Client{all, hot, same, room} {
			c.ExpectNone()
		}
	})
}

// A filtered snapshot has what matches, and for a while marks of what does not, so that a push that
// comes late is recognized as older.
func TestFilteredSnapshot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{Attributes: []string{"n"}})
		c := w.connect()
		old := w.set("a", map[string]int{"n": 1})
		w.set("b", map[string]int{"n": 2})
		w.clock.Advance(time.Hour)
		v := w.set("c", map[string]int{"n": 2})
		want := []topicwire.Value{
			{Key: "a", Version: old, Data: []byte(`{"n":1}`)}, {Key: "c", Version: v, Deleted: true},
		}
		require.Equal(t, want, w.subscribed(c, `{"where":{"n":1}}`).Values)
		var page topicwire.Result
		c.Request("history", topicwire.History{Topic: "s:1"}).ExpectReply(&page)
		require.Equal(t, want, page.Values)
		require.Equal(t, int64(3), page.Counter)
	})
}

func TestAnotherFilterReplacesTheOneBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{Attributes: []string{"n"}})
		c := w.connect()
		for _, filter := range []string{`{"where":{"n":1}}`, `{"where":{"n":2}}`, `null`, `{"where":{"n":1}}`} {
			w.subscribed(c, filter)
			record, err := w.store.Get(t.Context(), c.ID())
			require.NoError(t, err)
			require.Len(t, record.Groups, 1, filter)
		}
		w.set("k", map[string]int{"n": 2})
		c.ExpectNone()
		v := w.set("k", map[string]int{"n": 1})
		c.ExpectFrame(pushed("set", "k", v, 2, `{"n":1}`))
		c.Request("unsubscribe", topicwire.Unsubscribe{Topic: "s:1"}).ExpectAck()
		record, err := w.store.Get(t.Context(), c.ID())
		require.NoError(t, err)
		require.Empty(t, record.Groups)
	})
}

func TestUnusedFilterIsRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{Attributes: []string{"n"}})
		c := w.connect()
		one := map[string]int{"n": 1}
		w.subscribed(c, `{"where":{"n":1}}`)
		w.set("k", one)
		w.clock.Advance(2 * time.Minute)
		w.set("k", one)
		require.Len(t, w.filters(), 1, "it is used")
		c.Request("unsubscribe", topicwire.Unsubscribe{Topic: "s:1"}).ExpectAck()
		w.set("k", map[string]int{"n": 2}) // a drop
		require.Empty(t, w.filters())

		w.subscribed(c, `{"where":{"n":1}}`)
		c.Request("unsubscribe", topicwire.Unsubscribe{Topic: "s:1"}).ExpectAck()
		w.set("k", one)
		require.Len(t, w.filters(), 1, "it was kept just now; a subscription may be under way")
		w.clock.Advance(topic.FilterTime + time.Second)
		require.Empty(t, w.filters())
	})
}

// TestUnusedFiltersMakeRoom checks that one client cannot take the room for filters away from the
// others by changing its own, also if no value matches any.
func TestUnusedFiltersMakeRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{Attributes: []string{"n"}, MaxFilters: 4})
		slider, used, other := w.connect(), w.connect(), w.connect()
		w.subscribed(used, `{"where":{"n":100}}`)
		for n := range 3 {
			w.subscribed(slider, fmt.Sprintf(`{"where":{"n":%d}}`, n))
		}
		want := topicwire.Subscription{Topic: "s:1", Filter: json.RawMessage(`{"where":{"n":7}}`)}
		other.Request("subscribe", want).ExpectError(gatesock.CodeFailedPrecondition)
		w.clock.Advance(2 * time.Minute)
		w.subscribed(other, `{"where":{"n":7}}`)
		require.Len(t, w.filters(), 3, "of the one that used one before, the last is left")
		w.set("k", map[string]int{"n": 100})
		require.Equal(t, `{"n":100}`, w.last(used)["k"])
	})
}

// A subscriber that comes while a publisher removes its filter, for which it has read no members,
// keeps it: in whatever order their steps are.
func TestFilterIsNotRemovedUnderASubscriber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, at := range []string{"ReadFilters", "Members", "DropFilter"} {
			w := newStateWorld(t, topic.State{Attributes: []string{"n"}})
			first, c := w.connect(), w.connect()
			w.subscribed(first, `{"where":{"n":1}}`)
			first.Request("unsubscribe", topicwire.Unsubscribe{Topic: "s:1"}).ExpectAck()
			w.clock.Advance(2 * time.Minute)
			come := true
			w.mu.Lock()
			w.fail = func(call string) error {
				w.mu.Lock()
				now := come && (call == at || at == "Members" && strings.HasPrefix(call, "Members filtered:"))
				if now {
					come = false
				}
				w.mu.Unlock()
				if now {
					w.subscribed(c, `{"where":{"n":1}}`)
				}
				return nil
			}
			w.mu.Unlock()
			w.set("k", map[string]int{"n": 1})
			require.False(t, come, at)
			require.Len(t, w.filters(), 1, at)
			require.Equal(t, `{"n":1}`, w.last(c)["k"], at)
		}
	})
}
