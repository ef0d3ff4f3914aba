package topic_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

// A client that asks for the changes of some attributes gets no others.
func TestFilterOfChangesIsPushed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{Attributes: []string{"status", "room"}})
		status, kitchen := w.connect(), w.connect()
		w.subscribed(status, `{"changes":["status"]}`)
		w.subscribed(kitchen, `{"where":{"room":"kitchen"},"changes":["status"]}`)
		require.Len(t, w.filters(), 2)
		set := func(data string) int64 { return w.set("k", json.RawMessage(data)) }

		v := set(`{"status":"on","t":1}`)
		status.ExpectFrame(pushed("set", "k", v, 1, `{"status":"on","t":1}`))
		set(`{"status":"on","t":2}`)
		v = set(`{"status":"on","t":3,"room":"kitchen"}`)
		kitchen.ExpectFrame(pushed("set", "k", v, 3, `{"status":"on","t":3,"room":"kitchen"}`))
		set(`{"status":"on","t":4,"room":"kitchen"}`)
		late := w.connect()
		snapshot := w.subscribed(late, `{"changes":["status"]}`)
		require.JSONEq(t, `{"status":"on","t":4,"room":"kitchen"}`, string(snapshot.Values[0].Data), "it is current")
		v = set(`{"status":"off","t":5,"room":"kitchen"}`)
		status.ExpectFrame(pushed("set", "k", v, 5, `{"status":"off","t":5,"room":"kitchen"}`))
		kitchen.ExpectFrame(pushed("set", "k", v, 5, `{"status":"off","t":5,"room":"kitchen"}`))
		late.ExpectFrame(pushed("set", "k", v, 5, `{"status":"off","t":5,"room":"kitchen"}`))
		v = set(`{"status":"off","t":6}`)
		kitchen.ExpectFrame(pushed("drop", "k", v, 6, ""))
		v = w.delete("k")
		status.ExpectFrame(pushed("delete", "k", v, 7, ""))
		late.ExpectFrame(pushed("delete", "k", v, 7, ""))

		// What a stream or a lost answer does not tell may have changed.
		value := topic.Value{Key: "k", Version: v + 1, Data: []byte(`{"status":"on"}`), Time: w.clock.Now()}
		_, err := w.topics.DeliverValue(t.Context(), "s:1", value, topic.Stored{BeforeUnknown: true})
		require.NoError(t, err)
		status.ExpectFrame(pushed("set", "k", v+1, 8, `{"status":"on"}`))
		late.ExpectFrame(pushed("set", "k", v+1, 8, `{"status":"on"}`))
		kitchen.ExpectFrame(pushed("drop", "k", v+1, 8, ""))
		_, err = w.topics.DeliverValue(t.Context(), "s:1", value, topic.Stored{Before: []byte(`{"status":"on","t":1}`)})
		require.NoError(t, err)
		status.ExpectNone()
		kitchen.ExpectNone()
		late.ExpectNone()

		refused := w.connect().Request("subscribe", topicwire.Subscription{
			Topic: "s:1", Filter: json.RawMessage(`{"changes":["state"]}`),
		}).ExpectError(gatesock.CodeInvalidArgument)
		require.Equal(t, `the filter: the topic has no attribute "state"; it has status, room`, refused.Message)
	})
}

// A client that gets all pushes has of each key the value at its last change that counts.
func TestClientsKnowTheLastChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := newNetwork(1)
		w := n.watchers[0]
		w.subscribe(`{"where":{"n":[0,1]},"changes":["m"]}`)
		last, want := map[string][2]int{}, map[string]string{}
		for range rapid.IntRange(1, 20).Draw(t, "changes") {
			key := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key")
			v := [2]int{rapid.IntRange(0, 2).Draw(t, "n"), rapid.IntRange(0, 2).Draw(t, "m")}
			data := map[string]int{"n": v[0], "m": v[1], "t": len(want)}
			var err error
			if rapid.Bool().Draw(t, "update") {
				_, _, err = n.topics.Update(context.Background(), "t", key, func(topic.Value) (any, error) { return data, nil })
			} else {
				_, _, err = n.topics.Set(context.Background(), "t", key, data)
			}
			require.NoError(t, err)
			before, there := last[key]
			switch {
			case v[0] == 2:
				delete(want, key)
			case !there || before[0] == 2 || before[1] != v[1]:
				want[key] = fmt.Sprintf(`{"m":%d,"n":%d,"t":%d}`, v[1], v[0], data["t"])
			}
			last[key] = v
			for _, p := range n.pending {
				p.to.receive(p.push)
			}
			n.pending = nil
			require.Equal(t, want, w.values())
		}
	})
}
