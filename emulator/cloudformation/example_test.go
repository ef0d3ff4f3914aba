package cloudformation_test

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/cloudformation"
)

// Run a function behind the API that its template describes.
func ExampleRead() {
	template, err := os.ReadFile("testdata/hello.yaml")
	if err != nil {
		panic(err)
	}
	cfg, err := cloudformation.Read(template, cloudformation.WithParameter("StageName", "dev"))
	if err != nil {
		panic(err)
	}
	r := gatesock.New()
	gatesock.HandleReply(r, "greet", func(_ context.Context, _ *gatesock.Request, in struct{ Name string }) (string, error) {
		return "Hello, " + in.Name, nil
	})
	gateway, err := emulator.New(handlerOf(r), cfg)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	session, err := gateway.Connect(ctx, emulator.Handshake{}, printer{})
	if err != nil {
		panic(err)
	}
	for _, text := range []string{`{"action":"greet","id":"1","name":"Ann"}`, `{"action":"keepalive"}`} {
		if err := session.Receive(ctx, emulator.Message{Data: []byte(text)}); err != nil {
			panic(err)
		}
	}
	fmt.Println(gateway.BasePath(), gateway.Shutdown(ctx))
	// Output:
	// {"id":"1","action":"greet","data":"Hello, Ann"}
	// {"action":"keepalive","data":null}
	// closed 1012
	// /dev <nil>
}

// handlerOf returns a handler that does not describe itself, such as one in another language.
func handlerOf(h lambda.Handler) lambda.Handler { return opaque{h.Invoke} }

type opaque struct {
	invoke func(context.Context, []byte) ([]byte, error)
}

func (o opaque) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	return o.invoke(ctx, event)
}

// printer is a client that prints what it receives.
type printer struct{}

func (printer) Send(data []byte) error {
	fmt.Println(string(data))
	return nil
}

func (printer) Close(code int, _ string) { fmt.Println("closed", code) }
