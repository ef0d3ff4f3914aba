package topic_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// device is the state of a device, of which each message has a part.
type device struct {
	Status string `json:"status"`
	Alarms int    `json:"alarms"`
}

var errUnknownDevice = errors.New("there is no such device")

// Messages of a device change its state. What others change at the same time is not lost.
func ExampleTopics_Update() {
	store, memory := conn.NewMemory(), topic.NewMemory()
	topics := topic.New(memory, store, broadcast.New(wstest.NewRecorder(), store),
		topic.WithState(memory, func(name string) (topic.State, bool) {
			return topic.State{Attributes: []string{"status"}}, strings.HasPrefix(name, "devices:")
		}))
	ctx := context.Background()

	alarm := func(id string) error {
		_, _, err := topics.Update(ctx, "devices:1", id, func(last topic.Value) (any, error) {
			if last.Deleted() {
				return nil, errUnknownDevice
			}
			var d device
			if err := json.Unmarshal(last.Data, &d); err != nil {
				return nil, err
			}
			d.Alarms++
			return d, nil
		})
		return err
	}
	_, _, _ = topics.Set(ctx, "devices:1", "pump", device{Status: "on"})
	fmt.Println(alarm("pump"), alarm("pump"), errors.Is(alarm("fan"), errUnknownDevice))
	for v, err := range topics.Last(ctx, "devices:1") {
		fmt.Println(v.Key, string(v.Data), err)
	}
	// Output:
	// <nil> <nil> true
	// pump {"status":"on","alarms":2} <nil>
}
