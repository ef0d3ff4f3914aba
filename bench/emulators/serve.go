package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/bench/internal/harness"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
	"github.com/gatesock/gatesock/emulator/runtimeapi/managed"
)

// The roles of package emulator.
const (
	roleServe    = "serve"    // the emulator
	roleFunction = "function" // the Go program behind it
)

// What is behind the emulator.
const (
	kindInProcess = "in process"
	kindGo        = "go"
	kindNode      = "node"
)

// serveOrder is what the role serve is started with.
type serveOrder struct {
	Kind    string `json:"kind"`
	Address string `json:"address"`
	Folder  string `json:"folder,omitempty"` // of the Node.js function
	Seen    string `json:"seen,omitempty"`   // a file for the names of the routes that were invoked
}

// message is the message of the load.
type message struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// router has the routes that the other emulators have too.
func router() *gatesock.Router {
	r := gatesock.New()
	nothing := func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil }
	r.OnConnect(nothing)
	r.OnDisconnect(nothing)
	r.OnDefault(nothing)
	gatesock.HandleReply(r, "echo", func(_ context.Context, _ *gatesock.Request, in message) (message, error) {
		return in, nil
	})
	return r
}

// plain is a handler as the others have one, for the probe: it returns the body, and notes the
// route of a message.
func plain(note func(string)) any {
	return func(
		_ context.Context, e *events.APIGatewayWebsocketProxyRequest,
	) (events.APIGatewayProxyResponse, error) {
		if e.Body != "" { // a message, whatever the event's type
			note(e.RequestContext.RouteKey)
		}
		return events.APIGatewayProxyResponse{StatusCode: http.StatusOK, Body: e.Body}, nil
	}
}

// noteIn returns a function that appends lines to a file.
func noteIn(file string) func(string) {
	return func(route string) {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0) //nolint:gosec // the command has made it
		if err != nil {
			return
		}
		_, _ = f.WriteString(route + "\n")
		f.Close()
	}
}

// function is a Lambda function: it talks to the Runtime API.
func function(context.Context, []string, io.Reader, io.Writer) error {
	lambda.Start(router())
	return nil
}

// routes are those of router, for a function that does not describe itself.
func routes() []gatesock.Route {
	return []gatesock.Route{
		{Key: "$connect"}, {Key: "$disconnect"}, {Key: "$default"}, {Key: "echo", NeedsResponse: true}, {Key: "quiet"},
	}
}

// serve is a process with the emulator, until its input ends.
func serve(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	var o serveOrder
	if err := harness.ReadOrder(roleServe, args, &o); err != nil {
		return err
	}
	handler, end, err := handlerOf(ctx, o)
	if err != nil {
		return err
	}
	var c emulator.Config
	if o.Kind != kindInProcess || o.Seen != "" {
		c.Routes = routes()
	}
	g, err := emulator.New(handler, c)
	if err != nil {
		return errors.Join(err, end(ctx))
	}
	s, err := emulator.Serve(ctx, g, o.Address)
	if err != nil {
		return errors.Join(err, end(ctx))
	}
	err = harness.Serve(in, out, struct{}{}, nil)
	after := context.WithoutCancel(ctx)
	return errors.Join(err, s.Close(after), end(after))
}

// handlerOf returns what is behind the emulator, and what ends it.
func handlerOf(ctx context.Context, o serveOrder) (lambda.Handler, func(context.Context) error, error) {
	var c runtimeapi.Config
	switch o.Kind {
	case kindInProcess:
		nothing := func(context.Context) error { return nil }
		if o.Seen != "" {
			return lambda.NewHandler(plain(noteIn(o.Seen))), nothing, nil
		}
		return router(), nothing, nil
	case kindGo:
		self, err := os.Executable()
		if err != nil {
			return nil, nil, err
		}
		c = runtimeapi.Config{Command: []string{self, roleFunction}}
	case kindNode:
		p, err := managed.Prepare(ctx, managed.Options{
			Runtime: "nodejs20.x", Handler: "app.handler", Folder: o.Folder, Cache: os.TempDir(),
		})
		if err != nil {
			return nil, nil, err
		}
		c = runtimeapi.Config{Command: p.Command, Dir: p.Dir, Env: p.Env, Handler: "app.handler"}
	default:
		return nil, nil, errors.New("no kind " + o.Kind)
	}
	f, err := runtimeapi.New(c)
	if err != nil {
		return nil, nil, err
	}
	return f, f.Close, nil
}
