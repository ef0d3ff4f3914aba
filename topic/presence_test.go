package topic

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
)

func must(t *testing.T) func(answered bool, err error) {
	t.Helper()
	return func(answered bool, err error) {
		t.Helper()
		require.NoError(t, err)
		require.True(t, answered)
	}
}

// agree checks that viewers see what the roster has.
func (s *stage) agree(t *testing.T, viewers ...*viewer) {
	t.Helper()
	want := s.rows(t)
	for _, v := range viewers {
		require.Equal(t, want, v.sees(), "what %s sees", v.id)
	}
}

func TestPresenceIsAnnounced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{Grace: 15 * time.Second})
		ann, bob := s.connect(ctx, "a", "ann"), s.connect(ctx, "b", "bob")
		must(t)(ann.subscribe(ctx))
		require.Equal(t, time.Duration(0), since(s), "nobody waits without need")
		<-time.After(2 * time.Second)
		must(t)(bob.subscribe(ctx))
		s.agree(t, ann, bob)
		require.Len(t, s.rows(t), 2)
		joined := ann.joined(1, "b")
		require.Equal(t, topicwire.Member{
			Ref: refOf(room, "b"), User: "bob", As: []byte(`"b"`), Version: time.Now().UnixMicro(),
		}, joined)

		<-time.After(2 * time.Second)
		must(t)(bob.unsubscribe(ctx))
		s.agree(t, ann)
		require.Equal(t, []topicwire.Gone{{Ref: refOf(room, "b"), Version: joined.Version}}, ann.received()[2].Left)
		<-time.After(2 * time.Second)
		must(t)(bob.subscribe(ctx))
		<-time.After(2 * time.Second)
		must(t)(bob.disconnect(ctx, true))
		must(t)(bob.disconnect(ctx, true))
		s.agree(t, ann)
		last := ann.received()[len(ann.received())-1]
		require.Equal(t, int64(15000), last.Left[0].GraceMs, "of a connection that ends")
		require.Len(t, ann.received(), 5, "the second $disconnect announces nothing")
	})
}

// since returns how long the stage has run.
func since(s *stage) time.Duration {
	round, err := s.memory.LastRound(context.Background(), room)
	if err != nil || round.Until.IsZero() {
		return -1
	}
	return time.Since(round.Until.Add(-defaultInterval)).Truncate(time.Millisecond)
}

// TestRepeatedJoinIsAnnounced checks that a join whose answer was lost is announced again.
func TestRepeatedJoinIsAnnounced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{})
		ann, bob := s.connect(ctx, "a", "ann"), s.connect(ctx, "b", "bob")
		must(t)(ann.subscribe(ctx))
		for range 2 {
			<-time.After(2 * time.Second)
			must(t)(bob.subscribe(ctx))
			s.agree(t, ann, bob)
		}
		require.Greater(t, ann.joined(2, "b").Version, ann.joined(1, "b").Version)
	})
}

// TestRoundsHaveAllChanges checks that what happens during a round is announced together after it,
// by one handler that waits, and that the others do not wait.
func TestRoundsHaveAllChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{})
		ann := s.connect(ctx, "a", "ann")
		must(t)(ann.subscribe(ctx))
		start := time.Now()
		var mu sync.Mutex
		var waited []time.Duration
		var all sync.WaitGroup
		for i := range 20 {
			v := s.connect(ctx, fmt.Sprint("b", i), "bob")
			all.Go(func() {
				must(t)(v.subscribe(ctx))
				if i%2 == 1 {
					must(t)(v.disconnect(ctx, true))
				}
				mu.Lock()
				defer mu.Unlock()
				waited = append(waited, time.Since(start))
			})
			<-time.After(10 * time.Millisecond)
		}
		all.Wait()
		s.agree(t, ann)
		require.Len(t, s.rows(t), 11)
		require.LessOrEqual(t, len(ann.received()), 3)
		slices.Sort(waited)
		require.Less(t, waited[18], 250*time.Millisecond)
		require.InDelta(t, time.Second, waited[19], float64(10*time.Millisecond))
	})
}

