// Command emulators compares emulators of API Gateway's WebSocket APIs: package emulator, in the
// process of its handler and with a function that speaks Lambda's Runtime API, beside
// serverless-offline, Architect's sandbox and aws-lambda-ws-server from npm.
//
//	cd bench && go run ./emulators            # or make bench-emulators; takes about 8 minutes
//	go run ./emulators -alone                 # without the others, which need Node.js and npm
//	go run ./emulators -only gatesock,sandbox # some of them
//	go run ./emulators -probe                 # what each of them answers, instead of how fast
//
// Each emulator is started anew in each round, as a process of its own, and in turn: the time from
// the start of its process to the first handshake that it answers, then a second of echo that does
// not count, then echo on 50 connections, then connections that open and close. After the rounds
// each is started once more to hold 1,000 open connections. The clients are one more process, the
// same for all (package wsload). Everything shares the CPUs of the machine.
//
// An echo is what the emulator makes easy. serverless-offline and package emulator send what the
// handler returns, because the route has a route response. The others have no route responses:
// there the handler posts. serverless-offline runs its handlers in process (useInProcess),
// aws-lambda-ws-server always does, and Architect starts a process for each invocation.
//
// CPU time and resident memory are those of the process and all that it has started, from /proc.
// Memory that processes share counts in each of them. A lost or changed echo, or a connection that
// does not close in order, is printed and makes the exit status 1. The command needs Linux.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gatesock/gatesock/bench/internal/harness"
	"github.com/gatesock/gatesock/bench/internal/wsload"
)

func main() { command().Main() }

func command() harness.Command {
	return harness.Command{
		Name: "emulators",
		Run:  compare,
		Roles: map[string]func(context.Context, []string, io.Reader, io.Writer) error{
			roleServe:    serve,
			roleFunction: function,
			wsload.Role:  wsload.Generate,
		},
	}
}

// settings are the command's flags.
type settings struct {
	Rounds   int
	Duration time.Duration // of each load
	Warmup   time.Duration // of echo before it
	Conns    int           // that echo at the same time
	Payload  int           // bytes of a message
	Dialers  int           // that connect at the same time
	Open     int           // connections, for memory

	alone, probe bool
	only         string
}

func parse(args []string) (s settings, err error) {
	f := flag.NewFlagSet("emulators", flag.ContinueOnError)
	f.IntVar(&s.Rounds, "rounds", 5, "rounds")
	f.DurationVar(&s.Duration, "duration", 3*time.Second, "duration of each load in each round, at most 1m")
	f.DurationVar(&s.Warmup, "warmup", time.Second, "duration of the echo before it, at most 1m")
	f.IntVar(&s.Conns, "conns", 50, "connections that echo at the same time")
	f.IntVar(&s.Payload, "payload", 100, "size of a message in bytes")
	f.IntVar(&s.Dialers, "dialers", 8, "clients that open and close one connection after another")
	f.IntVar(&s.Open, "open", 1000, "connections to hold open, for memory")
	f.BoolVar(&s.alone, "alone", false, "only package emulator with Go: without what needs Node.js")
	f.StringVar(&s.only, "only", "", "names of the emulators, or parts of them, separated by commas")
	f.BoolVar(&s.probe, "probe", false, "print what the emulators answer instead of how fast they are")
	if err := harness.Parse(f, args); err != nil {
		return s, err
	}
	return s, s.validate()
}

func (s settings) validate() error {
	switch {
	case s.Rounds < 1, s.Conns < 1, s.Dialers < 1, s.Open < 1:
		return errors.New("every count must be positive")
	case s.Duration <= 0, s.Duration > time.Minute, s.Warmup <= 0, s.Warmup > time.Minute:
		return errors.New("-duration and -warmup must be at most 1m")
	case s.Payload < wsload.MinPayload || s.Payload > wsload.MaxPayload:
		return fmt.Errorf("-payload must be from %d to %d", wsload.MinPayload, wsload.MaxPayload)
	}
	return nil
}

// spareFiles is an upper bound of the files that a process opens besides its connections.
const spareFiles = 100

func compare(ctx context.Context, args []string, out io.Writer) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	if err := harness.PermitFiles(max(s.Open, s.Conns)+spareFiles, "-open"); err != nil {
		return err
	}
	list, err := choose(s)
	if err != nil {
		return err
	}
	if s.probe {
		return probeAll(ctx, list, out)
	}
	r := newReport(s, os.Stderr)
	for _, e := range list {
		size, err := e.size(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		r.Emulators = append(r.Emulators, &figures{Name: e.name, Size: size, ours: e.ours})
	}
	if err := r.measure(ctx, list); err != nil {
		return err
	}
	return errors.Join(r.write(out), r.check())
}
