package eventmux_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/broadcast/sqsrelay"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
)

// queue stands for an sqs.Client.
type queue struct{}

func (queue) SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	return new(sqs.SendMessageOutput), nil
}

// clients stands for an apigw.Client.
type clients struct{}

func (clients) Post(context.Context, gatesock.Target, []byte) error { return nil }

// One binary serves the WebSocket API and its authorizer, the HTTP endpoint at which a page gets its ticket, the queue that
// carries long sends on, a queue of the app's own, a schedule with an input, and a warmer.
func Example() {
	pages := authz.Origins("https://app.example.com")
	tickets := authz.NewTickets(authz.NewMemoryTickets(), authz.WithOrigins(pages))
	endpoint := http.NewServeMux()
	endpoint.Handle("/ticket", tickets.Handler(func(*http.Request) (authz.Principal, error) {
		return authz.Principal{ID: "ann"}, nil // whoever the session of the request is of
	}))

	relay, err := sqsrelay.New(queue{}, "https://sqs.eu-west-1.amazonaws.com/123456789012/chat-relay")
	if err != nil {
		fmt.Println(err)
		return
	}
	b := broadcast.New(clients{}, conn.NewMemory(), broadcast.WithRelay(relay))

	mail := func(_ context.Context, e events.SQSEvent) error {
		fmt.Println("mail to", e.Records[0].Body)
		return nil
	}
	report := func(_ context.Context, in struct{ Day string }) error {
		fmt.Println("report of", in.Day)
		return nil
	}

	mux := eventmux.New(
		eventmux.WebSocket(gatesock.New()),
		eventmux.Authorizer(authz.NewAuthorizer(authz.All(pages, tickets.Authenticator()))),
		eventmux.HTTP(endpoint),
		eventmux.SQS("chat-relay", sqsrelay.Handler(b)),
		eventmux.SQS("mail", lambda.NewHandler(mail)),
		eventmux.Member("job", "report", lambda.NewHandler(report)),
		eventmux.Member("warmer", "true", lambda.NewHandler(func() {})),
	)

	// In Lambda gatesock.Start(mux) takes it from here. These are the events of the sources, and what they get.
	varying := regexp.MustCompile(`"headers":{[^}]*},|\{\\"ticket\\".*Z\\"}\\n`)
	for _, event := range []string{
		`{"version":"2.0","rawPath":"/ticket","headers":{"origin":"https://app.example.com"},"requestContext":{"http":{"method":"POST"}}}`,
		`{"Records":[{"messageId":"1","body":"no job","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:chat-relay"}]}`,
		`{"Records":[{"messageId":"2","body":"bob","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:mail"}]}`,
		`{"job":"report","day":"2026-11-27"}`,
		`{"warmer":true}`,
		`{"Records":[{"EventSource":"aws:sns","Sns":{"TopicArn":"arn:aws:sns:eu-west-1:123456789012:news"}}]}`,
		`{"requestContext":{"eventType":"CONNECT","routeKey":"$connect","connectionId":"W9In1dPTIAMCE3g="}}`,
	} {
		out, err := mux.Invoke(context.Background(), []byte(event))
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(varying.ReplaceAllString(string(out), "…"))
	}
	// Output:
	// {"statusCode":200,…"body":"…","isBase64Encoded":false}
	// {"batchItemFailures":[{"itemIdentifier":"1"}]}
	// mail to bob
	// null
	// report of 2026-11-27
	// null
	// null
	// eventmux: no source takes this event: it looks like an SNS event from "arn:aws:sns:eu-west-1:123456789012:news"; the mux takes websocket, authorizer, http, sqs "chat-relay", sqs "mail", member "job=report", member "warmer=true"
	// eventmux: a $connect came without what an authorizer says, although the mux has one: make the function the authorizer of the API's $connect route (in the emulator, see gatesock.Wrap)
}

func ExampleMatch() {
	uploads := func(e eventmux.Event) bool { return e.Source == "aws:s3" }
	mux := eventmux.New(
		eventmux.Match("uploads", uploads, lambda.NewHandler(func(_ context.Context, e events.S3Event) (string, error) {
			return e.Records[0].S3.Object.Key, nil
		})),
		eventmux.Fallback(lambda.NewHandler(func() (string, error) { return "something else", nil })),
	)
	for _, event := range []string{`{"Records":[{"eventSource":"aws:s3","s3":{"object":{"key":"cat.jpg"}}}]}`, `{}`} {
		out, err := mux.Invoke(context.Background(), []byte(event))
		fmt.Println(string(out), err)
	}
	// Output:
	// "cat.jpg" <nil>
	// "something else" <nil>
}
