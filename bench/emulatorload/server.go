package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gatesock/gatesock/bench/internal/process"
)

// The kinds of server.
const (
	kindBare     = "bare"
	kindExample  = "example"
	kindGatesock = "gatesock"
)

// ready is what a server process says first.
type ready struct {
	// Address is host:port/path.
	Address string `json:"address"`
}

// orderCounts asks a server process for its counts.
const orderCounts = "counts"

// counts is what a server's handlers have seen. The others leave it empty.
type counts struct {
	Connects    int         `json:"connects"`
	Disconnects map[int]int `json:"disconnects"` // by close code
}

// disconnects gives the number of all of them.
func (c counts) disconnects() int {
	n := 0
	for _, m := range c.Disconnects {
		n += m
	}
	return n
}

// serve is a server process. It says where it listens, answers orders, and ends when its standard input does. Given a file
// as a second argument, it writes a CPU profile of its life there.
func serve(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) < 1 || len(args) > 2 {
		return errors.New("usage: serve bare|example|gatesock [profile]")
	}
	if len(args) == 2 {
		stop, err := process.Profile(args[1])
		if err != nil {
			return err
		}
		defer stop()
	}
	s, err := startKind(ctx, args[0])
	if err != nil {
		return err
	}
	return errors.Join(s.answer(in, json.NewEncoder(out)), s.close(ctx))
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

// answer says where the server is, and answers orders until there are no more.
func (s *server) answer(in io.Reader, out *json.Encoder) error {
	if err := out.Encode(ready{s.address}); err != nil {
		return err
	}
	orders := bufio.NewScanner(in)
	for orders.Scan() {
		if orders.Text() != orderCounts {
			return fmt.Errorf("unknown order %q", orders.Text())
		}
		if err := out.Encode(s.counts()); err != nil {
			return err
		}
	}
	return orders.Err()
}
