package topicwire

import "encoding/json"

// Subscribe is a request for one topic, or for several with Topics. The answer is a Result, or
// Results.
type Subscribe struct {
	Subscription
	Topics []Subscription `json:"topics,omitempty"`
}

// Subscription is what a client asks for in one topic.
type Subscription struct {
	Topic string `json:"topic,omitempty" jsonschema:"minLength=1,maxLength=512"`
	// Since is the position that the client has; nil on a first subscription.
	Since *Position `json:"since,omitempty"`
	// Last is how many of the newest entries to return without Since, or if it is not possible to
	// go on from there.
	Last int `json:"last,omitempty" jsonschema:"minimum=0"`
	// Filter is for state topics.
	Filter json.RawMessage `json:"filter,omitempty"`
	// Presence asks for the members, in the answer, and for their diffs.
	Presence bool `json:"presence,omitempty"`
	// As is what others see of the member in the topic's presence: any JSON of at most 256 bytes.
	As json.RawMessage `json:"as,omitempty"`
}

// Unsubscribe is a request for one topic, or for several. It is acknowledged.
type Unsubscribe struct {
	Topic  string   `json:"topic,omitempty" jsonschema:"minLength=1,maxLength=512"`
	Topics []string `json:"topics,omitempty" jsonschema:"minLength=1,maxLength=512"`
}

// History is a request for what comes after a position, or before it, or for the next page of a
// snapshot. The answer is a Result.
type History struct {
	Topic  string    `json:"topic" jsonschema:"minLength=1,maxLength=512"`
	Since  *Position `json:"since,omitempty"`
	Before *Position `json:"before,omitempty"`
	Last   int       `json:"last,omitempty" jsonschema:"minimum=0"`
	Limit  int       `json:"limit,omitempty" jsonschema:"minimum=0"`
	// Cursor is the cursor of the previous page of a state topic's values.
	Cursor string `json:"cursor,omitempty"`
}

// Results answers a Subscribe with Topics, in their order.
type Results struct {
	Topics []Result `json:"topics" jsonschema:"nonnull"`
}

// Result is the answer for one topic.
type Result struct {
	Topic string `json:"topic"`

	// Epoch and Offset are where the client is after the events: its next event is Offset+1.
	// With Before they are those of the oldest event in the answer.
	Epoch  string `json:"epoch"`
	Offset int64  `json:"offset" jsonschema:"minimum=0,maximum=9007199254740991"`
	// Events are entries of the epoch, in the order of their offsets.
	// It is never nil in an event topic.
	Events []Event `json:"events,omitzero" jsonschema:"nonnull"`
	// Recovered is false if there was a Since and the events do not follow it without a hole.
	// Reason says why: "history", "epoch" or "ahead".
	Recovered bool   `json:"recovered"`
	Reason    string `json:"reason,omitempty" jsonschema:"enum=history,enum=epoch,enum=ahead"`
	// More means that more events follow (with Before: precede) and that the client has to ask for
	// them with History.
	More bool `json:"more,omitempty"`
	// Quiet means that the epoch may end soon; the client repeats it in Sync until the next push.
	Quiet bool `json:"quiet,omitempty"`

	// ExpiresInMs is for how long the subscription lasts unless the credential is renewed.
	ExpiresInMs int64 `json:"expiresInMs,omitempty"`

	// State is true for a state topic, which has Counter and Values in place of the members from
	// Epoch to Quiet. Cursor asks for the next page with History.
	State   bool    `json:"state,omitempty"`
	Counter int64   `json:"counter,omitempty"`
	Values  []Value `json:"values,omitempty"`
	Cursor  string  `json:"cursor,omitempty"`

	// Presence is the members, if they were asked for.
	Presence *Snapshot `json:"presence,omitempty"`

	// Error is set for a topic of several that was refused.
	Error *Error `json:"error,omitempty"`
}

// Error is the error of one topic of several; see section 4 of docs/protocol.md.
type Error struct {
	Code         string `json:"code"`
	Message      string `json:"message"`
	RetryAfterMs int64  `json:"retryAfterMs,omitempty"`
}

