package topic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// Errors of a [Roster] and of [Values]; match them with [errors.Is]. They also fail with
// [ErrInvalid].
var (
	// ErrAbsent means that a connection has no row in a topic, or that its row has expired.
	ErrAbsent = errors.New("topic: the connection is not present")
	// ErrChanged means that a row or a value has another version, or that the round has ended, so that
	// nothing was done. [Topics.Update] fails with it if others were faster each time.
	ErrChanged = errors.New("topic: changed by another call")
)

// Row is the presence of one connection in one topic.
type Row struct {
	// ID is the connection id.
	ID string
	// User is the application's name for the user; empty if anonymous.
	User string
	// As is what others see of the connection, as JSON; nil if there is nothing.
	As json.RawMessage
	// Version is set by [Roster.EnterRow]. A row that is written later has a higher one.
	Version int64
	// ConnectedAt is when the connection began, in whole milliseconds. Two connections with the
	// same id have different ones.
	ConnectedAt time.Time
	// ExpiresAt is when the row ceases to exist unless something removes it earlier, in whole
	// seconds (cut, not rounded).
	ExpiresAt time.Time
}

// Roster keeps which connections are present in which topics, and which process announces that.
// [Memory] is one for a single process; package dynamo has one that all instances of a function
// share. To test one of your own, use package topictest.
//
// All methods are safe for concurrent use, and may be called again after an error. A Roster copies
// what it gets, and what it returns belongs to the caller. Reads are strongly consistent: they see
// what calls of any process have done that have returned before. What has expired counts as absent.
// The error of a canceled context wraps [context.Cause]; a call that fails in another way than with
// one of the errors above may have been carried out.
//
// Names of topics and connection ids are non-empty UTF-8 strings, users are UTF-8 strings. A Roster
// refuses others with [ErrInvalid], and may refuse long ones in the same way.
type Roster interface {
	// EnterRow writes a row in place of the one that the connection has in the topic, if there is
	// one. It ignores Row.Version, and returns the version of the row: the current time in
	// microseconds since 1970, or one more than the version of the row in place, whichever is
	// higher. A second call with the same row returns a higher version.
	EnterRow(ctx context.Context, topic string, r Row) (version int64, err error)

	// GetRow returns the row of a connection, or ErrAbsent.
	GetRow(ctx context.Context, topic, id string) (Row, error)

	// ExtendRow sets the expiry of a row and keeps its version. It fails with ErrAbsent if there is
	// no row.
	ExtendRow(ctx context.Context, topic, id string, until time.Time) error

	// RemoveRow removes the row of a connection if it has the version, and otherwise fails with
	// ErrChanged. It is not an error if there is no row.
	RemoveRow(ctx context.Context, topic, id string, version int64) error

	// ReadRows returns the rows of a topic in any order, at most limit of them; 0 means all. A row
	// that is there during the whole call is among them if there are not more than limit.
	ReadRows(ctx context.Context, topic string, limit int) ([]Row, error)

	// CountRows returns the number of rows.
	CountRows(ctx context.Context, topic string) (int, error)

	Rounds
}

// Validate returns an [ErrInvalid] for a row that no [Roster] accepts. Rosters call it in
// EnterRow.
func (r *Row) Validate() error {
	if err := ValidateName("the connection id", r.ID); err != nil {
		return err
	}
	if !utf8.ValidString(r.User) {
		return fmt.Errorf("%w: the user %.100q is not UTF-8", ErrInvalid, r.User)
	}
	if r.As != nil && !json.Valid(r.As) {
		return fmt.Errorf("%w: As is not JSON: %.100q", ErrInvalid, r.As)
	}
	return validateExpiry(r.ExpiresAt)
}

func validateExpiry(at time.Time) error {
	if year := at.UTC().Year(); year < 1970 || year > 9999 {
		return fmt.Errorf("%w: the expiry %v is not in the years 1970 to 9999", ErrInvalid, at)
	}
	return nil
}

// Normalize returns a row as a [Roster] keeps it, with the version. Rosters call it in EnterRow.
func (r Row) Normalize(version int64) Row {
	r.As = slices.Clone(r.As)
	r.Version = version
	r.ConnectedAt = r.ConnectedAt.UTC().Truncate(time.Millisecond)
	r.ExpiresAt = r.ExpiresAt.UTC().Truncate(time.Second)
	return r
}
