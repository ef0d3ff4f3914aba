// Command notify sends something to a user, on all devices, from wherever the reason is: from an
// HTTP request, from a queue, or from a command line. It is the same function each time, since
// everything that can read the table of connections and call @connections can send.
//
//	$ go run ./notify
//	connect: npx wscat@6.1.0 -c 'ws://localhost:3001/local?user=ann'
//	notify:  curl -i localhost:3001/notices -d '{"user":"ann","text":"your parcel is here"}'
//
// With a deployed API, a command needs two variables:
//
//	$ export GATEWAY_ENDPOINT=https://abc123.execute-api.eu-west-1.amazonaws.com/prod TABLE=chat
//	$ go run ./notify ann "hello from the shell"
//
// A user that is not connected misses it: if that must not be, publish it in a topic of the user.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/examples/internal/demo"
)

// Notice is what a user is to know.
type Notice struct {
	User string `json:"user"`
	Text string `json:"text"`
}

// notify sends a notice to all connections of its user, and returns how many received it.
func notify(ctx context.Context, b *broadcast.Broadcaster, n Notice) (int, error) {
	report, err := b.Send(ctx, broadcast.ToUser(n.User), gatesock.Push{Event: "notice", Data: n.Text})
	if err == nil {
		err = report.Err()
	}
	return report.Delivered, err
}

// newApp returns a function with a WebSocket API, an HTTP endpoint and a queue.
func newApp(store conn.Store, b *broadcast.Broadcaster) lambda.Handler {
	r := gatesock.New()
	r.Use(gatesock.Recover(), conn.Track(store, conn.WithUser(func(req *gatesock.Request) string {
		return req.Query.Get("user") // stands for a sign-in: without this option it is the principal
	})))
	queue := lambda.NewHandler(fromQueue(b))
	return eventmux.New(eventmux.WebSocket(r), eventmux.HTTP(newEndpoint(b)), eventmux.SQS("notices", queue))
}

// newEndpoint returns an HTTP API. Authenticate its callers, as for any HTTP service.
func newEndpoint(b *broadcast.Broadcaster) http.Handler {
	endpoint := http.NewServeMux()
	endpoint.HandleFunc("POST /notices", func(w http.ResponseWriter, req *http.Request) {
		var n Notice
		if err := json.NewDecoder(req.Body).Decode(&n); err != nil {
			http.Error(w, "malformed notice", http.StatusBadRequest)
			return
		}
		switch delivered, err := notify(req.Context(), b, n); {
		case err != nil:
			http.Error(w, "not sent to all connections", http.StatusBadGateway)
		case delivered == 0:
			http.Error(w, "the user is not connected", http.StatusNotFound)
		}
	})
	return endpoint
}

// fromQueue returns the handler of a queue, which delivers again only the messages that failed.
func fromQueue(b *broadcast.Broadcaster) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	return func(ctx context.Context, e events.SQSEvent) (failed events.SQSEventResponse, _ error) {
		for _, m := range e.Records {
			var n Notice
			err := json.Unmarshal([]byte(m.Body), &n)
			if err == nil {
				_, err = notify(ctx, b, n)
			}
			if err != nil {
				item := events.SQSBatchItemFailure{ItemIdentifier: m.MessageId}
				failed.BatchItemFailures = append(failed.BatchItemFailures, item)
			}
		}
		return failed, nil
	}
}

// newSender returns a Broadcaster for a program that gets no events of the WebSocket API.
func newSender(ctx context.Context) (*broadcast.Broadcaster, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	client, err := apigw.New(cfg.Credentials, os.Getenv("GATEWAY_ENDPOINT"), apigw.WithRegion(cfg.Region))
	if err != nil {
		return nil, err
	}
	db := dynamo.Open(dynamodb.NewFromConfig(cfg), os.Getenv("TABLE"))
	return broadcast.New(client, db.Connections()), nil
}

func main() {
	ctx := context.Background()
	if len(os.Args) == 3 {
		fmt.Println("delivered to", demo.Must(notify(ctx, demo.Must(newSender(ctx)), Notice{os.Args[1], os.Args[2]})))
		return
	}
	pages := http.NewServeMux()
	fmt.Println("connect: npx wscat@6.1.0 -c 'ws://localhost:3001/local?user=ann'")
	fmt.Println(`notify:  curl -i localhost:3001/notices -d '{"user":"ann","text":"your parcel is here"}'`)
	demo.Check(emulator.ListenAndServeFunc(ctx, "localhost:3001", func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		store := conn.NewMemory()
		b := broadcast.New(api, store)
		pages.Handle("/", newEndpoint(b))
		return newApp(store, b), nil
	}, emulator.Config{Pages: pages}))
}
