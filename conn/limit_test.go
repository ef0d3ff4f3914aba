package conn_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

func handshake(t *testing.T, mw gatesock.Middleware, id string) error {
	t.Helper()
	req := connecting()
	req.ConnectionID = id
	_, err := mw(accept)(t.Context(), req)
	return err
}

func TestLimitPerUser(t *testing.T) {
	t.Parallel()
	for _, shards := range []int{1, 4} {
		t.Run(fmt.Sprint(shards, " shards"), func(t *testing.T) {
			t.Parallel()
			m := conn.NewMemory(conn.WithShards(shards))
			mw := conn.Track(m, conn.WithLimitPerUser(3))
			for i := range 3 {
				require.NoError(t, handshake(t, mw, fmt.Sprint("c", i)))
			}
			err := handshake(t, mw, "c3")
			require.Equal(t, gatesock.CodeRateLimited, gatesock.CodeOf(err))
			require.Equal(t, http.StatusTooManyRequests, gatesock.CodeOf(err).HTTPStatus())
			require.Equal(t, 3, conn.CountRecords(m), "nothing is left of it")
			other := connecting()
			other.ConnectionID, other.Authorizer["principalId"] = "b0", "bob"
			_, err = mw(accept)(t.Context(), other)
			require.NoError(t, err, "another user")
			for i := range 5 {
				nobody := connecting()
				nobody.ConnectionID, nobody.Authorizer = fmt.Sprint("n", i), nil
				_, err = mw(accept)(t.Context(), nobody)
				require.NoError(t, err, "nobody in particular")
			}
			_, err = m.Delete(t.Context(), "c1")
			require.NoError(t, err)
			require.NoError(t, handshake(t, mw, "c3"), "where one has gone, another may come")
			require.Error(t, handshake(t, mw, "c4"))
		})
	}
	require.Panics(t, func() { conn.WithLimitPerUser(0) })
}

// TestLimitPerUserCountsAConnectionOnce checks that an event that is delivered again is not
// another connection, even if another one is at its handshake meanwhile.
func TestLimitPerUserCountsAConnectionOnce(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	mw := conn.Track(m, conn.WithLimitPerUser(1))
	req := connecting()
	_, err := mw(accept)(t.Context(), req)
	require.NoError(t, err)
	_, err = mw(accept)(t.Context(), req)
	require.NoError(t, err)
	require.NoError(t, m.Put(t.Context(), conn.Conn{ID: "about to be refused", User: "ann"}))
	_, err = mw(accept)(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, 2, conn.CountRecords(m))
}

// crossing lets handshakes pass the first count together.
type crossing struct {
	conn.Store
	counted sync.WaitGroup
	reads   atomic.Int64
	n       int64
}

func (s *crossing) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	page, err := s.Store.Read(ctx, q)
	if s.reads.Add(1) <= s.n {
		s.counted.Done()
		s.counted.Wait()
	}
	return page, err
}

// TestLimitPerUserHoldsWhenManyComeAtOnce checks that there are never more connections than the
// limit, however many come at once, and that a refused one leaves nothing behind.
func TestLimitPerUserHoldsWhenManyComeAtOnce(t *testing.T) {
	t.Parallel()
	const limit, at = 3, 10
	for range 20 {
		m := conn.NewMemory()
		s := &crossing{Store: m, n: at}
		s.counted.Add(at)
		mw := conn.Track(s, conn.WithLimitPerUser(limit))
		var open atomic.Int64
		var all sync.WaitGroup
		for i := range at {
			all.Go(func() {
				req := connecting()
				req.ConnectionID = fmt.Sprint("c", i)
				_, _ = mw(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
					open.Add(1)
					return nil, nil
				})(t.Context(), req)
			})
		}
		all.Wait()
		require.LessOrEqual(t, open.Load(), int64(limit), "nobody leaves, so it is the most that there were")
		require.EqualValues(t, open.Load(), conn.CountRecords(m))
		require.NoError(t, conn.CheckConsistent(m))
	}
}

func TestLimitPerUserFailsClosed(t *testing.T) {
	t.Parallel()
	mw := conn.Track(&unreadable{Store: conn.NewMemory()}, conn.WithLimitPerUser(1))
	err := handshake(t, mw, "c1")
	require.Equal(t, gatesock.CodeUnavailable, gatesock.CodeOf(err))
	require.ErrorIs(t, err, errBackend)
}

// unreadable is a store that reads no groups.
type unreadable struct{ conn.Store }

func (unreadable) Read(context.Context, conn.Query) (conn.Page, error) {
	return conn.Page{}, errBackend
}
