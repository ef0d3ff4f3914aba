// Command emulatorload measures package emulator beside a bare echo server on the same WebSocket library.
//
//	cd bench && go run ./emulatorload          # or make bench-emulator; takes about a minute
//	go run ./emulatorload -rounds 9 -json      # the figures of every round, as JSON
//	go run ./emulatorload -check               # fail if a target is missed, with status 2 (1 by go run)
//
// The command starts itself anew for each measurement, in these roles, so that no two share a heap or a scheduler:
//
//   - serve bare: a goroutine per connection that reads a frame into a buffer it keeps and writes it back, with one read
//     and one write of the system's for a message and nothing to collect: as fast as the library goes in plain Go;
//   - serve example: the echo server that the library's README shows: it allocates each message and reads
//     it in three parts;
//   - serve gatesock: an emulator around a [github.com/gatesock/gatesock.Router] with one echo route, which does all the
//     work of the gateway for each message: ids, route selection, event, handler, strict reading of its
//     response, route response;
//   - load: the clients, which are lean: one goroutine a connection, one read and one write for a message.
//
// All servers take their connections over from net/http. It is not the fastest that gobwas/ws can do, which is to read
// the handshake itself from a listener, but the emulator serves the @connections API on the same port, as every server
// does that has more than one address; so the comparison is about what the emulator adds.
//
// Rounds alternate between the servers and the ratio is taken within a round, since the machine's speed drifts. The
// load generator shares the CPUs with the server; nothing is pinned. What a server itself costs is its CPU
// time, which the operating system gives when the process has ended.
//
// With -profiles DIR the emulator's processes are profiled while they are loaded, which slows them down; the profiles
// are for go tool pprof.
//
// Whatever an echo loses or changes, and every $disconnect that is missing or one too many, makes the exit status 1.
// Only loopback addresses are used. It runs on Linux: resident memory is read from /proc.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

func main() { command().Main() }

// errTargets is for -check: correct, but too slow.
var errTargets = errors.New("a target is missed")

func exitStatus(err error) int {
	if errors.Is(err, errTargets) {
		return 2
	}
	return 1
}

// The roles of the processes that the command starts.
const (
	roleServe = "serve"
	roleLoad  = "load"
)

func command() harness.Command {
	return harness.Command{
		Name: "emulatorload", Run: measure, Status: exitStatus,
		Roles: map[string]func(context.Context, []string, io.Reader, io.Writer) error{roleServe: serve, roleLoad: generate},
	}
}

// settings are the command's flags.
type settings struct {
	Rounds   int           `json:"rounds"`
	Duration time.Duration `json:"durationNanoseconds"` // of the load in each round
	Conns    int           `json:"connections"`         // that echo at once
	Depth    int           `json:"depth"`               // messages under way on each of them
	Payload  int           `json:"payloadBytes"`
	Dialers  int           `json:"dialers"` // that connect at once
	Open     int           `json:"open"`    // connections, for memory and closes
	Starts   int           `json:"starts"`  // of each server, for the time to the first connection
	Profiles string        `json:"profiles,omitempty"`
}

func parseSettings(args []string) (s settings, asJSON, check bool, err error) {
	f := flag.NewFlagSet("emulatorload", flag.ContinueOnError)
	f.IntVar(&s.Rounds, "rounds", 5, "rounds of each load with each server")
	f.DurationVar(&s.Duration, "duration", 2*time.Second, "how long the load of a round lasts, at most 1m")
	f.IntVar(&s.Conns, "conns", 50, "connections that echo at once")
	f.IntVar(&s.Depth, "depth", 1, "messages under way on each of them")
	f.IntVar(&s.Payload, "payload", 100, "size of a message in bytes")
	f.IntVar(&s.Dialers, "dialers", 8, "clients that connect and close, one connection after the other")
	f.IntVar(&s.Open, "open", 1000, "connections that are open at once, for memory and closes")
	f.IntVar(&s.Starts, "starts", 9, "starts of each server")
	f.StringVar(&s.Profiles, "profiles", "", "a folder for CPU profiles of the emulator under each load")
	f.BoolVar(&asJSON, "json", false, "print everything as JSON")
	f.BoolVar(&check, "check", false, "exit with status 2 if a target is missed")
	if err := harness.Parse(f, args); err != nil {
		return s, false, false, err
	}
	return s, asJSON, check, s.validate()
}

func (s settings) validate() error {
	switch {
	case s.Rounds < 1, s.Conns < 1, s.Depth < 1, s.Dialers < 1, s.Open < 1, s.Starts < 1:
		return errors.New("every count must be positive")
	case s.Duration <= 0 || s.Duration > time.Minute:
		return errors.New("-duration must be at most 1m")
	case s.Payload < minPayload || s.Payload > maxPayload:
		return fmt.Errorf("-payload must be from %d to %d", minPayload, maxPayload)
	}
	return nil
}

// spareFiles is how many files a process has open besides its connections, and more.
const spareFiles = 100

// measure takes the measurements and writes the report.
func measure(ctx context.Context, args []string, out io.Writer) error {
	s, asJSON, check, err := parseSettings(args)
	if err != nil {
		return err
	}
	if err := permitFiles(max(s.Open, s.Conns, s.Dialers) + spareFiles); err != nil {
		return err
	}
	r, err := takeMeasurements(ctx, s)
	if err != nil {
		return err
	}
	if asJSON {
		err = r.writeJSON(out)
	} else {
		err = r.writeText(out)
	}
	switch {
	case err != nil:
		return err
	case len(r.Failures) > 0:
		return errors.New("the servers did not do what they should")
	case check && !r.met():
		return errTargets
	}
	return nil
}
