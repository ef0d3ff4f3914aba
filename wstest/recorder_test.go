package wstest_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

func to(id string) gatesock.Target { return gatesock.Target{ConnectionID: id} }

func TestRecorderAlone(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	begun := time.Now()
	data := []byte("one")
	require.NoError(t, rec.Post(t.Context(), to("a"), data))
	copy(data, "xxx")
	require.NoError(t, rec.Post(t.Context(), gatesock.Target{ConnectionID: "b", Endpoint: "http://localhost/dev"}, []byte("two")))
	require.ErrorIs(t, rec.Post(t.Context(), to("a"), make([]byte, gatesock.MaxMessageSize+1)), gatesock.ErrTooLarge)
	require.ErrorIs(t, rec.Post(t.Context(), to(""), nil), gatesock.ErrBadConnectionID)

	posts := rec.Posts()
	require.Len(t, posts, 4)
	require.Equal(t, "one", string(posts[0].Data))
	require.Equal(t, "http://localhost/dev", posts[1].Target.Endpoint)
	require.WithinRange(t, posts[1].Time, begun, time.Now())
	require.ErrorIs(t, posts[2].Err, gatesock.ErrTooLarge)
	require.Len(t, rec.PostsTo("a"), 2)
	require.Empty(t, rec.PostsTo("c"))

	posts[0].Data[0] = 'X'
	require.Equal(t, "one", string(rec.Posts()[0].Data))
	rec.Reset()
	require.Empty(t, rec.Posts())
}

func TestRecorderFaults(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	four := func(err error) []error { return []error{err, err, err, err} }
	for name, c := range map[string]struct {
		set  func(*wstest.Recorder)
		want []error // of four posts to "a"
	}{
		"none":      {func(*wstest.Recorder) {}, four(nil)},
		"gone":      {func(r *wstest.Recorder) { r.Gone("a") }, four(gatesock.ErrGone)},
		"too large": {func(r *wstest.Recorder) { r.Fail("a", gatesock.ErrTooLarge) }, four(gatesock.ErrTooLarge)},
		"throttled": {func(r *wstest.Recorder) { r.Throttle("a", 2) }, []error{gatesock.ErrThrottled, gatesock.ErrThrottled, nil, nil}},
		"throttled, then gone": {func(r *wstest.Recorder) {
			r.Gone("a")
			r.Throttle("a", 1)
		}, []error{gatesock.ErrThrottled, gatesock.ErrGone, gatesock.ErrGone, gatesock.ErrGone}},
		"forbidden": {func(r *wstest.Recorder) { r.Forbid() }, four(gatesock.ErrForbidden)},
		"failing":   {func(r *wstest.Recorder) { r.Fail("a", boom) }, four(boom)},
		"another's": {func(r *wstest.Recorder) { r.Gone("b") }, four(nil)},
		"cleared": {func(r *wstest.Recorder) {
			r.Gone("a")
			r.ClearFaults("a")
		}, four(nil)},
		"all cleared": {func(r *wstest.Recorder) {
			r.Throttle("a", 9)
			r.Forbid()
			r.ClearFaults()
		}, four(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := wstest.NewRecorder()
			c.set(rec)
			for i, want := range c.want {
				err := rec.Post(t.Context(), to("a"), []byte("x"))
				require.ErrorIs(t, err, want)
				require.Equal(t, err, rec.Posts()[i].Err)
				if want != nil {
					require.ErrorContains(t, err, `wstest: post to "a": `)
				}
			}
		})
	}
}

func TestRecorderIsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := wstest.NewRecorder()
		rec.Slow("a", time.Second)
		start := time.Now()
		require.NoError(t, rec.Post(t.Context(), to("b"), nil))
		require.Zero(t, time.Since(start))
		require.NoError(t, rec.Post(t.Context(), to("a"), nil))
		require.Equal(t, time.Second, time.Since(start))

		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, rec.Post(ctx, to("a"), nil), context.DeadlineExceeded)
		require.ErrorIs(t, rec.Post(ctx, to("b"), nil), context.DeadlineExceeded)
		require.Equal(t, 1100*time.Millisecond, time.Since(start))
	})
}

func TestRecorderForwards(t *testing.T) {
	t.Parallel()
	first, second := wstest.NewRecorder(), wstest.NewRecorder()
	first.Attach(second)
	first.Gone("b")
	second.Throttle("a", 1)
	require.ErrorIs(t, first.Post(t.Context(), to("a"), []byte("1")), gatesock.ErrThrottled)
	require.ErrorIs(t, first.Post(t.Context(), to("b"), []byte("2")), gatesock.ErrGone)
	require.Len(t, second.Posts(), 1)
	first.Attach(nil)
	require.NoError(t, first.Post(t.Context(), to("a"), []byte("3")))
	require.Len(t, second.Posts(), 1)
}

func TestRecorderIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	rec.Throttle("a", 50)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 20 {
				_ = rec.Post(t.Context(), to("a"), bytes.Repeat([]byte("x"), 10))
				rec.Posts()
				rec.Gone("b")
				rec.ClearFaults("b")
			}
		})
	}
	wg.Wait()
	throttled := 0
	for _, p := range rec.Posts() {
		if errors.Is(p.Err, gatesock.ErrThrottled) {
			throttled++
		}
	}
	require.Equal(t, 50, throttled)
}

func TestRecorderOutlivesItsHarness(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	for range 2 {
		failures := runFake(t, func(ft *fakeTB) {
			h := wstest.New(ft, newRoom(rec), wstest.WithPoster(rec))
			c := h.Connect(wstest.WithUser("alice"))
			rec.Gone(c.ID())
			require.ErrorIs(t, rec.Post(t.Context(), to(c.ID()), nil), gatesock.ErrGone)
			rec.ClearFaults()
			require.NoError(t, rec.Post(t.Context(), to(c.ID()), []byte("hello")))
			require.Equal(t, h.Now(), rec.Posts()[len(rec.Posts())-1].Time)
			c.ExpectFrame("hello")
		})
		require.Empty(t, failures)
		require.NoError(t, rec.Post(t.Context(), to("nobody"), []byte("alone again")))
	}
}
