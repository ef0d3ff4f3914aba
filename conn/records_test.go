package conn_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

// partial is a store that lists a connection whose record does not name the group, and one
// without a record.
type partial struct {
	conn.Store
	err error // of GetMany
}

func (s partial) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	page, err := s.Store.Read(ctx, q)
	page.Members = append(page.Members, conn.Member{ID: "left"}, conn.Member{ID: "gone"})
	return page, err
}

func (s partial) GetMany(ctx context.Context, ids []string) ([]conn.Conn, error) {
	if s.err != nil && slices.Contains(ids, "c") {
		return nil, s.err
	}
	return s.Store.GetMany(ctx, ids)
}

func TestRecordsAreThoseOfMembers(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory(conn.WithPageSize(2))
	for _, id := range []string{"a", "b", "c"} {
		require.NoError(t, m.Put(t.Context(), conn.Conn{ID: id, Groups: []string{"g"}}))
	}
	require.NoError(t, m.Put(t.Context(), conn.Conn{ID: "left"}))
	read := func(s conn.Store, most int) (ids []string, err error) {
		for c, err := range conn.Records(t.Context(), s, "g") {
			if err != nil {
				require.Zero(t, c)
				return ids, err
			}
			if ids = append(ids, c.ID); len(ids) == most {
				break
			}
		}
		return ids, nil
	}
	ids, err := read(partial{Store: m}, 0)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, ids)
	ids, err = read(partial{Store: m}, 2)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, ids)
	ids, err = read(partial{m, errBackend}, 0)
	require.ErrorIs(t, err, errBackend)
	require.ErrorContains(t, err, `the records of group "g"`)
	require.Equal(t, []string{"a", "b"}, ids, "those before the error")
	ids, err = read(m, 0)
	require.NoError(t, err)
	require.Len(t, ids, 3)
	for _, err := range conn.Records(t.Context(), m, "") {
		require.ErrorIs(t, err, conn.ErrInvalid)
	}
}
