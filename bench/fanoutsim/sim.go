package main

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"github.com/gatesock/gatesock/broadcast"
)

// scenario is one line of the table.
type scenario struct {
	members         int
	shards, workers int
	limit           time.Duration // of an invocation
	quota, burst    float64       // posts and inbound messages per second, and at once
	inbound         float64       // messages per second
	gone, slow      int           // every nth member is; 0 means none
	outage          time.Duration // how long the account is throttled at the end of each outageEvery
	outageEvery     time.Duration // 0 means never
	crashed         float64       // the share of invocations that crash
	doubled         float64       // the share of jobs that are delivered twice
	seed            uint64
}

// result is the outcome of a scenario.
type result struct {
	scenario
	total            broadcast.Report
	took, bound      time.Duration
	posts, refused   int
	hops             int
	crashes, doubles int
	twice            int // members that got the message more than once
}

// ratio returns the time divided by the shortest time that the quota allows. The wait for a job
// that crashed is added to the latter, because no rate can shorten it.
func (r result) ratio() float64 {
	bound := r.bound
	if r.outageEvery > 0 { // nothing can be posted meanwhile
		bound = time.Duration(float64(bound) / (1 - r.outage.Seconds()/r.outageEvery.Seconds()))
	}
	if r.crashes > 0 {
		bound += (&fleet{scenario: r.scenario}).visibility()
	}
	return r.took.Seconds() / bound.Seconds()
}

// simulate runs a scenario. It must be called in a synctest bubble. The error describes each broken
// promise.
func simulate(s scenario) (result, error) {
	every := func(n, from int) func(int) bool { return func(m int) bool { return n > 0 && m%n == n-from } }
	g := &gateway{
		quota:       s.quota,
		burst:       s.burst,
		inbound:     s.inbound,
		tokens:      s.burst,
		outage:      s.outage,
		outageEvery: s.outageEvery,
		began:       time.Now(),
		chance: rand.New(
			rand.NewPCG(s.seed, 1),
		),
		got:  make([]uint8, s.members),
		gone: every(s.gone, 1),
		slow: every(s.slow, 2),
	}
	f := &fleet{
		scenario: s, gateway: g, store: &store{members: s.members, shards: s.shards, page: 500},
		chance: rand.New(rand.NewPCG(s.seed, 2)),
	}
	start := time.Now()
	f.run()
	r := result{scenario: s, posts: g.posts, refused: g.refused, hops: f.hops, crashes: f.crashes, doubles: f.doubles}
	r.took = f.settled().Sub(start)
	r.bound = time.Duration(max(0, float64(g.posts)-s.burst) / (s.quota - s.inbound) * float64(time.Second))
	var missing []string
	r.total, missing = f.merge(len(f.receipts))
	return r, errors.Join(append(f.failures, r.check(g, missing))...)
}

func (f *fleet) merge(n int) (broadcast.Report, []string) {
	reports := make([]broadcast.Report, n)
	for i, r := range f.receipts[:n] {
		reports[i] = r.Report
	}
	return broadcast.MergeReports(f.receipts[0].ID, reports...)
}

// settled returns when the receipts were first complete. Later ones are duplicates.
func (f *fleet) settled() time.Time {
	slices.SortStableFunc(
		f.receipts[1:],
		func(a, b receipt) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) },
	)
	n := sort.Search(len(f.receipts), func(n int) bool {
		_, missing := f.merge(n + 1)
		return len(missing) == 0
	})
	last := f.receipts[min(n, len(f.receipts)-1)].at
	if f.receipts[0].at.After(last) {
		return f.receipts[0].at
	}
	return last
}

// check compares the merged receipt with the gateway's counts.
func (r *result) check(g *gateway, missing []string) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(missing) > 0 {
		fail("%d jobs have no receipt", len(missing))
	}
	t := r.total
	if t.Audience != r.members || t.Delivered+t.Gone+t.Failed+t.Unsent != r.members || t.Incomplete {
		fail("the receipt does not account for each of %d members once: %+v", r.members, t)
	}
	live := 0
	for m, n := range g.got {
		switch {
		case g.gone(m) || g.slow(m):
			continue
		case n == 0:
			fail("member %d did not get the message", m)
		case n > 1:
			r.twice++
		}
		live++
	}
	if t.Delivered != live {
		fail("%d of %d live members are in the receipt as delivered; failed: %v", t.Delivered, live, t.Errors)
	}
	if len(errs) > 10 {
		errs = append(errs[:10], fmt.Errorf("and %d more", len(errs)-10))
	}
	return errors.Join(errs...)
}
