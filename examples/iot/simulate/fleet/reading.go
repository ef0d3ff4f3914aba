package fleet

import (
	"time"

	"github.com/gatesock/gatesock/examples/iot"
)

const (
	burstLength = 10
	skewed      = 5 * time.Minute
)

// reading is one in the buffer of a device.
type reading struct {
	iot.Reading
	// fault is "" if the server has to take it, and otherwise why it refuses it.
	fault iot.Reason
	// sent is whether it was sent before.
	sent bool
}

// plan is what happens at a reading.
type plan struct {
	drop          time.Duration // for how long the connection is lost
	burst, replay bool
	skew          bool
	malformed     bool
	malformedIn   int // which of the ways to be malformed
}

// plan returns the faults at the n-th reading.
func (f Faults) plan(c chance, n int64) plan {
	var p plan
	if c.at(forDrop, n) < f.Drops {
		p.drop = time.Second + time.Duration(4*c.at(forLength, n)*float64(time.Second))
	}
	p.burst = c.at(forBurst, n) < f.Bursts
	p.skew = c.at(forSkew, n) < f.Skew
	p.malformed = !p.skew && c.at(forMalformed, n) < f.Malformed
	p.malformedIn = int(3 * c.at(forLength, ^n))
	p.replay = !p.skew && !p.malformed && c.at(forReplay, n) < f.Replays
	return p
}

// reading returns a reading with the faults of a plan.
func (p plan) reading(device string, seq int64, at time.Time, values map[string]float64, of iot.Type) reading {
	r := reading{Reading: iot.Reading{Device: device, Seq: seq, At: at.UTC().Round(time.Millisecond), Values: values}}
	switch {
	case p.skew:
		r.At = r.At.Add(skewed)
		r.fault = iot.ReasonFuture
	case p.malformed && p.malformedIn == 0:
		r.Values = nil
		r.fault = iot.ReasonMalformed
	case p.malformed && p.malformedIn == 1:
		r.Values["phlogiston"] = 1
		r.fault = iot.ReasonMalformed
	case p.malformed:
		r.Values[of.Main] = of.Metrics[of.Main].Max + 1e6
		r.fault = iot.ReasonOutOfRange
	}
	return r
}
