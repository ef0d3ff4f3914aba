package ratelimit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/wstest"
)

// ledgerBook is a UsageStore that counts its writes, and can be told to fail.
type ledgerBook struct {
	ratelimit.MemoryUsage

	writes int
	fail   bool
}

func (b *ledgerBook) Add(ctx context.Context, records []ratelimit.UsageRecord) (retry, rejected []ratelimit.UsageRecord, err error) {
	b.writes++
	if b.fail {
		_, _, _ = b.MemoryUsage.Add(ctx, records[:1])
		return records[1:], nil, errors.New("down")
	}
	return b.MemoryUsage.Add(ctx, records)
}

func TestUsage(t *testing.T) {
	t.Parallel()
	book := new(ledgerBook)
	var h *wstest.Harness
	usage := &ratelimit.UsageMeter{Store: book, Clock: func() time.Time { return h.Now() }, Logger: silent()}
	h = wstest.New(t, echo(usage.Middleware(ratelimit.ByUser())))
	day := h.Now()
	ann := h.Connect(wstest.WithAuthorizerContext("ann", map[string]any{"plan": "pro"}))
	bob := h.Connect(wstest.WithUser("bob"))
	for range 100 {
		ann.Request("say", nil).ExpectAck()
	}
	ann.Request("unknown", nil).ExpectError(gatesock.CodeNotFound)
	require.Zero(t, book.writes)
	h.Advance(ratelimit.DefaultFlushEvery)
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
	require.Equal(t, []ratelimit.UsageRecord{
		{Day: today, Kind: "plan", Name: "pro", Connections: 1, Messages: 101},
		{Day: today, Kind: "user", Name: "ann", Connections: 1, Messages: 101},
		{Day: today, Kind: "user", Name: "bob", Connections: 1, Messages: 1},
	}, got, "what could not be written was, later, and nothing twice")
	got, err = book.Day(t.Context(), day.Add(24*time.Hour))
	require.NoError(t, err)
	require.Empty(t, got)
}

// refusing is a UsageStore that takes nothing.
type refusing struct{ ratelimit.UsageStore }

func (refusing) Add(_ context.Context, records []ratelimit.UsageRecord) (retry, rejected []ratelimit.UsageRecord, err error) {
	return records, nil, errors.New("down")
}

func TestUsageIsBounded(t *testing.T) {
	t.Parallel()
	book := new(ledgerBook)
	now := noon()
	usage := &ratelimit.UsageMeter{Store: book, MaxPending: 2, Clock: func() time.Time { return now }, Logger: silent()}
	handler := usage.Middleware(ratelimit.BySourceIP())(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	for i := range 100 {
		req := &gatesock.Request{EventType: gatesock.EventMessage}
		req.Identity.SourceIP = time.Duration(i).String()
		_, err := handler(t.Context(), req)
		require.NoError(t, err)
	}
	require.Greater(t, book.writes, 49, "written when there are two")
	require.NoError(t, usage.Flush(t.Context()))

	// Where nothing can be written, ten times as much is kept.
	full := &ratelimit.UsageMeter{Store: refusing{}, MaxPending: 2, Clock: func() time.Time { return now }, Logger: silent()}
	handler = full.Middleware(ratelimit.BySourceIP())(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	for i := range 100 {
		req := &gatesock.Request{EventType: gatesock.EventMessage}
		req.Identity.SourceIP = time.Duration(i).String()
		_, err := handler(t.Context(), req)
		require.NoError(t, err)
	}
	full.Store = new(ratelimit.MemoryUsage)
	require.NoError(t, full.Flush(t.Context()))
	kept, err := full.Store.Day(t.Context(), now)
	require.NoError(t, err)
	require.Len(t, kept, 20)
	require.Panics(t, func() { new(ratelimit.UsageMeter).Middleware(ratelimit.ByUser()) })
	require.Panics(t, func() { usage.Middleware(ratelimit.KeyFunc{}) })
}
