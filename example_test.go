package gatesock_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
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

func add(_ context.Context, _ *gatesock.Request, in Add) (Sum, error) {
	return Sum{in.A + in.B}, nil
}

func Example() {
	r := gatesock.New()
	r.Use(gatesock.Recover())
	gatesock.HandleReply(r, "add", add)

	// In Lambda, call gatesock.Start(r). Lambda then delivers events like this one.
	out, err := r.Invoke(context.Background(), []byte(`{
		"requestContext": {"routeKey": "add", "eventType": "MESSAGE", "connectionId": "BFaT_fALIAMCKug="},
		"body": "{\"action\":\"add\",\"id\":\"1\",\"a\":1,\"b\":2}"
	}`))
	fmt.Println(string(out), err)
	// Output: {"statusCode":200,"body":"{\"id\":\"1\",\"action\":\"add\",\"data\":{\"sum\":3}}"} <nil>
}

// send invokes a router with a message, as the gateway does, and prints the frame of its answer, an
// error over several lines.
func send(r *gatesock.Router, routeKey, body string) {
	event, _ := json.Marshal(map[string]any{
		"requestContext": map[string]any{
			"routeKey": routeKey, "eventType": "MESSAGE", "connectionId": "BFaT_fALIAMCKug=",
		},
		"body": body,
	})
	out, err := r.Invoke(context.Background(), event)
	var response struct{ Body *string }
	switch {
	case err != nil || json.Unmarshal(out, &response) != nil:
		fmt.Println(string(out), err)
	case response.Body == nil:
		fmt.Println("no frame")
	default:
		fmt.Println(strings.NewReplacer(`"error":`, "\n  \"error\":", `"message":`, "\n    \"message\":").Replace(*response.Body))
	}
}

func ExampleRouter_OnConnect_refuse() {
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

func ExampleHandle_validate() {
	r := gatesock.New()
	gatesock.Handle(r, "rename", func(context.Context, *gatesock.Request, Rename) error { return nil })

	send(r, "rename", `{"action":"rename","id":"1","name":"Ann"}`)
	send(r, "rename", `{"action":"rename","id":"2"}`)
	send(r, "rename", `{"action":"rename","id":"3","name":5}`)
	// Output:
	// {"id":"1","action":"rename","data":null}
	// {"id":"2","action":"rename",
	//   "error":{"code":"invalid_argument",
	//     "message":"\"name\" must not be empty"}}
	// {"id":"3","action":"rename",
	//   "error":{"code":"invalid_argument",
	//     "message":"\"name\" must be a string, not a number"}}
}

func ExampleErrorf_keepTheCausePrivate() {
	err := gatesock.Errorf(gatesock.CodeUnavailable, "the history is not available").
		WithCause(errors.New("dial tcp: refused"))
	fmt.Println("the client sees:", err.Message)
	fmt.Println("the log has:    ", err)
	// Output:
	// the client sees: the history is not available
	// the log has:     unavailable: the history is not available: dial tcp: refused
}

func ExampleRecover() {
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	r.Use(gatesock.Recover())
	gatesock.Handle(r, "divide", func(_ context.Context, _ *gatesock.Request, in Add) error {
		_ = in.A / in.B
		return nil
	})
	send(r, "divide", `{"action":"divide","id":"1","a":1}`)
	// Output:
	// {"id":"1","action":"divide",
	//   "error":{"code":"internal",
	//     "message":"internal error"}}
}

func ExampleTimeout() {
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	r.Use(gatesock.Recover(), gatesock.Timeout(25*time.Second))
	gatesock.Handle(r, "search", func(ctx context.Context, _ *gatesock.Request, _ struct{}) error {
		<-ctx.Done() // a query that takes too long
		return fmt.Errorf("querying: %w", ctx.Err())
	}, gatesock.WithMiddleware(gatesock.Timeout(time.Millisecond)))
	send(r, "search", `{"action":"search","id":"1"}`)
	// Output:
	// {"id":"1","action":"search",
	//   "error":{"code":"deadline_exceeded",
	//     "message":"it took too long; it may or may not have been done"}}
}

func ExampleDenyByDefault_findOpenRoutes() {
	admins := gatesock.WithGuard("admins", func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			if req.PrincipalID() != "admin" {
				return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "for admins only")
			}
			return next(ctx, req)
		}
	})
	r := gatesock.New(gatesock.DenyByDefault())
	gatesock.Handle(r, "rename", func(context.Context, *gatesock.Request, Rename) error { return nil }, admins)
	gatesock.HandleReply(r, "add", add) // without a guard

	defer func() {
		fmt.Println(regexp.MustCompile(` at .*`).ReplaceAllString(fmt.Sprint(recover()), ""))
	}()
	r.Freeze() // Start calls it
	// Output: gatesock: DenyByDefault requires a guard, but these routes have none: "add"
}

