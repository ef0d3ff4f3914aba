package broadcast

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// A free worker takes the next task. Another one is started only if none is free.
func TestPoolStartsWorkersWhenNeeded(t *testing.T) {
	t.Parallel()
	p := newPool(8, time.Hour, calls{post: func(context.Context, gatesock.Target) error { return nil }})
	for i := range 20 {
		p.start(t.Context(), task{member: named(name(i)).member})
		p.done(<-p.results)
	}
	require.Equal(t, 1, p.workers)
	for range 8 {
		require.True(t, p.hasRoom())
		p.start(t.Context(), task{})
	}
	require.False(t, p.hasRoom())
	require.Equal(t, 8, p.workers)
	for range 8 {
		p.done(<-p.results)
	}
	require.Zero(t, p.busy)
	p.wait()
}

// There is a result for each task, however its call ends.
func TestPoolResults(t *testing.T) {
	t.Parallel()
	late := func(ctx context.Context) error { return wait(ctx, time.Hour, nil) }
	for name, c := range map[string]struct {
		post func(ctx context.Context) error
		want func(t *testing.T, r result)
	}{
		"delivered": {func(context.Context) error { return nil }, func(t *testing.T, r result) {
			require.Equal(t, result{task: r.task}, r)
		}},
		"failed": {func(context.Context) error { return errFault }, func(t *testing.T, r result) {
			require.Equal(t, result{task: r.task, err: errFault}, r)
		}},
		"time is over": {late, func(t *testing.T, r result) {
			require.True(t, r.cut)
			require.ErrorContains(t, r.err, "no answer within 1s")
			require.ErrorIs(t, r.err, context.DeadlineExceeded)
		}},
		"an answer after the time": {func(ctx context.Context) error { _ = late(ctx); return gatesock.ErrGone }, func(t *testing.T, r result) {
			require.Equal(t, result{task: r.task, err: gatesock.ErrGone}, r)
		}},
		"panicked": {func(context.Context) error { panic(errOther) }, func(t *testing.T, r result) {
			require.ErrorIs(t, r.panicked, errOther)
			require.False(t, r.exited)
		}},
		"exited": {func(context.Context) error { runtime.Goexit(); return nil }, func(t *testing.T, r result) {
			require.ErrorIs(t, r.err, errGoexit)
			require.True(t, r.exited)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPool(2, time.Second, calls{post: func(ctx context.Context, _ gatesock.Target) error { return c.post(ctx) }})
				p.start(t.Context(), task{member: named("a").member, attempts: 3})
				r := <-p.results
				require.Equal(t, "a", r.member.ID)
				c.want(t, r)
				p.done(r)
				require.Equal(t, !r.exited, p.workers == 1)
				p.start(t.Context(), task{}) // there is a worker again
				<-p.results
				p.wait()
			})
		})
	}
}

func TestPoolRunsEveryKind(t *testing.T) {
	t.Parallel()
	var did []string
	p := newPool(1, time.Hour, calls{
		post: func(_ context.Context, to gatesock.Target) error {
			did = append(did, "post "+to.ConnectionID)
			return nil
		},
		remove: func(_ context.Context, m member) (bool, error) {
			did = append(did, "remove "+m.group)
			return true, nil
		},
		disconnect: func(_ context.Context, to gatesock.Target) error { did = append(did, "close "+to.Endpoint); return nil },
	})
	m := named("a").member
	m.Endpoint, m.group = "far", "room"
	removed := false
	for _, k := range []kind{post, remove, disconnect} {
		p.start(t.Context(), task{kind: k, member: m})
		require.Equal(t, k != post, p.cleaning() == 1)
		r := <-p.results
		require.NoError(t, r.err)
		removed = removed || r.removed
		p.done(r)
		require.Zero(t, p.cleaning())
	}
	p.wait()
	require.True(t, removed)
	require.Equal(t, []string{"post a", "remove room", "close far"}, did)
}

// A post that limits its own time gets the context of the send.
func TestPoolPassesItsContextToPostsThatLimitThemselves(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var contexts []context.Context
	for _, bounds := range []bool{false, true} {
		p := newPool(1, time.Hour, calls{boundsItself: bounds, post: func(ctx context.Context, _ gatesock.Target) error {
			contexts = append(contexts, ctx)
			return nil
		}})
		p.start(ctx, task{})
		<-p.results
		p.wait()
	}
	_, limited := contexts[0].Deadline()
	require.True(t, limited)
	require.Equal(t, ctx, contexts[1])
}
