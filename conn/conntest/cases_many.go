package conntest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest/internal/require"
)

func manyCases() []promise {
	return []promise{
		{"many", "GetMany returns records as Get does, in the order of the ids, each once", manyOrder},
		{
			"many-unknown",
			"GetMany leaves out connections that are not registered, were deleted or have expired",
			manyUnknown,
		},
		{"many-large", "GetMany takes any number of ids", manyLarge},
		{"many-fresh", "GetMany sees what earlier calls have done", manyFresh},
		{"many-invalid", "GetMany refuses an invalid id with ErrInvalid", manyInvalid},
		{"records", "Records reads the records of a group's members", recordsOfGroup},
		{"not-found-names", "an error of ErrNotFound names the connection", notFoundNames},
	}
}

func getMany(ctx context.Context, t require.TestingT, s conn.Store, ids ...string) []conn.Conn {
	got, err := s.GetMany(ctx, ids)
	require.NoError(t, err, "GetMany of %d", len(ids))
	return got
}

// idsOf lists the ids of records in their order.
func idsOf(records []conn.Conn) []string {
	list := make([]string, len(records))
	for i, c := range records {
		list[i] = c.ID
	}
	return list
}

func manyOrder(ctx context.Context, t *probe, h *fixture) {
	want := sample(h)
	put(ctx, t, h.Store, want, conn.Conn{ID: "a", User: "u"}, conn.Conn{ID: "b"})
	join(ctx, t, h.Store, "a", "joined")
	require.Empty(t, getMany(ctx, t, h.Store))
	got := getMany(ctx, t, h.Store, "b", want.ID, "b", "a", want.ID)
	require.Equal(t, []conn.Conn{get(ctx, t, h.Store, "b"), want, get(ctx, t, h.Store, "a")}, got)
	got[1].Attributes["tenant"], got[1].Groups[0] = "stolen", "stolen"
	require.Equal(
		t,
		[]conn.Conn{want},
		getMany(ctx, t, h.Store, want.ID),
		"what GetMany returns belongs to the caller",
	)
}

func manyUnknown(ctx context.Context, t *probe, h *fixture) {
	at := h.clock.Now().Truncate(time.Second).Add(time.Minute)
	put(ctx, t, h.Store, conn.Conn{ID: "a"}, conn.Conn{ID: "deleted"}, conn.Conn{ID: "expires", ExpiresAt: at})
	remove(ctx, t, h.Store, "deleted")
	all := []string{"unknown", "expires", "deleted", "a"}
	require.Equal(t, []string{"expires", "a"}, idsOf(getMany(ctx, t, h.Store, all...)))
	h.clock.Set(at)
	require.Equal(t, []string{"a"}, idsOf(getMany(ctx, t, h.Store, all...)))
	require.Empty(t, getMany(ctx, t, h.Store, "unknown"))
}

func manyLarge(ctx context.Context, t *probe, h *fixture) {
	filled(ctx, t, h, "g", 250)
	want := numbered(250)
	require.Equal(t, want, idsOf(getMany(ctx, t, h.Store, want...)))
	slices.Reverse(want)
	require.Equal(t, want, idsOf(getMany(ctx, t, h.Store, append(numbered(300)[250:], want...)...)))
}

func manyFresh(ctx context.Context, t *probe, h *fixture) {
	list := numbered(10)
	for i, id := range list {
		put(ctx, t, h.Store, conn.Conn{ID: id})
		join(ctx, t, h.Store, id, "g")
		set(ctx, t, h.Store, id, map[string]string{"k": id})
		got := getMany(ctx, t, h.Store, list...)
		require.Equal(t, list[:i+1], idsOf(got))
		require.Equal(t, []string{"g"}, got[i].Groups)
		require.Equal(t, map[string]string{"k": id}, got[i].Attributes)
	}
	remove(ctx, t, h.Store, list[0])
	require.Equal(t, list[1:], idsOf(getMany(ctx, t, h.Store, list...)))
}

func manyInvalid(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a"})
	for _, id := range []string{"", "\xff"} {
		got, err := h.Store.GetMany(ctx, []string{"a", id})
		require.ErrorIs(t, err, conn.ErrInvalid)
		require.Zero(t, got)
	}
}

func recordsOfGroup(ctx context.Context, t *probe, h *fixture) {
	filled(ctx, t, h, "g", 120)
	put(ctx, t, h.Store, conn.Conn{ID: "other", Groups: []string{"h"}})
	var got []conn.Conn
	for c, err := range conn.Records(ctx, h.Store, "g") {
		require.NoError(t, err)
		got = append(got, c)
	}
	want := getMany(ctx, t, h.Store, numbered(120)...)
	slices.SortFunc(got, func(a, b conn.Conn) int { return cmp.Compare(a.ID, b.ID) })
	require.Equal(t, want, got)
}

func notFoundNames(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a"})
	_, getErr := h.Store.Get(ctx, "gone")
	_, deleteErr := h.Store.Delete(ctx, "gone")
	_, setErr := h.Store.SetAttributes(ctx, "gone", map[string]string{"k": "v"})
	for what, err := range map[string]error{
		"Get": getErr, "Delete": deleteErr, "SetAttributes": setErr, "Join": h.Store.Join(ctx, "gone", "g"),
	} {
		require.ErrorIs(t, err, conn.ErrNotFound, what)
		var named *conn.NotFoundError
		require.ErrorAs(t, err, &named, what)
		require.Equal(t, "gone", named.ID, what)
	}
}
