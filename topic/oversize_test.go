package topic_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

// TestSoManyTopicsThatTheAnswerHasNoRoom checks that a request whose answer cannot fit into a frame
// is refused before anything is done.
func TestSoManyTopicsThatTheAnswerHasNoRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for n, ok := range map[int]bool{100: true, 200: true, 1400: false} {
			w := newWorld(t, topic.WithMaxTopics(2000))
			c := w.connect()
			var in topicwire.Subscribe
			for i := range n {
				in.Topics = append(in.Topics, topicwire.Subscription{Topic: fmt.Sprint("t", i)})
			}
			request := c.Request("subscribe", in)
			if ok {
				request.ExpectReply(nil)
				continue
			}
			request.ExpectError(gatesock.CodeInvalidArgument)
			record, err := w.store.Get(t.Context(), c.ID())
			require.NoError(t, err)
			require.Empty(t, record.Groups)
		}
	})
}

// TestEntryThatFitsIntoNoFrame has an entry that was appended beside Publish. A client must not ask
// for it again and again.
func TestEntryThatFitsIntoNoFrame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		at := w.publish("t", 1)
		_, err := w.log.Append(t.Context(), "t", topic.Entry{
			Events: []topic.Event{{Name: "said", Data: []byte(`"` + strings.Repeat("x", gatesock.MaxMessageSize) + `"`)}},
			Keep:   1 << 40,
		})
		require.NoError(t, err)
		w.publish("t", 2)
		c := w.connect()
		r := w.subscribe(c, topicwire.Subscription{Topic: "t", Since: on(at)})
		require.True(t, r.More)
		require.Equal(t, at.Offset, r.Offset)

		c.Request("history", topicwire.History{Topic: "t", Since: on(at)}).ExpectReply(&r)
		require.False(t, r.Recovered)
		require.Equal(t, "history", r.Reason)
		require.True(t, r.More)
		require.Equal(t, int64(2), r.Offset)
		after := &topicwire.Position{Epoch: r.Epoch, Offset: r.Offset}
		c.Request("history", topicwire.History{Topic: "t", Since: after}).ExpectReply(&r)
		require.True(t, r.Recovered)
		require.Equal(t, []string{"2"}, dataOf(r.Events))

		before := &topicwire.Position{Epoch: r.Epoch, Offset: 3}
		c.Request("history", topicwire.History{Topic: "t", Before: before, Limit: 1}).ExpectReply(&r)
		require.Empty(t, r.Events)
		require.True(t, r.More)
		require.Equal(t, int64(2), r.Offset)
		c.Request("history", topicwire.History{Topic: "t", Last: 2}).ExpectReply(&r)
		require.Empty(t, r.Events)
		require.True(t, r.More)
		require.Equal(t, int64(2), r.Offset)
	})
}

// TestRefusedTopicsTakeRoom checks that the errors of refused topics leave the answer within a
// frame.
func TestRefusedTopicsTakeRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.authorize = func(_ context.Context, _ *gatesock.Request, name string) error {
			if name == "t" {
				return nil
			}
			return gatesock.Errorf(gatesock.CodePermissionDenied, "you may not read %s, ask somebody else", name)
		}
		w.publish("t", strings.Repeat("x", 63_000), strings.Repeat("y", 63_000))
		c := w.connect()
		in := topicwire.Subscribe{Topics: []topicwire.Subscription{{Topic: "t", Since: &topicwire.Position{}}}}
		for i := range 60 {
			in.Topics = append(in.Topics, topicwire.Subscription{Topic: fmt.Sprint(strings.Repeat("refused", 10), i)})
		}
		var all topicwire.Results
		c.Request("subscribe", in).ExpectReply(&all)
		require.Len(t, all.Topics, 61)
		require.Len(t, all.Topics[0].Events, 1)
		require.True(t, all.Topics[0].More)
		require.Equal(t, "permission_denied", all.Topics[60].Error.Code)
	})
}

//	TestCursorsTakeRoom checks that the cursors of many state topics, which have a key each, leave
//
// the answer within a frame.
func TestCursorsTakeRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{})
		var in topicwire.Subscribe
		for n := range 40 {
			name := fmt.Sprint("s:", n)
			in.Topics = append(in.Topics, topicwire.Subscription{Topic: name})
			for k := range 4 {
				_, _, err := w.topics.Set(t.Context(), name, strings.Repeat("k", 1000)+fmt.Sprint(k), 1)
				require.NoError(t, err)
			}
		}
		c := w.connect()
		var all topicwire.Results
		c.Request("subscribe", in).ExpectReply(&all)
		for _, r := range all.Topics {
			found := len(r.Values)
			for r.Cursor != "" {
				var next topicwire.Result
				c.Request("history", topicwire.History{Topic: r.Topic, Cursor: r.Cursor}).ExpectReply(&next)
				found += len(next.Values)
				r.Cursor = next.Cursor
			}
			require.Equal(t, 4, found)
		}
	})
}
