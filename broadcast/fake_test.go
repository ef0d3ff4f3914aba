package broadcast

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// posterFunc is a Poster.
type posterFunc func(ctx context.Context, to gatesock.Target, data []byte) error

func (f posterFunc) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	return f(ctx, to, data)
}

// record keeps the ids that were posted to, in the order in which the posts began.
type record struct {
	mu  sync.Mutex
	ids []string
}

func (r *record) add(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids = append(r.ids, id)
	n := 0
	for _, x := range r.ids {
		if x == id {
			n++
		}
	}
	return n
}

// shelf is a Store with fixed groups that is read in pages of given sizes, and can be told to fail.
type shelf struct {
	conn.Store // nil: what is not overridden must not be called

	groups  map[string][][]conn.Member // group to pages, over all shards
	shards  int
	readErr map[string]int // group to the page whose reading fails
	get     func(ctx context.Context, id string) (conn.Conn, error)
	del     func(ctx context.Context, id string) error
	leave   func(ctx context.Context, id string) error

	mu      sync.Mutex
	reads   int
	deleted []string
	left    map[string]string // connection to the group that it left last
}

func (s *shelf) Shards(context.Context, string) (int, error) { return max(1, s.shards), nil }

// Read deals the pages out to the shards in turn.
func (s *shelf) Read(_ context.Context, q conn.Query) (conn.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	at := q.Shard
	if q.After != "" {
		if _, err := fmt.Sscan(string(q.After), &at); err != nil {
			return conn.Page{}, err
		}
	}
	if bad, ok := s.readErr[q.Group]; ok && at >= bad {
		return conn.Page{}, errStore
	}
	pages := s.groups[q.Group]
	if at >= len(pages) {
		return conn.Page{}, nil
	}
	p := conn.Page{Members: pages[at]} // as a store with a cache
	if next := at + max(1, s.shards); next < len(pages) {
		p.Next = conn.Cursor(fmt.Sprint(next))
	}
	return p, nil
}

func (s *shelf) Get(ctx context.Context, id string) (conn.Conn, error) {
	if s.get != nil {
		return s.get(ctx, id)
	}
	return conn.Conn{ID: id, ConnectedAt: time.Now().Add(-time.Hour)}, nil
}

func (s *shelf) Delete(ctx context.Context, id string) (conn.Conn, error) {
	if s.del != nil {
		if err := s.del(ctx, id); err != nil {
			return conn.Conn{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted = append(s.deleted, id)
	return conn.Conn{ID: id}, nil
}

func (s *shelf) Leave(ctx context.Context, id, group string) error {
	if s.leave != nil {
		if err := s.leave(ctx, id); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == nil {
		s.left = map[string]string{}
	}
	s.left[id] = group
	return nil
}

var errStore = fmt.Errorf("the store is down")

// room is a shelf with one group, "room", of n members in pages of the given size.
func room(n, pageSize int) *shelf {
	var pages [][]conn.Member
	for i := range n {
		if i%pageSize == 0 {
			pages = append(pages, nil)
		}
		last := len(pages) - 1
		pages[last] = append(pages[last], conn.Member{ID: name(i)})
	}
	return &shelf{groups: map[string][][]conn.Member{"room": pages}}
}

func name(i int) string { return fmt.Sprintf("c%d", i) }

// fullJitter waits as long as it may.
func fullJitter(limit time.Duration) time.Duration { return limit }

// inOrder posts to members in the order of the store.
func inOrder() Option { return option(func(s *settings) { s.shuffle = func(int, func(i, j int)) {} }) }

func hello() gatesock.Push { return gatesock.Push{Event: "hello"} }

// always is a Poster with the same answer to every post.
func always(err error) posterFunc {
	return func(context.Context, gatesock.Target, []byte) error { return err }
}

func connMember(id string) conn.Member { return conn.Member{ID: id} }

// withJitter replaces the random part of the wait before a retry.
func withJitter(wait func(limit time.Duration) time.Duration) Option {
	return option(func(s *settings) { s.jitter = wait })
}
