package sweep

import "time"

// Report is the result of a sweep. [Sweeper.Invoke] returns it as JSON. The number of live
// connections is Last.Live.
type Report struct {
	// Run counts the work of this call alone.
	Run Counts `json:"run"`
	// Pass is the pass that this call has worked on, including the work of earlier calls. If Busy is
	// true, it is the other sweeper's pass, as that one last saved it.
	Pass Pass `json:"pass,omitzero"`
	// Last is the latest complete pass: if Done is true, the one that this call has completed. It is
	// nil if there is none yet, or if no sweeper has run for 24 hours.
	Last *Pass `json:"last,omitempty"`
	// Done is true if this call has reached the end of the table. The next call begins a new pass.
	Done bool `json:"done"`
	// Busy is true if another sweeper is working in this namespace, so that this call did nothing.
	Busy bool `json:"busy,omitempty"`
}

// Pass is one reading of the whole table. It took from Started to Ended, and its counts are not
// exact for connections that were registered or removed in that time.
type Pass struct {
	Started time.Time `json:"started,omitzero"`
	// Ended is zero while the pass is not complete.
	Ended time.Time `json:"ended,omitzero"`
	Counts
}

// Counts counts the records of connections: Scanned = Live + Idle + Gone + Expired + Failed.
type Counts struct {
	// Scanned counts the records that were read.
	Scanned int64 `json:"scanned"`
	// Live counts the connections that are registered and not known to be gone: seen lately, found
	// open, or Unknown.
	Live int64 `json:"live"`
	// Gone counts the connections that were found gone and are not registered any more. Connections
	// that a process has removed without saving its progress, since it died, do not count.
	Gone int64 `json:"gone"`
	// Idle counts the open connections that the sweeper has closed, since they were idle for too long.
	Idle int64 `json:"idle,omitempty"`
	// Expired counts the records that have expired and that DynamoDB has not deleted yet.
	Expired int64 `json:"expired"`
	// Failed counts the connections that are gone and could not be removed, and the items that are
	// not records of connections. The log has the reasons.
	Failed int64 `json:"failed"`

	// Probed counts the probes. It includes all of Gone and Idle.
	Probed int64 `json:"probed"`
	// Unknown counts, among Live, the connections whose state could not be found out: the probe was
	// throttled, forbidden, met a fault, or was cut off by the end of the time.
	Unknown int64 `json:"unknown"`
}

func (c *Counts) add(d Counts) {
	c.Scanned += d.Scanned
	c.Live += d.Live
	c.Gone += d.Gone
	c.Idle += d.Idle
	c.Expired += d.Expired
	c.Failed += d.Failed
	c.Probed += d.Probed
	c.Unknown += d.Unknown
}

// plausible reports whether the numbers can be those of a pass.
func (c *Counts) plausible() bool {
	const most = 1 << 48 // so that no sum overflows
	for _, n := range []int64{c.Scanned, c.Live, c.Gone, c.Idle, c.Expired, c.Failed, c.Probed, c.Unknown} {
		if n < 0 || n > most {
			return false
		}
	}
	return c.Scanned == c.Live+c.Idle+c.Gone+c.Expired+c.Failed &&
		c.Unknown <= c.Live && c.Gone+c.Idle <= c.Probed && c.Probed <= c.Scanned
}
