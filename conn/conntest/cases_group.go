package conntest

import (
	"context"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest/internal/require"
)

func groupCases() []promise {
	return []promise{
		{"join", "Join adds a connection to a group and the group to its record", joinMakesMember},
		{"join-idempotent", "a member that joins again is a member once", joinIdempotent},
		{
			"join-unknown",
			"Join of an unknown connection fails with ErrNotFound and leaves no membership",
			joinUnknown,
		},
		{"leave", "Leave ends a membership and no other", leaveEnds},
		{"leave-idempotent", "Leave of a connection that is not a member or not registered is not an error", leaveIdempotent},
		{
			"leave-deleted",
			"Leave of a deleted connection is not an error and does not affect a new record",
			leaveDeleted,
		},
		{"leave-join", "a connection that left may join again", leaveJoin},
		{"groups-apart", "groups with names that resemble each other have their own members", groupsApart},
		{"groups-many", "a connection may be a member of many groups", groupsMany},
	}
}

func joinMakesMember(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a", Endpoint: "https://a.example"}, conn.Conn{ID: "b"})
	join(ctx, t, h.Store, "a", "g")
	require.Equal(t, []string{"g"}, get(ctx, t, h.Store, "a").Groups)
	require.Equal(t, []conn.Member{{ID: "a", Endpoint: "https://a.example"}}, members(ctx, t, h.Store, "g", 0))
	require.Empty(t, get(ctx, t, h.Store, "b").Groups)
}

func joinIdempotent(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: []string{"put"}})
	join(ctx, t, h.Store, "a", "put", "g", "g")
	requireMembers(ctx, t, h.Store, "put", "a")
	requireMembers(ctx, t, h.Store, "g", "a")
	require.Equal(t, []string{"g", "put"}, get(ctx, t, h.Store, "a").Groups)
	leave(ctx, t, h.Store, "a", "g")
	requireMembers(ctx, t, h.Store, "g")
}

func joinUnknown(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: []string{"g"}})
	require.ErrorIs(t, h.Store.Join(ctx, "b", "g"), conn.ErrNotFound)
	requireMembers(ctx, t, h.Store, "g", "a")
	put(ctx, t, h.Store, conn.Conn{ID: "b"})
	requireMembers(ctx, t, h.Store, "g", "a")
	require.Empty(t, get(ctx, t, h.Store, "b").Groups)
}

func leaveEnds(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store,
		conn.Conn{ID: "a", User: "u", Groups: []string{"g", "h"}},
		conn.Conn{ID: "b", Groups: []string{"g"}})
	leave(ctx, t, h.Store, "a", "g")
	requireMembers(ctx, t, h.Store, "g", "b")
	requireMembers(ctx, t, h.Store, "h", "a")
	require.Equal(t, []string{"h", conn.UserGroup("u")}, get(ctx, t, h.Store, "a").Groups)
}

func leaveIdempotent(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: []string{"g"}}, conn.Conn{ID: "b", Groups: []string{"other"}})
	leave(ctx, t, h.Store, "a", "g", "g", "never")
	leave(ctx, t, h.Store, "b", "g")
	leave(ctx, t, h.Store, "unknown", "g", "other")
	requireMembers(ctx, t, h.Store, "g")
	requireMembers(ctx, t, h.Store, "other", "b")
	require.Empty(t, get(ctx, t, h.Store, "a").Groups)
}

func leaveDeleted(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: []string{"g", "h"}}, conn.Conn{ID: "b", Groups: []string{"g"}})
	remove(ctx, t, h.Store, "a")
	leave(ctx, t, h.Store, "a", "g", "g", "h")
	requireMembers(ctx, t, h.Store, "g", "b")
	requireMembers(ctx, t, h.Store, "h")
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: []string{"g"}})
	join(ctx, t, h.Store, "a", "h")
	requireMembers(ctx, t, h.Store, "g", "a", "b")
	requireMembers(ctx, t, h.Store, "h", "a")
}

func leaveJoin(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a"})
	for range 3 {
		join(ctx, t, h.Store, "a", "g")
		requireMembers(ctx, t, h.Store, "g", "a")
		leave(ctx, t, h.Store, "a", "g")
		requireMembers(ctx, t, h.Store, "g")
	}
	join(ctx, t, h.Store, "a", "g")
	require.Equal(t, []string{"g"}, get(ctx, t, h.Store, "a").Groups)
}

func groupsApart(ctx context.Context, t *probe, h *fixture) {
	names := hostile()
	for i, id := range numbered(len(names)) {
		put(ctx, t, h.Store, conn.Conn{ID: id, Groups: []string{names[i]}})
	}
	for i, id := range numbered(len(names)) {
		requireMembers(ctx, t, h.Store, names[i], id)
	}
	for i, id := range numbered(len(names)) {
		leave(ctx, t, h.Store, id, names[i])
		requireMembers(ctx, t, h.Store, names[i])
	}
}

func groupsMany(ctx context.Context, t *probe, h *fixture) {
	groups := numbered(50)
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: groups[:25]}, conn.Conn{ID: "b", Groups: groups})
	join(ctx, t, h.Store, "a", groups[25:]...)
	require.Equal(t, groups, get(ctx, t, h.Store, "a").Groups)
	require.Equal(t, groups, remove(ctx, t, h.Store, "a").Groups)
	for _, group := range groups {
		requireMembers(ctx, t, h.Store, group, "b")
	}
}
