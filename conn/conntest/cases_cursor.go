package conntest

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest/internal/require"
)

func cursorCases() []promise {
	return []promise{
		{"cursor-member-gone", "a cursor stays valid when its connection is gone", cursorMemberGone},
		{"cursor-group-gone", "a cursor stays valid when the whole group is gone", cursorGroupGone},
		{"cursor-text", "a cursor is printable ASCII and may be kept outside", cursorText},
		{"cursor-again", "a cursor may be used again", cursorAgain},
		{"cursor-corrupted", "a cursor that the store did not make is refused with ErrBadCursor", cursorCorrupted},
		{"cursor-other-group", "a cursor of another group is refused with ErrBadCursor", cursorOtherGroup},
		{"cursor-other-shard", "a cursor of another shard is refused with ErrBadCursor", cursorOtherShard},
	}
}

// begun fills a group and reads one page of each shard that has several. It returns the queries
// of the next pages and the members so far.
func begun(ctx context.Context, t *probe, h *fixture) (rest []conn.Query, read []conn.Member) {
	filled(ctx, t, h, "g", 100)
	eachShard(ctx, t, h.Store, "g", 3, func(q conn.Query) {
		page, err := h.Store.Read(ctx, q)
		require.NoError(t, err)
		read = append(read, page.Members...)
		if page.Next != "" {
			q.After = page.Next
			rest = append(rest, q)
		}
	})
	require.NotEmpty(t, rest, "a page of 3 of 100 members has no Next")
	return rest, read
}

func cursorMemberGone(ctx context.Context, t *probe, h *fixture) {
	rest, got := begun(ctx, t, h)
	for _, m := range got {
		remove(ctx, t, h.Store, m.ID)
	}
	for _, q := range rest {
		walk(ctx, t, h.Store, q, func(p conn.Page) { got = append(got, p.Members...) })
	}
	require.Equal(t, numbered(100), ids(got))
}

func cursorGroupGone(ctx context.Context, t *probe, h *fixture) {
	rest, _ := begun(ctx, t, h)
	for _, id := range numbered(100) {
		remove(ctx, t, h.Store, id)
	}
	for _, q := range rest {
		walk(ctx, t, h.Store, q, func(p conn.Page) {
			require.Empty(t, p.Members)
		})
	}
	filled(ctx, t, h, "g", 100)
	for _, q := range rest {
		walk(ctx, t, h.Store, q, func(p conn.Page) { requireOnce(t, p.Members) })
	}
}

func cursorText(ctx context.Context, t *probe, h *fixture) {
	rest, got := begun(ctx, t, h)
	for _, q := range rest {
		for i := range len(q.After) {
			require.True(
				t,
				q.After[i] > ' ' && q.After[i] < 0x7f,
				"character %q in the cursor %q",
				q.After[i],
				q.After,
			)
		}
		text, err := json.Marshal(q)
		require.NoError(t, err)
		var back conn.Query
		require.NoError(t, json.Unmarshal(text, &back))
		walk(ctx, t, h.Store, back, func(p conn.Page) { got = append(got, p.Members...) })
	}
	require.Equal(t, numbered(100), ids(got))
}

func cursorAgain(ctx context.Context, t *probe, h *fixture) {
	rest, _ := begun(ctx, t, h)
	for _, q := range rest {
		var pages [2][]conn.Member
		for i := range pages {
			walk(ctx, t, h.Store, q, func(p conn.Page) { pages[i] = append(pages[i], p.Members...) })
		}
		require.Equal(t, ids(pages[0]), ids(pages[1]))
	}
}

func requireBadCursor(ctx context.Context, t *probe, h *fixture, q conn.Query) {
	page, err := h.Store.Read(ctx, q)
	require.ErrorIs(t, err, conn.ErrBadCursor, "Read(%+v)", q)
	require.Zero(t, page)
}

func cursorCorrupted(ctx context.Context, t *probe, h *fixture) {
	rest, _ := begun(ctx, t, h)
	q := rest[0]
	good := q.After
	bad := []conn.Cursor{
		" ",
		"x",
		"0",
		"\x00",
		"\xff",
		"null",
		"AAAA",
		"🙂",
		good + good,
		good + "A",
		good + "=",
		good + "\n",
		"\n" + good,
	}
	for i := range len(good) {
		bad = append(bad, good[:i]+"!"+good[i+1:], good[:i]+"\r"+good[i:])
		if i > 0 {
			bad = append(bad, good[:i])
		}
		other := byte('A')
		if good[i] == other {
			other = 'B'
		}
		bad = append(bad, good[:i]+conn.Cursor(other)+good[i+1:])
	}
	for _, q.After = range bad {
		requireBadCursor(ctx, t, h, q)
	}
}

func cursorOtherGroup(ctx context.Context, t *probe, h *fixture) {
	rest, _ := begun(ctx, t, h)
	for _, id := range numbered(100) {
		join(ctx, t, h.Store, id, "h")
	}
	for _, q := range rest {
		for _, group := range []string{"h", "unknown", fmt.Sprint("g", q.Shard), "G"} {
			q.Group = group
			requireBadCursor(ctx, t, h, q)
		}
	}
}

func cursorOtherShard(ctx context.Context, t *probe, h *fixture) {
	rest, _ := begun(ctx, t, h)
	for _, q := range rest {
		eachShard(ctx, t, h.Store, "g", 0, func(other conn.Query) {
			if other.Shard != q.Shard {
				other.After = q.After
				requireBadCursor(ctx, t, h, other)
			}
		})
	}
}
