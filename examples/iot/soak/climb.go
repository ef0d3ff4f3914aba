package main

import (
	"context"
	"fmt"
	"time"
)

// stepTime is how long each step takes.
const stepTime = 30 * time.Second

// climb looks for how many devices the machine bears: each step has more of them, and a new server,
// while all dashboards show all devices without a filter. It ends at the first step at which 1 % of
// the readings take more than a second to a dashboard, or anything fails.
func (c settings) climb(ctx context.Context) error {
	best := 0
	for _, n := range []int{100, 250, 500, 750, 1000, 1250, 1500, 2000, 2500, 3000, 4000, 5000} {
		good, err := c.step(ctx, n)
		if err != nil {
			return err
		}
		if !good {
			break
		}
		best = n
	}
	fmt.Printf("with %d dashboards that do not sample, the machine bears %d devices at %v readings a second\n",
		c.dashboards, best, c.rate)
	return nil
}

func (c settings) step(ctx context.Context, n int) (good bool, err error) {
	s, err := c.open(ctx)
	if err != nil {
		return false, err
	}
	defer s.close() //nolint:contextcheck // it waits after ctx has ended, too
	simulator, err := s.fleet("step", n, c.rate)()
	if err != nil {
		return false, err
	}
	var boards []*board
	defer func() {
		for _, b := range boards {
			b.close()
		}
	}()
	for i := range c.dashboards {
		b, err := open(ctx, s.at, i+1, kind{name: "all"}, "")
		if err != nil {
			return false, err
		}
		boards = append(boards, b)
	}
	m, err := newMeter(s.pprof, map[string]int{"server": s.server.cmd.Process.Pid, "simulator": simulator.cmd.Process.Pid})
	if err != nil {
		return false, err
	}
	pause(ctx, stepTime)
	if err := m.take(ctx); err != nil {
		return false, err
	}
	stopping, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	if err := simulator.stop(stopping); err != nil {
		return false, err
	}
	f, _, err := simulator.result()
	if err != nil {
		return false, err
	}
	pushes := int64(0)
	for _, b := range boards {
		pushes += b.pushes
	}
	good = f.Latency.P99 <= time.Second && f.Failures == 0 && len(f.Refused) == 0 && f.Forgotten == 0
	fmt.Printf("%5d devices: %d readings, %d pushes, p50 %v, p99 %v, %d failures, %d refused, server %.2f, simulator %.2f processors\n",
		n, f.Accepted+f.Handed, pushes, f.Latency.P50, f.Latency.P99, f.Failures, len(f.Refused), m.cpu("server"), m.cpu("simulator"))
	return good, nil
}
