package async

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/eventform"
)

// ErrBadJob means that a job can never run: it is damaged, or was not made by this package.
var ErrBadJob = errors.New("async: malformed job")

// maxIDLength is the length of the longest [Job.ID], in bytes.
const maxIDLength = 512

// Job is a request that another invocation handles, with [Jobs.Run]. It has everything that a
// handler may read of the [gatesock.Request].
//
// A [Queue] transports the form that [Job.Encode] returns.
type Job struct {
	// ID identifies the message of the client: jobs with the same ID are one job, delivered more than
	// once.
	ID string
	// Route is the key of the route.
	Route string
	// ConnectionID is the connection that gets the result.
	ConnectionID string
	// RequestID is the id that the client chose for its request; empty if it chose none.
	RequestID string
	// Event is the event of the message, in the JSON of the gateway.
	Event []byte
}

// jobForm is a job as it is written. Queues hold it while programs change.
type jobForm struct {
	Version      int             `json:"v"`
	ID           string          `json:"job"`
	Route        string          `json:"route"`
	ConnectionID string          `json:"connection"`
	RequestID    string          `json:"request,omitempty"`
	Event        json.RawMessage `json:"event"`
}

const jobVersion = 1

// Encode returns the job as JSON in ASCII. It is a little larger than the message of the client, or
// up to three times as large if that is not ASCII.
func (j Job) Encode() ([]byte, error) {
	if err := j.check(); err != nil {
		return nil, err
	}
	form := jobForm{jobVersion, j.ID, j.Route, j.ConnectionID, j.RequestID, j.Event}
	data, err := gatesock.JSON{}.Marshal(form)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadJob, err)
	}
	return appendASCII(make([]byte, 0, len(data)), data), nil
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
	j := Job{ID: f.ID, Route: f.Route, ConnectionID: f.ConnectionID, RequestID: f.RequestID, Event: f.Event}
	if err := j.check(); err != nil {
		return Job{}, err
	}
	return j, nil
}

// check returns an error if the job can never run.
func (j Job) check() error {
	for _, text := range []string{j.ID, j.Route, j.ConnectionID, j.RequestID} {
		if !utf8.ValidString(text) {
			return fmt.Errorf("%w: %.100q is not UTF-8", ErrBadJob, text)
		}
	}
	switch {
	case j.ID == "" || len(j.ID) > maxIDLength:
		return fmt.Errorf("%w: the ID has %d bytes, want 1 to %d", ErrBadJob, len(j.ID), maxIDLength)
	case j.Route == "":
		return fmt.Errorf("%w: the route is missing", ErrBadJob)
	case j.ConnectionID == "":
		return fmt.Errorf("%w: the connection is missing", ErrBadJob)
	case !bytes.HasPrefix(j.Event, []byte{'{'}):
		return fmt.Errorf("%w: the event is not a JSON object", ErrBadJob)
	}
	return nil
}

// newJob returns the job for a request on a route.
func newJob(route string, req *gatesock.Request) (Job, error) {
	event, err := eventform.Of(req)
	if err != nil {
		return Job{}, err
	}
	message := cmp.Or(req.MessageID, req.RequestID)
	if message == "" { // every event of the gateway has both
		message = rand.Text()
	}
	return Job{
		ID: req.ConnectionID + "/" + message, Route: route,
		ConnectionID: req.ConnectionID, RequestID: req.ID, Event: event,
	}, nil
}

// appendASCII appends JSON with all that is not ASCII as escape sequences. Queues differ in which
// characters they accept.
func appendASCII(b, text []byte) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r < utf8.RuneSelf:
			b = append(b, byte(r))
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			b = appendEscape(appendEscape(b, high), low)
		default:
			b = appendEscape(b, r)
		}
		text = text[n:]
	}
	return b
}

// appendEscape appends the escape sequence of a UTF-16 code unit.
func appendEscape(b []byte, unit rune) []byte {
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', hex[unit>>12&15], hex[unit>>8&15], hex[unit>>4&15], hex[unit&15])
}
