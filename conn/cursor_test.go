package conn

import (
	"encoding/base64"
	"hash/maphash"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// FuzzParseCursor checks that every text is a cursor that the store would have written, or is
// refused.
func FuzzParseCursor(f *testing.F) {
	seed := maphash.MakeSeed()
	q := Query{Group: "g", Shard: 1}
	good := formatCursor(seed, q, position{after: 7, end: 1000})
	for _, s := range []Cursor{good, good[:20], good + "A", "", "1", "2" + good[1:], "\n" + good[1:], "1\r\n" + good[3:]} {
		f.Add(string(s), "g", 1)
	}
	f.Add(string(good), "h", 1)
	f.Add(string(good), "g", -1)
	f.Fuzz(func(t *testing.T, text, group string, shard int) {
		q := Query{Group: group, Shard: shard, After: Cursor(text)}
		p, err := parseCursor(seed, q)
		if err != nil {
			require.ErrorIs(t, err, ErrBadCursor)
			require.Zero(t, p)
			return
		}
		require.Equal(t, q.After, formatCursor(seed, q, p))
	})
}

func TestCursorsOfAnyPositionComeBack(t *testing.T) {
	t.Parallel()
	seed := maphash.MakeSeed()
	rapid.Check(t, func(t *rapid.T) {
		q := Query{Group: rapid.String().Draw(t, "group"), Shard: rapid.Int().Draw(t, "shard")}
		want := position{after: rapid.Uint64().Draw(t, "after"), end: rapid.Uint64().Draw(t, "end")}
		q.After = formatCursor(seed, q, want)
		require.Len(t, string(q.After), cursorLen)
		got, err := parseCursor(seed, q)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// TestCursorsAreSealed checks that a cursor with another seal is refused.
func TestCursorsAreSealed(t *testing.T) {
	t.Parallel()
	forged := Cursor("1" + base64.RawURLEncoding.EncodeToString(make([]byte, cursorBytes)))
	_, err := parseCursor(maphash.MakeSeed(), Query{Group: "g", After: forged})
	require.ErrorIs(t, err, ErrBadCursor)
}