// TestTenThousandJoinAtOnce counts posts.
func TestTenThousandJoinAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		ctx := t.Context()
		s := newStage(Presence{MaxMembers: 100}) // with 1,000 the posts are as many, and the test takes longer
		viewers := make([]*viewer, n)
		for i := range viewers {
			viewers[i] = s.connect(ctx, fmt.Sprint("c", i), fmt.Sprint("user", i/2))
		}
		start := time.Now()
		var all sync.WaitGroup
		for _, v := range viewers {
			all.Go(func() { must(t)(v.subscribe(ctx)) })
		}
		all.Wait()
		require.Less(t, time.Since(start), 2*time.Second)
		posts := s.posts.Load()
		t.Logf("%d posts for %d joins", posts, n)
		require.LessOrEqual(t, posts, int64(2*n), "two rounds at most, and not n squared")
		for _, v := range viewers {
			require.Nil(t, v.sees())
		}
		// The last to come may not be in the number that was announced. A sync announces them when the
		// round is over.
		<-time.After(maxRound)
		must(t)(viewers[0].sync(ctx))
		require.Equal(t, n, viewers[0].count)

		// The number is announced less often, the more members there are.
		s.posts.Store(0)
		for i := range 20 {
			<-time.After(time.Second)
			must(t)(viewers[i].disconnect(ctx, true))
		}
		require.LessOrEqual(t, s.posts.Load(), int64(3*n), "in 20 s")
	})
}

// TestCrowdComesAndGoes checks that clients go from a list to a number and back.
func TestCrowdComesAndGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{MaxMembers: 10})
		var viewers []*viewer
		for i := range 12 {
			v := s.connect(ctx, fmt.Sprint("c", i), "ann")
			viewers = append(viewers, v)
			must(t)(v.subscribe(ctx))
			<-time.After(3 * time.Second)
		}
		for _, v := range viewers {
			require.Nil(t, v.sees())
			require.Equal(t, 12, v.count)
			must(t)(v.sync(ctx))
			require.Equal(t, 12, v.count)
		}
		users, err := s.Present(ctx, room)
		require.NoError(t, err)
		require.Len(t, users, 1)
		require.Len(t, users[0].Rows, 12)
		for i := range 4 {
			must(t)(viewers[i].disconnect(ctx, true))
			<-time.After(3 * time.Second)
		}
		for _, v := range viewers[4:] {
			require.True(t, v.wants, "a list again")
			must(t)(v.snapshot(ctx))
		}
		s.agree(t, viewers[4:]...)
	})
}

// TestNumberIsMended checks that a sync announces the number that nobody has announced.
func TestNumberIsMended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{MaxMembers: 2})
		var viewers []*viewer
		for i := range 10 {
			v := s.connect(ctx, fmt.Sprint("c", i), "ann")
			viewers = append(viewers, v)
			must(t)(v.subscribe(ctx))
		}
		require.NotEqual(t, 10, viewers[0].count)
		<-time.After(time.Minute)
		must(t)(viewers[3].sync(ctx))
		for _, v := range viewers {
			require.Equal(t, 10, v.count)
		}
	})
}

// TestMassDeparture checks that more departures than a round keeps are found out.
func TestMassDeparture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = maxGone + 50
		ctx := t.Context()
		s := newStage(Presence{})
		viewers := make([]*viewer, n)
		var all sync.WaitGroup
		for i := range viewers {
			viewers[i] = s.connect(ctx, fmt.Sprint("c", i), "ann")
			all.Go(func() { must(t)(viewers[i].subscribe(ctx)) })
		}
		all.Wait()
		<-time.After(2 * time.Second)
		for _, v := range viewers[:n-10] {
			all.Go(func() { must(t)(v.disconnect(ctx, true)) })
		}
		all.Wait()
		for _, v := range viewers[n-10:] {
			if v.wantsSnapshot() {
				must(t)(v.snapshot(ctx))
			}
		}
		s.agree(t, viewers[n-10:]...)
		require.Len(t, s.rows(t), 10)
	})
}

// TestPrunedAndSweptLeave checks the registry's hook.
func TestPrunedAndSweptLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{})
		ann, bob := s.connect(ctx, "a", "ann"), s.connect(ctx, "b", "bob")
		must(t)(ann.subscribe(ctx))
		must(t)(bob.subscribe(ctx))
		must(t)(bob.disconnect(ctx, false))
		<-time.After(2 * time.Second)
		_, rep, err := s.Publish(ctx, room, "said", nil)
		require.NoError(t, err)
		require.Equal(t, 1, rep.Gone)
		s.agree(t, ann)
		require.Len(t, s.rows(t), 1)
	})
}

