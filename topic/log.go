package topic

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// MaxOffset is the largest offset of an epoch: the largest integer that every JSON implementation
// can hold.
const MaxOffset = topicwire.MaxOffset

// Position is a place in an event topic: an epoch and the offset of an entry in it. Offsets of an
// epoch are 1, 2, 3 and so on, without a hole.
//
// The offset is 0 if the entries of the epoch have been deleted: the next entry is then number 1 of
// the epoch that follows. The zero Position is that of a topic to which nothing was ever published.
type Position struct {
	Epoch  string `json:"epoch"`
	Offset int64  `json:"offset"`
}

// Errors of a [Log], and of the methods of [Topics] that use one; match them with [errors.Is]. Any
// other error is a failure of the backend.
var (
	// ErrOutcome means that it is not known whether the events were published. Publishing them again
	// may publish them twice, unless they have a key.
	ErrOutcome = errors.New("topic: the events may have been published")
	// ErrInvalid means that an argument is not valid; the error's text names it.
	ErrInvalid = errors.New("topic: invalid argument")
)

// Event is one event, with its data encoded as JSON.
type Event struct {
	Name string
	Data json.RawMessage
}

// Entry is what [Log.Append] adds to a topic: one event, or several that stay together.
type Entry struct {
	Events []Event
	// Key is the publisher's own name for the entry. A second Append with the key, within an epoch and
	// while the first entry is kept, adds nothing and returns the position of the first. Empty means
	// that the entry has none.
	Key string
	// Keep is for how long the entry can be read, at least a second. Entries expire in order: if one
	// before it can be read for longer, it can be read for as long as that one.
	Keep time.Duration
}

// Record is an entry in a log.
type Record struct {
	Position
	Events []Event
	// Time is when the entry was appended, by the clock of the process that did it.
	Time time.Time
	// Prev is set in the first entry of an epoch: the last position of the epoch before, if that
	// is certain. For the first epoch of a topic it is the zero Position. The first entry of
	// [Log.Roll] has none.
	Prev *Position
}

// Appended is the result of [Log.Append].
type Appended struct {
	// Record is the entry in the log. If it is a duplicate, it is the first one with the key.
	Record
	// Duplicate is true if the log had an entry with the key.
	Duplicate bool
}

// Lost is why a log cannot go on from a position.
type Lost string

// The reasons. They go over the wire.
const (
	LostHistory Lost = "history" // what followed the position is not kept any more
	LostEpoch   Lost = "epoch"   // another epoch has begun, and it does not follow the position
	LostAhead   Lost = "ahead"   // the log has never been there: a restored table, a position that was made up
)

// Query asks for a page of a log: of what comes after Since, before Before, or of the newest
// entries.
type Query struct {
	Topic string
	// Since is a position that a subscriber has. The page has the entries that follow it.
	Since *Position
	// Before asks for the entries before a position, the nearest ones. Since must be nil. The page is
	// empty if the position is in another epoch than the head.
	Before *Position
	// Newest is how many of the newest entries the page begins with, if neither Since nor Before is
	// set, or if it is not possible to go on from Since. With 0 the page begins at the head.
	Newest int
	// Limit is the most entries in the page, and Bytes the most bytes of their data together, which is
	// the sum of the lengths of Event.Data. A page always has at least one entry if there is one. 0
	// means the log's own bound.
	Limit int
	Bytes int
	// Keep is how many of the newest entries can be read; 0 means all that have not expired.
	Keep int
}

// Page is a part of a log. Its entries are in the order of their offsets, without a hole, and of
// one epoch.
type Page struct {
	Entries []Record
	// Position is that of the last entry. If there are no entries, it is from where a subscriber goes
	// on: Since, or the head. With Query.Before it is that of the first entry, or Before.
	Position Position
	// Head is the position of the newest entry of the topic.
	Head Position
	// More is true if entries follow the page, or with Query.Before precede it.
	More bool
	// Lost is why the entries do not follow Query.Since; empty if they do.
	Lost Lost
	// Quiet is true if nothing was ever published, or if the newest entry has less than a day to live:
	// then the next entry may be in another epoch. See [Log.Moved].
	Quiet bool
}

// At is where a subscriber is in a topic.
type At struct {
	Topic string
	Position
	// Quiet is that of the page with which the subscriber has come to the position, false if it came
	// with a push, or true if that was more than a day ago.
	Quiet bool
}

// Log keeps the entries of event topics, in order. [Memory] is one for a single process; package
// dynamo has one that all instances of a function share. To test one of your own, use package
// topictest.
//
// All methods are safe for concurrent use, and may be called again after an error. The error of a
// canceled context wraps [context.Cause].
type Log interface {
	// Append adds an entry to a topic. It returns a position if and only if the entry is durable:
	// every reading that begins afterwards finds it for as long as it is kept. Of an epoch, every
	// offset is given once, in order, also if processes append at the same time, die, or are frozen.
	//
	// An error without a position means that nothing was added, unless it is ErrOutcome. Names of
	// topics, events and keys are non-empty UTF-8 strings (a key may be empty); the log may refuse
	// long ones, and an entry that is too large for it, with ErrInvalid.
	Append(ctx context.Context, topic string, e Entry) (Appended, error)

	// Read returns a page of a topic. It sees all entries whose Append has returned before. A topic
	// that is not known has none.
	//
	// If a subscriber follows Page.Position, it gets every entry in order, or is told by Page.Lost.
	Read(ctx context.Context, q Query) (Page, error)

	// Moved reports, for each subscriber's position, whether the topic has a newer entry that can be
	// read. It costs less than reading. If all newer entries have expired, or the log has never given
	// the position, the answer may be either.
	Moved(ctx context.Context, at []At) ([]bool, error)

	// Roll ends the epoch of a topic and begins another one, whose first entry is e, for example after
	// a table was restored from a backup. Subscribers are told [LostEpoch].
	Roll(ctx context.Context, topic string, e Entry) (Appended, error)
}
