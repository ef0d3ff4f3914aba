package main

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
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
	endpoint := http.NewServeMux() // authenticate its callers, as for any HTTP service
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
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	queue := lambda.NewHandler(fromQueue(b))
	return eventmux.New(eventmux.WebSocket(r), eventmux.HTTP(endpoint), eventmux.SQS("notices", queue))
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
