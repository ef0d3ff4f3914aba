package conntest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest/internal/require"
)

func extendCases() []promise {
	return []promise{
		{
			"extend",
			"Extend extends a record and all its memberships, and changes nothing else",
			extend,
		},
		{"extend-many-groups", "Extend extends the memberships of any number of groups", extendManyGroups},
		{"extend-never-shortens", "Extend does not change a record that expires later", extendNeverShortens},
		{
			"extend-unknown",
			"Extend of an unknown or expired connection fails with ErrNotFound and registers nothing",
			extendUnknown,
		},
		{
			"extend-joined-twice",
			"Extend extends a membership that was joined again, and brings none back that ended",
			extendJoinedTwice,
		},
		{"extend-then-leave", "an extended record can be deleted and leave groups as before", extendThenLeave},
		{"extend-invalid", "Extend refuses invalid ids and times with ErrInvalid", extendInvalid},
		{"race-extend", "after concurrent calls of Extend the latest time holds, for memberships too", raceExtend},
		{
			"race-extend-groups",
			"Extend beside Join and Leave loses no membership and brings none back",
			raceExtendGroups,
		},
		{"race-extend-delete", "Extend beside Delete leaves nothing", raceExtendDelete},
	}
}

// extended extends a connection and requires no error.
func extended(ctx context.Context, t require.TestingT, s conn.Store, id string, until time.Time) conn.Conn {
	c, err := s.Extend(ctx, id, until)
	require.NoError(t, err, "Extend(%q, %v)", id, until)
	return c
}

// minutes returns a whole second some minutes ahead.
func minutes(h *fixture, n int) time.Time {
	return h.clock.Now().UTC().Truncate(time.Second).Add(time.Duration(n) * time.Minute)
}

func extend(ctx context.Context, t *probe, h *fixture) {
	at := minutes(h, 1)
	want := sample(h)
	want.ExpiresAt = at
	put(ctx, t, h.Store, want, conn.Conn{ID: "other", Groups: want.Groups, ExpiresAt: at})
	join(ctx, t, h.Store, want.ID, "joined")
	want.Groups = []string{"joined", "lobby", "room:1", conn.UserGroup("ann")}
	want.ExpiresAt = at.Add(time.Minute)
	require.Equal(t, want, extended(ctx, t, h.Store, want.ID, want.ExpiresAt.Add(time.Second/2)))
	require.Equal(t, want, get(ctx, t, h.Store, want.ID))
	h.clock.Set(want.ExpiresAt.Add(-time.Nanosecond))
	for _, group := range want.Groups {
		require.Equal(
			t,
			[]conn.Member{{ID: want.ID, Endpoint: want.Endpoint}},
			members(ctx, t, h.Store, group, 0),
			"of %q",
			group,
		)
	}
	h.clock.Set(want.ExpiresAt)
	for _, group := range want.Groups {
		requireMembers(ctx, t, h.Store, group)
	}
	requireAbsent(ctx, t, h.Store, want.ID)
}

// extendManyGroups has more groups than backends take in one request.
func extendManyGroups(ctx context.Context, t *probe, h *fixture) {
	at := minutes(h, 1)
	groups := numbered(30)
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: groups, ExpiresAt: at})
	require.Len(t, extended(ctx, t, h.Store, "a", at.Add(time.Minute)).Groups, len(groups))
	h.clock.Set(at)
	for _, group := range groups {
		requireMembers(ctx, t, h.Store, group, "a")
	}
}

func extendNeverShortens(ctx context.Context, t *probe, h *fixture) {
	at := minutes(h, 2)
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: []string{"g"}, ExpiresAt: at})
	for _, until := range []time.Time{at, at.Add(-time.Minute), at.Add(-time.Hour), time.Unix(1, 0)} {
		require.Equal(t, at, extended(ctx, t, h.Store, "a", until).ExpiresAt)
	}
	h.clock.Set(at.Add(-time.Second))
	require.Equal(t, at, get(ctx, t, h.Store, "a").ExpiresAt)
	requireMembers(ctx, t, h.Store, "g", "a")
}

func extendUnknown(ctx context.Context, t *probe, h *fixture) {
	at := minutes(h, 1)
	put(
		ctx,
		t,
		h.Store,
		conn.Conn{ID: "goes", Groups: []string{"g"}},
		conn.Conn{ID: "expires", Groups: []string{"g"}, ExpiresAt: at},
	)
	remove(ctx, t, h.Store, "goes")
	h.clock.Set(at)
	for _, id := range []string{"unknown", "goes", "expires"} {
		got, err := h.Store.Extend(ctx, id, at.Add(time.Hour))
		require.ErrorIs(t, err, conn.ErrNotFound, id)
		var missing *conn.NotFoundError
		require.ErrorAs(t, err, &missing)
		require.Equal(t, id, missing.ID)
		require.Zero(t, got)
		requireAbsent(ctx, t, h.Store, id)
	}
	requireMembers(ctx, t, h.Store, "g")
}

