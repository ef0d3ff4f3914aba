package broadcast

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// door closes connections, as a script for each says.
type door struct {
	posterFunc

	mu      sync.Mutex
	calls   map[string]int
	answers map[string][]error
}

func (d *door) Disconnect(ctx context.Context, from gatesock.Target) error {
	d.mu.Lock()
	n := d.calls[from.ConnectionID]
	if d.calls == nil {
		d.calls = map[string]int{}
	}
	d.calls[from.ConnectionID]++
	d.mu.Unlock()
	var answer error
	if script := d.answers[from.ConnectionID]; len(script) > 0 {
		answer = script[min(n, len(script)-1)]
	}
	return wait(ctx, 10*time.Millisecond, answer)
}

func TestDisconnectAnAudience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := room(100, 10)
		store.groups[conn.UserGroup("ann")] = [][]conn.Member{{{ID: "c3"}, {ID: "c4"}}}
		throttled := slices.Repeat([]error{gatesock.ErrThrottled}, 8)
		d := &door{answers: map[string][]error{
			"c1": {gatesock.ErrGone}, "c2": append(throttled, nil), "c5": {errFault, nil}, "c6": {gatesock.ErrBadConnectionID},
		}}
		b := New(d, store, WithSlowConsumers(1, DisconnectSlow), quiet())

		rep, err := b.Disconnect(t.Context(), ToUser("ann"))
		require.NoError(t, err)
		require.Equal(t, Report{Audience: 2, Delivered: 2}, rep)
		require.Equal(t, map[string]int{"c3": 1, "c4": 1}, d.calls)

		rep, err = b.Disconnect(t.Context(), To("room").ExceptUser("ann").Except("c0"))
		require.NoError(t, err)
		require.Equal(t, []int{97, 95, 1, 1, 0}, []int{rep.Audience, rep.Delivered, rep.Gone, rep.Failed, rep.Slow})
		require.Equal(t, 1, rep.Pruned)
		require.Equal(t, []string{"c1"}, store.deleted)
		require.Equal(t, 1, d.calls["c3"])
		require.Zero(t, d.calls["c0"])
		require.Error(t, rep.Err())
	})
}

// What there was no time for is in the cursor, also where a Broadcaster has a Relay, whose jobs are
// messages.
func TestDisconnectGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, q := &door{}, &jobQueue{}
		store := room(1000, 100)
		store.shards = 2
		b := New(d, store, WithConcurrency(4), WithRelay(q), WithHandOffAfter(0))
		to := To("room")
		for n := range 1000 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			rep, err := b.Disconnect(ctx, to)
			cancel()
			if rep.Cursor == "" {
				require.NoError(t, err)
				require.Positive(t, n)
				break
			}
			require.ErrorIs(t, err, ErrDeadline)
			to = Resume(rep.Cursor)
		}
		require.Empty(t, q.jobs)
		require.Len(t, d.calls, 1000)
		for id, n := range d.calls {
			require.Equal(t, 1, n, id)
		}
	})
}

func TestDisconnectNeedsAPosterThatCanClose(t *testing.T) {
	t.Parallel()
	b := New(always(nil), room(1, 1))
	_, err := b.Disconnect(t.Context(), To("room"))
	require.ErrorIs(t, err, errNoDisconnect)
	_, err = b.Disconnect(t.Context(), Audience{})
	require.ErrorIs(t, err, ErrNoAudience)
}

// The members of a group that is excepted get nothing, named ones neither, and in no invocation.
func TestExceptUser(t *testing.T) {
	t.Parallel()
	for _, relayed := range []bool{false, true} {
		t.Run(fmt.Sprint(relayed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := room(90, 10)
				store.shards = 3
				store.groups[conn.UserGroup("ann")] = [][]conn.Member{{{ID: "c3"}}, {{ID: "c44"}}, {{ID: "x"}}}
				var posted record
				p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
					posted.add(to.ConnectionID)
					return wait(ctx, 10*time.Millisecond, nil)
				})
				q := &jobQueue{}
				var opts []Option
				if relayed {
					opts = append(opts, WithRelay(q))
				}
				b := New(p, store, append(opts, WithConcurrency(2), WithDeadlineMargin(100*time.Millisecond))...)
				to := To("room").And(ToConnections("x", "y")).ExceptUser("ann").Except("c5")
				if relayed {
					to = To("room").ExceptUser("ann").Except("c5")
				}
				delivered := 0
				for {
					ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
					rep, err := b.Send(ctx, to, hello())
					cancel()
					delivered += rep.Delivered
					if rep.Cursor == "" {
						require.NoError(t, err)
						break
					}
					to = Resume(rep.Cursor)
				}
				for len(q.jobs) > 0 {
					j := q.jobs[0]
					q.jobs = q.jobs[1:]
					ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
					rep, err := b.Run(ctx, j)
					cancel()
					require.NoError(t, err)
					delivered += rep.Delivered
				}
				want := 87
				if !relayed {
					want++ // y
				}
				require.Equal(t, want, delivered)
				require.Len(t, posted.ids, want)
				for _, id := range []string{"c3", "c44", "x", "c5"} {
					require.NotContains(t, posted.ids, id)
				}
			})
		})
	}
}

