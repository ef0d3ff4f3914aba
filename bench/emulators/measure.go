package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gatesock/gatesock/bench/internal/harness"
	"github.com/gatesock/gatesock/bench/internal/wsload"
)

// figures are the measurements of one emulator, one of each round.
type figures struct {
	Name    string
	Size    int64 // bytes to install
	First   []time.Duration
	Echo    []sample
	Connect []sample
	// Idle and Resident are bytes, without a connection and with all.
	Idle, Resident int64

	ours bool
}

// sample is one load.
type sample struct {
	Operations int
	Elapsed    time.Duration
	CPU        time.Duration // of the emulator and what it has started, during the load
	LoadCPU    time.Duration // of the clients
}

// measure takes all measurements. An error is for what could not be measured; wrong answers are
// failures in the report.
func (r *report) measure(ctx context.Context, list []contender) error {
	for n := range r.Settings.Rounds {
		for i, c := range list {
			fmt.Fprintf(r.progress, "round %d of %d: %s\n", n+1, r.Settings.Rounds, c.name)
			if err := r.round(ctx, c, r.Emulators[i]); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	for i, c := range list {
		fmt.Fprintf(r.progress, "open connections: %s\n", c.name)
		if err := r.hold(ctx, c, r.Emulators[i]); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	r.LoadAfter = loadAverage()
	return nil
}

// begin starts an emulator, in a new folder, and waits until it answers.
func (c contender) begin(ctx context.Context, seen bool) (*answering, error) {
	folder, err := os.MkdirTemp("", "emulators")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	at := start{port: ports[0], folder: folder}
	if seen {
		at.seen = filepath.Join(folder, "seen")
		if err := os.WriteFile(at.seen, nil, 0o600); err != nil {
			return nil, err
		}
	}
	s := &answering{address: "127.0.0.1:" + strconv.Itoa(at.port) + "/" + c.path, folder: folder, ours: c.ours, seen: at.seen}
	if s.running, err = c.start(ctx, at); err != nil {
		os.RemoveAll(folder)
		return nil, err
	}
	if s.first, err = s.firstConnection(ctx, s.address); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// answering is an emulator that answers.
type answering struct {
	*running
	address string
	folder  string
	seen    string
	ours    bool
	first   time.Duration
}

func (s *answering) close() {
	s.end(s.ours)
	os.RemoveAll(s.folder)
}

// round starts an emulator and puts both loads on it.
func (r *report) round(ctx context.Context, c contender, f *figures) error {
	s, err := c.begin(ctx, false)
	if err != nil {
		return err
	}
	defer s.close()
	f.First = append(f.First, s.first)
	echo := wsload.Order{
		Load: wsload.Echo, Address: s.address, Duration: r.Settings.Warmup,
		Clients: r.Settings.Conns, Depth: 1, Payload: r.Settings.Payload,
	}
	if _, err := r.load(ctx, c, s, echo); err != nil {
		return err
	}
	echo.Duration = r.Settings.Duration
	echoed, err := r.load(ctx, c, s, echo)
	if err != nil {
		return err
	}
	connected, err := r.load(ctx, c, s, wsload.Order{
		Load: wsload.Connect, Address: s.address, Duration: r.Settings.Duration, Clients: r.Settings.Dialers,
	})
	if err != nil {
		return err
	}
	f.Echo, f.Connect = append(f.Echo, echoed), append(f.Connect, connected)
	return nil
}

// load puts a load on an emulator.
func (r *report) load(ctx context.Context, c contender, s *answering, o wsload.Order) (sample, error) {
	before, _, err := s.usage()
	if err != nil {
		return sample{}, err
	}
	var out wsload.Outcome
	child, err := harness.StartReady(ctx, wsload.Role, o, &out)
	if err != nil {
		return sample{}, err
	}
	defer child.Kill()
	after, _, err := s.usage()
	if err != nil {
		return sample{}, err
	}
	r.expect(out, c.name+", "+o.Load)
	loadCPU, err := child.End()
	return sample{Operations: out.Operations, Elapsed: out.Elapsed, CPU: after - before, LoadCPU: loadCPU}, err
}

// openTime is how long opening connections may take: an emulator that starts a process for each
// needs minutes.
const openTime = 10 * time.Minute

// hold starts an emulator and measures its memory with many open connections.
func (r *report) hold(ctx context.Context, c contender, f *figures) error {
	s, err := c.begin(ctx, false)
	if err != nil {
		return err
	}
	defer s.close()
	if _, f.Idle, err = s.usage(); err != nil {
		return err
	}
	var opened, closed wsload.Outcome
	child, err := harness.StartReady(ctx, wsload.Role, wsload.Order{
		Load: wsload.Hold, Address: s.address, Duration: openTime, Clients: r.Settings.Open, Payload: r.Settings.Payload,
	}, &opened)
	if err != nil {
		return err
	}
	defer child.Kill()
	r.expect(opened, c.name+", opening")
	if _, f.Resident, err = s.usage(); err != nil {
		return err
	}
	if err := child.Ask(wsload.Close, &closed); err != nil {
		return err
	}
	r.expect(closed, c.name+", closing")
	_, err = child.End()
	return err
}
