// Command jitter repeats AnyCable's test of clients whose network comes and goes, with topics on
// the emulator and with Socket.IO.
//
//	cd bench && go run ./jitter                # or make bench-jitter; takes about 5 minutes
//	go run ./jitter -clients 200 -rounds 2     # a short one
//	go run ./jitter -alone                     # without Socket.IO, which needs Node.js and npm
//	go run ./jitter -json                      # the figures as JSON
//
// All clients are subscribed to one topic, in which a message is published twice a second. In each
// round every client loses its TCP connection once, without a closing handshake, and may not
// connect for 2 seconds; when, is spread over the round and the same in each run. The server and
// the clients are a process each:
//
//   - topics: package topic with topic.Memory behind the emulator, and internal/clientcore over
//     coder/websocket. With -dynamodb URL the log is a table in DynamoDB Local.
//   - socket.io recovery: Socket.IO from npm with connectionStateRecovery, server and clients in
//     Node.js. Its client connects again after 2 seconds, without jitter.
//   - socket.io: the same without recovery, which is its default.
//
// The replay latency is the time from when a client begins to connect again to the arrival of each
// message that was published while it was cut off. The latency of all messages is from publishing
// to arrival, as in AnyCable's figures. A message that topics lose or repeat makes the exit status
// 1.
//
// AnyCable's test is in https://github.com/anycable/nodejs-websocket-bench: there 10,000 clients
// lost their connection every 15 seconds, on a server with 32 CPUs.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

func main() { command().Main() }

// The roles of the processes that the command starts.
const (
	roleServe = "serve"
	roleLoad  = "load"
)

func command() harness.Command {
	return harness.Command{
		Name: "jitter",
		Run:  compare,
		Roles: map[string]func(context.Context, []string, io.Reader, io.Writer) error{
			roleServe: serve,
			roleLoad:  load,
		},
	}
}

// order is what the processes are told. Times are in milliseconds, because Node.js reads it too.
type order struct {
	Clients  int  `json:"clients"`
	Rounds   int  `json:"rounds"`
	PeriodMs int  `json:"periodMs"` // of a round
	DropMs   int  `json:"dropMs"`
	EveryMs  int  `json:"everyMs"` // between two messages
	Recovery bool `json:"recovery"`
	// SilenceMs is after how long without a message the clients of Socket.IO do not wait any more
	// for what is missing at the end.
	SilenceMs int    `json:"silenceMs"`
	DynamoDB  string `json:"dynamodb,omitempty"`
	URL       string `json:"url,omitempty"` // of the server, for the clients

	alone bool
}

// messages is how many messages are published.
func (o order) messages() int { return o.Rounds * o.PeriodMs / o.EveryMs }

// dropAt is when a client loses its connection in a round, from the beginning. peer/clients.cjs has
// the same formula. The last moments of a round are left out, so that a client is back before the
// next one.
func (o order) dropAt(client, round int) time.Duration {
	const parts = 1000
	window := o.PeriodMs - o.DropMs - o.DropMs/2
	at := round*o.PeriodMs + (client*7919+round*104729)%parts*window/parts
	return time.Duration(at) * time.Millisecond
}

func (o order) validate() error {
	switch {
	case o.Clients < 1 || o.Rounds < 1 || o.EveryMs < 1 || o.DropMs < 1:
		return errors.New("-clients, -rounds, -every and -drop must be positive")
	case o.SilenceMs < 1:
		return errors.New("-silence must be positive")
	case o.PeriodMs < 2*o.DropMs:
		return errors.New("-period must be at least twice -drop")
	}
	return nil
}

func compare(ctx context.Context, args []string, out io.Writer) error {
	o, asJSON, err := parse(args)
	if err != nil {
		return err
	}
	if err := harness.PermitFiles(o.Clients+100, "-clients"); err != nil {
		return err
	}
	var figures []figure
	for _, s := range systems(o) {
		f, err := s.measure(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		figures = append(figures, f)
	}
	if asJSON {
		err = json.NewEncoder(out).Encode(figures)
	} else {
		err = report(out, o, figures)
	}
	return errors.Join(err, figures[0].check())
}

func parse(args []string) (o order, asJSON bool, err error) {
	f := flag.NewFlagSet("jitter", flag.ContinueOnError)
	f.IntVar(&o.Clients, "clients", 1000, "clients of each system")
	f.IntVar(&o.Rounds, "rounds", 10, "how often each client loses its connection")
	period := f.Duration("period", 8*time.Second, "length of a round")
	drop := f.Duration("drop", 2*time.Second, "how long a client cannot connect")
	every := f.Duration("every", 500*time.Millisecond, "time between two messages")
	silence := f.Duration("silence", 5*time.Second, "time without a message after which Socket.IO's clients give up")
	f.BoolVar(&o.alone, "alone", false, "measure topics only")
	f.StringVar(&o.DynamoDB, "dynamodb", "", "URL of DynamoDB Local for the log of the topic, instead of memory")
	f.BoolVar(&asJSON, "json", false, "print the figures as JSON")
	if err := harness.Parse(f, args); err != nil {
		return o, false, err
	}
	o.PeriodMs, o.DropMs, o.EveryMs = int(period.Milliseconds()), int(drop.Milliseconds()), int(every.Milliseconds())
	o.SilenceMs = int(silence.Milliseconds())
	return o, asJSON, o.validate()
}
