package clientcore

import (
	"strings"
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

// TestDroppedPushIsForgotten checks that a client does not ask for ever for a push that it has
// dropped since too many waited, and that the log does not keep any more.
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

func TestPushesBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.Subscribe(s.now, "a", Options{Last: 2})
	r := s.take("subscribe")
	require.Contains(t, r.raw, `"topic":"a","last":2}`)
	s.push(event("1-x", 7))
	s.push(event("1-x", 5))
	s.push(event("1-x", 8))
	require.Empty(t, s.heard())
	s.reply(r, result("1-x", 5, 6))
	require.Equal(t, "subscribed 1-x:4, e5 1-x:5, e6 1-x:6, e7 1-x:7, e8 1-x:8", s.heard())
}

// TestOverflow checks that the buffer is bounded, and that the client gets what it had to drop.
func TestOverflow(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.cfg.MaxWaiting = 2
	s.Start(s.now)
	s.run()
	s.Connected(s.now, s.conn)
	s.Subscribe(s.now, "a", Options{})
	for _, offset := range []int{9, 7, 8, 6} {
		s.push(event("1-x", offset))
	}
	require.Len(t, s.byName["a"].waiting, 2)
	s.reply(s.take("subscribe"), result("1-x", 6, 5))
	require.Equal(t, "subscribed 1-x:5, e6 1-x:6, e7 1-x:7", s.heard())
	s.pass(300 * time.Millisecond)
	s.reply(s.take("history"), result("1-x", 8, 9))
	require.Equal(t, "e8 1-x:8, e9 1-x:9", s.heard())

	s = member(t)
	s.cfg.MaxWaitingBytes = 150
	s.push(event("1-x", 9))
	s.push(event("1-x", 8))
	s.push(event("1-x", 7))
	require.LessOrEqual(t, s.byName["a"].bytes, 150)
}

// TestHandlerSubscribesAgain is centrifuge-js#425: the position moves before the handler runs.
func TestHandlerSubscribesAgain(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.Received(s.now, s.conn, []byte(event("1-x", 6)))
	a, ok := s.Next()
	require.True(t, ok)
	require.Equal(t, Event, a.Kind)
	p, ok := s.Position("a")
	require.True(t, ok)
	require.Equal(t, int64(6), p.Offset)
	s.Subscribe(s.now, "a", Options{})
	require.Contains(t, s.take("subscribe").raw, `"since":{"epoch":"1-x","offset":6}`)
}

// TestPositionOfAGap is a bug of AnyCable's client, and of centrifuge-go (#160): what came last is
// not the position, and epoch and offset belong together.
func TestPositionOfAGap(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.push(event("1-x", 9))
	s.push(event("2-y", 3))
	s.Disconnected(s.now, s.conn)
	s.pass(time.Second)
	s.Connected(s.now, s.conn)
	r := s.take("subscribe")
	require.Equal(t, "1-x", r.Since.Epoch)
	require.Equal(t, int64(5), r.Since.Offset)
	s.reply(r, result("1-x", 6, 8))
	require.Equal(t, "subscribed 1-x:5, e6 1-x:6, e7 1-x:7, e8 1-x:8, e9 1-x:9", s.heard())
}

func TestEpochs(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.push(event("2-y", 2))
	s.push(with(event("2-y", 1), `"prev":{"epoch":"1-x","offset":5}`))
	require.Equal(t, "e1 2-y:1, e2 2-y:2", s.heard(), "prev is the position")
	s.push(event("1-x", 6))
	s.push(with(event("1-x", 3), `"prev":{"epoch":"2-y","offset":2}`))
	require.Empty(t, s.heard(), "a lower epoch is dropped")
	s.pass(time.Minute)
	s.quiet()

	s.push(with(event("3-z", 1), `"prev":{"epoch":"2-y","offset":4}`))
	s.pass(2 * time.Second)
	r := s.take("history")
	require.Contains(t, r.raw, `"since":{"epoch":"2-y","offset":2}`)
	s.reply(r, with(result("2-y", 3, 4), `"more":true`))
	require.Equal(t, "e3 2-y:3, e4 2-y:4, e1 3-z:1", s.heard(), "what waited has its prev now")
	s.reply(s.take("history"), result("3-z", 2, 1))

	s.push(event("3-other", 2))
	s.pass(2 * time.Second)
	s.take("history")
}

