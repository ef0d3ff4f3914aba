package broadcast

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/stretchr/testify/require"
)

// haunted is a Memory whose groups list members that are not registered, as a crash between two
// writes leaves them in a store that is not a Memory.
type haunted struct {
	conn.Store

	mu     sync.Mutex
	strays map[string][]conn.Member // by group
	left   map[string][]string      // connections that Leave was called for, by group
}

// haunt adds the same strays to each of the groups.
func haunt(strays []conn.Member, groups ...string) *haunted {
	s := &haunted{Store: conn.NewMemory(), strays: map[string][]conn.Member{}, left: map[string][]string{}}
	for _, g := range groups {
		s.strays[g] = slices.Clone(strays)
	}
	return s
}

func (s *haunted) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	p, err := s.Store.Read(ctx, q)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && q.After == "" {
		p.Members = slices.Concat(s.strays[q.Group], p.Members)
	}
	return p, err
}

func (s *haunted) Leave(ctx context.Context, id, group string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left[group] = append(s.left[group], id)
	s.strays[group] = slices.DeleteFunc(s.strays[group], func(m conn.Member) bool { return m.ID == id })
	return s.Store.Leave(ctx, id, group)
}

// A stray leaves the group that it was read from, whatever its endpoint, and is not posted to
// again. No grace is given.
func TestPruningOfAStray(t *testing.T) {
	t.Parallel()
	store := haunt([]conn.Member{{ID: "stray"}, {ID: "away", Endpoint: "https://other.example"}}, "room", "hall")
	require.NoError(t, store.Put(t.Context(), conn.Conn{ID: "alive", Groups: []string{"room", "hall"}}))
	b := New(answers(map[string]error{"stray": gatesock.ErrGone, "away": gatesock.ErrGone}), store)
	for _, c := range []struct {
		group string
		want  Report
	}{
		{"room", Report{Audience: 3, Delivered: 1, Gone: 2}},
		{"room", Report{Audience: 1, Delivered: 1}},
		{"hall", Report{Audience: 3, Delivered: 1, Gone: 2}},
		{"hall", Report{Audience: 1, Delivered: 1}},
	} {
		rep, err := b.Send(t.Context(), To(c.group), hello())
		require.NoError(t, err)
		require.Equal(t, c.want, rep, c.group)
	}
	for _, g := range []string{"room", "hall"} {
		require.ElementsMatch(t, []string{"stray", "away"}, store.left[g], g)
	}
}

func TestPruningOfAStrayLeavesOneGroup(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		to   Audience
		want map[string][]string
	}{
		{"of several, the first that was read", To("b", "a"), map[string][]string{"a": {"stray"}}},
		{"none if it was named", ToConnections("stray"), map[string][]string{}},
		{"none if it was also named", To("a").And(ToConnections("stray")), map[string][]string{}},
		{"none if it was excepted", To("a", "b").Except("stray"), map[string][]string{}},
		{"a group it was read from beside others that were named", To("b").And(ToConnections("x")), map[string][]string{"b": {"stray"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store := haunt([]conn.Member{{ID: "stray"}}, "a", "b")
			_, err := New(always(gatesock.ErrGone), store).Send(t.Context(), c.to, hello())
			require.NoError(t, err)
			require.Equal(t, c.want, store.left)
		})
	}
}

func TestOnlyGoneRemovesAStray(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]error{
		"delivered": nil,
		"throttled": gatesock.ErrThrottled,
		"fault":     errFault,
		"too large": gatesock.ErrTooLarge,
		"bad id":    gatesock.ErrBadConnectionID,
		"forbidden": gatesock.ErrForbidden,
		"cut off":   context.DeadlineExceeded,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := haunt([]conn.Member{{ID: "stray", Endpoint: "https://other.example"}}, "room")
			rep, err := New(always(answer), store, WithRetries(1, 0)).Send(t.Context(), To("room"), hello())
			require.NoError(t, err)
			require.Equal(t, 1, rep.Delivered+rep.Failed+rep.Unsent)
			require.Empty(t, store.left)
		})
	}
}

