package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"
)

// sample is what one process takes at a moment. Heap is 0 where it is not known.
type sample struct {
	usage

	Heap int64
}

// meter samples the processes.
type meter struct {
	pprof string // of the server
	pids  map[string]int

	began   time.Time
	taken   time.Time // when the last sample was taken
	first   map[string]usage
	samples map[string][]sample
}

func newMeter(pprof string, pids map[string]int) (*meter, error) {
	m := &meter{
		pprof: pprof, pids: pids, began: time.Now(),
		first: make(map[string]usage), samples: make(map[string][]sample),
	}
	for name, pid := range pids {
		u, err := usageOf(pid)
		if err != nil {
			return nil, err
		}
		m.first[name] = u
	}
	return m, nil
}

// take takes a sample of each process.
func (m *meter) take(ctx context.Context) error {
	m.taken = time.Now()
	for name, pid := range m.pids {
		u, err := usageOf(pid)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s := sample{usage: u}
		switch {
		case pid == os.Getpid():
			var stats runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&stats)
			s.Heap = int64(stats.HeapAlloc) //nolint:gosec // it is not as large
		case name == "server":
			if s.Heap, err = heapOf(ctx, m.pprof); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		m.samples[name] = append(m.samples[name], s)
	}
	return nil
}

// cpu returns which share of one processor a process has used.
func (m *meter) cpu(name string) float64 {
	all := m.samples[name]
	if len(all) == 0 {
		return 0
	}
	return (all[len(all)-1].CPU - m.first[name].CPU).Seconds() / m.taken.Sub(m.began).Seconds()
}

// growth compares the second quarter of the samples with the last one, which must not be more than
// a fifth and 8 MB above. It returns the least of each, because garbage that was made while the
// collector ran is not growth, and false if memory is not flat.
func growth(samples []sample, of func(sample) int64) (before, after int64, flat bool) {
	quarter := len(samples) / 4
	if quarter == 0 {
		return 0, 0, true
	}
	least := func(part []sample) int64 {
		n := of(part[0])
		for _, s := range part {
			n = min(n, of(s))
		}
		return n
	}
	before, after = least(samples[quarter:2*quarter]), least(samples[len(samples)-quarter:])
	return before, after, after <= before+before/5+8<<20
}

func resident(s sample) int64 { return s.Resident }

func heap(s sample) int64 { return s.Heap }