func extendJoinedTwice(ctx context.Context, t *probe, h *fixture) {
	at := minutes(h, 1)
	put(ctx, t, h.Store, conn.Conn{ID: "a", Groups: []string{"g", "left"}, ExpiresAt: at})
	join(ctx, t, h.Store, "a", "g", "g", "back")
	leave(ctx, t, h.Store, "a", "left", "back")
	join(ctx, t, h.Store, "a", "back")
	require.Equal(t, []string{"back", "g"}, extended(ctx, t, h.Store, "a", at.Add(time.Minute)).Groups)
	h.clock.Set(at)
	requireMembers(ctx, t, h.Store, "g", "a")
	requireMembers(ctx, t, h.Store, "back", "a")
	requireMembers(ctx, t, h.Store, "left")
	h.clock.Set(at.Add(time.Minute))
	requireMembers(ctx, t, h.Store, "g")
	requireMembers(ctx, t, h.Store, "back")
}

func extendThenLeave(ctx context.Context, t *probe, h *fixture) {
	at := minutes(h, 1)
	for _, id := range []string{"a", "b"} {
		put(ctx, t, h.Store, conn.Conn{ID: id, Groups: []string{"g", "twice"}, ExpiresAt: at})
		join(ctx, t, h.Store, id, "twice")
		extended(ctx, t, h.Store, id, at.Add(time.Minute))
	}
	leave(ctx, t, h.Store, "a", "g", "twice")
	requireMembers(ctx, t, h.Store, "g", "b")
	requireMembers(ctx, t, h.Store, "twice", "b")
	require.Equal(t, at.Add(time.Minute), remove(ctx, t, h.Store, "b").ExpiresAt)
	requireMembers(ctx, t, h.Store, "g")
	requireMembers(ctx, t, h.Store, "twice")
	join(ctx, t, h.Store, "a", "g")
	h.clock.Set(at)
	requireMembers(ctx, t, h.Store, "g", "a")
}

func extendInvalid(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, sample(h))
	at := minutes(h, 90)
	for what, f := range map[string]func() (conn.Conn, error){
		"an empty id":     func() (conn.Conn, error) { return h.Store.Extend(ctx, "", at) },
		"an id not UTF-8": func() (conn.Conn, error) { return h.Store.Extend(ctx, "\xff", at) },
		"no time":         func() (conn.Conn, error) { return h.Store.Extend(ctx, sample(h).ID, time.Time{}) },
		"year 10000": func() (conn.Conn, error) {
			return h.Store.Extend(ctx, sample(h).ID, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
		},
	} {
		got, err := f()
		require.ErrorIs(t, err, conn.ErrInvalid, what)
		require.Zero(t, got)
	}
	require.Equal(t, sample(h), get(ctx, t, h.Store, sample(h).ID))
}

func raceExtend(ctx context.Context, t *probe, h *fixture) {
	at := minutes(h, 1)
	for _, id := range numbered(10) {
		put(ctx, t, h.Store, conn.Conn{ID: id, Groups: []string{"g"}, ExpiresAt: at})
		errs := atOnce(8, func(i int) error {
			until := at.Add(time.Duration(1+i) * time.Minute)
			c, err := h.Store.Extend(ctx, id, until)
			if err == nil && c.ExpiresAt.Before(until) {
				err = fmt.Errorf("a call of Extend to %v returned a record that expires at %v", until, c.ExpiresAt)
			}
			return err
		})
		require.NoError(t, errors.Join(errs...))
		require.Equal(t, at.Add(8*time.Minute), get(ctx, t, h.Store, id).ExpiresAt)
	}
	h.clock.Set(at.Add(8*time.Minute - time.Second))
	requireMembers(ctx, t, h.Store, "g", numbered(10)...)
	h.clock.Set(at.Add(8 * time.Minute))
	requireMembers(ctx, t, h.Store, "g")
}

func raceExtendGroups(ctx context.Context, t *probe, h *fixture) {
	at := minutes(h, 1)
	for _, id := range numbered(20) {
		put(ctx, t, h.Store, conn.Conn{ID: id, Groups: []string{"left"}, ExpiresAt: at})
		errs := atOnce(4, func(i int) error {
			switch i {
			case 0, 1:
				return h.Store.Join(ctx, id, "joined")
			case 2:
				return h.Store.Leave(ctx, id, "left")
			default:
				_, err := h.Store.Extend(ctx, id, at.Add(time.Minute))
				return err
			}
		})
		require.NoError(t, errors.Join(errs...))
		got := get(ctx, t, h.Store, id)
		require.Equal(t, []string{"joined"}, got.Groups)
		require.Equal(t, at.Add(time.Minute), got.ExpiresAt)
	}
	requireMembers(ctx, t, h.Store, "left")
	h.clock.Set(at.Add(time.Minute - time.Second))
	requireMembers(ctx, t, h.Store, "joined", numbered(20)...)
	requireMembers(ctx, t, h.Store, "left")
	h.clock.Set(at.Add(time.Minute))
	requireMembers(ctx, t, h.Store, "joined")
}

func raceExtendDelete(ctx context.Context, t *probe, h *fixture) {
	at := minutes(h, 1)
	for _, id := range numbered(20) {
		put(ctx, t, h.Store, conn.Conn{ID: id, Groups: []string{"g"}, ExpiresAt: at})
		errs := atOnce(3, func(i int) error {
			if i == 0 {
				_, err := h.Store.Delete(ctx, id)
				return err
			}
			_, err := h.Store.Extend(ctx, id, at.Add(time.Minute))
			return err
		})
		require.NoError(t, errs[0])
		for _, err := range errs[1:] {
			require.True(t, err == nil || errors.Is(err, conn.ErrNotFound), "Extend: %v", err)
		}
		requireAbsent(ctx, t, h.Store, id)
	}
	requireMembers(ctx, t, h.Store, "g")
}
