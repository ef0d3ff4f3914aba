package clientcore

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStaleAnswer is centrifuge-js#419: the answer to a subscription that was canceled must not
// complete the next one.
func TestStaleAnswer(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.Subscribe(s.now, "a", Options{Since: first()})
	first := s.take("subscribe")
	s.Unsubscribe(s.now, "a")
	s.Subscribe(s.now, "a", Options{Last: 3})
	s.quiet() // no two at once: centrifuge-js#303
	s.reply(first, result("1-x", 2, 3))
	require.Empty(t, s.heard())
	second := s.take("subscribe")
	require.Contains(t, second.raw, `"last":3`)
	require.NotContains(t, second.raw, "since")
	s.reply(first, result("1-x", 2, 3))
	require.Empty(t, s.heard(), "an answer counts once")
	s.reply(second, result("1-x", 4, 4))
	require.Equal(t, "subscribed 1-x:3, e4 1-x:4", s.heard())
}

// TestNoOverlap is centrifuge-js#424 and others: a subscribe that overtakes an unsubscribe is ended
// by it.
func TestNoOverlap(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.Unsubscribe(s.now, "a")
	leave := s.take("unsubscribe")
	s.Subscribe(s.now, "a", Options{})
	s.quiet()
	s.push(event("1-x", 6))
	s.reply(leave, "null")
	s.reply(s.take("subscribe"), result("1-x", 7, 6))
	require.Equal(t, "subscribed 1-x:6", s.heard())

	s.Unsubscribe(s.now, "a")
	leave = s.take("unsubscribe")
	s.push(event("1-x", 7))
	s.reply(leave, "null")
	require.Empty(t, s.heard())
	require.Empty(t, s.topics)
	s.keepSynced(time.Hour) // nothing but syncs
}

// TestUnsubscribeInAHandler checks that nothing is delivered after an unsubscribe.
func TestUnsubscribeInAHandler(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.push(event("1-x", 7))
	s.Received(s.now, s.conn, []byte(event("1-x", 6)))
	a, _ := s.Next()
	require.Equal(t, "e6", a.Name)
	s.Unsubscribe(s.now, "a")
	require.Empty(t, s.heard())
	s.take("unsubscribe")
}

// TestSubscribeWithoutAnswer checks that it is repeated, and that a late answer does not count.
func TestSubscribeWithoutAnswer(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.Subscribe(s.now, "a", Options{})
	first := s.take("subscribe")
	s.pass(10 * time.Second)
	s.push(`{"event":"alive"}`)
	s.pass(25 * time.Second)
	second := s.take("subscribe")
	require.Equal(t, first.conn, second.conn)
	require.NotEqual(t, first.id, second.id)
	s.reply(first, result("1-x", 1, 1))
	s.reply(second, result("1-x", 2, 2))
	require.Equal(t, `pushed alive  , subscribed 1-x:1, e2 1-x:2`, s.heard())
}

// TestDeadConnection checks that a client connects again if nothing at all comes.
func TestDeadConnection(t *testing.T) {
	t.Parallel()
	s := member(t)
	dead := s.conn
	s.pass(7 * time.Minute)
	require.Equal(t, "sync", s.sent[0].action)
	require.Equal(t, dead, s.ends[0])
	require.NotEqual(t, dead, s.conn)
}

