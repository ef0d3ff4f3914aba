package topic_test

import (
	"context"
	"fmt"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// A counter that never goes down. A number that is not higher changes nothing.
func ExampleUpdateAs() {
	store, memory := conn.NewMemory(), topic.NewMemory()
	topics := topic.New(memory, store, broadcast.New(wstest.NewRecorder(), store),
		topic.WithState(memory, func(string) (topic.State, bool) { return topic.State{}, true }),
		topic.WithLoggedPushErrors()) // what is stored makes no error
	ctx := context.Background()

	type best struct{ Points int }
	record := func(player string, points int) (best, error) {
		return topic.UpdateAs(ctx, topics, "best", player, func(b best, exists bool) (best, error) {
			if exists && points <= b.Points {
				return b, topic.ErrKeep
			}
			b.Points = points
			return b, nil
		})
	}
	fmt.Println(record("ann", 7))
	fmt.Println(record("ann", 5))
	fmt.Println(record("bob", 4))
	for b, err := range topic.LastAs[best](ctx, topics, "best") {
		fmt.Println("best:", b.Points, err)
	}
	// Output:
	// {7} <nil>
	// {7} <nil>
	// {4} <nil>
	// best: 7 <nil>
	// best: 4 <nil>
}
