// Command soak runs a server of examples/iot, many simulated devices and dashboards for a long
// time, and checks that nothing is lost: every reading that was accepted is in the history of its
// device once, and on every dashboard whose filter leaves out none; all dashboards end with the
// last values; and memory is flat. make soak-iot builds the programs and runs it:
//
//	soak -server FILE -simulate FILE -for 10m -devices 1000 -dashboards 20 -rate 1
//
// With -storms it then disturbs the server in every way that it knows, and checks the same. With
// -steps it looks for how many devices the machine bears if no dashboard samples. It prints a
// table, and fails if anything is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// settings are what the flags say.
type settings struct {
	server, simulate string // programs
	folder           string
	lasting          time.Duration
	devices          int
	dashboards       int
	rate             float64
	faults           string
	storms, steps    bool
	patience         time.Duration
}

func main() {
	var c settings
	flag.StringVar(&c.server, "server", "", "program `file` of iot/cmd/local")
	flag.StringVar(&c.simulate, "simulate", "", "program `file` of iot/simulate")
	flag.StringVar(&c.folder, "folder", "", "where the logs and records go, default a temporary folder")
	flag.DurationVar(&c.lasting, "for", 10*time.Minute, "how long")
	flag.IntVar(&c.devices, "devices", 1000, "how many devices")
	flag.IntVar(&c.dashboards, "dashboards", 20, "how many dashboards")
	flag.Float64Var(&c.rate, "rate", 1, "readings per second of each device")
	flag.StringVar(&c.faults, "faults", "-drops 0.0005 -bursts 0.002 -skew 0.001 -replays 0.005 -malformed 0.005",
		"flags of the simulator")
	flag.BoolVar(&c.storms, "storms", false, "disturb the server afterwards")
	flag.BoolVar(&c.steps, "steps", false, "look for how many devices the machine bears without sampling, and nothing else")
	flag.DurationVar(&c.patience, "patience", 7*time.Minute, "how long dashboards may take to get the last values; a sync is each 6 minutes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, c)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c settings) error {
	switch {
	case c.server == "" || c.simulate == "":
		return errors.New("-server and -simulate are needed")
	case c.lasting < 10*time.Second || c.devices < 1 || c.dashboards < 1 || c.rate <= 0:
		return errors.New("-for must be at least 10s, -devices and -dashboards at least 1, and -rate above 0")
	}
	if c.folder == "" {
		folder, err := os.MkdirTemp("", "iot-soak-")
		if err != nil {
			return err
		}
		c.folder = folder
		fmt.Println("logs and records are in", folder)
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Printf("%d processors, load %s", runtime.NumCPU(), load)
	}
	if c.steps {
		return c.climb(ctx)
	}
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close() //nolint:contextcheck // it waits after ctx has ended, too
	problems, err := s.phase(ctx, "soak", c.lasting, s.fleet("soak", c.devices, c.rate, strings.Fields(c.faults)...), false, nil)
	if err == nil && c.storms {
		var more []string
		more, err = s.storms(ctx)
		problems = append(problems, more...)
	}
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d problems:\n  %s", len(problems), strings.Join(problems, "\n  "))
	}
	fmt.Println("nothing is wrong")
	return nil
}

// soak is a server that runs.
type soak struct {
	settings

	server *process
	at     addresses
	pprof  string
}

// open starts the server. Readings are kept for two minutes, so that memory must be flat after
// that time.
func (c settings) open(ctx context.Context) (*soak, error) {
	pprof, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	ready := filepath.Join(c.folder, "ready")
	_ = os.Remove(ready)
	server, err := start(c.folder, "server", c.server, "-addr", "127.0.0.1:0", "-mqtt", "127.0.0.1:0", "-devices", "0",
		"-retention", "2m", "-ready", ready, "-pprof", pprof)
	if err != nil {
		return nil, err
	}
	s := &soak{settings: c, server: server, pprof: pprof}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if s.at, err = await(ctx, server, ready); err != nil {
		s.close() //nolint:contextcheck // as above
		return nil, err
	}
	return s, nil
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *soak) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.server.stop(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "soak: the server:", err)
	}
}

// pause waits, and reports whether it was not ended before by ctx.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
