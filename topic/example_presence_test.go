package topic_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// rooms have presence. Others see the name that the application knows, whatever a client says.
func rooms(name string) (topic.Presence, bool) {
	return topic.Presence{
		Grace:    15 * time.Second,
		Interval: time.Millisecond, // for the test; leave it out
		As: func(_ context.Context, req *gatesock.Request, _ string, _ json.RawMessage) (json.RawMessage, error) {
			return json.Marshal(map[string]string{"name": strings.ToUpper(req.PrincipalID())})
		},
	}, strings.HasPrefix(name, "room:")
}

// The members of a room see who else is there. A user with two devices is there until the last one
// is gone.
func ExampleWithPresence() {
	memory, gateway, ended := topic.NewMemory(), wstest.NewRecorder(), topic.NewEnded()
	store := conn.NewMemory(conn.WithEnded(ended.Func())) // or dynamo.Open with dynamo.WithEnded
	topics := topic.New(memory, store, broadcast.New(gateway, store), topic.WithPresence(memory, rooms, ended))

	r := gatesock.New()
	r.Use(conn.Track(store))
	topics.Register(r, topic.AllowAnyone)
	h := wstest.New(new(testing.T), r, wstest.WithPoster(gateway)) // the t of your test

	join := map[string]any{"topic": "room:1", "presence": true}
	phone, laptop := h.Connect(wstest.WithUser("ann")), h.Connect(wstest.WithUser("ann"))
	phone.Request("subscribe", join).ExpectReply(nil)
	laptop.Request("subscribe", join).ExpectReply(nil)

	bob := h.Connect(wstest.WithUser("bob"))
	var answer struct {
		Presence struct {
			Count   int
			Members []struct{ User string }
		}
	}
	bob.Request("subscribe", join).ExpectReply(&answer)
	fmt.Println("bob sees", answer.Presence.Count, "connections")

	phone.Close(1001, "")
	users, err := topics.Present(context.Background(), "room:1")
	for _, u := range users {
		fmt.Printf("%s is there with %d connection as %s\n", u.Name, len(u.Rows), u.Rows[0].As)
	}
	fmt.Println(err)
	h.Close()
	// Output:
	// bob sees 3 connections
	// ann is there with 1 connection as {"name":"ANN"}
	// bob is there with 1 connection as {"name":"BOB"}
	// <nil>
}
