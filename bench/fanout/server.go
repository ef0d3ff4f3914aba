package main

import (
	"context"
	"errors"
	"io"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

// serverOrder is what a server process is started with.
type serverOrder struct {
	H2     bool `json:"h2"`     // offer HTTP/2
	Prompt bool `json:"prompt"` // answer without delay
}

// ready is a server's first answer.
type ready struct {
	Endpoint string `json:"endpoint"`
	Roots    string `json:"roots"` // the certificate that clients are to trust, in PEM
}

// askCounts asks a server process for its counts.
const askCounts = "counts"

// serve is a server process.
func serve(ctx context.Context, args []string, in io.Reader, out io.Writer) (err error) {
	var o serverOrder
	if err := harness.ReadOrder(roleServe, args, &o); err != nil {
		return err
	}
	g, err := startGateway(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	return harness.Serve(in, out, g.ready, map[string]func() any{askCounts: func() any { return g.counter.counts() }})
}
