package conntest

import (
	"context"
	"strings"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest/internal/require"
)

func recordCases() []promise {
	return []promise{
		{"put-get", "Get returns what was put", putGet},
		{"put-exists", "Put of a registered connection fails with ErrExists and changes nothing", putExists},
		{
			"put-default-times",
			"a zero ConnectedAt is now, a zero ExpiresAt is DefaultTTL after ConnectedAt",
			putDefaultTimes,
		},
		{"put-cuts-times", "ConnectedAt has whole milliseconds and ExpiresAt whole seconds, in UTC", putCutsTimes},
		{"put-user-group", "Put makes a connection a member of its user's group", putUserGroup},
		{"put-anonymous", "a connection without a user and without groups is in no group", putAnonymous},
		{"put-groups-sorted", "the groups of a record are sorted, each once", putGroupsSorted},
		{"put-copies", "Put copies its argument", putCopies},
		{"get-copies", "what Get and Delete return belongs to the caller", getCopies},
		{"get-unknown", "Get of an unknown connection fails with ErrNotFound", getUnknown},
		{"delete-record", "Delete returns the record as it was, with the groups joined and left since", deleteRecord},
		{
			"delete-unknown",
			"Delete of an unknown connection fails with ErrNotFound, and so does a second Delete",
			deleteUnknown,
		},
		{"delete-memberships", "Delete ends all memberships", deleteMemberships},
		{"delete-put", "a connection that is put again after Delete has nothing of its old record", deletePut},
		{"names-hostile", "any non-empty UTF-8 string is a name", namesHostile},
		{
			"names-invalid",
			"a name that is empty or not UTF-8, or a year outside 1 to 9999, is refused with ErrInvalid, and nothing is written",
			namesInvalid,
		},
		{"names-long", "a long name is taken, or refused with ErrInvalid above the store's bound", namesLong},
		{"cancelled", "a canceled context is refused with its cause before anything changes", cancelled},
	}
}

// sample returns a record with a value in every field.
func sample(h *fixture) conn.Conn {
	now := h.clock.Now().UTC()
	return conn.Conn{
		ID:          "W9In0cvXIAMCFvw=",
		User:        "ann",
		Endpoint:    "https://abc123.execute-api.eu-central-1.amazonaws.com/prod",
		Attributes:  map[string]string{"tenant": "t1", "empty": "", "Größe": "ü\x00\n#"},
		Groups:      []string{"lobby", "room:1", conn.UserGroup("ann")},
		ConnectedAt: now.Add(-time.Second).Truncate(time.Millisecond),
		ExpiresAt:   now.Add(time.Hour).Truncate(time.Second),
	}
}

func putGet(ctx context.Context, t *probe, h *fixture) {
	want := sample(h)
	put(ctx, t, h.Store, want)
	require.Equal(t, want, get(ctx, t, h.Store, want.ID))
	for _, group := range want.Groups {
		require.Equal(t, []conn.Member{{ID: want.ID, Endpoint: want.Endpoint}}, members(ctx, t, h.Store, group, 0))
	}
}

func putExists(ctx context.Context, t *probe, h *fixture) {
	first := sample(h)
	put(ctx, t, h.Store, first)
	second := conn.Conn{ID: first.ID, User: "eve", Groups: []string{"admins"}, Endpoint: "https://evil.example"}
	require.ErrorIs(t, h.Store.Put(ctx, second), conn.ErrExists)
	require.Equal(t, first, get(ctx, t, h.Store, first.ID))
	requireMembers(ctx, t, h.Store, "admins")
	requireMembers(ctx, t, h.Store, conn.UserGroup("eve"))
	requireMembers(ctx, t, h.Store, "lobby", first.ID)
}

func putDefaultTimes(ctx context.Context, t *probe, h *fixture) {
	now := h.clock.Now()
	began := now.Add(-time.Hour)
	put(ctx, t, h.Store, conn.Conn{ID: "now"}, conn.Conn{ID: "before", ConnectedAt: began})
	for id, at := range map[string]time.Time{"now": now, "before": began} {
		got := get(ctx, t, h.Store, id)
		require.WithinDuration(t, at, got.ConnectedAt, time.Millisecond, "ConnectedAt of %q", id)
		require.WithinDuration(t, at.Add(conn.DefaultTTL), got.ExpiresAt, time.Second, "ExpiresAt of %q", id)
	}
}

