package fleet

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/gatesock/gatesock/examples/iot"
)

// maxBatch is below the window in which the server knows a reading that it has: a report that is
// sent again is answered for each of its readings.
const maxBatch = 50

// device is one of a fleet.
type device struct {
	cfg    *Config
	tally  *tally
	curve  curve
	link   uplink
	id     string
	name   string
	region string
	via    string
	wake   chan struct{} // the interval has changed, or there is an order

	mu       sync.Mutex
	interval time.Duration
	stopped  bool // a pump that was told to
	pending  []iot.Order
	known    []string // ids of the last orders
	record   Record
	sentAt   [64]sending
	latest   int64 // the highest number that was taken

	// Only run uses what follows.
	n       int64 // how many readings were made
	next    time.Time
	buffer  []reading
	replay  []reading
	hold    int // readings to make before the next report
	retryAt time.Time
	tries   int
}

// sending is when a reading was sent first.
type sending struct {
	seq int64
	at  time.Time
}

// connect opens the uplink of the device, which ends with ctx.
func (d *device) connect(ctx context.Context) error {
	link, err := connect(ctx, d.cfg, d.id, d.via, d.order)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.link = link
	return err
}

// storm makes a device that has begun to live lose its connection.
func (d *device) storm() {
	d.mu.Lock()
	link := d.link
	d.mu.Unlock()
	if link != nil {
		link.cut(time.Second)
	}
}

// run measures and reports until ctx ends, and then reports what is left until last ends.
func (d *device) run(ctx, last context.Context) {
	d.next = time.Now().Add(time.Duration(d.curve.at(forStart, 0) * float64(d.pause())))
	for d.sleep(ctx) {
		d.measure(time.Now())
		d.obey(ctx)
		if d.hold <= 0 && !time.Now().Before(d.retryAt) {
			d.report(last)
		}
	}
	d.hold = 0
	for len(d.buffer) > 0 && last.Err() == nil {
		if wait := time.Until(d.retryAt); wait > 0 && !pause(last, wait) {
			break
		}
		d.report(last)
	}
}

// pause waits, and reports whether it was not ended before by ctx.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// sleep waits until there is something to do, and reports whether ctx has not ended.
func (d *device) sleep(ctx context.Context) bool {
	until := d.next
	if len(d.buffer) > 0 && d.hold <= 0 && d.retryAt.Before(until) {
		until = d.retryAt
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-d.wake:
	}
	return ctx.Err() == nil
}

// pause returns the time between two readings.
func (d *device) pause() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.interval
}

// measure adds the readings that are due to the buffer.
func (d *device) measure(now time.Time) {
	for ; !d.next.After(now); d.next = d.next.Add(d.pause()) {
		p := d.cfg.Faults.plan(d.curve.chance, d.n)
		d.mu.Lock()
		stopped := d.stopped
		d.mu.Unlock()
		values := d.curve.values(float64(d.n)/d.cfg.Rate, stopped)
		r := p.reading(d.id, d.cfg.FirstSeq+d.n, d.next, values, d.curve.of)
		d.n++
		d.hold--
		if p.drop > 0 {
			d.link.cut(p.drop)
		}
		if p.burst && d.hold <= 0 {
			d.hold = burstLength - 1
		}
		forgotten := 0
		if d.buffer = append(d.buffer, r); len(d.buffer) > d.cfg.Buffer {
			forgotten = len(d.buffer) - d.cfg.Buffer
			d.forget(d.buffer[:forgotten])
			d.buffer = d.buffer[forgotten:]
		}
		if p.replay {
			d.replay = append(d.replay, r)
		}
		d.tally.count(func(f *Figures) {
			f.Measured++
			f.Waiting += int64(1 - forgotten)
			f.Forgotten += int64(forgotten)
			p.count(f.Faults)
		})
	}
}

// count counts the faults.
func (p plan) count(faults map[string]int64) {
	for name, is := range map[string]bool{
		"drops": p.drop > 0, "bursts": p.burst, "skew": p.skew, "replays": p.replay, "malformed": p.malformed,
	} {
		if is {
			faults[name]++
		}
	}
}

// forget notes readings that will not be sent any more.
func (d *device) forget(readings []reading) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range readings {
		if r.sent && r.fault == "" {
			d.record.Open.Add(r.Seq)
		}
	}
}

