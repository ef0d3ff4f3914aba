package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The loads.
const (
	loadEcho    = "echo"    // echo on all connections for the duration
	loadConnect = "connect" // connect and close again for the duration
	loadHold    = "hold"    // open connections, and close them all at once when told
)

// Bounds of one load, besides its duration.
const (
	maxEchoes   = 5_000_000
	maxConnects = 100_000
	loadGrace   = time.Minute // for what is under way when the duration is over
)

// orderClose tells loadHold to close its connections.
const orderClose = "close"

// loadSettings are the flags of a load process.
type loadSettings struct {
	load     string
	address  string
	duration time.Duration
	clients  int
	depth    int // loadEcho
	payload  int
	touch    bool // loadHold: echo once on each connection
}

func (s loadSettings) args() []string {
	return []string{
		roleLoad, "-load", s.load, "-address", s.address, "-duration", s.duration.String(),
		fmt.Sprint("-clients=", s.clients), fmt.Sprint("-depth=", s.depth),
		fmt.Sprint("-payload=", s.payload), fmt.Sprint("-touch=", s.touch),
	}
}

func parseLoadSettings(args []string) (s loadSettings, err error) {
	f := flag.NewFlagSet(roleLoad, flag.ContinueOnError)
	f.StringVar(&s.load, "load", "", "the kind of load")
	f.StringVar(&s.address, "address", "", "of the server")
	f.DurationVar(&s.duration, "duration", 0, "of the load")
	f.IntVar(&s.clients, "clients", 0, "how many at once")
	f.IntVar(&s.depth, "depth", 0, "messages under way on each connection")
	f.IntVar(&s.payload, "payload", 0, "size of a message")
	f.BoolVar(&s.touch, "touch", false, "echo once on each held connection")
	return s, f.Parse(args)
}

// outcome is what a load process found.
type outcome struct {
	Operations int           `json:"operations"` // that succeeded
	Lost       int           `json:"lost"`       // that were begun and did not
	Elapsed    time.Duration `json:"elapsed"`
	Error      string        `json:"error,omitempty"` // the first one
}

// generate is a load process. It writes an outcome when it is done, and if it holds connections one before that, when
// they are open.
func generate(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	s, err := parseLoadSettings(args)
	if err != nil {
		return err
	}
	answer := json.NewEncoder(out)
	switch s.load {
	case loadEcho:
		return answer.Encode(echoLoad(ctx, s))
	case loadConnect:
		return answer.Encode(connectLoad(ctx, s))
	case loadHold:
		return hold(ctx, s, in, answer)
	default:
		return fmt.Errorf("no load %q", s.load)
	}
}

// concurrently calls f for 0 to n-1, all at once, and joins the errors.
func concurrently(n int, f func(int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// openAll opens n connections, a few at a time.
func openAll(ctx context.Context, t target, n int, deadline time.Time) ([]*client, error) {
	clients := make([]*client, n)
	var next atomic.Int64
	err := concurrently(min(n, 32), func(int) error {
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return nil
			}
			c, err := dial(ctx, t, deadline)
			if err != nil {
				return err
			}
			clients[i] = c
		}
	})
	return clients, err
}

// closeAll says goodbye on all connections at once.
func closeAll(clients []*client) (closed int, err error) {
	var n atomic.Int64
	err = concurrently(len(clients), func(i int) error {
		if clients[i] == nil {
			return nil
		}
		err := clients[i].close()
		if err == nil {
			n.Add(1)
		}
		return err
	})
	return int(n.Load()), err
}

// echoLoad echoes on all connections at once, at least once on each. A message is lost if its echo has not come within
// the grace.
func echoLoad(ctx context.Context, s loadSettings) outcome {
	deadline := time.Now().Add(s.duration + loadGrace)
	clients, err := openAll(ctx, newTarget(s.address), s.clients, deadline)
	if err != nil {
		_, closing := closeAll(clients)
		return failed(outcome{}, err, closing)
	}
	parts := make([]echoing, len(clients))
	for i, c := range clients {
		parts[i] = echoing{client: c, message: newMessage(s.payload), waiting: make([]int, s.depth)}
	}
	var over atomic.Bool
	most := maxEchoes / s.clients
	more := func(sent int) bool { return sent == 0 || sent < most && !over.Load() }
	start := time.Now()
	defer time.AfterFunc(s.duration, func() { over.Store(true) }).Stop()
	err = concurrently(len(parts), func(i int) error { return parts[i].run(more) })
	o := outcome{Elapsed: time.Since(start)}
	for i := range parts {
		o.Operations += parts[i].echoed
		o.Lost += parts[i].sent - parts[i].echoed
	}
	_, closing := closeAll(clients)
	return failed(o, err, closing)
}

// connectLoad connects and closes again, each client one connection after the other, and at least one.
func connectLoad(ctx context.Context, s loadSettings) outcome {
	t := newTarget(s.address)
	start := time.Now()
	end := start.Add(s.duration)
	var done, lost atomic.Int64
	err := concurrently(s.clients, func(int) error {
		for i := range maxConnects / s.clients {
			if i > 0 && !time.Now().Before(end) {
				break
			}
			if err := connectOnce(ctx, t, end.Add(loadGrace)); err != nil {
				lost.Add(1)
				return err
			}
			done.Add(1)
		}
		return nil
	})
	o := outcome{Operations: int(done.Load()), Lost: int(lost.Load()), Elapsed: time.Since(start)}
	return failed(o, err, nil)
}

func connectOnce(ctx context.Context, t target, deadline time.Time) error {
	c, err := dial(ctx, t, deadline)
	if err != nil {
		return err
	}
	return c.close()
}

// hold opens the connections, says so, and closes them all at once when it is told to.
func hold(ctx context.Context, s loadSettings, in io.Reader, answer *json.Encoder) error {
	deadline := time.Now().Add(s.duration + loadGrace)
	start := time.Now()
	clients, err := openAll(ctx, newTarget(s.address), s.clients, deadline)
	if err == nil && s.touch {
		err = touchAll(clients, s.payload)
	}
	opened := outcome{Operations: s.clients, Elapsed: time.Since(start)}
	if err := answer.Encode(failed(opened, err, nil)); err != nil {
		return err
	}
	orders := bufio.NewScanner(in)
	if !orders.Scan() || orders.Text() != orderClose {
		return fmt.Errorf("want the order %q, not %q", orderClose, orders.Text())
	}
	start = time.Now()
	n, err := closeAll(clients)
	closed := outcome{Operations: n, Lost: len(clients) - n, Elapsed: time.Since(start)}
	return answer.Encode(failed(closed, err, nil))
}

// touchAll echoes once on each connection.
func touchAll(clients []*client, payload int) error {
	return concurrently(len(clients), func(i int) error {
		e := echoing{client: clients[i], message: newMessage(payload), waiting: make([]int, 1)}
		return e.run(func(sent int) bool { return sent < 1 })
	})
}

// failed adds the first line of what went wrong to an outcome.
func failed(o outcome, errs ...error) outcome {
	if err := errors.Join(errs...); err != nil {
		o.Error, _, _ = strings.Cut(err.Error(), "\n")
	}
	return o
}
