package dynamo_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/testclock"
)

// hostile are records that a store has to keep exactly.
func hostile() map[string]conn.Conn {
	long := strings.Repeat("#", dynamo.MaxNameBytes)
	return map[string]conn.Conn{
		"keys with #":        {ID: "c#a#0", User: "u#0", Groups: []string{"g#0#1", "#", "##", "c#a"}},
		"empty values":       {ID: "a", Attributes: map[string]string{"empty": "", " ": " "}},
		"64 KB":              {ID: "a", Attributes: map[string]string{"blob": strings.Repeat("ü", 32<<10)}},
		"Unicode":            {ID: "🙂\x00", User: "日本", Groups: []string{"a\u0308", "ä", "\U0010ffff", "\x00"}, Attributes: map[string]string{"\u202e": "\ufffd"}},
		"placeholders":       {ID: ":v", User: "#groups", Groups: []string{"#group", ":none", "groups.a[0]", "a.b", "v"}},
		"attributes' names":  {ID: "a", Attributes: map[string]string{"pk": "1", "exp": "x", "a.b": "c", "#n": ":v"}},
		"longest names":      {ID: long, User: long[:dynamo.MaxNameBytes-5], Groups: []string{long}},
		"the largest record": {ID: "a", Attributes: map[string]string{"blob": strings.Repeat("x", 400<<10-400)}},
		"much in many":       {ID: "a", Groups: names(200, 1000)},
		"the far future":     {ID: "a", ExpiresAt: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		"long ago": {
			ID: "a", ConnectedAt: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), ExpiresAt: testclock.Noon().AddDate(150, 0, 0),
		},
	}
}

func names(n, size int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%0*d", size, i)
	}
	return list
}

func TestHostileValuesAreKept(t *testing.T) {
	t.Parallel()
	for name, c := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := opened(t)
			want, err := c.Normalize(testclock.Noon())
			require.NoError(t, err)
			require.NoError(t, h.Store.Put(t.Context(), c))
			got, err := h.Store.Get(t.Context(), c.ID)
			require.NoError(t, err)
			require.Equal(t, want, got)
			for _, group := range want.Groups {
				page, err := h.Store.Read(t.Context(), conn.Query{Group: group})
				require.NoError(t, err)
				require.Equal(t, []conn.Member{{ID: c.ID, Endpoint: c.Endpoint}}, page.Members)
				require.NoError(t, h.Store.Leave(t.Context(), c.ID, group))
			}
			got, err = h.Store.Delete(t.Context(), c.ID)
			require.NoError(t, err)
			want.Groups = nil
			require.Equal(t, want, got)
		})
	}
}

func TestTooLargeIsRefusedByName(t *testing.T) {
	t.Parallel()
	h := opened(t)
	longer := strings.Repeat("x", dynamo.MaxNameBytes+1)
	large := strings.Repeat("x", 400<<10)
	for want, c := range map[string]conn.Conn{
		"connection id has 1025 bytes, the most is 1024": {ID: longer},
		"user has 1025 bytes, the most is 1019":          {ID: "b", User: longer},
		`group "xxx.*…" has 1025 bytes`:                  {ID: "b", Groups: []string{"g", longer}},
		`the largest part, attribute "blob", has 4096`:   {ID: "b", Groups: []string{"g"}, Attributes: map[string]string{"blob": large, "small": "x"}},
		"the largest part, endpoint, has":                {ID: "b", Endpoint: large},
		"the largest part, groups, has":                  {ID: "b", Groups: names(401, 1000)},
		`the name of attribute "xxx.*…" has 409600`:      {ID: "b", Attributes: map[string]string{large: "x"}},
		"is empty": {ID: "b", Attributes: map[string]string{"": "x"}},
	} {
		err := h.Store.Put(t.Context(), c)
		require.ErrorIs(t, err, conn.ErrInvalid, want)
		require.Regexp(t, want, err)
		require.Less(t, len(err.Error()), 300)
	}
	_, err := h.Store.Get(t.Context(), "b")
	require.ErrorIs(t, err, conn.ErrNotFound)
	page, err := h.Store.Read(t.Context(), conn.Query{Group: "g"})
	require.NoError(t, err)
	require.Empty(t, page.Members)
}

// A record grows as its connection joins groups. A join that would make it too large is refused
// before the group lists the connection.
func TestJoinOfAFullRecordIsRefused(t *testing.T) {
	t.Parallel()
	h := opened(t)
	require.NoError(t, h.Store.Put(t.Context(), hostile()["the largest record"]))
	group := strings.Repeat("g", 1000)
	err := h.Store.Join(t.Context(), "a", group)
	require.ErrorIs(t, err, conn.ErrInvalid)
	require.ErrorContains(t, err, "the record of connection \"a\" would have more than 409600 bytes")
	page, err := h.Store.Read(t.Context(), conn.Query{Group: group})
	require.NoError(t, err)
	require.Empty(t, page.Members)
}
