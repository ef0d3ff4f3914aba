package dynamo

import (
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// MaxChanges is how many attributes one call of SetAttributes can change.
const MaxChanges = maxChanges

// FullJitter is the wait before an attempt.
func FullJitter(attempt int) time.Duration { return table.FullJitter(attempt) }

// FormatCursor returns the cursor of a place in a reading of a shard.
func FormatCursor(s *Connections, group string, shard, shards int, after string) conn.Cursor {
	return s.formatCursor(conn.Query{Group: group, Shard: shard}, position{shards, after})
}

// ParseCursor reads a cursor.
func ParseCursor(s *Connections, group string, shard int, c conn.Cursor) (shards int, after string, err error) {
	p, err := s.parseCursor(conn.Query{Group: group, Shard: shard, After: c})
	return p.shards, p.after, err
}

// WithoutBackoff lets attempts follow each other at once.
func WithoutBackoff() Option { return WithBackoff(func(int) time.Duration { return 0 }) }

// Homes returns the parts in which there may be a membership of a connection.
func (l Sharding) Homes(id string) []int { return l.homes(id) }

// Parts returns the parts in which there are members of one of n shards.
func (l Sharding) Parts(of, n int) []int { return l.parts(of, n) }
