// Command fanoutsim simulates sends to large groups: a gateway with an account's quota, a queue,
// and functions with a time limit that sometimes crash. The broadcaster, its jobs and its reports
// are the real ones. Time is virtual: a quarter of an hour takes seconds.
//
//	go run ./fanoutsim
//	go run ./fanoutsim -members 250000 -quota 2500 -burst 1250 -limit 30s -crashes 0.1
package main

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"text/tabwriter"
	"time"
)

func main() {
	s := scenario{gone: 100, slow: 1000, seed: 1}
	flag.IntVar(&s.members, "members", 0, "members of the group; 0 simulates the default table")
	flag.IntVar(&s.shards, "shards", 32, "shards of the group")
	flag.IntVar(&s.workers, "workers", 16, "function instances")
	flag.Float64Var(&s.quota, "quota", 10_000, "the account's requests per second")
	flag.Float64Var(&s.burst, "burst", 5_000, "the account's burst")
	flag.Float64Var(&s.inbound, "inbound", 2_000, "inbound messages per second")
	flag.DurationVar(&s.limit, "limit", 30*time.Second, "time limit of an invocation")
	flag.Float64Var(&s.crashed, "crashes", 0, "share of invocations that crash")
	flag.Float64Var(&s.doubled, "doubles", 0, "share of jobs that are delivered twice")
	flag.IntVar(&s.slow, "slow", s.slow, "every nth member is too slow; 0 means none")
	flag.IntVar(&s.gone, "gone", s.gone, "every nth member is gone; 0 means none")
	flag.DurationVar(&s.outage, "outage", 2*time.Second, "how long the whole account is throttled")
	flag.DurationVar(&s.outageEvery, "every", 0, "interval between such outages; 0 means never")
	flag.Uint64Var(&s.seed, "seed", 1, "random seed")
	// Virtual time exists in tests only, so the command runs as one. It exits with 1 if the test
	// fails.
	testing.Main(
		func(_, _ string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: "fanoutsim", F: func(t *testing.T) {
			t.Helper()
			scenarios := []scenario{s}
			if s.members == 0 {
				scenarios = table(s)
			}
			show(t, scenarios)
		}}},
		nil,
		nil,
	)
}

// table returns the default scenarios: sizes and limits, each without faults, with crashes and
// duplicates, and with an account that is throttled as a whole.
func table(s scenario) []scenario {
	var all []scenario
	for _, s.members = range []int{10_000, 100_000, 1_000_000} {
		for _, s.limit = range []time.Duration{30 * time.Second, 15 * time.Minute} {
			s.crashed, s.doubled, s.outageEvery = 0, 0, 0
			all = append(all, s)
			s.crashed, s.doubled = 0.05, 0.05
			all = append(all, s)
			s.crashed, s.doubled, s.outageEvery = 0, 0, 5*time.Second
			all = append(all, s)
		}
	}
	return all
}

func show(t *testing.T, scenarios []scenario) {
	t.Helper()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "members\tlimit\toutages\tcrashes\tdoubles\tdelivered\tgone\tfailed\tunsent\tposts\tthrottled\t"+
		"hops\ttook\tbound\tratio\treceived twice\twall\t")
	for _, s := range scenarios {
		begun := time.Now()
		r := bubble(t, s)
		fmt.Fprintf(
			w,
			"%d\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1fs\t%.1fs\t%.2f\t%d\t%.1fs\t\n",
			s.members,
			s.limit,
			s.outages(),
			r.crashes,
			r.doubles,
			r.total.Delivered,
			r.total.Gone,
			r.total.Failed,
			r.total.Unsent,
			r.posts,
			r.refused,
			r.hops,
			r.took.Seconds(),
			r.bound.Seconds(),
			r.ratio(),
			r.twice,
			time.Since(begun).Seconds(),
		)
	}
}

func (s scenario) outages() string {
	if s.outageEvery == 0 {
		return "none"
	}
	return fmt.Sprintf("%s in %s", s.outage, s.outageEvery)
}

// bubble runs a scenario in virtual time. A broken promise fails the test.
func bubble(t *testing.T, s scenario) (r result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if r, err = simulate(s); err != nil {
			t.Errorf("%d members, limit %s, seed %d: %v", s.members, s.limit, s.seed, err)
		}
	})
	return r
}
