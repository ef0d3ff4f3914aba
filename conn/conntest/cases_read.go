package conntest

import (
	"context"
	"fmt"
	"math"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest/internal/require"
)

func readCases() []promise {
	return []promise{
		{"read-unknown", "an unknown group has no members, nor has one that all have left", readUnknown},
		{"read-limits", "following Next yields every member exactly once, whatever the limit", readLimits},
		{"read-large", "a large group is read whole", readLarge},
		{"read-shards", "shards are disjoint and a member stays in its shard", readShards},
		{"read-out-of-range", "a shard or a limit out of range is refused with ErrInvalid", readOutOfRange},
		{
			"read-while-changing",
			"a member during the whole reading comes exactly once while others join and leave",
			readWhileChanging,
		},
		{
			"read-while-returning",
			"a member that leaves and joins again during a reading comes at most once",
			readWhileReturning,
		},
		{"read-after-return", "a reading sees what earlier calls have done", readAfterReturn},
	}
}

// numbered returns n different ids, sorted, with a common prefix like those of the gateway.
func numbered(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("W9In%05dIAMCFvw=", i)
	}
	return list
}

// filled puts n connections into a group and returns their ids.
func filled(ctx context.Context, t *probe, h *fixture, group string, n int) []string {
	list := numbered(n)
	for _, id := range list {
		put(ctx, t, h.Store, conn.Conn{ID: id, Groups: []string{group}})
	}
	return list
}

// requireOnce requires each member once.
func requireOnce(t require.TestingT, got []conn.Member) {
	seen := make(map[string]bool, len(got))
	for _, m := range got {
		require.False(t, seen[m.ID], "%q came twice", m.ID)
		seen[m.ID] = true
	}
}

func readUnknown(ctx context.Context, t *probe, h *fixture) {
	requireMembers(ctx, t, h.Store, "unknown")
	for _, id := range filled(ctx, t, h, "g", 3) {
		leave(ctx, t, h.Store, id, "g")
	}
	requireMembers(ctx, t, h.Store, "g")
}

func readLimits(ctx context.Context, t *probe, h *fixture) {
	want := filled(ctx, t, h, "g", 60)
	for _, limit := range []int{0, 1, 2, 3, 7, 10, 59, 60, 61, 1000, math.MaxInt32} {
		require.Equal(t, want, ids(members(ctx, t, h.Store, "g", limit)), "limit %d", limit)
	}
}

func readLarge(ctx context.Context, t *probe, h *fixture) {
	want := filled(ctx, t, h, "g", h.large())
	require.Equal(t, want, ids(members(ctx, t, h.Store, "g", 0)))
	require.Equal(t, want, ids(members(ctx, t, h.Store, "g", 97)))
	for i, id := range want {
		if i%10 != 0 {
			leave(ctx, t, h.Store, id, "g")
		}
	}
	require.Len(t, members(ctx, t, h.Store, "g", 0), (len(want)+9)/10)
}

func readShards(ctx context.Context, t *probe, h *fixture) {
	want := filled(ctx, t, h, "g", 200)
	home := make(map[string]int)
	for range 2 {
		eachShard(ctx, t, h.Store, "g", 0, func(q conn.Query) {
			walk(ctx, t, h.Store, q, func(p conn.Page) {
				for _, m := range p.Members {
					shard, ok := home[m.ID]
					require.True(t, !ok || shard == q.Shard, "%q is in the shards %d and %d", m.ID, shard, q.Shard)
					home[m.ID] = q.Shard
				}
			})
		})
	}
	require.Len(t, home, len(want))
}

func readOutOfRange(ctx context.Context, t *probe, h *fixture) {
	filled(ctx, t, h, "g", 3)
	shards, err := h.Store.Shards(ctx, "g")
	require.NoError(t, err)
	for _, q := range []conn.Query{
		{Group: "g", Shard: -1},
		{Group: "g", Shard: shards},
		{Group: "unknown", Shard: math.MaxInt},
		{Group: "g", Limit: -1},
		{Group: "g", Limit: math.MinInt},
	} {
		_, err := h.Store.Read(ctx, q)
		require.ErrorIs(t, err, conn.ErrInvalid, "Read(%+v)", q)
	}
}

func readWhileChanging(ctx context.Context, t *probe, h *fixture) {
	all := filled(ctx, t, h, "g", 90)
	var stay, leaving []string
	for i, id := range all {
		if i%3 == 0 {
			leaving = append(leaving, id)
		} else {
			stay = append(stay, id)
		}
	}
	var got []conn.Member
	pages := 0
	eachShard(ctx, t, h.Store, "g", 4, func(q conn.Query) {
		walk(ctx, t, h.Store, q, func(p conn.Page) {
			got = append(got, p.Members...)
			if pages++; pages < len(all) { // otherwise a store with small pages would never finish
				put(ctx, t, h.Store, conn.Conn{ID: fmt.Sprintf("%s new", all[pages]), Groups: []string{"g"}})
			}
			if len(leaving) > 0 {
				leaveOrDelete(ctx, t, h, leaving[len(leaving)-1], pages)
				leaving = leaving[:len(leaving)-1]
			}
		})
	})
	requireOnce(t, got)
	require.Contains(t, ids(got), stay)
}

func leaveOrDelete(ctx context.Context, t *probe, h *fixture, id string, turn int) {
	if turn%2 == 0 {
		leave(ctx, t, h.Store, id, "g")
		return
	}
	remove(ctx, t, h.Store, id)
}

func readWhileReturning(ctx context.Context, t *probe, h *fixture) {
	want := filled(ctx, t, h, "g", 20)
	var got []conn.Member
	eachShard(ctx, t, h.Store, "g", 2, func(q conn.Query) {
		walk(ctx, t, h.Store, q, func(p conn.Page) {
			for i, m := range p.Members {
				if i == 0 {
					leave(ctx, t, h.Store, m.ID, "g")
					join(ctx, t, h.Store, m.ID, "g")
				} else {
					remove(ctx, t, h.Store, m.ID)
					put(ctx, t, h.Store, conn.Conn{ID: m.ID, Groups: []string{"g"}})
				}
			}
			got = append(got, p.Members...)
		})
	})
	requireOnce(t, got)
	requireMembers(ctx, t, h.Store, "g", want...)
}

func readAfterReturn(ctx context.Context, t *probe, h *fixture) {
	for i, id := range numbered(30) {
		put(ctx, t, h.Store, conn.Conn{ID: id})
		join(ctx, t, h.Store, id, "g")
		require.Len(t, members(ctx, t, h.Store, "g", 5), i+1)
	}
	for i, id := range numbered(30) {
		leaveOrDelete(ctx, t, h, id, i)
		require.Len(t, members(ctx, t, h.Store, "g", 5), 29-i)
	}
}
