package conn_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

func TestMemoryReadsLargeGroupsInOrderOfJoining(t *testing.T) {
	t.Parallel()
	const size = 100_000
	m := conn.NewMemory()
	var want []string
	for i := range size {
		id := fmt.Sprintf("id-%06d", i)
		require.NoError(t, m.Put(t.Context(), conn.Conn{ID: id, Groups: []string{"all"}}))
		if i%3 != 0 {
			want = append(want, id)
		}
	}
	for i := 0; i < size; i += 3 {
		_, err := m.Delete(t.Context(), fmt.Sprintf("id-%06d", i))
		require.NoError(t, err)
	}
	got := make([]string, 0, size)
	q := conn.Query{Group: "all", Limit: 1000}
	for {
		page, err := m.Read(t.Context(), q)
		require.NoError(t, err)
		for _, member := range page.Members {
			got = append(got, member.ID)
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	require.Equal(t, want, got)
	require.NoError(t, conn.CheckConsistent(m))
}

func TestMemorySpreadsSequentialIDsOverShards(t *testing.T) {
	t.Parallel()
	for _, shards := range []int{2, 3, 8, 16} {
		t.Run(fmt.Sprint(shards), func(t *testing.T) {
			t.Parallel()
			m := conn.NewMemory(conn.WithShards(shards), conn.WithPageSize(5000))
			for i := range 4000 {
				require.NoError(
					t,
					m.Put(t.Context(), conn.Conn{ID: fmt.Sprintf("W9In0%04dIAMCFvw=", i), Groups: []string{"g"}}),
				)
			}
			for shard := range shards {
				page, err := m.Read(t.Context(), conn.Query{Group: "g", Shard: shard})
				require.NoError(t, err)
				require.InEpsilon(t, 4000/shards, len(page.Members), 0.25)
			}
		})
	}
}

func TestMemoryForgetsWhatExpired(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	m := conn.NewMemory(conn.WithClock(func() time.Time { return now }))
	for i := range 20_000 {
		now = now.Add(time.Second)
		require.NoError(t, m.Put(t.Context(), conn.Conn{
			ID: fmt.Sprint(i), User: fmt.Sprint("u", i), Groups: []string{"g"}, ExpiresAt: now.Add(100 * time.Second),
		}))
		require.LessOrEqual(t, conn.CountRecords(m), 101)
	}
	require.NoError(t, conn.CheckConsistent(m))
	require.LessOrEqual(t, conn.Capacity(m, "g"), 4*101)
}

func TestMemoryForgetsEmptyGroups(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory(conn.WithShards(4))
	require.NoError(t, m.Put(t.Context(), conn.Conn{ID: "a"}))
	for i := range 100 {
		group := fmt.Sprint("room:", i)
		require.NoError(t, m.Join(t.Context(), "a", group))
		require.NoError(t, m.Leave(t.Context(), "a", group))
	}
	require.Zero(t, conn.CountGroups(m))
}

// TestMemoryBoundsWhatAPageGoesPast checks that the store is locked for a bounded time, however
// many members have expired.
func TestMemoryBoundsWhatAPageGoesPast(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	m := conn.NewMemory(conn.WithClock(func() time.Time { return now }))
	const expired = 5000
	for i := range expired {
		require.NoError(
			t,
			m.Put(t.Context(), conn.Conn{ID: fmt.Sprint(i), Groups: []string{"g"}, ExpiresAt: now.Add(time.Minute)}),
		)
	}
	require.NoError(t, m.Put(t.Context(), conn.Conn{ID: "stays", Groups: []string{"g"}}))
	now = now.Add(time.Minute)
	read := 0
	var got []string
	for page, err := range conn.Pages(t.Context(), m, "g") {
		require.NoError(t, err)
		read++
		for _, member := range page.Members {
			got = append(got, member.ID)
		}
	}
	require.Equal(t, []string{"stays"}, got)
	require.Equal(t, expired/1024+1, read)
}

// TestMemoryForgetsTwoAPut checks that each Put removes two expired records, so that they become
// fewer although it adds one.
func TestMemoryForgetsTwoAPut(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	m := conn.NewMemory(conn.WithClock(func() time.Time { return now }))
	for i := range 10 {
		require.NoError(t, m.Put(t.Context(), conn.Conn{ID: fmt.Sprint(i), ExpiresAt: now.Add(time.Minute)}))
	}
	now = now.Add(time.Minute)
	for i := range 5 {
		require.NoError(t, m.Put(t.Context(), conn.Conn{ID: fmt.Sprint("new", i)}))
		require.Equal(t, 10-(i+1), conn.CountRecords(m))
	}
}

// TestMemoryBoundsTombstones checks that a connection that joins and leaves again and again uses no
// more memory each time.
func TestMemoryBoundsTombstones(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	require.NoError(t, m.Put(t.Context(), conn.Conn{ID: "stays", Groups: []string{"g"}}))
	require.NoError(t, m.Put(t.Context(), conn.Conn{ID: "wanders"}))
	for range 1000 {
		require.NoError(t, m.Join(t.Context(), "wanders", "g"))
		require.NoError(t, m.Leave(t.Context(), "wanders", "g"))
		require.LessOrEqual(t, conn.Capacity(m, "g"), 64)
	}
	require.NoError(t, conn.CheckConsistent(m))
}

// TestMemoryGivesUpTheMemoryOfAGroup checks that a group that was large once does not keep its
// memory.
func TestMemoryGivesUpTheMemoryOfAGroup(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	require.NoError(t, m.Put(t.Context(), conn.Conn{ID: "stays", Groups: []string{"g"}}))
	for i := range 1000 {
		require.NoError(t, m.Put(t.Context(), conn.Conn{ID: fmt.Sprint(i), Groups: []string{"g"}}))
	}
	for i := range 1000 {
		require.NoError(t, m.Leave(t.Context(), fmt.Sprint(i), "g"))
	}
	require.LessOrEqual(t, conn.Capacity(m, "g"), 64)
	require.NoError(t, conn.CheckConsistent(m))
}

func TestMemoryKeepsItsOwnStrings(t *testing.T) {
	t.Parallel()
	event := []byte("id user group key value endpoint")
	text := func(s string) string { // a part of event's memory, as a Request's strings are
		i := strings.Index(string(event), s)
		return conn.Alias(event[i : i+len(s)])
	}
	m := conn.NewMemory()
	require.NoError(t, m.Put(t.Context(), conn.Conn{
		ID: text("id"), User: text("user"), Endpoint: text("endpoint"),
		Attributes: map[string]string{text("key"): text("value")}, Groups: []string{text("group")},
	}))
	clear(event)
	got, err := m.Get(t.Context(), "id")
	require.NoError(t, err)
	require.Equal(t, "user", got.User)
	require.Equal(t, "endpoint", got.Endpoint)
	require.Equal(t, map[string]string{"key": "value"}, got.Attributes)
	require.Equal(t, []string{"group", "user:user"}, got.Groups)
}

func TestMemoryRefusesCursorOfAnotherStore(t *testing.T) {
	t.Parallel()
	var cursors []conn.Cursor
	stores := []conn.Store{conn.NewMemory(), conn.NewMemory()}
	for _, m := range stores {
		for _, id := range []string{"a", "b"} {
			require.NoError(t, m.Put(t.Context(), conn.Conn{ID: id, Groups: []string{"g"}}))
		}
		page, err := m.Read(t.Context(), conn.Query{Group: "g", Limit: 1})
		require.NoError(t, err)
		cursors = append(cursors, page.Next)
	}
	slices.Reverse(cursors)
	for i, m := range stores {
		_, err := m.Read(t.Context(), conn.Query{Group: "g", After: cursors[i]})
		require.ErrorIs(t, err, conn.ErrBadCursor)
	}
}

// TestMemoryReadingEndsWhileMembersReturn checks that a member that leaves and joins again during
// a reading comes once, and that the reading ends.
func TestMemoryReadingEndsWhileMembersReturn(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	for _, id := range []string{"a", "b", "c"} {
		require.NoError(t, m.Put(t.Context(), conn.Conn{ID: id, Groups: []string{"g"}}))
	}
	var got []string
	q := conn.Query{Group: "g", Limit: 1}
	for {
		page, err := m.Read(t.Context(), q)
		require.NoError(t, err)
		for _, member := range page.Members {
			got = append(got, member.ID)
			require.NoError(t, m.Leave(t.Context(), member.ID, "g"))
			require.NoError(t, m.Join(t.Context(), member.ID, "g"))
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	require.Equal(t, []string{"a", "b", "c"}, got)
}

func TestMemoryGivesTheCauseOfCancellation(t *testing.T) {
	t.Parallel()
	cause := fmt.Errorf("the deadline is near")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	_, err := conn.NewMemory().Get(ctx, "a")
	require.ErrorIs(t, err, cause)
}

func TestOptionsPanic(t *testing.T) {
	t.Parallel()
	for want, option := range map[string]func(){
		"conn: WithUser: user must not be nil":               func() { conn.WithUser(nil) },
		"conn: WithAttributes: attributes must not be nil":   func() { conn.WithAttributes(nil) },
		"conn: WithEndpoint: endpoint must not be nil":       func() { conn.WithEndpoint(nil) },
		"conn: WithGroups: groups must not be nil":           func() { conn.WithGroups(nil) },
		"conn: WithExpiry: expiry must not be nil":           func() { conn.WithExpiry(nil) },
		"conn: WithTTL: d is 999ms, must be at least 1s":     func() { conn.WithTTL(999 * time.Millisecond) },
		"conn: WithLimitPerUser: n is 0, must be at least 1": func() { conn.WithLimitPerUser(0) },
		"conn: WithClock: now must not be nil":               func() { conn.WithClock(nil) },
		"conn: WithShards: n is 0, must be at least 1":       func() { conn.WithShards(0) },
		"conn: WithPageSize: n is -1, must be at least 1":    func() { conn.WithPageSize(-1) },
		"conn: WithEnded: f must not be nil":                 func() { conn.WithEnded(nil) },
		"conn: CloseExpired: d must not be nil":              func() { conn.CloseExpired(nil) },
		"conn: Track: store must not be nil":                 func() { conn.Track(nil) },
		"conn: NewMemory: one of the options is an option of Track": func() {
			conn.NewMemory(conn.WithEveryone())
		},
	} {
		require.PanicsWithValue(t, want, option)
	}
}
