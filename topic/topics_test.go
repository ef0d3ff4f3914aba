package topic_test

import (
	"testing"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
	"github.com/stretchr/testify/require"
)

// world is an application with topics.
type world struct {
	*wstest.Harness
	log    *testLog
	store  conn.Store
	rec    *wstest.Recorder
	topics *topic.Topics
}

func newWorld(t *testing.T, authorize topic.Authorize, opts ...topic.Option) *world {
	t.Helper()
	w := &world{log: newLog(), store: conn.NewMemory(), rec: wstest.NewRecorder()}
	w.topics = topic.New(w.log, w.store, broadcast.New(w.rec, w.store), opts...)
	r := gatesock.New()
	r.Use(conn.Track(w.store))
	w.topics.Register(r, authorize)
	w.Harness = wstest.New(t, r, wstest.WithPoster(w.rec))
	return w
}

func TestSubscribeAndPublish(t *testing.T) {
	t.Parallel()
	w := newWorld(t, topic.AllowAnyone)
	c := w.Connect()
	var got topicwire.Result
	c.Request("subscribe", topicwire.Subscription{Topic: "room:1"}).ExpectReply(&got)
	require.Equal(t, "room:1", got.Topic)
	require.True(t, got.Recovered)
	require.NotNil(t, got.Events)
	require.Positive(t, got.ExpiresInMs)

	at, rep, err := w.topics.Publish(t.Context(), "room:1", "said", map[string]string{"text": "hi"})
	require.NoError(t, err)
	require.Equal(t, topic.Position{Epoch: "1-test", Offset: 1}, at)
	require.Equal(t, broadcast.Report{Audience: 1, Delivered: 1}, rep)
	c.ExpectFrame(`{"event":"said","topic":"room:1","epoch":"1-test","offset":1,"prev":{"epoch":"","offset":0},"data":{"text":"hi"}}`)

	c.Request("unsubscribe", topicwire.Unsubscribe{Topic: "room:1"}).ExpectAck()
	_, rep, err = w.topics.Publish(t.Context(), "room:1", "said", 2)
	require.NoError(t, err)
	require.Zero(t, rep)
	c.ExpectNone()

	c.Request("subscribe", topicwire.Subscription{Topic: "room:1", Since: &topicwire.Position{Epoch: "1-test", Offset: 1}}).
		ExpectReply(&got)
	require.Equal(t, []topicwire.Event{{Offset: 2, Event: "said", Data: []byte("2")}}, got.Events)
	require.Equal(t, int64(2), got.Offset)
	c.Request("history", topicwire.History{Topic: "room:1", Last: 2}).ExpectReply(&got)
	require.Len(t, got.Events, 2)
	var synced topicwire.Synced
	c.Request("sync", topicwire.Sync{Topics: []topicwire.SyncTopic{
		{Topic: "room:1", Epoch: "1-test", Offset: 1}, {Topic: "other"},
	}}).ExpectReply(&synced)
	require.Equal(t, topicwire.Synced{Moved: []string{"room:1"}, Lost: []string{"other"}, Extra: []string{}, Presence: []string{}}, synced)
}
