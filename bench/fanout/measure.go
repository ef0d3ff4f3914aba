package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gatesock/gatesock/bench/internal/process"
)

// measurementTime is after how long a measurement is hopeless.
const measurementTime = 5 * time.Minute

// sample is one measurement of one peer.
type sample struct {
	outcome
	posts       int
	connections int // that the server saw, those of the warm-up too
	// The server process's whole life.
	serverCPU, lived time.Duration
}

// takeMeasurements takes all of them, one after the other. Peers take turns at being first.
func takeMeasurements(ctx context.Context, s settings) (*report, error) {
	r := &report{
		goVersion: runtime.Version(), os: runtime.GOOS, arch: runtime.GOARCH, cpus: runtime.NumCPU(),
		settings: s, samples: map[string][]sample{},
	}
	for round := range s.rounds {
		for i := range s.peers {
			name := s.peers[(round+i)%len(s.peers)]
			m, err := takeSample(ctx, s, name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			r.samples[name] = append(r.samples[name], m)
		}
	}
	return r, nil
}

// takeSample measures a peer against a fresh server. Both processes are gone when it returns.
func takeSample(ctx context.Context, s settings, peer string) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, measurementTime)
	defer cancel()
	server, at, err := startServer(ctx, serverOrder{H2: s.h2})
	if err != nil {
		return sample{}, err
	}
	defer server.Kill()
	got, err := runClient(ctx, s.clientOrder(peer, at))
	if err != nil {
		return sample{}, err
	}
	var seen counts
	if err := server.Order(orderCounts, &seen); err != nil {
		return sample{}, err
	}
	if err := seen.check(s.warmup+s.posts, s.payload); err != nil {
		return sample{}, err
	}
	cpu, err := server.End()
	return sample{
		outcome: got, posts: s.posts, connections: seen.Connections, serverCPU: cpu, lived: time.Since(server.Started),
	}, err
}

func (s settings) clientOrder(peer string, at ready) clientOrder {
	o := clientOrder{
		Peer: peer, Endpoint: at.Endpoint, Roots: at.Roots,
		Posts: s.posts, Warmup: s.warmup, Concurrency: s.concurrency, Payload: s.payload,
	}
	if s.profiles != "" {
		o.Profile = filepath.Join(s.profiles, peer+".pprof")
	}
	return o
}

// startServer starts a server process and says where it is.
func startServer(ctx context.Context, o serverOrder) (*process.Child, ready, error) {
	c, err := startRole(ctx, roleServe, o)
	if err != nil {
		return nil, ready{}, err
	}
	var at ready
	if err := c.Answer(&at); err != nil {
		c.Kill()
		return nil, ready{}, err
	}
	return c, at, nil
}

// runClient runs a client process to its end.
func runClient(ctx context.Context, o clientOrder) (outcome, error) {
	c, err := startRole(ctx, roleClient, o)
	if err != nil {
		return outcome{}, err
	}
	defer c.Kill()
	var got outcome
	if err := c.Answer(&got); err != nil {
		return outcome{}, err
	}
	_, err = c.End()
	return got, err
}

// startRole starts a child in a role, with its order as the argument.
func startRole(ctx context.Context, role string, order any) (*process.Child, error) {
	argument, err := json.Marshal(order)
	if err != nil {
		return nil, err
	}
	return process.Start(ctx, role, string(argument))
}

// readOrder is the other end of [startRole].
func readOrder(role string, args []string, order any) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: %s ORDER", role)
	}
	if err := json.Unmarshal([]byte(args[0]), order); err != nil {
		return fmt.Errorf("%s: reading the order: %w", role, err)
	}
	return nil
}
