package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/gatesock/gatesock/conn"
)

// store has one group of numbered members in shards, and answers each read after 8 ms.
type store struct {
	conn.Store // nil: a send uses no other methods

	members, shards, page int
}

func (s *store) Shards(context.Context, string) (int, error) { return s.shards, nil }

// Read returns the members of a shard: member i is in shard i modulo the number of shards.
func (s *store) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	timer := time.NewTimer(8 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return conn.Page{}, context.Cause(ctx)
	}
	member := q.Shard
	if q.After != "" {
		var err error
		if member, err = strconv.Atoi(string(q.After)); err != nil {
			return conn.Page{}, fmt.Errorf("%w: %w", conn.ErrBadCursor, err)
		}
	}
	p := conn.Page{Members: make([]conn.Member, 0, s.page)}
	for ; member < s.members && len(p.Members) < s.page; member += s.shards {
		p.Members = append(p.Members, conn.Member{ID: fmt.Sprintf("m%d", member)})
	}
	if member < s.members {
		p.Next = conn.Cursor(strconv.Itoa(member))
	}
	return p, nil
}

// Get and Delete are called to remove a connection that is gone.
func (s *store) Get(_ context.Context, id string) (conn.Conn, error) {
	return conn.Conn{ID: id, ConnectedAt: time.Now().Add(-time.Hour)}, nil
}

func (s *store) Delete(_ context.Context, id string) (conn.Conn, error) {
	return conn.Conn{ID: id}, nil
}