func ExamplePush_Encode() {
	push := gatesock.Push{Event: "message", Topic: "room:1", Data: "hello"}
	frame, err := push.Encode(nil)
	fmt.Println(string(frame), err)
	// Output: {"event":"message","topic":"room:1","data":"hello"} <nil>
}

// Existing clients keep their names. The API's route selection expression is $request.body.type.
func ExampleWithEnvelope_existingClients() {
	names := gatesock.Envelope{Action: "type", ID: "requestId", Data: "payload", Input: "payload", Event: "type"}
	r := gatesock.New(gatesock.WithEnvelope(names))
	gatesock.HandleReply(r, "add", add)
	send(r, "add", `{"type":"add","requestId":"1","payload":{"a":1,"b":2}}`)
	send(r, "add", `{"type":"add","requestId":"2","payload":{"a":"1"}}`)

	// A broadcaster takes the same names by broadcast.WithEnvelope.
	frame, err := names.EncodePush(gatesock.Push{Event: "message", Data: "hello"}, nil)
	fmt.Println(string(frame), err)
	// Output:
	// {"requestId":"1","type":"add","payload":{"sum":3}}
	// {"requestId":"2","type":"add",
	//   "error":{"code":"invalid_argument",
	//     "message":"\"payload.a\" must be a whole number, not a string"}}
	// {"type":"message","payload":"hello"} <nil>
}

// JSON-RPC 2.0 on $default, with its own ids and errors.
func ExampleRaw_jsonRPC() {
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
		return &gatesock.Reply{Data: map[string]any{
			"jsonrpc": "2.0", "id": call.ID, "result": call.Params[0] + call.Params[1],
		}}, nil
	}, gatesock.Raw(), gatesock.WithErrorFrame(rpcError))

	send(r, "$default", `{"jsonrpc":"2.0","id":7,"method":"add","params":[1,2]}`)
	send(r, "$default", `{"jsonrpc":"2.0","method":"add","params":[1,2]}`)
	send(r, "$default", `{"jsonrpc":"2.0","id":8,"method":"sub"}`)
	// Output:
	// {"id":7,"jsonrpc":"2.0","result":3}
	// no frame
	// {
	//   "error":{"code":-32000,
	//     "message":"no such method"},"id":8,"jsonrpc":"2.0"}
}

func ExampleOneWay() {
	r := gatesock.New()
	typing := func(context.Context, *gatesock.Request, struct{}) error { return nil }
	gatesock.Handle(r, "typing", typing, gatesock.OneWay())
	send(r, "typing", `{"action":"typing","id":"1"}`)
	// Output: no frame
}

func ExampleRouter_Describe_listRoutes() {
	r := gatesock.New()
	gatesock.HandleReply(r, "add", add)
	gatesock.HandleReply(r, "sum", add)
	for _, route := range r.Describe().Routes {
		fmt.Printf("%-11s needs a route response: %t\n", route.Key, route.NeedsResponse)
	}
	// Output:
	// $connect    needs a route response: false
	// $default    needs a route response: true
	// $disconnect needs a route response: false
	// add         needs a route response: true
	// sum         needs a route response: true
}

func ExampleWithoutDefaultRoute() {
	send(gatesock.New(), "$default", `{"action":"sya","id":"1"}`)
	for _, route := range gatesock.New(gatesock.WithoutDefaultRoute()).Describe().Routes {
		fmt.Println(route.Key)
	}
	// Output:
	// {"id":"1","action":"sya",
	//   "error":{"code":"not_found",
	//     "message":"there is no action \"sya\""}}
	// $connect
	// $disconnect
}

func ExampleWrap_countEvents() {
	r := gatesock.New()
	count := 0
	h := gatesock.Wrap(r, func(next lambda.Handler) lambda.Handler {
		return handlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
			count++
			return next.Invoke(ctx, payload)
		})
	})
	_, err := h.Invoke(context.Background(), []byte(`{
		"requestContext": {"routeKey": "$connect", "eventType": "CONNECT", "connectionId": "BFaT_fALIAMCKug="}
	}`))
	fmt.Println("events:", count, err)

	app, found := gatesock.AppOf(h)
	fmt.Println("the router is still found:", found && app == r)
	// Output:
	// events: 1 <nil>
	// the router is still found: true
}
