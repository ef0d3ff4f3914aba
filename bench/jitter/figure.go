package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// outcome is what the clients have counted, all together.
type outcome struct {
	Delivered  int `json:"delivered"` // different messages, for each client
	Duplicates int `json:"duplicates"`
	Disordered int `json:"disordered"` // messages that came after a later one
	Drops      int `json:"drops"`
	// Recovered is how many reconnections brought the missed messages, in the words of the system.
	Recovered int       `json:"recovered"`
	Replay    histogram `json:"replayMs"`
	Latency   histogram `json:"latencyMs"`
}

// figure is the result of a system.
type figure struct {
	Name     string `json:"name"`
	Clients  int    `json:"clients"`
	Messages int    `json:"messages"`
	outcome
	ServerCPU float64 `json:"serverCPUSeconds"`
	ClientCPU float64 `json:"clientCPUSeconds"`
}

// expected is how many messages all clients together should have got.
func (f figure) expected() int { return f.Clients * f.Messages }

// share is the share of the messages that were delivered, in percent.
func (f figure) share() float64 { return 100 * float64(f.Delivered) / float64(max(f.expected(), 1)) }

// check returns an error if a message was lost, repeated or delivered out of order.
func (f figure) check() error {
	if lost := f.expected() - f.Delivered; lost != 0 || f.Duplicates != 0 || f.Disordered != 0 {
		return fmt.Errorf("%s: %d messages are lost, %d came again, %d came too late", f.Name, lost, f.Duplicates, f.Disordered)
	}
	return nil
}

// histogram counts durations by their milliseconds.
type histogram map[int]int

// quantile returns the least number of milliseconds that a share q of the durations does not
// exceed, and 0 if there are none.
func (h histogram) quantile(q float64) int {
	total := 0
	for _, n := range h {
		total += n
	}
	left := max(1, int(math.Ceil(q*float64(total))))
	for _, ms := range slices.Sorted(maps.Keys(h)) {
		if left -= h[ms]; left <= 0 {
			return ms
		}
	}
	return 0
}

func (h histogram) add(other histogram) {
	for ms, n := range other {
		h[ms] += n
	}
}
