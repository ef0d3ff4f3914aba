package conntest

import (
	"context"
	"errors"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest/internal/require"
)

func endedCases() []promise {
	return []promise{
		{
			"ended-delete",
			"the EndedFunc gets a deleted record once, as it was, with the cause",
			announcing(endedDelete),
		},
		{
			"ended-after",
			"the EndedFunc runs after the record and its memberships are gone and before Delete returns, and is not canceled with it",
			announcing(endedAfter),
		},
		{"ended-nothing", "the EndedFunc is not called if no record ends", announcing(endedNothing)},
		{"ended-copies", "the record that the EndedFunc gets is a copy", announcing(endedCopies)},
		{
			"ended-nested",
			"records that end during an EndedFunc are announced after it has returned",
			announcing(endedNested),
		},
		{"ended-panic", "a panic of the EndedFunc is stopped and undoes nothing", announcing(endedPanic)},
		{
			"ended-expired",
			"an expired record that Put replaces is announced once, as expired",
			announcing(endedExpired),
		},
		{"race-ended", "of several concurrent calls of Delete one announces the record", announcing(raceEnded)},
	}
}

// announcing restricts a check to stores that announce ended records.
func announcing(check func(context.Context, *probe, *fixture)) func(context.Context, *probe, *fixture) {
	return func(ctx context.Context, t *probe, h *fixture) {
		if h.Ended {
			check(ctx, t, h)
		}
	}
}

func endedDelete(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, sample(h), conn.Conn{ID: "b"})
	join(ctx, t, h.Store, sample(h).ID, "joined")
	want := set(ctx, t, h.Store, sample(h).ID, map[string]string{"status": "away"})
	remove(ctx, t, h.Store, want.ID)
	require.Equal(t, []end{{want, conn.EndDeleted}}, h.ended.take())
	b := get(ctx, t, h.Store, "b")
	remove(conn.WithEndCause(ctx, conn.EndPruned), t, h.Store, "b")
	require.Equal(t, []end{{b, conn.EndPruned}}, h.ended.take())
}

func endedAfter(ctx context.Context, t *probe, h *fixture) {
	want := sample(h)
	put(ctx, t, h.Store, want)
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	h.ended.does(func(ctx context.Context, e end) {
		cancel()
		require.NoError(t, ctx.Err(), "the function goes on though the call's context is cancelled")
		_, err := h.Store.Get(ctx, e.Conn.ID)
		require.ErrorIs(t, err, conn.ErrNotFound)
		for _, group := range e.Conn.Groups {
			requireMembers(ctx, t, h.Store, group)
		}
	})
	remove(limited, t, h.Store, want.ID)
	require.Len(t, h.ended.take(), 1)
}

func endedNothing(ctx context.Context, t *probe, h *fixture) {
	want := sample(h)
	put(ctx, t, h.Store, want)
	require.Error(t, h.Store.Put(ctx, want))
	leave(ctx, t, h.Store, want.ID, want.Groups...)
	leave(ctx, t, h.Store, "unknown", "lobby")
	requireAbsent(ctx, t, h.Store, "unknown")
	_, err := h.Store.Delete(ctx, "")
	require.Error(t, err)
	h.clock.Set(want.ExpiresAt)
	requireAbsent(ctx, t, h.Store, want.ID)
	require.Empty(t, h.ended.take())
}

func endedCopies(ctx context.Context, t *probe, h *fixture) {
	want := sample(h)
	put(ctx, t, h.Store, want)
	h.ended.does(
		func(_ context.Context, e end) { e.Conn.Attributes["tenant"], e.Conn.Groups[0] = "stolen", "stolen" },
	)
	require.Equal(t, want, remove(ctx, t, h.Store, want.ID))
}

func endedNested(ctx context.Context, t *probe, h *fixture) {
	for _, id := range []string{"a", "b", "c", "d"} {
		put(ctx, t, h.Store, conn.Conn{ID: id, Groups: []string{"g"}})
	}
	running := 0
	h.ended.does(func(ctx context.Context, e end) {
		running++
		defer func() { running-- }()
		require.Equal(t, 1, running, "calls under way")
		for m, err := range conn.Members(ctx, h.Store, "g") { // like a broadcast that finds all gone
			require.NoError(t, err)
			remove(conn.WithEndCause(ctx, conn.EndPruned), t, h.Store, m.ID)
			if e.Conn.ID == "a" {
				break
			}
		}
	})
	remove(ctx, t, h.Store, "a")
	var order []string
	for _, e := range h.ended.take() {
		order = append(order, e.Conn.ID+" "+string(e.Cause))
	}
	require.Equal(t, "a deleted", order[0])
	require.ElementsMatch(t, []string{"a deleted", "b pruned", "c pruned", "d pruned"}, order)
	requireMembers(ctx, t, h.Store, "g")
}

func endedPanic(ctx context.Context, t *probe, h *fixture) {
	put(ctx, t, h.Store, sample(h), conn.Conn{ID: "b"})
	h.ended.does(func(ctx context.Context, e end) {
		if e.Conn.ID != "b" {
			remove(ctx, t, h.Store, "b")
			panic("the application's fault, which this case makes on purpose")
		}
	})
	remove(ctx, t, h.Store, sample(h).ID)
	requireAbsent(ctx, t, h.Store, sample(h).ID)
	require.Len(t, h.ended.take(), 2, "the other one is announced all the same")
}

func endedExpired(ctx context.Context, t *probe, h *fixture) {
	at := h.clock.Now().Truncate(time.Second).Add(time.Minute)
	put(ctx, t, h.Store, conn.Conn{ID: "a", User: "u", Groups: []string{"g"}, ExpiresAt: at})
	want := get(ctx, t, h.Store, "a")
	h.clock.Set(at)
	put(ctx, t, h.Store, conn.Conn{ID: "a"})
	require.Equal(t, []end{{want, conn.EndExpired}}, h.ended.take())
	remove(ctx, t, h.Store, "a")
	require.Len(t, h.ended.take(), 1)
}

func raceEnded(ctx context.Context, t *probe, h *fixture) {
	for _, id := range numbered(10) {
		put(ctx, t, h.Store, conn.Conn{ID: id, Groups: []string{"g"}})
		errs := atOnce(8, func(int) error {
			_, err := h.Store.Delete(ctx, id)
			if errors.Is(err, conn.ErrNotFound) {
				return nil
			}
			return err
		})
		require.NoError(t, errors.Join(errs...))
		require.Len(t, h.ended.take(), 1)
	}
}
