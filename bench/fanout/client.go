package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/gatesock/gatesock/bench/internal/process"
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
}

// outcome is what the posts of a client took, without its warm-up.
type outcome struct {
	CPU         time.Duration `json:"cpuNanoseconds"` // in the system too
	Elapsed     time.Duration `json:"elapsedNanoseconds"`
	Allocations int           `json:"allocations"`
}

// post is a client process. It has one core.
func post(ctx context.Context, args []string, out io.Writer) error {
	var o clientOrder
	if err := readOrder(roleClient, args, &o); err != nil {
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
	got, err := measure(o.Profile, func() error { return send(ctx, room) })
	// The members are all peers' burden, to the end.
	runtime.KeepAlive(all)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(got)
}

// measure gives what a call of send takes.
func measure(file string, send func() error) (outcome, error) {
	if file != "" {
		stop, err := process.Profile(file)
		if err != nil {
			return outcome{}, err
		}
		defer stop()
	}
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
