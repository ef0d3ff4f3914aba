package wsload

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

// Role is the name of the role for [harness.Command] that [Generate] plays.
const Role = "load"

// The loads.
const (
	Echo    = "echo"    // echo on all connections for the duration
	Connect = "connect" // open and close connections for the duration
	Hold    = "hold"    // open connections, and close them all at once on request
)

// Grace is how long messages may be in flight when the duration of a load is over.
const Grace = time.Minute

// Limits of one load, besides its duration.
const (
	maxEchoes   = 5_000_000
	maxConnects = 100_000
)

// Close is the question that asks [Hold] to close its connections.
const Close = "close"

// Order is what a load process is started with.
type Order struct {
	Load     string        `json:"load"`
	Address  string        `json:"address"` // of the server
	Duration time.Duration `json:"durationNanoseconds"`
	Clients  int           `json:"clients"` // at the same time
	Depth    int           `json:"depth"`   // messages in flight on each connection, for Echo
	Payload  int           `json:"payload"` // bytes
	Touch    bool          `json:"touch"`   // for Hold: echo once on each connection
}

// Outcome is the result of a load.
type Outcome struct {
	Operations int           `json:"operations"` // that succeeded
	Lost       int           `json:"lost"`       // that were begun and did not succeed
	Elapsed    time.Duration `json:"elapsed"`
	Error      string        `json:"error,omitempty"` // the first one
}

// Generate is a load process. It writes an [Outcome] when it is done. [Hold] writes another one
// before that, when its connections are open.
func Generate(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	var s Order
	if err := harness.ReadOrder(Role, args, &s); err != nil {
		return err
	}
	answer := json.NewEncoder(out)
	switch s.Load {
	case Echo:
		return answer.Encode(EchoLoad(ctx, s))
	case Connect:
		return answer.Encode(ConnectLoad(ctx, s))
	case Hold:
		return hold(ctx, s, in, answer)
	default:
		return fmt.Errorf("no load %q", s.Load)
	}
}

// concurrently calls f with 0 to n-1 in parallel, and joins the errors.
func concurrently(n int, f func(int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// openAll opens n connections, 32 at a time.
func openAll(ctx context.Context, t Target, n int, deadline time.Time) ([]*Client, error) {
	clients := make([]*Client, n)
	var next atomic.Int64
	err := concurrently(min(n, 32), func(int) error {
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return nil
			}
			c, err := Dial(ctx, t, deadline)
			if err != nil {
				return err
			}
			clients[i] = c
		}
	})
	return clients, err
}

// closeAll closes all connections in parallel.
func closeAll(clients []*Client) (closed int, err error) {
	var n atomic.Int64
	err = concurrently(len(clients), func(i int) error {
		if clients[i] == nil {
			return nil
		}
		err := clients[i].Close()
		if err == nil {
			n.Add(1)
		}
		return err
	})
	return int(n.Load()), err
}

// EchoLoad echoes on all connections in parallel, at least once on each. A message is lost if its
// echo does not arrive within Grace after the end.
func EchoLoad(ctx context.Context, s Order) Outcome {
	deadline := time.Now().Add(s.Duration + Grace)
	clients, err := openAll(ctx, NewTarget(s.Address), s.Clients, deadline)
	if err != nil {
		_, closing := closeAll(clients)
		return failed(Outcome{}, err, closing)
	}
	parts := make([]echoing, len(clients))
	for i, c := range clients {
		parts[i] = echoing{client: c, message: newMessage(s.Payload), waiting: make([]int, s.Depth)}
	}
	var over atomic.Bool
	most := maxEchoes / s.Clients
	more := func(sent int) bool { return sent == 0 || sent < most && !over.Load() }
	start := time.Now()
	defer time.AfterFunc(s.Duration, func() { over.Store(true) }).Stop()
	err = concurrently(len(parts), func(i int) error { return parts[i].run(more) })
	o := Outcome{Elapsed: time.Since(start)}
	for i := range parts {
		o.Operations += parts[i].echoed
		o.Lost += parts[i].sent - parts[i].echoed
	}
	_, closing := closeAll(clients)
	return failed(o, err, closing)
}

// ConnectLoad lets each client open and close one connection after another, at least one.
func ConnectLoad(ctx context.Context, s Order) Outcome {
	t := NewTarget(s.Address)
	start := time.Now()
	end := start.Add(s.Duration)
	var done, lost atomic.Int64
	err := concurrently(s.Clients, func(int) error {
		for i := range maxConnects / s.Clients {
			if i > 0 && !time.Now().Before(end) {
				break
			}
			if err := connectOnce(ctx, t, end.Add(Grace)); err != nil {
				lost.Add(1)
				return err
			}
			done.Add(1)
		}
		return nil
	})
	o := Outcome{Operations: int(done.Load()), Lost: int(lost.Load()), Elapsed: time.Since(start)}
	return failed(o, err, nil)
}

func connectOnce(ctx context.Context, t Target, deadline time.Time) error {
	c, err := Dial(ctx, t, deadline)
	if err != nil {
		return err
	}
	return c.Close()
}

// hold opens the connections, reports it, and closes them all at once when it is asked to.
func hold(ctx context.Context, s Order, in io.Reader, answer *json.Encoder) error {
	deadline := time.Now().Add(s.Duration + Grace)
	start := time.Now()
	clients, err := openAll(ctx, NewTarget(s.Address), s.Clients, deadline)
	if err == nil && s.Touch {
		err = touchAll(clients, s.Payload)
	}
	opened := Outcome{Operations: s.Clients, Elapsed: time.Since(start)}
	if err := answer.Encode(failed(opened, err, nil)); err != nil {
		return err
	}
	orders := bufio.NewScanner(in)
	if !orders.Scan() || orders.Text() != Close {
		return fmt.Errorf("want the question %q, got %q", Close, orders.Text())
	}
	start = time.Now()
	n, err := closeAll(clients)
	closed := Outcome{Operations: n, Lost: len(clients) - n, Elapsed: time.Since(start)}
	return answer.Encode(failed(closed, err, nil))
}

// touchAll echoes once on each connection.
func touchAll(clients []*Client, payload int) error {
	return concurrently(len(clients), func(i int) error {
		e := echoing{client: clients[i], message: newMessage(payload), waiting: make([]int, 1)}
		return e.run(func(sent int) bool { return sent < 1 })
	})
}

// failed adds the first line of the errors to an Outcome.
func failed(o Outcome, errs ...error) Outcome {
	if err := errors.Join(errs...); err != nil {
		o.Error, _, _ = strings.Cut(err.Error(), "\n")
	}
	return o
}
