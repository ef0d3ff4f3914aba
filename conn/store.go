package conn

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors of every [Store]; match them with [errors.Is]. Any other error is a failure of the
// backend.
var (
	// ErrNotFound means that the connection is not registered, or that its record has expired.
	// The error of a Store is a [*NotFoundError].
	ErrNotFound = errors.New("conn: connection not found")
	// ErrExists means that the connection is already registered.
	ErrExists = errors.New("conn: connection already exists")
	// ErrInvalid means that an argument is not valid; the error's text names it.
	ErrInvalid = errors.New("conn: invalid argument")
	// ErrBadCursor means that this store did not make the cursor for this group and shard.
	ErrBadCursor = errors.New("conn: malformed cursor")
)

// NotFoundError is an [ErrNotFound] that names the connection, so that [Track] recognizes a
// handler whose own connection is not registered.
type NotFoundError struct {
	// ID is the connection id.
	ID string
}

// Error implements error.
func (e *NotFoundError) Error() string { return fmt.Sprintf("conn: connection %.100q not found", e.ID) }

// Is reports whether target is [ErrNotFound].
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// UserGroup returns the name of the group of a user's connections. Put groups that clients name
// behind a prefix of your own, such as "room:"+name. Otherwise a client could join the group of a
// user, or [Everyone], by asking for a room of that name.
func UserGroup(user string) string { return "user:" + user }

// Everyone is the group of all connections that [Track] keeps with [WithEveryone]. It costs
// another write and another delete for each connection.
const Everyone = "everyone"

// Cursor is a place in a shard of a group; the zero Cursor is the start. It is opaque printable
// ASCII and may be kept outside the process.
type Cursor string

// Query asks for a page of the members of a group.
type Query struct {
	// Group is the group's name.
	Group string
	// Shard selects a part of the group: 0 ≤ Shard < [Store.Shards].
	Shard int
	// After is the cursor of the previous page; empty for the first page.
	After Cursor
	// Limit is the most members to return; 0 means the store's own page size. A store may return
	// fewer, or none, although more follow.
	Limit int
}

// Page is a part of a shard's members, in the store's own order.
type Page struct {
	Members []Member
	// Next is the cursor of the next page; empty after the last.
	Next Cursor
}

// Store keeps a record of each connection and the members of each group. Applications call it
// directly, or through [Track], [Members] and [Records]. [NewMemory] returns one for a single
// process; the DynamoDB store serves all instances of a function.
//
// All methods are safe for concurrent use. A Store copies the values that it gets, and values
// that it returns belong to the caller.
//
// # Names
//
// Connection ids and the names of groups, users and attributes are any non-empty UTF-8 strings,
// including NUL and '#'. Endpoints and the values of attributes are any UTF-8 strings; times are
// in the years 1 to 9999. A store refuses other values with [ErrInvalid] before it writes
// anything, and may refuse what is longer than a bound of its own in the same way.
//
// # Consistency
//
// Reads are strongly consistent: every call sees what earlier calls of any process have done,
// once those have returned. An expired record counts as absent from the moment of its expiry,
// even if the backend still holds it.
//
// # Errors
//
// A Store retries what its backend asks to have retried, within the context's deadline. A call
// that fails with an error of the backend may have been carried out wholly or in part; every
// method may be called again. The error of a canceled context wraps [context.Cause].
type Store interface {
	// Put registers a connection and adds it to UserGroup(c.User) and to c.Groups. A zero
	// ConnectedAt means now, a zero ExpiresAt means ConnectedAt plus [DefaultTTL]. It fails with
	// ErrExists, and changes nothing, if the connection is registered. No group lists the
	// connection before Get finds it.
	Put(ctx context.Context, c Conn) error

	// Get returns the record of a connection, or ErrNotFound.
	Get(ctx context.Context, id string) (Conn, error)

	// GetMany returns the records of several connections, in the order of ids, each once. It
	// leaves out connections that are not registered; that is not an error. Each record is as
	// consistent as that of Get, but the records need not be of the same moment. ids may be of
	// any length.
	GetMany(ctx context.Context, ids []string) ([]Conn, error)

	// SetAttributes changes [Conn.Attributes] in one step, and returns the new record. It sets
	// the attributes in set, removes those in remove, and keeps all others, whatever concurrent
	// calls do. A name in remove need not exist. It never registers a connection or changes its
	// expiry.
	//
	// It fails with ErrNotFound if the connection is not registered, and with ErrInvalid if a
	// name is in both set and remove or begins with [AuthorizerPrefix].
	SetAttributes(ctx context.Context, id string, set map[string]string, remove ...string) (Conn, error)

	// Extend sets a later expiry of a connection and of its memberships, and returns the new
	// record. A record that already expires later does not change; that is not an error.
	//
	// It fails with ErrNotFound if the connection is not registered or has expired, and with
	// ErrInvalid if until is zero or not a valid [Conn.ExpiresAt]. A call that is interrupted may
	// have extended the record; groups then list the connection at least until its old expiry,
	// and another call completes it.
	Extend(ctx context.Context, id string, until time.Time) (Conn, error)

	// Delete removes a connection and its memberships, and returns the last record. It fails with
	// ErrNotFound if there is none: of several concurrent calls exactly one gets the record.
	Delete(ctx context.Context, id string) (Conn, error)

	// Join adds a connection to a group. It is idempotent. It fails with ErrNotFound if the
	// connection is not registered, and then leaves no membership behind.
	Join(ctx context.Context, id, group string) error

	// Leave removes a connection from a group. It is idempotent, and not an error if the
	// connection is not a member or not registered. It also removes what an interrupted call has
	// left of a membership.
	Leave(ctx context.Context, id, group string) error

	// Shards returns the number of parts in which a group is read, at least 1. The parts are
	// disjoint, together are the whole group, and may be read at the same time.
	Shards(ctx context.Context, group string) (int, error)

	// Read returns a page of a shard of a group. An unknown group has no members.
	//
	// Following Next from an empty cursor returns every connection exactly once that is a member
	// during the whole reading. Connections that join, leave or expire meanwhile may be among
	// them, at most once. A reading never returns the same Next twice. A cursor stays valid when
	// its connection is gone, and may be used again.
	//
	// It fails with ErrBadCursor on a cursor that this store did not make for this group and
	// shard, and with ErrInvalid if the shard or the limit is out of range.
	Read(ctx context.Context, q Query) (Page, error)
}
