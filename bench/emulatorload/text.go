package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gatesock/gatesock/bench/internal/stats"
)

// writeText writes the report for people.
func (r *report) writeText(w io.Writer) error {
	s := r.Settings
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "Package emulator beside a bare echo server on gobwas/ws; %v.\n", r.Machine)
	fmt.Fprintf(b, "%d rounds of %v, alternating between the servers.\n", s.Rounds, s.Duration)
	fmt.Fprintf(b, "Echo: %d connections, each with %d messages in flight, of %d bytes. ", s.Conns, s.Depth, s.Payload)
	fmt.Fprintf(b, "Connects: %d clients that each open and close one connection after another.\n", s.Dialers)
	fmt.Fprint(b, "Servers and load generator are separate processes that share the CPUs; nothing is pinned.\n",
		"Figures are medians with minimum and maximum; ratios are taken within each round.\n\n")
	r.writeTable(b)
	r.writeFailures(b)
	return b.Flush()
}

// columns is the number of columns in the table.
const columns = 5

// writeRow writes the first cells of a row; the others stay empty.
type writeRow func(cells ...string)

func (r *report) writeTable(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := writeRow(func(cells ...string) {
		fmt.Fprintln(t, strings.Join(append(cells, make([]string, columns-len(cells))...), "\t"))
	})
	targets := r.checks()
	row("", kindBare, kindGatesock, "ratio", "target")
	r.Echo.writeTo(row, "echo messages/s", "message", targets[0])
	row(
		"  beside the library's example",
		rates(r.Example.Bare),
		rates(r.Example.Gatesock),
		ratios(r.Example),
		verdict(targets[1]),
	)
	row("  the example's CPU per message", stats.Spread("%.1f", " µs", r.Example.Bare, sample.serverCPU))
	r.Connect.writeTo(row, "connects/s", "connect", targets[2])
	row(
		"start to first connection",
		stats.Spread("%.1f", " ms", r.Start.Bare, milliseconds),
		stats.Spread("%.1f", " ms", r.Start.Gatesock, milliseconds),
		"",
		verdict(targets[3]),
	)
	for _, h := range r.holds(kindGatesock) {
		r.writeHold(row, h, targets[4])
	}
	t.Flush()
}

// writeTo writes the rates and the CPU time per operation.
func (c comparison) writeTo(row writeRow, name, operation string, target check) {
	row(name, rates(c.Bare), rates(c.Gatesock), ratios(c), verdict(target))
	row(
		"  server's CPU per "+operation,
		stats.Spread("%.1f", " µs", c.Bare, sample.serverCPU),
		stats.Spread("%.1f", " µs", c.Gatesock, sample.serverCPU),
	)
	row("  generator's CPU per "+operation,
		stats.Spread("%.1f", " µs", c.Bare, sample.loadCPU), stats.Spread("%.1f", " µs", c.Gatesock, sample.loadCPU))
}

// writeHold writes a measurement with many connections: resident memory, beside the bare server's
// under the same load if there is one, and the events that followed.
func (r *report) writeHold(row writeRow, h holding, memory check) {
	name := fmt.Sprintf("%d idle", r.Settings.Open)
	if h.Echoed {
		name = fmt.Sprintf("%d that echoed", r.Settings.Open)
	}
	how := "closed at once"
	if h.Killed {
		how = "clients killed"
	}
	bare := ""
	for _, b := range r.holds(kindBare) {
		if b.Echoed == h.Echoed && !h.Killed {
			bare = fmt.Sprintf("%.1f MB", b.megabytes())
		}
	}
	row(
		name+": resident",
		bare,
		fmt.Sprintf("%.1f MB, %.1f MB before", h.megabytes(), float64(h.Before)/1e6),
		"",
		verdict(memory),
	)
	row("  "+how+": $disconnect events", "", disconnects(h), "", fmt.Sprintf("= %d", r.Settings.Open))
}

func (r *report) writeFailures(w io.Writer) {
	if len(r.Failures) == 0 {
		fmt.Fprintln(w, "\nEvery echo arrived unchanged, and every connection had one $disconnect event.")
		return
	}
	fmt.Fprintln(w, "\nWRONG:")
	for _, f := range r.Failures {
		fmt.Fprintln(w, "  "+f)
	}
}

func rates(list []sample) string { return stats.Spread("%.0f", "", list, sample.rate) }

func ratios(c comparison) string { return stats.Spread("%.2f", "", c.ratios(), stats.Identity) }

func verdict(c check) string {
	if c.Met {
		return c.Target + ", met"
	}
	return c.Target + ", MISSED"
}

// disconnects writes the number of events for each close code.
func disconnects(h holding) string {
	var parts []string
	for code, n := range h.Disconnects {
		parts = append(parts, fmt.Sprintf("%d with %d", n, code))
	}
	if len(parts) == 0 {
		return "none"
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