// TestLateLeaveSpares checks that the end of a membership does not remove the row of a newer one.
func TestLateLeaveSpares(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{})
		ann := s.connect(ctx, "a", "ann")
		must(t)(ann.subscribe(ctx))
		old, err := s.store.Get(ctx, "a")
		require.NoError(t, err)

		// An unsubscribe whose handler was frozen after it had left the group.
		must(t)(ann.subscribe(ctx))
		require.NoError(t, s.leavePresence(ctx, ann.request().ConnectionID, room))
		require.Len(t, s.rows(t), 1)

		// A record that ended, of another connection with the id.
		_, err = s.store.Delete(ctx, "a")
		require.NoError(t, err)
		require.Empty(t, s.rows(t))
		<-time.After(time.Second)
		ann = s.connect(ctx, "a", "ann")
		must(t)(ann.subscribe(ctx))
		s.leaveEnded(ctx, old)
		require.Len(t, s.rows(t), 1)
	})
}

// TestEnterAfterTheEnd checks that a subscribe that comes after the end of its connection leaves
// nobody behind.
func TestEnterAfterTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{})
		ann := s.connect(ctx, "a", "ann")
		c, err := s.store.Get(ctx, "a")
		require.NoError(t, err)
		must(t)(ann.disconnect(ctx, true))
		_, err = s.enterPresence(ctx, ann.request(), topicwire.Subscription{Topic: room, Presence: true}, c, 1000)
		require.ErrorIs(t, err, conn.ErrNotFound)
		require.Empty(t, s.rows(t))
	})
}

// TestHeartbeat checks that connections without a sync disappear, and that one that comes back late
// is told to subscribe again.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{Heartbeat: 10 * time.Minute})
		ann, bob := s.connect(ctx, "a", "ann"), s.connect(ctx, "b", "bob")
		must(t)(ann.subscribe(ctx))
		must(t)(bob.subscribe(ctx))
		for range 3 {
			<-time.After(9 * time.Minute)
			must(t)(ann.sync(ctx))
			s.agree(t, ann)
		}
		require.Len(t, s.rows(t), 1)
		must(t)(bob.sync(ctx))
		require.Len(t, s.rows(t), 2)
		s.agree(t, ann, bob)
	})
}

// TestGhostsAreFound checks that rows without a membership, also many in a row, are gone when every
// member has synced.
func TestGhostsAreFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{})
		var viewers []*viewer
		for i := range 12 {
			v := s.connect(ctx, fmt.Sprint("c", i), "ann")
			must(t)(v.subscribe(ctx))
			viewers = append(viewers, v)
		}
		for i := range 10 { // the records go, and nobody is told
			s.faults.arm(2, false)
			_, err := viewers[i].disconnect(ctx, true)
			require.NoError(t, err)
		}
		s.faults.arm(0, false)
		require.Len(t, s.rows(t), 12)
		<-time.After(2 * time.Second)
		must(t)(viewers[10].sync(ctx))
		must(t)(viewers[11].sync(ctx))
		require.Len(t, s.rows(t), 2)
		s.agree(t, viewers[10:]...)
	})
}

func TestPagesOfASnapshot(t *testing.T) {
	t.Parallel()
	rows := make([]Row, 40)
	for i := range rows {
		rows[i] = Row{ID: fmt.Sprint("c", i), User: `"quoted"`, Version: int64(i + 1), As: []byte(`{"n":1}`)}
	}
	m := newMembers(room, rows)
	got := make(map[string]int64)
	var pages int
	for cursor := ""; ; pages++ {
		p := m.snapshot(cursor, 1000)
		require.Equal(t, 40, p.Count)
		require.Equal(t, m.digest(), p.Digest)
		for _, member := range p.Members {
			got[member.Ref] = member.Version
		}
		b, err := json.Marshal(p)
		require.NoError(t, err)
		require.LessOrEqual(t, len(b), 1000)
		if cursor = p.Cursor; cursor == "" {
			break
		}
	}
	require.Greater(t, pages, 2)
	require.Len(t, slices.Collect(maps.Keys(got)), 40)
	require.Empty(t, m.snapshot("~", 1000).Members, "a cursor beyond all")
	require.Len(t, m.snapshot("", 1).Members, 1, "a page is never empty if there is somebody")
}
