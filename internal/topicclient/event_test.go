package topicclient

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEventsInOrder(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.push(event("1-x", 6))
	s.push(`{"topic":"a","epoch":"1-x","offset":7,"events":[{"event":"p","data":1},{"event":"q","data":2}]}`)
	require.Equal(t, "e6 1-x:6, pq 1-x:7", s.heard())
	s.push(event("1-x", 6))
	s.push(event("1-x", 7))
	require.Empty(t, s.heard(), "what the client has is dropped")
	s.push(event("1-x", 10))
	s.push(event("1-x", 9))
	require.Empty(t, s.heard(), "what is above waits")
	s.push(event("1-x", 8))
	require.Equal(t, "e8 1-x:8, e9 1-x:9, e10 1-x:10", s.heard())
	s.pass(time.Minute)
	s.quiet()
}

func TestGap(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.push(event("1-x", 7))
	s.pass(199 * time.Millisecond)
	s.quiet()
	s.pass(101 * time.Millisecond)
	r := s.take("history")
	require.Contains(t, r.raw, `"since":{"epoch":"1-x","offset":5}`)
	s.reply(r, result("1-x", 6, 8))
	require.Equal(t, "e6 1-x:6, e7 1-x:7, e8 1-x:8", s.heard())
	s.pass(time.Minute)
	s.quiet()
}

// TestDroppedPushIsForgotten checks that a client does not ask for ever for a push that it has dropped
// since too many waited, and that the log does not keep any more.
func TestDroppedPushIsForgotten(t *testing.T) {
	t.Parallel()
	s := member(t)
	for offset := 7; offset < 7+300; offset++ { // more than may wait
		s.push(event("1-x", offset))
	}
	s.pass(time.Second)
	s.reply(s.take("history"), with(result("1-x", 1, 0), `"recovered":false,"reason":"history"`))
	require.NotEmpty(t, s.heard())
	s.pass(time.Minute)
	s.quiet()
}

// TestSpread checks that a client waits for as long as the publisher says.
func TestSpread(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.push(with(event("1-x", 7), `"spreadMs":6000`))
	s.pass(5999 * time.Millisecond)
	s.quiet()
	s.pass(3001 * time.Millisecond)
	s.take("history")

	s = member(t)
	s.push(with(event("1-x", 7), `"spreadMs":600000`))
	s.pass(10 * time.Second)
	s.take("history")
}

// TestUnwantedSubscribeThatFailed checks that a membership which may have been written is ended.
func TestUnwantedSubscribeThatFailed(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.Subscribe(s.now, "a", Options{})
	r := s.take("subscribe")
	s.Unsubscribe(s.now, "a")
	s.refuse(r, "internal")
	s.reply(s.take("unsubscribe"), "{}")
	s.quiet()
}

// TestSyncWithoutTopics checks that a client learns of memberships that it does not know.
func TestSyncWithoutTopics(t *testing.T) {
	t.Parallel()
	s := connected(t)
	due, _ := s.Deadline()
	s.pass(due.Sub(s.now))
	r := s.take("sync")
	require.Contains(t, r.raw, `"topics":[]`)
	s.reply(r, `{"moved":[],"lost":[],"extra":["a"],"presence":[]}`)
	require.Contains(t, s.take("unsubscribe").raw, `"a"`)
}
