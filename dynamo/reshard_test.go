package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/shard"
)

// In every layout, and for every number of shards that a cursor may have, the shard of a
// connection is read where its rows may be, and all shards together read every part.
func TestLayouts(t *testing.T) {
	t.Parallel()
	powers := []int{1, 2, 4, 8, 64, 1024}
	for _, write := range powers {
		for _, also := range append([]int{0}, powers...) {
			if also == write {
				continue
			}
			for _, n := range powers {
				layout := dynamo.Sharding{Write: write, Read: also}
				parts := make([][]int, n)
				read := map[int]bool{}
				for of := range n {
					parts[of] = layout.Parts(of, n)
					require.True(t, slices.IsSorted(parts[of]))
					require.Len(t, slices.Compact(slices.Clone(parts[of])), len(parts[of]), "a part is read twice")
					for _, part := range parts[of] {
						read[part] = true
					}
				}
				require.Len(t, read, max(write, also))
				for i := range 40 {
					id := fmt.Sprintf("L0SM9cOF%06dAMCtA=", i*7)
					homes := layout.Homes(id)
					require.Equal(t, shard.Of(id, write), homes[0], "where it is written")
					if also > 0 {
						require.Contains(t, homes, shard.Of(id, also))
					}
					for _, home := range homes {
						require.Contains(t, parts[shard.Of(id, n)], home, "%v in %d shards: %s", layout, n, id)
					}
				}
			}
		}
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		layout dynamo.Sharding
		of, n  int
		want   []int
	}{
		{dynamo.Sharding{Write: 1}, 0, 1, []int{0}},
		{dynamo.Sharding{Write: 4}, 3, 4, []int{3}},
		{dynamo.Sharding{Write: 4}, 0, 1, []int{0, 1, 2, 3}},
		{dynamo.Sharding{Write: 4}, 1, 2, []int{1, 3}},
		{dynamo.Sharding{Write: 2}, 5, 8, []int{1}},
		{dynamo.Sharding{Write: 1, Read: 4}, 0, 1, []int{0, 1, 2, 3}},
		{dynamo.Sharding{Write: 8, Read: 2}, 1, 2, []int{1, 3, 5, 7}},
		{dynamo.Sharding{Write: 1, Read: 8}, 5, 8, []int{0, 5}},
	} {
		require.Equal(t, c.want, c.layout.Parts(c.of, c.n), "%v: shard %d of %d", c.layout, c.of, c.n)
	}
}

const (
	fleetSize = 3
	loyal     = 16 // connections that stay from one step to the next
	restless  = 4  // goroutines that have connections come and go
	readers   = 2
)

// livingGroup is a group whose number of parts is changed while connections come and go and
// readers read.
type livingGroup struct {
	fleet
	presence
	stop  chan struct{}
	works sync.WaitGroup
	ticks chan tick // for those that wait for them
}

// tick is the end of a round: a visit or a reading.
type tick struct {
	who int
	err error
}

// TestLiveResharding goes from 1 part to 8 and back, by the steps that Sharding
// documents, one instance after the other.
func TestLiveResharding(t *testing.T) {
	t.Parallel()
	client, table, namespace := dynamotest.Client(t), dynamotest.Table(t), dynamotest.Namespace(t)
	r := &livingGroup{
		presence: presence{changes: map[string]int{}, member: map[string]bool{}},
		stop:     make(chan struct{}), ticks: make(chan tick),
	}
	r.deployed = func(layout dynamo.Sharding) *dynamo.Connections {
		return dynamo.Open(client, table, dynamo.WithNamespace(namespace), dynamo.WithPageSize(20),
			dynamo.WithSharding(func(string) dynamo.Sharding { return layout })).Connections()
	}
	for range fleetSize {
		r.instances = append(r.instances, &instance{})
	}
	r.roll(t, dynamo.Sharding{Write: 1}, 0)
	r.arrive(t, "first")
	r.begin(t.Context())
	defer r.works.Wait()
	defer close(r.stop)

	early := r.half(t)
	r.roll(t, dynamo.Sharding{Write: 1, Read: 8}, 1)
	r.carryOn(t, early, "first")
	r.roll(t, dynamo.Sharding{Write: 8, Read: 1}, 1)
	r.carryOn(t, early, "first")
	r.replace(t, "first", "second", 8)
	early = r.half(t)
	r.roll(t, dynamo.Sharding{Write: 8}, 1)
	r.carryOn(t, early, "second")
	early = r.half(t)
	r.roll(t, dynamo.Sharding{Write: 8, Read: 1}, 1)
	r.carryOn(t, early, "second")
	r.roll(t, dynamo.Sharding{Write: 1, Read: 8}, 1)
	r.replace(t, "second", "third", 1)
	r.roll(t, dynamo.Sharding{Write: 1}, 1)
	r.carryOn(t, early, "third")
}

