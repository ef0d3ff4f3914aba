package metering_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/metering"
)

// picky is a UsageStore that counts the records it is given, and treats them as a test says.
type picky struct {
	metering.Memory

	writes   atomic.Int64
	rejects  func(r metering.Record) bool
	down     atomic.Bool
	mu       sync.Mutex
	rejected []metering.Record
}

func (s *picky) Add(ctx context.Context, records []metering.Record) (retry, rejected []metering.Record, err error) {
	s.writes.Add(int64(len(records)))
	var good []metering.Record
	for _, r := range records {
		switch {
		case s.rejects != nil && s.rejects(r):
			rejected = append(rejected, r)
		case s.down.Load():
			retry = append(retry, r)
		default:
			good = append(good, r)
		}
	}
	if len(retry)+len(rejected) > 0 {
		err = errors.New("not all of them")
	}
	_, _, _ = s.Memory.Add(ctx, good)
	s.mu.Lock()
	s.rejected = append(s.rejected, rejected...)
	s.mu.Unlock()
	return retry, rejected, err
}

// sending returns a function that handles one message of a sender.
func sending(t *testing.T, u *metering.Meter) func(from string) {
	t.Helper()
	by := ratelimit.ByFunc("sender", func(req *gatesock.Request) string { return req.ConnectionID })
	h := u.Middleware(by)(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	return func(from string) {
		if _, err := h(t.Context(), &gatesock.Request{EventType: gatesock.EventMessage, ConnectionID: from}); err != nil {
			t.Error(err)
		}
	}
}

// TestRecordsThatCanNeverBeWrittenAreDropped checks that records that the store can never take
// are written once, counted, and logged once; all others are kept.
func TestRecordsThatCanNeverBeWrittenAreDropped(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	now := noon()
	store := &picky{rejects: func(r metering.Record) bool { return strings.HasPrefix(r.Name, "bad") }}
	u := metering.NewMeter(
		store,
		metering.WithClock(func() time.Time { return now }),
		metering.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
	)
	send := sending(t, u)
	for i := range maxPending {
		send(fmt.Sprint("bad ", i))
	}
	require.EqualValues(t, 100, store.writes.Load())
	for range 20 {
		send("ann")
	}
	require.EqualValues(t, 100, store.writes.Load(), "20 messages of one sender are one record, when it is time")
	now = now.Add(flushEvery)
	send("ann")
	require.EqualValues(t, 101, store.writes.Load(), "and nothing is written that was refused")
	require.EqualValues(t, 100, u.Dropped())
	require.Equal(t, 1, strings.Count(log.String(), "\n"), "%s", log.String())
	require.Contains(t, log.String(), "level=ERROR")
	for i := range maxPending {
		send(fmt.Sprint("bad too ", i))
	}
	require.EqualValues(t, 200, u.Dropped())
	require.Equal(t, 1, strings.Count(log.String(), "\n"), "once an hour")
	got, err := store.Day(t.Context(), now)
	require.NoError(t, err)
	require.Equal(t, []metering.Record{{Day: "2026-11-24", Kind: "sender", Name: "ann", Messages: 21}}, got)
}

// TestAFlushThatFailedWaits checks that a failed flush waits, longer each time, and that
// everything is written once when the store is back.
func TestAFlushThatFailedWaits(t *testing.T) {
	t.Parallel()
	now := noon()
	store := new(picky)
	store.down.Store(true)
	u := metering.NewMeter(store, metering.WithClock(func() time.Time { return now }), metering.WithLogger(silent()))
	send := sending(t, u)
	for i := range maxPending {
		send(fmt.Sprint(i))
	}
	require.EqualValues(t, 100, store.writes.Load())
	for range 20 {
		send("0")
	}
	require.EqualValues(t, 100, store.writes.Load(), "the 20 messages after it write nothing")
	flushes := 0
	for range 60 * 60 { // an hour
		before := store.writes.Load()
		now = now.Add(time.Second)
		send("0")
		if store.writes.Load() > before {
			flushes++
		}
	}
	require.GreaterOrEqual(t, flushes, 10)
	require.LessOrEqual(t, flushes, 20)
	store.down.Store(false)
	now = now.Add(5 * time.Minute)
	send("0")
	got, err := store.Day(t.Context(), noon())
	require.NoError(t, err)
	require.Len(t, got, 100)
	total := int64(0)
	for _, r := range got {
		total += r.Messages
	}
	require.EqualValues(t, 100+20+3600+1, total)
	require.Zero(t, u.Dropped())

	// From now on it writes as at first.
	before := store.writes.Load()
	now = now.Add(flushEvery)
	send("0")
	require.Equal(t, before+1, store.writes.Load())
	for i := range maxPending {
		send(fmt.Sprint(i))
	}
	require.Equal(t, before+1+maxPending, store.writes.Load(), "a hundred do not wait")
}

// TestAFailureHastensNothing checks that a failure never makes the next write earlier.
func TestAFailureHastensNothing(t *testing.T) {
	t.Parallel()
	for _, every := range []time.Duration{time.Second, 10 * time.Minute} {
		now := noon()
		store := new(picky)
		store.down.Store(true)
		u := metering.NewMeter(
			store,
			metering.WithFlushInterval(every),
			metering.WithClock(func() time.Time { return now }),
			metering.WithLogger(silent()),
		)
		send := sending(t, u)
		send("ann")
		for failure := range 20 {
			require.Error(t, u.Flush(t.Context()))
			writes := store.writes.Load()
			now = now.Add(every - 1)
			send("ann")
			require.Equal(t, writes, store.writes.Load(), "%v after %d failures", every, failure+1)
		}
	}
}

// failing is a UsageStore that says no more than that it has failed.
type failing struct {
	metering.Memory

	down bool
}

func (s *failing) Add(ctx context.Context, records []metering.Record) (retry, rejected []metering.Record, err error) {
	if s.down {
		return nil, nil, errors.New("down")
	}
	return s.Memory.Add(ctx, records)
}

// TestAnErrorWithoutRecordsLosesNone checks that nothing is lost if a store returns an error
// without records.
func TestAnErrorWithoutRecordsLosesNone(t *testing.T) {
	t.Parallel()
	store := &failing{down: true}
	u := metering.NewMeter(store, metering.WithClock(noon), metering.WithLogger(silent()))
	send := sending(t, u)
	for _, from := range []string{"ann", "bob", "ann"} {
		send(from)
	}
	require.ErrorContains(t, u.Flush(t.Context()), "2 of 2 records: down")
	store.down = false
	require.NoError(t, u.Flush(t.Context()))
	got, err := store.Day(t.Context(), noon())
	require.NoError(t, err)
	require.Equal(t, []metering.Record{
		{
			Day:      "2026-11-24",
			Kind:     "sender",
			Name:     "ann",
			Messages: 2,
		}, {Day: "2026-11-24", Kind: "sender", Name: "bob", Messages: 1},
	}, got)
}

// TestWhatCanNotBeKeptIsCounted checks that records that cannot be kept are counted as dropped.
func TestWhatCanNotBeKeptIsCounted(t *testing.T) {
	t.Parallel()
	now := noon()
	store := new(picky)
	store.down.Store(true)
	u := metering.NewMeter(
		store,
		metering.WithMaxPending(2),
		metering.WithClock(func() time.Time { return now }),
		metering.WithLogger(silent()),
	)
	send := sending(t, u)
	for i := range 25 {
		send(fmt.Sprint(i))
	}
	send("0") // is among what is kept
	require.EqualValues(t, 5, u.Dropped(), "twenty are kept")
}

// TestUsageOfNamesThatNoTableTakes checks that names that no table takes are counted by their
// hash.
func TestUsageOfNamesThatNoTableTakes(t *testing.T) {
	t.Parallel()
	store := new(picky)
	u := metering.NewMeter(store, metering.WithClock(noon), metering.WithLogger(silent()))
	send := sending(t, u)
	send(strings.Repeat("x", 5000))
	send("\xff")
	require.NoError(t, u.Flush(t.Context()))
	got, err := store.Day(t.Context(), noon())
	require.NoError(t, err)
	require.Len(t, got, 2)
	for _, r := range got {
		require.NoError(t, r.Validate())
		require.True(t, utf8.ValidString(r.Name))
		require.Less(t, len(r.Name), 100)
	}

	// A record that had to wait keeps its name.
	down := &failing{down: true}
	u = metering.NewMeter(down, metering.WithClock(noon), metering.WithLogger(silent()))
	send = sending(t, u)
	send("\xff")
	require.Error(t, u.Flush(t.Context()))
	send("\xff")
	down.down = false
	require.NoError(t, u.Flush(t.Context()))
	got, err = down.Day(t.Context(), noon())
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.EqualValues(t, 2, got[0].Messages)
}

// stuck is a UsageStore that answers when its context ends.
type stuck struct{ metering.Memory }

func (*stuck) Add(ctx context.Context, records []metering.Record) (retry, rejected []metering.Record, err error) {
	<-ctx.Done()
	return records, nil, ctx.Err()
}

// TestAUsageStoreThatHangs checks that a store that hangs delays one message for a bounded time,
// and no other.
func TestAUsageStoreThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := metering.NewMeter(new(stuck), metering.WithLogger(silent()))
		send := sending(t, u)
		send("ann")
		<-time.After(flushEvery)
		begun := time.Now()
		var first sync.WaitGroup
		first.Go(func() { send("ann") })
		synctest.Wait()
		for i := range 500 {
			send(fmt.Sprint(i))
		}
		require.Zero(t, time.Since(begun))
		first.Wait()
		require.Equal(t, flushTimeout, time.Since(begun))
	})
}
