package broadcast

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/stretchr/testify/require"
)

// answers fails the posts to the named connections.
func answers(errs map[string]error) posterFunc {
	return func(_ context.Context, to gatesock.Target, _ []byte) error { return errs[to.ConnectionID] }
}

func TestDelayedPostHoldsNoWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var posts record
		start := time.Now()
		var last time.Duration
		p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
			n := posts.add(to.ConnectionID)
			if to.ConnectionID != "c0" {
				<-time.After(time.Millisecond) // virtual time: how long the post takes.
				return nil
			}
			last = time.Since(start)
			if n < 4 {
				return gatesock.ErrThrottled
			}
			return nil
		})
		b := New(p, room(10, 10), WithConcurrency(1), withJitter(fullJitter), inOrder())
		rep, err := b.Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, Report{Audience: 10, Delivered: 10, Throttled: 3, Retries: 3}, rep)
		require.Equal(t, []string{"c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c0", "c0", "c0"}, posts.ids)
		require.Equal(t, (100+200+400)*time.Millisecond, last)
		require.Equal(t, last, time.Since(start), "nothing is waited for after the last post")
	})
}

// When one post in a hundred is throttled the others lose nothing by it: no worker sleeps until the
// retry, and it is too little for the rate to fall.
func TestAFewThrottledPostsCostNoTime(t *testing.T) {
	t.Parallel()
	const members, concurrency, latency = 20_000, 64, 10 * time.Millisecond
	store := crowd(t, members)
	synctest.Test(t, func(t *testing.T) {
		var tried sync.Map
		p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
			<-time.After(latency) // virtual time: how long the post takes.
			if _, again := tried.Swap(to.ConnectionID, true); !again && strings.HasSuffix(to.ConnectionID, "50") {
				return gatesock.ErrThrottled
			}
			return nil
		})
		start := time.Now()
		rep, err := New(p, store, WithConcurrency(concurrency)).Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, Report{Audience: members, Delivered: members, Throttled: members / 100, Retries: members / 100}, rep)
		require.LessOrEqual(t, time.Since(start), members/concurrency*latency*11/10)
	})
}

func TestDueRetryComesBeforeFreshMembers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var posts record
		p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
			<-time.After(60 * time.Millisecond) // virtual time: how long the post takes.
			if posts.add(to.ConnectionID) == 1 && to.ConnectionID == "c0" {
				return gatesock.ErrThrottled
			}
			return nil
		})
		b := New(p, room(4, 4), WithConcurrency(1), withJitter(fullJitter), inOrder())
		_, err := b.Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, []string{"c0", "c1", "c2", "c0", "c3"}, posts.ids)
	})
}

func TestEarliestRetryComesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var posts record
		p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
			if posts.add(to.ConnectionID) == 1 {
				return gatesock.ErrThrottled
			}
			return nil
		})
		waits := []time.Duration{
			30 * time.Millisecond, 10 * time.Millisecond, 40 * time.Millisecond,
			20 * time.Millisecond,
		} // for c0 to c3
		jitter := func(time.Duration) time.Duration {
			defer func() { waits = waits[1:] }()
			return waits[0]
		}
		_, err := New(p, room(4, 4), WithConcurrency(1), withJitter(jitter), inOrder()).Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, []string{"c1", "c3", "c0", "c2"}, posts.ids[4:])
	})
}

func TestRetriesEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		attempts int
		within   time.Duration
		posts    int
		took     time.Duration
	}{
		{"no retries", 1, time.Minute, 1, 0},
		{"by number", 4, time.Minute, 4, 700 * time.Millisecond},
		{"by time", 100, time.Second, 4, 700 * time.Millisecond},
		{"at the end of the time", 100, 700 * time.Millisecond, 4, 700 * time.Millisecond},
		{"a moment too late", 100, 700*time.Millisecond - 1, 3, 300 * time.Millisecond},
		{"the wait is bounded", 9, time.Hour, 9, (100 + 200 + 400 + 800 + 1600 + 3200 + 5000 + 5000) * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				p := answers(map[string]error{"c0": errFault})
				b := New(p, room(1, 1), WithRetries(c.attempts, c.within), withJitter(fullJitter))
				rep, err := b.Send(t.Context(), To("room"), hello())
				require.NoError(t, err)
				require.Equal(t, c.posts-1, rep.Retries)
				require.Equal(t, []PostError{{"c0", c.posts, errFault}}, rep.Errors)
				require.Equal(t, c.took, time.Since(start))
			})
		})
	}
}

