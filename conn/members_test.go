package conn_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

// pages is a store that answers Read by a function, which gets the number of earlier calls.
type pages struct {
	conn.Store
	shards int
	read   func(call int, q conn.Query) (conn.Page, error)
	calls  *int
}

func (p pages) Shards(context.Context, string) (int, error) { return p.shards, nil }

func (p pages) Read(_ context.Context, q conn.Query) (conn.Page, error) {
	*p.calls++
	return p.read(*p.calls-1, q)
}

// collect returns the ids of a group before the error.
func collect(t *testing.T, store conn.Store) (ids []string, err error) {
	t.Helper()
	for m, err := range conn.Members(t.Context(), store, "g") {
		if err != nil {
			require.Zero(t, m)
			return ids, err
		}
		ids = append(ids, m.ID)
	}
	return ids, nil
}

func TestMembersReadsAllShardsAndPages(t *testing.T) {
	t.Parallel()
	for _, shards := range []int{1, 2, 7} {
		m := conn.NewMemory(conn.WithShards(shards), conn.WithPageSize(3))
		var want []string
		for i := range 100 {
			want = append(want, fmt.Sprint("c", i))
			require.NoError(t, m.Put(t.Context(), conn.Conn{ID: want[i], Groups: []string{"g"}}))
		}
		got, err := collect(t, m)
		require.NoError(t, err)
		require.ElementsMatch(t, want, got)
	}
}

func TestMembersGoesOnAfterAnEmptyPage(t *testing.T) {
	t.Parallel()
	got, err := collect(t, pages{shards: 1, calls: new(int), read: func(call int, q conn.Query) (conn.Page, error) {
		require.Equal(t, []conn.Cursor{"", "one"}[call], q.After)
		if call == 0 {
			return conn.Page{Next: "one"}, nil
		}
		return conn.Page{Members: []conn.Member{{ID: "a"}}}, nil
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, got)
}

func TestMembersStopsAtAnError(t *testing.T) {
	t.Parallel()
	calls := 0
	got, err := collect(t, pages{shards: 3, calls: &calls, read: func(call int, q conn.Query) (conn.Page, error) {
		if call == 1 {
			return conn.Page{}, errBackend
		}
		return conn.Page{Members: []conn.Member{{ID: "a"}}}, nil
	}})
	require.ErrorIs(t, err, errBackend)
	require.ErrorContains(t, err, `"g"`)
	require.Equal(t, []string{"a"}, got)
	require.Equal(t, 2, calls)
}

func TestMembersYieldsTheErrorOfShards(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range conn.Members(ctx, conn.NewMemory(), "g") {
		require.ErrorIs(t, err, context.Canceled)
	}
	_, err := collect(t, pages{shards: 0})
	require.ErrorContains(t, err, "0 shards")
}

func TestMembersStopsAtABreak(t *testing.T) {
	t.Parallel()
	calls := 0
	store := pages{shards: 2, calls: &calls, read: func(int, conn.Query) (conn.Page, error) {
		return conn.Page{Members: []conn.Member{{ID: "a"}, {ID: "b"}}, Next: "more"}, nil
	}}
	seen := 0
	for _, err := range conn.Members(t.Context(), store, "g") {
		require.NoError(t, err)
		if seen++; seen == 2 {
			break
		}
	}
	require.Equal(t, 1, calls)
}

// TestMembersLeavesACircle checks that the loop ends, whatever circle the cursors of a broken
// store go round in.
func TestMembersLeavesACircle(t *testing.T) {
	t.Parallel()
	for tail := range 5 {
		for length := 1; length < 6; length++ {
			calls := 0
			_, err := collect(
				t,
				pages{shards: 1, calls: &calls, read: func(call int, _ conn.Query) (conn.Page, error) {
					at := call
					if at >= tail {
						at = tail + (call-tail)%length
					}
					return conn.Page{Next: conn.Cursor(fmt.Sprint("at ", at))}, nil
				}},
			)
			require.ErrorContains(t, err, "same cursor")
			require.LessOrEqual(t, calls, 4*(tail+length)+1)
		}
	}
}
