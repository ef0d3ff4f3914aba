package broadcast

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// closer is a Poster that calls every connection gone, and closes connections.
type closer struct {
	answer error // to Disconnect

	mu     sync.Mutex
	closed []string
}

func (*closer) Post(context.Context, gatesock.Target, []byte) error { return gatesock.ErrGone }

func (c *closer) Disconnect(_ context.Context, from gatesock.Target) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = append(c.closed, from.ConnectionID+from.Endpoint)
	return c.answer
}

// A connection that was called gone is closed before its record goes, since it may be open: then
// its client connects anew. Where it can't be known that it is closed the record stays.
func TestPruningClosesFirst(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer error
		want   Report
		logged string
	}{
		"was open":  {nil, Report{Audience: 1, Gone: 1, Pruned: 1}, "called gone although it was open"},
		"is gone":   {gatesock.ErrGone, Report{Audience: 1, Gone: 1, Pruned: 1}, ""},
		"forbidden": {gatesock.ErrForbidden, Report{Audience: 1, Gone: 1, Pruned: 1}, "allow execute-api:ManageConnections on DELETE"},
		"throttled": {gatesock.ErrThrottled, Report{Audience: 1, Gone: 1, PruneFailed: 1}, "cannot remove a connection"},
		"fault":     {errFault, Report{Audience: 1, Gone: 1, PruneFailed: 1}, "closing it before its removal: the line is down"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			p, store := &closer{answer: c.answer}, room(1, 1)
			rep, err := New(p, store, WithLogger(slog.New(slog.NewTextHandler(&out, nil)))).Send(t.Context(), To("room"), hello())
			require.NoError(t, err)
			require.Equal(t, c.want, rep)
			require.Equal(t, []string{"c0"}, slices.Compact(p.closed))
			require.Equal(t, name == "throttled", len(p.closed) == defaultAttempts, "tried again where that helps")
			require.Len(t, store.deleted, rep.Pruned)
			require.Contains(t, out.String(), c.logged)
			require.Equal(t, c.logged == "", out.Len() == 0)
		})
	}
}

// What is not pruned is not closed either: it may be open, or elsewhere.
func TestNothingElseIsClosed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		age      time.Duration
		endpoint string
	}{
		"too young": {0, ""},
		"elsewhere": {time.Hour, "https://other.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			p, store := &closer{}, room(1, 1)
			now := time.Now()
			store.get = func(context.Context, string) (conn.Conn, error) {
				return conn.Conn{ConnectedAt: now.Add(-c.age), Endpoint: c.endpoint}, nil
			}
			rep, err := New(p, store, WithClock(func() time.Time { return now }),
				WithLogger(slog.New(slog.NewTextHandler(&out, nil)))).Send(t.Context(), To("room"), hello())
			require.NoError(t, err)
			require.Equal(t, Report{Audience: 1, Gone: 1}, rep)
			require.Empty(t, p.closed)
			require.Equal(t, name == "too young", strings.Contains(out.String(), "its $connect has not returned yet"))
		})
	}
}

// A stray membership goes with its connection, which is closed at its own endpoint.
func TestStrayIsClosed(t *testing.T) {
	t.Parallel()
	store := haunt([]conn.Member{{ID: "stray", Endpoint: "https://other.example"}}, "room")
	p := &closer{answer: gatesock.ErrGone}
	_, err := New(p, store).Send(t.Context(), To("room"), hello())
	require.NoError(t, err)
	require.Equal(t, []string{"strayhttps://other.example"}, p.closed)
	require.Len(t, store.left, 1)
}

// What is told of records that end has the cause, and may use the broadcaster that found them gone.
func TestPruningSaysWhatEndedTheRecord(t *testing.T) {
	t.Parallel()
	var b *Broadcaster
	var ended []string
	store := conn.NewMemory(conn.WithEnded(func(ctx context.Context, c conn.Conn, cause conn.EndCause) {
		ended = append(ended, c.ID+" "+string(cause))
		if _, err := b.Send(ctx, To("room"), hello()); err != nil {
			t.Error(err)
		}
	}))
	for _, id := range []string{"a", "b", "c"} {
		require.NoError(t, store.Put(t.Context(), conn.Conn{ID: id, Groups: []string{"room"}}))
	}
	posts := 0
	b = New(posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
		if posts++; to.ConnectionID == "b" {
			return gatesock.ErrGone
		}
		return nil
	}), store, WithPruneGrace(0), WithConcurrency(1))
	rep, err := b.Send(t.Context(), To("room"), hello())
	require.NoError(t, err)
	require.Equal(t, Report{Audience: 3, Delivered: 2, Gone: 1, Pruned: 1}, rep)
	require.Equal(t, []string{"b pruned"}, ended)
	require.Equal(t, 5, posts)
}