// roll deploys a layout, and waits after each instance until everybody has gone so many rounds.
func (r *livingGroup) roll(t *testing.T, layout dynamo.Sharding, rounds int) {
	t.Helper()
	for i := range r.instances {
		r.deploy(i, layout)
		r.await(t, rounds)
	}
}

// await waits until each worker and reader has gone so many rounds that began from now on. The
// first may be one that began before.
func (r *livingGroup) await(t *testing.T, rounds int) {
	t.Helper()
	if rounds == 0 {
		return
	}
	done := make([]int, restless+readers)
	for left := len(done); left > 0; {
		tick := <-r.ticks
		require.NoError(t, tick.err)
		if done[tick.who]++; done[tick.who] == rounds+1 {
			left--
		}
	}
}

// begin starts the connections that come and go, and the readers.
func (r *livingGroup) begin(ctx context.Context) {
	for who := range restless + readers {
		round := r.read
		if who < restless {
			round = func(ctx context.Context) error { return r.visit(ctx, fmt.Sprintf("guest-%d-%d", who, rand.IntN(3))) }
		}
		r.works.Go(func() {
			for {
				if err := round(ctx); !r.tell(tick{who, err}) {
					return
				}
			}
		})
	}
}

// tell announces the end of a round to await, or an error to all. It reports whether to continue.
func (r *livingGroup) tell(t tick) bool {
	if t.err != nil {
		select {
		case <-r.stop:
		case r.ticks <- t:
		}
		return false
	}
	select {
	case <-r.stop:
		return false
	case r.ticks <- t:
	default:
	}
	return true
}

// visit has a connection come, join, perhaps twice, leave and join again, and go. Each is a call
// to any instance.
func (r *livingGroup) visit(ctx context.Context, id string) error {
	join := func(s *dynamo.Connections) error { return s.Join(ctx, id, "crowd") }
	r.changing(id)
	err := r.use(func(s *dynamo.Connections) error { return s.Put(ctx, conn.Conn{ID: id, Groups: []string{"crowd"}}) })
	r.changed(id, true)
	for n := range rand.IntN(4) {
		switch {
		case err != nil:
		case n == 1:
			r.changing(id)
			err = r.use(func(s *dynamo.Connections) error { return s.Leave(ctx, id, "crowd") })
			r.changed(id, false)
		case n == 2:
			r.changing(id)
			err = r.use(join)
			r.changed(id, true)
		default:
			err = r.use(join) // it is a member already
		}
	}
	r.changing(id)
	err = errors.Join(err, r.use(func(s *dynamo.Connections) error {
		_, err := s.Delete(ctx, id)
		return err
	}))
	r.changed(id, false)
	return err
}

