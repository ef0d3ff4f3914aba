package sqsrelay_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/broadcast/sqsrelay"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/sqstest"
)

// TestCarryOn: a group that one invocation has no time for is served by several, everybody once.
func TestCarryOn(t *testing.T) {
	t.Parallel()
	for name, shards := range map[string]int{"one shard": 1, "split from the start": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n, gone, timeout = 5000, 100, 4 * time.Second
			store := members(t, n, conn.WithShards(shards))
			gateway := &clients{takes: 20 * time.Millisecond, post: func(id string) error {
				if i, err := strconv.Atoi(strings.TrimPrefix(id, "c")); err != nil || i%(n/gone) == 0 {
					return gatesock.ErrGone
				}
				return nil
			}}
			queue, dead := sqstest.QueueWithDeadLetters(t, 5)
			relay, err := sqsrelay.New(sqstest.Client(t), queue)
			require.NoError(t, err)
			// Most of the time is kept free, so that a slow machine cuts nothing off.
			b := broadcast.New(gateway, store, broadcast.WithRelay(relay), broadcast.WithMaxHops(100),
				broadcast.WithConcurrency(32), broadcast.WithDeadlineMargin(timeout-400*time.Millisecond))
			var kept reports
			f := sqstest.Function{
				Queue: queue, Timeout: timeout, Handler: mux(sqsrelay.Handler(b, sqsrelay.WithReports(kept.keep))),
			}

			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			first, err := b.Send(ctx, broadcast.To("all"), gatesock.Push{Event: "hello"})
			require.NoError(t, err)
			require.NoError(t, kept.keep(ctx, first))
			require.NotEmpty(t, first.HandedOff)
			invocations := f.Drain(t)

			require.Greater(t, invocations, 3)
			require.True(t, sqstest.Empty(t, dead))
			total := kept.merge(t, first.ID)
			require.Equal(t, [5]int{n, n - gone, gone, 0, 0},
				[5]int{total.Audience, total.Delivered, total.Gone, total.Failed, total.Unsent})
			require.False(t, total.Incomplete)
			require.Equal(t, map[int]int{1: n - gone}, gateway.counts())
		})
	}
}

// TestHopsUsedUp: members that are left when a job was handed off too often are in the dead-letter
// queue, and are served from there.
func TestHopsUsedUp(t *testing.T) {
	t.Parallel()
	const n = 200
	store, gateway := members(t, n), new(clients)
	queue, dead := sqstest.QueueWithDeadLetters(t, 2)
	relay, err := sqsrelay.New(sqstest.Client(t), queue)
	require.NoError(t, err)
	var kept reports
	// Nothing is done in an invocation but handing off.
	b := broadcast.New(gateway, store, broadcast.WithRelay(relay), broadcast.WithMaxHops(3), noTime())
	f := sqstest.Function{
		Queue: queue, Timeout: time.Minute, Visibility: 1,
		Handler: mux(sqsrelay.Handler(b, sqsrelay.WithReports(kept.keep), sqsrelay.WithLogger(quiet()))),
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	first, err := b.Send(ctx, broadcast.To("all").Except("c7"), gatesock.Push{Event: "hello"})
	require.NoError(t, err)
	require.NoError(t, kept.keep(ctx, first))
	require.Equal(t, 3+2, f.Drain(t), "three hops, and the fourth fails twice")
	require.Empty(t, gateway.counts())

	letters := sqstest.Receive(t, dead, 1, 1)
	require.Len(t, letters, 1)
	job, err := broadcast.ParseJob([]byte(*letters[0].Body))
	require.NoError(t, err)
	require.Equal(t, 4, job.Hops)

	b = broadcast.New(gateway, store, broadcast.WithRelay(relay), broadcast.WithMaxHops(100))
	f.Handler = mux(sqsrelay.Handler(b, sqsrelay.WithReports(kept.keep)))
	redrive(t, dead, queue)
	f.Drain(t)
	total := kept.merge(t, first.ID)
	require.Equal(t, [3]int{n - 1, n - 1, 0}, [3]int{total.Audience, total.Delivered, total.Unsent})
	require.Equal(t, map[int]int{1: n - 1}, gateway.counts())
}

// TestPoison: messages that are not jobs, and jobs that always fail, get into the dead-letter
// queue. The others of their batches do not.
func TestPoison(t *testing.T) {
	t.Parallel()
	store := members(t, 10)
	gateway := &clients{post: func(id string) error {
		if id == "poison" {
			panic("a bug")
		}
		return nil
	}}
	queue, dead := sqstest.QueueWithDeadLetters(t, 3)
	made := jobs(t, store, broadcast.To("all"), broadcast.ToConnections("poison"))
	bodies := [][]byte{[]byte("not a job"), made[0].Encode(), made[1].Encode(), []byte(`{"v":1}`)}
	for _, body := range bodies {
		send(t, queue, body)
	}
	b := broadcast.New(gateway, store, broadcast.WithRelay(new(drawer)))
	f := sqstest.Function{
		Queue: queue, Timeout: time.Minute, Visibility: 2, Handler: mux(sqsrelay.Handler(b, sqsrelay.WithLogger(quiet()))),
	}
	f.Invoke(t, sqstest.Receive(t, queue, 4, 2))
	require.Equal(t, map[int]int{1: 10}, gateway.counts())
	f.Drain(t)
	require.Equal(t, map[int]int{1: 10}, gateway.counts(), "the good job was not done again")
	var left [][]byte
	for _, letter := range sqstest.Receive(t, dead, 4, 30) {
		left = append(left, []byte(*letter.Body))
	}
	require.ElementsMatch(t, [][]byte{bodies[0], bodies[2], bodies[3]}, left)
}

// TestMessageDeliveredTwice: a standard queue may do so. The members get the push twice, and count
// once.
func TestMessageDeliveredTwice(t *testing.T) {
	t.Parallel()
	const n = 50
	store, gateway := members(t, n), new(clients)
	var d drawer
	hands := broadcast.New(gateway, store, broadcast.WithRelay(&d), noTime())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	first, err := hands.Send(ctx, broadcast.To("all"), gatesock.Push{Event: "hello"})
	require.NoError(t, err)
	kept := reports{all: []broadcast.Report{first}}
	require.Len(t, d.jobs, 1)

	h := sqsrelay.Handler(broadcast.New(gateway, store, broadcast.WithRelay(&d)), sqsrelay.WithReports(kept.keep))
	for range 2 {
		require.Empty(t, failures(t, time.Minute, h, event(t, d.jobs[0].Encode())))
	}
	require.Equal(t, map[int]int{2: n}, gateway.counts())
	require.Len(t, kept.all, 3)
	total := kept.merge(t, first.ID)
	require.Equal(t, [2]int{n, n}, [2]int{total.Audience, total.Delivered})
}
