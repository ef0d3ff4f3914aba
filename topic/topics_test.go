package topic_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// TestConversation follows one client through everything that it can do.
func TestConversation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		got := w.subscribe(c, topicwire.Subscription{Topic: "room:1"})
		require.Positive(t, got.ExpiresInMs)
		got.ExpiresInMs = 0
		require.Equal(t, topicwire.Result{
			Topic: "room:1", Events: []topicwire.Event{}, Recovered: true, Quiet: true,
		}, got)

		at, rep, err := w.topics.Publish(t.Context(), "room:1", "said", map[string]string{"text": "hi <b>"})
		require.NoError(t, err)
		require.Equal(t, broadcast.Report{Audience: 1, Delivered: 1}, rep)
		c.ExpectFrame(`{"event":"said","topic":"room:1","epoch":"` + at.Epoch +
			`","offset":1,"prev":{"epoch":"","offset":0},"data":{"text":"hi <b>"}}`)
		w.publish("room:1", nil)
		c.ExpectFrame(`{"event":"said","topic":"room:1","epoch":"` + at.Epoch + `","offset":2,"data":null}`)

		c.Request("unsubscribe", topicwire.Unsubscribe{Topic: "room:1"}).ExpectAck()
		head := w.publish("room:1", 3)
		c.ExpectNone()
		c.Request("history", topicwire.History{Topic: "room:1", Last: 2}).ExpectError(gatesock.CodeFailedPrecondition)

		got = w.subscribe(c, topicwire.Subscription{Topic: "room:1", Since: on(at)})
		require.Equal(t, []string{"null", "3"}, dataOf(got.Events))
		require.Equal(t, head, topic.Position{Epoch: got.Epoch, Offset: got.Offset})
		require.True(t, got.Recovered)
		require.False(t, got.More)

		c.Request("history", topicwire.History{Topic: "room:1", Last: 2}).ExpectReply(&got)
		require.Equal(t, []string{"null", "3"}, dataOf(got.Events))
		var synced topicwire.Synced
		c.Request("sync", topicwire.Sync{Topics: []topicwire.SyncTopic{
			{Topic: "room:1", Epoch: at.Epoch, Offset: 1}, {Topic: "other"},
		}}).ExpectReply(&synced)
		require.Equal(t, topicwire.Synced{
			Moved: []string{"room:1"}, Lost: []string{"other"}, Extra: []string{}, Presence: []string{},
		}, synced)
	})
}

func TestMistakesShowAtTheStart(t *testing.T) {
	t.Parallel()
	log, store := topic.NewMemory(), conn.NewMemory()
	fanout := broadcast.New(wstest.NewRecorder(), store)
	one := func(o topic.Option) func() { return func() { topic.New(log, store, fanout, o) } }
	long := gatesock.Envelope{Event: strings.Repeat("e", 300)}
	for want, call := range map[string]func(){
		"topic: New: log must not be nil":                     func() { topic.New(nil, store, fanout) },
		"topic: New: store must not be nil":                   func() { topic.New(log, nil, fanout) },
		"topic: New: fanout must not be nil":                  func() { topic.New(log, store, nil) },
		"topic: New: an option is nil":                        one(nil),
		"broadcast: With: the Broadcaster was not made by":    func() { topic.New(log, store, new(broadcast.Broadcaster)) },
		"topic: WithRetention: of must not be nil":            func() { topic.WithRetention(nil) },
		"topic: WithMaxTopics: n must be at least 1":          func() { topic.WithMaxTopics(0) },
		"topic: WithClock: now must not be nil":               func() { topic.WithClock(nil) },
		"topic: WithCodec: c must not be nil":                 func() { topic.WithCodec(nil) },
		"topic: WithLogger: l must not be nil":                func() { topic.WithLogger(nil) },
		"topic: WithLog: l must not be nil":                   func() { topic.WithLog(nil) },
		"topic: WithEnvelope: e: ":                            func() { topic.WithEnvelope(gatesock.Envelope{Event: "x", Topic: "x"}) },
		"topic: WithEnvelope: e: the names have more than":    func() { topic.WithEnvelope(long) },
		"topic: New: WithMark needs a log that is a":          one(topic.WithMark()),
		"topic: New: WithStream and WithMark contradict each": func() { topic.New(log, store, fanout, topic.WithStream(), topic.WithMark()) },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			requirePanics(t, want, call)
		})
	}
}

func TestMistakesOfRegister(t *testing.T) {
	t.Parallel()
	store := conn.NewMemory()
	topics := topic.New(topic.NewMemory(), store, broadcast.New(wstest.NewRecorder(), store))
	for want, call := range map[string]func(r *gatesock.Router){
		"topic: Register: r must not be nil":          func(*gatesock.Router) { topics.Register(nil, topic.AllowAnyone) },
		"topic: Register: authorize must not be nil;": func(r *gatesock.Router) { topics.Register(r, nil) },
		"topic: Register: the routes cannot be Raw":   func(r *gatesock.Router) { topics.Register(r, topic.AllowAnyone, gatesock.Raw()) },
		"topic: Register: the routes cannot be One":   func(r *gatesock.Router) { topics.Register(r, topic.AllowAnyone, gatesock.OneWay()) },
		`gatesock: route "subscribe"`: func(r *gatesock.Router) {
			topics.Register(r, topic.AllowAnyone)
			topics.Register(r, topic.AllowAnyone)
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			requirePanics(t, want, func() { call(gatesock.New()) })
		})
	}
}

// TestRegisterDescribes checks that the documents of an application show what the routes take.
func TestRegisterDescribes(t *testing.T) {
	t.Parallel()
	store := conn.NewMemory()
	r := gatesock.New(gatesock.DenyByDefault())
	guard := gatesock.WithGuard("signed in", func(next gatesock.HandlerFunc) gatesock.HandlerFunc { return next })
	topic.New(topic.NewMemory(), store, broadcast.New(wstest.NewRecorder(), store)).Register(r, topic.AllowAnyone, guard)
	r.Freeze()
	var keys []string
	for _, route := range r.Describe().Routes {
		if route.Key[0] == '$' {
			continue
		}
		keys = append(keys, route.Key)
		require.True(t, route.NeedsResponse, route.Key)
		require.NotEmpty(t, route.Guards, route.Key)
		require.NotNil(t, route.In, route.Key)
	}
	require.Equal(t, []string{"history", "subscribe", "sync", "unsubscribe"}, keys)
	document, err := r.Describe().MarshalJSON()
	require.NoError(t, err)
	for _, want := range []string{"expiresInMs", `"moved"`, `"since"`, `"recovered"`, `"enum":["history","epoch","ahead"]`} {
		require.Contains(t, string(document), want)
	}
}

// TestExpiryOfASubscription checks that a client is told when its subscription ends: with its
// credential.
func TestExpiryOfASubscription(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		w := newWorld(t, topic.WithClock(func() time.Time { return now }))
		c := w.connect()
		record, err := w.store.Get(t.Context(), c.ID())
		require.NoError(t, err)
		now = record.ExpiresAt.Add(-90 * time.Second)
		require.EqualValues(t, 90_000, w.subscribe(c, topicwire.Subscription{Topic: "a"}).ExpiresInMs)
		now = record.ExpiresAt.Add(time.Second)
		require.Zero(t, w.subscribe(c, topicwire.Subscription{Topic: "a"}).ExpiresInMs)
	})
}

func requirePanics(t *testing.T, want string, call func()) {
	t.Helper()
	defer func() {
		got := recover()
		require.NotNil(t, got, "no panic")
		require.Contains(t, got, want)
	}()
	call()
}
