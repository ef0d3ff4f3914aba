package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

// The kinds of server.
const (
	kindBare     = "bare"
	kindExample  = "example"
	kindGatesock = "gatesock"
)

// ready is the first answer of a server process.
type ready struct {
	// Address is host:port/path.
	Address string `json:"address"`
}

// askCounts asks a server process for its counts.
const askCounts = "counts"

// counts has the events that the emulator's handlers have seen. Other servers leave it empty.
type counts struct {
	Connects    int         `json:"connects"`
	Disconnects map[int]int `json:"disconnects"` // by close code
}

// disconnects returns the number of $disconnect events.
func (c counts) disconnects() int {
	n := 0
	for _, m := range c.Disconnects {
		n += m
	}
	return n
}

// serverOrder is what a server process is started with.
type serverOrder struct {
	Kind    string `json:"kind"`
	Profile string `json:"profile,omitempty"` // a file for a CPU profile of the server's life
}

// serve is a server process.
func serve(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	var o serverOrder
	if err := harness.ReadOrder(roleServe, args, &o); err != nil {
		return err
	}
	stop, err := harness.Profile(o.Profile)
	if err != nil {
		return err
	}
	defer stop()
	s, err := startKind(ctx, o.Kind)
	if err != nil {
		return err
	}
	answers := map[string]func() any{askCounts: func() any { return s.counts() }}
	return errors.Join(harness.Serve(in, out, ready{s.address}, answers), s.close(ctx))
}

// server is a running server.
type server struct {
	address string
	counts  func() counts
	close   func(context.Context) error
}

// startKind starts a server in this process.
func startKind(ctx context.Context, kind string) (*server, error) {
	switch kind {
	case kindBare:
		return startBare(ctx)
	case kindExample:
		return startExample(ctx)
	case kindGatesock:
		return startGatesock(ctx)
	default:
		return nil, fmt.Errorf("no server %q", kind)
	}
}
