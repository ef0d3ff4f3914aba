package gatesock_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
)

type Add struct {
	A, B int
}

type Sum struct {
	Sum int `json:"sum"`
}

func Example() {
	r := gatesock.New()
	r.Use(gatesock.Recover())
	gatesock.HandleReply(r, "add", func(_ context.Context, _ *gatesock.Request, in Add) (Sum, error) {
		return Sum{in.A + in.B}, nil
	})

	// In Lambda gatesock.Start(r) takes it from here. This is what the gateway hands over, and gets back:
	out, err := r.Invoke(context.Background(), []byte(`{
		"requestContext": {"routeKey": "add", "eventType": "MESSAGE", "connectionId": "BFaT_fALIAMCKug="},
		"body": "{\"action\":\"add\",\"id\":\"1\",\"a\":1,\"b\":2}"
	}`))
	fmt.Println(string(out), err)
	// Output: {"statusCode":200,"body":"{\"id\":\"1\",\"action\":\"add\",\"data\":{\"sum\":3}}"} <nil>
}

func ExampleRouter_Connect() {
	r := gatesock.New()
	r.Connect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		if req.Query.Get("token") != "secret" {
			return nil, gatesock.Errorf(gatesock.CodeUnauthenticated, "wrong token")
		}
		return &gatesock.Reply{Subprotocol: "chat.v1"}, nil
	})

	for _, token := range []string{"guess", "secret"} {
		out, err := r.Invoke(context.Background(), []byte(`{
			"queryStringParameters": {"token": "`+token+`"},
			"requestContext": {"routeKey": "$connect", "eventType": "CONNECT", "connectionId": "BFaT_fALIAMCKug="}
		}`))
		fmt.Println(string(out), err)
	}
	// Output:
	// {"statusCode":401} <nil>
	// {"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"chat.v1"}} <nil>
}

type Rename struct {
	Name string `json:"name"`
}

func (r Rename) Validate() error {
	if r.Name == "" {
		return errors.New(`"name" must not be empty`)
	}
	return nil
}

func ExampleHandle_validation() {
	r := gatesock.New()
	gatesock.Handle(r, "rename", func(context.Context, *gatesock.Request, Rename) error { return nil })

	for _, body := range []string{`{\"id\":\"1\",\"name\":\"Ann\"}`, `{\"id\":\"2\"}`, `{\"id\":\"3\",\"name\":5}`} {
		out, _ := r.Invoke(context.Background(), []byte(`{
			"requestContext": {"routeKey": "rename", "eventType": "MESSAGE", "connectionId": "BFaT_fALIAMCKug="},
			"body": "`+body+`"
		}`))
		fmt.Println(string(out))
	}
	// Output:
	// {"statusCode":200,"body":"{\"id\":\"1\",\"action\":\"rename\",\"data\":null}"}
	// {"statusCode":200,"body":"{\"id\":\"2\",\"action\":\"rename\",\"error\":{\"code\":\"invalid_argument\",\"message\":\"\\\"name\\\" must not be empty\"}}"}
	// {"statusCode":200,"body":"{\"id\":\"3\",\"action\":\"rename\",\"error\":{\"code\":\"invalid_argument\",\"message\":\"\\\"name\\\" must be a string, not a number\"}}"}
}

func ExampleErrorf() {
	err := gatesock.Errorf(gatesock.CodeUnavailable, "the history is not available").WithCause(errors.New("dial tcp: refused"))
	fmt.Println(err.Message) // for the client
	fmt.Println(err)         // for the log
	// Output:
	// the history is not available
	// unavailable: the history is not available: dial tcp: refused
}

func ExampleWrap() {
	r := gatesock.New()
	counted := 0
	h := gatesock.Wrap(r, func(next lambda.Handler) lambda.Handler {
		return handlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
			counted++
			return next.Invoke(ctx, payload)
		})
	})
	_, err := h.Invoke(context.Background(), []byte(`{"requestContext":{"eventType":"CONNECT","routeKey":"$connect","connectionId":"a"}}`))
	app, found := gatesock.AppOf(h)
	fmt.Println(counted, err, found, app == r)
	// Output: 1 <nil> true true
}

func ExamplePush() {
	frame, err := gatesock.Push{Event: "message", Topic: "room:1", Data: "hello"}.Encode(gatesock.JSON{})
	fmt.Println(string(frame), err)
	// Output: {"event":"message","topic":"room:1","data":"hello"} <nil>
}
