package clientcore

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReconnect(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.push(event("1-x", 6))
	old := s.conn
	s.Disconnected(s.now, old)
	s.pass(backoffOf(0))
	require.NotEqual(t, old, s.conn)
	s.push(event("1-x", 7)) // before the connection is open
	s.Connected(s.now, s.conn)
	s.pushOn(old, event("1-x", 7))
	require.Equal(t, "e6 1-x:6", s.heard(), "what comes on the old connection does not count")
	r := s.take("subscribe")
	require.Contains(t, r.raw, `"since":{"epoch":"1-x","offset":6}`)
	s.reply(r, result("1-x", 7, 8))
	require.Equal(t, "subscribed 1-x:6, e7 1-x:7, e8 1-x:8", s.heard())
}

func backoffOf(failed int) time.Duration { return min(firstBackoff<<failed, longestBackoff) }

// untilNextDial passes time until the client dials again, and returns how long that took.
func (s *stage) untilNextDial() time.Duration {
	before, conn := s.now, s.conn
	for s.run(); s.conn == conn; s.run() {
		due, ok := s.Deadline()
		require.True(s.t, ok)
		s.now = due
		s.Tick(due)
	}
	return s.now.Sub(before)
}

// TestBackoff checks that attempts to connect become rarer, until a connection is stable.
func TestBackoff(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Start(s.now)
	s.run()
	for failed := range 12 {
		s.Disconnected(s.now, s.conn)
		require.LessOrEqual(t, s.untilNextDial(), backoffOf(failed))
	}
	var waited time.Duration
	for range 200 {
		s.Disconnected(s.now, s.conn)
		waited += s.untilNextDial()
	}
	require.InDelta(t, 15*200, waited.Seconds(), 600, "full jitter below 30 seconds")

	s.Connected(s.now, s.conn)
	s.pass(stableTime)
	s.Disconnected(s.now, s.conn)
	require.LessOrEqual(t, s.untilNextDial(), backoffOf(0))
}

// TestStaleConnection checks that a client connects again, and does not hurry if the server says so
// each time.
func TestStaleConnection(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.Subscribe(s.now, "a", Options{})
	dials := s.conn
	for end := s.now.Add(5 * time.Minute); s.now.Before(end); s.pass(time.Second) {
		if len(s.sent) > 0 {
			s.refuse(s.take("subscribe"), "stale_connection")
		}
		if s.current != nil && !s.current.open {
			s.Connected(s.now, s.conn)
			s.run()
		}
	}
	require.Less(t, s.conn-dials, 60)
	require.Greater(t, s.conn-dials, 8)
	require.Empty(t, s.heard())
}

// TestRenewal checks that the next connection is open before the gateway ends this one, without a
// moment in which nothing is received.
func TestRenewal(t *testing.T) {
	t.Parallel()
	s := member(t)
	old := s.conn
	before := s.now
	s.untilDialed()
	require.InDelta(t, 110, s.now.Sub(before).Minutes(), 5.2)
	require.Equal(t, old+1, s.conn)
	s.pushOn(old, event("1-x", 6))
	s.Connected(s.now, s.conn)
	r := s.take("subscribe")
	require.Equal(t, old+1, r.conn)
	s.pushOn(old, event("1-x", 7))
	s.pushOn(s.conn, event("1-x", 8))
	require.Equal(t, "e6 1-x:6, e7 1-x:7, e8 1-x:8", s.heard())
	require.Empty(t, s.ends)
	s.reply(r, result("1-x", 7, 9))
	require.Equal(t, "subscribed 1-x:8, e9 1-x:9", s.heard())
	require.Equal(t, []int{old}, s.ends)
}

// keepSynced passes time while the server answers each sync with nothing.
func (s *stage) keepSynced(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); {
		s.pass(min(10*time.Second, end.Sub(s.now)))
		for len(s.sent) > 0 {
			s.reply(s.take("sync"), `{"moved":[],"lost":[],"extra":[],"presence":[]}`)
		}
	}
}

// untilDialed passes time until the client opens another connection.
func (s *stage) untilDialed() {
	for conn := s.conn; s.conn == conn; {
		s.keepSynced(10 * time.Second)
	}
}

// TestRenewalFails checks that the connection stays while the next one cannot be opened, and that
// the next one serves if the connection ends first.
func TestRenewalFails(t *testing.T) {
	t.Parallel()
	s := member(t)
	old := s.conn
	s.untilDialed()
	second := s.conn
	s.Disconnected(s.now, second)
	s.untilDialed()
	require.Equal(t, second+1, s.conn)
	s.pushOn(old, event("1-x", 6))
	require.Equal(t, "e6 1-x:6", s.heard())
	s.Disconnected(s.now, old)
	s.Connected(s.now, second+1)
	require.Equal(t, second+1, s.take("subscribe").conn)
}

// TestOverlapEnds checks that the old connection is closed even if a topic cannot be subscribed,
// and that it does not matter when it ends by itself.
func TestOverlapEnds(t *testing.T) {
	t.Parallel()
	s := member(t)
	old := s.conn
	s.untilDialed()
	s.Connected(s.now, s.conn)
	s.refuseFor(s.take("subscribe"), "unavailable", 600_000)
	s.pass(119 * time.Second)
	require.Empty(t, s.ends)
	s.pass(time.Second)
	require.Equal(t, []int{old}, s.ends)
	s.Disconnected(s.now, old)
	require.NotNil(t, s.current)
}

func TestDialTimeout(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Start(s.now)
	s.pass(time.Minute)
	require.Equal(t, 1, s.ends[0])
	require.Greater(t, s.conn, 1)
}

func TestStopAndStart(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.Stop(s.now)
	s.run()
	require.Equal(t, []int{s.conn}, s.ends)
	_, ok := s.Deadline()
	require.False(t, ok)
	s.Start(s.now)
	s.run()
	s.Connected(s.now, s.conn)
	require.Contains(t, s.take("subscribe").raw, `"offset":5}`)
}
