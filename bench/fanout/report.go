package main

import (
	"slices"

	"github.com/gatesock/gatesock/bench/internal/harness"
	"github.com/gatesock/gatesock/bench/internal/stats"
)

// report has all measurements.
type report struct {
	machine  harness.Machine
	settings settings
	samples  map[string][]sample // by peer, in the order of the rounds
	paced    map[string][]sample // the same for paced messages
}

// cpu returns the client's CPU time per post, in microseconds.
func (s sample) cpu() float64 { return stats.PerOperation(s.CPU, s.posts) }

// perSecond returns the posts per second of the client's CPU time.
func (s sample) perSecond() float64 { return stats.Quotient(float64(s.posts), s.CPU.Seconds()) }

// rate returns the posts per second of elapsed time.
func (s sample) rate() float64 { return stats.Quotient(float64(s.posts), s.Elapsed.Seconds()) }

func (s sample) allocations() float64 {
	return stats.Quotient(float64(s.Allocations), float64(s.posts))
}

func (s sample) opened() float64 { return float64(s.connections) }

// latencies returns the latencies of all rounds.
func latencies(list []sample) stats.Durations {
	var all stats.Durations
	for _, s := range list {
		all = append(all, s.Latencies...)
	}
	return all
}

// ratios returns a peer's posts per CPU second divided by the first peer's, for each round.
func (r *report) ratios(peer string) []float64 {
	first := r.samples[r.settings.peers[0]]
	ratios := make([]float64, len(first))
	for i, s := range r.samples[peer] {
		ratios[i] = stats.Quotient(s.perSecond(), first[i].perSecond())
	}
	return ratios
}

// busiest returns the largest share of one core that a server used. It includes the server's start
// and the client's warm-up.
func (r *report) busiest() float64 {
	var busiest float64
	for _, list := range r.samples {
		for _, s := range list {
			busiest = max(busiest, stats.Quotient(s.serverCPU.Seconds(), s.lived.Seconds()))
		}
	}
	return busiest
}

// verdict returns a peer's target and whether it was met. The target is 0 if the peer has none, or
// if the baseline was not measured.
func (r *report) verdict(p peer) (target float64, met bool) {
	if r.settings.peers[0] != baseline {
		return 0, false
	}
	return p.target, stats.Summarize(r.ratios(p.name), stats.Identity).Median >= p.target
}

// named returns the measured peers in the order of the settings.
func (r *report) named() []peer {
	all := peers()
	var list []peer
	for _, name := range r.settings.peers {
		i := slices.IndexFunc(all, func(p peer) bool { return p.name == name })
		list = append(list, all[i])
	}
	return list
}
