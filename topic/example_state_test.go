package topic_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// reading is a value of a sensor.
type reading struct {
	Room  string  `json:"room"`
	Value float64 `json:"value"`
}

// ofSensors makes the topics of sensors state topics, with filters.
func ofSensors(name string) (topic.State, bool) {
	return topic.State{Attributes: []string{"room", "value"}, Sampled: true}, strings.HasPrefix(name, "sensors:")
}

// A dashboard that comes late gets the last values, and then what changes.
func ExampleTopics_Set() {
	store, gateway, memory := conn.NewMemory(), wstest.NewRecorder(), topic.NewMemory()
	topics := topic.New(memory, store, broadcast.New(gateway, store), topic.WithState(memory, ofSensors))
	r := gatesock.New()
	r.Use(conn.Track(store))
	topics.Register(r, topic.AllowAnyone)

	ctx := context.Background()
	_, _, _ = topics.Set(ctx, "sensors:1", "t1", reading{"kitchen", 20})
	_, _, _ = topics.Set(ctx, "sensors:1", "t2", reading{"cellar", 12})
	_, _, _ = topics.Set(ctx, "sensors:1", "t1", reading{"kitchen", 21})

	h := wstest.New(new(testing.T), r, wstest.WithPoster(gateway)) // the t of your test
	dashboard := h.Connect()
	var snapshot struct {
		Values []struct {
			Key  string
			Data reading
		}
	}
	dashboard.Request("subscribe", map[string]string{"topic": "sensors:1"}).ExpectReply(&snapshot)
	for _, v := range snapshot.Values {
		fmt.Println(v.Key, v.Data.Room, v.Data.Value)
	}
	_, _, _ = topics.Set(ctx, "sensors:1", "t2", reading{"cellar", 13})
	dashboard.ExpectPush("set", nil)
	_, _, _ = topics.Delete(ctx, "sensors:1", "t1")
	dashboard.ExpectPush("delete", nil)
	for v, err := range topics.Last(ctx, "sensors:1") {
		fmt.Println("last:", v.Key, string(v.Data), err)
	}
	h.Close()
	// Output:
	// t1 kitchen 21
	// t2 cellar 12
	// last: t2 {"room":"cellar","value":13} <nil>
}

// A subscription has a filter. When a value does not match it any more, the client is told.
func ExampleState_filter() {
	store, gateway, memory := conn.NewMemory(), wstest.NewRecorder(), topic.NewMemory()
	topics := topic.New(memory, store, broadcast.New(gateway, store), topic.WithState(memory, ofSensors))
	r := gatesock.New()
	r.Use(conn.Track(store))
	topics.Register(r, topic.AllowAnyone)

	h := wstest.New(new(testing.T), r, wstest.WithPoster(gateway)) // the t of your test
	alarms := h.Connect()
	alarms.Request("subscribe", map[string]any{
		"topic":  "sensors:1",
		"filter": json.RawMessage(`{"where":{"room":["kitchen","cellar"],"value":{"above":30}}}`),
	}).ExpectReply(nil)
	refused := alarms.Request("subscribe", map[string]any{
		"topic": "sensors:1", "filter": json.RawMessage(`{"where":{"rom":"kitchen"}}`),
	}).ExpectError(gatesock.CodeInvalidArgument)
	fmt.Println(refused.Message)

	ctx := context.Background()
	for _, value := range []float64{29, 31, 32, 30} {
		_, rep, _ := topics.Set(ctx, "sensors:1", "t1", reading{"kitchen", value})
		fmt.Println(value, "pushes:", rep.Delivered)
	}
	alarms.ExpectPush("set", nil)
	alarms.ExpectPush("set", nil)
	alarms.ExpectPush("drop", nil)
	h.Close()
	// Output:
	// the filter: the topic has no attribute "rom"; it has room, value
	// 29 pushes: 0
	// 31 pushes: 1
	// 32 pushes: 1
	// 30 pushes: 1
}
