// Command local runs the chat on this machine: its page, and behind it the emulated gateway with the same
// handlers that run in Lambda. Its state is in memory, or in a DynamoDB table, which is made if need be.
//
//	go run ./chat/cmd/local -addr 127.0.0.1:8080
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

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/examples/chat/web"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "the address to listen on; port 0 takes a free one")
	var at place
	flag.StringVar(&at.table, "table", "", "the DynamoDB table to keep the state in, instead of memory")
	flag.StringVar(&at.endpoint, "dynamodb", "", "where DynamoDB Local is, as in http://127.0.0.1:8000, instead of AWS")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, *addr, at)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

// run serves the chat until ctx ends.
func run(ctx context.Context, addr string, at place) error {
	var poster struct{ gatesock.Poster } // the gateway, which in turn wants the router
	app, err := at.open(ctx, &poster)
	if err != nil {
		return err
	}
	gateway, err := emulator.New(app.Router(), emulator.Config{Stage: "local"})
	if err != nil {
		return err
	}
	poster.Poster = gateway

	mux := http.NewServeMux()
	mux.Handle("/", web.Handler())
	mux.Handle("/local", gateway)
	mux.Handle("/local/", gateway)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("State is in %s.\n", at)
	fmt.Printf("Chat is running at http://%s/\n", listener.Addr())
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = errors.Join(gateway.Shutdown(ctx), server.Shutdown(ctx))
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		return end
	}
	return err
}
