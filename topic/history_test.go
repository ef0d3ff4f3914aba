package topic_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		w.subscribe(c, topicwire.Subscription{Topic: "t"})
		head := w.publish("t", 1, 2, 3, 4, 5)
		for range 5 {
			c.ExpectPush("said", nil)
		}
		at := func(offset int64) *topicwire.Position { return &topicwire.Position{Epoch: head.Epoch, Offset: offset} }
		for name, x := range map[string]struct {
			in     topicwire.History
			events []string
			offset int64
			more   bool
			reason string
		}{
			"forward":              {topicwire.History{Since: at(2)}, []string{"3", "4", "5"}, 5, false, ""},
			"forward, a page":      {topicwire.History{Since: at(1), Limit: 2}, []string{"2", "3"}, 3, true, ""},
			"forward, the rest":    {topicwire.History{Since: at(3), Limit: 2}, []string{"4", "5"}, 5, false, ""},
			"forward, nothing":     {topicwire.History{Since: at(5)}, []string{}, 5, false, ""},
			"from the beginning":   {topicwire.History{Since: &topicwire.Position{}}, []string{"1", "2", "3", "4", "5"}, 5, false, ""},
			"backward":             {topicwire.History{Before: at(3)}, []string{"1", "2"}, 1, false, ""},
			"backward, a page":     {topicwire.History{Before: at(4), Limit: 2}, []string{"2", "3"}, 2, true, ""},
			"backward, the end":    {topicwire.History{Before: at(1)}, []string{}, 1, false, ""},
			"newest":               {topicwire.History{Last: 2}, []string{"4", "5"}, 5, false, ""},
			"newest, a page":       {topicwire.History{Last: 3, Limit: 1}, []string{"3"}, 3, true, ""},
			"newest, all":          {topicwire.History{Last: 1 << 30}, []string{"1", "2", "3", "4", "5"}, 5, false, ""},
			"future":               {topicwire.History{Since: at(6)}, []string{}, 5, false, "ahead"},
			"future, with last":    {topicwire.History{Since: at(1 << 40), Last: 1}, []string{"5"}, 5, false, "ahead"},
			"epoch of the future":  {topicwire.History{Since: &topicwire.Position{Epoch: "900-x", Offset: 1}}, []string{}, 5, false, "ahead"},
			"epoch of another log": {topicwire.History{Since: &topicwire.Position{Epoch: "1-x", Offset: 1}, Last: 2}, []string{"4", "5"}, 5, false, "epoch"},
		} {
			x.in.Topic = "t"
			var got topicwire.Result
			c.Request("history", x.in).ExpectReply(&got)
			require.Equal(t, x.events, dataOf(got.Events), name)
			require.Equal(t, head.Epoch, got.Epoch, name)
			require.Equal(t, x.offset, got.Offset, name)
			require.Equal(t, x.more, got.More, name)
			require.Equal(t, x.reason, got.Reason, name)
			require.Equal(t, x.reason == "", got.Recovered, name)
			require.Zero(t, got.ExpiresInMs, name)
		}
	})
}

// TestHistoryOfAnotherTopic checks that a client reads only what it is subscribed to.
func TestHistoryOfAnotherTopic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		w.publish("t", 1)
		w.take()
		f := c.Request("history", topicwire.History{Topic: "t", Last: 1}).ExpectError(gatesock.CodeFailedPrecondition)
		require.Equal(t, `not subscribed to "t"`, f.Message)
		require.Equal(t, []string{"Get"}, w.take(), "one read, and none of the log")
	})
}

func TestHistoryRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		w.subscribe(c, topicwire.Subscription{Topic: "t"})
		f := c.Request("history", topicwire.History{Topic: "t"}).ExpectError(gatesock.CodeInvalidArgument)
		require.Equal(t, `one of "since", "before" and "last" is needed`, f.Message)
		f = c.Request("history", topicwire.History{Topic: "t", Cursor: "x"}).ExpectError(gatesock.CodeInvalidArgument)
		require.Equal(t, `"cursor" is for state topics, and "t" is not one`, f.Message)
		w.failing("Read t")
		c.Request("history", topicwire.History{Topic: "t", Last: 1}).ExpectError(gatesock.CodeUnavailable)
		w.failing("Get")
		c.Request("history", topicwire.History{Topic: "t", Last: 1}).ExpectError(gatesock.CodeUnavailable)
	})
}

// TestRetention checks that what is not kept by number is not read, and that a client that has
// missed it is told so.
func TestRetention(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, topic.WithRetention(func(name string) topic.Retention {
			return map[string]topic.Retention{"few": {Count: 2}, "all": {Count: -1}}[name]
		}))
		c := w.connect()
		w.publish("few", 1, 2, 3)
		got := w.subscribe(c, topicwire.Subscription{Topic: "few", Since: &topicwire.Position{}, Last: 100})
		require.False(t, got.Recovered)
		require.Equal(t, "history", got.Reason)
		require.Equal(t, []string{"2", "3"}, dataOf(got.Events))
		w.subscribe(c, topicwire.Subscription{Topic: "all"})
		w.subscribe(c, topicwire.Subscription{Topic: "other"})
		keep := map[string]int{}
		for _, q := range w.log.queries {
			keep[q.Topic] = q.Keep
		}
		require.Equal(t, map[string]int{"few": 2, "all": 0, "other": 1000}, keep)
	})
}

// TestPagesBackwards scrolls through entries of which a few fit into an answer.
func TestPagesBackwards(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		for range 10 {
			w.publish("t", strings.Repeat("x", 50<<10))
		}
		r := w.subscribe(c, topicwire.Subscription{Topic: "t"})
		next, pages := r.Offset+1, 0
		for more := true; more; pages++ {
			var page topicwire.Result
			before := &topicwire.Position{Epoch: r.Epoch, Offset: next}
			c.Request("history", topicwire.History{Topic: "t", Before: before}).ExpectReply(&page)
			require.NotEmpty(t, page.Events)
			for i := len(page.Events) - 1; i >= 0; i-- {
				next--
				require.Equal(t, next, page.Events[i].Offset)
			}
			require.Equal(t, next, page.Offset)
			more = page.More
		}
		require.EqualValues(t, 1, next)
		require.Equal(t, 5, pages, "two fit into a frame")
	})
}

func TestSync(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		for _, name := range []string{"a", "b", "quiet", "z", "y"} {
			w.subscribe(c, topicwire.Subscription{Topic: name})
		}
		a, b := w.publish("a", 1, 2), w.publish("b", 1)
		for range 3 {
			c.ExpectPush("said", nil)
		}
		w.take()
		var got topicwire.Synced
		c.Request("sync", topicwire.Sync{Topics: []topicwire.SyncTopic{
			{Topic: "lost", Epoch: "3-x", Offset: 1},
			{Topic: "a", Epoch: a.Epoch, Offset: 1},
			{Topic: "b", Epoch: b.Epoch, Offset: 1},
			{Topic: "quiet", Quiet: true},
		}}).ExpectReply(&got)
		require.Equal(t, topicwire.Synced{
			Moved: []string{"a"}, Lost: []string{"lost"}, Extra: []string{"y", "z"}, Presence: []string{},
		}, got)
		require.Equal(t, []string{"Get", "Moved"}, w.take(), "one read of the record, and one of the log")
		c.Request("sync", topicwire.Sync{}).ExpectReply(&got)
		require.Len(t, got.Extra, 5)
		require.Equal(t, []string{"Get"}, w.take())

		one := topicwire.Sync{Topics: []topicwire.SyncTopic{{Topic: "a"}}}
		w.failing("Moved")
		c.Request("sync", one).ExpectError(gatesock.CodeUnavailable)
		w.failing("Get")
		c.Request("sync", one).ExpectError(gatesock.CodeUnavailable)
	})
}
