package main

import (
	"slices"

	"github.com/gatesock/gatesock/bench/internal/harness"
	"github.com/gatesock/gatesock/bench/internal/stats"
)

// report is everything that was measured.
type report struct {
	machine  harness.Machine
	settings settings
	samples  map[string][]sample // by peer, in the order of the rounds
	paced    map[string][]sample // the same, of paced messages
}

// cpu is what the client took for a post, in microseconds.
func (s sample) cpu() float64 { return stats.PerOperation(s.CPU, s.posts) }

// perSecond is how many posts a second of the client's CPU time is enough for.
func (s sample) perSecond() float64 { return stats.Quotient(float64(s.posts), s.CPU.Seconds()) }

// rate is in posts a second of the clock's.
func (s sample) rate() float64 { return stats.Quotient(float64(s.posts), s.Elapsed.Seconds()) }

func (s sample) allocations() float64 {
	return stats.Quotient(float64(s.Allocations), float64(s.posts))
}

func (s sample) opened() float64 { return float64(s.connections) }

// latencies are those of all rounds.
func latencies(list []sample) stats.Durations {
	var all stats.Durations
	for _, s := range list {
		all = append(all, s.Latencies...)
	}
	return all
}

// ratios gives how many times as many posts a peer does with the same CPU time as the first one, round by round.
func (r *report) ratios(peer string) []float64 {
	first := r.samples[r.settings.peers[0]]
	ratios := make([]float64, len(first))
	for i, s := range r.samples[peer] {
		ratios[i] = stats.Quotient(s.perSecond(), first[i].perSecond())
	}
	return ratios
}

// busiest is the largest part of one core's time that a server took. Its start and the client's warm-up are in it.
func (r *report) busiest() float64 {
	var busiest float64
	for _, list := range r.samples {
		for _, s := range list {
			busiest = max(busiest, stats.Quotient(s.serverCPU.Seconds(), s.lived.Seconds()))
		}
	}
	return busiest
}

// verdict tells if a peer's target was met, where it has one and the others are what it is relative to.
func (r *report) verdict(p peer) (target float64, met bool) {
	if r.settings.peers[0] != baseline {
		return 0, false
	}
	return p.target, stats.Summarize(r.ratios(p.name), stats.Identity).Median >= p.target
}

// named gives the peers that were measured, in the order of the settings.
func (r *report) named() []peer {
	all := peers()
	var list []peer
	for _, name := range r.settings.peers {
		i := slices.IndexFunc(all, func(p peer) bool { return p.name == name })
		list = append(list, all[i])
	}
	return list
}
