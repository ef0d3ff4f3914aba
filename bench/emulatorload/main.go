// Command emulatorload compares package emulator with bare echo servers on the same WebSocket
// library.
//
//	cd bench && go run ./emulatorload          # or make bench-emulator; takes about a minute
//	go run ./emulatorload -rounds 9 -json      # the figures of every round, as JSON
//	go run ./emulatorload -check               # exit with 2 if a target is missed (1 by go run)
//
// For each measurement the command starts itself in these roles, so that no two of them share a
// heap or a scheduler:
//
//   - serve runs a server. The kind bare reads each frame into a reused buffer and writes it back:
//     one system call each to read and to write, and no garbage. It is as fast as the library gets
//     in plain Go. The kind example is the echo server in the library's README, which allocates
//     each message and reads it in three parts. The kind gatesock is an emulator with a
//     [github.com/gatesock/gatesock.Router] that has one echo route; it does all the work of the
//     gateway for each message: ids, route selection, event, handler, strict parsing of the
//     response, route response.
//   - load runs the clients: a goroutine for each connection, one read and one write for each
//     message.
//
// All servers take their connections over from net/http. Reading the handshake from a listener
// would be faster with gobwas/ws, but the emulator also serves the @connections API on its port, as
// any server with more than one path does. So the comparison shows what the emulator adds.
//
// Rounds alternate between the servers, and each ratio is taken within a round, because the speed
// of a machine drifts. Servers and load generator share the CPUs; nothing is pinned. The cost of a
// server is its CPU time, which the operating system reports when the process has ended.
//
// With -profiles DIR each loaded emulator writes a CPU profile for go tool pprof, which slows it
// down.
//
// A lost or changed echo, and a $disconnect event too few or too many, make the exit status 1. Only
// loopback addresses are used. The command needs Linux: it reads resident memory from /proc.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/gatesock/gatesock/bench/internal/harness"
	"github.com/gatesock/gatesock/bench/internal/wsload"
)

func main() { command().Main() }

// errTargets is the result of -check if all answers were correct, but too slow.
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
	roleLoad  = wsload.Role
)

func command() harness.Command {
	return harness.Command{
		Name:   "emulatorload",
		Run:    measure,
		Status: exitStatus,
		Roles: map[string]func(context.Context, []string, io.Reader, io.Writer) error{
			roleServe: serve,
			roleLoad:  wsload.Generate,
		},
	}
}

// settings are the command's flags.
type settings struct {
	Rounds   int           `json:"rounds"`
	Duration time.Duration `json:"durationNanoseconds"` // of the load in each round
	Conns    int           `json:"connections"`         // that echo at the same time
	Depth    int           `json:"depth"`               // messages in flight on each of them
	Payload  int           `json:"payloadBytes"`
	Dialers  int           `json:"dialers"` // that connect at the same time
	Open     int           `json:"open"`    // connections, for memory and closes
	Starts   int           `json:"starts"`  // of each server, for the time to the first connection
	Profiles string        `json:"profiles,omitempty"`
}

func parseSettings(args []string) (s settings, asJSON, check bool, err error) {
	f := flag.NewFlagSet("emulatorload", flag.ContinueOnError)
	f.IntVar(&s.Rounds, "rounds", 5, "rounds of each load on each server")
	f.DurationVar(&s.Duration, "duration", 2*time.Second, "duration of the load in each round, at most 1m")
	f.IntVar(&s.Conns, "conns", 50, "connections that echo at the same time")
	f.IntVar(&s.Depth, "depth", 1, "messages in flight on each connection")
	f.IntVar(&s.Payload, "payload", 100, "size of a message in bytes")
	f.IntVar(&s.Dialers, "dialers", 8, "clients that open and close one connection after another")
	f.IntVar(&s.Open, "open", 1000, "connections to hold open, for memory and $disconnect events")
	f.IntVar(&s.Starts, "starts", 9, "starts of each server")
	f.StringVar(&s.Profiles, "profiles", "", "directory for CPU profiles of the emulator under each load")
	f.BoolVar(&asJSON, "json", false, "print all figures as JSON")
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
	case s.Payload < wsload.MinPayload || s.Payload > wsload.MaxPayload:
		return fmt.Errorf("-payload must be from %d to %d", wsload.MinPayload, wsload.MaxPayload)
	}
	return nil
}

// spareFiles is an upper bound of the files that a process opens besides its connections.
const spareFiles = 100

// measure takes the measurements and writes the report.
func measure(ctx context.Context, args []string, out io.Writer) error {
	s, asJSON, check, err := parseSettings(args)
	if err != nil {
		return err
	}
	if err := harness.PermitFiles(max(s.Open, s.Conns, s.Dialers)+spareFiles, "-open"); err != nil {
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
		return errors.New("a server did not behave as expected")
	case check && !r.met():
		return errTargets
	}
	return nil
}
