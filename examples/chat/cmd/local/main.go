// Command local runs the chat on this machine: its page, an identity provider for development at which people sign in, and
// behind them the emulated gateway with the same handlers and the same authorizer that run in Lambda. Its state is in memory,
// or in a DynamoDB table, which is made if need be.
//
//	go run ./chat/cmd/local -addr 127.0.0.1:8080
//	go run ./chat/cmd/local -open                      # without signing in
//	go run ./chat/cmd/local -table gatesock-chat -dynamodb http://127.0.0.1:8000
//	go run ./chat/cmd/local -table gatesock-chat
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/examples/chat/web"
	"github.com/gatesock/gatesock/ratelimit"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "the address to listen on; port 0 takes a free one")
	var at place
	flag.StringVar(&at.table, "table", "", "the DynamoDB table to keep the state in, instead of memory")
	flag.StringVar(&at.endpoint, "dynamodb", "", "where DynamoDB Local is, as in http://127.0.0.1:8000, instead of AWS")
	var s signIn
	flag.BoolVar(&s.open, "open", false, "let anybody in, under any name")
	flag.StringVar(&s.origins, "origins", "", "origins of pages that may connect besides those on this machine, as in http://a.test:8080,https://b.test")
	flag.DurationVar(&s.tokenTime, "token-time", 10*time.Minute, "how long a token is good, at least a second")
	limit := ratelimit.Limit{Rate: 2, Burst: 20}
	flag.Float64Var(&limit.Rate, "rate", limit.Rate, "how many messages a second one may send in the long run; 0 is no limit")
	flag.IntVar(&limit.Burst, "burst", limit.Burst, "how many messages one may send at once, at least 2")
	flag.Parse()
	if limit.Rate == 0 {
		limit = ratelimit.Limit{}
	} else if err := limit.Validate(); err != nil || limit.Burst < 2 {
		log.Fatal("-rate or -burst: ", errors.Join(err, errors.New("a burst is at least 2")))
	}
	if s.tokenTime < time.Second {
		log.Fatal("-token-time is less than a second")
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
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	gateway, handler, err := serve(ctx, listener.Addr(), at, s, options)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	fmt.Printf("State is in %s.\n", at)
	fmt.Println(s)
	fmt.Printf("Chat is running at http://%s/\n", listener.Addr())
	served := make(chan error, 1)
	go func() { served <- server.Serve(emulator.NewListener(listener)) }()

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	err = errors.Join(gateway.Shutdown(ctx), server.Shutdown(ctx))
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		return end
	}
	return err
}

// serve gives the gateway, and all that is served beside it.
func serve(ctx context.Context, addr net.Addr, at place, s signIn, options []chat.Option) (*emulator.Gateway, http.Handler, error) {
	mux := http.NewServeMux()
	issuer := ""
	if !s.open {
		provider, url, option, err := s.provider(addr)
		if err != nil {
			return nil, nil, err
		}
		issuer, options = url, append(options, option)
		mux.Handle("/idp/", provider)
	}
	page, err := web.Handler(issuer)
	if err != nil {
		return nil, nil, err
	}
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		app, err := at.open(ctx, api, options...)
		if err != nil {
			return nil, err
		}
		return app.Handler(), nil
	}, emulator.Config{Stage: "local", Hosts: s.hosts()})
	if err != nil {
		return nil, nil, err
	}
	mux.Handle("/", page)
	mux.Handle("/local", gateway)
	mux.Handle("/local/", gateway)
	return gateway, mux, nil
}
