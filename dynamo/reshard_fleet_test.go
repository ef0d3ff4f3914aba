package dynamo_test

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
)

// instance is a process of an app. Its deployment waits until what it is doing has ended.
type instance struct {
	mu    sync.RWMutex
	store *dynamo.Connections
}

// fleet is all instances, with what they share: the table.
type fleet struct {
	instances []*instance
	deployed  func(dynamo.Sharding) *dynamo.Connections
}

// use does something in any of the instances.
func (f *fleet) use(do func(*dynamo.Connections) error) error {
	in := f.instances[rand.IntN(len(f.instances))]
	in.mu.RLock()
	defer in.mu.RUnlock()
	return do(in.store)
}

// deploy changes the layout of an instance.
func (f *fleet) deploy(i int, layout dynamo.Sharding) {
	store := f.deployed(layout)
	f.instances[i].mu.Lock()
	defer f.instances[i].mu.Unlock()
	f.instances[i].store = store
}

// readAll reads a group. One instance chooses the number of shards and reads the first pages; any
// instances read the others.
func (f *fleet) readAll(ctx context.Context, group string) (seen map[string]int, err error) {
	seen = map[string]int{}
	var next []conn.Cursor
	read := func(s *dynamo.Connections, i int, after conn.Cursor) (conn.Cursor, error) {
		page, err := s.Read(ctx, conn.Query{Group: group, Shard: i, After: after, Limit: 4 + rand.IntN(16)})
		for _, m := range page.Members {
			seen[m.ID]++
		}
		return page.Next, err
	}
	err = f.use(func(s *dynamo.Connections) error {
		shards, err := s.Shards(ctx, group)
		next = make([]conn.Cursor, shards)
		for i := range shards {
			if err == nil {
				next[i], err = read(s, i, "")
			}
		}
		return err
	})
	for i := range next {
		for next[i] != "" && err == nil {
			err = f.use(func(s *dynamo.Connections) (err error) {
				next[i], err = read(s, i, next[i])
				return err
			})
		}
	}
	return seen, err
}

// presence is which connections are certainly members, and which may have been until a moment ago.
type presence struct {
	mu      sync.Mutex
	changes map[string]int // how often a membership has begun to change, by id
	member  map[string]bool
}

// changing is called before a membership changes, and changed when it has.
func (p *presence) changing(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes[id]++
	delete(p.member, id)
}

func (p *presence) changed(id string, member bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes[id]++
	p.member[id] = member
}

// known returns the connections that are certainly members, or certainly not, with their numbers of
// changes.
func (p *presence) known() (members, others map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	members, others = map[string]int{}, map[string]int{}
	for id, is := range p.member {
		if is {
			members[id] = p.changes[id]
		} else {
			others[id] = p.changes[id]
		}
	}
	return members, others
}

// still returns the connections that are in both and have not changed in between.
func still(before, after map[string]int) []string {
	var ids []string
	for id, changes := range before {
		if now, ok := after[id]; ok && now == changes {
			ids = append(ids, id)
		}
	}
	return ids
}