// The time that reading the excepted groups takes is a part of the send's.
func TestExceptedGroupThatTakesLong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit, reading, after, want time.Duration
	}{
		"longer than the deadline":  {10 * time.Second, 20 * time.Second, -1, 9500 * time.Millisecond},
		"nearly as long":            {10 * time.Second, 9200 * time.Millisecond, -1, 9200 * time.Millisecond},
		"all is handed off at once": {time.Minute, 5 * time.Second, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &slowGroup{room(10, 5), c.reading}
				store.groups["staff"] = [][]conn.Member{{{ID: "c3"}}}
				q := &jobQueue{}
				opts := []Option{WithRelay(q)}
				if c.after >= 0 {
					opts = append(opts, WithHandOffAfter(c.after))
				}
				ctx, cancel := context.WithTimeout(t.Context(), c.limit)
				defer cancel()
				start := time.Now()
				rep, err := New(always(nil), store, opts...).Send(ctx, To("room").ExceptGroups("staff"), hello())
				require.NoError(t, err)
				require.Equal(t, c.want, time.Since(start))
				require.Equal(t, Report{ID: rep.ID, HandedOff: rep.HandedOff}, rep)
				require.Len(t, rep.HandedOff, 1)
				store.takes = 0
				rep, err = New(always(nil), store, WithRelay(q)).Run(t.Context(), q.jobs[0])
				require.NoError(t, err)
				require.Equal(t, 9, rep.Delivered)
			})
		})
	}
}

// slowGroup is a shelf whose group "staff" takes time to be read.
type slowGroup struct {
	*shelf

	takes time.Duration
}

func (s *slowGroup) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	if q.Group == "staff" {
		if err := wait(ctx, s.takes, nil); err != nil {
			return conn.Page{}, err
		}
	}
	return s.shelf.Read(ctx, q)
}

// Nothing is sent if it can't be known who is excepted.
func TestExceptedGroupThatCannotBeRead(t *testing.T) {
	t.Parallel()
	store := room(10, 5)
	store.groups["staff"] = [][]conn.Member{{{ID: "c3"}}}
	store.readErr = map[string]int{"staff": 0}
	to := To("room").And(ToConnections("x")).ExceptGroups("staff")
	rep, err := New(always(nil), store).Send(t.Context(), to, hello())
	require.ErrorIs(t, err, errStore)
	require.ErrorContains(t, err, "reading the excepted groups")
	require.Equal(t, Report{Audience: 1, Unsent: 1, Incomplete: true, Cursor: rep.Cursor}, rep)

	store.readErr = nil
	rep, err = New(always(nil), store).Send(t.Context(), Resume(rep.Cursor), hello())
	require.NoError(t, err)
	require.Equal(t, 10, rep.Delivered)
	for _, to := range []Audience{To("room"), Resume(remaining{unread: []span{{group: "room"}}}.encode())} {
		_, err = New(always(nil), store).Send(t.Context(), to.ExceptGroups(""), hello())
		require.ErrorContains(t, err, "empty name")
		_, err = New(always(nil), store).Send(t.Context(), to.ExceptGroups("a\xff"), hello())
		require.ErrorContains(t, err, "not UTF-8")
	}
}

// A client need not take anything to be disconnected, so that none is too slow for it, however
// often it is throttled.
func TestDisconnectCallsNobodySlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &door{answers: map[string][]error{"c0": append(slices.Repeat([]error{gatesock.ErrThrottled}, 14), nil)}}
		half := func(limit time.Duration) time.Duration { return limit / 2 } // so that 14 of them are within 30 seconds
		b := New(d, room(5000, 100), WithConcurrency(4), WithSlowConsumers(1, SkipSlow), withJitter(half))
		rep, err := b.Disconnect(t.Context(), To("room"))
		require.NoError(t, err)
		require.Equal(t, []int{5000, 14, 0}, []int{rep.Delivered, rep.Throttled, rep.Slow})
	})
}
