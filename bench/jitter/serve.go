package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/bench/internal/harness"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/topic"
)

// topicName is the topic of all clients.
const topicName = "room:1"

// message is the data of an event. SentAt is in milliseconds since 1970.
type message struct {
	Seq    int   `json:"seq"`
	SentAt int64 `json:"sentAt"`
}

// publisher is a server with topics.
type publisher struct {
	topics *topic.Topics
	server *emulator.Server
}

// serve is the role of the server.
func serve(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	var o order
	if err := harness.ReadOrder(roleServe, args, &o); err != nil {
		return err
	}
	p, err := startPublisher(ctx, o)
	if err != nil {
		return err
	}
	var failed error
	err = harness.Serve(in, out, serving{p.server.URL}, map[string]func() any{
		askPublish: func() any {
			var n published
			n.Messages, failed = p.publish(ctx, o)
			return n
		},
	})
	return errors.Join(err, failed, p.server.Close(ctx))
}

func startPublisher(ctx context.Context, o order) (*publisher, error) {
	log, err := logOf(ctx, o)
	if err != nil {
		return nil, err
	}
	p := &publisher{}
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		store := conn.NewMemory()
		p.topics = topic.New(log, store, broadcast.New(api, store, broadcast.WithLogger(slog.New(slog.DiscardHandler))))
		r := gatesock.New()
		r.Use(conn.Track(store))
		p.topics.Register(r, topic.AllowAnyone)
		return r, nil
	}, emulator.Config{})
	if err != nil {
		return nil, err
	}
	p.server, err = emulator.Serve(ctx, gateway, "127.0.0.1:0")
	return p, err
}

// logOf returns the log of the topic.
func logOf(ctx context.Context, o order) (topic.Log, error) {
	if o.DynamoDB == "" {
		return topic.NewMemory(), nil
	}
	client := dynamodb.New(dynamodb.Options{
		BaseEndpoint: &o.DynamoDB, Region: "local",
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), // of any value
	})
	db := dynamo.Open(client, fmt.Sprintf("jitter-%d", time.Now().UnixNano()))
	if err := db.CreateTable(ctx); err != nil {
		return nil, err
	}
	return db.Topics(), nil
}

// publish publishes the messages at their times, and returns how many. An error beside a position
// is about the pushes, which this test is about: the event is in the log.
func (p *publisher) publish(ctx context.Context, o order) (int, error) {
	start := time.Now()
	for n := range o.messages() {
		select {
		case <-time.After(time.Until(start.Add(duration(n * o.EveryMs)))):
		case <-ctx.Done():
			return n, context.Cause(ctx)
		}
		m := message{Seq: n + 1, SentAt: time.Now().UnixMilli()}
		if at, _, err := p.topics.Publish(ctx, topicName, "message", m); at == (topic.Position{}) {
			return n, err
		}
	}
	return o.messages(), nil
}
