package fleet

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock/examples/iot"
)

// Figures is what a fleet has done so far. Readings are counted once, however often they are sent.
type Figures struct {
	Devices int           `json:"devices"`
	Elapsed time.Duration `json:"elapsed"` // in nanoseconds, as Latency

	// Measured readings were made, and Sent ones handed to the network at least once. Repeated is how
	// often one was sent again, because it was not acknowledged.
	Measured int64 `json:"measured"`
	Sent     int64 `json:"sent"`
	Repeated int64 `json:"repeated"`
	// Accepted is what the server took by its answer. Handed is what the broker acknowledged: a device
	// with MQTT is told no more.
	Accepted int64 `json:"accepted"`
	Handed   int64 `json:"handed"`
	// Refused is how many were refused by an answer, by reason. Counted is how many the server counts
	// itself in the meantime, those that came by MQTT included; it is nil if Config.Quiet is true.
	Refused map[iot.Reason]int64 `json:"refused"`
	Counted map[iot.Reason]int64 `json:"counted"`
	// Forgotten readings were not acknowledged before the buffer was full. Waiting is how many are in
	// the buffers.
	Forgotten int64 `json:"forgotten"`
	Waiting   int64 `json:"waiting"`
	// Faults is how often each fault has happened.
	Faults map[string]int64 `json:"faults"`
	// Failures is how often a report had no answer.
	Failures int64 `json:"failures"`
	// Commands is how many orders were carried out.
	Commands int64 `json:"commands"`

	// Delivered readings have reached the dashboard, of those that are the last one of their report.
	// Latency is how long that took since a device began to send them.
	Delivered int64   `json:"delivered"`
	Latency   Latency `json:"latency"`
}

// Latency has percentiles, within 5 %.
type Latency struct {
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
}

// String returns the figures as lines of text, for the end.
func (f Figures) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-11s "+format+"\n", append([]any{name}, args...)...)
	}
	line("devices", "%d, %v", f.Devices, f.Elapsed.Round(time.Second))
	line("measured", "%d", f.Measured)
	line("sent", "%d, and %d again", f.Sent, f.Repeated)
	line("accepted", "%d by answers, %d handed to the broker", f.Accepted, f.Handed)
	line("refused", "%s", reasons(f.Refused))
	if f.Counted != nil {
		line("", "%s, as the server counts", reasons(f.Counted))
	}
	line("waiting", "%d, and %d forgotten", f.Waiting, f.Forgotten)
	line("failures", "%d", f.Failures)
	line("faults", "%s", counts(f.Faults))
	line("commands", "%d", f.Commands)
	if f.Counted != nil {
		line("delivered", "%d", f.Delivered)
		line("latency", "p50 %v, p99 %v, most %v", f.Latency.P50, f.Latency.P99, f.Latency.Max)
	}
	return b.String()
}

// Line returns the figures in one line, for progress.
func (f Figures) Line() string {
	return fmt.Sprintf("%4.0fs sent %d, accepted %d + %d by MQTT, refused %d, waiting %d, failures %d, delivered %d, "+
		"p50 %v, p99 %v", f.Elapsed.Seconds(), f.Sent, f.Accepted, f.Handed, sum(f.Refused), f.Waiting, f.Failures,
		f.Delivered, f.Latency.P50, f.Latency.P99)
}

func sum[K comparable](m map[K]int64) (n int64) {
	for _, v := range m {
		n += v
	}
	return n
}

func reasons(m map[iot.Reason]int64) string {
	if len(m) == 0 {
		return "0"
	}
	return fmt.Sprintf("%d: %s", sum(m), counts(m))
}

func counts[K ~string](m map[K]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, m[name]))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// tally is where devices count.
type tally struct {
	mu      sync.Mutex
	figures Figures
	latency histogram
}

func newTally(devices int) *tally {
	return &tally{figures: Figures{
		Devices: devices, Refused: make(map[iot.Reason]int64), Faults: make(map[string]int64),
	}}
}

// count changes the figures.
func (t *tally) count(change func(f *Figures)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.figures)
}

// delivered counts a reading that has reached the dashboard.
func (t *tally) delivered(after time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.figures.Delivered++
	t.latency.add(after)
}

// now returns a copy of the figures.
func (t *tally) now() Figures {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.figures
	f.Refused, f.Counted, f.Faults = maps.Clone(f.Refused), maps.Clone(f.Counted), maps.Clone(f.Faults)
	f.Latency = Latency{t.latency.quantile(0.5), t.latency.quantile(0.99), t.latency.most}
	return f
}

// histogram counts times in buckets, each 5 % above the one before, from 0.1 ms.
type histogram struct {
	buckets [400]int64
	all     int64
	most    time.Duration
}

const (
	firstBucket = 100 * time.Microsecond
	bucketStep  = 1.05
)

func (h *histogram) add(d time.Duration) {
	i := 0
	if d > firstBucket {
		i = int(math.Ceil(math.Log(float64(d)/float64(firstBucket)) / math.Log(bucketStep)))
	}
	h.buckets[min(i, len(h.buckets)-1)]++
	h.all++
	h.most = max(h.most, d)
}

// quantile returns a time that the share q of all times is at or below.
func (h *histogram) quantile(q float64) time.Duration {
	want := int64(math.Ceil(q * float64(h.all)))
	if want == 0 {
		return 0
	}
	var n int64
	for i, count := range h.buckets {
		if n += count; n >= want {
			d := time.Duration(float64(firstBucket) * math.Pow(bucketStep, float64(i)))
			return min(d, h.most).Round(firstBucket)
		}
	}
	return h.most
}
