package broadcast

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
)

// Errors of jobs.
var (
	// ErrBadJob means that a job can never run: it is damaged, or was not made by a Broadcaster.
	ErrBadJob = errors.New("broadcast: malformed job")
	// ErrTooManyHops means that a job was handed off more often than [WithMaxHops] allows. Nothing
	// of it was done, and its cursor still has all of its members.
	ErrTooManyHops = errors.New("broadcast: the job was handed off too often")
)

// Job is a part of a send that another process, or a later invocation of the same function, does
// with [Broadcaster.Run]. If a job runs twice, its members get the message twice.
//
// A [Relay] transports the form that [Job.Encode] returns.
type Job struct {
	// ID is the ID of the [Report] that Run returns for the job. Jobs with the same ID have the
	// same content, except for how long members have been retried.
	ID string
	// RootID is the ID of the Report of the whole send.
	RootID string
	// Hops is how often the send was handed off on the way to this job, at least 1.
	Hops int
	// Cursor determines the members of the job; see [Resume].
	Cursor string
	// Frame is the encoded message.
	Frame []byte
	// Until is when the message is out of date; zero if it never is. After it [Broadcaster.Run] does
	// nothing. See [WithMaxAge].
	Until time.Time
	// Delay is how long the job should wait before it runs; 0 unless something failed. It is for
	// the Relay, and not part of the encoded form.
	Delay time.Duration
}

// Relay hands off jobs, for example through a queue; package sqsrelay has a Relay for Amazon SQS.
// It is safe for concurrent use.
type Relay interface {
	// Relay returns nil if the job is certain to run at some time, at least once. After an error it
	// may run or not.
	Relay(ctx context.Context, job Job) error
}

// jobForm is a job as it is written. Queues hold it while programs change.
type jobForm struct {
	Version int    `json:"v"`
	ID      string `json:"id"`
	RootID  string `json:"send"`
	Hops    int    `json:"hops"`
	Cursor  string `json:"cursor"`
	Frame   []byte `json:"frame"`
	UntilMs int64  `json:"until,omitempty"`
}

const jobVersion = 1

// Encode returns the job as JSON in ASCII, about 4/3 of the size of its frame and cursor.
func (j Job) Encode() []byte {
	f := jobForm{Version: jobVersion, ID: j.ID, RootID: j.RootID, Hops: j.Hops, Cursor: j.Cursor, Frame: j.Frame}
	if !j.Until.IsZero() {
		f.UntilMs = j.Until.UnixMilli()
	}
	return mustMarshal(f)
}

// ParseJob parses a job that [Job.Encode] returned. It fails with [ErrBadJob].
func ParseJob(data []byte) (Job, error) {
	var f jobForm
	if err := json.Unmarshal(data, &f); err != nil {
		return Job{}, fmt.Errorf("%w: %w", ErrBadJob, err)
	}
	if f.Version != jobVersion {
		return Job{}, fmt.Errorf("%w: version %d is unknown, want %d", ErrBadJob, f.Version, jobVersion)
	}
	j := Job{ID: f.ID, RootID: f.RootID, Hops: f.Hops, Cursor: f.Cursor, Frame: f.Frame}
	if f.UntilMs != 0 {
		j.Until = time.UnixMilli(f.UntilMs).UTC()
	}
	_, err := j.parse()
	return j, err
}

// parse validates the job, and returns what it is to do.
func (j Job) parse() (remaining, error) {
	switch {
	case j.ID == "" || j.RootID == "":
		return remaining{}, fmt.Errorf("%w: ID is missing", ErrBadJob)
	case j.Hops < 1:
		return remaining{}, fmt.Errorf("%w: %d hops, want at least 1", ErrBadJob, j.Hops)
	}
	if err := validateFrame(j.Frame); err != nil {
		return remaining{}, fmt.Errorf("%w: %w", ErrBadJob, err)
	}
	r, err := parseCursor(j.Cursor)
	if err != nil {
		return remaining{}, fmt.Errorf("%w: %w", ErrBadJob, err)
	}
	return r, nil
}

func validateFrame(frame []byte) error {
	switch {
	case len(frame) == 0:
		return errors.New("broadcast: frame is empty")
	case len(frame) > gatesock.MaxMessageSize:
		return fmt.Errorf("broadcast: %w: %d bytes", gatesock.ErrTooLarge, len(frame))
	case !utf8.Valid(frame):
		return errors.New("broadcast: frame is not UTF-8")
	}
	return nil
}
