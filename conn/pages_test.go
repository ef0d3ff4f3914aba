package conn_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

func TestPagesGivesEveryPageAsItIs(t *testing.T) {
	t.Parallel()
	var got []conn.Page
	want := []conn.Page{
		{Members: []conn.Member{{ID: "a"}}, Next: "more"},
		{Next: "end"},
		{},
		{Members: []conn.Member{{ID: "b"}}},
	}
	var queries []conn.Query
	store := pages{shards: 2, calls: new(int), read: func(call int, q conn.Query) (conn.Page, error) {
		queries = append(queries, q)
		return want[call], nil
	}}
	for page, err := range conn.Pages(t.Context(), store, "g") {
		require.NoError(t, err)
		got = append(got, page)
	}
	require.Equal(t, want, got)
	require.Equal(t, []conn.Query{
		{Group: "g"}, {Group: "g", After: "more"}, {Group: "g", After: "end"}, {Group: "g", Shard: 1},
	}, queries)
}

func TestPagesEndsInAnError(t *testing.T) {
	t.Parallel()
	store := pages{shards: 2, calls: new(int), read: func(call int, _ conn.Query) (conn.Page, error) {
		if call == 1 {
			return conn.Page{Next: "ignored"}, errBackend
		}
		return conn.Page{Next: "more"}, nil
	}}
	var errs []error
	for page, err := range conn.Pages(t.Context(), store, "g") {
		require.Equal(t, err != nil, page.Next == "")
		errs = append(errs, err)
	}
	require.Len(t, errs, 2)
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], errBackend)
	require.ErrorContains(t, errs[1], `conn: reading group "g": `)
}

func TestPagesStopsAtABreak(t *testing.T) {
	t.Parallel()
	calls := 0
	store := pages{shards: 2, calls: &calls, read: func(int, conn.Query) (conn.Page, error) {
		return conn.Page{Next: "more"}, nil
	}}
	for _, err := range conn.Pages(t.Context(), store, "g") {
		require.NoError(t, err)
		break
	}
	require.Equal(t, 1, calls)
}

func TestShardPagesGoesOnFromACursor(t *testing.T) {
	t.Parallel()
	var queries []conn.Query
	store := pages{shards: 4, calls: new(int), read: func(call int, q conn.Query) (conn.Page, error) {
		queries = append(queries, q)
		if call == 0 {
			return conn.Page{Next: "two"}, nil
		}
		return conn.Page{}, errBackend
	}}
	var errs []error
	for _, err := range conn.ShardPages(t.Context(), store, conn.Query{Group: "g", Shard: 2, After: "one", Limit: 5}) {
		errs = append(errs, err)
	}
	require.Len(t, errs, 2)
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], errBackend)
	require.Equal(t, []conn.Query{
		{Group: "g", Shard: 2, After: "one", Limit: 5}, {Group: "g", Shard: 2, After: "two", Limit: 5},
	}, queries)
}
