package topic_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// newTopics returns Topics in memory.
func newTopics() *topic.Topics {
	store := conn.NewMemory()
	return topic.New(topic.NewMemory(), store, broadcast.New(wstest.NewRecorder(), store))
}

// said is the data of the events of a room.
type said struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// A client subscribes, misses two events while it is not connected, and gets them when it
// subscribes again with the position that it has.
func Example() {
	store, gateway := conn.NewMemory(), wstest.NewRecorder()
	topics := topic.New(topic.NewMemory(), store, broadcast.New(gateway, store))

	r := gatesock.New()
	r.Use(conn.Track(store))
	topics.Register(r, topic.AllowAnyone)

	ctx := context.Background()
	h := wstest.New(new(testing.T), r, wstest.WithPoster(gateway)) // the t of your test
	alice := h.Connect()
	alice.Request("subscribe", map[string]string{"topic": "room:1"}).ExpectReply(nil)
	at, _, _ := topics.Publish(ctx, "room:1", "said", said{"bob", "hello"})
	alice.ExpectPush("said", nil)
	alice.Close(1001, "the lift")

	_, _, _ = topics.Publish(ctx, "room:1", "said", said{"bob", "are you there?"})
	_, _, _ = topics.Publish(ctx, "room:1", "said", said{"bob", "well then"})

	var missed struct {
		Recovered bool
		Events    []struct {
			Event string
			Data  said
		}
	}
	alice = h.Connect()
	alice.Request("subscribe", map[string]any{"topic": "room:1", "since": at}).ExpectReply(&missed)
	fmt.Println("recovered:", missed.Recovered)
	for _, e := range missed.Events {
		fmt.Println(e.Event, e.Data.Name, e.Data.Text)
	}
	alice.Close(1000, "")
	h.Close()
	// Output:
	// recovered: true
	// said bob are you there?
	// said bob well then
}

// Publishing with a key can be repeated. A handler of a queue uses the ID of its message.
func ExampleWithKey() {
	topics := newTopics()
	ctx := context.Background()
	for range 2 { // the queue delivers the message twice
		at, _, err := topics.Publish(ctx, "orders", "placed", 17, topic.WithKey("message-4711"))
		fmt.Println(at.Offset, err)
	}
	// Output:
	// 1 <nil>
	// 1 <nil>
}

// Events that belong together are published at once: they have one position and travel in one
// frame, and no client sees one without the others.
func ExampleTopics_PublishBatch() {
	topics := newTopics()
	at, _, err := topics.PublishBatch(context.Background(), "game:7", []topic.Outgoing{
		{Event: "moved", Data: "e2e4"},
		{Event: "clock", Data: 118},
	})
	fmt.Println(at.Offset, err)
	// Output:
	// 1 <nil>
}

// An event is published if there is a position, also beside an error, which is about the pushes
// then. Without one, it was not published, unless the error is ErrOutcome.
func ExampleTopics_Publish() {
	topics := newTopics()
	at, report, err := topics.Publish(context.Background(), "room:1", "said", said{"bob", "hello"})
	switch {
	case !at.IsZero() && err != nil:
		fmt.Println("published, and some subscribers get it later:", err)
	case errors.Is(err, topic.ErrOutcome):
		fmt.Println("perhaps published: publish again with the same key, or ask")
	case err != nil:
		fmt.Println("not published:", err)
	default:
		fmt.Println("published at", at.Offset, "and pushed to", report.Delivered)
	}
	// Output:
	// published at 1 and pushed to 0
}

// The application decides which clients may subscribe.
func ExampleTopics_Register() {
	members := map[string][]string{"room:1": {"alice"}}
	mayRead := func(_ context.Context, req *gatesock.Request, name string) error {
		for _, user := range members[name] {
			if user == req.PrincipalID() {
				return nil
			}
		}
		return gatesock.Errorf(gatesock.CodePermissionDenied, "you are not in %q", name)
	}

	r := gatesock.New()
	newTopics().Register(r, mayRead)
	for _, route := range r.Describe().Routes {
		fmt.Println(route.Key)
	}
	// Output:
	// $connect
	// $default
	// $disconnect
	// history
	// subscribe
	// sync
	// unsubscribe
}

// A topic can keep less, or more, than the default of 24 hours and 1,000 entries.
func ExampleWithRetention() {
	store := conn.NewMemory()
	topics := topic.New(topic.NewMemory(), store, broadcast.New(wstest.NewRecorder(), store),
		topic.WithRetention(func(name string) topic.Retention {
			if name == "cursors" {
				return topic.Retention{Count: 10}
			}
			return topic.Retention{} // the defaults
		}))
	_, _, err := topics.Publish(context.Background(), "cursors", "moved", json.RawMessage(`[3,4]`))
	fmt.Println(err)
	// Output:
	// <nil>
}