func TestStoreFailsInTheMiddle(t *testing.T) {
	t.Parallel()
	store := room(30, 10)
	store.readErr = map[string]int{"room": 2}
	rep, err := New(always(nil), store).Send(t.Context(), To("room"), hello())
	require.ErrorIs(t, err, errStore)
	require.ErrorContains(t, err, `broadcast: conn: reading group "room": `)
	require.Equal(t, Report{Audience: 20, Delivered: 20, Incomplete: true, Cursor: rep.Cursor}, rep)
	require.NotEmpty(t, rep.Cursor)
}

// circling is a store whose cursors come again and again.
type circling struct {
	conn.Store

	shards int
	next   map[conn.Cursor]conn.Cursor
}

func (c circling) Shards(context.Context, string) (int, error) { return c.shards, nil }
func (c circling) Read(_ context.Context, q conn.Query) (conn.Page, error) {
	return conn.Page{Members: []conn.Member{{ID: "x"}}, Next: c.next[q.After]}, nil
}

func TestStoreThatBreaksItsContract(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		says  string
		store circling
	}{
		{"the same cursor again", circling{shards: 1, next: map[conn.Cursor]conn.Cursor{"": "a", "a": "a"}}},
		{"the same cursor again", circling{shards: 1, next: map[conn.Cursor]conn.Cursor{"": "a", "a": "b", "b": "a"}}},
		{"the store returned 0 shards", circling{}},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		rep, err := New(always(nil), c.store).Send(ctx, To("room"), hello())
		cancel()
		require.ErrorContains(t, err, c.says)
		require.True(t, rep.Incomplete)
	}
}

func TestNoMoreGoroutinesThanNeeded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ members, concurrency, want int }{{3, 64, 3}, {100, 5, 5}, {1, 1, 1}} {
		synctest.Test(t, func(t *testing.T) {
			var running, most atomic.Int64
			p := posterFunc(func(context.Context, gatesock.Target, []byte) error {
				if n := running.Add(1); n > most.Load() {
					most.Store(n)
				}
				<-time.After(time.Second) // virtual time: how long the post takes.
				running.Add(-1)
				return nil
			})
			_, err := New(p, room(c.members, 7), WithConcurrency(c.concurrency)).Send(t.Context(), To("room"), hello())
			require.NoError(t, err)
			require.EqualValues(t, c.want, most.Load())
		})
	}
}

// Reading pauses while as many wait for a retry as may.
func TestReadingWaitsForRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := room(1000, 1)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		p := always(gatesock.ErrThrottled)
		b := New(p, store, WithDeadlineMargin(0), WithConcurrency(2),
			withJitter(func(time.Duration) time.Duration { return time.Minute }), WithRetries(2, time.Hour))
		rep, err := b.Send(ctx, To("room"), hello())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 50*time.Millisecond, time.Since(start), "the end of the context is not waited for in vain")
		require.GreaterOrEqual(t, rep.Audience, backlogFactor*2)
		require.LessOrEqual(t, rep.Audience, backlogFactor*2+2, "as many as are posted to may come on top")
		require.Equal(t, rep.Audience+1, store.reads, "one page ahead")
	})
}

func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	p := always(gatesock.ErrTooLarge)
	rep, err := New(p, room(100, 10)).Send(t.Context(), To("room"), hello())
	require.NoError(t, err)
	require.Equal(t, 100, rep.Failed)
	require.Len(t, rep.Errors, maxReportErrors)
}

func TestSendsAtOnce(t *testing.T) {
	t.Parallel()
	b := New(always(nil), room(200, 9), WithConcurrency(4))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			rep, err := b.Send(t.Context(), To("room"), hello())
			if err != nil || rep.Delivered != 200 {
				t.Errorf("%+v, %v", rep, err)
			}
		})
	}
	wg.Wait()
}

