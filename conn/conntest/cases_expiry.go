package conntest

import (
	"context"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest/internal/require"
)

func expiryCases() []promise {
	return []promise{
		{"expiry-get", "a record exists until the moment of its expiry", expiryGet},
		{"expiry-delete", "Delete of an expired connection fails with ErrNotFound", expiryDelete},
		{"expiry-join", "Join of an expired connection fails with ErrNotFound and leaves no membership", expiryJoin},
		{"expiry-leave", "Leave of an expired connection is not an error", expiryLeave},
		{"expiry-read", "an expired connection is not a member of any group", expiryRead},
		{"expiry-put", "an expired connection may be registered again, with nothing of its old record", expiryPut},
		{"expiry-while-reading", "a reading skips members that expire meanwhile", expiryWhileReading},
	}
}

// expiring registers connections that expire in a minute, and returns how to move the clock to
// that moment.
func expiring(ctx context.Context, t *probe, h *fixture, ids ...string) (expire func()) {
	at := h.clock.Now().Truncate(time.Second).Add(time.Minute)
	for _, id := range ids {
		put(ctx, t, h.Store, conn.Conn{ID: id, User: "u", Groups: []string{"g"}, ExpiresAt: at})
	}
	put(ctx, t, h.Store, conn.Conn{ID: "stays", Groups: []string{"g"}})
	return func() { h.clock.Set(at) }
}

func expiryGet(ctx context.Context, t *probe, h *fixture) {
	expire := expiring(ctx, t, h, "a")
	h.clock.Set(get(ctx, t, h.Store, "a").ExpiresAt.Add(-time.Nanosecond))
	require.Equal(t, "a", get(ctx, t, h.Store, "a").ID)
	expire()
	_, err := h.Store.Get(ctx, "a")
	require.ErrorIs(t, err, conn.ErrNotFound)
	require.Equal(t, "stays", get(ctx, t, h.Store, "stays").ID)
}

func expiryDelete(ctx context.Context, t *probe, h *fixture) {
	expiring(ctx, t, h, "a")()
	_, err := h.Store.Delete(ctx, "a")
	require.ErrorIs(t, err, conn.ErrNotFound)
}

func expiryJoin(ctx context.Context, t *probe, h *fixture) {
	expiring(ctx, t, h, "a")()
	require.ErrorIs(t, h.Store.Join(ctx, "a", "joined"), conn.ErrNotFound)
	require.ErrorIs(t, h.Store.Join(ctx, "a", "g"), conn.ErrNotFound)
	requireMembers(ctx, t, h.Store, "joined")
	put(ctx, t, h.Store, conn.Conn{ID: "a"})
	requireMembers(ctx, t, h.Store, "joined")
	require.Empty(t, get(ctx, t, h.Store, "a").Groups)
}

func expiryLeave(ctx context.Context, t *probe, h *fixture) {
	expiring(ctx, t, h, "a")()
	leave(ctx, t, h.Store, "a", "g", "other")
	requireMembers(ctx, t, h.Store, "g", "stays")
	requireMembers(ctx, t, h.Store, "other")
}

func expiryRead(ctx context.Context, t *probe, h *fixture) {
	expire := expiring(ctx, t, h, "a", "b")
	requireMembers(ctx, t, h.Store, "g", "a", "b", "stays")
	expire()
	requireMembers(ctx, t, h.Store, "g", "stays")
	requireMembers(ctx, t, h.Store, conn.UserGroup("u"))
	require.Equal(t, []string{"stays"}, ids(members(ctx, t, h.Store, "g", 1)))
}

func expiryPut(ctx context.Context, t *probe, h *fixture) {
	expiring(ctx, t, h, "a")()
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: []string{"new"}})
	require.Equal(t, []string{"new"}, get(ctx, t, h.Store, "a").Groups)
	requireMembers(ctx, t, h.Store, "g", "stays")
	requireMembers(ctx, t, h.Store, conn.UserGroup("u"))
	requireMembers(ctx, t, h.Store, "new", "a")
	remove(ctx, t, h.Store, "a")
	requireMembers(ctx, t, h.Store, "new")
}

func expiryWhileReading(ctx context.Context, t *probe, h *fixture) {
	expire := expiring(ctx, t, h, numbered(40)...)
	var want []string
	for _, id := range numbered(60)[40:] {
		want = append(want, id)
		put(ctx, t, h.Store, conn.Conn{ID: id, Groups: []string{"g"}})
	}
	want = append(want, "stays")
	var got []conn.Member
	eachShard(ctx, t, h.Store, "g", 3, func(q conn.Query) {
		walk(ctx, t, h.Store, q, func(p conn.Page) {
			expire()
			got = append(got, p.Members...)
		})
	})
	requireOnce(t, got)
	require.Contains(t, ids(got), want)
}
