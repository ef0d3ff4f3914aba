package broadcast

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
)

// Errors of jobs.
var (
	// ErrBadJob says that a job can't be carried out, now or later: it is damaged, or was not made by a Broadcaster.
	ErrBadJob = errors.New("broadcast: malformed job")
	// ErrTooManyHops says that a job has been handed on more often than [WithMaxHops] allows. Nothing of it was
	// done; its cursor still has everybody in it.
	ErrTooManyHops = errors.New("broadcast: the job was handed on too often")
)

// Job is a part of a send that another process, or a later invocation of this function, carries on with
// [Broadcaster.Run]. It can be done more than once: members that it serves then get the message again.
type Job struct {
	// ID is that of the [Report] which Run returns. Jobs with the same id have the same content, but for how long
	// members have been tried again.
	ID string
	// Send is the id of the Report of the send that it is a part of.
	RootID string
	// Hops is how often the send was handed on to come to this job, at least 1.
	Hops int
	// Cursor says whom it is for; see [Resume].
	Cursor string
	// Frame is the message, encoded.
	Frame []byte
	// Delay is how long the job should wait before it is begun: 0 but after a failure. It is for the [Relay] and
	// not part of what Encode gives.
	Delay time.Duration
}

// Relay hands jobs on, as through a queue: package sqsrelay has one for SQS. It is safe for concurrent use.
type Relay interface {
	// Relay returns nil when the job is sure to be run at some time. After an error it may be run, or not.
	Relay(ctx context.Context, job Job) error
}

// jobForm is the encoded form of a Job.
type jobForm struct {
	Version int    `json:"v"`
	ID      string `json:"id"`
	Send    string `json:"send"`
	Hops    int    `json:"hops"`
	Cursor  string `json:"cursor"`
	Frame   []byte `json:"frame"`
}

// jobVersion is in every encoded job, so that a later form can be told from this one.
const jobVersion = 1

// Encode gives the job as JSON in ASCII, with the frame in base64, so that it is about 4/3 of the frame and the cursor.
func (j Job) Encode() []byte {
	b, err := json.Marshal(jobForm{jobVersion, j.ID, j.RootID, j.Hops, j.Cursor, j.Frame})
	if err != nil {
		panic(err) // strings and integers
	}
	return b
}

// ParseJob reads what [Job.Encode] gives. It fails with [ErrBadJob].
func ParseJob(data []byte) (Job, error) {
	var f jobForm
	if err := json.Unmarshal(data, &f); err != nil {
		return Job{}, fmt.Errorf("%w: %w", ErrBadJob, err)
	}
	if f.Version != jobVersion {
		return Job{}, fmt.Errorf("%w: it is of version %d, this program knows %d", ErrBadJob, f.Version, jobVersion)
	}
	j := Job{ID: f.ID, RootID: f.Send, Hops: f.Hops, Cursor: f.Cursor, Frame: f.Frame}
	_, err := j.check()
	return j, err
}

// check reads the job's cursor.
func (j Job) check() (rest, error) {
	switch {
	case j.ID == "" || j.RootID == "":
		return rest{}, fmt.Errorf("%w: it has no id", ErrBadJob)
	case j.Hops < 1:
		return rest{}, fmt.Errorf("%w: it has %d hops", ErrBadJob, j.Hops)
	}
	if err := checkFrame(j.Frame); err != nil {
		return rest{}, fmt.Errorf("%w: %w", ErrBadJob, err)
	}
	r, err := parseCursor(j.Cursor)
	if err != nil {
		return rest{}, fmt.Errorf("%w: %w", ErrBadJob, err)
	}
	return r, nil
}

// checkFrame tells why a frame can't be sent.
func checkFrame(frame []byte) error {
	switch {
	case len(frame) == 0:
		return errors.New("broadcast: the frame is empty")
	case len(frame) > gatesock.MaxMessageSize:
		return fmt.Errorf("broadcast: %w: %d bytes", gatesock.ErrTooLarge, len(frame))
	case !utf8.Valid(frame):
		return errors.New("broadcast: the frame is not UTF-8")
	}
	return nil
}

// next returns the job for a rest of this one. Its id tells the content but for how long members have waited, so that a
// job which is run twice and stops at the same place twice hands on the same job.
func (j Job) next(r rest, delay time.Duration) Job {
	n := Job{RootID: j.RootID, Hops: j.Hops + 1, Cursor: r.encode(), Frame: j.Frame, Delay: delay}
	r.Members = slices.Clone(r.Members)
	for i := range r.Members {
		r.Members[i].Waited = 0
	}
	sum := sha256.Sum256([]byte(j.ID + "\x00" + r.encode()))
	n.ID = hex.EncodeToString(sum[:16])
	return n
}
