package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

// report writes the table of docs/performance.md.
func report(out io.Writer, o order, figures []figure) error {
	fmt.Fprintf(out, "Clients that lose their connection; %s.\n", harness.ThisMachine())
	fmt.Fprintf(out, "%d clients, %d rounds of %s, in each of which every client is cut off for %s; a message every %s.\n\n",
		o.Clients, o.Rounds, duration(o.PeriodMs), duration(o.DropMs), duration(o.EveryMs))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\tdelivered\tof\tshare\tdouble\tdrops\trecovered\treplay p50\tp99\tall p50\tp99\tserver CPU\tclient CPU\n")
	for _, f := range figures {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.2f %%\t%d\t%d\t%d\t%d ms\t%d ms\t%d ms\t%d ms\t%.1f s\t%.1f s\n",
			f.Name, f.Delivered, f.expected(), f.share(), f.Duplicates, f.Drops, f.Recovered,
			f.Replay.quantile(0.5), f.Replay.quantile(0.99), f.Latency.quantile(0.5), f.Latency.quantile(0.99),
			f.ServerCPU, f.ClientCPU)
	}
	return w.Flush()
}

func duration(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
