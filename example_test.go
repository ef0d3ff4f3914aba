package gatesock_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

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

func ExampleRouter_OnConnect() {
	r := gatesock.New()
	r.OnConnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
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

// send invokes a router with a message, as the gateway does, and returns the frame of its answer.
func send(r *gatesock.Router, routeKey, body string) string {
	event, _ := json.Marshal(map[string]any{
		"requestContext": map[string]any{"routeKey": routeKey, "eventType": "MESSAGE", "connectionId": "BFaT_fALIAMCKug="},
		"body":           body,
	})
	out, err := r.Invoke(context.Background(), event)
	var response struct{ Body *string }
	switch {
	case err != nil || json.Unmarshal(out, &response) != nil:
		return fmt.Sprintln(string(out), err)
	case response.Body == nil:
		return "no frame"
	default:
		return *response.Body
	}
}

// Clients that exist already keep their names. The API's route selection expression is $request.body.type.
func ExampleWithEnvelope() {
	names := gatesock.Envelope{Action: "type", ID: "requestId", Data: "payload", Input: "payload", Event: "type"}
	r := gatesock.New(gatesock.WithEnvelope(names))
	gatesock.HandleReply(r, "add", func(_ context.Context, _ *gatesock.Request, in Add) (Sum, error) {
		return Sum{in.A + in.B}, nil
	})
	fmt.Println(send(r, "add", `{"type":"add","requestId":"1","payload":{"a":1,"b":2}}`))
	fmt.Println(send(r, "add", `{"type":"add","requestId":"2","payload":{"a":"1"}}`))

	// A broadcaster takes the same names by broadcast.WithEnvelope.
	frame, err := names.EncodePush(gatesock.Push{Event: "message", Data: "hello"}, nil)
	fmt.Println(string(frame), err)
	// Output:
	// {"requestId":"1","type":"add","payload":{"sum":3}}
	// {"requestId":"2","type":"add","error":{"code":"invalid_argument","message":"\"payload.a\" must be a whole number, not a string"}}
	// {"type":"message","payload":"hello"} <nil>
}

func ExampleOneWay() {
	r := gatesock.New()
	gatesock.Handle(r, "typing", func(context.Context, *gatesock.Request, struct{}) error { return nil }, gatesock.OneWay())
	fmt.Println(send(r, "typing", `{"action":"typing","id":"1"}`))
	for _, route := range r.Describe().Routes {
		fmt.Println(route.Key, route.NeedsResponse)
	}
	// Output:
	// no frame
	// $connect false
	// $default true
	// $disconnect false
	// typing false
}

// JSON-RPC 2.0 on $default, with its own ids and errors.
func ExampleRaw() {
	rpcError := func(req *gatesock.Request, err *gatesock.Error) []byte {
		var call struct{ ID json.RawMessage }
		_ = json.Unmarshal(req.Body, &call)
		frame, _ := json.Marshal(map[string]any{
			"jsonrpc": "2.0", "id": call.ID, "error": map[string]any{"code": -32000, "message": err.Message},
		})
		return frame
	}
	r := gatesock.New()
	r.OnDefault(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		var call struct {
			ID     json.RawMessage
			Method string
			Params [2]int
		}
		switch err := json.Unmarshal(req.Body, &call); {
		case err != nil || call.Method != "add":
			return nil, gatesock.Errorf(gatesock.CodeNotFound, "no such method")
		case call.ID == nil: // a notification
			return nil, nil
		}
		return &gatesock.Reply{Data: map[string]any{"jsonrpc": "2.0", "id": call.ID, "result": call.Params[0] + call.Params[1]}}, nil
	}, gatesock.Raw(), gatesock.WithErrorFrame(rpcError))

	fmt.Println(send(r, "$default", `{"jsonrpc":"2.0","id":7,"method":"add","params":[1,2]}`))
	fmt.Println(send(r, "$default", `{"jsonrpc":"2.0","method":"add","params":[1,2]}`))
	fmt.Println(send(r, "$default", `{"jsonrpc":"2.0","id":8,"method":"sub"}`))
	// Output:
	// {"id":7,"jsonrpc":"2.0","result":3}
	// no frame
	// {"error":{"code":-32000,"message":"no such method"},"id":8,"jsonrpc":"2.0"}
}

func ExampleTimeout() {
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	r.Use(gatesock.Recover(), gatesock.Timeout(25*time.Second))
	gatesock.Handle(r, "search", func(ctx context.Context, _ *gatesock.Request, _ struct{}) error {
		<-ctx.Done() // a query that takes too long
		return fmt.Errorf("querying: %w", ctx.Err())
	}, gatesock.WithMiddleware(gatesock.Timeout(time.Millisecond)))
	fmt.Println(send(r, "search", `{"action":"search","id":"1"}`))
	// Output: {"id":"1","action":"search","error":{"code":"deadline_exceeded","message":"it took too long; it may or may not have been done"}}
}

func ExampleWithoutDefaultRoute() {
	for _, r := range []*gatesock.Router{gatesock.New(), gatesock.New(gatesock.WithoutDefaultRoute())} {
		var keys []string
		for _, route := range r.Describe().Routes {
			keys = append(keys, route.Key)
		}
		fmt.Println(keys)
	}
	fmt.Println(send(gatesock.New(), "$default", `{"action":"sya","id":"1"}`))
	// Output:
	// [$connect $default $disconnect]
	// [$connect $disconnect]
	// {"id":"1","action":"sya","error":{"code":"not_found","message":"there is no action \"sya\""}}
}