// Removals do not wait for the end of a send, and those that are left at its deadline are handed
// on: after all invocations each connection that is gone has been removed, once.
func TestGoneArePrunedOverSeveralInvocations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const members, gone = 20_000, 500
		store := room(members, 100)
		store.get = func(ctx context.Context, id string) (conn.Conn, error) {
			return conn.Conn{ID: id, ConnectedAt: time.Now().Add(-time.Hour)}, wait(ctx, 5*time.Millisecond, nil)
		}
		store.del = func(ctx context.Context, _ string) error { return wait(ctx, 8*time.Millisecond, nil) }
		p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
			var n int
			if _, err := fmt.Sscanf(to.ConnectionID, "c%d", &n); err != nil {
				return err
			}
			if n%(members/gone) == 7 {
				return wait(ctx, 10*time.Millisecond, gatesock.ErrGone)
			}
			return wait(ctx, 10*time.Millisecond, nil)
		})
		q := &jobQueue{}
		b := New(p, store, WithRelay(q), quiet())
		var reports []Report
		invoke := func(do func(context.Context) (Report, error)) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			rep, err := do(ctx)
			require.NoError(t, err)
			reports = append(reports, rep)
		}
		invoke(func(ctx context.Context) (Report, error) { return b.Send(ctx, To("room"), hello()) })
		for len(q.jobs) > 0 {
			j := q.jobs[0]
			q.jobs = q.jobs[1:]
			invoke(func(ctx context.Context) (Report, error) { return b.Run(ctx, j) })
		}
		total, missing := MergeReports(reports[0].ID, reports...)
		require.Empty(t, missing)
		require.Equal(t, []int{members, members - gone, gone}, []int{total.Audience, total.Delivered, total.Gone})
		require.Equal(t, gone, total.Pruned)
		require.Len(t, store.deleted, gone)
		require.Greater(t, reports[0].Pruned, 50, "the first invocation has room for some")
		require.Greater(t, len(reports), 3)
	})
}

// Removals take an eighth of the workers at most while there is somebody to post to.
func TestRemovalsLeaveRoomForPosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := room(1000, 100)
		store.del = func(ctx context.Context, _ string) error { return wait(ctx, time.Hour, nil) }
		var mu sync.Mutex
		delivered := 0
		p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
			if strings.HasSuffix(to.ConnectionID, "3") {
				return gatesock.ErrGone
			}
			mu.Lock()
			delivered++
			mu.Unlock()
			return wait(ctx, 10*time.Millisecond, nil)
		})
		b := New(p, store, WithConcurrency(16), WithPostTimeout(24*time.Hour), quiet())
		ctx, cancel := context.WithTimeout(t.Context(), 900*10*time.Millisecond/14+100*time.Millisecond)
		defer cancel()
		_, _ = b.Send(ctx, To("room"), hello())
		require.Equal(t, 900, delivered)
	})
}

// Names that need escapes in JSON make no larger jobs than others.
func TestJobsAreBoundedWhateverTheNames(t *testing.T) {
	t.Parallel()
	for _, group := range []string{"room", strings.Repeat("\x01", 200), strings.Repeat("<", 200), strings.Repeat("\u2028", 200)} {
		var r remaining
		for i := range 2000 {
			m := member{conn.Member{ID: name(i)}, group}
			r.members = append(r.members, unserved{member: m})
			r.gone = append(r.gone, m)
		}
		for _, part := range r.parts(partSize) {
			j := goodJob().next(part, 0)
			j.Frame = bytes.Repeat([]byte("x"), gatesock.MaxMessageSize)
			require.LessOrEqual(t, len(j.Encode()), 250_000)
		}
		require.Equal(t, r, join(r.parts(partSize)))
	}
}

// Nor do they take more than an eighth of a rate, where closing connections draws on it.
func TestRemovalsLeaveTheRateToPosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var last time.Duration
		d := &door{
			posterFunc: func(context.Context, gatesock.Target, []byte) error {
				last = time.Since(began)
				return nil
			},
			answers: map[string][]error{},
		}
		r := remaining{unread: []span{{group: "room"}}}
		for i := range 1000 {
			id := fmt.Sprint("gone", i)
			d.answers[id] = []error{gatesock.ErrGone}
			r.gone = append(r.gone, member{conn.Member{ID: id}, "room"})
		}
		rep, err := New(d, room(100, 10), WithRate(10), quiet()).Send(t.Context(), Resume(r.encode()), hello())
		require.NoError(t, err)
		require.Equal(t, []int{100, 1000}, []int{rep.Delivered, rep.Pruned})
		require.Less(t, last, 12*time.Second)
	})
}