func putCutsTimes(ctx context.Context, t *probe, h *fixture) {
	zone := time.FixedZone("elsewhere", 5*60*60)
	at := h.clock.Now().Truncate(time.Second).Add(999_999_999).In(zone)
	put(ctx, t, h.Store, conn.Conn{ID: "a", ConnectedAt: at, ExpiresAt: at.Add(time.Hour)})
	got := get(ctx, t, h.Store, "a")
	require.Equal(t, at.UTC().Truncate(time.Millisecond), got.ConnectedAt)
	require.Equal(t, at.UTC().Add(time.Hour).Truncate(time.Second), got.ExpiresAt)
}

func putUserGroup(ctx context.Context, t *probe, h *fixture) {
	put(
		ctx,
		t,
		h.Store,
		conn.Conn{ID: "a", User: "ann"},
		conn.Conn{ID: "b", User: "ann"},
		conn.Conn{ID: "c", User: "bob"},
	)
	requireMembers(ctx, t, h.Store, conn.UserGroup("ann"), "a", "b")
	require.Equal(t, []string{conn.UserGroup("ann")}, get(ctx, t, h.Store, "a").Groups)
}

func putAnonymous(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a", Attributes: map[string]string{}, Groups: []string{}})
	got := get(ctx, t, h.Store, "a")
	require.Empty(t, got.User)
	require.Zero(t, got.Groups)
	require.Zero(t, got.Attributes)
	requireMembers(ctx, t, h.Store, conn.UserGroup(""))
}

func putGroupsSorted(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{
		ID: "a", User: "u", Groups: []string{"z", "ä", "a", "z", conn.UserGroup("u"), "B"},
	})
	join(ctx, t, h.Store, "a", "m", "a", "A")
	require.Equal(t, []string{"A", "B", "a", "m", "user:u", "z", "ä"}, get(ctx, t, h.Store, "a").Groups)
	requireMembers(ctx, t, h.Store, "z", "a")
	requireMembers(ctx, t, h.Store, conn.UserGroup("u"), "a")
}

func putCopies(ctx context.Context, t *probe, h *fixture) {
	given := sample(h)
	put(ctx, t, h.Store, given)
	given.Attributes["tenant"] = "stolen"
	given.Attributes["more"] = "stolen"
	given.Groups[0] = "stolen"
	require.Equal(t, sample(h), get(ctx, t, h.Store, given.ID))
}

func getCopies(ctx context.Context, t *probe, h *fixture) {
	want := sample(h)
	put(ctx, t, h.Store, want)
	spoil := func(c conn.Conn) {
		c.Attributes["tenant"] = "stolen"
		c.Groups[0] = "stolen"
	}
	spoil(get(ctx, t, h.Store, want.ID))
	require.Equal(t, want, get(ctx, t, h.Store, want.ID))
	members(ctx, t, h.Store, "lobby", 0)[0] = conn.Member{ID: "stolen"}
	requireMembers(ctx, t, h.Store, "lobby", want.ID)
	require.Equal(t, want, remove(ctx, t, h.Store, want.ID))
}

func getUnknown(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a"})
	got, err := h.Store.Get(ctx, "b")
	require.ErrorIs(t, err, conn.ErrNotFound)
	require.Zero(t, got)
}

func deleteRecord(ctx context.Context, t *probe, h *fixture) {
	want := sample(h)
	put(ctx, t, h.Store, want)
	join(ctx, t, h.Store, want.ID, "zoo")
	leave(ctx, t, h.Store, want.ID, "lobby")
	want.Groups = []string{"room:1", conn.UserGroup("ann"), "zoo"}
	require.Equal(t, want, remove(ctx, t, h.Store, want.ID))
}

func deleteUnknown(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a"})
	requireAbsent(ctx, t, h.Store, "b")
	remove(ctx, t, h.Store, "a")
	requireAbsent(ctx, t, h.Store, "a")
}

