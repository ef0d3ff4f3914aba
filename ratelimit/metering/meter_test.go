package metering_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/metering"
	"github.com/gatesock/gatesock/wstest"
)

// ledgerBook is a UsageStore that counts its writes, and can be told to fail.
type ledgerBook struct {
	metering.Memory

	writes int
	fail   bool
}

func (b *ledgerBook) Add(
	ctx context.Context,
	records []metering.Record,
) (retry, rejected []metering.Record, err error) {
	b.writes++
	if b.fail {
		_, _, _ = b.Memory.Add(ctx, records[:1])
		return records[1:], nil, errors.New("down")
	}
	return b.Memory.Add(ctx, records)
}

func TestUsage(t *testing.T) {
	t.Parallel()
	book := new(ledgerBook)
	var h *wstest.Harness
	usage := metering.NewMeter(
		book,
		metering.WithClock(func() time.Time { return h.Now() }),
		metering.WithLogger(silent()),
	)
	h = wstest.New(t, echo(usage.Middleware(ratelimit.ByUser())))
	day := h.Now()
	ann := h.Connect(wstest.WithAuthorizerContext("ann", map[string]any{"plan": "pro"}))
	bob := h.Connect(wstest.WithUser("bob"))
	for range 100 {
		ann.Request("say", nil).ExpectAck()
	}
	ann.Request("unknown", nil).ExpectError(gatesock.CodeNotFound)
	require.Zero(t, book.writes)
	h.Advance(flushEvery)
	book.fail = true
	bob.Request("say", nil).ExpectAck()
	require.Equal(t, 1, book.writes)
	book.fail = false
	bob.Close(1000, "") // counts nothing
	require.NoError(t, usage.Flush(t.Context()))
	require.NoError(t, usage.Flush(t.Context()))
	require.Equal(t, 2, book.writes, "nothing more to write")
	got, err := book.Day(t.Context(), day)
	require.NoError(t, err)
	today := day.UTC().Format(time.DateOnly)
	require.Equal(t, []metering.Record{
		{Day: today, Kind: "plan", Name: "pro", Connections: 1, Messages: 101},
		{Day: today, Kind: "user", Name: "ann", Connections: 1, Messages: 101},
		{Day: today, Kind: "user", Name: "bob", Connections: 1, Messages: 1},
	}, got, "what could not be written was, later, and nothing twice")
	got, err = book.Day(t.Context(), day.Add(24*time.Hour))
	require.NoError(t, err)
	require.Empty(t, got)
}

// refusing is a Store that takes nothing until it is up.
type refusing struct {
	metering.Memory

	up bool
}

func (s *refusing) Add(
	ctx context.Context,
	records []metering.Record,
) (retry, rejected []metering.Record, err error) {
	if !s.up {
		return records, nil, errors.New("down")
	}
	return s.Memory.Add(ctx, records)
}

func TestUsageIsBounded(t *testing.T) {
	t.Parallel()
	book := new(ledgerBook)
	now := noon()
	usage := metering.NewMeter(
		book,
		metering.WithMaxPending(2),
		metering.WithClock(func() time.Time { return now }),
		metering.WithLogger(silent()),
	)
	handler := usage.Middleware(
		ratelimit.BySourceIP(),
	)(
		func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil },
	)
	for i := range 100 {
		req := &gatesock.Request{EventType: gatesock.EventMessage}
		req.Identity.SourceIP = time.Duration(i).String()
		_, err := handler(t.Context(), req)
		require.NoError(t, err)
	}
	require.Greater(t, book.writes, 49, "written when there are two")
	require.NoError(t, usage.Flush(t.Context()))

	// If nothing can be written, ten times as many are kept.
	store := new(refusing)
	full := metering.NewMeter(
		store,
		metering.WithMaxPending(2),
		metering.WithClock(func() time.Time { return now }),
		metering.WithLogger(silent()),
	)
	handler = full.Middleware(
		ratelimit.BySourceIP(),
	)(
		func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil },
	)
	for i := range 100 {
		req := &gatesock.Request{EventType: gatesock.EventMessage}
		req.Identity.SourceIP = time.Duration(i).String()
		_, err := handler(t.Context(), req)
		require.NoError(t, err)
	}
	store.up = true
	require.NoError(t, full.Flush(t.Context()))
	kept, err := store.Day(t.Context(), now)
	require.NoError(t, err)
	require.Len(t, kept, 20)
	require.PanicsWithValue(t, "metering: NewMeter: store must not be nil", func() { metering.NewMeter(nil) })
	require.PanicsWithValue(t, "metering: NewMeter: an option is nil", func() { metering.NewMeter(store, nil) })
	require.Panics(t, func() { usage.Middleware(ratelimit.KeyFunc{}) })
}

// TestTimeGoesOnWhileFrozen checks that the time in which a process is frozen counts: what was
// counted before is written.
func TestTimeGoesOnWhileFrozen(t *testing.T) {
	t.Parallel()
	now := time.Now()
	store := new(picky)
	send := sending(t, metering.NewMeter(store, metering.WithClock(func() time.Time { return now })))
	for want := range int64(3) {
		send("ann")
		require.Equal(t, want, store.writes.Load())
		now = testclock.Frozen(now, flushEvery)
	}
}

// TestAClockThatIsSetBack checks that records do not wait until the clock has caught up.
func TestAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	now := noon()
	store := new(picky)
	send := sending(t, metering.NewMeter(store, metering.WithClock(func() time.Time { return now })))
	send("ann")
	require.Zero(t, store.writes.Load())
	now = now.Add(-time.Hour)
	send("ann")
	require.EqualValues(t, 1, store.writes.Load())
	now = now.Add(flushEvery - 1)
	send("ann")
	require.EqualValues(t, 1, store.writes.Load())
	now = now.Add(1)
	send("ann")
	require.EqualValues(t, 2, store.writes.Load())
}

// TestFullMemory checks that a full store evicts the oldest day, and nothing of the newest.
func TestFullMemory(t *testing.T) {
	t.Parallel()
	ctx, m := t.Context(), metering.NewMemory()
	record := func(day int, name string) metering.Record {
		at := noon().AddDate(0, 0, day)
		return metering.Record{Day: at.Format(time.DateOnly), Kind: "user", Name: name, Messages: 1}
	}
	add := func(records ...metering.Record) []metering.Record {
		retry, rejected, err := m.Add(ctx, records)
		require.Empty(t, rejected)
		require.Equal(t, len(retry) > 0, err != nil)
		return retry
	}
	require.Empty(t, add(record(0, "a"), record(0, "b")))
	many := make([]metering.Record, 100_000)
	for i := range many {
		many[i] = record(1, strconv.Itoa(i))
	}
	require.Empty(t, add(many...), "the day before makes room")
	before, err := m.Day(ctx, noon())
	require.NoError(t, err)
	require.Empty(t, before)

	more := []metering.Record{record(1, "c"), record(0, "a")}
	require.Equal(t, more, add(append(more, many[0])...), "what is known is still counted")
	require.Empty(t, add(record(2, "c")))
	for day, want := range []int{0, 0, 1} {
		records, err := m.Day(ctx, noon().AddDate(0, 0, day))
		require.NoError(t, err)
		require.Len(t, records, want)
	}
	require.Empty(t, add(more...), "there is room again")
}