// Event is an entry in a Result: one event, or several that were published together.
type Event struct {
	Offset int64           `json:"offset" jsonschema:"minimum=1,maximum=9007199254740991"`
	Event  string          `json:"event,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
	Events []Item          `json:"events,omitempty"`
}

// Item is one of several events that have one offset.
type Item struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// Push is a push of a topic, with the names of docs/protocol.md. An event topic's has Epoch and
// Offset; a state topic's has Key and Version; that of presence has neither.
type Push struct {
	Topic string          `json:"topic"`
	Event string          `json:"event,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
	// Events is in place of Event and Data if several were published together.
	Events []Item `json:"events,omitempty"`

	Epoch  string `json:"epoch,omitempty"`
	Offset int64  `json:"offset,omitempty"`
	// Prev is in the first event of an epoch: the last position of the epoch before, if it is
	// certain.
	Prev *Position `json:"prev,omitempty"`
	// SpreadMs is for how long the publisher expects its fan-out to last.
	SpreadMs int64 `json:"spreadMs,omitempty"`

	Key     *string `json:"key,omitempty"`
	Version int64   `json:"version,omitempty"`
	Counter int64   `json:"counter,omitempty"`
}

// Value is a value of a state topic, or the mark of one that was deleted or does not match the
// filter of the subscription.
type Value struct {
	Key     string          `json:"key"`
	Version int64           `json:"version"`
	Data    json.RawMessage `json:"data,omitempty"`
	Deleted bool            `json:"deleted,omitempty"`
}

// Sync is a request with the client's positions. The answer is Synced.
type Sync struct {
	Topics []SyncTopic `json:"topics"`
}

// SyncTopic is where a client is in one topic.
type SyncTopic struct {
	Topic   string `json:"topic" jsonschema:"minLength=1,maxLength=512"`
	Epoch   string `json:"epoch,omitempty"`
	Offset  int64  `json:"offset,omitempty" jsonschema:"minimum=0,maximum=9007199254740991"`
	Quiet   bool   `json:"quiet,omitempty"`
	Counter int64  `json:"counter,omitempty"` // of a state topic
	// Digest is that of the members that the client has; if it only knows their number, that
	// number.
	Digest string `json:"digest,omitempty"`
}

// Synced says, with the names of topics, what a client has to mend.
type Synced struct {
	// Moved are the topics that have something newer: the client asks for History.
	Moved []string `json:"moved" jsonschema:"nonnull"`
	// Lost are the topics that the connection is not a member of: the client subscribes again.
	Lost []string `json:"lost" jsonschema:"nonnull"`
	// Extra are the topics that the connection is a member of and the client did not name.
	Extra []string `json:"extra" jsonschema:"nonnull"`
	// Presence are the topics whose digest differs: the client asks for Presence.
	Presence []string `json:"presence" jsonschema:"nonnull"`
}

// Presence is a request for the members of a topic. The answer is a Snapshot.
type Presence struct {
	Topic string `json:"topic" jsonschema:"minLength=1,maxLength=512"`
	// Cursor is that of the page before; empty for the first page.
	Cursor string `json:"cursor,omitempty"`
}

// Snapshot is who is there, or a page of it.
type Snapshot struct {
	Topic string `json:"topic,omitempty"`
	// Count is the number of connections.
	Count int `json:"count"`
	// Members is null if there are too many; Digest is empty then.
	Members []Member `json:"members"`
	// Digest is that of all members, those of other pages included.
	Digest string `json:"digest,omitempty"`
	// Cursor asks for the next page with Presence; empty after the last.
	Cursor string `json:"cursor,omitempty"`
}

// Member is a connection in a topic.
type Member struct {
	// Ref names the connection, without being its ID.
	Ref     string          `json:"ref"`
	User    string          `json:"user,omitempty"`
	As      json.RawMessage `json:"as,omitempty"`
	Version int64           `json:"version"`
}

// Diff is the data of the push "presence".
type Diff struct {
	Joined []Member `json:"joined,omitempty"`
	Left   []Gone   `json:"left,omitempty"`
	// Count is set in place of both if there are too many members.
	Count int `json:"count,omitempty"`
	// Digest is that of all members, if members may be missing in Joined and Left: a client that
	// does not arrive at it asks for a snapshot.
	Digest string `json:"digest,omitempty"`
}

// Gone is a member that has left, and for how long clients go on to show it in case it returns.
type Gone struct {
	Ref     string `json:"ref"`
	User    string `json:"user,omitempty"`
	Version int64  `json:"version"`
	GraceMs int64  `json:"graceMs,omitempty"`
}