func deleteMemberships(ctx context.Context, t *probe, h *fixture) {
	put(
		ctx,
		t,
		h.Store,
		conn.Conn{ID: "a", User: "u", Groups: []string{"g"}},
		conn.Conn{ID: "b", Groups: []string{"g"}},
	)
	join(ctx, t, h.Store, "a", "joined")
	remove(ctx, t, h.Store, "a")
	requireMembers(ctx, t, h.Store, "g", "b")
	requireMembers(ctx, t, h.Store, "joined")
	requireMembers(ctx, t, h.Store, conn.UserGroup("u"))
}

func deletePut(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, sample(h))
	id := remove(ctx, t, h.Store, sample(h).ID).ID
	put(ctx, t, h.Store, conn.Conn{ID: id, Groups: []string{"new"}})
	got := get(ctx, t, h.Store, id)
	require.Equal(t, []string{"new"}, got.Groups)
	require.Empty(t, got.User)
	require.Empty(t, got.Attributes)
	requireMembers(ctx, t, h.Store, "lobby")
	requireMembers(ctx, t, h.Store, "new", id)
}

// hostile returns names that a careless key layout, query or cursor would mistake for something
// else.
func hostile() []string {
	return []string{
		"#", "a#0", "a#1", "a", "g#a", "c#a", "0", "00", " ", "a b", "a\x00", "\x00", "a\x00b", "\n", "user:", "user:a",
		"%41", "%", "_", "*", `"`, `\`, "'", "{}", "$connect", "a/b", "../a", "ä", "a\u0308", "日本", "🙂", "\u202e", "\ufffd", "\U0010ffff",
	}
}

func namesHostile(ctx context.Context, t *probe, h *fixture) {
	names := hostile()
	for _, name := range names {
		put(
			ctx,
			t,
			h.Store,
			conn.Conn{
				ID:         name,
				User:       "u" + name,
				Attributes: map[string]string{name: name},
				Groups:     []string{"put" + name},
			},
		)
		join(ctx, t, h.Store, name, "joined"+name, "left"+name)
		leave(ctx, t, h.Store, name, "left"+name)
	}
	for _, name := range names {
		got := get(ctx, t, h.Store, name)
		require.Equal(t, name, got.ID)
		require.Equal(t, "u"+name, got.User)
		require.Equal(t, map[string]string{name: name}, got.Attributes)
		require.Equal(t, []string{"joined" + name, "put" + name, "user:u" + name}, got.Groups)
		for _, group := range got.Groups {
			requireMembers(ctx, t, h.Store, group, name)
		}
		requireMembers(ctx, t, h.Store, "left"+name)
	}
	for _, name := range names {
		remove(ctx, t, h.Store, name)
		requireMembers(ctx, t, h.Store, "put"+name)
	}
}

func namesInvalid(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a"})
	for _, bad := range []string{"", "\xff", "a\xc3"} {
		_, getErr := h.Store.Get(ctx, bad)
		_, deleteErr := h.Store.Delete(ctx, bad)
		_, shardsErr := h.Store.Shards(ctx, bad)
		_, readErr := h.Store.Read(ctx, conn.Query{Group: bad})
		for what, err := range map[string]error{
			"Put of an id":            h.Store.Put(ctx, conn.Conn{ID: bad, Groups: []string{"good"}}),
			"Put of a group":          h.Store.Put(ctx, conn.Conn{ID: "b", Groups: []string{"good", bad}}),
			"Put of an attribute":     h.Store.Put(ctx, conn.Conn{ID: "b", Groups: []string{"good"}, Attributes: map[string]string{bad: ""}}),
			"Get":                     getErr,
			"Delete":                  deleteErr,
			"Join of an id":           h.Store.Join(ctx, bad, "good"),
			"Join of a group":         h.Store.Join(ctx, "a", bad),
			"Join of an unknown's":    h.Store.Join(ctx, "b", bad),
			"Leave of an id":          h.Store.Leave(ctx, bad, "good"),
			"Leave of a group":        h.Store.Leave(ctx, "a", bad),
			"Shards":                  shardsErr,
			"Read":                    readErr,
			"Put of a user":           h.Store.Put(ctx, conn.Conn{ID: "b", User: bad + "\xff", Groups: []string{"good"}}),
			"Put of an endpoint":      h.Store.Put(ctx, conn.Conn{ID: "b", Endpoint: bad + "\xff", Groups: []string{"good"}}),
			"Put of a value":          h.Store.Put(ctx, conn.Conn{ID: "b", Attributes: map[string]string{"k": bad + "\xff"}}),
			"Put of a time":           h.Store.Put(ctx, conn.Conn{ID: "b", ConnectedAt: time.Unix(1<<55, 0), Groups: []string{"good"}}),
			"Put of an expiry":        h.Store.Put(ctx, conn.Conn{ID: "b", ExpiresAt: time.Unix(1<<40, 0), Groups: []string{"good"}}),
			"Put of a registered one": h.Store.Put(ctx, conn.Conn{ID: "a", Groups: []string{bad}}),
		} {
			require.ErrorIs(t, err, conn.ErrInvalid, "%s with %q", what, bad)
		}
	}
	requireAbsent(ctx, t, h.Store, "b")
	requireMembers(ctx, t, h.Store, "good")
	require.Empty(t, get(ctx, t, h.Store, "a").Groups)
}

func namesLong(ctx context.Context, t *probe, h *fixture) {
	longest := h.MaxName
	if longest == 0 {
		longest = 2000
	}
	name := strings.Repeat("x", longest)
	put(ctx, t, h.Store, conn.Conn{ID: name, Groups: []string{name}})
	requireMembers(ctx, t, h.Store, name, name)
	require.Equal(t, []string{name}, get(ctx, t, h.Store, name).Groups)
	if h.MaxName == 0 {
		return
	}
	put(ctx, t, h.Store, conn.Conn{ID: "a"})
	require.ErrorIs(t, h.Store.Put(ctx, conn.Conn{ID: name + "x", Groups: []string{"g"}}), conn.ErrInvalid)
	require.ErrorIs(t, h.Store.Put(ctx, conn.Conn{ID: "b", Groups: []string{"g", name + "x"}}), conn.ErrInvalid)
	require.ErrorIs(t, h.Store.Join(ctx, "a", name+"x"), conn.ErrInvalid)
	_, err := h.Store.GetMany(ctx, []string{"a", name + "x"})
	require.ErrorIs(t, err, conn.ErrInvalid)
	requireAbsent(ctx, t, h.Store, "b")
	requireMembers(ctx, t, h.Store, "g")
}

type cause struct{}

func (cause) Error() string { return "the deadline is near" }

func cancelled(ctx context.Context, t *probe, h *fixture) {
	want := sample(h)
	put(ctx, t, h.Store, want)
	ended, cancel := context.WithCancelCause(ctx)
	cancel(cause{})
	_, getErr := h.Store.Get(ended, want.ID)
	_, deleteErr := h.Store.Delete(ended, want.ID)
	_, shardsErr := h.Store.Shards(ended, "lobby")
	_, readErr := h.Store.Read(ended, conn.Query{Group: "lobby"})
	_, manyErr := h.Store.GetMany(ended, []string{want.ID})
	_, noneErr := h.Store.GetMany(ended, nil)
	_, setErr := h.Store.SetAttributes(ended, want.ID, map[string]string{"tenant": "t2"}, "empty")
	for what, err := range map[string]error{
		"GetMany":         manyErr,
		"GetMany of none": noneErr,
		"SetAttributes":   setErr,
		"Put":             h.Store.Put(ended, conn.Conn{ID: "b", Groups: []string{"lobby"}}),
		"Get":             getErr,
		"Delete":          deleteErr,
		"Join":            h.Store.Join(ended, want.ID, "joined"),
		"Leave":           h.Store.Leave(ended, want.ID, "lobby"),
		"Shards":          shardsErr,
		"Read":            readErr,
	} {
		require.ErrorIs(t, err, cause{}, what)
	}
	require.Equal(t, want, get(ctx, t, h.Store, want.ID))
	requireAbsent(ctx, t, h.Store, "b")
	requireMembers(ctx, t, h.Store, "lobby", want.ID)
	requireMembers(ctx, t, h.Store, "joined")
}
