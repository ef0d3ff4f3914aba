// Command local runs the chat on this machine: its page, an identity provider for development, and
// the emulated gateway with the same handlers and the same authorizer that run in Lambda. Its state
// is in memory, or in a DynamoDB table, which it creates if necessary.
//
//	go run ./chat/cmd/local -addr 127.0.0.1:8080
//	go run ./chat/cmd/local -open                      # without signing in
//	go run ./chat/cmd/local -table gatesock-chat -dynamodb http://127.0.0.1:8000
//	go run ./chat/cmd/local -table gatesock-chat
//	GATESOCK_METRICS=chat go run ./chat/cmd/local      # prints the metrics of each event
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/examples/chat/web"
	"github.com/gatesock/gatesock/observe"
	"github.com/gatesock/gatesock/ratelimit"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on; port 0 picks a free one")
	var at place
	flag.StringVar(&at.table, "table", "", "DynamoDB table for the state, instead of memory")
	flag.StringVar(
		&at.endpoint,
		"dynamodb",
		"",
		"URL of DynamoDB Local, for example http://127.0.0.1:8000, instead of AWS",
	)
	var s signIn
	flag.BoolVar(&s.open, "open", false, "skip sign-in: let anybody in, under any name")
	flag.StringVar(
		&s.origins,
		"origins",
		"",
		"further origins whose pages may connect, for example http://a.test:8080,https://b.test",
	)
	flag.DurationVar(&s.tokenTime, "token-time", 10*time.Minute, "lifetime of a token, at least 1s")
	limit := ratelimit.Limit{Rate: 2, Burst: 20}
	flag.Float64Var(&limit.Rate, "rate", limit.Rate, "messages per second that each person may send; 0 means no limit")
	flag.IntVar(&limit.Burst, "burst", limit.Burst, "messages that each person may send at once, at least 2")
	flag.Parse()
	if limit.Rate == 0 {
		limit = ratelimit.Limit{}
	} else if err := limit.Validate(); err != nil || limit.Burst < 2 {
		log.Fatal("-rate or -burst: ", errors.Join(err, errors.New("-burst must be at least 2")))
	}
	if s.tokenTime < time.Second {
		log.Fatal("-token-time must be at least 1s")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, *addr, at, s, chat.WithLimit(limit))
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

// run serves the chat until ctx ends.
func run(ctx context.Context, addr string, at place, s signIn, options ...chat.Option) error {
	if gatesock.InLambda() {
		addr = "127.0.0.1:0" // to describe the chat, even while another one has the address
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	l, err := newLocal(ctx, listener.Addr(), at, s, options)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	slog.SetDefault(slog.New(l.bench.LogHandler(observe.NewLogHandler(os.Stderr, nil))))
	server := &http.Server{Handler: l.handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	fmt.Printf("State is in %s.\n", at)
	fmt.Println(s)
	fmt.Printf("Chat is running at http://%s/\n", listener.Addr())
	fmt.Printf("Workbench: %s (seed %d)\n", l.bench.URL("http://"+listener.Addr().String()), l.bench.Seed())
	served := make(chan error, 1)
	go func() { served <- server.Serve(emulator.NewListener(listener)) }()

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	err = errors.Join(l.bench.Close(ctx), l.gateway.Shutdown(ctx), server.Shutdown(ctx))
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		return end
	}
	return err
}

// metrics returns where the lines with metrics go: to standard output, as in Lambda, if the
// environment variable for their namespace is set.
func metrics() io.Writer {
	if os.Getenv(observe.Variable) == "" {
		return io.Discard
	}
	return os.Stdout
}

// local is what the program serves.
type local struct {
	app     *chat.App
	bench   *workbench.Workbench
	gateway *emulator.Gateway
	handler http.Handler // of the gateway, the workbench, the page and the identity provider
}

func newLocal(ctx context.Context, addr net.Addr, at place, s signIn, options []chat.Option) (*local, error) {
	mux := http.NewServeMux()
	issuer := ""
	if !s.open {
		provider, url, option, err := s.provider(addr)
		if err != nil {
			return nil, err
		}
		issuer, options = url, append(options, option)
		mux.Handle("/idp/", provider)
	}
	page, err := web.Handler(issuer)
	if err != nil {
		return nil, err
	}
	l := new(local)
	l.bench, err = workbench.New(workbench.Config{
		Name: "chat", MachineClock: true,
		Members: func(ctx context.Context, id string) (string, []string, error) { return l.app.Members(ctx, id) },
		Test: workbench.TestTemplate{
			Package: "chat_test", Imports: []string{"github.com/gatesock/gatesock/examples/chat"},
			New: "chat.NewInMemory(rec).Handler()",
		},
	})
	if err != nil {
		return nil, err
	}
	stage := l.bench.Stage("local")
	l.gateway, err = emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		var err error
		if l.app, err = at.open(ctx, api, options...); err != nil {
			return nil, err
		}
		handler := observe.New(observe.WithOutput(metrics())).Handler(l.app.Handler())
		if gatesock.InLambda() {
			gatesock.Start(handler) // prints the description and exits
		}
		return handler, nil
	}, stage.Config(emulator.Config{Stage: "local", Hosts: s.hosts()})) //nolint:contextcheck // nothing is connected yet
	if err != nil {
		return nil, err
	}
	mux.Handle("/", page)
	mux.Handle("/local", l.gateway)
	mux.Handle("/local/", l.gateway)
	l.handler = l.bench.Handler(mux)
	return l, stage.Attach(l.gateway) //nolint:contextcheck // nothing is connected yet
}
