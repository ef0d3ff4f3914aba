package conntest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest/internal/require"
)

func concurrencyCases() []promise {
	return []promise{
		{"race-put", "of several concurrent calls of Put one succeeds", racePut},
		{"race-put-read", "no group lists a connection before Get finds it", racePutRead},
		{"race-delete", "of several concurrent calls of Delete one gets the record", raceDelete},
		{"race-join-delete", "Join beside Delete leaves no membership", raceJoinDelete},
		{"race-all", "all methods may be called at the same time", raceAll},
	}
}

// atOnce calls f n times at the same time and returns the errors. A panic is an error, since it
// would end the process.
func atOnce(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
				}
			}()
			start.Wait()
			errs[i] = f(i)
		})
	}
	start.Done()
	done.Wait()
	return errs
}

// requireOneWinner requires one call to succeed and all others to fail with the loser's error.
func requireOneWinner(t require.TestingT, errs []error, loser error) {
	winners := 0
	for _, err := range errs {
		if err == nil {
			winners++
			continue
		}
		require.ErrorIs(t, err, loser)
	}
	require.Equal(t, 1, winners, "calls that succeeded")
}

func racePut(ctx context.Context, t *probe, h *fixture) {
	for _, id := range numbered(10) {
		errs := atOnce(8, func(i int) error {
			return h.Store.Put(ctx, conn.Conn{ID: id, User: fmt.Sprint(i), Groups: []string{"g"}})
		})
		requireOneWinner(t, errs, conn.ErrExists)
		user := get(ctx, t, h.Store, id).User
		for i := range errs {
			if fmt.Sprint(i) != user {
				require.Error(t, errs[i], "the record is not that of the call that succeeded")
			}
		}
		requireMembers(ctx, t, h.Store, conn.UserGroup(user), id)
		remove(ctx, t, h.Store, id)
		for i := range errs {
			requireMembers(ctx, t, h.Store, conn.UserGroup(fmt.Sprint(i)))
		}
	}
}

// racePutRead looks up each listed member while connections are registered.
func racePutRead(ctx context.Context, t *probe, h *fixture) {
	list := numbered(20)
	done := make(chan struct{})
	errs := atOnce(2, func(i int) error {
		if i == 0 {
			defer close(done)
			return putAll(ctx, h.Store, list)
		}
		return getListed(ctx, h.Store, done)
	})
	require.NoError(t, errors.Join(errs...))
	requireMembers(ctx, t, h.Store, "g", list...)
}

func putAll(ctx context.Context, s conn.Store, ids []string) error {
	for _, id := range ids {
		if err := s.Put(ctx, conn.Conn{ID: id, Groups: []string{"g"}}); err != nil {
			return err
		}
	}
	return nil
}

// getListed reads g repeatedly until done, and gets the record of each member.
func getListed(ctx context.Context, s conn.Store, done <-chan struct{}) error {
	for {
		for m, err := range conn.Members(ctx, s, "g") {
			if err != nil {
				return err
			}
			if _, err := s.Get(ctx, m.ID); err != nil {
				return fmt.Errorf("a group lists %q, but Get: %w", m.ID, err)
			}
		}
		select {
		case <-done:
			return nil
		default:
		}
	}
}

func raceDelete(ctx context.Context, t *probe, h *fixture) {
	for _, id := range numbered(10) {
		want := sample(h)
		want.ID = id
		put(ctx, t, h.Store, want)
		got := make([]conn.Conn, 8)
		errs := atOnce(len(got), func(i int) (err error) {
			got[i], err = h.Store.Delete(ctx, id)
			return err
		})
		requireOneWinner(t, errs, conn.ErrNotFound)
		for i, err := range errs {
			if err == nil {
				require.Equal(t, want, got[i])
			} else {
				require.Zero(t, got[i])
			}
		}
	}
	requireMembers(ctx, t, h.Store, "lobby")
}

func raceJoinDelete(ctx context.Context, t *probe, h *fixture) {
	for _, id := range numbered(40) {
		put(ctx, t, h.Store, conn.Conn{ID: id, Groups: []string{"g"}})
		errs := atOnce(3, func(i int) error {
			if i == 0 {
				_, err := h.Store.Delete(ctx, id)
				return err
			}
			return h.Store.Join(ctx, id, fmt.Sprint("joined", i))
		})
		require.NoError(t, errs[0])
		for i := 1; i < len(errs); i++ {
			require.True(t, errs[i] == nil || errors.Is(errs[i], conn.ErrNotFound), "Join: %v", errs[i])
			requireMembers(ctx, t, h.Store, fmt.Sprint("joined", i))
		}
	}
}

// raceAll registers, moves and deletes connections at the same time, and reads meanwhile.
func raceAll(ctx context.Context, t *probe, h *fixture) {
	list := numbered(16)
	errs := atOnce(len(list), func(i int) error {
		if i%8 == 7 {
			return readOften(ctx, h.Store)
		}
		return live(ctx, h.Store, list[i])
	})
	require.NoError(t, errors.Join(errs...))
	var want []string
	for i, id := range list {
		if i%8 == 7 {
			continue
		}
		want = append(want, id)
		require.Equal(t, []string{"even", "g", "user:u"}, get(ctx, t, h.Store, id).Groups)
	}
	for _, group := range []string{"g", "even", conn.UserGroup("u")} {
		requireMembers(ctx, t, h.Store, group, want...)
	}
	requireMembers(ctx, t, h.Store, "odd")
}

// live registers and deletes a connection several times, and leaves it as a member of g and even.
func live(ctx context.Context, s conn.Store, id string) error {
	for range 5 {
		if _, err := s.Delete(ctx, id); err != nil && !errors.Is(err, conn.ErrNotFound) {
			return err
		}
		if err := s.Put(ctx, conn.Conn{ID: id, User: "u", Groups: []string{"g", "odd"}}); err != nil {
			return err
		}
		if err := s.Join(ctx, id, "even"); err != nil {
			return err
		}
		if err := s.Leave(ctx, id, "odd"); err != nil {
			return err
		}
		if _, err := s.Get(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func readOften(ctx context.Context, s conn.Store) error {
	for range 20 {
		for _, err := range conn.Members(ctx, s, "g") {
			if err != nil {
				return err
			}
		}
	}
	return nil
}
