package conntest

import (
	"context"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest/internal/require"
)

// joinManyCases are for stores that are a conn.MultiJoiner. Others keep these promises.
func joinManyCases() []promise {
	return []promise{
		{"joinmany", "JoinMany adds a connection to groups and the groups to its record", optional(joinManyMakesMember)},
		{"joinmany-idempotent", "JoinMany to groups of which some have the connection is not an error", optional(joinManyIdempotent)},
		{
			"joinmany-unknown", "JoinMany of an unknown connection fails with ErrNotFound and leaves no membership",
			optional(joinManyUnknown),
		},
		{"joinmany-invalid", "JoinMany refuses names that are not valid before it writes anything", optional(joinManyInvalid)},
		{"joinmany-expiry", "JoinMany of an expired connection fails with ErrNotFound", optional(joinManyExpired)},
		{"joinmany-leave", "what JoinMany has joined ends with Leave, JoinMany and Delete like any membership", optional(joinManyLeave)},
		{"joinmany-large", "JoinMany takes many groups", optional(joinManyLarge)},
	}
}

type joinManyCheck = func(ctx context.Context, t *probe, h *fixture, s conn.MultiJoiner)

// optional leaves a check out if the store is not a conn.MultiJoiner.
func optional(check joinManyCheck) func(ctx context.Context, t *probe, h *fixture) {
	return func(ctx context.Context, t *probe, h *fixture) {
		if s, ok := h.Store.(conn.MultiJoiner); ok {
			check(ctx, t, h, s)
		}
	}
}

// joinMany joins groups, and requires the record that is returned to be the one that Get returns.
func joinMany(ctx context.Context, t *probe, h *fixture, s conn.MultiJoiner, id string, groups ...string) {
	c, err := s.JoinMany(ctx, id, groups)
	require.NoError(t, err, "JoinMany(%q, %q)", id, groups)
	require.Equal(t, get(ctx, t, h.Store, id), c)
}

func joinManyMakesMember(ctx context.Context, t *probe, h *fixture, s conn.MultiJoiner) {
	put(ctx, t, h.Store, conn.Conn{ID: "a", User: "u", Endpoint: "https://a.example"}, conn.Conn{ID: "b"})
	joinMany(ctx, t, h, s, "a", "h", "g")
	require.Equal(t, []string{"g", "h", conn.UserGroup("u")}, get(ctx, t, h.Store, "a").Groups)
	for _, group := range []string{"g", "h"} {
		require.Equal(t, []conn.Member{{ID: "a", Endpoint: "https://a.example"}}, members(ctx, t, h.Store, group, 0))
	}
	joinMany(ctx, t, h, s, "b")
	require.Empty(t, get(ctx, t, h.Store, "b").Groups)
}

func joinManyIdempotent(ctx context.Context, t *probe, h *fixture, s conn.MultiJoiner) {
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: []string{"put"}})
	join(ctx, t, h.Store, "a", "g")
	joinMany(ctx, t, h, s, "a", "put", "g", "h", "h")
	joinMany(ctx, t, h, s, "a", "h", "g")
	require.Equal(t, []string{"g", "h", "put"}, get(ctx, t, h.Store, "a").Groups)
	for _, group := range []string{"put", "g", "h"} {
		requireMembers(ctx, t, h.Store, group, "a")
	}
}

func joinManyUnknown(ctx context.Context, t *probe, h *fixture, s conn.MultiJoiner) {
	for _, groups := range [][]string{{"g", "h"}, nil} {
		_, err := s.JoinMany(ctx, "b", groups)
		require.ErrorIs(t, err, conn.ErrNotFound)
	}
	put(ctx, t, h.Store, conn.Conn{ID: "b"})
	requireMembers(ctx, t, h.Store, "g")
	requireMembers(ctx, t, h.Store, "h")
}

func joinManyInvalid(ctx context.Context, t *probe, h *fixture, s conn.MultiJoiner) {
	put(ctx, t, h.Store, conn.Conn{ID: "a"})
	for _, bad := range []string{"", "\xff"} {
		_, err := s.JoinMany(ctx, "a", []string{"g", bad, "h"})
		require.ErrorIs(t, err, conn.ErrInvalid)
		_, err = s.JoinMany(ctx, bad, []string{"g"})
		require.ErrorIs(t, err, conn.ErrInvalid)
	}
	require.Empty(t, get(ctx, t, h.Store, "a").Groups)
	requireMembers(ctx, t, h.Store, "g")
}

func joinManyExpired(ctx context.Context, t *probe, h *fixture, s conn.MultiJoiner) {
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: []string{"g"}})
	joinMany(ctx, t, h, s, "a", "h", "i")
	h.clock.Advance(conn.DefaultTTL)
	_, err := s.JoinMany(ctx, "a", []string{"j"})
	require.ErrorIs(t, err, conn.ErrNotFound)
	for _, group := range []string{"g", "h", "i", "j"} {
		requireMembers(ctx, t, h.Store, group)
	}
}

func joinManyLeave(ctx context.Context, t *probe, h *fixture, s conn.MultiJoiner) {
	put(ctx, t, h.Store, conn.Conn{ID: "a"})
	for range 3 {
		joinMany(ctx, t, h, s, "a", "g", "h", "i")
		leave(ctx, t, h.Store, "a", "g", "h")
		requireMembers(ctx, t, h.Store, "g")
		requireMembers(ctx, t, h.Store, "h")
		requireMembers(ctx, t, h.Store, "i", "a")
	}
	joinMany(ctx, t, h, s, "a", "g", "h")
	remove(ctx, t, h.Store, "a")
	for _, group := range []string{"g", "h", "i"} {
		requireMembers(ctx, t, h.Store, group)
	}
}

func joinManyLarge(ctx context.Context, t *probe, h *fixture, s conn.MultiJoiner) {
	groups := numbered(230)
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: groups[:5]})
	joinMany(ctx, t, h, s, "a", groups...)
	require.Equal(t, groups, get(ctx, t, h.Store, "a").Groups)
	for _, group := range groups {
		requireMembers(ctx, t, h.Store, group, "a")
	}
	require.Equal(t, groups, remove(ctx, t, h.Store, "a").Groups)
}
