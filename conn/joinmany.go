package conn

import "context"

// MultiJoiner is a [Store] that can add a connection to several groups for less than a [Store.Join]
// for each.
type MultiJoiner interface {
	// JoinMany adds a connection to groups, and returns its record, which lists them. It is
	// idempotent. It fails with ErrNotFound if the connection is not registered, and then leaves no
	// membership behind. A call that fails in another way may have added it to some of the groups,
	// except with ErrInvalid, before which nothing is written. Without groups it returns the record.
	JoinMany(ctx context.Context, id string, groups []string) (Conn, error)
}
