package conntest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gatesock/gatesock/conn"
)

// repeating returns the last member of a page again on the next page.
type repeating struct{ conn.Store }

func (s repeating) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	if q.After == "" || q.Limit == 1 {
		return s.Store.Read(ctx, q)
	}
	page, err := s.Store.Read(ctx, q)
	if err == nil && len(page.Members) > 1 {
		page.Members[0] = page.Members[1]
	}
	return page, err
}

// impatient returns only one page.
type impatient struct{ conn.Store }

func (s impatient) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	page, err := s.Store.Read(ctx, q)
	page.Next = ""
	return page, err
}

// stuck returns the same cursor again.
type stuck struct{ conn.Store }

func (s stuck) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	page, err := s.Store.Read(ctx, q)
	if err == nil && q.After != "" {
		page.Next = q.After
	}
	return page, err
}

// pointing takes a cursor whose member is gone for the end.
type pointing struct {
	conn.Store
	mu    sync.Mutex
	marks map[conn.Cursor]string // the last member of the page that a cursor ends
}

func newPointing(m conn.Store) *pointing {
	return &pointing{Store: m, marks: make(map[conn.Cursor]string)}
}

func (s *pointing) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	page, err := s.Store.Read(ctx, q)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && page.Next != "" {
		s.marks[page.Next] = page.Members[len(page.Members)-1].ID
	}
	if mark, ok := s.marks[q.After]; err == nil && ok {
		c, getErr := s.Get(ctx, mark)
		if getErr != nil || !slices.Contains(c.Groups, q.Group) {
			return conn.Page{}, nil
		}
	}
	return page, err
}

// careless does not check which group a cursor is of.
type careless struct {
	conn.Store
	mu    sync.Mutex
	group map[conn.Cursor]string
}

func newCareless(m conn.Store) *careless {
	return &careless{Store: m, group: make(map[conn.Cursor]string)}
}

func (s *careless) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if group, ok := s.group[q.After]; ok {
		q.Group = group
	}
	page, err := s.Store.Read(ctx, q)
	if page.Next != "" {
		s.group[page.Next] = q.Group
	}
	return page, err
}

// overlapping returns members of the first shard in the second too, if the group is not small.
type overlapping struct{ conn.Store }

func (s overlapping) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	page, err := s.Store.Read(ctx, q)
	if err == nil && q.Shard == 1 && page.Next == "" && len(page.Members) > 10 {
		first, firstErr := s.Store.Read(ctx, conn.Query{Group: q.Group})
		return conn.Page{Members: append(page.Members, first.Members...)}, firstErr
	}
	return page, err
}

// hasty lists a connection in its groups before it registers it, and waits in between until all
// readers have ended or wait too.
type hasty struct {
	conn.Store
	mu     sync.Mutex
	coming []conn.Conn
}

func (s *hasty) Put(ctx context.Context, c conn.Conn) error {
	s.mu.Lock()
	s.coming = append(s.coming, c)
	s.mu.Unlock()
	<-time.After(time.Second) // virtual time
	err := s.Store.Put(ctx, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.coming = slices.DeleteFunc(s.coming, func(old conn.Conn) bool { return old.ID == c.ID })
	return err
}

func (s *hasty) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	page, err := s.Store.Read(ctx, q)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.coming {
		if err == nil && page.Next == "" && q.Shard == 0 && slices.Contains(c.Groups, q.Group) {
			page.Members = append(page.Members, conn.Member{ID: c.ID, Endpoint: c.Endpoint})
		}
	}
	return page, err
}