// read reads the group and compares it with the connections that were members all the time.
func (r *livingGroup) read(ctx context.Context) error {
	members, others := r.known()
	seen, err := r.readAll(ctx, "crowd")
	if err != nil {
		return err
	}
	membersStill, othersStill := r.known()
	for id, times := range seen {
		if times > 1 {
			return fmt.Errorf("%s was seen %d times", id, times)
		}
	}
	for _, id := range still(members, membersStill) {
		if seen[id] != 1 {
			return fmt.Errorf("%s was not seen", id)
		}
	}
	for _, id := range still(others, othersStill) {
		if seen[id] != 0 {
			return fmt.Errorf("%s was seen, and is not a member", id)
		}
	}
	return nil
}

func loyalIDs(name string) (ids []string) {
	for i := range loyal {
		ids = append(ids, fmt.Sprintf("%s-%d", name, i))
	}
	return ids
}

func (r *livingGroup) arrive(t *testing.T, name string) {
	t.Helper()
	for _, id := range loyalIDs(name) {
		r.changing(id)
		require.NoError(t, r.use(func(s *dynamo.Connections) error {
			return s.Put(t.Context(), conn.Conn{ID: id, Groups: []string{"crowd"}})
		}))
		r.changed(id, true)
	}
}

// replace has all connections go that are where memberships were written before, and others come.
// The group is settled from the last on, and not before.
func (r *livingGroup) replace(t *testing.T, old, name string, parts int) {
	t.Helper()
	r.arrive(t, name)
	r.await(t, 1) // who came before this step has gone
	elsewhere := 0
	for _, id := range loyalIDs(old) {
		if shard.Of(id, parts) != shard.Of(id, 9-parts) {
			elsewhere++
		}
	}
	require.Positive(t, elsewhere)
	for _, id := range loyalIDs(old) {
		require.Equal(t, elsewhere == 0, r.settled(t), "with %d memberships elsewhere", elsewhere)
		if shard.Of(id, parts) != shard.Of(id, 9-parts) {
			elsewhere--
		}
		r.changing(id)
		require.NoError(t, r.use(func(s *dynamo.Connections) error {
			_, err := s.Delete(t.Context(), id)
			return err
		}))
		r.changed(id, false)
	}
	require.True(t, r.settled(t))
}

func (r *livingGroup) settled(t *testing.T) (settled bool) {
	t.Helper()
	require.NoError(t, r.use(func(s *dynamo.Connections) (err error) {
		settled, err = s.Settled(t.Context(), "crowd")
		return err
	}))
	return settled
}

// half is a reading that was begun and interrupted: a cursor for each shard, and the connections
// seen.
type half struct {
	cursors []conn.Cursor
	seen    map[string]int
}

func (r *livingGroup) half(t *testing.T) half {
	t.Helper()
	h := half{seen: map[string]int{}}
	require.NoError(t, r.use(func(s *dynamo.Connections) error {
		shards, err := s.Shards(t.Context(), "crowd")
		for i := range shards {
			page, err := s.Read(t.Context(), conn.Query{Group: "crowd", Shard: i, Limit: 3})
			require.NoError(t, err)
			h.cursors = append(h.cursors, page.Next)
			for _, m := range page.Members {
				h.seen[m.ID]++
			}
		}
		return err
	}))
	return h
}

// carryOn reads the rest of a reading that was begun before one or more steps. No connection
// appears twice. It finds all connections that were there, and of those that have joined meanwhile
// the ones after the cursors.
func (r *livingGroup) carryOn(t *testing.T, h half, name string) {
	t.Helper()
	seen := map[string]int{}
	for id, times := range h.seen {
		seen[id] = times
	}
	for i, after := range h.cursors {
		for after != "" {
			require.NoError(t, r.use(func(s *dynamo.Connections) error {
				page, err := s.Read(t.Context(), conn.Query{Group: "crowd", Shard: i, After: after, Limit: 4})
				for _, m := range page.Members {
					seen[m.ID]++
				}
				after = page.Next
				return err
			}))
		}
	}
	for id, times := range seen {
		require.Equal(t, 1, times, id)
	}
	if name == "third" {
		return // they came after the reading had begun
	}
	for _, id := range loyalIDs(name) {
		require.Contains(t, seen, id)
	}
}

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
