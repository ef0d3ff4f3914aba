package topic_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

// TestPanics checks that a panic of the log or the store comes to the caller, that nothing is left
// running, and that the Topics can still be used.
func TestPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, at := range []string{"Append t", "Members topic:t"} {
			w := newWorld(t)
			c := w.connect()
			w.subscribe(c, topicwire.Subscription{Topic: "t"})
			w.fail = func(call string) error {
				if call == at {
					panic("broken")
				}
				return nil
			}
			require.Panics(t, func() { _, _, _ = w.topics.Publish(t.Context(), "t", "said", 1) }, at)
			w.failing()
			w.publish("t", 2)
			c.ExpectPush("said", nil)
		}
		for _, at := range []string{"Read a", "Join topic:a", "Get", "Moved"} {
			w := newWorld(t)
			c := w.connect()
			c.Request("subscribe", topicwire.Subscription{Topic: "b"}).ExpectReply(nil)
			w.fail = func(call string) error {
				if call == at {
					panic("broken")
				}
				return nil
			}
			var in any = topicwire.Subscribe{Topics: []topicwire.Subscription{{Topic: "a"}, {Topic: "b"}}}
			action := "subscribe"
			if at == "Moved" {
				action, in = "sync", topicwire.Sync{Topics: []topicwire.SyncTopic{{Topic: "b"}}}
			}
			c.Request(action, in).ExpectError(gatesock.CodeInternal)
			w.failing()
			c.Request(action, in).ExpectReply(nil)
		}
	})
}

// TestManyAtOnce publishes, subscribes and reads from many goroutines.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, topic.WithMark())
		var all sync.WaitGroup
		const workers, each = 8, 20
		for range workers {
			c := w.Connect()
			all.Go(func() {
				for n := range each {
					name := fmt.Sprint("t", n%3)
					switch n % 4 {
					case 0:
						c.Request("subscribe", topicwire.Subscription{Topic: name, Since: &topicwire.Position{}}).ExpectReply(nil)
					case 1:
						_, _, _ = w.topics.Publish(context.Background(), name, "said", n, topic.WithKey(fmt.Sprint(n)))
					case 2:
						c.Request("sync", topicwire.Sync{}).ExpectReply(nil)
					case 3:
						c.Request("unsubscribe", topicwire.Unsubscribe{Topic: name}).ExpectAck()
					}
				}
			})
		}
		all.Wait()
		page, err := w.log.Log.Read(t.Context(), topic.Query{Topic: "t1", Newest: 100})
		require.NoError(t, err)
		require.Len(t, page.Entries, 2, "the keys 1 and 13, of all workers")
	})
}
