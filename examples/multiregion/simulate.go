package main

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/examples/internal/demo"
	"github.com/gatesock/gatesock/topic"
)

// world is two regions in memory, and the link between them.
type world struct {
	ireland, oregon *site
	down            atomic.Bool
}

func start(ctx context.Context) *world {
	w := &world{ireland: newSite(), oregon: newSite()}
	w.ireland.open(ctx, w.linked(w.oregon))
	w.oregon.open(ctx, w.linked(w.ireland))
	return w
}

func (w *world) stop() {
	w.ireland.stop()
	w.oregon.stop()
}

// deliver does what Lambda does by itself: it invokes the functions with what is in their queues.
func (w *world) deliver(ctx context.Context) {
	w.ireland.deliver(ctx)
	w.oregon.deliver(ctx)
}

// linked returns a region as the other one reaches it.
func (w *world) linked(s *site) Region { return Region{link{s.Log, &w.down}, s.Store, s.API} }

type link struct {
	topic.Log
	down *atomic.Bool
}

func (l link) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	if l.down.Load() {
		return topic.Appended{}, errors.New("the other region does not answer")
	}
	return l.Log.Append(ctx, name, e)
}

// site is a region that runs.
type site struct {
	Region
	api  *api
	app  lambda.Handler
	url  string
	stop func()

	mu    sync.Mutex
	queue []string
}

// api is that of a gateway which is made later.
type api struct{ gatesock.ConnectionsAPI }

func newSite() *site {
	a := new(api)
	return &site{Region: Region{topic.NewMemory(), conn.NewMemory(), a}, api: a}
}

func (s *site) open(ctx context.Context, other Region) {
	s.url, s.stop = demo.Serve(ctx, func(a gatesock.ConnectionsAPI) (lambda.Handler, error) {
		s.api.ConnectionsAPI = a
		s.app = newApp(s.Region, other, s.send)
		return s.app, nil
	})
}

// send stands for the SendMessage of Amazon SQS.
func (s *site) send(_ context.Context, message []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, string(message))
	return nil
}

// deliver invokes the function with the messages, and keeps those that it could not handle.
func (s *site) deliver(ctx context.Context) {
	s.mu.Lock()
	messages := s.queue
	s.queue = nil
	s.mu.Unlock()
	var event events.SQSEvent
	for i, body := range messages {
		event.Records = append(event.Records, events.SQSMessage{
			MessageId: strconv.Itoa(i), Body: body,
			EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:said",
		})
	}
	if len(messages) == 0 {
		return
	}
	answer := demo.Must(s.app.Invoke(ctx, demo.Must(json.Marshal(event))))
	var failed events.SQSEventResponse
	demo.Check(json.Unmarshal(answer, &failed))
	for _, f := range failed.BatchItemFailures {
		demo.Check(s.send(ctx, []byte(messages[demo.Must(strconv.Atoi(f.ItemIdentifier))])))
	}
}

// person is somebody in the lobby.
type person struct {
	client *client.Client
	lobby  *client.Subscription
}

func (s *site) join(ctx context.Context) person {
	c := demo.Connect(ctx, s.url)
	lobby := c.Subscribe("room:lobby") //nolint:contextcheck // it ends with Close
	demo.Must(lobby.Established(ctx))
	return person{c, lobby}
}

func (p person) say(ctx context.Context, user, text string) {
	demo.Check(p.client.Call(ctx, "say", Said{Room: "lobby", User: user, Text: text}, nil, client.WithRandomKey()))
}

// read returns the next n things that were said.
func (p person) read(ctx context.Context, n int) (said []string) {
	for e, err := range p.lobby.Events(ctx) {
		demo.Check(err)
		var s Said
		demo.Check(e.Decode(&s))
		if said = append(said, s.User+": "+s.Text); len(said) == n {
			break
		}
	}
	return said
}
