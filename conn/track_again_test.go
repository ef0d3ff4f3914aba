package conn_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

func TestTrackAcceptsTheSameEventAgain(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	h := conn.Track(m)(func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		return nil, m.Join(ctx, req.ConnectionID, "room:1")
	})
	req := connecting()
	for range 2 {
		_, err := h(t.Context(), req)
		require.NoError(t, err)
	}
	got, err := m.Get(t.Context(), "c1")
	require.NoError(t, err)
	require.Equal(t, []string{"room:1", "user:ann"}, got.Groups)
}

// TestTrackAcceptsAnExactTimeAgain checks that an event with more than whole milliseconds matches
// its record.
func TestTrackAcceptsAnExactTimeAgain(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	req := connecting()
	req.ConnectedAt = req.ConnectedAt.Add(123456)
	h := conn.Track(m)(accept)
	_, err := h(t.Context(), req)
	require.NoError(t, err)
	require.NoError(t, m.Join(t.Context(), "c1", "room:1"))
	_, err = h(t.Context(), req)
	require.NoError(t, err)
	got, err := m.Get(t.Context(), "c1")
	require.NoError(t, err)
	require.Contains(t, got.Groups, "room:1", "the record was replaced")
}

// TestTrackKeepsTheRecordOfAnotherDelivery checks that a second delivery never removes the record
// of the first one.
func TestTrackKeepsTheRecordOfAnotherDelivery(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		get  error
		next func(cancel func()) error
	}{
		"refused":      {nil, func(func()) error { return errBackend }},
		"panics":       {nil, func(func()) error { panic("boom") }},
		"context ends": {nil, func(cancel func()) error { cancel(); return nil }},
		"cannot read":  {errBackend, func(func()) error { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := conn.NewMemory()
			req := connecting()
			_, err := conn.Track(m)(accept)(t.Context(), req)
			require.NoError(t, err)
			before, err := m.Get(t.Context(), "c1")
			require.NoError(t, err)

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			h := conn.Track(&faulty{Store: m, get: c.get})(
				func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, c.next(cancel) })
			func() {
				defer func() { require.Equal(t, name == "panics", recover() != nil) }()
				_, err := h(ctx, req)
				require.Error(t, err)
			}()
			after, err := m.Get(t.Context(), "c1")
			require.NoError(t, err)
			require.Equal(t, before, after)
		})
	}
}

// TestTrackRemovesWhatReplacedALeftover checks that a delivery that replaced a leftover record
// removes its own again.
func TestTrackRemovesWhatReplacedALeftover(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	require.NoError(t, m.Put(t.Context(), conn.Conn{ID: "c1", User: "eve"}))
	_, err := conn.Track(m)(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		return nil, errBackend
	})(t.Context(), connecting())
	require.ErrorIs(t, err, errBackend)
	requireNothingLeft(t, m)
}

func TestTrackReplacesALeftover(t *testing.T) {
	t.Parallel()
	req := connecting()
	for name, old := range map[string]conn.Conn{
		"of another user": {ID: "c1", User: "eve", ConnectedAt: req.ConnectedAt, Groups: []string{"admins"}},
		"of another time": {ID: "c1", User: "ann", ConnectedAt: req.ConnectedAt.Add(-time.Hour), Groups: []string{"admins"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := conn.NewMemory()
			require.NoError(t, m.Put(t.Context(), old))
			_, err := conn.Track(m)(accept)(t.Context(), req)
			require.NoError(t, err)
			got, err := m.Get(t.Context(), "c1")
			require.NoError(t, err)
			require.Equal(t, "ann", got.User)
			require.Equal(t, []string{"user:ann"}, got.Groups)
		})
	}
}

func TestTrackGivesUpOnARecordThatStaysInTheWay(t *testing.T) {
	t.Parallel()
	leftover := conn.NewMemory()
	require.NoError(t, leftover.Put(t.Context(), conn.Conn{ID: "c1", User: "eve"}))
	for name, c := range map[string]struct {
		store *faulty
		calls int
	}{
		"comes and goes":    {&faulty{Store: conn.NewMemory(), put: conn.ErrExists}, 4},
		"cannot be read":    {&faulty{Store: conn.NewMemory(), put: conn.ErrExists, get: errBackend}, 2},
		"cannot be removed": {&faulty{Store: leftover, del: errBackend}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := conn.Track(c.store)(neverCalled(t))(t.Context(), connecting())
			require.Equal(t, gatesock.CodeUnavailable, gatesock.CodeOf(err))
			require.Equal(t, c.calls, c.store.calls)
		})
	}
}
