package conntest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest/internal/require"
)

func attributeCases() []promise {
	return []promise{
		{
			"attributes-set",
			"SetAttributes changes only the attributes that it names, and returns the new record",
			attributesSet,
		},
		{"attributes-keep", "SetAttributes keeps the attributes that it does not name", attributesKeep},
		{
			"attributes-none",
			"a record may gain its first attribute and lose its last",
			attributesNone,
		},
		{"attributes-absent", "removing a missing attribute is not an error", attributesAbsent},
		{
			"attributes-unknown",
			"SetAttributes of an unknown, deleted or expired connection fails with ErrNotFound and registers nothing",
			attributesUnknown,
		},
		{"attributes-expiry", "SetAttributes does not change the expiry", attributesExpiry},
		{
			"attributes-invalid",
			"an invalid change is refused with ErrInvalid and changes nothing",
			attributesInvalid,
		},
		{
			"attributes-hostile",
			"an attribute's name is any non-empty UTF-8 string, its value any UTF-8 string",
			attributesHostile,
		},
		{
			"attributes-copies",
			"SetAttributes copies its arguments, and its result belongs to the caller",
			attributesCopies,
		},
		{
			"attributes-delete",
			"Delete returns the attributes as they were set, and a new record has none of them",
			attributesDelete,
		},
		{"race-attributes", "concurrent changes of different attributes are all kept", raceAttributes},
		{"race-attributes-one", "concurrent changes of several attributes are not mixed", raceAttributesOne},
		{
			"race-attributes-swap",
			"SetAttributes sets and removes in one step, even beside the opposite call",
			raceAttributesSwap,
		},
		{
			"race-attributes-join",
			"concurrent changes of attributes and groups do not undo each other",
			raceAttributesJoin,
		},
		{"race-attributes-delete", "SetAttributes beside Delete leaves no record", raceAttributesDelete},
	}
}

func set(
	ctx context.Context,
	t require.TestingT,
	s conn.Store,
	id string,
	attributes map[string]string,
	remove ...string,
) conn.Conn {
	c, err := s.SetAttributes(ctx, id, attributes, remove...)
	require.NoError(t, err, "SetAttributes(%q, %v, %v)", id, attributes, remove)
	return c
}

func attributesSet(ctx context.Context, t *probe, h *fixture) {
	want := sample(h)
	put(ctx, t, h.Store, want)
	got := set(ctx, t, h.Store, want.ID, map[string]string{"new": "1", "tenant": "t2"}, "empty")
	want.Attributes = map[string]string{"tenant": "t2", "new": "1", "Größe": "ü\x00\n#"}
	require.Equal(t, want, got)
	require.Equal(t, want, get(ctx, t, h.Store, want.ID))
	for _, group := range want.Groups {
		require.Equal(t, []conn.Member{{ID: want.ID, Endpoint: want.Endpoint}}, members(ctx, t, h.Store, group, 0))
	}
}

func attributesKeep(ctx context.Context, t *probe, h *fixture) {
	want := sample(h)
	put(ctx, t, h.Store, want)
	require.Equal(t, want, set(ctx, t, h.Store, want.ID, nil), "a change of nothing")
	for i := range 20 {
		name := fmt.Sprint("n", i)
		want.Attributes[name] = ""
		require.Equal(t, want, set(ctx, t, h.Store, want.ID, map[string]string{name: ""}))
	}
	require.Equal(t, want, get(ctx, t, h.Store, want.ID))
}

func attributesNone(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a"})
	require.Zero(t, set(ctx, t, h.Store, "a", map[string]string{}).Attributes)
	require.Equal(t, map[string]string{"k": "v"}, set(ctx, t, h.Store, "a", map[string]string{"k": "v"}).Attributes)
	require.Zero(t, set(ctx, t, h.Store, "a", nil, "k").Attributes)
	require.Zero(t, get(ctx, t, h.Store, "a").Attributes)
	set(ctx, t, h.Store, "a", map[string]string{"k": "w"})
	require.Equal(t, map[string]string{"k": "w"}, get(ctx, t, h.Store, "a").Attributes)
}

func attributesAbsent(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, sample(h), conn.Conn{ID: "bare"})
	id := sample(h).ID
	require.Equal(t, sample(h), set(ctx, t, h.Store, id, nil, "never", "never", "nor this"))
	require.Zero(t, set(ctx, t, h.Store, "bare", nil, "never").Attributes)
	require.Equal(t, sample(h), get(ctx, t, h.Store, id))
}

