package broadcast

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

// maxReportErrors is how many errors a Report keeps.
const maxReportErrors = 20

// Report accounts for a send. Each member of the audience that was read is counted in exactly one
// of four numbers:
//
//	Delivered + Gone + Failed + Unsent = Audience
//
// Members that were handed off to a [Relay] are in the Reports of the jobs instead; [MergeReports]
// adds them up. A Report can be kept as JSON, in which its errors become text. The JSON stays the
// same from version to version.
type Report struct {
	// ID identifies the send or the job; empty without a [Relay].
	ID string
	// HandedOff has the IDs of the jobs that do the rest.
	HandedOff []string `json:"Handed"` // the name in reports that were kept under earlier versions
	// Cursor determines the members that are unsent, with those that were not read; [Resume] makes
	// an audience of it. It is empty if there are none.
	Cursor string

	// Audience counts the members that were read, without the excepted ones.
	Audience int
	// Delivered counts the members whose message the gateway accepted.
	Delivered int
	// Gone counts the members whose connection is closed, or not open yet.
	Gone int
	// Failed counts the members that the send gave up, or that may have got the message: an error
	// that would come again, all attempts used up, a post that was cut off in the middle, an
	// endpoint that has forbidden another post, or a client that is too slow.
	Failed int
	// Unsent counts the members that certainly did not get the message, and may get it later: not
	// tried when the send stopped, waiting for a retry then, or throttled or unreachable for as
	// long as [WithRetries] allows.
	Unsent int

	// Incomplete is set if the audience was not read to its end. The number of members that were
	// not read is unknown.
	Incomplete bool

	// Throttled counts answers, not members: those that refused a post because of its rate.
	Throttled int
	// Retries counts the posts that were repeats.
	Retries int

	// Pruned counts the gone connections that were removed from the store. Those that were not
	// registered, and were removed from the group only, do not count.
	Pruned int
	// PruneFailed counts the gone connections for which the store failed, or that could not be
	// closed first. Connections that were too young, and those for which no time was left, do not
	// count.
	PruneFailed int

	// Slow counts the members of Failed whose client was too slow; see [WithSlowConsumers].
	Slow int
	// Disconnected counts the members of Slow that were disconnected.
	Disconnected int

	// Errors has the first 20 errors of the members of Failed.
	Errors []PostError
}

// Err returns an error if members did not get the message: failed, unsent or not read. Connections
// that are gone and members that were handed off do not count. The error wraps Errors.
//
// It complements the error of [Broadcaster.Send]. If every member matters, check both:
//
//	rep, err := b.Send(ctx, audience, push)
//	if err := cmp.Or(err, rep.Err()); err != nil {
func (r Report) Err() error {
	if r.Failed == 0 && r.Unsent == 0 && !r.Incomplete {
		return nil
	}
	text := fmt.Sprintf("broadcast: %d of %d members not served: %d failed, %d unsent",
		r.Failed+r.Unsent, r.Audience, r.Failed, r.Unsent)
	if r.Incomplete {
		text += ", others not read"
	}
	errs := make([]error, len(r.Errors))
	for i, e := range r.Errors {
		errs[i] = e
	}
	return &reportError{text, errs}
}

// reportError is the error of a Report. Its text has the first failure, and it wraps all that are
// kept.
type reportError struct {
	text string
	errs []error
}

func (e *reportError) Error() string {
	if len(e.errs) == 0 {
		return e.text
	}
	return e.text + "; the first failure: " + e.errs[0].Error()
}

func (e *reportError) Unwrap() []error { return e.errs }

// LogValue returns the counts for package log/slog: the audience, and the others if they are not
// zero. It leaves out cursors and single connections.
func (r Report) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Int("audience", r.Audience)}
	for _, c := range []struct {
		name string
		n    int
	}{
		{"delivered", r.Delivered},
		{"gone", r.Gone},
		{"failed", r.Failed},
		{"unsent", r.Unsent},
		{"throttled", r.Throttled},
		{"retries", r.Retries},
		{"pruned", r.Pruned},
		{"pruneFailed", r.PruneFailed},
		{"slow", r.Slow},
		{"disconnected", r.Disconnected},
		{"handedOff", len(r.HandedOff)},
	} {
		if c.n > 0 {
			attrs = append(attrs, slog.Int(c.name, c.n))
		}
	}
	if r.Incomplete {
		attrs = append(attrs, slog.Bool("incomplete", true))
	}
	if r.ID != "" {
		attrs = append(attrs, slog.String("id", r.ID))
	}
	return slog.GroupValue(attrs...)
}

