package topic_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

func denied(context.Context, *gatesock.Request, string) error {
	return gatesock.Errorf(gatesock.CodePermissionDenied, "not any more")
}

// TestRightToFiltersThatHasEnded checks that a client that is refused is a member with none of its
// filters. There are two if the change of the filter was interrupted.
func TestRightToFiltersThatHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, meanwhile := range []bool{false, true} {
			w := newStateWorld(t, topic.State{Attributes: []string{"n"}})
			c := w.connect()
			w.subscribed(c, `{"where":{"n":1}}`)
			group := filterGroup(t, w, c)
			w.subscribed(c, `{"where":{"n":2}}`)
			require.NoError(t, w.store.Join(t.Context(), c.ID(), "filtered:"+group))

			asked := 0
			w.authorize = func(ctx context.Context, req *gatesock.Request, name string) error {
				if asked++; asked == 1 && meanwhile {
					return nil
				}
				return denied(ctx, req, name)
			}
			c.Request("subscribe", topicwire.Subscription{Topic: "s:1"}).ExpectError(gatesock.CodePermissionDenied)
			record, err := w.store.Get(t.Context(), c.ID())
			require.NoError(t, err)
			require.Empty(t, record.Groups)
		}
	})
}

// TestRightToUnknownFilterThatHasEnded checks that the connection is closed of a client that is
// refused and may be a member with a filter, if its record cannot be read.
func TestRightToUnknownFilterThatHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{Attributes: []string{"n"}})
		c := w.connect()
		w.subscribed(c, `{"where":{"n":1}}`)
		w.authorize = denied
		w.failing("Get")
		c.Send("subscribe", topicwire.Subscription{Topic: "s:1"})
		require.Len(t, w.rec.Disconnects(), 1)
		require.Equal(t, c.ID(), w.rec.Disconnects()[0].ConnectionID)
	})
}

// TestUnsubscribeByServer takes rights away from a client.
func TestUnsubscribeByServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{Attributes: []string{"n"}})
		c := w.connect()
		w.subscribed(c, `{"where":{"n":1}}`)
		w.subscribe(c, topicwire.Subscription{Topic: "t"})
		w.subscribe(c, topicwire.Subscription{Topic: "u"})
		w.authorize = denied
		require.NoError(t, w.topics.Unsubscribe(t.Context(), c.ID(), "t", "s:1", "never"))
		w.set("k", map[string]int{"n": 1})
		w.publish("t", 1)
		w.publish("u", 2)
		c.ExpectPushOn("u", "said", nil)
		c.ExpectNone()
		c.Request("history", topicwire.History{Topic: "t", Last: 1}).ExpectError(gatesock.CodeFailedPrecondition)
		var synced topicwire.Synced
		c.Request("sync", topicwire.Sync{Topics: []topicwire.SyncTopic{{Topic: "t"}, {Topic: "s:1"}}}).ExpectReply(&synced)
		require.ElementsMatch(t, []string{"t", "s:1"}, synced.Lost)

		require.NoError(t, w.topics.Unsubscribe(t.Context(), "unknown", "t", "s:1"))
		require.ErrorIs(t, w.topics.Unsubscribe(t.Context(), c.ID(), "u", ""), topic.ErrInvalid)
		w.failing("Leave topic:u")
		err := w.topics.Unsubscribe(t.Context(), c.ID(), "u")
		require.ErrorIs(t, err, errDown)
		require.ErrorContains(t, err, "not all subscriptions")
	})
}
