package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

// clientOrder is what a client process is started with.
type clientOrder struct {
	Peer        string `json:"peer"`
	Endpoint    string `json:"endpoint"`
	Roots       string `json:"roots"`
	Posts       int    `json:"posts"`
	Warmup      int    `json:"warmup"`
	Concurrency int    `json:"concurrency"`
	Payload     int    `json:"payload"`
	Profile     string `json:"profile,omitempty"` // a file
	// AtOnce is the number of posts in each message, and Pace the interval between messages. Both
	// are 0 for a burst, which is one message.
	AtOnce int           `json:"atOnce,omitempty"`
	Pace   time.Duration `json:"paceNanoseconds,omitempty"`
}

// outcome has the cost of a client's posts, without its warm-up.
type outcome struct {
	CPU         time.Duration `json:"cpuNanoseconds"` // user and system
	Elapsed     time.Duration `json:"elapsedNanoseconds"`
	Allocations int           `json:"allocations"`
	// Latencies has the time of each paced message from its first post to its last answer.
	Latencies []time.Duration `json:"latenciesNanoseconds,omitempty"`
}

// post is a client process. It has one core.
func post(ctx context.Context, args []string, _ io.Reader, out io.Writer) error {
	var o clientOrder
	if err := harness.ReadOrder(roleClient, args, &o); err != nil {
		return err
	}
	runtime.GOMAXPROCS(1)
	p, err := findPeer(o.Peer)
	if err != nil {
		return err
	}
	all, err := newMembers(ctx, o)
	if err != nil {
		return err
	}
	send, err := p.open(o, all)
	if err != nil {
		return err
	}
	if err := send(ctx, warmup); err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	var latencies []time.Duration
	got, err := measure(o.Profile, func() (err error) {
		latencies, err = sendAll(ctx, o, all.rooms, send)
		return err
	})
	got.Latencies = latencies
	// Every peer has all members in its heap until the end.
	runtime.KeepAlive(all)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(got)
}

// sendAll sends one message to each group at the pace of the order, and returns their latencies.
func sendAll(ctx context.Context, o clientOrder, groups []string, send fanout) ([]time.Duration, error) {
	if o.Pace == 0 {
		return nil, send(ctx, groups[0])
	}
	var latencies []time.Duration
	tick := time.NewTicker(o.Pace)
	defer tick.Stop()
	for _, group := range groups {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		start := time.Now()
		if err := send(ctx, group); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(start))
	}
	return latencies, nil
}

// measure calls send and returns its cost.
func measure(file string, send func() error) (outcome, error) {
	stop, err := harness.Profile(file)
	if err != nil {
		return outcome{}, err
	}
	defer stop()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	spent, err := cpuTime()
	if err != nil {
		return outcome{}, err
	}
	start := time.Now()
	sent := send()
	elapsed := time.Since(start)
	total, err := cpuTime()
	runtime.ReadMemStats(&after)
	return outcome{
		CPU: total - spent, Elapsed: elapsed, Allocations: int(after.Mallocs - before.Mallocs),
	}, errors.Join(sent, err)
}
