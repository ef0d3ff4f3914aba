package conn

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors of every [Store], matched with [errors.Is]. Anything else that a Store returns is a fault of
// its backend.
var (
	// ErrNotFound: the connection is not registered, or its record has expired. The error of a Store is a
	// [*NotFoundError], which names the connection.
	ErrNotFound = errors.New("conn: connection not found")
	// ErrExists: the connection is registered already.
	ErrExists = errors.New("conn: connection already exists")
	// ErrInvalid: an argument has no valid form; the error's text names it.
	ErrInvalid = errors.New("conn: invalid argument")
	// ErrBadCursor: the cursor was not made by this store for this group and shard.
	ErrBadCursor = errors.New("conn: malformed cursor")
)

// NotFoundError says which connection is not registered. It matches [ErrNotFound]. What [Track] sees of it is that a
// handler asked for the connection that it was called for; see there.
type NotFoundError struct {
	// ID is the connection id that was asked for.
	ID string
}

// Error names the connection.
func (e *NotFoundError) Error() string { return fmt.Sprintf("conn: connection %.100q not found", e.ID) }

// Is reports whether target is [ErrNotFound].
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// DefaultTTL is how long a record lives without a $disconnect: the gateway closes every connection after 2
// hours (AWS Developer Guide, "Quotas for configuring and running a WebSocket API"), and the rest is margin
// for clocks.
const DefaultTTL = 2*time.Hour + 10*time.Minute

// Conn is the record of one connection.
type Conn struct {
	// ID is the gateway's connection id. It must not be empty.
	ID string
	// User is the application's name for who is connected; empty if anonymous.
	User string
	// Endpoint is where to post to the connection; empty means the poster's own.
	Endpoint string
	// Attributes is what the application wants to know about the connection, and, under names that begin with
	// [AuthorizerPrefix], what the authorizer said of it; nil if there is nothing.
	Attributes map[string]string
	// Groups are the groups that the connection is a member of, sorted by their bytes, each once; nil if
	// there are none. [Store.Put] adds [UserGroup] of User if User is not empty.
	Groups []string
	// ConnectedAt is when the connection began, in UTC and whole milliseconds; the rest is cut off.
	ConnectedAt time.Time
	// ExpiresAt is the moment from which the record does not exist any more if nothing removes it before, in
	// UTC and whole seconds; the rest is cut off. Track makes it that of the credential, [Store.Extend] puts it off.
	ExpiresAt time.Time
}

// Member is a connection seen as a member of a group.
type Member struct {
	// ID is the connection id.
	ID string
	// Endpoint is where to post to it; empty means the poster's own.
	Endpoint string
}

// Cursor marks a place in a shard of a group. It is opaque, is made of printable ASCII characters and
// may be kept outside the process. The zero Cursor is the beginning.
type Cursor string

// Query asks for a page of the members of a group.
type Query struct {
	// Group is the group's name.
	Group string
	// Shard selects a part of the group: 0 ≤ Shard < [Store.Shards].
	Shard int
	// After is the cursor of the page before; empty for the first.
	After Cursor
	// Limit is the most members to return; 0 means the store's own page size. A store may return
	// fewer, even none, with more to come.
	Limit int
}

// Page is a part of a shard's members, in the store's own order.
type Page struct {
	Members []Member
	// Next is the cursor of the next page; empty after the last.
	Next Cursor
}

