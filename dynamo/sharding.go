package dynamo

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/shard"
)

// maxShards bounds the parts of a group: 1,024 of them take a million writes a second.
const maxShards = 1024

// Sharding is how many partitions a group is spread over; see [WithSharding]. Each partition takes
// 1,000 write units a second (Amazon DynamoDB Developer Guide, "Best practices for designing and
// using partition keys effectively"), and each Join, Leave, Put or Delete of a member writes one.
// The numbers are powers of two up to 1,024; with others every operation on the group fails with
// [conn.ErrInvalid].
//
// # Changing it while connections are open
//
// To change the number from 1 to 8, deploy three times:
//
//	{Write: 1, Read: 8}   until every instance runs it
//	{Write: 8, Read: 1}   until [Connections.Settled], or until the oldest connection has expired
//	{Write: 8}
//
// From the first step on, every reader looks in the old and in the new partitions, so that none
// misses what the second step writes. The same steps lead to fewer partitions. Meanwhile a
// membership that ends costs up to 3 write units more, and reading a group costs some more read
// units. A reading returns each member once.
type Sharding struct {
	// Write is how many partitions memberships are written to; 0 means 1.
	Write int
	// Read is the other number of partitions during a change: the previous or the next value of
	// Write. Readers look in both. 0 means that there is no change.
	Read int
}

// Shards returns how many shards a group can be read in; see [conn.Store]. It is the smaller of the
// two numbers of the group's [Sharding].
func (cs *Connections) Shards(ctx context.Context, group string) (int, error) {
	if err := check(ctx, "group", group); err != nil {
		return 0, err
	}
	layout, err := cs.layout(group)
	return layout.readable(), err
}

// Settled reports whether every membership of a group is in the partition where [Sharding] writes
// it, so that Sharding.Read can be removed. It reads the whole group, or up to the first
// membership that is elsewhere.
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
		for _, m := range found.list {
			if m.live(now) && shard.Of(m.id, write) != part {
				return false, nil
			}
		}
		if after = found.last; after == "" {
			return true, nil
		}
	}
}

// layout returns the sharding of a group, with the defaults filled in.
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
			return Sharding{}, fmt.Errorf("%w: %d shards of group %.100q, want a power of two up to %d",
				conn.ErrInvalid, n, group, maxShards)
		}
	}
	return l, nil
}

// readable is the number of shards in which the group can be read without reading any part twice.
func (l Sharding) readable() int {
	if l.Read == 0 {
		return l.Write
	}
	return min(l.Write, l.Read)
}

// homes returns the parts in which a membership of a connection may be. The part where it is
// written is first.
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

// holds reports whether a membership of a connection may be in a part.
func (l Sharding) holds(part int, id string) bool {
	return shard.Of(id, l.Write) == part || l.Read != 0 && shard.Of(id, l.Read) == part
}

// parts returns the parts that members of one of n shards are in.
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
