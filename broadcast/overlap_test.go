package broadcast

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// overlapping is a store of three groups: b has the members of a in the opposite order, and c every
// third of them.
func overlapping(n, pageSize, shards int) *shelf {
	groups := map[string][][]conn.Member{}
	add := func(group string, i int) {
		pages := groups[group]
		if len(pages) == 0 || len(pages[len(pages)-1]) == pageSize {
			pages = append(pages, nil)
		}
		pages[len(pages)-1] = append(pages[len(pages)-1], connMember(name(i)))
		groups[group] = pages
	}
	for i := range n {
		add("a", i)
		add("b", n-1-i)
		if i%3 == 0 {
			add("c", i)
		}
	}
	return &shelf{groups: groups, shards: shards}
}

// However often a send to overlapping groups is cut, and wherever, each member gets the message
// once: also where the cut is in the middle of a group, most of whose members come up again in the
// next.
func TestOverlappingGroupsAreServedOnce(t *testing.T) {
	t.Parallel()
	const n = 301
	for _, shards := range []int{1, 3} {
		for _, first := range []time.Duration{
			150 * time.Millisecond, 600 * time.Millisecond,
			1400 * time.Millisecond, 1600 * time.Millisecond,
		} {
			for _, relayed := range []bool{false, true} {
				t.Run(fmt.Sprint(shards, first, relayed), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						got := map[string]int{}
						p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
							got[to.ConnectionID]++
							return wait(ctx, 5*time.Millisecond, nil)
						})
						q := &jobQueue{}
						opts := []Option{WithConcurrency(1), WithDeadlineMargin(50 * time.Millisecond), WithMaxHops(100)}
						if relayed {
							opts = append(opts, WithRelay(q))
						}
						b := New(p, overlapping(n, 20, shards), opts...)
						carryOn(t, b, q, To("a", "b", "c").Except("c0", "c1", "c2"), first)
						require.Len(t, got, n-3)
						for id, times := range got {
							require.Equal(t, 1, times, id)
						}
					})
				})
			}
		}
	}
}

// carryOn sends in invocations of limited time until nobody is left: the first ends early, the
// others later.
func carryOn(t *testing.T, b *Broadcaster, q *jobQueue, to Audience, first time.Duration) {
	t.Helper()
	limit := first
	invoke := func(do func(context.Context) (Report, error)) Report {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		limit = 900 * time.Millisecond
		rep, err := do(ctx)
		if err != nil {
			require.ErrorIs(t, err, ErrDeadline)
		}
		return rep
	}
	for {
		rep := invoke(func(ctx context.Context) (Report, error) { return b.Send(ctx, to, hello()) })
		if rep.Cursor == "" {
			break
		}
		to = Resume(rep.Cursor)
	}
	for len(q.jobs) > 0 {
		j := q.jobs[0]
		q.jobs = q.jobs[1:]
		invoke(func(ctx context.Context) (Report, error) { return b.Run(ctx, j) })
	}
}

// An exception holds in each shard that is handed off.
func TestExceptedInEachShard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := room(80, 4)
		store.shards = 4
		var posted record
		p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
			posted.add(to.ConnectionID)
			return nil
		})
		q := &jobQueue{}
		excepted := []string{"c0", "c4", "c8", "c12"} // of the first page of each shard
		carryOn(t, New(p, store, WithRelay(q)), q, To("room").Except(excepted...), time.Hour)
		require.Len(t, posted.ids, 76)
		for _, id := range excepted {
			require.NotContains(t, posted.ids, id)
		}
	})
}

// Posts that run when half of the reserve is over are cut off, so that the other half is left for
// handing off.
func TestPostsAreCutOffAtHalfTheReserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := posterFunc(func(ctx context.Context, _ gatesock.Target, _ []byte) error {
			<-ctx.Done()
			return ctx.Err()
		})
		b := New(p, room(10, 5), WithConcurrency(2), WithDeadlineMargin(2*time.Second), WithPostTimeout(time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		rep, err := b.Send(ctx, To("room"), hello())
		require.ErrorIs(t, err, ErrDeadline)
		require.Equal(t, 9*time.Second, time.Since(start))
		require.Equal(t, []int{2, 3}, []int{rep.Failed, rep.Unsent})
	})
}
