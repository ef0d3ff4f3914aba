package authz

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A flood evicts nothing of others: one principal loses its own tickets, and the tickets of many
// are refused.
func TestMemoryTicketsUnderFlood(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := NewMemoryTickets(WithClock(func() time.Time { return now })).(*memoryTickets)
	create := func(owner string, i int, life time.Duration) error {
		return s.Create(t.Context(), fmt.Sprint(owner, i), Ticket{Principal: Principal{ID: owner}, ExpiresAt: now.Add(life)})
	}
	require.NoError(t, create("ann", 0, time.Second))
	for i := range 3 * maxMemoryEntries {
		require.NoError(t, create("eve", i, time.Hour), "one principal's own make room")
	}
	require.Len(t, s.tickets.m, 1+maxMemoryPerPrincipal)
	_, err := s.Consume(t.Context(), fmt.Sprint("eve", 3*maxMemoryEntries-maxMemoryPerPrincipal-1))
	require.ErrorIs(t, err, ErrNoTicket)
	_, err = s.Consume(t.Context(), fmt.Sprint("eve", 3*maxMemoryEntries-1))
	require.NoError(t, err)

	for i := 0; len(s.tickets.m) < maxMemoryEntries; i++ {
		require.NoError(t, create(fmt.Sprint("bot", i), 0, time.Hour))
	}
	require.ErrorIs(t, create("bob", 0, time.Hour), errMemoryFull)
	require.Len(t, s.tickets.m, maxMemoryEntries)
	now = now.Add(time.Second)
	require.NoError(t, create("bob", 0, time.Hour), "what has expired makes room")
	_, err = s.Consume(t.Context(), "ann0")
	require.ErrorIs(t, err, ErrNoTicket)
	_, err = s.Consume(t.Context(), "bob0")
	require.NoError(t, err)
}

func TestMemoryRenewalsUnderFlood(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := NewMemoryRenewals(WithClock(func() time.Time { return now })).(*memoryRenewals)
	require.NoError(t, s.Save(t.Context(), "ann", Principal{ID: "ann", ExpiresAt: now.Add(time.Second)}))
	for i := range 2 * maxMemoryEntries {
		require.NoError(t, s.Save(t.Context(), fmt.Sprint("eve", i), Principal{ID: "eve"}))
	}
	p, err := s.Load(t.Context(), "ann")
	require.NoError(t, err)
	require.Equal(t, "ann", p.ID)
	for i := 0; len(s.renewals.m) < maxMemoryEntries; i++ {
		require.NoError(t, s.Save(t.Context(), fmt.Sprint("bot", i), Principal{ID: fmt.Sprint("bot", i)}))
	}
	require.ErrorIs(t, s.Save(t.Context(), "bob", Principal{ID: "bob"}), errMemoryFull)
	require.NoError(t, s.Save(t.Context(), "ann", Principal{ID: "ann"}), "one that is there is kept anew")
	now = now.Add(3 * time.Hour) // no connection lasts so long
	require.NoError(t, s.Save(t.Context(), "bob", Principal{ID: "bob"}))
}

// If a principal has too many entries, expired ones make room before valid ones.
func TestWhatHasExpiredGoesBeforeWhatIsGood(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := NewMemoryRenewals(WithClock(func() time.Time { return now })).(*memoryRenewals)
	require.NoError(t, s.Save(t.Context(), "first", Principal{ID: "ann"}))
	for i := range maxMemoryPerPrincipal - 1 {
		require.NoError(t, s.Save(t.Context(), fmt.Sprint(i), Principal{ID: "ann", ExpiresAt: now.Add(time.Minute)}))
	}
	now = now.Add(time.Minute)
	require.NoError(t, s.Save(t.Context(), "last", Principal{ID: "ann"}))
	for _, id := range []string{"first", "last"} {
		_, err := s.Load(t.Context(), id)
		require.NoError(t, err, id)
	}
}

// Of several calls that create the same hash at the same time, one succeeds.
func TestMemoryTicketsCreateOnce(t *testing.T) {
	t.Parallel()
	s := NewMemoryTickets()
	for i := range 2000 {
		var kept atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				ticket := Ticket{Principal: Principal{ID: "ann"}, ExpiresAt: time.Now().Add(time.Hour)}
				if s.Create(t.Context(), fmt.Sprint(i), ticket) == nil {
					kept.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, kept.Load())
	}
}

// The map, the owners' lists and the heap hold the same entries after many changes.
func TestQuotasAreConsistent(t *testing.T) {
	t.Parallel()
	var q quotas[int]
	now := time.Unix(0, 0)
	for i := range 5000 {
		err := q.put(fmt.Sprint(i%700), fmt.Sprint(i%13), i, now.Add(time.Duration(i*7919%1000)), now)
		require.NoError(t, err)
		if i%3 == 0 {
			q.take(fmt.Sprint(i % 350))
		}
	}
	total := 0
	for owner, own := range q.owners {
		require.Positive(t, own.Len(), owner)
		require.LessOrEqual(t, own.Len(), maxMemoryPerPrincipal)
		total += own.Len()
	}
	require.Len(t, q.m, total)
	require.Len(t, q.ends, total)
	for i, e := range q.ends {
		require.Equal(t, i, e.place)
		require.Same(t, e, q.m[e.key])
		require.False(t, i > 0 && e.ends.Before(q.ends[(i-1)/2].ends), "the heap's order")
	}
}