// The group is remembered over retries and pages: every one of many leaves its own.
func TestPruningOfManyStrays(t *testing.T) {
	t.Parallel()
	store := &shelf{
		groups: map[string][][]conn.Member{},
		get:    func(context.Context, string) (conn.Conn, error) { return conn.Conn{}, conn.ErrNotFound },
	}
	want := map[string]string{}
	for i := range 90 {
		g := []string{"a", "b", "c"}[i/30]
		store.groups[g] = append(store.groups[g], []conn.Member{{ID: name(i)}})
		want[name(i)] = g
	}
	var posts record
	p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
		if posts.add(to.ConnectionID) == 1 {
			return gatesock.ErrThrottled
		}
		return gatesock.ErrGone
	})
	b := New(p, store, WithConcurrency(2), withJitter(func(limit time.Duration) time.Duration { return limit / 50 }))
	rep, err := b.Send(t.Context(), To("a", "b", "c"), hello())
	require.NoError(t, err)
	require.Equal(t, Report{Audience: 90, Gone: 90, Throttled: 90, Retries: 90}, rep)
	require.Equal(t, want, store.left)
}

// Another process that removed it may have been interrupted before it removed the membership.
func TestPruningOfWhatAnotherRemoves(t *testing.T) {
	t.Parallel()
	store := room(1, 1)
	store.del = func(context.Context, string) error { return conn.ErrNotFound }
	rep, err := New(always(gatesock.ErrGone), store).Send(t.Context(), To("room"), hello())
	require.NoError(t, err)
	require.Equal(t, Report{Audience: 1, Gone: 1}, rep)
	require.Equal(t, map[string]string{"c0": "room"}, store.left)
}

// A store that fails has not reported that the record is absent.
func TestPruningLeavesNothingWhenTheStoreFails(t *testing.T) {
	t.Parallel()
	store := room(2, 2)
	store.get = func(_ context.Context, id string) (conn.Conn, error) {
		if id == "c0" {
			return conn.Conn{}, errStore
		}
		return conn.Conn{}, nil
	}
	store.del = func(context.Context, string) error { return errStore }
	rep, err := New(always(gatesock.ErrGone), store, WithLogger(slog.New(slog.DiscardHandler))).Send(t.Context(),
		To("room"), hello())
	require.NoError(t, err)
	require.Equal(t, Report{Audience: 2, Gone: 2, PruneFailed: 2}, rep)
	require.Empty(t, store.left)
}

func TestStrayThatCannotLeave(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	store := room(1, 1)
	store.get = func(context.Context, string) (conn.Conn, error) { return conn.Conn{}, conn.ErrNotFound }
	store.leave = func(context.Context, string) error { return errStore }
	b := New(always(gatesock.ErrGone), store, WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
	rep, err := b.Send(t.Context(), To("room"), hello())
	require.NoError(t, err)
	require.Equal(t, Report{Audience: 1, Gone: 1, PruneFailed: 1}, rep)
	require.Contains(t, out.String(), `connectionId=c0 error="the store is down"`)
}

// Two sends that prune the same connections count each of them once between them.
func TestSendsThatPruneTheSame(t *testing.T) {
	t.Parallel()
	const n = 200
	store := conn.NewMemory()
	for i := range n {
		require.NoError(t, store.Put(t.Context(), conn.Conn{ID: name(i), Groups: []string{"a", "b"}}))
	}
	b := New(always(gatesock.ErrGone), store, WithPruneGrace(0))
	var reports [2]Report
	var errs [2]error
	var both sync.WaitGroup
	for i, g := range []string{"a", "b"} {
		both.Go(func() { reports[i], errs[i] = b.Send(t.Context(), To(g), hello()) })
	}
	both.Wait()
	for i := range reports {
		require.NoError(t, errs[i])
		require.Zero(t, reports[i].PruneFailed)
	}
	require.Equal(t, n, reports[0].Pruned+reports[1].Pruned)
}
