package broadcast

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// show returns a plan as text: groups with their shards, and "=" before those whose members had the
// message.
func show(plan []step) string {
	var all []string
	for _, s := range plan {
		text := s.group
		if s.shards > 0 {
			text += string('0' + rune(s.shard))
		}
		if s.served {
			text = "=" + text
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

// Groups that were read are read again only if a connection may come up twice.
func TestPlan(t *testing.T) {
	t.Parallel()
	at := func(group string, shard int) span { return span{group: group, shard: shard, shards: 4} }
	for name, c := range map[string]struct {
		remaining remaining
		want      string
	}{
		"one group":                  {remaining{unread: []span{{group: "a"}}}, "a"},
		"shards of one group":        {remaining{unread: []span{at("a", 1), at("a", 2)}}, "a1 a2"},
		"two groups":                 {remaining{unread: []span{{group: "a"}, {group: "b"}}}, "a b"},
		"the middle of two groups":   {remaining{unread: []span{at("a", 2), {group: "b"}}}, "a2 =a b"},
		"the last of several groups": {remaining{unread: []span{at("c", 2)}, read: []string{"a", "b"}}, "=a =b c2"},
		"beside named connections":   {remaining{unread: []span{at("a", 2)}, named: []string{"x"}}, "a2"},
		"all groups were read":       {remaining{members: []unserved{named("x")}, read: []string{"a"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, show(c.remaining.plan()))
		})
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	f := remaining{unread: []span{{group: "a"}}}.filter()
	require.True(t, f.accept("x"))
	require.True(t, f.accept("x"), "a group has each member once")
	f.exclude("x")
	require.False(t, f.accept("x"))

	f = remaining{unread: []span{{group: "a"}, {group: "b"}}, named: []string{"n"}, except: []string{"e"}}.filter()
	require.False(t, f.accept("n"))
	require.False(t, f.accept("e"))
	require.True(t, f.excepts("e"))
	require.True(t, f.accept("x"))
	require.False(t, f.accept("x"))
}

// Parts can be served independently: members in chunks, spans one by one unless they overlap.
func TestParts(t *testing.T) {
	t.Parallel()
	a, b, c := named("a"), named("b"), named("c")
	spans := []span{{group: "g", shards: 2, only: true}, {group: "g", shard: 1, shards: 2, only: true}}
	r := remaining{members: []unserved{a, b, c}, unread: spans, except: []string{"e"}, gone: []member{c.member}}
	require.Equal(t, []remaining{
		{members: []unserved{a, b}},
		{members: []unserved{c}},
		{gone: []member{c.member}},
		{unread: spans[:1], except: []string{"e"}},
		{unread: spans[1:], except: []string{"e"}},
	}, r.parts(a.size()+1))
	require.Equal(t, r, join(r.parts(a.size())))

	r = remaining{unread: []span{{group: "g"}, {group: "h"}}, read: []string{"f"}, named: []string{"n"}}
	require.Equal(t, []remaining{r}, r.parts(1))
	require.Empty(t, remaining{}.parts(1))
}