func attributesUnknown(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "stays", Groups: []string{"g"}}, conn.Conn{ID: "goes", Groups: []string{"g"}})
	remove(ctx, t, h.Store, "goes")
	at := h.clock.Now().Truncate(time.Second).Add(time.Minute)
	put(ctx, t, h.Store, conn.Conn{ID: "expires", Groups: []string{"g"}, ExpiresAt: at})
	h.clock.Set(at)
	for _, id := range []string{"unknown", "goes", "expires"} {
		got, err := h.Store.SetAttributes(ctx, id, map[string]string{"k": "v"}, "old")
		require.ErrorIs(t, err, conn.ErrNotFound, id)
		require.Zero(t, got)
		requireAbsent(ctx, t, h.Store, id)
		put(ctx, t, h.Store, conn.Conn{ID: id})
		require.Zero(t, get(ctx, t, h.Store, id).Attributes, "the next life of %q", id)
	}
	requireMembers(ctx, t, h.Store, "g", "stays")
}

func attributesExpiry(ctx context.Context, t *probe, h *fixture) {
	at := h.clock.Now().Truncate(time.Second).Add(time.Minute)
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: []string{"g"}, ExpiresAt: at})
	h.clock.Set(at.Add(-time.Second))
	require.Equal(t, at.UTC(), set(ctx, t, h.Store, "a", map[string]string{"k": "v"}).ExpiresAt)
	h.clock.Set(at)
	requireAbsent(ctx, t, h.Store, "a")
	requireMembers(ctx, t, h.Store, "g")
}

func attributesInvalid(ctx context.Context, t *probe, h *fixture) {
	const reserved = conn.AuthorizerPrefix + "roles"
	want := sample(h)
	want.Attributes[reserved] = "member" // as Track does
	put(ctx, t, h.Store, want)
	good := map[string]string{"tenant": "t2"}
	for what, f := range map[string]func() (conn.Conn, error){
		"an empty id":         func() (conn.Conn, error) { return h.Store.SetAttributes(ctx, "", good) },
		"an id not UTF-8":     func() (conn.Conn, error) { return h.Store.SetAttributes(ctx, "\xff", good) },
		"an empty name":       func() (conn.Conn, error) { return setSample(ctx, h, map[string]string{"tenant": "t2", "": "x"}) },
		"a name not UTF-8":    func() (conn.Conn, error) { return setSample(ctx, h, map[string]string{"tenant": "t2", "a\xc3": "x"}) },
		"a value not UTF-8":   func() (conn.Conn, error) { return setSample(ctx, h, map[string]string{"tenant": "t2", "k": "\xff"}) },
		"an empty removal":    func() (conn.Conn, error) { return setSample(ctx, h, good, "empty", "") },
		"a removal not UTF-8": func() (conn.Conn, error) { return setSample(ctx, h, good, "\xff") },
		"a reserved name":     func() (conn.Conn, error) { return setSample(ctx, h, map[string]string{"tenant": "t2", reserved: "x"}) },
		"a reserved removal":  func() (conn.Conn, error) { return setSample(ctx, h, good, reserved) },
		"set and removed":     func() (conn.Conn, error) { return setSample(ctx, h, good, "empty", "tenant") },
	} {
		got, err := f()
		require.ErrorIs(t, err, conn.ErrInvalid, what)
		require.Zero(t, got)
	}
	require.Equal(t, want, get(ctx, t, h.Store, want.ID))
}

// setSample changes the attributes of the sample.
func setSample(ctx context.Context, h *fixture, attributes map[string]string, remove ...string) (conn.Conn, error) {
	return h.Store.SetAttributes(ctx, sample(h).ID, attributes, remove...)
}

func attributesHostile(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a"})
	want := make(map[string]string)
	for _, name := range append(hostile(), "a.b", "a[0]", ":0", "#0", "attrs", "seen", strings.Repeat("n", 300)) {
		want[name] = name
		require.Equal(t, want, set(ctx, t, h.Store, "a", map[string]string{name: name}).Attributes)
	}
	for name := range maps.Clone(want) {
		delete(want, name)
		got := set(ctx, t, h.Store, "a", nil, name).Attributes
		require.Equal(t, len(want), len(got), "after the removal of %q", name)
	}
}

func attributesCopies(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: []string{"g"}})
	given := map[string]string{"k": "v"}
	got := set(ctx, t, h.Store, "a", given)
	given["k"] = "stolen"
	got.Attributes["k"], got.Groups[0] = "stolen", "stolen"
	before := get(ctx, t, h.Store, "a")
	set(ctx, t, h.Store, "a", map[string]string{"k": "w"})
	require.Equal(t, map[string]string{"k": "v"}, before.Attributes, "what Get returned before")
	require.Equal(t, []string{"g"}, before.Groups)
}

