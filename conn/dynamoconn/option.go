package dynamoconn

import (
	"fmt"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/dynamotable"
)

const (
	defaultPageSize    = 1000
	defaultConcurrency = 16
)

// Option is an option of [New].
type Option interface{ apply(*Store) error }

type option func(*Store) error

func (o option) apply(s *Store) error { return o(s) }

// WithClock gives the store its clock; the default is [time.Now]. It must be safe for concurrent use. Waits between
// attempts run on the machine's own time.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("dynamoconn: WithClock with a nil clock")
	}
	return option(func(s *Store) error {
		s.clock = now
		return nil
	})
}

// WithNamespace keeps the store's items apart from those of others in the same table, such as another stage of
// the API: stores with different namespaces know nothing of each other. The default is none. It makes [New] fail if the
// namespace is longer than 255 bytes, has a '#' or is not UTF-8. Every item becomes longer by the namespace and 2 bytes.
func WithNamespace(namespace string) Option {
	return option(func(s *Store) (err error) {
		if s.prefix, err = dynamotable.Prefix(namespace); err != nil {
			return fmt.Errorf("dynamoconn: %w", err)
		}
		return nil
	})
}

// WithPageSize sets how many members a page has where the query states no limit; the default is 1,000, which is about
// 50 KB in the table. It panics if n is less than 1.
func WithPageSize(n int) Option {
	if n < 1 {
		panic("dynamoconn: WithPageSize with less than 1 member")
	}
	return option(func(s *Store) error {
		s.pageSize = n
		return nil
	})
}

// WithConcurrency sets how many requests a call makes at the same time, where it has several to make: one for each group
// of a connection that comes or goes, or for each part of a group. The default is 16. It panics if n is less than 1.
func WithConcurrency(n int) Option {
	if n < 1 {
		panic("dynamoconn: WithConcurrency with less than 1 request")
	}
	return option(func(s *Store) error {
		s.concurrency = n
		return nil
	})
}

// WithShards sets in how many parts groups are kept, by the group's name; the default is one part for each. The function is
// called in every operation and must be fast, safe for concurrent use, and give the same in all processes. See [Sharding]
// for how to change it while connections are open.
func WithShards(of func(group string) Sharding) Option {
	if of == nil {
		panic("dynamoconn: WithShards with a nil function")
	}
	return option(func(s *Store) error {
		s.shards = of
		return nil
	})
}

// WithEnded has a function called for each record that ends; see [conn.EndedFunc]. It panics if f is nil.
//
// Expired records are among them when a [Sweeper] or a Put of the same id comes across them before DynamoDB deletes them,
// which it does within a few days (Amazon DynamoDB Developer Guide, "Using time to live (TTL) in DynamoDB"). The Sweeper
// then deletes each itself, for 1 write unit; without a function it leaves them to DynamoDB, which is free. A record that
// ends by a request whose answer is lost is not announced: nobody knows it any more.
func WithEnded(f conn.EndedFunc) Option {
	if f == nil {
		panic("dynamoconn: WithEnded with a nil function")
	}
	return option(func(s *Store) error {
		s.ended = f
		return nil
	})
}
