package broadcast

import (
	"context"
	"slices"
	"testing"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/stretchr/testify/require"
)

func TestAudience(t *testing.T) {
	t.Parallel()
	store := &shelf{groups: map[string][][]conn.Member{
		"a":      {{{ID: "1"}, {ID: "2"}}, {{ID: "3"}}},
		"b":      {{{ID: "3"}, {ID: "4"}}},
		"user:u": {{{ID: "2"}, {ID: "5"}}},
	}}
	for _, c := range []struct {
		name string
		to   Audience
		want []string
	}{
		{"a group", To("a"), []string{"1", "2", "3"}},
		{"a group twice", To("a", "a"), []string{"1", "2", "3"}},
		{"groups that overlap", To("a", "b"), []string{"1", "2", "3", "4"}},
		{"a group without members", To("none"), nil},
		{"a user", ToUser("u"), []string{"2", "5"}},
		{"connections", ToConnections("9", "8"), []string{"8", "9"}},
		{"connections twice", ToConnections("9", "9"), []string{"9"}},
		{"except", To("a").Except("2").Except("1", "x"), []string{"3"}},
		{"except all", ToConnections("9").Except("9"), nil},
		{"and", To("b").And(ToConnections("4", "9")).And(ToUser("u")), []string{"2", "3", "4", "5", "9"}},
		{"and excepts from both", To("a").Except("3").And(To("b")), []string{"1", "2", "4"}},
		{"and excepts from both, the other way", To("b").And(To("a").Except("3")), []string{"1", "2", "4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var posts record
			p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
				posts.add(to.ConnectionID)
				return nil
			})
			rep, err := New(p, store).Send(t.Context(), c.to, hello())
			require.NoError(t, err)
			slices.Sort(posts.ids)
			require.Equal(t, c.want, posts.ids)
			require.Equal(t, Report{Audience: len(c.want), Delivered: len(c.want)}, rep)
		})
	}
}

func TestGroupIsReadOnce(t *testing.T) {
	t.Parallel()
	store := room(2, 1)
	_, err := New(always(nil), store).Send(t.Context(), To("room", "room").And(To("room")), hello())
	require.NoError(t, err)
	require.Equal(t, 2, store.reads)
}

func TestAudienceRefused(t *testing.T) {
	t.Parallel()
	for _, to := range []Audience{{}, To(), ToConnections(), To().And(To()), Audience{}.Except("x")} {
		_, err := New(always(nil), room(1, 1)).Send(t.Context(), to, hello())
		require.ErrorIs(t, err, ErrNoAudience)
	}
	_, err := New(always(nil), room(1, 1)).Send(t.Context(), To("room", ""), hello())
	require.ErrorContains(t, err, "empty name")
	_, err = New(always(nil), room(1, 1)).Send(t.Context(), ToConnections(""), hello())
	require.ErrorContains(t, err, "connection ID is empty")
}

func TestAudienceIsAValue(t *testing.T) {
	t.Parallel()
	groups := []string{"a"}
	to := To(groups...)
	groups[0] = "changed"
	require.Equal(t, []string{"a"}, to.groups)
	ids := []string{"1", "2"}
	base := ToConnections(ids...).Except("x")
	ids[0] = "changed"
	one, two := base.Except("1"), base.Except("2")
	require.Equal(t, []string{"1", "2"}, base.ids)
	require.Equal(t, []string{"x"}, base.except)
	require.Equal(t, []string{"x", "1"}, one.except)
	require.Equal(t, []string{"x", "2"}, two.except)
	require.Equal(t, []string{"1", "2"}, base.ids)
	require.Empty(t, base.groups)
}
