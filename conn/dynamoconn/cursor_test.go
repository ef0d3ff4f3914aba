package dynamoconn_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/dynamoconn"
)

func open(tb testing.TB, table string, opts ...dynamoconn.Option) *dynamoconn.Store {
	tb.Helper()
	store, err := dynamoconn.New(&failing{}, table, opts...)
	require.NoError(tb, err)
	return store
}

func TestCursorsAreBoundToTheirReading(t *testing.T) {
	t.Parallel()
	const table, group, shard, shards, id = "table", "g", 1, 4, "W9In0cvXIAMCFvw="
	cursor := dynamoconn.FormatCursor(open(t, table), group, shard, shards, id)
	gotShards, after, err := dynamoconn.ParseCursor(open(t, table, inShards(2, 0)), group, shard, cursor)
	require.NoError(t, err, "another process, with another number of shards")
	require.Equal(t, shards, gotShards)
	require.Equal(t, id, after)
	for name, c := range map[string]struct {
		store *dynamoconn.Store
		group string
		shard int
	}{
		"another table":     {open(t, "other"), group, shard},
		"another namespace": {open(t, table, dynamoconn.WithNamespace("n")), group, shard},
		"another group":     {open(t, table), "h", shard},
		"another shard":     {open(t, table), group, 0},
	} {
		_, _, err := dynamoconn.ParseCursor(c.store, c.group, c.shard, cursor)
		require.ErrorIs(t, err, conn.ErrBadCursor, name)
	}
}

func TestCursorsOfOtherVersionsAreNamed(t *testing.T) {
	t.Parallel()
	store := open(t, "table")
	bytes, err := base64.RawURLEncoding.DecodeString(string(dynamoconn.FormatCursor(store, "g", 0, 1, "a")))
	require.NoError(t, err)
	for i, want := range map[int]string{0: "of version 9", 1: "2^9 shards|damaged", 2: "damaged"} {
		other := append([]byte(nil), bytes...)
		other[i] = 9
		_, _, err := dynamoconn.ParseCursor(store, "g", 0, conn.Cursor(base64.RawURLEncoding.EncodeToString(other)))
		require.ErrorIs(t, err, conn.ErrBadCursor)
		require.Regexp(t, want, err)
	}
}

func FuzzParseCursor(f *testing.F) {
	store := open(f, "table", inShards(4, 0))
	f.Add("", "")
	f.Add(string(dynamoconn.FormatCursor(store, "g", 0, 4, "W9In0cvXIAMCFvw=")), "g")
	f.Add(string(dynamoconn.FormatCursor(store, "g", 0, 1024, "\x00")), "h")
	f.Add("AQI=", "g")
	f.Fuzz(func(t *testing.T, cursor, group string) {
		shards, after, err := dynamoconn.ParseCursor(store, group, 0, conn.Cursor(cursor))
		if err != nil {
			require.ErrorIs(t, err, conn.ErrBadCursor)
			return
		}
		require.Equal(t, cursor, string(dynamoconn.FormatCursor(store, group, 0, shards, after)), fmt.Sprint("shards ", shards))
		require.NotEmpty(t, after)
	})
}
