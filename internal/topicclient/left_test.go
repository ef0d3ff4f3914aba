package topicclient

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDroppedPushIsForgotten checks that a client does not ask for ever for a push that it has
// dropped since too many waited, and that the log does not keep any more.
func TestDroppedPushIsForgotten(t *testing.T) {
	t.Parallel()
	s := member(t)
	for offset := 7; offset < 7+300; offset++ { // more than may wait
		s.push(event("1-x", offset))
	}
	asked := 0
	for range 10 * 60 {
		s.pass(time.Second)
		for _, r := range s.sent {
			asked++
			if r.action == "history" {
				s.reply(r, with(result("1-x", 1, 0), `"recovered":false,"reason":"history"`))
			} else {
				s.reply(r, `{"moved":[],"lost":[],"extra":[],"presence":[]}`)
			}
		}
		s.sent = nil
	}
	require.Less(t, asked, 20, "requests in 10 minutes")
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