// PostError is the failure of one member.
type PostError struct {
	ConnectionID string
	// Attempts counts the posts that were tried. It is 0 if another post had shown that the
	// endpoint is forbidden.
	Attempts int
	// Err is the error of the last attempt, or of the post that was forbidden.
	Err error
}

// Error returns the connection, the number of attempts, and the text of Err.
func (e PostError) Error() string {
	return fmt.Sprintf("broadcast: connection %.100q, attempts %d: %v", e.ConnectionID, e.Attempts, e.Err)
}

// Unwrap returns Err.
func (e PostError) Unwrap() error { return e.Err }

// postErrorForm is the JSON of a PostError.
type postErrorForm struct {
	ConnectionID string
	Attempts     int
	Err          string
}

// MarshalJSON encodes Err as its text.
func (e PostError) MarshalJSON() ([]byte, error) {
	f := postErrorForm{ConnectionID: e.ConnectionID, Attempts: e.Attempts}
	if e.Err != nil {
		f.Err = e.Err.Error()
	}
	return json.Marshal(f)
}

// UnmarshalJSON decodes what MarshalJSON encoded. Err is a plain error with the same text.
func (e *PostError) UnmarshalJSON(data []byte) error {
	var f postErrorForm
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("broadcast: post error: %w", err)
	}
	*e = PostError{ConnectionID: f.ConnectionID, Attempts: f.Attempts, Err: errors.New(f.Err)}
	return nil
}

// Add adds the counts and the errors of the report of another send, of which it keeps the first 20.
// ID, HandedOff and Cursor stay those of r.
func (r *Report) Add(o Report) {
	r.Audience += o.Audience
	r.Delivered += o.Delivered
	r.Gone += o.Gone
	r.Failed += o.Failed
	r.Unsent += o.Unsent
	r.Incomplete = r.Incomplete || o.Incomplete
	r.Throttled += o.Throttled
	r.Retries += o.Retries
	r.Pruned += o.Pruned
	r.PruneFailed += o.PruneFailed
	r.Slow += o.Slow
	r.Disconnected += o.Disconnected
	room := min(len(o.Errors), maxReportErrors-len(r.Errors))
	r.Errors = append(r.Errors, o.Errors[:max(0, room)]...)
}

// MergeReports adds up the reports of a send that was handed off: the report of the send, whose ID
// is id, and those of its jobs, in any order. The total accounts for every member of the audience
// exactly once, even if jobs ran several times: only the run that left the least undone counts.
// Other reports are ignored.
//
// missing has the IDs of the jobs without a report, and id if that one is missing. The total has no
// Cursor; the reports of the parts that were left unsent have them.
func MergeReports(id string, reports ...Report) (total Report, missing []string) {
	runs := make(map[string][]Report, len(reports))
	for _, r := range reports {
		runs[r.ID] = append(runs[r.ID], r)
	}
	m := merger{runs: runs, merged: make(map[string]subtotal)}
	sum := m.merge(id)
	sum.total.ID = id
	return sum.total, sum.missing
}

type merger struct {
	runs   map[string][]Report
	merged map[string]subtotal
}

// subtotal is the sum of a job and of all jobs that it handed off.
type subtotal struct {
	total   Report
	missing []string
}

// undone counts the jobs without a report, and the members that are in no job.
func (s subtotal) undone() int {
	n := len(s.missing) + s.total.Unsent
	if s.total.Incomplete {
		n++
	}
	return n
}

// merge returns the subtotal of a job. A Broadcaster does not make reports that name each other in
// a circle; a job is not counted within itself.
func (m merger) merge(id string) subtotal {
	if sum, ok := m.merged[id]; ok {
		return sum
	}
	best := subtotal{missing: []string{id}}
	m.merged[id] = best
	for i, run := range m.runs[id] {
		var sum subtotal
		sum.total.Add(run)
		for _, child := range run.HandedOff {
			part := m.merge(child)
			sum.total.Add(part.total)
			sum.missing = append(sum.missing, part.missing...)
		}
		if i == 0 || sum.undone() < best.undone() {
			best = sum
		}
	}
	m.merged[id] = best
	return best
}
