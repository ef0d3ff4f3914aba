package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/gatesock/gatesock/bench/internal/stats"
)

// measure starts the programs alternately, with a quota if share is not 0, and writes a table.
func measure(ctx context.Context, s settings, share float64, folder string, out io.Writer) (err error) {
	bound := "no quota"
	var q *quota
	if share > 0 {
		bound = fmt.Sprintf("%g of a processor", share)
		if q, err = newQuota(share); err != nil {
			fmt.Fprintf(out, "\n%s: skipped: %v\n", bound, err)
			return nil
		}
		defer func() { err = errors.Join(err, q.close()) }()
	}
	got := map[string][]times{}
	for run := range s.runs {
		for i := range apps() {
			app := apps()[(run+i)%len(apps())]
			t, err := startOnce(ctx, filepath.Join(folder, app), s.certs, q)
			if err != nil {
				return fmt.Errorf("%s: %w", app, err)
			}
			got[app] = append(got[app], t)
		}
	}
	fmt.Fprintf(out, "\n%s:\n\n", bound)
	return write(out, got)
}

func write(out io.Writer, got map[string][]times) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tstart to GET /next\tGET /next to post answered\tsum\tratio\tCPU time")
	for _, app := range apps() {
		list := got[app]
		var ratios []float64
		for i, t := range list {
			ratios = append(ratios, stats.Quotient(t.toPost.Seconds(), got[apps()[0]][i].toPost.Seconds()))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", app,
			spread(list, func(t times) time.Duration { return t.toNext }),
			spread(list, func(t times) time.Duration { return t.toPost - t.toNext }),
			spread(list, func(t times) time.Duration { return t.toPost }),
			stats.Spread("%.2f", "", ratios, stats.Identity),
			spread(list, func(t times) time.Duration { return t.cpu }))
	}
	return w.Flush()
}

func spread(list []times, of func(times) time.Duration) string {
	return stats.Spread("%.1f", " ms", list, func(t times) float64 { return of(t).Seconds() * 1e3 })
}