// report sends what is in the buffer, the oldest readings first, and stops at the first report that
// has no answer.
func (d *device) report(ctx context.Context) {
	for len(d.buffer) > 0 {
		batch := d.buffer[:min(len(d.buffer), maxBatch)]
		d.sending(batch)
		out, err := d.link.report(ctx, bare(batch))
		if err != nil {
			d.cfg.Logger.DebugContext(ctx, "fleet: a report has no answer", "device", d.id, "error", err)
			d.failed()
			return
		}
		d.tries = 0
		left := d.settle(batch, out)
		d.buffer = append(left, d.buffer[len(batch):]...)
		if len(left) > 0 {
			d.later()
			return
		}
	}
	d.sendAgain(ctx)
}

// failed notes that a report had no answer.
func (d *device) failed() {
	d.tally.count(func(f *Figures) { f.Failures++ })
	d.later()
}

// later makes the device wait before it sends again: half a second, and then longer.
func (d *device) later() {
	base := min(time.Second<<d.tries, 8*time.Second)
	d.tries = min(d.tries+1, 4)
	d.retryAt = time.Now().Add(base/2 + time.Duration(d.curve.at(forLength, d.n)*float64(base/2)))
}

// sendAgain sends the readings that were chosen for a replay.
func (d *device) sendAgain(ctx context.Context) {
	again := d.replay
	d.replay = nil
	if len(again) == 0 {
		return
	}
	out, err := d.link.report(ctx, bare(again))
	if err != nil || out == nil {
		return // a replay is not worth another one
	}
	d.tally.count(func(f *Figures) {
		for _, refused := range out.Refused {
			f.Refused[refused.Reason]++
		}
	})
}

// sending notes that readings are about to be sent.
func (d *device) sending(batch []reading) {
	var first, again int64
	now := time.Now()
	d.mu.Lock()
	for i := range batch {
		if batch[i].sent {
			again++
			continue
		}
		first++
		batch[i].sent = true
		d.sentAt[batch[i].Seq%int64(len(d.sentAt))] = sending{batch[i].Seq, now}
	}
	d.mu.Unlock()
	d.tally.count(func(f *Figures) {
		f.Sent += first
		f.Repeated += again
	})
}

// took returns how long ago a reading was sent first, and false if that is not known any more.
func (d *device) took(seq int64) (time.Duration, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.sentAt[seq%int64(len(d.sentAt))]
	return time.Since(s.at), s.seq == seq
}

// settle notes the outcome of a report, and returns the readings that have to be sent again.
func (d *device) settle(batch []reading, out *iot.Outcome) (left []reading) {
	reasons := make(map[int64]iot.Reason)
	if out != nil {
		for _, r := range out.Refused {
			reasons[r.Seq] = r.Reason
		}
	}
	var taken []int64
	refused := make(map[iot.Reason]int64)
	d.mu.Lock()
	for _, r := range batch {
		reason, is := reasons[r.Seq]
		switch {
		case !is && (out != nil || r.fault == ""), reason == iot.ReasonReplayed:
			taken = append(taken, r.Seq) // a repeat of what was taken is refused as a replay
		case !is:
		case reason == iot.ReasonRateLimited || reason == iot.ReasonUnavailable:
			refused[reason]++
			left = append(left, r)
		default:
			refused[reason]++
			if r.fault == "" {
				d.record.Open.Add(r.Seq)
			}
		}
	}
	for i, seq := range taken {
		if out != nil {
			d.record.Accepted.Add(seq)
		} else {
			d.record.Handed.Add(seq)
		}
		if i < len(taken)-1 || seq < d.latest {
			d.record.Overtaken.Add(seq)
		}
		d.latest = max(d.latest, seq)
	}
	d.mu.Unlock()
	d.tally.count(func(f *Figures) {
		f.Waiting -= int64(len(batch) - len(left))
		if out != nil {
			f.Accepted += int64(len(taken))
		} else {
			f.Handed += int64(len(batch))
		}
		for reason, n := range refused {
			f.Refused[reason] += n
		}
	})
	return left
}

// recorded returns the record of the device.
func (d *device) recorded() Record {
	d.forget(d.buffer)
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.record
	r.Device, r.Type, r.Region, r.Via = d.id, d.curve.kind, d.region, d.via
	for _, set := range []*Ranges{&r.Accepted, &r.Handed, &r.Overtaken, &r.Open} {
		*set = set.Tidy()
	}
	return r
}

// bare returns the readings as they are sent.
func bare(batch []reading) []iot.Reading {
	bare := make([]iot.Reading, len(batch))
	for i, r := range batch {
		bare[i] = r.Reading
	}
	return bare
}

// raw encodes what cannot fail.
func raw(v any) json.RawMessage {
	text, _ := json.Marshal(v) //nolint:errchkjson // strings and numbers
	return text
}
