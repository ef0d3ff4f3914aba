package clientcore

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// statesNow returns the states of the connection since the last call.
func (s *stage) statesNow() string {
	s.run()
	text := strings.Join(s.states, " ")
	s.states = nil
	return text
}

// TestStates follows the connection through all its states.
func TestStates(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	state, _ := s.State()
	require.Equal(t, Closed, state)
	s.Start(s.now)
	s.run()
	s.Connected(s.now, s.conn)
	s.Disconnected(s.now, s.conn)
	require.Equal(t, "connecting online waiting", s.statesNow())
	_, at := s.State()
	require.False(t, at.IsZero())
	s.Offline(s.now)
	s.Offline(s.now)
	state, same := s.State()
	require.Equal(t, Offline, state)
	require.Equal(t, at, same)
	s.Online(s.now)
	s.run()
	s.Connected(s.now, s.conn)
	s.Offline(s.now)
	s.Online(s.now)
	s.Stop(s.now)
	require.Equal(t, "offline connecting online closed", s.statesNow())
	require.Equal(t, "State(9)", State(9).String())
}

// TestRefusals checks rules 4 and 5.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Start(s.now)
	s.run()
	for range 4 {
		s.Refused(s.now, s.conn, 0)
		s.untilNextDial()
	}
	require.NotContains(t, s.statesNow(), "refused")
	var longest time.Duration
	for range 40 {
		s.Refused(s.now, s.conn, 0)
		longest = max(longest, s.untilNextDial())
	}
	require.Equal(t, []string{"refused"}, s.problems)
	require.NotContains(t, s.statesNow(), "waiting")
	require.Greater(t, longest, 2*time.Minute)
	require.LessOrEqual(t, longest, 5*time.Minute)

	s.Connected(s.now, s.conn)
	s.push(`{"event":"alive"}`)
	s.Disconnected(s.now, s.conn)
	require.Equal(t, "online waiting", s.statesNow())
	s.untilNextDial()
	for range 5 {
		s.Refused(s.now, s.conn, 0)
		s.untilNextDial()
	}
	require.Equal(t, []string{"refused", "refused"}, s.problems)
}

// TestNoRefusals checks what does not count: what never reached the server.
func TestNoRefusals(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(s *stage){
		"not reached":    func(s *stage) { s.Disconnected(s.now, s.conn) },
		"no credentials": func(s *stage) { s.NoCredentials(s.now, s.conn, "no") },
		"offline":        func(s *stage) { s.Offline(s.now); s.Refused(s.now, s.conn, 0) },
		"no answer":      func(s *stage) { s.pass(dialTimeout) },
	} {
		s := newStage(t)
		s.Start(s.now)
		s.run()
		for range 10 {
			fail(s)
			s.untilNextDial()
		}
		require.NotContains(t, s.problems, "refused", name)
		require.NotContains(t, s.statesNow(), "refused", name)
	}
}

func TestStatusOfRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		statuses []int
		want     string
	}{
		{[]int{401, 401, 401}, "unauthenticated"},
		{[]int{401, 403, 401, 500}, ""},
		{[]int{403, 403}, "permission_denied"},
		{[]int{403, 403, 401, 401, 403, 403}, "permission_denied unauthenticated refused"},
	} {
		s := newStage(t)
		s.Start(s.now)
		s.run()
		for _, status := range c.statuses {
			s.Refused(s.now, s.conn, status)
			s.untilNextDial()
		}
		require.Equal(t, c.want, strings.Join(s.problems, " "))
	}
}

func TestNoCredentials(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Start(s.now)
	s.run()
	s.NoCredentials(s.now, s.conn, "the provider has failed")
	require.Equal(t, "connecting waiting", s.statesNow())
	require.Equal(t, []string{"token"}, s.problems)
	s.untilNextDial()
	s.Connected(s.now, s.conn)
	require.Equal(t, "connecting online", s.statesNow())
}

// TestBudget checks that whatever asks for attempts, there are 20 in 5 minutes.
func TestBudget(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Start(s.now)
	s.run()
	var dials []time.Time
	for end := s.now.Add(time.Hour); s.now.Before(end); s.pass(100 * time.Millisecond) {
		before := s.conn
		s.Refused(s.now, s.conn, 0)
		s.Visible(s.now)
		s.Retry(s.now)
		if s.run(); s.conn != before {
			dials = append(dials, s.now)
		}
	}
	require.Greater(t, len(dials), 200)
	for i := budget; i < len(dials); i++ {
		require.GreaterOrEqual(t, dials[i].Sub(dials[i-budget]), budgetTime)
	}
}

func TestCloseCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{1000: "", 1001: "", 1008: "rate_limited", 1009: "too_large", 4001: ""} {
		s := connected(t)
		s.pass(time.Minute)
		s.Closed(s.now, s.conn, code, "because")
		require.Equal(t, want, strings.Join(s.problemsNow(), " "))
		wait := s.untilNextDial()
		if code == 1008 {
			require.GreaterOrEqual(t, wait, policyDelay)
			wait -= policyDelay
		}
		require.LessOrEqual(t, wait, backoffOf(0))
	}
	for code, text := range map[int]string{
		1001: `silent for 10 minutes, or open for 2 hours (close code 1001)`,
		4321: `the application has closed the connection (close code 4321): "because"`,
		3000: `the connection was closed (close code 3000): "because"`,
	} {
		require.Contains(t, closing(code, "because"), text)
	}
	require.NotContains(t, closing(1000, ""), `"`)
}

func (s *stage) problemsNow() []string {
	s.run()
	return s.problems
}

// TestWhy checks that the user learns why there is no connection.
func TestWhy(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.Closed(s.now, s.conn, 1001, "Going away")
	for a, ok := s.Next(); ok; a, ok = s.Next() {
		if a.Kind == Changed {
			require.Equal(t, Waiting, a.State)
			require.Contains(t, a.Text, "Going away")
			return
		}
	}
	t.Fatal("the state did not change")
}

// TestKeepAlive checks rules 12 and 13.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		s := newStage(t)
		s.cfg.Random = rand.New(rand.NewPCG(seed, 0))
		s.Start(s.now)
		s.run()
		s.Connected(s.now, s.conn)
		s.pass(7*time.Minute + 30*time.Second - 1)
		require.Zero(t, s.kept)
		s.pass(time.Minute)
		require.Equal(t, 1, s.kept)
		for range 12 { // what passes in either direction keeps it alive
			s.pass(4 * time.Minute)
			s.push(`{"event":"alive"}`)
			s.pass(4 * time.Minute)
			require.NoError(t, s.Send(s.now, "typing", nil))
		}
		require.Equal(t, 1, s.kept)
		require.Empty(t, s.ends)
	}
}

// TestDeadConnections checks that a connection on which nothing comes is noticed in time.
func TestDeadConnections(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(s *stage) time.Duration{
		"probe":   func(s *stage) time.Duration { s.Visible(s.now); s.Visible(s.now); return 10 * time.Second },
		"online":  func(s *stage) time.Duration { s.Online(s.now); return 10 * time.Second },
		"call":    func(s *stage) time.Duration { s.say(Call{Timeout: time.Hour}); return 30 * time.Second },
		"request": func(s *stage) time.Duration { s.Subscribe(s.now, "a", Options{}); return 30 * time.Second },
		"asleep": func(s *stage) time.Duration {
			s.now = s.now.Add(time.Hour)
			s.Tick(s.now)
			return 10 * time.Second
		},
	} {
		s := connected(t)
		s.deaf = true
		limit := ask(s)
		s.pass(limit - 1)
		require.Empty(t, s.ends, name)
		s.pass(1)
		require.Equal(t, []int{1}, s.ends, name)
		require.Contains(t, s.statesNow(), "waiting", name)

		s = connected(t)
		s.deaf = true
		limit = ask(s)
		s.pass(limit - 1)
		s.push(`{"event":"alive"}`)
		s.pass(limit - 1)
		require.Empty(t, s.ends, name)
	}
}

// TestProbesDoNotPutOffTheEnd checks that a user who asks again and again does not keep a dead
// connection.
func TestProbesDoNotPutOffTheEnd(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.deaf = true
	for range 10 {
		s.Visible(s.now)
		s.pass(time.Second)
	}
	require.Equal(t, []int{1}, s.ends)
	require.Equal(t, 1, s.kept)
}

func TestKeepAliveOptions(t *testing.T) {
	t.Parallel()
	for given, want := range map[time.Duration]time.Duration{
		0: defaultKeepAlive, time.Second: 10 * time.Second, time.Minute: time.Minute, time.Hour: 9 * time.Minute,
	} {
		c := New(Config{Random: rand.New(rand.NewPCG(1, 1)), KeepAlive: given})
		require.Equal(t, want, c.cfg.KeepAlive)
	}
	c := New(Config{Random: rand.New(rand.NewPCG(1, 1)), KeepAliveAction: "ping"})
	now := time.Unix(1e9, 0)
	c.Start(now)
	c.Connected(now, 1)
	c.Retry(now)
	for a, ok := c.Next(); ok; a, ok = c.Next() {
		if a.Kind == Send {
			require.JSONEq(t, `{"action":"ping"}`, string(a.Frame))
			return
		}
	}
	t.Fatal("nothing was sent")
}