func TestMessageIsCheckedBeforeTheStoreIsRead(t *testing.T) {
	t.Parallel()
	store := room(1, 1)
	p := posterFunc(func(context.Context, gatesock.Target, []byte) error { panic("posted") })
	b := New(p, store)
	ctx := t.Context()

	_, err := b.Send(ctx, To("room"), gatesock.Push{Event: "e", Data: strings.Repeat("x", gatesock.MaxMessageSize)})
	require.ErrorIs(t, err, gatesock.ErrTooLarge)
	_, err = b.Send(ctx, To("room"), gatesock.Push{})
	require.ErrorContains(t, err, "Event is empty")
	_, err = b.Send(ctx, To("room"), gatesock.Push{Event: "e", Data: make(chan int)})
	require.ErrorContains(t, err, "encoding the data")
	for _, frame := range [][]byte{nil, {}, []byte("\xff"), make([]byte, gatesock.MaxMessageSize+1)} {
		_, err = b.SendFrame(ctx, To("room"), frame)
		require.Error(t, err)
	}
	require.Zero(t, store.reads)
}

func TestFrameAndTarget(t *testing.T) {
	t.Parallel()
	store := &shelf{groups: map[string][][]conn.Member{"room": {{{ID: "x", Endpoint: "https://other.example"}}}}}
	var to gatesock.Target
	var data []byte
	p := posterFunc(func(_ context.Context, target gatesock.Target, frame []byte) error {
		to, data = target, bytes.Clone(frame)
		return nil
	})
	_, err := New(p, store).SendFrame(t.Context(), To("room"), []byte("as it is"))
	require.NoError(t, err)
	require.Equal(t, gatesock.Target{ConnectionID: "x", Endpoint: "https://other.example"}, to)
	require.Equal(t, "as it is", string(data))
}

// shouting is a codec.
type shouting struct{ gatesock.JSON }

func (shouting) Marshal(v any) ([]byte, error) {
	return bytes.ToUpper([]byte(`"` + v.(string) + `"`)), nil
}

func TestCodec(t *testing.T) {
	t.Parallel()
	var data string
	p := posterFunc(func(_ context.Context, _ gatesock.Target, frame []byte) error {
		data = string(frame)
		return nil
	})
	b := New(p, room(1, 1), WithCodec(shouting{}))
	_, err := b.Send(t.Context(), To("room"), gatesock.Push{Event: "e", Data: "loud"})
	require.NoError(t, err)
	require.Equal(t, `{"event":"e","data":"LOUD"}`, data)

	names := gatesock.Envelope{Event: "type", Topic: "channel", Data: "payload"}
	b = New(p, room(1, 1), WithCodec(shouting{}), WithEnvelope(names))
	_, err = b.Send(t.Context(), To("room"), gatesock.Push{Event: "e", Topic: "t", Data: "loud"})
	require.NoError(t, err)
	require.Equal(t, `{"type":"e","channel":"t","payload":"LOUD"}`, data)
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "broadcast: New: poster must not be nil", func() { New(nil, room(0, 1)) })
	require.PanicsWithValue(t, "broadcast: New: store must not be nil", func() { New(always(nil), nil) })
	for _, f := range []func(){
		func() { WithConcurrency(0) },
		func() { WithPostTimeout(0) },
		func() { WithRetries(0, 0) },
		func() { WithRetries(1, -1) },
		func() { WithEnvelope(gatesock.Envelope{Event: "data"}) },
		func() { WithPruneGrace(-1) },
		func() { WithClock(nil) },
		func() { WithCodec(nil) },
		func() { WithLogger(nil) },
		func() { WithRate(0) },
		func() { WithRate(math.Inf(1)) },
		func() { WithRate(math.NaN()) },
		func() { WithCoalescing(0) },
		func() { WithHandOffAfter(-1) },
		func() { New(always(nil), room(0, 1), WithHandOffAfter(0)) },
	} {
		require.Panics(t, f)
	}
	for _, b := range []*Broadcaster{nil, {}} {
		_, err := b.Send(t.Context(), To("room"), hello())
		require.ErrorContains(t, err, "not made by New")
	}
}

// A store may give the same page again and again.
func TestPagesStayTheStores(t *testing.T) {
	t.Parallel()
	store := room(3, 3)
	_, err := New(always(nil), store).Send(t.Context(), To("room").Except("c0"), hello())
	require.NoError(t, err)
	require.Equal(t, room(3, 3).groups, store.groups)
}

func TestDefaultJitterStaysWithin(t *testing.T) {
	t.Parallel()
	b := New(always(nil), room(0, 1), WithLogger(slog.Default()))
	for range 1000 {
		d := b.jitter(10)
		require.GreaterOrEqual(t, d, time.Duration(0))
		require.LessOrEqual(t, d, time.Duration(10))
	}
}