func attributesDelete(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, sample(h))
	id := sample(h).ID
	want := set(ctx, t, h.Store, id, map[string]string{"status": "away"}, "tenant")
	require.Equal(t, want, remove(ctx, t, h.Store, id))
	put(ctx, t, h.Store, conn.Conn{ID: id})
	require.Zero(t, get(ctx, t, h.Store, id).Attributes)
}

func raceAttributes(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, conn.Conn{ID: "a", Attributes: map[string]string{"first": "1"}})
	want := map[string]string{"first": "1"}
	names := numbered(16)
	errs := atOnce(len(names), func(i int) error {
		c, err := h.Store.SetAttributes(ctx, "a", map[string]string{names[i]: "set"}, "other"+names[i])
		if err == nil && c.Attributes[names[i]] != "set" {
			err = fmt.Errorf("SetAttributes returned %v, without what it has set", c.Attributes)
		}
		return err
	})
	require.NoError(t, errors.Join(errs...))
	for _, name := range names {
		want[name] = "set"
	}
	require.Equal(t, want, get(ctx, t, h.Store, "a").Attributes)
}

func raceAttributesOne(ctx context.Context, t *probe, h *fixture) {
	for _, id := range numbered(10) {
		put(ctx, t, h.Store, conn.Conn{ID: id})
		errs := atOnce(8, func(i int) error {
			v := fmt.Sprint(i)
			c, err := h.Store.SetAttributes(ctx, id, map[string]string{"x": v, "y": v}, "z")
			if err == nil && c.Attributes["x"] != c.Attributes["y"] {
				err = fmt.Errorf("half of a change: %v", c.Attributes)
			}
			return err
		})
		require.NoError(t, errors.Join(errs...))
		got := get(ctx, t, h.Store, id).Attributes
		require.Equal(t, got["x"], got["y"])
	}
}

func raceAttributesSwap(ctx context.Context, t *probe, h *fixture) {
	for _, id := range numbered(10) {
		put(ctx, t, h.Store, conn.Conn{ID: id})
		names := []string{"x", "y"}
		errs := atOnce(len(names), func(i int) error {
			c, err := h.Store.SetAttributes(ctx, id, map[string]string{names[i]: "1"}, names[1-i])
			if err == nil && len(c.Attributes) != 1 {
				err = fmt.Errorf("half of a change: %v", c.Attributes)
			}
			return err
		})
		require.NoError(t, errors.Join(errs...))
		require.Len(t, get(ctx, t, h.Store, id).Attributes, 1, "what the later one has set")
	}
}

func raceAttributesJoin(ctx context.Context, t *probe, h *fixture) {
	for _, id := range numbered(10) {
		put(ctx, t, h.Store, conn.Conn{ID: id, Groups: []string{"left"}})
		errs := atOnce(3, func(i int) error {
			switch i {
			case 0:
				return h.Store.Join(ctx, id, "joined")
			case 1:
				return h.Store.Leave(ctx, id, "left")
			default:
				_, err := h.Store.SetAttributes(ctx, id, map[string]string{"k": id})
				return err
			}
		})
		require.NoError(t, errors.Join(errs...))
		got := get(ctx, t, h.Store, id)
		require.Equal(t, []string{"joined"}, got.Groups)
		require.Equal(t, map[string]string{"k": id}, got.Attributes)
	}
	requireMembers(ctx, t, h.Store, "joined", numbered(10)...)
	requireMembers(ctx, t, h.Store, "left")
}

func raceAttributesDelete(ctx context.Context, t *probe, h *fixture) {
	for _, id := range numbered(20) {
		put(ctx, t, h.Store, conn.Conn{ID: id, Groups: []string{"g"}})
		errs := atOnce(3, func(i int) error {
			if i == 0 {
				_, err := h.Store.Delete(ctx, id)
				return err
			}
			_, err := h.Store.SetAttributes(ctx, id, map[string]string{"k": "v"})
			return err
		})
		require.NoError(t, errs[0])
		for _, err := range errs[1:] {
			require.True(t, err == nil || errors.Is(err, conn.ErrNotFound), "SetAttributes: %v", err)
		}
		requireAbsent(ctx, t, h.Store, id)
	}
	requireMembers(ctx, t, h.Store, "g")
}