// TestAnotherProtocol checks rule 11.
func TestAnotherProtocol(t *testing.T) {
	t.Parallel()
	s := connected(t)
	for range 9 {
		s.push("hello")
	}
	require.Equal(t, []string{"protocol"}, s.problems)
	require.Empty(t, s.ends)
	s.push(`{"event":"alive"}`)
	for range 100 {
		s.push("hello")
	}
	require.Empty(t, s.ends, "it is one of this protocol")

	s = newStage(t)
	s.Start(s.now)
	s.run()
	dials := 0
	for end := s.now.Add(time.Hour); s.now.Before(end); dials++ {
		s.Connected(s.now, s.conn)
		s.pass(11 * time.Second)
		conn := s.conn
		for range 10 {
			s.push("hello")
		}
		require.Contains(t, s.ends, conn)
		s.untilNextDial()
	}
	require.Less(t, dials, 60, "no loop")
	require.Contains(t, s.problems, "refused")
}

// TestRollOver checks rules 14 and 15 with calls.
func TestRollOver(t *testing.T) {
	t.Parallel()
	s := connected(t)
	old := s.conn
	s.deaf = true
	for s.conn == old {
		s.pass(time.Second)
		s.push(`{"event":"alive"}`)
	}
	next := s.conn
	s.heard()
	s.Connected(s.now, next)
	s.say(Call{})
	require.Equal(t, old, s.sent[0].conn, "it is not confirmed")
	waiting := s.take("say")
	s.pushOn(next, `{"action":"keepalive","data":null}`)
	s.say(Call{})
	require.Equal(t, next, s.take("say").conn)
	s.pass(10 * time.Second)
	require.Empty(t, s.ends, "a call waits")
	s.reply(waiting, "1")
	require.Equal(t, []int{old}, s.ends)
	require.Equal(t, "settled 1 1", s.heard())
	require.Equal(t, "connecting online", s.statesNow())
}

// TestRollOverIsNotConfirmed checks that a second connection on which nothing comes is given up.
func TestRollOverIsNotConfirmed(t *testing.T) {
	t.Parallel()
	s := connected(t)
	old := s.conn
	for s.conn == old {
		s.pass(time.Second)
	}
	next := s.conn
	s.deaf = true
	s.Connected(s.now, next)
	s.pass(10*time.Second - 1)
	require.Empty(t, s.ends)
	s.pass(1)
	require.Equal(t, []int{next}, s.ends)
	before := s.now
	s.deaf = false
	s.untilNextDial()
	require.InDelta(t, 35, s.now.Sub(before).Seconds(), 26)
	s.Connected(s.now, s.conn)
	s.run()
	require.Equal(t, []int{next, old}, s.ends)
	require.Equal(t, "connecting online", s.statesNow())
}

// TestRollOverEndsWithCalls checks that a call does not keep the old connection for ever.
func TestRollOverEndsWithCalls(t *testing.T) {
	t.Parallel()
	s := connected(t)
	old := s.conn
	for s.conn == old {
		s.pass(time.Second)
	}
	s.say(Call{Timeout: time.Hour})
	s.say(Call{Timeout: time.Hour, Idempotent: true})
	require.Equal(t, "1 2", s.numbers())
	s.Connected(s.now, s.conn)
	s.pass(2*time.Minute - 1)
	require.Empty(t, s.ends)
	s.pass(1)
	require.Equal(t, []int{old}, s.ends)
	require.Equal(t, "settled 1 unknown_outcome", s.heard())
	require.Equal(t, "2", s.numbers())
}

// TestFirstEndsBeforeTheSecondIsConfirmed checks that the second one takes its place.
func TestFirstEndsBeforeTheSecondIsConfirmed(t *testing.T) {
	t.Parallel()
	s := member(t)
	old := s.conn
	s.untilDialed()
	s.deaf = true
	s.Connected(s.now, s.conn)
	s.quiet()
	s.Disconnected(s.now, old)
	require.Equal(t, s.conn, s.take("subscribe").conn)
	s.pass(10 * time.Second)
	require.Equal(t, []int{s.conn}, s.ends, "it is dead")
}
