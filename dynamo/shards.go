package dynamo

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/shard"
)

// maxShards bounds the parts of a group: 1,024 take a million writes a second.
const maxShards = 1024

// Sharding says in how many parts a group is kept. Each part is a partition key of its own, which takes 1,000 write units a
// second: Join, Leave, and Put and Delete of a member write one. The numbers are powers of two up to 1,024;
// with others every operation on the group fails with [conn.ErrInvalid].
//
// To change the number from 1 to 8 while connections are open, deploy three times:
//
//	{Write: 1, Also: 8}   until every instance runs it
//	{Write: 8, Also: 1}   until [Connections.Settled], at the latest when the oldest connection has expired
//	{Write: 8}
//
// After the first step every reader looks in the old parts and in the new ones, so none misses what those of the second
// step write. The same steps lead from more parts to fewer. Meanwhile a membership that ends costs up to 3 write
// units more, and a reading of a group of which Also is not 0 some more read units; it yields each member once.
type Sharding struct {
	// Write is how many parts memberships are written in; 0 means 1.
	Write int
	// Also is in how many parts there may be memberships from before, or from instances that are ahead; 0 means
	// no others.
	Read int
}

// Sharding tells in how many parts a group is read: the smaller of the two numbers that [WithShards] gave. See
// [conn.Store].
func (cs *Connections) Shards(ctx context.Context, group string) (int, error) {
	if err := check(ctx, "group", group); err != nil {
		return 0, err
	}
	layout, err := cs.layout(group)
	return layout.readable(), err
}

// Settled tells whether every membership of a group is where [WithShards] says that it is written, so that Also may be
// taken away. It reads the group whole, or up to the first membership that is elsewhere.
func (cs *Connections) Settled(ctx context.Context, group string) (bool, error) {
	if err := check(ctx, "group", group); err != nil {
		return false, err
	}
	layout, err := cs.layout(group)
	if err != nil {
		return false, err
	}
	for _, part := range layout.parts(0, 1) {
		settled, err := cs.settledPart(ctx, group, part, layout.Write)
		if err != nil || !settled {
			return false, err
		}
	}
	return true, nil
}

func (cs *Connections) settledPart(ctx context.Context, group string, part, write int) (bool, error) {
	now := cs.t.Now()
	for after := ""; ; {
		found, err := cs.queryPart(ctx, group, part, after, cs.pageSize)
		if err != nil {
			return false, fmt.Errorf("dynamo: is group %.100q settled: %w", group, err)
		}
		for _, row := range found.list {
			if row.live(now) && shard.Of(row.id, write) != part {
				return false, nil
			}
		}
		if after = found.last; after == "" {
			return true, nil
		}
	}
}

// layout gives the parts of a group, with the defaults filled in.
func (cs *Connections) layout(group string) (Sharding, error) {
	l := cs.sharding(group)
	if l.Write == 0 {
		l.Write = 1
	}
	if l.Read == l.Write {
		l.Read = 0
	}
	for _, n := range []int{l.Write, l.Read} {
		if n < 0 || n > maxShards || n&(n-1) != 0 {
			return Sharding{}, fmt.Errorf("%w: %d shards of group %.100q, want a power of two up to %d", conn.ErrInvalid, n, group, maxShards)
		}
	}
	return l, nil
}

// readable is the number of parts in which the group can be read without reading any of them twice.
func (l Sharding) readable() int {
	if l.Read == 0 {
		return l.Write
	}
	return min(l.Write, l.Read)
}

// homes gives the parts in which there may be a membership of a connection, the one where it is written first.
func (l Sharding) homes(id string) []int {
	homes := []int{shard.Of(id, l.Write)}
	if l.Read == 0 {
		return homes
	}
	if also := shard.Of(id, l.Read); also != homes[0] {
		homes = append(homes, also)
	}
	return homes
}

// holds tells if there may be a membership of a connection in a part.
func (l Sharding) holds(part int, id string) bool {
	return shard.Of(id, l.Write) == part || l.Read != 0 && shard.Of(id, l.Read) == part
}

// parts gives the parts in which there are members of one of n shards.
func (l Sharding) parts(of, n int) []int {
	var parts []int
	for _, total := range []int{l.Write, l.Read} {
		step := min(n, total)
		if step == 0 {
			continue
		}
		for part := of % step; part < total; part += step {
			parts = append(parts, part)
		}
	}
	slices.Sort(parts)
	return slices.Compact(parts)
}
