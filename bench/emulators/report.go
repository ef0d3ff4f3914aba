package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/gatesock/gatesock/bench/internal/harness"
	"github.com/gatesock/gatesock/bench/internal/stats"
	"github.com/gatesock/gatesock/bench/internal/wsload"
)

// The goals.
const (
	goalFirst   = 50.0 // milliseconds, in process
	goalEcho    = 8.0  // times the best of the others
	goalConnect = 6.0
	goalGo      = 2.0 // times the best of the others, echo through a Go function
)

// report has all measurements.
type report struct {
	Machine               harness.Machine
	Settings              settings
	Emulators             []*figures
	LoadBefore, LoadAfter string
	Failures              []string

	progress io.Writer
}

func newReport(s settings, progress io.Writer) *report {
	return &report{Machine: harness.ThisMachine(), Settings: s, LoadBefore: loadAverage(), progress: progress}
}

// loadAverage returns how many processes wanted to run, on average, in the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// expect adds a failure unless a load has lost nothing.
func (r *report) expect(o wsload.Outcome, what string) {
	if o.Error != "" || o.Lost > 0 || o.Operations == 0 {
		r.Failures = append(r.Failures,
			fmt.Sprintf("%s: %d succeeded, %d did not: %s", what, o.Operations, o.Lost, o.Error))
	}
}

// check returns an error if an emulator has not answered as it should.
func (r *report) check() error {
	if len(r.Failures) > 0 {
		return errors.New("an emulator did not answer as it should")
	}
	return nil
}

func (s sample) rate() float64 { return stats.Quotient(float64(s.Operations), s.Elapsed.Seconds()) }

func (s sample) cpu() float64 { return stats.PerOperation(s.CPU, s.Operations) }

// share is the clients' CPU time as a share of one processor.
func (s sample) share() float64 {
	return 100 * stats.Quotient(s.LoadCPU.Seconds(), s.Elapsed.Seconds())
}

// ratios divides each round's rate by that of the best of the others in that round.
func (r *report) ratios(mine []sample, of func(*figures) []sample) []float64 {
	var list []float64
	for round, s := range mine {
		best := 0.0
		for _, f := range r.Emulators {
			if !f.ours {
				best = max(best, of(f)[round].rate())
			}
		}
		if best > 0 {
			list = append(list, s.rate()/best)
		}
	}
	return list
}

func echoOf(f *figures) []sample { return f.Echo }

func connectOf(f *figures) []sample { return f.Connect }

// write writes the report for people.
func (r *report) write(w io.Writer) error {
	s := r.Settings
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "Emulators of API Gateway's WebSocket APIs; %v; load average %s before, %s after.\n",
		r.Machine, r.LoadBefore, r.LoadAfter)
	fmt.Fprintf(b, "%d rounds in turn, each with a new process: %v of echo to warm up, then echo on %d connections "+
		"with\nmessages of %d bytes for %v, then %d clients that open and close connections for %v.\n",
		s.Rounds, s.Warmup, s.Conns, s.Payload, s.Duration, s.Dialers, s.Duration)
	fmt.Fprint(b, "Medians with the least and the greatest; ratios to the best of the others in the same round.\n\n")
	r.writeTable(b)
	r.writeMemory(b)
	r.writeGoals(b)
	r.writeEnd(b)
	return b.Flush()
}

func (r *report) writeTable(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tfirst connection\techo messages/s\tratio\tconnects/s\tratio\tCPU a message\tclients' CPU")
	for _, f := range r.Emulators {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Name,
			stats.Spread("%.0f", " ms", f.First, milliseconds),
			stats.Spread("%.0f", "", f.Echo, sample.rate), ratio(r.ratios(f.Echo, echoOf)),
			stats.Spread("%.0f", "", f.Connect, sample.rate), ratio(r.ratios(f.Connect, connectOf)),
			stats.Spread("%.0f", " µs", f.Echo, sample.cpu),
			stats.Spread("%.0f", " %", f.Echo, sample.share))
	}
	t.Flush()
}

func (r *report) writeMemory(w io.Writer) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\tresident without connections\twith %d\tto install\n", r.Settings.Open)
	for _, f := range r.Emulators {
		fmt.Fprintf(t, "%s\t%.0f MB\t%.0f MB\t%.0f MB\n", f.Name, megabytes(f.Idle), megabytes(f.Resident), megabytes(f.Size))
	}
	t.Flush()
	fmt.Fprint(w, "\nTo install: the packages of npm and the program node; the command gatesock; in process, this program.\n"+
		"There are no images: none of them needs a container.\n")
}

func milliseconds[D interface{ Seconds() float64 }](d D) float64 { return d.Seconds() * 1e3 }

func megabytes(n int64) float64 { return float64(n) / 1e6 }

func ratio(list []float64) string {
	if len(list) == 0 {
		return ""
	}
	return stats.Spread("%.1f", "", list, stats.Identity)
}

// goal is a goal and what came out.
type goal struct {
	name string
	got  float64
	want float64
	less bool // less than want is better
}

func (g goal) met() bool {
	if g.less {
		return g.got < g.want
	}
	return g.got >= g.want
}

// goals returns the goals that this run can judge.
func (r *report) goals() []goal {
	var list []goal
	ratioTo := func(name string, mine []sample, of func(*figures) []sample, want float64) {
		if ratios := r.ratios(mine, of); len(ratios) > 0 {
			list = append(list, goal{name: name, got: stats.Summarize(ratios, stats.Identity).Median, want: want})
		}
	}
	for _, f := range r.Emulators {
		switch f.Name {
		case nameInProcess:
			list = append(list, goal{
				name: "in process, first connection, ms", got: stats.Summarize(f.First, milliseconds).Median,
				want: goalFirst, less: true,
			})
			ratioTo("in process, echo messages/s, times the best of the others", f.Echo, echoOf, goalEcho)
			ratioTo("in process, connects/s, times the best of the others", f.Connect, connectOf, goalConnect)
		case nameGoChild:
			ratioTo("Go function, echo messages/s, times the best of the others", f.Echo, echoOf, goalGo)
		}
	}
	return list
}

func (r *report) writeGoals(w io.Writer) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range r.goals() {
		sign, verdict := "≥", "MISSED"
		if g.less {
			sign = "<"
		}
		if g.met() {
			verdict = "met"
		}
		fmt.Fprintf(t, "%s\t%.1f\tgoal %s %.0f\t%s\n", g.name, g.got, sign, g.want, verdict)
	}
	t.Flush()
}

func (r *report) writeEnd(w io.Writer) {
	if len(r.Failures) == 0 {
		fmt.Fprintln(w, "\nEvery echo arrived unchanged, and every connection closed in order.")
		return
	}
	fmt.Fprintln(w, "\nWRONG:")
	for _, f := range r.Failures {
		fmt.Fprintln(w, "  "+f)
	}
}