// TestNewEpochInAnAnswer checks that an answer goes on in a new epoch.
func TestNewEpochInAnAnswer(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.push(event("2-y", 2))
	s.pass(2 * time.Second)
	s.reply(s.take("history"), result("2-y", 1, 2))
	require.Equal(t, "e1 2-y:1, e2 2-y:2", s.heard())
}

func TestLost(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.push(event("2-y", 9))
	s.pass(2 * time.Second)
	s.reply(s.take("history"), with(result("2-y", 8, 8), `"recovered":false,"reason":"epoch"`))
	require.Equal(t, "lost epoch 2-y:7, e8 2-y:8, e9 2-y:9", s.heard())

	s = member(t)
	s.push(event("1-x", 7))
	s.pass(time.Second)
	r := s.take("history")
	s.push(event("1-x", 6))
	require.Equal(t, "e6 1-x:6, e7 1-x:7", s.heard())
	s.reply(r, with(result("1-x", 10, 9), `"recovered":false,"reason":"history"`))
	require.Empty(t, s.heard(), "the client has moved: what was lost for its old position does not count")
	s.pass(time.Second)
	require.Contains(t, s.take("history").raw, `"offset":7}`)
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.Subscribe(s.now, "a", Options{Since: first()})
	s.reply(s.take("subscribe"), with(result("1-x", 2, 3), `"more":true`))
	s.push(event("1-x", 7))
	r := s.take("history")
	require.Contains(t, r.raw, `"offset":3}`)
	s.reply(r, with(result("1-x", 4, 5), `"more":true`))
	s.reply(s.take("history"), result("1-x", 6, 6))
	require.Equal(t, "subscribed 1-x:1, e2 1-x:2, e3 1-x:3, e4 1-x:4, e5 1-x:5, e6 1-x:6, e7 1-x:7", s.heard())
	s.pass(time.Minute)
	s.quiet()
}

// TestOneHistoryAtATime checks that gaps of several topics do not meet, and that the server's
// retryAfterMs holds for all.
func TestOneHistoryAtATime(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.Subscribe(s.now, "b", Options{})
	s.reply(s.take("subscribe"), `{"topic":"b","epoch":"1-x","offset":5,"events":[],"recovered":true}`)
	s.push(event("1-x", 7))
	s.push(`{"event":"m","topic":"b","epoch":"1-x","offset":9}`)
	s.pass(time.Second)
	first := s.take("history")
	s.quiet()
	s.refuseFor(first, "rate_limited", 8000)
	s.pass(7999 * time.Millisecond)
	s.quiet()
	s.pass(3 * time.Second)
	again := s.take("history")
	s.quiet()
	require.NotEqual(t, first.id, again.id)
	both := map[string]string{
		"a": result("1-x", 6, 7), "b": `{"topic":"b","epoch":"1-x","offset":9,"events":[],"recovered":true}`,
	}
	s.reply(again, both[again.Topic])
	require.NotEqual(t, again.Topic, s.take("history").Topic)
}

// TestFruitlessHistory checks that a client does not hurry if the server promises more and has
// nothing.
func TestFruitlessHistory(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.push(event("1-x", 9))
	asked := 0
	for range 60 {
		s.pass(time.Second)
		for len(s.sent) > 0 {
			asked++
			s.reply(s.take("history"), with(result("1-x", 6, 5), `"more":true`))
		}
	}
	require.Less(t, asked, 25)
	require.Greater(t, asked, 3)
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
	s := member(t)
	s.Unsubscribe(s.now, "a")
	s.reply(s.take("unsubscribe"), "null")
	for len(s.sent) == 0 {
		s.pass(time.Second)
	}
	r := s.take("sync")
	require.Contains(t, r.raw, `"topics":[]`)
	s.reply(r, `{"moved":[],"lost":[],"extra":["a"],"presence":[]}`)
	require.Contains(t, s.take("unsubscribe").raw, `"a"`)
}

// TestHistoryFailsForOneTopic checks that a topic whose history always fails goes to the end of
// the line.
func TestHistoryFailsForOneTopic(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.Subscribe(s.now, "b", Options{})
	s.reply(s.take("subscribe"), strings.Replace(result("1-x", 6, 5), `"a"`, `"b"`, 1))
	s.push(event("1-x", 7))
	s.push(strings.Replace(event("1-x", 7), `"a"`, `"b"`, 1))
	var asked []string
	for range 3 {
		s.pass(time.Second)
		r := s.take("history")
		asked = append(asked, r.Topic)
		s.refuse(r, "internal")
	}
	require.NotEqual(t, asked[0], asked[1])
	require.Equal(t, asked[0], asked[2])
}
