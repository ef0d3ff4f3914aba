package dynamo

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// MaxNameBytes is the longest connection id or group name: an id is a sort key, which has up to 1,024 bytes (Amazon DynamoDB
// Developer Guide, "Quotas"). A user's name may have 5 bytes less; see [conn.UserGroup].
const MaxNameBytes = 1024

// Connections is the registry of open connections and their groups: a [conn.Store]. It is safe for concurrent use. See
// [DB.Connections].
//
// A record of more than 400 KB is refused with [conn.ErrInvalid], and so are connection ids and group names longer than
// [MaxNameBytes].
type Connections struct {
	t        *table.Table
	reg      *registry.Registry
	sharding func(group string) Sharding
	pageSize int

	mu   sync.Mutex
	last int64 // the first version of the latest record
}

var _ conn.Store = (*Connections)(nil)

// Connections returns the registry of connections. It is the same each time.
func (db *DB) Connections() *Connections { return db.connections }

// Get returns the record of a connection; see [conn.Store]. It costs 1 read unit for each 4 KB of the record.
func (cs *Connections) Get(ctx context.Context, id string) (conn.Conn, error) {
	if err := check(ctx, "connection id", id); err != nil {
		return conn.Conn{}, err
	}
	r, err := cs.reg.GetRecord(ctx, id)
	if err != nil && !errors.Is(err, conn.ErrNotFound) {
		return conn.Conn{}, fmt.Errorf("dynamo: get connection %.100q: %w", id, err)
	}
	return r.Conn, err
}

// firstVersion returns the version that a new record begins with: even, and, as far as clocks agree, larger than those that
// an earlier record of the same id has come to. A version is twice a number of microseconds since 1970, and each join or
// leave adds 2; while the clock does not move, the process leaves room for a thousand.
func (cs *Connections) firstVersion() int64 {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.last = max(2*cs.t.Clock().UnixMicro(), cs.last+2048)
	return cs.last
}

// check is the first step of every operation on a connection or group.
func check(ctx context.Context, what, name string) error {
	if err := table.Ended(ctx); err != nil {
		return err
	}
	return checkName(what, name)
}

func checkName(what, name string) error {
	if err := conn.ValidateName(what, name); err != nil {
		return err
	}
	if len(name) > MaxNameBytes {
		return tooLong(what, len(name), MaxNameBytes)
	}
	return nil
}

func tooLong(what string, size, most int) error {
	return fmt.Errorf("%w: %s has %d bytes, the most is %d", conn.ErrInvalid, what, size, most)
}
