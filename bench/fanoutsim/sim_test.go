//go:build !race

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestEveryoneIsAccountedForOnce: with crashes and duplicates, the merged receipt and the gateway
// agree on each member. bubble fails if they do not.
func TestEveryoneIsAccountedForOnce(t *testing.T) {
	for seed := range uint64(3) {
		r := bubble(t, scenario{
			members: 12_000, shards: 4, workers: 4, limit: 3 * time.Second, quota: 2_000, burst: 1_000, inbound: 400,
			gone: 50, crashed: 0.3, doubled: 0.3, seed: seed,
		})
		require.Zero(t, r.total.Failed)
		require.Positive(t, r.refused)
		require.Greater(t, r.hops, 1)
	}
}

// TestSlowMembersAreGivenUp: slow members are failed or unsent, all others are delivered.
func TestSlowMembersAreGivenUp(t *testing.T) {
	r := bubble(t, scenario{
		members: 12_000,
		shards:  4,
		workers: 4,
		limit:   15 * time.Minute,
		quota:   2_000,
		burst:   1_000,
		inbound: 400,
		slow:    500,
		seed:    1,
	})
	require.Equal(t, 24, r.total.Failed+r.total.Unsent)
	require.Equal(t, r.total.Slow, r.total.Failed)
	require.Positive(t, r.total.Slow)
	require.Equal(t, 11_976, r.total.Delivered)
}

// TestOutagesCallNobodySlow: if the whole account is throttled again and again, by its quota and by
// outages, each healthy member gets the message and none is reported as slow.
func TestOutagesCallNobodySlow(t *testing.T) {
	for _, outage := range []time.Duration{300 * time.Millisecond, time.Second, 2 * time.Second} {
		r := bubble(t, scenario{
			members: 12_000, shards: 4, workers: 4, limit: 15 * time.Minute, quota: 2_000, burst: 1_000, inbound: 400,
			outage: outage, outageEvery: 5 * time.Second, seed: 1,
		})
		require.Equal(t, 12_000, r.total.Delivered)
		require.Zero(t, r.total.Slow)
		require.Zero(t, r.total.Failed)
	}
}

// TestQuotaIsWhatLimits: a send takes no more than a tenth longer than the quota lets it, over
// several invocations.
func TestQuotaIsWhatLimits(t *testing.T) {
	r := bubble(t, scenario{
		members: 40_000,
		shards:  8,
		workers: 8,
		limit:   10 * time.Second,
		quota:   2_000,
		burst:   1_000,
		inbound: 400,
		gone:    50,
		seed:    1,
	})
	require.Greater(t, r.hops, 1)
	require.Positive(t, r.refused)
	require.Less(t, r.ratio(), 1.1)
	require.Zero(t, r.twice)
}
