package clientcore

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// TestSyncInterval checks that a lost tail is found within 6 minutes.
func TestSyncInterval(t *testing.T) {
	t.Parallel()
	s := member(t)
	for range 20 {
		before := s.now
		for len(s.sent) == 0 {
			s.pass(time.Second)
		}
		require.InDelta(t, 300, s.now.Sub(before).Seconds(), 61)
		s.reply(s.take("sync"), `{"moved":[],"lost":[],"extra":[],"presence":[]}`)
	}
}

func TestMoved(t *testing.T) {
	t.Parallel()
	s := member(t)
	for len(s.sent) == 0 {
		s.pass(time.Second)
	}
	r := s.take("sync")
	require.Contains(t, r.raw, `"topics":[{"topic":"a","epoch":"1-x","offset":5}]`)
	s.reply(r, `{"moved":["a","b"],"lost":[],"extra":[],"presence":[]}`)
	s.reply(s.take("history"), result("1-x", 6, 6))
	require.Equal(t, "e6 1-x:6", s.heard())
}

// TestNoMember is a false 410 (aws-sdk-js#3773): the server has dropped a connection that lives.
func TestNoMember(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.Wake(s.now)
	s.reply(s.take("sync"), `{"moved":[],"lost":["a"],"extra":[],"presence":[]}`)
	r := s.take("subscribe")
	require.Contains(t, r.raw, `"since":{"epoch":"1-x","offset":5}`)
	s.reply(r, result("1-x", 6, 6))
	require.Equal(t, "subscribed 1-x:5, e6 1-x:6", s.heard())

	s.push(event("1-x", 8))
	s.pass(time.Second)
	s.refuse(s.take("history"), "failed_precondition")
	s.pass(time.Second)
	s.take("subscribe")
}

func TestExtra(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.Wake(s.now)
	s.reply(s.take("sync"), `{"moved":[],"lost":[],"extra":["a","b"],"presence":[]}`)
	r := s.take("unsubscribe")
	require.Contains(t, r.raw, `"topic":"b"`)
	s.reply(r, "null")
	require.Len(t, s.topics, 1)
}

// TestOldSync checks that a sync says nothing of what has changed since its request.
func TestOldSync(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.Wake(s.now)
	r := s.take("sync")
	s.Unsubscribe(s.now, "a")
	s.reply(s.take("unsubscribe"), "null")
	s.Subscribe(s.now, "a", Options{})
	join := s.take("subscribe")
	s.reply(r, `{"moved":["a"],"lost":["a"],"extra":["a"],"presence":["a"]}`)
	s.reply(join, result("1-x", 6, 5))
	s.quiet()
}

// TestSyncOfAnEarlierSubscription is the same if the new subscription is complete by then.
func TestSyncOfAnEarlierSubscription(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.Wake(s.now)
	r := s.take("sync")
	s.Subscribe(s.now, "a", Options{})
	s.reply(s.take("subscribe"), result("1-x", 6, 5))
	s.reply(r, `{"moved":["a"],"lost":["a"],"extra":["a"],"presence":["a"]}`)
	s.quiet()
}

// TestSleep checks that a client asks at once when its computer wakes up, and connects again if the
// connection has not survived.
func TestSleep(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.now = s.now.Add(time.Hour)
	s.Tick(s.now)
	s.take("sync")
	old := s.conn
	s.pass(31 * time.Second)
	require.NotEqual(t, old, s.conn)
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.Subscribe(s.now, "a", Options{})
	s.reply(s.take("subscribe"), with(result("1-x", 1, 1), `"quiet":true`))
	s.Wake(s.now)
	r := s.take("sync")
	require.Contains(t, r.raw, `"quiet":true`)
	s.reply(r, `{}`)
	s.push(event("1-x", 2))
	s.Wake(s.now)
	require.NotContains(t, s.take("sync").raw, `"quiet"`)
}

func TestSyncFails(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.Wake(s.now)
	s.refuse(s.take("sync"), "unavailable")
	s.pass(3 * time.Second)
	s.refuse(s.take("sync"), "stale_connection")
	require.NotEmpty(t, s.ends)
}

func TestHistoryOfTheUser(t *testing.T) {
	t.Parallel()
	s := member(t)
	_, ok := s.History(s.now, topicwire.History{Topic: "b"})
	require.False(t, ok)
	n, ok := s.History(s.now, topicwire.History{Topic: "a", Before: first(), Limit: 20})
	require.True(t, ok)
	r := s.take("history")
	require.Contains(t, r.raw, `"topic":"a","before":{"epoch":"1-x","offset":1},"limit":20}`)
	s.Received(s.now, s.conn, []byte(`{"id":"`+r.id+`","data":`+result("1-x", 1, 2)+`}`))
	a, _ := s.Next()
	require.Equal(t, Answer, a.Kind)
	require.Equal(t, n, a.Request)
	require.Len(t, a.Result.Events, 2)
	p, _ := s.Position("a")
	require.Equal(t, int64(5), p.Offset, "it has no influence on the position")

	_, _ = s.History(s.now, topicwire.History{Topic: "a", Last: 1})
	s.refuse(s.take("history"), "permission_denied")
	_, _ = s.History(s.now, topicwire.History{Topic: "a", Last: 1})
	s.Disconnected(s.now, s.conn)
	require.Equal(t, "answer 3 permission_denied, answer 4 unavailable", s.heard())
}
