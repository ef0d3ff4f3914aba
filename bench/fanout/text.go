package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/gatesock/gatesock/bench/internal/stats"
)

// writeText writes the report for people.
func (r *report) writeText(w io.Writer) error {
	s := r.settings
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "Posts to @connections over TLS; %v, one for the client.\n", r.machine)
	fmt.Fprintf(b, "%d posts of %d bytes in each measurement, %d in flight, answered after %v to %v; %s.\n",
		s.posts, s.payload, s.concurrency, minDelay, maxDelay, s.protocol())
	fmt.Fprintf(
		b,
		"%d rounds; figures are medians with minimum and maximum; ratios are taken within each round.\n\n",
		s.rounds,
	)
	r.writeTable(b)
	r.writePaced(b)
	fmt.Fprintln(b)
	r.writeNotes(b)
	return b.Flush()
}

func (s settings) protocol() string {
	if s.h2 {
		return "the server offers HTTP/2"
	}
	return "HTTP/1.1"
}

func (r *report) writeTable(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")) }
	row(
		"",
		"CPU per post",
		"posts/CPU s",
		"ratio to "+r.settings.peers[0],
		"target",
		"posts/s",
		"connections",
		"allocations per post",
	)
	for _, p := range r.named() {
		list := r.samples[p.name]
		row(
			p.name,
			stats.Spread("%.1f", " µs", list, sample.cpu),
			median("%.0f", list, sample.perSecond),
			stats.Spread("%.2f", "", r.ratios(p.name), stats.Identity),
			r.target(p),
			median("%.0f", list, sample.rate),
			median("%.0f", list, sample.opened),
			median("%.1f", list, sample.allocations),
		)
	}
	t.Flush()
}

// writePaced writes the table of the paced messages, if there are any.
func (r *report) writePaced(w io.Writer) {
	s := r.settings
	if s.messages == 0 {
		return
	}
	fmt.Fprintf(
		w,
		"\nPaced: %d messages to %d members each, %v apart, answered without delay.\n\n",
		s.messages,
		s.atOnce,
		s.pace,
	)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tconnections\tmessage, mean\tp50\tp99\tCPU per post")
	for _, p := range r.named() {
		list := r.paced[p.name]
		took := latencies(list)
		fmt.Fprintf(t, "%s\t%s\t%.2f ms\t%.2f ms\t%.2f ms\t%s\n", p.name, median("%.0f", list, sample.opened),
			took.Mean(), took.Quantile(0.5), took.Quantile(0.99), stats.Spread("%.0f", " µs", list, sample.cpu))
	}
	t.Flush()
}

func (r *report) target(p peer) string {
	switch target, met := r.verdict(p); {
	case target == 0:
		return ""
	case met:
		return fmt.Sprintf("≥ %.0f, met", target)
	default:
		return fmt.Sprintf("≥ %.0f, MISSED", target)
	}
}

func (r *report) writeNotes(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range r.named() {
		fmt.Fprintf(t, "%s\t%s\n", p.name, p.about)
	}
	t.Flush()
	fmt.Fprintf(w, "\nEvery post arrived exactly once. The server used at most %.0f %% of one core.\n", r.busiest()*100)
}

func median[T any](format string, figures []T, value func(T) float64) string {
	return fmt.Sprintf(format, stats.Summarize(figures, value).Median)
}