// TestUnsubscribeWithoutAnswer checks that a new connection is used, since the request may still be
// carried out, and that the other topics do not notice.
func TestUnsubscribeWithoutAnswer(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.Subscribe(s.now, "b", Options{})
	s.reply(s.take("subscribe"), `{"topic":"b","epoch":"1-x","offset":5,"events":[],"recovered":true}`)
	old := s.conn
	s.Unsubscribe(s.now, "b")
	s.take("unsubscribe")
	s.Subscribe(s.now, "b", Options{})
	s.pass(10 * time.Second)
	s.push(event("1-x", 6))
	s.pass(21 * time.Second)
	s.quiet()
	require.NotEqual(t, old, s.conn)
	require.Empty(t, s.ends, "the old connection stays until the new one is ready")
	s.Connected(s.now, s.conn)
	r := s.take("subscribe")
	require.Equal(t, s.conn, r.conn)
	s.pushOn(old, event("1-x", 7))
	s.reply(r, `{"topics":[`+result("1-x", 7, 7)+`,{"topic":"b","epoch":"1-x","offset":6,"events":[],"recovered":true}]}`)
	require.Equal(t, []int{old}, s.ends)
	require.Equal(t, "subscribed 1-x:5, e6 1-x:6, e7 1-x:7, subscribed 1-x:7, subscribed 1-x:6", s.heard())
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for code, again := range map[string]bool{
		"unavailable": true, "deadline_exceeded": true, "internal": true, "rate_limited": true, "new": true,
		"permission_denied": false, "invalid_argument": false, "not_found": false, "unauthenticated": false,
		"failed_precondition": false,
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := connected(t)
			s.Subscribe(s.now, "a", Options{})
			s.refuse(s.take("subscribe"), code)
			s.pass(time.Second)
			if again {
				s.reply(s.take("subscribe"), result("1-x", 1, 1))
				require.Equal(t, "subscribed 1-x:0, e1 1-x:1", s.heard())
				return
			}
			require.Equal(t, "failed a "+code, s.heard())
			s.quiet()
			require.Empty(t, s.topics)
		})
	}
}

// TestUnsubscribeBeforeARepetition checks that the membership that a failed subscribe may have left
// is ended.
func TestUnsubscribeBeforeARepetition(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.Subscribe(s.now, "a", Options{})
	s.refuse(s.take("subscribe"), "unavailable")
	s.Unsubscribe(s.now, "a")
	s.reply(s.take("unsubscribe"), "{}")
	require.Empty(t, s.topics)
	s.pass(time.Minute)
	s.quiet()
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.Subscribe(s.now, "a", Options{})
	s.refuseFor(s.take("subscribe"), "unavailable", 40_000)
	s.pass(39_999 * time.Millisecond)
	s.quiet()
	s.pass(11 * time.Second)
	s.take("subscribe")
}

// TestSeveral checks that topics are subscribed together, and that one may be refused.
func TestSeveral(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Start(s.now)
	s.run()
	s.Subscribe(s.now, "a", Options{})
	s.Subscribe(s.now, "b", Options{})
	s.quiet()
	s.Connected(s.now, s.conn)
	r := s.take("subscribe")
	require.Len(t, r.Topics, 2)
	require.NoError(t, r.Validate())
	s.reply(r, `{"topics":[{"topic":"a","error":{"code":"permission_denied","message":"no"}},`+
		`{"topic":"b","epoch":"","offset":0,"events":[],"recovered":true,"quiet":true}]}`)
	require.Equal(t, "failed a permission_denied, subscribed :0", s.heard())
	s.push(`{"event":"m","topic":"b","epoch":"1-x","offset":1,"prev":{"epoch":"","offset":0}}`)
	require.Equal(t, "m 1-x:1", s.heard())
}

// TestManyTopics checks that a message is not larger than a frame of a browser.
func TestManyTopics(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for i := range 150 {
		s.Subscribe(s.now, fmt.Sprintf("%d-%s", i, strings.Repeat("x", 400)), Options{})
	}
	s.Start(s.now)
	s.run()
	s.Connected(s.now, s.conn)
	s.run()
	topics := 0
	for _, r := range s.sent {
		require.LessOrEqual(t, len(r.raw), 32<<10)
		topics += len(r.Topics)
	}
	require.Equal(t, 150, topics)
	require.Less(t, len(s.sent), 4)
}

// TestExpiry checks that a client finds out when its subscription has ended.
func TestExpiry(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.Subscribe(s.now, "a", Options{})
	s.reply(s.take("subscribe"), with(result("1-x", 1, 1), `"expiresInMs":60000`))
	s.pass(59 * time.Second)
	s.quiet()
	s.pass(2 * time.Second)
	s.reply(s.take("sync"), `{"moved":[],"lost":["a"],"extra":[],"presence":[]}`)
	s.refuse(s.take("subscribe"), "permission_denied")
	require.Equal(t, "subscribed 1-x:0, e1 1-x:1, failed a permission_denied", s.heard())
}
