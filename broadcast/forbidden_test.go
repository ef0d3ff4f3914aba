package broadcast

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/stretchr/testify/require"
)

const deleted = "https://deleted.example"

// spread is a shelf with one group, "room", of n members in pages of the given size; those that
// here returns true are at the deleted endpoint.
func spread(n, pageSize int, here func(i int) bool) *shelf {
	store := room(n, pageSize)
	for i := range n {
		if here(i) {
			store.groups["room"][i/pageSize][i%pageSize].Endpoint = deleted
		}
	}
	return store
}

// forbids is a Poster that one endpoint forbids.
func forbids(posts *record, endpoint string) posterFunc {
	return func(_ context.Context, to gatesock.Target, _ []byte) error {
		posts.add(to.Endpoint)
		if to.Endpoint == endpoint {
			return gatesock.ErrForbidden
		}
		return nil
	}
}

func TestForbiddenStopsTheSend(t *testing.T) {
	t.Parallel()
	var posts record
	store := spread(100, 10, func(i int) bool { return i != 2 })
	rep, err := New(forbids(&posts, ""), store, WithConcurrency(1), inOrder()).Send(t.Context(), To("room"), hello())
	require.ErrorIs(t, err, gatesock.ErrForbidden)
	require.ErrorContains(t, err, `connection "c2"`)
	require.Len(t, posts.ids, 3, "members of other endpoints are not posted to either")
	require.Equal(t, 2, rep.Delivered)
	require.Equal(t, 1, rep.Failed)
	require.Equal(t, 7, rep.Unsent)
	require.True(t, rep.Incomplete)
}

func TestForbiddenEndpointFailsItsOwnMembers(t *testing.T) {
	t.Parallel()
	var posts record
	store := spread(200, 20, func(i int) bool { return i%10 == 3 })
	rep, err := New(forbids(&posts, deleted), store, WithConcurrency(1), inOrder()).Send(t.Context(), To("room"), hello())
	require.NoError(t, err)
	require.Len(t, posts.ids, 181, "the endpoint is posted to once")
	require.Len(t, rep.Errors, 20)
	require.Equal(t, PostError{"c3", 1, gatesock.ErrForbidden}, rep.Errors[0])
	for i, e := range rep.Errors[1:] {
		require.Equal(t, PostError{name(10*i + 13), 0, gatesock.ErrForbidden}, e)
	}
	rep.Errors = nil
	require.Equal(t, Report{Audience: 200, Delivered: 180, Failed: 20}, rep)
}

// A member that waits for a retry is not posted to again if its endpoint turns out to be forbidden.
func TestForbiddenEndpointEndsRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var posts record
		p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
			posts.add(to.ConnectionID)
			if to.ConnectionID == "c0" {
				return gatesock.ErrThrottled
			}
			return gatesock.ErrForbidden
		})
		store := spread(2, 2, func(int) bool { return true })
		rep, err := New(p, store, WithConcurrency(1), inOrder()).Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, []string{"c0", "c1"}, posts.ids)
		require.Equal(t, Report{Audience: 2, Failed: 2, Throttled: 1, Errors: []PostError{
			{"c1", 1, gatesock.ErrForbidden}, {"c0", 1, gatesock.ErrForbidden},
		}}, rep)
	})
}

// Posts that run when the first is forbidden add nothing to the error.
func TestForbiddenAtOnceIsOneError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
			<-time.After(time.Second) // virtual time: how long the post takes.
			return fmt.Errorf("%s: %w", to.ConnectionID, gatesock.ErrForbidden)
		})
		rep, err := New(p, room(4, 4), WithConcurrency(3)).Send(t.Context(), To("room"), hello())
		require.Equal(t, 3, rep.Failed)
		require.Equal(t, rep.Errors[0].Error(), err.Error())
		require.Equal(t, 1, rep.Unsent)
	})
}

// A member that is not posted to does not count for the rate.
func TestForbiddenEndpointTakesNoRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := room(1001, 1001)
		page := store.groups["room"][0]
		for i := range 1000 {
			page[i].Endpoint = "https://gone.example.com"
		}
		p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
			if to.Endpoint != "" {
				return gatesock.ErrForbidden
			}
			return nil
		})
		start := time.Now()
		rep, err := New(p, store, WithRate(10), WithConcurrency(1)).Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, 1, rep.Delivered)
		require.Equal(t, 1000, rep.Failed)
		require.LessOrEqual(t, time.Since(start), 200*time.Millisecond)
	})
}

func TestForbiddenEndpointsAreForgottenBetweenSends(t *testing.T) {
	t.Parallel()
	answer := gatesock.ErrForbidden
	p := posterFunc(func(context.Context, gatesock.Target, []byte) error { return answer })
	store := &shelf{groups: map[string][][]conn.Member{"room": {{{ID: "x", Endpoint: deleted}}}}}
	b := New(p, store)
	for _, want := range []Report{
		{Audience: 1, Failed: 1, Errors: []PostError{{"x", 1, gatesock.ErrForbidden}}},
		{Audience: 1, Delivered: 1},
	} {
		rep, err := b.Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, want, rep)
		answer = nil
	}
}
