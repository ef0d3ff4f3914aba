package dynamo

import (
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

const (
	defaultPageSize    = 1000
	defaultConcurrency = 16
)

// Option is an option of [Open].
type Option interface{ apply(*DB) }

type option func(*DB)

func (o option) apply(db *DB) { o(db) }

// WithNamespace keeps all items of the [DB] apart from others in the same table, such as another
// stage of the API: DBs with different namespaces know nothing of each other. It must be the same
// in all processes. The default is the empty namespace. Every partition key becomes longer by the
// namespace and 2 bytes. WithNamespace panics if [ValidateNamespace] refuses the namespace.
func WithNamespace(namespace string) Option {
	prefix, err := table.Prefix(namespace)
	if err != nil {
		panic("dynamo: WithNamespace: " + err.Error())
	}
	return option(func(db *DB) { db.t.Prefix = prefix })
}

// ValidateNamespace returns an error unless a namespace is at most 255 bytes of UTF-8 without '#'.
// It is for programs that take the namespace from a user.
func ValidateNamespace(namespace string) error {
	_, err := table.Prefix(namespace)
	return err
}

// WithClock sets the clock by which items expire, buckets fill, and connections count as seen; the
// default is [time.Now]. It must be safe for concurrent use. Timeouts and waits between attempts
// use real time. It panics if now is nil.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("dynamo: WithClock: now must not be nil")
	}
	return option(func(db *DB) { db.t.Clock = now })
}

// WithBackoff sets how long to wait before a request is repeated: wait is called with the number of
// attempts that were made, from 1 to 9. The default is anything up to 25 ms, 50 ms, 100 ms and so
// on, up to 1 s, at random (AWS Architecture Blog, "Exponential Backoff And Jitter"). It is for
// tests that must not depend on chance. The function must be safe for concurrent use. WithBackoff
// panics if wait is nil.
func WithBackoff(wait func(attempts int) time.Duration) Option {
	if wait == nil {
		panic("dynamo: WithBackoff: wait must not be nil")
	}
	return option(func(db *DB) { db.t.Backoff = wait })
}

// WithConcurrency sets how many requests one call makes at the same time if it has several to
// make, such as one for each group of a connection. The default is 16. It panics if n is less than
// 1.
func WithConcurrency(n int) Option {
	if n < 1 {
		panic("dynamo: WithConcurrency: n must be at least 1")
	}
	return option(func(db *DB) { db.t.Concurrency = n })
}

// WithPageSize sets how many members [Connections.Read] returns if the query has no limit; the
// default is 1,000, which are about 50 KB in the table. It panics if n is less than 1.
func WithPageSize(n int) Option {
	if n < 1 {
		panic("dynamo: WithPageSize: n must be at least 1")
	}
	return option(func(db *DB) { db.connections.pageSize = n })
}

// WithSharding sets how many partitions each group is spread over, by the group's name; the
// default is one. The function is called in every operation. It must be fast, safe for concurrent
// use, and return the same in all processes. See [Sharding] for how to change it while connections
// are open. It panics if of is nil.
func WithSharding(of func(group string) Sharding) Option {
	if of == nil {
		panic("dynamo: WithSharding: of must not be nil")
	}
	return option(func(db *DB) { db.connections.sharding = of })
}

// WithEnded sets a function that is called when the record of a connection ends; see
// [conn.EndedFunc]. It panics if f is nil.
//
// Expired records are included if a sweeper, or a Put of the same id, finds them before DynamoDB
// deletes them, which it does within a few days (Amazon DynamoDB Developer Guide, "Using time to
// live (TTL) in DynamoDB"). The sweeper then deletes each of them itself, for 1 write unit;
// without a function it leaves them to DynamoDB, which is free. If a record ends by a request
// whose answer is lost, the function is not called, since the record's content is lost, too.
func WithEnded(f conn.EndedFunc) Option {
	if f == nil {
		panic("dynamo: WithEnded: f must not be nil")
	}
	return option(func(db *DB) { db.connections.reg.EndedFunc = f })
}
