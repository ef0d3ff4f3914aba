package sweep

import "time"

// Report says what a [Sweeper] has done. Encoded as JSON it is what [Sweeper.Invoke] answers.
//
// The number of live connections is Last.Live. Run is this call's own work alone; Pass is the work of all calls that
// had a part in the present pass.
type Report struct {
	// Run counts what this call did.
	Run Counts `json:"run"`
	// Pass is the pass that this call worked on, with what earlier calls did for it. Where Busy is true it is that of
	// the other sweeper, as it was last saved.
	Pass Pass `json:"pass,omitzero"`
	// Last is the latest complete pass: where Done is true, the one that this call completed. It is nil if there
	// was none yet, or if no sweeper has run for 24 hours.
	Last *Pass `json:"last,omitempty"`
	// Done tells that this call has come to the end of the table. The next begins a new pass.
	Done bool `json:"done"`
	// Busy tells that another sweeper is at work in this namespace, and that this call did nothing.
	Busy bool `json:"busy,omitempty"`
}

// Pass is one reading of the whole table. What is registered or removed behind its back is not in it, so a number is as
// exact as one can be that was counted from Started to Ended.
type Pass struct {
	Started time.Time `json:"started,omitzero"`
	// Ended is zero while the pass is not complete.
	Ended time.Time `json:"ended,omitzero"`
	Counts
}

// Counts counts records of connections: Scanned = Live + Idle + Gone + Expired + Failed.
type Counts struct {
	// Scanned counts the records that were looked at.
	Scanned int64 `json:"scanned"`
	// Live counts connections that are registered and not known to be gone: those that were seen lately, those that
	// were found open, and Unknown.
	Live int64 `json:"live"`
	// Gone counts connections that were found to be gone, and are not registered any more. Those that a run removed
	// and could not save, since its process died, are not in the numbers of the pass.
	Gone int64 `json:"gone"`
	// Idle counts connections that were open, and that the sweeper has closed since they were idle for too long.
	Idle int64 `json:"idle,omitempty"`
	// Expired counts records that have expired and that DynamoDB has not deleted yet.
	Expired int64 `json:"expired"`
	// Failed counts connections that are gone and could not be removed, and items that are no records of a
	// connection. The log says why.
	Failed int64 `json:"failed"`

	// Probed counts the probes that were made. It includes all of Gone and Idle.
	Probed int64 `json:"probed"`
	// Unknown counts, among Live, those of which it could not be found out: the probe was throttled, forbidden,
	// met a fault, or was cut off by the end of the time.
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

// plausible tells if the numbers can be those of a pass.
func (c *Counts) plausible() bool {
	const most = 1 << 48 // so that no sum overflows
	for _, n := range []int64{c.Scanned, c.Live, c.Gone, c.Idle, c.Expired, c.Failed, c.Probed, c.Unknown} {
		if n < 0 || n > most {
			return false
		}
	}
	return c.Scanned == c.Live+c.Idle+c.Gone+c.Expired+c.Failed && c.Unknown <= c.Live && c.Gone+c.Idle <= c.Probed && c.Probed <= c.Scanned
}
