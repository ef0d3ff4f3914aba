package stream_test

import (
	"context"
	"fmt"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/stream"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// A function that gets the changes of its own table, and pushes the new entry of a topic to its
// subscriber.
func ExampleNew() {
	ctx := context.Background()
	db := dynamo.Open(new(absent), "app") // a *dynamodb.Client in a program
	store, gateway := conn.NewMemory(), wstest.NewRecorder()
	_ = store.Put(ctx, conn.Conn{ID: "W9In1dPTIAMCE3g="})
	_ = store.Join(ctx, "W9In1dPTIAMCE3g=", topic.Group("room:1"))

	topics := topic.New(db.Topics(), store, broadcast.New(gateway, store), topic.WithStream())
	mux := eventmux.New(eventmux.DynamoDB(eventmux.Any, stream.New(db, topics)))

	event := `{"Records":[{"eventID":"1","eventName":"INSERT","eventSource":"aws:dynamodb",
		"eventSourceARN":"arn:aws:dynamodb:eu-west-1:111122223333:table/app/stream/2026-11-27T00:00:00.000",
		"dynamodb":{"SequenceNumber":"100","StreamViewType":"NEW_AND_OLD_IMAGES",
		"Keys":{"pk":{"S":"te#1-K2V9#room:1"},"sk":{"S":"0000000000000007"}},
		"NewImage":{"pk":{"S":"te#1-K2V9#room:1"},"sk":{"S":"0000000000000007"},"exp":{"N":"1796000000"},
			"at":{"N":"1795000000000"},"u":{"N":"1795086400000"},"n":{"B":"AQ=="},
			"e":{"L":[{"S":"said"}]},"d":{"L":[{"B":"ImhlbGxvIg=="}]}}}}]}`
	answer, err := mux.Invoke(ctx, []byte(event))
	fmt.Println(string(answer), err)
	for _, p := range gateway.Posts() {
		fmt.Println(string(p.Data))
	}
	// Output:
	// {"batchItemFailures":[]} <nil>
	// {"event":"said","topic":"room:1","epoch":"1-K2V9","offset":7,"data":"hello"}
}
