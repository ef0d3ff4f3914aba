package dynamo_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
)

func open(tb testing.TB, table string, opts ...dynamo.Option) *dynamo.Connections {
	tb.Helper()
	store := dynamo.Open(&failing{}, table, opts...).Connections()
	return store
}

func TestCursorsAreBoundToTheirReading(t *testing.T) {
	t.Parallel()
	const table, group, shard, shards, id = "table", "g", 1, 4, "W9In0cvXIAMCFvw="
	cursor := dynamo.FormatCursor(open(t, table), group, shard, shards, id)
	gotShards, after, err := dynamo.ParseCursor(open(t, table, inShards(2, 0)), group, shard, cursor)
	require.NoError(t, err, "another process, with another number of shards")
	require.Equal(t, shards, gotShards)
	require.Equal(t, id, after)
	for name, c := range map[string]struct {
		store *dynamo.Connections
		group string
		shard int
	}{
		"another table":     {open(t, "other"), group, shard},
		"another namespace": {open(t, table, dynamo.WithNamespace("n")), group, shard},
		"another group":     {open(t, table), "h", shard},
		"another shard":     {open(t, table), group, 0},
	} {
		_, _, err := dynamo.ParseCursor(c.store, c.group, c.shard, cursor)
		require.ErrorIs(t, err, conn.ErrBadCursor, name)
	}
}

func TestCursorsOfOtherVersionsAreNamed(t *testing.T) {
	t.Parallel()
	store := open(t, "table")
	bytes, err := base64.RawURLEncoding.DecodeString(string(dynamo.FormatCursor(store, "g", 0, 1, "a")))
	require.NoError(t, err)
	for i, want := range map[int]string{0: "of version 9", 1: "2^9 shards|damaged", 2: "damaged"} {
		other := append([]byte(nil), bytes...)
		other[i] = 9
		_, _, err := dynamo.ParseCursor(store, "g", 0, conn.Cursor(base64.RawURLEncoding.EncodeToString(other)))
		require.ErrorIs(t, err, conn.ErrBadCursor)
		require.Regexp(t, want, err)
	}
}

func FuzzParseCursor(f *testing.F) {
	store := open(f, "table", inShards(4, 0))
	f.Add("", "")
	f.Add(string(dynamo.FormatCursor(store, "g", 0, 4, "W9In0cvXIAMCFvw=")), "g")
	f.Add(string(dynamo.FormatCursor(store, "g", 0, 1024, "\x00")), "h")
	f.Add("AQI=", "g")
	f.Fuzz(func(t *testing.T, cursor, group string) {
		shards, after, err := dynamo.ParseCursor(store, group, 0, conn.Cursor(cursor))
		if err != nil {
			require.ErrorIs(t, err, conn.ErrBadCursor)
			return
		}
		require.Equal(t, cursor, string(dynamo.FormatCursor(store, group, 0, shards, after)), fmt.Sprint("shards ", shards))
		require.NotEmpty(t, after)
	})
}
