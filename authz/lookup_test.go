package authz

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// A connection is looked up again when its entry has expired, a second after it was missing, after
// an error of the store, and if the clock was set back since it was missing.
func TestLookups(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	missing, down := errors.New("missing"), errors.New("down")
	l := newLookups(missing)
	loads := 0
	var answer lookup
	var fails error
	find := func() (string, error) {
		p, err := l.find("c", now, func() (lookup, error) { loads++; return answer, fails })
		return p.ID, err
	}
	for _, step := range []struct {
		after  time.Duration
		answer lookup
		fails  error
		id     string
		err    error
		loads  int
	}{
		{0, lookup{}, missing, "", missing, 1},
		{missTTL - 1, lookup{}, nil, "", missing, 1},
		{1, lookup{}, down, "", down, 2},
		{0, lookup{Principal{ID: "ann"}, now.Add(time.Minute)}, nil, "ann", nil, 3},
		{time.Minute - missTTL - 1, lookup{}, down, "ann", nil, 3},
		{1, lookup{}, missing, "", missing, 4},
		{-time.Hour, lookup{}, missing, "", missing, 5}, // the clock was set back
	} {
		now, answer, fails = now.Add(step.after), step.answer, step.fails
		id, err := find()
		require.Equal(t, step.id, id, "%+v", step)
		require.ErrorIs(t, err, step.err)
		require.Equal(t, step.loads, loads, "%+v", step)
	}
	l.forget("c")
	answer, fails = lookup{Principal{ID: "bob"}, now.Add(time.Minute)}, nil
	id, err := find()
	require.NoError(t, err)
	require.Equal(t, "bob", id, "what was missing is forgotten too")
}

// A flood of connections does not fill the memory.
func TestLookupsAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	missing := errors.New("missing")
	l := newLookups(missing)
	for i := range maxLookups + 100 {
		found := lookup{Principal{ID: "ann"}, now.Add(time.Hour)}
		_, err := l.find(fmt.Sprint("found", i), now, func() (lookup, error) { return found, nil })
		require.NoError(t, err)
		_, err = l.find(fmt.Sprint("missed", i), now, func() (lookup, error) { return lookup{}, missing })
		require.ErrorIs(t, err, missing)
	}
	require.Equal(t, maxLookups, l.found.Len())
	require.Equal(t, maxLookups, l.missed.Len())
}

// What is remembered of a connection goes with its $disconnect.
func TestNothingIsRememberedOfAClosedConnection(t *testing.T) {
	t.Parallel()
	ctx, store := t.Context(), conn.NewMemory()
	require.NoError(t, store.Put(ctx, conn.Conn{ID: "c", User: "ann", ExpiresAt: time.Now().Add(time.Hour)}))
	r := &restorer{settings: newSettings("RestorePrincipal", nil), store: store, lookups: newLookups(conn.ErrNotFound)}
	e := NewCredentialExpiry(WithRenewals(NewMemoryRenewals(), VerifierFunc(echo)))
	check := e.Middleware()(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	for _, event := range []gatesock.EventType{gatesock.EventMessage, gatesock.EventDisconnect} {
		for _, id := range []string{"c", "unknown"} {
			_ = r.restore(ctx, &gatesock.Request{EventType: event, ConnectionID: id})
		}
		_, _ = check(ctx, &gatesock.Request{
			EventType: event, ConnectionID: "c", Authorizer: map[string]string{"principalId": "ann", "exp": "1"},
		})
		left := map[gatesock.EventType]int{gatesock.EventMessage: 1}[event]
		require.Equal(t, left, r.lookups.found.Len())
		require.Equal(t, left, r.lookups.missed.Len())
		require.Equal(t, left, e.lookups.missed.Len())
	}
}
