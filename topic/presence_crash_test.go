package topic

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/conn"
)

// TestPresenceConvergesAfterACrash lets the process die before and after each call to the roster,
// the store and the gateway, while somebody joins, leaves, disconnects or syncs. When each client
// has synced once, all agree with the rows, and the rows with the memberships.
func TestPresenceConvergesAfterACrash(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(ctx context.Context, s *stage, v *viewer) (bool, error){
		"join":       func(ctx context.Context, _ *stage, v *viewer) (bool, error) { return v.subscribe(ctx) },
		"leave":      func(ctx context.Context, _ *stage, v *viewer) (bool, error) { return v.unsubscribe(ctx) },
		"disconnect": func(ctx context.Context, _ *stage, v *viewer) (bool, error) { return v.disconnect(ctx, true) },
		"sync": func(ctx context.Context, s *stage, v *viewer) (bool, error) {
			if err := s.memory.RemoveRow(ctx, room, "c2", s.rowOf(ctx, "c2")); err != nil {
				return false, err
			}
			return v.sync(ctx)
		},
	} {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " busy ", busy), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					steps := crashAt(t, act, busy, 0, false)
					require.Greater(t, steps, 4)
					for n := range steps {
						crashAt(t, act, busy, n+1, false)
						crashAt(t, act, busy, n+1, true)
					}
				})
			})
		}
	}
}

func (s *stage) rowOf(ctx context.Context, id string) int64 {
	r, err := s.memory.GetRow(ctx, room, id)
	if err != nil {
		return 0
	}
	return r.Version
}

// crashAt lets the process die at the n-th call, and returns how many calls there were.
func crashAt(
	t *testing.T, act func(context.Context, *stage, *viewer) (bool, error), busy bool, n int, after bool,
) (calls int) {
	t.Helper()
	ctx := t.Context()
	s := newStage(Presence{})
	var viewers []*viewer
	for i := range 4 {
		v := s.connect(ctx, fmt.Sprint("c", i), fmt.Sprint("user", i/2))
		viewers = append(viewers, v)
		must(t)(v.subscribe(ctx))
	}
	if !busy {
		<-time.After(2 * time.Second)
	}
	s.faults.arm(n, after)
	_, err := act(ctx, s, viewers[3])
	require.NoError(t, err)
	calls = s.faults.count()
	s.faults.arm(0, false)
	<-time.After(5 * time.Minute)
	s.settle(t, defaultMaxMembers)
	return calls
}

// settle lets each client sync once, or connect again if its connection is not known any more, and
// checks that all agree.
func (s *stage) settle(t require.TestingT, most int) {
	ctx := context.Background()
	var good []*viewer
	for _, id := range s.ids() {
		v, _ := s.viewer(id)
		if !v.in {
			continue
		}
		if ok, err := v.sync(ctx); err == nil && ok {
			good = append(good, v)
		}
	}
	want := s.rows(t)
	for _, v := range good {
		if got := v.sees(); got != nil || len(want) <= most {
			require.Equal(t, want, got, "what %s sees", v.id)
		}
	}
	members := make(map[string]bool)
	for m, err := range conn.Members(ctx, s.store, Group(room)) {
		require.NoError(t, err)
		members[refOf(room, m.ID)] = true
	}
	for ref := range want {
		require.True(t, len(good) == 0 || members[ref], "a ghost")
	}
}

func (s *stage) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id := range s.viewers {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// TestPresenceConverges is a property: whatever several devices of users do at the same time, which
// process dies when and which pushes are lost, after one sync each all clients agree with the rows.
func TestPresenceConverges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ testing.TB }{t}, func(rt *rapid.T) { // without Deadline, which a bubble does not have
			s := newStage(Presence{Grace: time.Second})
			var all sync.WaitGroup
			next := 0
			for range rapid.IntRange(1, 25).Draw(rt, "actions") {
				s.act(rt, &all, &next)
				<-time.After(time.Duration(rapid.IntRange(0, 700).Draw(rt, "ms")) * time.Millisecond)
			}
			s.faults.losing(nil)
			all.Wait()
			s.faults.arm(0, false)
			<-time.After(5 * time.Minute)
			s.settle(rt, defaultMaxMembers)
		})
	})
}

// act lets one client do something in the background.
func (s *stage) act(rt *rapid.T, all *sync.WaitGroup, next *int) {
	ctx := context.Background()
	ids := s.ids()
	what := rapid.IntRange(0, 9).Draw(rt, "what")
	if len(ids) == 0 || what < 4 {
		*next++
		v := s.connect(ctx, fmt.Sprint("c", *next), fmt.Sprint("user", rapid.IntRange(1, 3).Draw(rt, "user")))
		all.Go(func() { v.alone(func() { _, _ = v.subscribe(ctx) }) })
		return
	}
	v, _ := s.viewer(rapid.SampledFrom(ids).Draw(rt, "who"))
	switch what {
	case 4:
		all.Go(func() { v.alone(func() { _, _ = v.subscribe(ctx) }) })
	case 5:
		all.Go(func() {
			v.alone(func() {
				if answered, err := v.unsubscribe(ctx); !answered || err != nil {
					_, _ = v.disconnect(ctx, true) // as the protocol says
				}
			})
		})
	case 6:
		tell := rapid.Bool().Draw(rt, "tell")
		all.Go(func() { _, _ = v.disconnect(ctx, tell) })
	case 7:
		all.Go(func() { v.alone(func() { _, _ = v.sync(ctx) }) })
	case 8:
		s.faults.arm(rapid.IntRange(1, 20).Draw(rt, "step"), rapid.Bool().Draw(rt, "after"))
	case 9:
		lost := rapid.SampledFrom(ids).Draw(rt, "whose pushes are lost")
		s.faults.losing(func(id string) bool { return id == lost })
	}
}
