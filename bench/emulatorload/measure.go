package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/gatesock/gatesock/bench/internal/harness"
	"github.com/gatesock/gatesock/bench/internal/wsload"
)

// takeMeasurements takes all measurements, one after another. Wrong behavior of a server is a
// failure in the report; the error is for measurements that could not be taken.
func takeMeasurements(ctx context.Context, s settings) (*report, error) {
	r := &report{Machine: harness.ThisMachine(), Settings: s}
	echo := wsload.Order{Load: wsload.Echo, Duration: s.Duration, Clients: s.Conns, Depth: s.Depth, Payload: s.Payload}
	connect := wsload.Order{Load: wsload.Connect, Duration: s.Duration, Clients: s.Dialers}
	for range s.Rounds {
		if err := r.addRound(ctx, echo, &r.Echo); err != nil {
			return nil, err
		}
		if err := r.addExample(ctx, echo); err != nil {
			return nil, err
		}
		if err := r.addRound(ctx, connect, &r.Connect); err != nil {
			return nil, err
		}
	}
	for range s.Starts {
		if err := r.addStart(ctx); err != nil {
			return nil, err
		}
	}
	return r, r.addHolds(ctx)
}

// sample is one load on one server.
type sample struct {
	Operations int           `json:"operations"`
	Elapsed    time.Duration `json:"elapsedNanoseconds"`
	ServerCPU  time.Duration `json:"serverCPUNanoseconds"` // of the process's whole life
	LoadCPU    time.Duration `json:"loadCPUNanoseconds"`
}

// addRound runs a load on both servers.
func (r *report) addRound(ctx context.Context, l wsload.Order, c *comparison) error {
	bare, err := r.runLoad(ctx, kindBare, l)
	if err != nil {
		return err
	}
	ours, err := r.runLoad(ctx, kindGatesock, l)
	if err != nil {
		return err
	}
	c.Bare = append(c.Bare, bare)
	c.Gatesock = append(c.Gatesock, ours)
	return nil
}

// addExample runs the echo load on the library's example, to compare with the emulator's latest
// round.
func (r *report) addExample(ctx context.Context, l wsload.Order) error {
	example, err := r.runLoad(ctx, kindExample, l)
	if err != nil {
		return err
	}
	r.Example.Bare = append(r.Example.Bare, example)
	r.Example.Gatesock = append(r.Example.Gatesock, r.Echo.Gatesock[len(r.Echo.Gatesock)-1])
	return nil
}

// runLoad runs a load on a fresh server. A profile replaces the one of the round before.
func (r *report) runLoad(ctx context.Context, kind string, l wsload.Order) (sample, error) {
	order := serverOrder{Kind: kind}
	if dir := r.Settings.Profiles; dir != "" && kind == kindGatesock {
		order.Profile = filepath.Join(dir, l.Load+".pprof")
	}
	server, address, err := startServer(ctx, order)
	if err != nil {
		return sample{}, err
	}
	defer server.Kill()
	l.Address = address
	var o wsload.Outcome
	load, err := harness.StartReady(ctx, roleLoad, l, &o)
	if err != nil {
		return sample{}, err
	}
	defer load.Kill()
	name := kind + " " + l.Load
	r.expect(o.Error == "" && o.Lost == 0, "%s: %d lost, %d succeeded: %s", name, o.Lost, o.Operations, o.Error)
	result := sample{Operations: o.Operations, Elapsed: o.Elapsed}
	if result.LoadCPU, err = load.End(); err != nil {
		return sample{}, err
	}
	if kind == kindGatesock {
		opened := l.Clients
		if l.Load == wsload.Connect {
			opened = o.Operations
		}
		if _, err := r.expectClosed(
			ctx,
			name,
			func() (counts, error) { return readCounts(server) },
			opened,
			1000,
		); err != nil {
			return sample{}, err
		}
	}
	result.ServerCPU, err = server.End()
	return result, err
}

// addStart times one start of each server.
func (r *report) addStart(ctx context.Context) error {
	bare, err := timeStart(ctx, kindBare)
	if err != nil {
		return err
	}
	ours, err := timeStart(ctx, kindGatesock)
	r.Start.Bare = append(r.Start.Bare, bare)
	r.Start.Gatesock = append(r.Start.Gatesock, ours)
	return err
}

// timeStart returns the time from the start of a server process to its first open connection.
func timeStart(ctx context.Context, kind string) (time.Duration, error) {
	server, address, err := startServer(ctx, serverOrder{Kind: kind})
	if err != nil {
		return 0, err
	}
	defer server.Kill()
	c, err := wsload.Dial(ctx, wsload.NewTarget(address), time.Now().Add(wsload.Grace))
	if err != nil {
		return 0, err
	}
	took := time.Since(server.Started)
	if err := c.Close(); err != nil {
		return 0, err
	}
	_, err = server.End()
	return took, err
}
