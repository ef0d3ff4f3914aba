package broadcast

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

// MaxReportErrors is how many errors a [Report] keeps.
const MaxReportErrors = 20

// Report accounts for every member of the audience that was read:
// Delivered + Gone + Failed + Unsent = Audience.
//
// It can be kept as JSON; its errors are texts then. Reports of a send that was handed on are put together by [MergeReports].
type Report struct {
	// ID names the send or the job that this is the report of; empty where there is no [Relay].
	ID string
	// Handed has the ids of the jobs that the rest was handed on in. Who is in them is not counted here, but
	// in their reports.
	HandedOff []string
	// Cursor says who is unsent, those who were not read included: [Resume] makes an audience of it. It is
	// empty if there is nobody.
	Cursor string

	// Audience counts the members that were read, without those excepted.
	Audience int
	// Delivered counts those for whom the gateway took the message.
	Delivered int
	// Gone counts those whose connection is closed, or not open yet.
	Gone int
	// Failed counts those that were given up on: the error is not one to try again after, the attempts
	// were used up, the post was cut off in the middle (it may have arrived), their endpoint had forbidden another's
	// post before, or they are too slow.
	Failed int
	// Unsent counts those that have certainly not got the message and may get it later: never tried when the send
	// stopped, waiting for another try then, or throttled or without a connection to the gateway for as long as
	// [WithRetries] allows.
	Unsent int

	// Incomplete is true if the audience was not read to its end. How many members there are beyond is
	// not known.
	Incomplete bool

	// Throttled counts answers that said so, Retries the posts that were repeats.
	Throttled int
	Retries   int

	// Pruned counts connections that were removed from the store because they are gone, PruneFailed those
	// that could not be closed first, or for which the store failed. A connection that is gone and is in neither was too young, was not in the
	// store, or its turn did not come before the context ended. One that was not in the store, but was read from
	// a group, has been removed from that group; it is not in Pruned, since the store does not tell if it was
	// still a member.
	Pruned      int
	PruneFailed int

	// Slow counts those of Failed that were given up on as too slow to take what is sent; see [WithSlowConsumers].
	// Disconnected counts those of them that were disconnected for it.
	Slow         int
	Disconnected int

	// Errors has the errors of the first [MaxReportErrors] that Failed counts.
	Errors []PostError
}

// Err returns an error if members of the audience were not served: failed, unsent, or not read. Connections that are
// gone are not missing. It wraps the errors of the first of those that failed. The error of [Broadcaster.Send] is about
// the send as a whole; where each member matters, check both:
//
//	rep, err := b.Send(ctx, audience, push)
//	if err := cmp.Or(err, rep.Err()); err != nil {
//
// What was handed on is not missing here: its members are in the reports of the jobs.
func (r Report) Err() error {
	if r.Failed == 0 && r.Unsent == 0 && !r.Incomplete {
		return nil
	}
	text := fmt.Sprintf("broadcast: %d of %d members not served: %d failed, %d unsent", r.Failed+r.Unsent, r.Audience, r.Failed, r.Unsent)
	if r.Incomplete {
		text += ", others not read"
	}
	errs := make([]error, len(r.Errors))
	for i, e := range r.Errors {
		errs[i] = e
	}
	return &reportError{text, errs}
}

// reportError is the error of a Report. Its text has the first failure, and it wraps all that are kept.
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

// LogValue returns the counts that are not zero, the audience always, for package log/slog. Single connections and
// cursors are not logged.
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
		{"handedOn", len(r.HandedOff)},
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

// PostError is the failure of one connection.
type PostError struct {
	ConnectionID string
	// Attempts counts the posts that were tried. It may be 0 where the endpoint had forbidden another's post before.
	Attempts int
	// Err is the last attempt's error, or that of the post that was forbidden.
	Err error
}

// Error names the connection, the number of attempts and what is in Err.
func (e PostError) Error() string {
	return fmt.Sprintf("broadcast: connection %.100q, attempts %d: %v", e.ConnectionID, e.Attempts, e.Err)
}

// Unwrap gives Err.
func (e PostError) Unwrap() error { return e.Err }

// postErrorForm is the JSON of a PostError.
type postErrorForm struct {
	ConnectionID string
	Attempts     int
	Err          string
}

// MarshalJSON gives the text of Err.
func (e PostError) MarshalJSON() ([]byte, error) {
	f := postErrorForm{ConnectionID: e.ConnectionID, Attempts: e.Attempts}
	if e.Err != nil {
		f.Err = e.Err.Error()
	}
	return json.Marshal(f)
}

// UnmarshalJSON reads what MarshalJSON gives. Err is an error with the same text.
func (e *PostError) UnmarshalJSON(data []byte) error {
	var f postErrorForm
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("broadcast: post error: %w", err)
	}
	*e = PostError{ConnectionID: f.ConnectionID, Attempts: f.Attempts, Err: errors.New(f.Err)}
	return nil
}

func (r *Report) fail(e PostError) {
	r.Failed++
	if len(r.Errors) < MaxReportErrors {
		r.Errors = append(r.Errors, e)
	}
}

// add counts another report's numbers in.
func (r *Report) add(o Report) {
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
	room := min(len(o.Errors), MaxReportErrors-len(r.Errors))
	r.Errors = append(r.Errors, o.Errors[:max(0, room)]...)
}
