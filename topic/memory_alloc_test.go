//go:build !race

// The race detector allocates.

package topic

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMemoryAllocs bounds what a call allocates: an append the entry and two copies of its events
// and data, a page its entries and a copy of each.
func TestMemoryAllocs(t *testing.T) {
	m, last := filled(t, 100)
	ctx, e := t.Context(), event(`{"text":"hello"}`)
	require.LessOrEqual(t, testing.AllocsPerRun(200, func() { _, _ = m.Append(ctx, "room", e) }), 6.0)
	require.Zero(t, testing.AllocsPerRun(200, func() { _, _ = m.Read(ctx, Query{Topic: "room", Before: &last, Keep: 1}) }))
	most := testing.AllocsPerRun(200, func() { _, _ = m.Read(ctx, Query{Topic: "room", Newest: 50}) })
	require.LessOrEqual(t, most, 110.0)
}
