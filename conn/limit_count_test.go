package conn_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// littered is a store whose groups list connections without a record, as after a Delete whose
// answer was lost. It counts its calls.
type littered struct {
	conn.Store

	mu     sync.Mutex
	strays map[string]bool
	limits []int // of the queries
	gets   int   // records asked for by GetMany
	fail   error // of GetMany
}

func (s *littered) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	page, err := s.Store.Read(ctx, q)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = append(s.limits, q.Limit)
	if q.After == "" {
		for _, id := range slices.Sorted(maps.Keys(s.strays)) {
			page.Members = append([]conn.Member{{ID: id}}, page.Members...)
		}
	}
	return page, err
}

func (s *littered) GetMany(ctx context.Context, ids []string) ([]conn.Conn, error) {
	s.mu.Lock()
	s.gets += len(ids)
	s.mu.Unlock()
	if s.fail != nil {
		return nil, s.fail
	}
	return s.Store.GetMany(ctx, ids)
}

func (s *littered) Leave(ctx context.Context, id, group string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.strays, id)
	return s.Store.Leave(ctx, id, group)
}

// TestLimitPerUserCountsNoStrays checks that memberships without a record keep no client out, and
// are removed.
func TestLimitPerUserCountsNoStrays(t *testing.T) {
	t.Parallel()
	for _, strays := range []int{1, 2, 3, 5, 150} {
		t.Run(fmt.Sprint(strays), func(t *testing.T) {
			t.Parallel()
			s := &littered{Store: conn.NewMemory(), strays: make(map[string]bool)}
			mw := conn.Track(s, conn.WithLimitPerUser(2))
			require.NoError(t, handshake(t, mw, "c1"))
			for i := range strays {
				s.strays[fmt.Sprint("stray", i)] = true
			}
			require.NoError(t, handshake(t, mw, "c2"))
			err := handshake(t, mw, "c3")
			require.Equal(t, gatesock.CodeRateLimited, gatesock.CodeOf(err))
			require.Empty(t, s.strays)
		})
	}
}

func TestLimitPerUserReadsRecordsOnlyBeforeARefusal(t *testing.T) {
	t.Parallel()
	s := &littered{Store: conn.NewMemory()}
	mw := conn.Track(s, conn.WithLimitPerUser(3))
	for i := range 3 {
		require.NoError(t, handshake(t, mw, fmt.Sprint("c", i)))
	}
	require.Zero(t, s.gets)
	require.Error(t, handshake(t, mw, "c3"))
	require.Equal(t, 4, s.gets, "the three, and its own")
	for _, limit := range s.limits {
		require.Equal(t, 80, limit, "what 1 read unit reads")
	}
	s.fail = errBackend
	err := handshake(t, mw, "c3")
	require.Equal(t, gatesock.CodeUnavailable, gatesock.CodeOf(err))
	require.ErrorIs(t, err, errBackend)
}

func TestLimitPerUserNamesTheLimit(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{1: "a user has at most 1 connection", 2: "a user has at most 2 connections"} {
		m := conn.NewMemory()
		for i := range 5 { // from before there was a limit
			require.NoError(t, m.Put(t.Context(), conn.Conn{ID: fmt.Sprint("old", i), User: "ann"}))
		}
		err := handshake(t, conn.Track(m, conn.WithLimitPerUser(n)), "c1")
		var e *gatesock.Error
		require.True(t, errors.As(err, &e))
		require.Equal(t, want+"; close another one first", e.Message)
	}
}

// TestLimitPerUserLetsInWhatIsRegistered checks that an open connection is not refused when its
// event comes again after the limit was lowered.
func TestLimitPerUserLetsInWhatIsRegistered(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	req := connecting()
	for i := range 200 { // the more, the less likely it is that a page has the own one
		require.NoError(t, m.Put(t.Context(), conn.Conn{ID: fmt.Sprint("a", i), User: "ann"}))
	}
	_, err := conn.Track(m)(accept)(t.Context(), req)
	require.NoError(t, err)
	mw := conn.Track(m, conn.WithLimitPerUser(1))
	_, err = mw(accept)(t.Context(), req)
	require.NoError(t, err)
	again := *req
	again.ConnectedAt = again.ConnectedAt.Add(1e9)
	_, err = mw(accept)(t.Context(), &again)
	require.Equal(t, gatesock.CodeRateLimited, gatesock.CodeOf(err), "a leftover does not count as this connection")
}

// pausing stops before its nth Read.
type pausing struct {
	conn.Store

	mu      sync.Mutex
	n       int
	reached chan struct{}
	resume  chan struct{}
}

func (s *pausing) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	s.mu.Lock()
	s.n--
	stop := s.n == 0
	s.mu.Unlock()
	if stop {
		close(s.reached)
		<-s.resume
	}
	return s.Store.Read(ctx, q)
}

// TestTrackAcceptsNoDeliveryWhoseRecordIsRemoved checks that a second delivery is not accepted
// without a record if the first one, whose record it found, is refused.
func TestTrackAcceptsNoDeliveryWhoseRecordIsRemoved(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	s := &pausing{Store: m, n: 2, reached: make(chan struct{}), resume: make(chan struct{})}
	mw := conn.Track(s, conn.WithLimitPerUser(1))
	req := connecting()
	first := make(chan error, 1)
	go func() {
		_, err := mw(neverCalled(t))(t.Context(), req)
		first <- err
	}()
	select {
	case <-s.reached: // it has put its record and counts again
	case err := <-first:
		t.Fatal(err)
	}
	require.NoError(t, m.Put(t.Context(), conn.Conn{ID: "other", User: "ann"}))
	_, err := mw(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		close(s.resume)
		require.Equal(t, gatesock.CodeRateLimited, gatesock.CodeOf(<-first))
		return nil, nil
	})(t.Context(), req)
	require.Equal(t, gatesock.CodeUnavailable, gatesock.CodeOf(err))
	require.Equal(t, 1, conn.CountRecords(m), "the other's")
}

func TestTrackRefusesADeliveryWhoseRecordIsGone(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(*testing.T, conn.Store, *gatesock.Request){
		"refused by the first delivery's handler": func(t *testing.T, m conn.Store, req *gatesock.Request) {
			_, err := m.Delete(t.Context(), req.ConnectionID)
			require.NoError(t, err)
		},
		"replaced": func(t *testing.T, m conn.Store, req *gatesock.Request) {
			_, err := m.Delete(t.Context(), req.ConnectionID)
			require.NoError(t, err)
			require.NoError(t, m.Put(t.Context(), conn.Conn{ID: req.ConnectionID, User: "eve"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := conn.NewMemory()
			req := connecting()
			_, err := conn.Track(m)(accept)(t.Context(), req)
			require.NoError(t, err)
			_, err = conn.Track(m)(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
				remove(t, m, req)
				return nil, nil
			})(t.Context(), req)
			require.Equal(t, gatesock.CodeUnavailable, gatesock.CodeOf(err))
		})
	}
}
