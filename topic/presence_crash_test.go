package topic

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
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
	s.settle(t)
	return calls
}

// settle publishes an event, lets each client sync, or connect again if its connection is not known
// any more, and checks that all agree with the rows. When each has synced twice there are no rows
// without a membership: in the first one, a client that had lost its membership looks at no others.
func (s *stage) settle(t require.TestingT) {
	ctx := context.Background()
	// A connection that is gone without a $disconnect is found by the first push.
	_, _, err := s.Publish(ctx, room, "said", nil)
	require.NoError(t, err)
	var good []*viewer
	for range 2 {
		good = s.syncAll(ctx)
		want := s.rows(t)
		for _, v := range good {
			require.Equal(t, want, v.sees(), "what %s sees", v.id)
		}
	}
	members := make(map[string]bool)
	for m, err := range conn.Members(ctx, s.store, Group(room)) {
		require.NoError(t, err)
		members[refOf(room, m.ID)] = true
	}
	for ref := range s.rows(t) {
		require.True(t, len(good) == 0 || members[ref], "a ghost")
	}
}

// syncAll lets each client that is in the topic sync, and returns those whose connection is good.
func (s *stage) syncAll(ctx context.Context) (good []*viewer) {
	for _, id := range s.ids() {
		v, _ := s.viewer(id)
		if !v.in {
			continue
		}
		if ok, err := v.sync(ctx); err == nil && ok {
			good = append(good, v)
		}
	}
	return good
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

// pick returns one of those who are connected, or nil if nobody is. Others may disconnect
// meanwhile.
func (s *stage) pick(who int) *viewer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.viewers) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(s.viewers))
	return s.viewers[ids[who%len(ids)]]
}

// action is what happens at a time in a story of TestPresenceConverges.
type action struct {
	what  int // 0 to 9
	who   int // modulo those who are connected
	user  int
	step  int // of a crash
	after bool
	pause time.Duration
}

func drawAction(t *rapid.T) action {
	return action{
		what:  rapid.IntRange(0, 9).Draw(t, "what"),
		who:   rapid.IntRange(0, 9).Draw(t, "who"),
		user:  rapid.IntRange(1, 3).Draw(t, "user"),
		step:  rapid.IntRange(1, 20).Draw(t, "step"),
		after: rapid.Bool().Draw(t, "after"),
		pause: time.Duration(rapid.IntRange(0, 700).Draw(t, "ms")) * time.Millisecond,
	}
}

// TestPresenceConverges is a property: whatever several devices of users do at the same time, which
// process dies when and which pushes are lost, after one sync each all clients agree with the rows.
func TestPresenceConverges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		story := rapid.SliceOfN(rapid.Custom(drawAction), 1, 30).Draw(rt, "story")
		var failed collector
		synctest.Test(t, func(*testing.T) { failed.run(func() { play(&failed, story) }) })
		if failed.text != "" {
			rt.Fatal(failed.text)
		}
	})
}

// collector collects failures, so that a property can fail outside of the bubble.
type collector struct{ text string }

// Errorf keeps a failure.
func (c *collector) Errorf(format string, args ...any) { c.text += fmt.Sprintf(format, args...) }

// FailNow ends what run calls.
func (c *collector) FailNow() { panic(c) }

func (c *collector) run(f func()) {
	defer func() {
		if p := recover(); p != nil && p != any(c) {
			c.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	f()
}

func play(t require.TestingT, story []action) {
	s := newStage(Presence{Grace: time.Second})
	var all sync.WaitGroup
	for i, a := range story {
		s.act(&all, i, a)
		<-time.After(a.pause)
	}
	s.faults.losing(nil)
	all.Wait()
	s.faults.arm(0, false)
	<-time.After(5 * time.Minute)
	s.settle(t)
}

// act lets one client do something in the background.
func (s *stage) act(all *sync.WaitGroup, i int, a action) {
	ctx := context.Background()
	v := s.pick(a.who)
	if v == nil || a.what < 4 {
		v := s.connect(ctx, fmt.Sprint("c", i), fmt.Sprint("user", a.user))
		all.Go(func() { v.alone(func() { _, _ = v.subscribe(ctx) }) })
		return
	}
	switch a.what {
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
		all.Go(func() { _, _ = v.disconnect(ctx, a.after) })
	case 7:
		all.Go(func() { v.alone(func() { _, _ = v.sync(ctx) }) })
	case 8:
		s.faults.arm(a.step, a.after)
	case 9:
		s.faults.losing(func(to string) bool { return to == v.id })
	}
}
