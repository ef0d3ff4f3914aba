package eventmux_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/eventmux"
)

// invoke passes events to a mux, as Lambda does, and prints the results.
func invoke(mux *eventmux.Mux, events ...string) {
	for _, event := range events {
		out, err := mux.Invoke(context.Background(), []byte(event))
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(string(out))
	}
}

// One function serves the WebSocket API, an HTTP endpoint, a queue, a schedule with an input and a
// warmer.
func Example() {
	endpoint := http.NewServeMux()
	endpoint.HandleFunc("POST /ticket", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "a ticket")
	})
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
		eventmux.HTTP(endpoint),
		eventmux.SQS("mail", lambda.NewHandler(mail)),
		eventmux.Member("job", "report", lambda.NewHandler(report)),
		eventmux.Member("warmer", "true", lambda.NewHandler(func() {})),
	)

	// In Lambda, call gatesock.Start(mux). Lambda then delivers events like these.
	invoke(mux,
		`{"requestContext":{"eventType":"CONNECT","routeKey":"$connect","connectionId":"W9In1dPTIAMCE3g="}}`,
		`{"Records":[{"body":"bob","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:mail"}]}`,
		`{"job":"report","day":"2026-11-27"}`,
		`{"warmer":true}`,
	)
	// Output:
	// {"statusCode":200}
	// mail to bob
	// null
	// report of 2026-11-27
	// null
	// null
}

func ExampleHTTP() {
	mux := eventmux.New(eventmux.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = nil // shortens the output
		fmt.Fprintf(w, "%s %s from %s", r.Method, r.URL.Path, r.RemoteAddr)
	})))
	invoke(mux, `{
		"version": "2.0", "rawPath": "/ticket",
		"requestContext": {"http": {"method": "POST", "sourceIp": "192.0.2.1"}}
	}`)
	// Output:
	// {"statusCode":200,"body":"POST /ticket from 192.0.2.1:0","isBase64Encoded":false}
}

// The ARN of one queue is more specific than a name, and a name more specific than Any.
func ExampleSQS_mostSpecific() {
	prints := func(text string) lambda.Handler { return lambda.NewHandler(func() { fmt.Println(text) }) }
	mux := eventmux.New(
		eventmux.SQS(eventmux.Any, prints("any queue")),
		eventmux.SQS("mail", prints("a queue named mail")),
		eventmux.SQS("arn:aws:sqs:eu-west-1:123456789012:mail", prints("this queue")),
	)
	for _, arn := range []string{
		"arn:aws:sqs:eu-west-1:123456789012:mail", "arn:aws:sqs:us-east-1:123456789012:mail", "arn:aws:sqs:eu-west-1:123456789012:jobs",
	} {
		_, _ = mux.Invoke(context.Background(), []byte(`{"Records":[{"eventSource":"aws:sqs","eventSourceARN":"`+arn+`"}]}`))
	}
	// Output:
	// this queue
	// a queue named mail
	// any queue
}

// Devices publish readings by MQTT. The topic says whose they are: the policies of the devices on
// AWS IoT allow each only its own.
func ExampleIoTRule() {
	readings := func(_ context.Context, m eventmux.IoTMessage) error {
		level := strings.Split(m.Topic, "/")
		fmt.Printf("tenant %s, device %s: %s\n", level[0], level[1], m.Payload)
		return nil
	}
	mux := eventmux.New(eventmux.IoTRule("readings", "+/+/readings", eventmux.IoTHandler(readings)))

	// A test, or a broker that runs without AWS, makes the event that AWS IoT would send.
	m := eventmux.IoTMessage{
		Rule: "readings", Topic: "acme/d1/readings", ClientID: "d1", Payload: []byte(`{"celsius":21}`), Time: time.Now(),
	}
	invoke(mux, string(m.Event()))
	// Output:
	// tenant acme, device d1: {"celsius":21}
	// null
}

func ExampleMatch_uploads() {
	uploads := func(e eventmux.Event) bool { return e.Source == "aws:s3" }
	mux := eventmux.New(
		eventmux.Match("uploads", uploads, lambda.NewHandler(func(_ context.Context, e events.S3Event) (string, error) {
			return e.Records[0].S3.Object.Key, nil
		})),
		eventmux.Fallback(lambda.NewHandler(func() (string, error) { return "something else", nil })),
	)
	invoke(mux, `{"Records":[{"eventSource":"aws:s3","s3":{"object":{"key":"cat.jpg"}}}]}`, `{}`)
	// Output:
	// "cat.jpg"
	// "something else"
}

// An event that no source takes is an error that describes it.
func ExampleMux_Invoke_noSource() {
	mux := eventmux.New(
		eventmux.WebSocket(gatesock.New()),
		eventmux.SQS("mail", lambda.NewHandler(func() {})),
	)
	_, err := mux.Invoke(context.Background(), []byte(`{"Records":[{"EventSource":"aws:sns","Sns":{"TopicArn":"news"}}]}`))
	fmt.Println(lines(err.Error()))
	// Output:
	// eventmux: no source takes this event:
	// it looks like an SNS event from "news";
	// the mux takes websocket, sqs "mail"
}

// A connection that bypassed the authorizer is refused.
func ExampleAuthorizer_bypassed() {
	mux := eventmux.New(
		eventmux.WebSocket(gatesock.New()),
		eventmux.Authorizer(lambda.NewHandler(func() {})),
	)
	_, err := mux.Invoke(context.Background(), []byte(`{
		"requestContext": {"eventType": "CONNECT", "routeKey": "$connect", "connectionId": "W9In1dPTIAMCE3g="}
	}`))
	fmt.Println(lines(err.Error()))
	// Output:
	// eventmux: a $connect event without an authorizer's result, although the mux has an Authorizer:
	// make the function the authorizer of the API's $connect route
	// (in the emulator, see gatesock.Wrap)
}

// lines breaks a text after colons and semicolons.
func lines(text string) string {
	return regexp.MustCompile(`(event:|Authorizer:|route|;) `).ReplaceAllString(text, "$1\n")
}
