// Command notify sends something to a user, on all devices, from wherever the reason is: from an
// HTTP request, from a queue, or from a command line. It is the same function each time, since
// everything that can read the table of connections and call @connections can send.
//
//	$ go run ./notify
//	from an HTTP request: {"statusCode":204,"body":"","isBase64Encoded":false}
//	ann receives "your parcel is here"
//	from a queue: {"batchItemFailures":null}
//	ann receives "your invoice is ready"
//	from a command: delivered to 1
//	ann receives "hello from the shell"
//
// With a deployed API, the last one is
//
//	$ export GATEWAY_ENDPOINT=https://abc123.execute-api.eu-west-1.amazonaws.com/prod TABLE=chat
//	$ go run ./notify ann "hello from the shell"
//
// notify.go has the function, command.go what a program outside Lambda needs. A user that is not
// connected misses the notice; if that must not be, publish it in a topic of the user.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/emulator"
)

func main() {
	ctx := context.Background()
	if len(os.Args) != 3 {
		demo(ctx)
		return
	}
	b, err := newSender(ctx)
	check(err)
	check(command(ctx, b, os.Args[1], os.Args[2]))
}

// demo plays the phone of a user, and what calls the function.
func demo(ctx context.Context) {
	var app lambda.Handler
	var b *broadcast.Broadcaster
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		store := conn.NewMemory()
		b = broadcast.New(api, store)
		app = newApp(store, b)
		return app, nil
	}, emulator.Config{})
	check(err)
	server, err := emulator.Serve(ctx, gateway, "127.0.0.1:0")
	check(err)
	defer server.Close(ctx)
	phone, err := client.Connect(ctx, server.URL+"?user=ann")
	check(err)
	defer phone.Close()
	notices := phone.Listen("notice")

	request := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RawPath: "/notices", Body: `{"user":"ann","text":"your parcel is here"}`,
	}
	request.RequestContext.HTTP.Method = "POST"
	fmt.Printf("from an HTTP request: %s\n", invoke(ctx, app, request))
	show(ctx, notices)
	fmt.Printf("from a queue: %s\n", invoke(ctx, app, events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: "1", Body: `{"user":"ann","text":"your invoice is ready"}`,
		EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:notices",
	}}}))
	show(ctx, notices)
	fmt.Print("from a command: ")
	check(command(ctx, b, "ann", "hello from the shell"))
	show(ctx, notices)
}

// invoke calls the function with an event, as Lambda does.
func invoke(ctx context.Context, app lambda.Handler, event any) []byte {
	payload, err := json.Marshal(event)
	check(err)
	answer, err := app.Invoke(ctx, payload)
	check(err)
	return answer
}

// show prints the next notice.
func show(ctx context.Context, notices *client.Listener) {
	for push, err := range notices.Pushes(ctx) {
		check(err)
		fmt.Printf("ann receives %s\n", push.Data)
		return
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