// Store keeps who is connected and in which groups. It is the contract that [Memory] and the DynamoDB store
// fulfil and that package conntest checks. Applications call it directly; [Members] and [Track] stand on it.
//
// All methods are safe for concurrent use. Values passed in are copied, values returned belong to the caller.
//
// Reads are strongly consistent: what a call has returned from is seen by every call that starts
// afterwards, from any process. Expired records are treated as absent from the moment of their expiry,
// even while the backend still holds them.
//
// A Store retries by itself what its backend asks to have retried, within the context's deadline. A call that
// returns an error that is not one of this package's may have been carried out, wholly or in part; every
// method may be called again. A cancelled context is returned as an error that wraps [context.Cause].
//
// Connection ids and the names of groups, users and attributes are any non-empty UTF-8 strings, NUL and '#'
// among them; endpoints and the values of attributes are any UTF-8 strings; times are of the years 1 to 9999. What is not
// is refused with [ErrInvalid] before anything is written; so is what is above a bound that a store may set on their size.
type Store interface {
	// Put registers a connection and makes it a member of UserGroup(c.User) and of c.Groups. A zero
	// ConnectedAt is taken as now, a zero ExpiresAt as ConnectedAt plus [DefaultTTL]. It fails with
	// ErrExists, and changes nothing, if the connection is registered. No group lists the connection before Get
	// finds it.
	Put(ctx context.Context, c Conn) error

	// Get gives the record of a connection, or ErrNotFound.
	Get(ctx context.Context, id string) (Conn, error)

	// GetMany returns the records of those of the connections that are registered, in the order of ids; an id that
	// comes again counts once. Those that are not registered are left out, which is no error. Each record is as
	// strongly consistent as that of Get; together they need not be of one moment. Any number of ids may be asked for.
	GetMany(ctx context.Context, ids []string) ([]Conn, error)

	// SetAttributes changes [Conn.Attributes] in one step, and returns the record as it is then: attributes in set are
	// set, those in remove are removed, and all others stay as they are, whatever other calls do at the same time. To
	// remove what is not there is no error. It fails with ErrNotFound, and writes nothing, if the connection is not
	// registered; it never registers one or puts off its expiry. It fails with ErrInvalid if a name is both in set and
	// in remove, or begins with [AuthorizerPrefix].
	SetAttributes(ctx context.Context, id string, set map[string]string, remove ...string) (Conn, error)

	// Extend puts off the expiry of a connection and of all its memberships to until, and returns the record as it is then. It
	// never brings an expiry forward: a record that expires later stays as it is, which is not an error. It fails with
	// ErrNotFound, and changes nothing, if the connection is not registered, as when its record has expired; with ErrInvalid
	// on the zero time and on one that [Conn.ExpiresAt] could not have. What is cut off on the way may have extended the record, and groups
	// then list the connection up to its old expiry at the least; calling again completes it.
	Extend(ctx context.Context, id string, until time.Time) (Conn, error)

	// Delete removes a connection and all its memberships, and returns the record as it was. It fails
	// with ErrNotFound if there is none: of several concurrent calls exactly one gets the record.
	Delete(ctx context.Context, id string) (Conn, error)

	// Join makes a connection a member of a group. It is idempotent. It fails with ErrNotFound if the
	// connection is not registered, and then leaves no membership behind.
	Join(ctx context.Context, id, group string) error

	// Leave ends a membership. It is idempotent, and no error if the connection is not a member or is
	// not registered; it then removes what a call that was cut off may have left of a membership.
	Leave(ctx context.Context, id, group string) error

	// Shards tells in how many parts a group is read, at least 1. Shards are disjoint and together are
	// the whole group; they may be read at the same time.
	Shards(ctx context.Context, group string) (int, error)

	// Read gives a page of a shard of a group. Following Next from an empty cursor yields every
	// connection that is a member during the whole reading, exactly once; one that joins, leaves or
	// expires meanwhile may or may not be among them, but not twice. No Next is given twice in a reading.
	// An unknown group has no members. A cursor stays valid when the connection it points at is gone, and may
	// be used again. It fails with ErrBadCursor on a cursor that is none of this store's for this group and
	// shard, with ErrInvalid on a shard or a limit that is out of range.
	Read(ctx context.Context, q Query) (Page, error)
}

// UserGroup names the group that holds the connections of a user. Groups that clients name belong behind a
// prefix of the application's own, as in "room:"+name: nobody is to join the group of a user, or [Everyone], by
// asking for a room of that name.
func UserGroup(user string) string { return "user:" + user }

// Everyone is a group that [Track] can keep all connections in; it is opt-in, since every connection then costs
// another write and a delete.
const Everyone = "everyone"
