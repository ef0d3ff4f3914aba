package main

import (
	"context"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gatesock/gatesock/bench/internal/process"
)

// takeMeasurements takes all of them, one after the other. What a server does wrong is a failure in the report; the
// error is for what keeps the measurements from being taken.
func takeMeasurements(ctx context.Context, s settings) (*report, error) {
	r := &report{Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Settings: s}
	echo := loadSettings{load: loadEcho, duration: s.Duration, clients: s.Conns, depth: s.Depth, payload: s.Payload}
	connect := loadSettings{load: loadConnect, duration: s.Duration, clients: s.Dialers}
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
func (r *report) addRound(ctx context.Context, l loadSettings, c *comparison) error {
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

// addExample runs the echo load on the library's example, to go with the emulator's round before it.
func (r *report) addExample(ctx context.Context, l loadSettings) error {
	example, err := r.runLoad(ctx, kindExample, l)
	if err != nil {
		return err
	}
	r.Example.Bare = append(r.Example.Bare, example)
	r.Example.Gatesock = append(r.Example.Gatesock, r.Echo.Gatesock[len(r.Echo.Gatesock)-1])
	return nil
}

// runLoad runs a load on a fresh server. With profiles the last round's stay.
func (r *report) runLoad(ctx context.Context, kind string, l loadSettings) (sample, error) {
	args := []string{kind}
	if dir := r.Settings.Profiles; dir != "" && kind == kindGatesock {
		args = append(args, filepath.Join(dir, l.load+".pprof"))
	}
	server, address, err := startServer(ctx, args...)
	if err != nil {
		return sample{}, err
	}
	defer server.Kill()
	l.address = address
	load, err := process.Start(ctx, l.args()...)
	if err != nil {
		return sample{}, err
	}
	defer load.Kill()
	var o outcome
	if err := load.Answer(&o); err != nil {
		return sample{}, err
	}
	name := kind + " " + l.load
	r.expect(o.Error == "" && o.Lost == 0, "%s: %d lost, %d not: %s", name, o.Lost, o.Operations, o.Error)
	result := sample{Operations: o.Operations, Elapsed: o.Elapsed}
	if result.LoadCPU, err = load.End(); err != nil {
		return sample{}, err
	}
	if kind == kindGatesock {
		opened := l.clients
		if l.load == loadConnect {
			opened = o.Operations
		}
		if _, err := r.expectClosed(ctx, name, func() (counts, error) { return askCounts(server) }, opened, 1000); err != nil {
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

// timeStart gives the time from the start of a server process to its first open WebSocket connection.
func timeStart(ctx context.Context, kind string) (time.Duration, error) {
	server, address, err := startServer(ctx, kind)
	if err != nil {
		return 0, err
	}
	defer server.Kill()
	c, err := dial(ctx, newTarget(address), time.Now().Add(loadGrace))
	if err != nil {
		return 0, err
	}
	took := time.Since(server.Started)
	if err := c.close(); err != nil {
		return 0, err
	}
	_, err = server.End()
	return took, err
}
