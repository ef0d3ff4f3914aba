package conntest

import (
	"context"
	"slices"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest/internal/require"
)

// walk reads a shard page by page, passes each page on, and checks what every reading must keep.
func walk(ctx context.Context, t require.TestingT, s conn.Store, q conn.Query, each func(conn.Page)) {
	given := make(map[conn.Cursor]bool)
	for {
		page, err := s.Read(ctx, q)
		require.NoError(t, err, "Read(%+v)", q)
		if q.Limit > 0 {
			require.True(t, len(page.Members) <= q.Limit, "members of a page of Read(%+v)", q)
		}
		require.False(t, given[page.Next], "Read(%+v) gave the cursor %q again", q, page.Next)
		given[page.Next] = true
		each(page)
		if page.Next == "" {
			return
		}
		q.After = page.Next
	}
}

// eachShard calls f with the query of each shard of a group.
func eachShard(ctx context.Context, t require.TestingT, s conn.Store, group string, limit int, f func(conn.Query)) {
	shards, err := s.Shards(ctx, group)
	require.NoError(t, err)
	require.True(t, shards > 0, "Shards(%q)", group)
	for shard := range shards {
		f(conn.Query{Group: group, Shard: shard, Limit: limit})
	}
}

// members reads a group in pages of the given limit. A repeated member is in the result twice.
func members(ctx context.Context, t require.TestingT, s conn.Store, group string, limit int) []conn.Member {
	var all []conn.Member
	eachShard(ctx, t, s, group, limit, func(q conn.Query) {
		walk(ctx, t, s, q, func(p conn.Page) { all = append(all, p.Members...) })
	})
	return all
}

// ids returns the sorted ids of members.
func ids(members []conn.Member) []string {
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = m.ID
	}
	slices.Sort(list)
	return list
}

// requireMembers requires a group to have these members.
func requireMembers(ctx context.Context, t require.TestingT, s conn.Store, group string, want ...string) {
	want = append([]string{}, want...) // not nil, like that of ids
	slices.Sort(want)
	require.Equal(t, want, ids(members(ctx, t, s, group, 0)), "members of %q", group)
}

// put registers connections and requires no error.
func put(ctx context.Context, t require.TestingT, s conn.Store, conns ...conn.Conn) {
	for _, c := range conns {
		require.NoError(t, s.Put(ctx, c), "Put(%+v)", c)
	}
}

func get(ctx context.Context, t require.TestingT, s conn.Store, id string) conn.Conn {
	c, err := s.Get(ctx, id)
	require.NoError(t, err, "Get(%q)", id)
	return c
}

func join(ctx context.Context, t require.TestingT, s conn.Store, id string, groups ...string) {
	for _, g := range groups {
		require.NoError(t, s.Join(ctx, id, g), "Join(%q, %q)", id, g)
	}
}

func leave(ctx context.Context, t require.TestingT, s conn.Store, id string, groups ...string) {
	for _, g := range groups {
		require.NoError(t, s.Leave(ctx, id, g), "Leave(%q, %q)", id, g)
	}
}

// remove deletes a connection and requires its record.
func remove(ctx context.Context, t require.TestingT, s conn.Store, id string) conn.Conn {
	c, err := s.Delete(ctx, id)
	require.NoError(t, err, "Delete(%q)", id)
	require.Equal(t, id, c.ID, "the record of Delete(%q)", id)
	return c
}

// requireAbsent requires a connection to be absent for every method.
func requireAbsent(ctx context.Context, t require.TestingT, s conn.Store, id string) {
	_, err := s.Get(ctx, id)
	require.ErrorIs(t, err, conn.ErrNotFound, "Get(%q)", id)
	_, err = s.Delete(ctx, id)
	require.ErrorIs(t, err, conn.ErrNotFound, "Delete(%q)", id)
}
