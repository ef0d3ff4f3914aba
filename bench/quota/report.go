package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/gatesock/gatesock/bench/internal/stats"
)

// write writes a table for each load. Each ratio is a client's CPU time divided by that of the
// first client.
func (r *report) write(out io.Writer) error {
	s := r.settings
	bound := "no quota"
	if s.share > 0 {
		bound = fmt.Sprintf("%g of a processor in periods of %s", s.share, s.period)
	}
	_, err := fmt.Fprintf(out, "%s; clients have %s; %d rounds: medians with the least and the greatest.\n",
		environment(), bound, s.rounds)
	if err != nil {
		return err
	}
	for _, name := range s.loads {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "\n%s\tCPU a post\tratio to %s\tp50\tp90\tp99\n", name, s.clients[0].name)
		base := r.samples[name][s.clients[0].name]
		for _, c := range s.clients {
			all := r.samples[name][c.name]
			ratios := make([]float64, len(all))
			for i, o := range all {
				ratios[i] = stats.Quotient(o.perPost(), base[i].perPost())
			}
			quantile := func(q float64) string {
				return stats.Spread("%.1f", " ms", all, func(o outcome) float64 {
					return stats.Durations(o.Latencies).Quantile(q)
				})
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", c.name, stats.Spread("%.1f", " µs", all, outcome.perPost),
				stats.Spread("%.2f", "", ratios, stats.Identity), quantile(0.5), quantile(0.9), quantile(0.99))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (o outcome) perPost() float64 { return stats.PerOperation(o.CPU, len(o.Latencies)) }
