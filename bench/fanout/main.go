// Command fanout compares ways to post to @connections by their cost: the client's CPU time for
// each post.
//
//	cd bench && go run ./fanout                            # or make bench-fanout; two minutes
//	go run ./fanout -rounds 9 -peers sdk-defaults,gatesock # ratios are to the first peer
//	go run ./fanout -messages 0                            # the burst only
//	go run ./fanout -payload 32768 -concurrency 16 -h2
//
// For each measurement the command starts itself in these roles, so that no two of them share a
// heap or a scheduler:
//
//   - serve is a gateway of two hundred lines on crypto/tls. It answers every post with 200 after 5
//     to 20 milliseconds. It does not verify signatures, but refuses a post without a complete one,
//     and counts the posts, so that no peer wins by omitting work.
//   - client runs one peer on one core. It warms up, sends its posts, and reports the CPU time that
//     the operating system accounts for them.
//
// There are two measurements. In the burst a client always has more to post. Paced messages are a
// few posts every 100 milliseconds, as in a chat: connections have to be kept open, and each post
// counts. The server answers paced posts without delay, so that the latency is the client's own.
//
// Each round runs every peer once, in an order that rotates, and each ratio is taken within a
// round, because the speed of a machine drifts. Client and server share the machine; nothing is
// pinned. A post that does not arrive, or arrives twice, makes the exit status 1. Only loopback
// addresses are used, and the credentials are not valid anywhere.
//
// With -profiles DIR each client writes a CPU profile of its posts to DIR/PEER.pprof, which slows
// it down.
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
		Name: "fanout",
		Run:  compare,
		Roles: map[string]func(context.Context, []string, io.Reader, io.Writer) error{
			roleServe:  serve,
			roleClient: post,
		},
	}
}

// settings are the command's flags.
type settings struct {
	rounds      int
	posts       int
	warmup      int // posts before the measured ones
	concurrency int
	payload     int // bytes of a message
	peers       []string
	messages    int // paced ones
	atOnce      int // posts of a paced message
	pace        time.Duration
	h2          bool
	profiles    string
}

func parseSettings(args []string) (settings, error) {
	var s settings
	f := flag.NewFlagSet("fanout", flag.ContinueOnError)
	f.IntVar(&s.rounds, "rounds", 5, "rounds; each measures every peer once")
	f.IntVar(&s.posts, "posts", 10_000, "posts in each measurement")
	f.IntVar(&s.warmup, "warmup", 1_000, "posts before each measurement")
	f.IntVar(&s.concurrency, "concurrency", 64, "posts in flight, at most 1000")
	f.IntVar(&s.payload, "payload", 512, "size of a message in bytes")
	f.IntVar(&s.messages, "messages", 40, "paced messages in each measurement; 0 skips them")
	f.IntVar(&s.atOnce, "at-once", 3, "posts in each paced message, at most -concurrency")
	f.DurationVar(&s.pace, "pace", 100*time.Millisecond, "interval between paced messages")
	f.BoolVar(&s.h2, "h2", false, "let the server offer HTTP/2")
	f.StringVar(&s.profiles, "profiles", "", "directory for CPU profiles of the clients")
	names := f.String(
		"peers",
		strings.Join(peerNames(), ","),
		"peers to compare, separated by commas; ratios are to the first",
	)
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
