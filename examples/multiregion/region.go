package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/topic"
)

// Region is what a region has of its own: a table, and an API with its connections.
type Region struct {
	Log   topic.Log  // the Topics of a dynamo.DB with a client for the region
	Store conn.Store // its Connections
	API   gatesock.Poster
}

func (r Region) topics() *topic.Topics {
	return topic.New(r.Log, r.Store, broadcast.New(r.API, r.Store))
}

// Said is an event of a room, and a message of the queue.
type Said struct {
	Key  string `json:"key,omitempty"` // the client's: the same if it repeats the call
	Room string `json:"room"`
	User string `json:"user"` // with a sign-in: req.PrincipalID()
	Text string `json:"text"`
}

// Validate refuses what could not be recognized if it comes again.
func (s Said) Validate() error {
	if s.Key == "" {
		return errors.New(`"key" must not be empty`)
	}
	return nil
}

// newApp returns the function of a region. It sends to its own queue, and reads that.
func newApp(own, other Region, send func(ctx context.Context, message []byte) error) lambda.Handler {
	here, there := own.topics(), other.topics()
	r := gatesock.New()
	r.Use(gatesock.Recover(), conn.Track(own.Store))
	here.Register(r, topic.AllowAnyone)
	gatesock.Handle(r, "say", func(ctx context.Context, _ *gatesock.Request, in Said) error {
		message, err := json.Marshal(in)
		if err == nil {
			err = send(ctx, message) // first: what the queue has, both regions get
		}
		if err != nil {
			return err // neither has it
		}
		if err := publish(ctx, here, in); err != nil {
			slog.WarnContext(ctx, "the queue will publish it", "error", err)
		}
		return nil
	})
	queue := lambda.NewHandler(func(ctx context.Context, e events.SQSEvent) (failed events.SQSEventResponse, _ error) {
		for _, m := range e.Records {
			var s Said
			err := json.Unmarshal([]byte(m.Body), &s)
			if err == nil {
				err = errors.Join(publish(ctx, here, s), publish(ctx, there, s))
			}
			if err != nil {
				slog.WarnContext(ctx, "the queue will deliver it again", "error", err)
				item := events.SQSBatchItemFailure{ItemIdentifier: m.MessageId}
				failed.BatchItemFailures = append(failed.BatchItemFailures, item)
			}
		}
		return failed, nil
	})
	return eventmux.New(eventmux.WebSocket(r), eventmux.SQS("said", queue))
}

// publish publishes in one region. The second time it adds nothing, because of the key.
func publish(ctx context.Context, topics *topic.Topics, s Said) error {
	at, _, err := topics.Publish(ctx, "room:"+s.Room, "said", s, topic.WithKey(s.User+":"+s.Key))
	if at.IsZero() {
		return err
	}
	return nil // an error is about pushes, and clients make up for those
}