// Removals alone do not take a job over the limit of its hops, beyond which it is for the
// dead-letter queue.
func TestRemovalsAloneAreNotTooManyHops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &jobQueue{}
		d := &door{
			posterFunc: func(context.Context, gatesock.Target, []byte) error { return gatesock.ErrGone },
			answers:    map[string][]error{},
		}
		b := New(d, room(1000, 100), WithRelay(q), WithRate(20), WithMaxHops(3), quiet())
		job := goodJob()
		job.Cursor = remaining{unread: []span{{group: "room"}}}.encode()
		q.jobs = []Job{job}
		for len(q.jobs) > 0 {
			j := q.jobs[0]
			q.jobs = q.jobs[1:]
			j.Cursor = remaining{gone: func() (all []member) {
				for i := range 1000 {
					all = append(all, member{conn.Member{ID: name(i)}, "room"})
				}
				return all
			}()}.encode()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			_, err := b.Run(ctx, j)
			cancel()
			require.NoError(t, err)
		}
	})
}

// A connection that was named and has no record may be about to connect: it is not closed.
func TestNamedWithoutARecordIsNotClosed(t *testing.T) {
	t.Parallel()
	p, store := &closer{}, room(0, 1)
	store.get = func(context.Context, string) (conn.Conn, error) { return conn.Conn{}, conn.ErrNotFound }
	rep, err := New(p, store, quiet()).Send(t.Context(), ToConnections("new"), hello())
	require.NoError(t, err)
	require.Equal(t, Report{Audience: 1, Gone: 1}, rep)
	require.Empty(t, p.closed)
}

// A removal that is cut off by the deadline is handed off with those that were not begun.
func TestRemovalThatIsCutOffIsHandedOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := room(1, 1)
		hangs := true
		store.del = func(ctx context.Context, _ string) error {
			if hangs {
				return wait(ctx, time.Hour, nil)
			}
			return nil
		}
		q := &jobQueue{}
		b := New(always(gatesock.ErrGone), store, WithRelay(q), WithPostTimeout(time.Hour), quiet())
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		rep, err := b.Send(ctx, To("room"), hello())
		require.NoError(t, err)
		require.Len(t, q.jobs, 1)
		require.Equal(t, Report{ID: rep.ID, HandedOff: []string{q.jobs[0].ID}, Audience: 1, Gone: 1}, rep)
		hangs = false
		rep, err = b.Run(t.Context(), q.jobs[0])
		require.NoError(t, err)
		require.Equal(t, Report{ID: q.jobs[0].ID, Pruned: 1}, rep)
	})
}

// A send whose members are all served does not fail because removals could not be handed off.
func TestRemovalsThatCannotBeHandedOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := room(1, 1)
		store.del = func(ctx context.Context, _ string) error { return wait(ctx, time.Hour, nil) }
		var out bytes.Buffer
		b := New(always(gatesock.ErrGone), store, WithRelay(&jobQueue{outcomes: []outcome{fault}}),
			WithPostTimeout(time.Hour),
			WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		rep, err := b.Send(ctx, To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, Report{ID: rep.ID, Audience: 1, Gone: 1}, rep)
		require.Contains(t, out.String(), "no time to remove connections that are gone")
	})
}

// A function that is told of ends, and takes all the time that there is, does not keep a send from
// handing its rest on.
func TestSlowEndedFuncLeavesTimeToHandOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := conn.NewMemory(conn.WithEnded(func(ctx context.Context, _ conn.Conn, _ conn.EndCause) { <-ctx.Done() }))
		for i := range 400 {
			require.NoError(t, store.Put(t.Context(), conn.Conn{
				ID: name(i), Groups: []string{"room"}, ConnectedAt: time.Now().Add(-time.Hour),
			}))
		}
		p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
			if strings.HasSuffix(to.ConnectionID, "3") {
				return gatesock.ErrGone
			}
			return wait(ctx, time.Second, nil)
		})
		q := &jobQueue{}
		b := New(p, store, WithRelay(q), WithConcurrency(16), quiet())
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		rep, err := b.Send(ctx, To("room"), hello())
		require.NoError(t, err)
		require.LessOrEqual(t, time.Since(start), 9500*time.Millisecond)
		require.NotEmpty(t, rep.HandedOff)
		require.Zero(t, rep.Unsent)
	})
}
