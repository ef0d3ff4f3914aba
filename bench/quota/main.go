// Command quota compares what a post to @connections costs under a CPU quota, such as that of a
// Lambda function with little memory: the client's CPU time per post, and the time from when a
// post is due to its answer.
//
//	cd bench && go run ./quota                          # takes four minutes
//	go run ./quota -share 0.57 -period 20ms -rounds 9
//	go build -tags gatesock_noraw -o /tmp/ordinary ./quota
//	go run ./quota -with ordinary=/tmp/ordinary         # beside a client built in another way
//
// It makes a control group, for which it has to be root or to have rights there.
//
// Each measurement starts a client process inside a control group whose quota is -share of a
// processor. The server is this process, outside the quota; it answers over TLS after 5 to 20 ms.
// Clients take turns within a round, and ratios are taken within a round, because the speed of the
// machine drifts. The loads are:
//
//   - sustained: -concurrency posts are always under way;
//   - burst: -concurrency posts at once, every 500 ms;
//   - 50/s and 5/s: one post at a time, at that rate.
//
// Of each client, "direct" is apigw.Client as New makes it, and "nethttp" is the same over an
// http.Transport. With -with LABEL=FILE, the command also measures the direct client of FILE, which
// is this command built in another way or in another tree.
//
// Every post has to arrive. Only loopback addresses are used, with credentials that are worth
// nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quota:", err)
		os.Exit(1)
	}
}

// roleClient is the first argument of a client process.
const roleClient = "client"

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 2 && args[0] == roleClient {
		return post(ctx, args[1], out)
	}
	s, err := parseSettings(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	r, err := measure(ctx, s)
	if err != nil {
		return err
	}
	return r.write(out)
}

// settings are the command's flags.
type settings struct {
	rounds      int
	length      time.Duration // of a measurement that is paced
	posts       int           // of a sustained one
	concurrency int
	payload     int
	share       float64 // of a processor; 0 is without a quota
	period      time.Duration
	loads       []string
	clients     []client
}

// client is one of those compared.
type client struct{ name, kind, binary string }

func parseSettings(args []string) (settings, error) {
	var s settings
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	s.clients = []client{{"direct", kindDirect, self}, {"nethttp", kindNetHTTP, self}}
	f := flag.NewFlagSet("quota", flag.ContinueOnError)
	f.IntVar(&s.rounds, "rounds", 5, "rounds, each of which measures every client once under every load")
	f.DurationVar(&s.length, "length", 5*time.Second, "how long a paced measurement takes")
	f.IntVar(&s.posts, "posts", 4000, "posts of a sustained measurement")
	f.IntVar(&s.concurrency, "concurrency", 64, "posts at once, where there are several")
	f.IntVar(&s.payload, "payload", 512, "size of a message in bytes")
	f.Float64Var(&s.share, "share", 0.14, "share of a processor that a client may use; 0 means no quota")
	f.DurationVar(&s.period, "period", 100*time.Millisecond, "period of the quota")
	loads := f.String("loads", strings.Join(loadNames(), ","), "which loads to measure")
	f.Func("with", "also measure `LABEL=FILE`, this command built in another way (repeatable)", func(v string) error {
		label, file, ok := strings.Cut(v, "=")
		if !ok || label == "" || file == "" {
			return errors.New("want LABEL=FILE")
		}
		s.clients = append(s.clients, client{label, kindDirect, file})
		return nil
	})
	if err := f.Parse(args); err != nil {
		return s, err
	}
	s.loads = strings.Split(*loads, ",")
	switch {
	case f.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case s.rounds < 1, s.posts < 1, s.concurrency < 1, s.length <= 0, s.period <= 0, s.payload < 0, s.share < 0:
		return s, errors.New("every number must be positive")
	}
	for _, name := range s.loads {
		if _, err := s.load(name); err != nil {
			return s, err
		}
	}
	return s, nil
}
