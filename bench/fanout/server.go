package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// serverOrder is what a server process is started with.
type serverOrder struct {
	H2     bool `json:"h2"`     // offer HTTP/2
	Prompt bool `json:"prompt"` // answer without delay
}

// ready is what it says first.
type ready struct {
	Endpoint string `json:"endpoint"`
	Roots    string `json:"roots"` // the certificate that clients are to trust, in PEM
}

// orderCounts asks a server process for its counts.
const orderCounts = "counts"

// serve is a server process. It says where it is, answers orders, and ends when its standard input does.
func serve(ctx context.Context, args []string, in io.Reader, out io.Writer) (err error) {
	var o serverOrder
	if err := readOrder(roleServe, args, &o); err != nil {
		return err
	}
	g, err := startGateway(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	answers := json.NewEncoder(out)
	if err := answers.Encode(g.ready); err != nil {
		return err
	}
	orders := bufio.NewScanner(in)
	for orders.Scan() {
		if orders.Text() != orderCounts {
			return fmt.Errorf("unknown order %q", orders.Text())
		}
		if err := answers.Encode(g.counter.counts()); err != nil {
			return err
		}
	}
	return orders.Err()
}
