package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/gatesock/gatesock/bench/internal/harness"
	"github.com/gatesock/gatesock/bench/internal/stats"
)

// The targets.
const (
	targetRatio    = 0.5
	targetStart    = 100 // milliseconds
	targetResident = 60  // MB of a million bytes
)

// report has all measurements.
type report struct {
	harness.Machine

	Settings settings `json:"settings"`

	Echo    comparison `json:"echo"`
	Example comparison `json:"echoBesideExample"` // the emulator's rounds are the same as in Echo
	Connect comparison `json:"connect"`
	Start   starts     `json:"startNanoseconds"`
	Holds   []holding  `json:"holds"`

	// Failures describe wrong behavior of the servers.
	Failures []string `json:"failures"`
}

// comparison is the same load on both servers, round by round.
type comparison struct {
	Bare     []sample `json:"bare"`
	Gatesock []sample `json:"gatesock"`
}

// starts holds the time of each start of both servers to the first connection.
type starts struct {
	Bare     []time.Duration `json:"bare"`
	Gatesock []time.Duration `json:"gatesock"`
}

// expect adds a failure unless ok.
func (r *report) expect(ok bool, format string, args ...any) {
	if !ok {
		r.Failures = append(r.Failures, fmt.Sprintf(format, args...))
	}
}

// rate returns operations per second.
func (s sample) rate() float64 { return stats.Quotient(float64(s.Operations), s.Elapsed.Seconds()) }

// serverCPU returns the server's CPU time per operation, in microseconds.
func (s sample) serverCPU() float64 { return stats.PerOperation(s.ServerCPU, s.Operations) }

// loadCPU returns the load generator's CPU time per operation, in microseconds.
func (s sample) loadCPU() float64 { return stats.PerOperation(s.LoadCPU, s.Operations) }

// ratios returns the emulator's rate divided by the bare server's, for each round.
func (c comparison) ratios() []float64 {
	ratios := make([]float64, len(c.Gatesock))
	for i, s := range c.Gatesock {
		ratios[i] = stats.Quotient(s.rate(), c.Bare[i].rate())
	}
	return ratios
}

// check is one target.
type check struct {
	Name   string        `json:"name"`
	Value  stats.Summary `json:"value"`
	Target string        `json:"target"`
	Met    bool          `json:"met"`
}

// checks returns all targets. The median decides, for memory the maximum.
func (r *report) checks() []check {
	ratio := func(name string, c comparison) check {
		s := stats.Summarize(c.ratios(), stats.Identity)
		return check{name, s, fmt.Sprintf("≥ %.2f", targetRatio), s.Median >= targetRatio}
	}
	start := stats.Summarize(r.Start.Gatesock, milliseconds)
	resident := stats.Summarize(r.holds(kindGatesock), holding.megabytes)
	return []check{
		ratio("echo messages/s to the bare server's", r.Echo),
		ratio("echo messages/s to the example's", r.Example),
		ratio("connects/s to the bare server's", r.Connect),
		{"start to first connection, ms", start, fmt.Sprintf("< %d ms", targetStart), start.Median < targetStart},
		{"resident, MB", resident, fmt.Sprintf("< %d MB", targetResident), resident.Max < targetResident},
	}
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }

// megabytes returns the resident memory with all connections open, in MB of a million bytes.
func (h holding) megabytes() float64 { return float64(h.Resident) / 1e6 }

// met reports whether all targets are met.
func (r *report) met() bool {
	for _, c := range r.checks() {
		if !c.Met {
			return false
		}
	}
	return true
}

// holds returns the measurements of one server with many connections.
func (r *report) holds(server string) []holding {
	var list []holding
	for _, h := range r.Holds {
		if h.Server == server {
			list = append(list, h)
		}
	}
	return list
}

// writeJSON writes all figures and the targets.
func (r *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		*report
		Checks []check `json:"checks"`
	}{r, r.checks()})
}
