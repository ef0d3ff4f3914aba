// Package stacktest has the applications with which the formats of templates are tested.
package stacktest

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/async/sqsjobs"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/broadcast/sqsrelay"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/stream"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/topic"
)

// Service is an application with the options of its plan.
type Service struct {
	App     *describe.App
	Options stack.Options
}

// Plan returns the plan of the service.
func (s Service) Plan(tb testing.TB) *stack.Plan {
	tb.Helper()
	p, err := stack.New(s.App, s.Options)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// Services returns the services of the golden files, by the names of these.
func Services(tb testing.TB) map[string]Service {
	tb.Helper()
	return map[string]Service{
		"chat":     {Chat(tb), stack.Options{Name: "chat"}},
		"minimal":  {Minimal(), stack.Options{Name: "minimal"}},
		"split":    {Chat(tb), stack.Options{Name: "chat", Functions: Split()}},
		"observed": {Observed(tb), stack.Options{Name: "chat"}},
		"jobs": {Jobs(tb), stack.Options{
			Name: "jobs", Timeout: 120, Functions: []stack.Split{{Name: "work", Routes: []string{"sqs:jobs"}}},
		}},
		"topics":  {Topics(tb), stack.Options{Name: "topics", Functions: []stack.Split{{Name: "stream", Routes: []string{"dynamodb"}}}}},
		"sources": {Sources(), stack.Options{Name: "sources", Architecture: "x86_64", Memory: 512, Timeout: 20}},
	}
}

// Chat returns the description of the chat. The tests that call it are in folders below stack.
func Chat(tb testing.TB) *describe.App {
	tb.Helper()
	data, err := os.ReadFile("../../../../../describe/testdata/chat.json")
	if err != nil {
		tb.Fatal(err)
	}
	app, err := describe.Parse(data)
	if err != nil {
		tb.Fatal(err)
	}
	return app
}

// Observed returns the chat with package observe.
func Observed(tb testing.TB) *describe.App {
	tb.Helper()
	app := Chat(tb)
	app.Needs = append(app.Needs, describe.Need{Kind: "metrics", Variable: "GATESOCK_METRICS", Default: "gatesock"})
	return app
}

// Jobs returns the description of a program with a route whose handler runs in another invocation,
// beside a broadcast that goes on in another.
func Jobs(tb testing.TB) *describe.App {
	tb.Helper()
	variables := []gatesock.Need{
		apigw.Need("GATEWAY_ENDPOINT"), dynamo.Need("TABLE"),
		sqsjobs.Need("JOBS_QUEUE", "jobs"), sqsrelay.Need("FANOUT_QUEUE", "fanout"),
	}
	queue := async.NewMemoryQueue()
	jobs := async.New(queue, nobody{}, async.NewMemoryOutcomes())
	relay, err := sqsrelay.New(sqs.New(sqs.Options{}), "https://sqs.eu-west-1.amazonaws.com/123456789012/fanout")
	if err != nil {
		tb.Fatal(err)
	}
	r := gatesock.New()
	r.DeclareNeeds(variables...)
	async.HandleReply(r, jobs, "report", func(context.Context, *gatesock.Request, struct{ Year int }) (any, error) {
		return nil, nil
	})
	app, err := describe.Of(eventmux.New(
		eventmux.WebSocket(r),
		eventmux.SQS("jobs", sqsjobs.Handler(jobs)),
		eventmux.SQS("fanout", sqsrelay.Handler(broadcast.New(nobody{}, conn.NewMemory(), broadcast.WithRelay(relay)))),
	))
	if err != nil {
		tb.Fatal(err)
	}
	return app
}

// Topics returns the description of a program with topics that are pushed from the stream of the
// table.
func Topics(tb testing.TB) *describe.App {
	tb.Helper()
	db, store := dynamo.Open(dynamodb.New(dynamodb.Options{}), "topics"), conn.NewMemory()
	topics := topic.New(db.Topics(), store, broadcast.New(nobody{}, store), topic.WithStream())
	r := gatesock.New()
	r.DeclareNeeds(apigw.Need("GATEWAY_ENDPOINT"), dynamo.Need("TABLE"), stream.Need("TABLE"))
	topics.Register(r, topic.AllowAnyone)
	app, err := describe.Of(eventmux.New(
		eventmux.WebSocket(r), eventmux.DynamoDB(eventmux.Any, stream.New(db, topics)),
	))
	if err != nil {
		tb.Fatal(err)
	}
	return app
}

// nobody is a Poster for a program that is only described.
type nobody struct{}

func (nobody) Post(context.Context, gatesock.Target, []byte) error { return gatesock.ErrGone }

// RequireOnlyAdded fails the test unless the lines before are among the lines after, in the same
// order, and there are more of these.
func RequireOnlyAdded(tb testing.TB, before, after []string, name string) {
	tb.Helper()
	if len(after) <= len(before) {
		tb.Fatalf("%s: %d lines became %d", name, len(before), len(after))
	}
	for _, line := range before {
		i := slices.Index(after, line)
		if i < 0 {
			tb.Fatalf("%s: this line is no longer there, or is elsewhere: %s", name, line)
		}
		after = after[i+1:]
	}
}

// Split returns functions among which the chat is divided.
func Split() []stack.Split {
	return []stack.Split{
		{Name: "connect", Routes: []string{"$connect", "$disconnect"}},
		{Name: "auth", Routes: []string{"authorizer"}},
		{Name: "relay", Routes: []string{"sqs"}},
		{Name: "sweep", Routes: []string{"schedule:sweep"}},
	}
}

// Minimal returns an application with the routes of every router, and no needs.
func Minimal() *describe.App {
	return &describe.App{
		Version:  describe.Version,
		Envelope: describe.Envelope{Action: "action"},
		Routes: []describe.Route{
			{Key: "$connect", Answer: describe.AnswerNone},
			{Key: "$default", Answer: describe.AnswerAny},
			{Key: "$disconnect", Answer: describe.AnswerNone},
		},
	}
}

// Sources returns an application with every kind of source, with each kind of name, and with routes
// and settings whose names need care in one format or another.
func Sources() *describe.App {
	app := Minimal()
	app.Envelope.Action = "type"
	app.Authorizer = &describe.Authorizer{IdentitySources: []string{"route.request.header.Authorization", "route.request.querystring.ticket"}}
	app.Routes = append(app.Routes,
		describe.Route{Key: "room.join", Answer: describe.AnswerData},
		describe.Route{Key: "room.typing", Answer: describe.AnswerNone},
		describe.Route{Key: "yes", Answer: describe.AnswerAck},
		describe.Route{Key: "getURL", Answer: describe.AnswerAck},
		describe.Route{Key: "2fa ${x} \"%{y}\"", Answer: describe.AnswerAck},
		describe.Route{Key: "ping", Answer: describe.AnswerMock, Mock: `{"$type":"ping","a\"'#b":"${x}","c":null}`},
	)
	app.Sources = []describe.Source{
		{Kind: "http"},
		{Kind: "sqs", Name: "orders"},
		{Kind: "sqs", Name: "arn:aws:sqs:eu-west-1:111122223333:mail"},
		{Kind: "sqs", Name: "jobs"},
		{Kind: "sns", Name: "news"},
		{Kind: "sns", Name: "*"},
		{Kind: "dynamodb", Name: "orders"},
		{Kind: "kinesis", Name: "clicks"},
		{Kind: "schedule", Name: "nightly"},
		{Kind: "schedule", Name: "default/hourly"},
		{Kind: "schedule", Name: "jobs.all/weekly"},
		{Kind: "schedule", Name: "jobs.all/monthly"},
		{Kind: "schedule", Name: "arn:aws:events:eu-west-1:111122223333:rule/quarterly"},
		{Kind: "schedule", Name: "arn:aws:scheduler:eu-west-1:111122223333:schedule/default/yearly"},
		{Kind: "eventbridge", Name: "com.example.orders", DetailType: "order: created, [new] ${x}"},
		{Kind: "eventbridge", Name: "*"},
		{Kind: "iot", Name: "readings", Topic: "+/+/readings"},
		{Kind: "iot", Name: "presence_2", Topic: "$aws/events/presence/+/#"},
		{Kind: "custom", Name: "warmer"},
	}
	app.Needs = []describe.Need{
		{
			Kind: "iot", Variable: "IOT_ENDPOINT", Actions: []string{"iot:Publish"},
			Topics: []string{"+/+/commands", "all: 1/$x, y/#", "news"},
		},
		{Kind: "queue", Variable: "JOBS", Actions: []string{"sqs:SendMessage"}, Source: "jobs"},
		{Kind: "queue", Variable: "MAIL_QUEUE", Actions: []string{"sqs:SendMessage"}},
		{Kind: "setting", Variable: "SIZE", Default: "10"},
		{Kind: "setting", Variable: "VERSION", Description: "A name that has a meaning in modules.", Optional: true},
		{Kind: "table", Variable: "USERS", Actions: []string{"dynamodb:GetItem"}, Table: &describe.TableKeys{PartitionKey: "id"}},
	}
	return app
}
