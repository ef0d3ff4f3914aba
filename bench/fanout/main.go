// Command fanout compares what ways to post to @connections cost: the CPU time of the client for each post.
//
//	cd bench && go run ./fanout                                # or make bench-fanout; takes two minutes
//	go run ./fanout -rounds 9 -peers sdk-defaults,gatesock     # the ratio is to the first one
//	go run ./fanout -messages 0                                # the burst alone
//	go run ./fanout -payload 32768 -concurrency 16 -h2
//
// The command starts itself anew for each measurement, in these roles, so that no two share a heap or a scheduler:
//
//   - serve: a gateway of two hundred lines on crypto/tls, which answers every post with 200 after 5 to 20
//     milliseconds. It proves no signature, but refuses a post without a complete one, and counts the posts, so that
//     nobody wins by leaving something out;
//   - client: one peer with one core. It warms up, then sends its posts and reports what the operating system says that
//     they took.
//
// What is measured is a burst, posts for which the client always has more to do, and messages that are paced: a few posts
// every 100 milliseconds, as those of a chat, for which connections have to be kept and each post counts. The server
// answers these at once, so that what is seen is the client's own time.
//
// Each round runs every peer once, in an order that rotates, and the ratio is taken within a round, since the machine's
// speed drifts. Client and server share the machine; nothing is pinned. A post that does not arrive, or arrives twice,
// makes the exit status 1. Only loopback addresses are used, and credentials that are good for nothing.
//
// With -profiles DIR each client writes a CPU profile of its posts to DIR/PEER.pprof, which slows it down.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

func main() { command().Main() }

// The roles of the processes that the command starts.
const (
	roleServe  = "serve"
	roleClient = "client"
)

func command() harness.Command {
	return harness.Command{
		Name: "fanout", Run: compare,
		Roles: map[string]func(context.Context, []string, io.Reader, io.Writer) error{roleServe: serve, roleClient: post},
	}
}

// settings are the command's flags.
type settings struct {
	rounds      int
	posts       int
	warmup      int // posts of a client before those that count
	concurrency int
	payload     int // bytes of a message
	peers       []string
	messages    int // that are paced
	atOnce      int // posts of such a message
	pace        time.Duration
	h2          bool
	profiles    string
}

func parseSettings(args []string) (settings, error) {
	var s settings
	f := flag.NewFlagSet("fanout", flag.ContinueOnError)
	f.IntVar(&s.rounds, "rounds", 5, "rounds, each of which measures every peer once")
	f.IntVar(&s.posts, "posts", 10_000, "posts of a measurement")
	f.IntVar(&s.warmup, "warmup", 1_000, "posts before each measurement")
	f.IntVar(&s.concurrency, "concurrency", 64, "posts under way at once, at most 1000")
	f.IntVar(&s.payload, "payload", 512, "size of a message in bytes")
	f.IntVar(&s.messages, "messages", 40, "messages of a paced measurement; 0: none is taken")
	f.IntVar(&s.atOnce, "at-once", 3, "posts of a paced message, at most -concurrency")
	f.DurationVar(&s.pace, "pace", 100*time.Millisecond, "time from one paced message to the next")
	f.BoolVar(&s.h2, "h2", false, "let the server offer HTTP/2")
	f.StringVar(&s.profiles, "profiles", "", "a folder for CPU profiles of the clients")
	names := f.String("peers", strings.Join(peerNames(), ","), "which to compare; the ratio is to the first")
	if err := harness.Parse(f, args); err != nil {
		return s, err
	}
	s.peers = strings.Split(*names, ",")
	return s, s.validate()
}

func (s settings) validate() error {
	switch {
	case s.rounds < 1, s.posts < 1, s.warmup < 1:
		return errors.New("every count must be positive")
	case s.concurrency < 1 || s.concurrency > 1000:
		return errors.New("-concurrency must be from 1 to 1000")
	case s.messages < 0:
		return errors.New("-messages must not be negative")
	case s.atOnce < 1 || s.atOnce > s.concurrency:
		return errors.New("-at-once must be from 1 to -concurrency")
	case s.pace <= 0:
		return errors.New("-pace must be positive")
	case s.payload < minPayload || s.payload > maxPayload:
		return fmt.Errorf("-payload must be from %d to %d", minPayload, maxPayload)
	}
	for i, name := range s.peers {
		if _, err := findPeer(name); err != nil {
			return err
		}
		if slices.Contains(s.peers[:i], name) {
			return fmt.Errorf("-peers names %q twice", name)
		}
	}
	return nil
}

// compare measures the peers and writes the report.
func compare(ctx context.Context, args []string, out io.Writer) error {
	s, err := parseSettings(args)
	if err != nil {
		return err
	}
	r, err := takeMeasurements(ctx, s)
	if err != nil {
		return err
	}
	return r.writeText(out)
}
