package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

// measurementTime is the timeout of a measurement.
const measurementTime = 5 * time.Minute

// sample is one measurement of one peer.
type sample struct {
	outcome
	posts       int
	connections int // that the server saw, warm-up included
	// Of the server process's whole life.
	serverCPU, lived time.Duration
}

// takeMeasurements takes all measurements, one after another. Each round starts with another peer.
func takeMeasurements(ctx context.Context, s settings) (*report, error) {
	r := &report{
		machine: harness.ThisMachine(), settings: s, samples: map[string][]sample{}, paced: map[string][]sample{},
	}
	for round := range s.rounds {
		for i := range s.peers {
			name := s.peers[(round+i)%len(s.peers)]
			if err := r.measure(ctx, name); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return r, nil
}

// measure takes a round's samples of one peer.
func (r *report) measure(ctx context.Context, peer string) error {
	m, err := takeSample(ctx, serverOrder{H2: r.settings.h2}, r.settings.clientOrder(peer))
	if err != nil {
		return err
	}
	r.samples[peer] = append(r.samples[peer], m)
	if r.settings.messages == 0 {
		return nil
	}
	m, err = takeSample(ctx, serverOrder{H2: r.settings.h2, Prompt: true}, r.settings.pacedOrder(peer))
	if err != nil {
		return fmt.Errorf("paced: %w", err)
	}
	r.paced[peer] = append(r.paced[peer], m)
	return nil
}

// takeSample measures a peer against a fresh server. Both processes are gone when it returns.
func takeSample(ctx context.Context, so serverOrder, o clientOrder) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, measurementTime)
	defer cancel()
	server, at, err := startServer(ctx, so)
	if err != nil {
		return sample{}, err
	}
	defer server.Kill()
	o.Endpoint, o.Roots = at.Endpoint, at.Roots
	got, err := runClient(ctx, o)
	if err != nil {
		return sample{}, err
	}
	var seen counts
	if err := server.Ask(askCounts, &seen); err != nil {
		return sample{}, err
	}
	if err := seen.check(o.Warmup+o.Posts, o.Payload); err != nil {
		return sample{}, err
	}
	cpu, err := server.End()
	return sample{
		outcome: got, posts: o.Posts, connections: seen.Connections, serverCPU: cpu, lived: time.Since(server.Started),
	}, err
}

// clientOrder returns the order for a burst, without the server's address.
func (s settings) clientOrder(peer string) clientOrder {
	o := clientOrder{Peer: peer, Posts: s.posts, Warmup: s.warmup, Concurrency: s.concurrency, Payload: s.payload}
	if s.profiles != "" {
		o.Profile = filepath.Join(s.profiles, peer+".pprof")
	}
	return o
}

// pacedOrder returns the order for paced messages, without the server's address.
func (s settings) pacedOrder(peer string) clientOrder {
	return clientOrder{
		Peer: peer, Posts: s.messages * s.atOnce, Warmup: s.atOnce, Concurrency: s.concurrency, Payload: s.payload,
		AtOnce: s.atOnce, Pace: s.pace,
	}
}

// startServer starts a server process and returns where it is.
func startServer(ctx context.Context, o serverOrder) (c *harness.Child, at ready, err error) {
	c, err = harness.StartReady(ctx, roleServe, o, &at)
	return c, at, err
}

// runClient runs a client process to its end.
func runClient(ctx context.Context, o clientOrder) (got outcome, err error) {
	c, err := harness.StartReady(ctx, roleClient, o, &got)
	if err != nil {
		return outcome{}, err
	}
	defer c.Kill()
	_, err = c.End()
	return got, err
}
