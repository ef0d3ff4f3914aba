package clientcore

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// say makes a call of the action "say" with the number of the call as its text.
func (s *stage) say(q Call) int64 {
	if q.Action == "" {
		q.Action = "say"
	}
	if q.Input == nil {
		q.Input = json.RawMessage(fmt.Sprintf(`{"n":%d}`, s.lastCall+1))
	}
	n := s.Call(s.now, q)
	s.run()
	return n
}

// numbers takes all requests that were sent, and returns the numbers of the calls.
func (s *stage) numbers() string {
	s.run()
	var list []string
	for _, r := range s.sent {
		var m struct{ N int }
		require.NoError(s.t, json.Unmarshal([]byte(r.raw), &m))
		list = append(list, fmt.Sprint(m.N))
	}
	s.sent = nil
	return strings.Join(list, " ")
}

// again opens the next connection.
func (s *stage) again() {
	s.Disconnected(s.now, s.conn)
	s.untilNextDial()
	s.Connected(s.now, s.conn)
	s.run()
}

func TestCall(t *testing.T) {
	t.Parallel()
	s := connected(t)
	n := s.Call(s.now, Call{Action: "say", Input: []byte(` { "text" : "hi" } `)})
	r := s.take("say")
	require.JSONEq(t, `{"action":"say","id":"`+r.id+`","text":"hi"}`, r.raw)
	s.reply(r, `{"at":7}`)
	s.reply(r, `{"at":8}`)
	require.Equal(t, fmt.Sprintf(`settled %d {"at":7}`, n), s.heard())
	require.Zero(t, s.Calls())

	for _, input := range []string{"", "{}", " {} "} {
		s.Call(s.now, Call{Action: "list", Input: []byte(input)})
		r = s.take("list")
		require.JSONEq(t, `{"action":"list","id":"`+r.id+`"}`, r.raw)
	}
}

func TestCallsThatAreNotSent(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.cfg.MaxMessage = 1000
	for input, code := range map[string]string{
		`7`: "invalid_argument", `[]`: "invalid_argument", `{"action":"x"}`: "invalid_argument",
		`{"id":"x"}`: "invalid_argument", `{"key":1}`: "invalid_argument", `{"n":}`: "invalid_argument",
		`{} {}`: "invalid_argument", `null`: "invalid_argument",
		`{"t":"` + strings.Repeat("x", 1000) + `"}`: "too_large",
	} {
		n := s.Call(s.now, Call{Action: "say", Input: []byte(input), Key: "k"})
		require.Equal(t, fmt.Sprintf("settled %d %s", n, code), s.heard(), input)
	}
	for _, action := range []string{"", "$connect"} {
		n := s.Call(s.now, Call{Action: action})
		require.Equal(t, fmt.Sprintf("settled %d invalid_argument", n), s.heard(), action)
	}
	s.Call(s.now, Call{Action: "say", Input: []byte(`{"key":1}`)})
	s.take("say")
}

// TestSizeOfAMessage checks the limit to the byte.
func TestSizeOfAMessage(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.cfg.MaxMessage = 500
	for size := 400; ; size++ {
		s.Call(s.now, Call{Action: "say", Input: []byte(`{"t":"` + strings.Repeat("x", size) + `"}`)})
		s.run()
		if len(s.sent) == 0 {
			require.Contains(t, s.heard(), "too_large")
			return
		}
		require.LessOrEqual(t, len(s.take("say").raw), 500)
		require.Less(t, size, 500)
	}
}

// TestOrder checks rule 17: calls are sent in the order in which they were made, once there is a
// connection, and do not wait for each other.
func TestOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Start(s.now)
	for range 3 {
		s.say(Call{})
	}
	s.quiet()
	s.Connected(s.now, s.conn)
	s.say(Call{})
	require.Equal(t, "1 2 3 4", s.numbers())
}

func TestFullQueue(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.cfg.MaxCalls = 2
	s.say(Call{})
	r := s.take("say")
	n := s.say(Call{})
	s.Cancel(s.now, n)
	require.Equal(t, "settled 2 aborted", s.heard())
	s.say(Call{})
	require.Equal(t, "settled 3 queue_full", s.heard(), "one that was ended, and may be answered, counts")
	s.reply(r, "null")
	s.say(Call{})
	require.Equal(t, "settled 1 null", s.heard())
}

func TestLane(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.say(Call{Lane: "a"})
	first := s.take("say")
	second := s.say(Call{Lane: "a"})
	third := s.say(Call{Lane: "a", Idempotent: true})
	s.say(Call{Lane: "b"})
	s.say(Call{})
	require.Equal(t, "4 5", s.numbers(), "only its lane waits")
	s.push(`{"id":"c:2","data":4}`)
	s.push(`{"id":"c:3","data":5}`)
	s.refuseFor(first, "rate_limited", 1000)
	s.quiet()
	s.pass(1250 * time.Millisecond)
	first = s.take("say")
	s.quiet()
	s.reply(first, "null")
	require.Equal(t, "2", s.numbers())
	s.Cancel(s.now, second)
	s.pass(29 * time.Second)
	s.quiet() // it may still be carried out
	s.push(`{"event":"alive"}`)
	s.pass(time.Second)
	require.Contains(t, s.take("say").raw, fmt.Sprintf(`"n":%d`, third))
	s.again()
	require.Contains(t, s.take("say").raw, fmt.Sprintf(`"n":%d`, third))
}

// TestLaneEndsWithItsConnection checks that a call that was ended holds no lane on another
// connection.
func TestLaneEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	s := connected(t)
	n := s.say(Call{Lane: "a", Idempotent: true})
	s.say(Call{Lane: "a"})
	require.Equal(t, "1", s.numbers())
	s.Cancel(s.now, n)
	s.again()
	require.Equal(t, "2", s.numbers())
}

func TestExpires(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Start(s.now)
	s.say(Call{})
	s.say(Call{Expires: time.Second})
	s.pass(999 * time.Millisecond)
	require.Empty(t, s.heard())
	s.pass(time.Millisecond)
	require.Equal(t, "settled 2 expired", s.heard())
	s.pass(299 * time.Second)
	require.Equal(t, "settled 1 expired", s.heard())
}

// TestExpiresAfterSending checks that a call that may have been carried out does not end as if it
// had not.
func TestExpiresAfterSending(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.say(Call{Idempotent: true, Expires: time.Minute})
	s.refuseFor(s.take("say"), "rate_limited", 100)
	s.pass(125 * time.Millisecond)
	s.take("say")
	s.Disconnected(s.now, s.conn)
	s.Disconnected(s.now, s.conn)
	s.pass(time.Minute)
	require.Equal(t, "settled 1 unknown_outcome", s.heard())
	s.Start(s.now)

	s = connected(t)
	s.say(Call{Expires: time.Minute})
	s.refuseFor(s.take("say"), "rate_limited", 40_000)
	s.Disconnected(s.now, s.conn)
	s.pass(time.Minute)
	require.Equal(t, "settled 1 expired", s.heard(), "it was certainly not carried out")
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.say(Call{Timeout: time.Second})
	s.say(Call{Timeout: 2 * time.Second, Key: "k"})
	plain, keyed := s.take("say"), s.take("say")
	require.Contains(t, keyed.raw, `"key":"k"`)
	s.pass(time.Second)
	require.Equal(t, "settled 1 unknown_outcome", s.heard())
	s.reply(plain, "null")
	s.pass(time.Second + backoffOf(0))
	again := s.take("say")
	require.NotEqual(t, keyed.id, again.id)
	require.Contains(t, again.raw, `"key":"k"`)
	s.reply(keyed, "1")
	require.Empty(t, s.heard(), "a late answer does not count")
	s.pass(2*time.Second + backoffOf(1))
	s.reply(s.take("say"), "3")
	require.Equal(t, "settled 2 3", s.heard())
}

// TestLostConnection checks rule 22: what may have been carried out is not sent again unless it is
// idempotent, and the order stays.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.cfg.KeepAlive = time.Hour
	s.idempotent["get"] = true
	s.say(Call{Idempotent: true})
	s.say(Call{})
	s.say(Call{NewKey: true})
	s.say(Call{Action: "get"})
	key := s.sent[2].raw
	require.Equal(t, "1 2 3 4", s.numbers())
	s.Disconnected(s.now, s.conn)
	s.say(Call{})
	require.Equal(t, "settled 2 unknown_outcome", s.heard())
	s.untilNextDial()
	s.Connected(s.now, s.conn)
	s.run()
	var one, two struct{ Key, ID string }
	require.NoError(t, json.Unmarshal([]byte(key), &one))
	require.NoError(t, json.Unmarshal([]byte(s.sent[1].raw), &two))
	require.Equal(t, "1 3 4 5", s.numbers())
	require.Equal(t, one.Key, two.Key)
	require.GreaterOrEqual(t, len(one.Key), 32)
	require.NotEqual(t, one.ID, two.ID)
}

func TestRateLimited(t *testing.T) {
	t.Parallel()
	s := connected(t)
	for range 4 {
		s.say(Call{})
	}
	s.say(Call{Action: "other"})
	one, two, three := s.take("say"), s.take("say"), s.take("say")
	s.sent = nil
	s.refuseFor(two, "rate_limited", 2000)
	s.refuse(one, "rate_limited")
	s.say(Call{})
	s.say(Call{Action: "other"})
	require.Equal(t, "7", s.numbers(), "other actions do not wait")
	s.reply(three, "null")
	s.pass(1999 * time.Millisecond)
	s.quiet()
	s.pass(501 * time.Millisecond)
	s.quiet() // the fourth is still without an answer
	s.Received(s.now, s.conn, []byte(`{"id":"c:4","data":null}`))
	require.Equal(t, "settled 3 null, settled 4 null", s.heard())
	require.Contains(t, s.sent[0].raw, `"n":1`)
	s.reply(s.take("say"), "null")
	require.Contains(t, s.sent[0].raw, `"n":2`)
	s.reply(s.take("say"), "null")
	require.Equal(t, "6", s.numbers())
	s.say(Call{})
	require.Equal(t, "8", s.numbers(), "nothing waits: they do not wait for each other any more")
}

// TestRateLimitedForLong checks that a call ends with the error if waiting would be in vain.
func TestRateLimitedForLong(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.say(Call{Expires: 10 * time.Second})
	s.Received(s.now, s.conn, []byte(`{"id":"c:1","error":{"code":"rate_limited","retryAfterMs":10000,"details":[1]}}`))
	a, _ := s.Next()
	require.Equal(t, Action{
		Kind: Settled, Request: 1, Code: "rate_limited", Text: "the server has answered with an error",
		RetryAfter: 10 * time.Second, Details: json.RawMessage("[1]"),
	}, a)
}

func TestErrorsOfCalls(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"invalid_argument", "unauthenticated", "permission_denied", "not_found", "already_exists", "failed_precondition",
		"too_large",
	} {
		s := connected(t)
		s.say(Call{Idempotent: true})
		s.refuse(s.take("say"), code)
		require.Equal(t, "settled 1 "+code, s.heard())
	}
	for _, code := range []string{"unavailable", "deadline_exceeded", "internal", "strange"} {
		s := connected(t)
		s.say(Call{})
		s.refuse(s.take("say"), code)
		require.Equal(t, "settled 1 "+code, s.heard(), "not idempotent")

		s.say(Call{Idempotent: true})
		for n := range 4 {
			s.refuse(s.take("say"), code)
			require.Empty(t, s.heard())
			s.pass(backoffOf(n))
		}
		s.refuse(s.take("say"), code)
		if code != "unavailable" {
			require.Equal(t, "settled 2 "+code, s.heard())
			continue
		}
		s.pass(backoffOf(4))
		s.reply(s.take("say"), "null")
		require.Equal(t, "settled 2 null", s.heard())
	}
}

func TestStaleCall(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.say(Call{})
	s.say(Call{Idempotent: true})
	s.say(Call{})
	s.say(Call{Idempotent: true})
	one, two := s.take("say"), s.take("say")
	s.numbers()
	s.refuse(two, "stale_connection")
	require.Equal(t, []int{s.conn}, s.ends)
	require.Equal(t, "settled 1 unknown_outcome, settled 3 unknown_outcome", s.heard())
	s.untilNextDial()
	s.Connected(s.now, s.conn)
	require.Equal(t, "2 4", s.numbers())
	s.reply(one, "null")
	s.say(Call{})
	s.refuse(s.take("say"), "stale_connection")
	require.Equal(t, "settled 5 stale_connection", s.heard())
	require.Len(t, s.ends, 2)
}

// TestGatewayFrames checks rule 25.
func TestGatewayFrames(t *testing.T) {
	t.Parallel()
	gateway := func(text string) string {
		return fmt.Sprintf(`{"message":%q,"connectionId":"c","requestId":"r"}`, text)
	}
	for text, code := range map[string]string{
		"Forbidden": "not_found", "Bad request body": "invalid_argument", "Internal server error": "internal",
		"Endpoint request timed out": "deadline_exceeded", "Too Many Requests": "unavailable", "Something else": "internal",
	} {
		s := connected(t)
		s.say(Call{})
		s.push(gateway(text))
		require.Equal(t, "settled 1 "+code, s.heard())
		require.Empty(t, s.problems)
	}
	s := connected(t)
	s.say(Call{Idempotent: true})
	s.push(gateway("Too Many Requests"))
	s.sent = nil
	s.pass(500 * time.Millisecond)
	require.Equal(t, "1", s.numbers())

	s.say(Call{})
	s.push(gateway("Internal server error"))
	require.Empty(t, s.heard(), "it may be about either")
	require.Equal(t, []string{"gateway"}, s.problems)

	for name, doubt := range map[string]func(s *stage){
		"another call, which was ended": func(s *stage) { s.Cancel(s.now, s.say(Call{})) },
		"another call, which was not answered in time": func(s *stage) {
			s.say(Call{Timeout: time.Second})
			s.pass(time.Second)
		},
		"a subscribe":                 func(s *stage) { s.Subscribe(s.now, "a", Options{}) },
		"a message without an id":     func(s *stage) { require.NoError(s.t, s.Send(s.now, "typing", nil)) },
		"a keep-alive without answer": func(s *stage) { s.deaf = true; s.Retry(s.now); s.push(`{"event":"alive"}`) },
	} {
		s := connected(t)
		n := s.say(Call{Timeout: time.Hour})
		doubt(s)
		s.heard()
		s.push(gateway("Internal server error"))
		require.Empty(t, s.heard(), name)
		require.Equal(t, []string{"gateway"}, s.problems, name)
		s.push(`{"event":"alive"}`)
		if name == "a subscribe" {
			continue
		}
		s.pass(29 * time.Second)
		s.push(`{"event":"alive"}`)
		s.pass(time.Second)
		s.heard()
		s.push(gateway("Internal server error"))
		require.Equal(t, fmt.Sprintf("settled %d internal", n), s.heard(), name)
	}
}

// TestGatewayFramesOfRequests checks frames of the gateway for what the client itself has sent.
func TestGatewayFramesOfRequests(t *testing.T) {
	t.Parallel()
	failed := `{"message":"Internal server error","connectionId":"c","requestId":"r"}`
	s := connected(t)
	s.Subscribe(s.now, "a", Options{})
	first := s.take("subscribe")
	s.push(failed)
	s.pass(backoffOf(0))
	require.NotEqual(t, first.id, s.take("subscribe").id)

	s = member(t)
	s.Unsubscribe(s.now, "a")
	s.take("unsubscribe")
	conn := s.conn
	s.push(failed)
	require.Equal(t, conn+1, s.conn, "a part may have been carried out: another connection")

	s = connected(t)
	s.deaf = true
	s.Retry(s.now)
	s.push(`{"message":"Forbidden","connectionId":"c","requestId":"r"}`)
	s.pass(time.Minute)
	require.Empty(t, s.problems)
	require.Empty(t, s.ends)
	s.push(failed)
	require.Equal(t, []string{"gateway"}, s.problems, "it is about nothing")

	require.NoError(t, s.Send(s.now, "typing", nil))
	s.push(failed)
	require.Len(t, s.problems, 2)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Start(s.now)
	one := s.say(Call{})
	s.Cancel(s.now, one)
	s.Cancel(s.now, one)
	require.Equal(t, "settled 1 aborted", s.heard())
	s.Connected(s.now, s.conn)
	s.quiet()
	two := s.say(Call{Idempotent: true})
	r := s.take("say")
	s.Cancel(s.now, two)
	s.Cancel(s.now, 99)
	s.refuse(r, "unavailable")
	require.Equal(t, "settled 2 aborted", s.heard())
	s.pass(time.Minute)
	s.quiet()
	require.Zero(t, s.Calls())
}

func TestResult(t *testing.T) {
	t.Parallel()
	push := func(r sent, rest string) string { return fmt.Sprintf(`{"event":"report","id":%q,%s}`, r.id, rest) }
	ask := func(q Call) (*stage, sent) {
		s := connected(t)
		q.Action, q.Result = "report", true
		s.say(q)
		return s, s.take("report")
	}
	s, r := ask(Call{})
	s.reply(r, "null")
	require.Empty(t, s.heard())
	s.push(push(r, `"data":{"rows":3}`))
	s.push(push(r, `"data":{"rows":3}`))
	require.Equal(t, `settled 1 {"rows":3}`, s.heard())

	s, r = ask(Call{})
	s.push(push(r, `"error":{"code":"rate_limited"}`))
	s.reply(r, "null")
	require.Equal(t, `settled 1 rate_limited`, s.heard(), "before the acknowledgement, and final")

	s, r = ask(Call{})
	s.reply(r, `{"rows":0}`)
	require.Equal(t, `settled 1 {"rows":0}`, s.heard(), "it has its result at once")

	s, r = ask(Call{})
	s.reply(r, "null")
	s.refuse(r, "internal")
	s.Disconnected(s.now, s.conn)
	require.Equal(t, `settled 1 unknown_outcome`, s.heard())

	s, r = ask(Call{Idempotent: true, Timeout: time.Second})
	s.reply(r, "null")
	s.pass(time.Second + backoffOf(0))
	again := s.take("report")
	s.push(push(r, `"data":1`))
	require.Empty(t, s.heard())
	s.push(push(again, `"data":2`))
	require.Equal(t, `settled 1 2`, s.heard())

	s = connected(t)
	s.say(Call{})
	r = s.take("say")
	s.push(push(r, `"data":1`))
	require.Empty(t, s.heard(), "nobody waits for it")
	s.reply(r, "2")
	require.Equal(t, "settled 1 2", s.heard())
}

func TestSend(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Start(s.now)
	s.run()
	require.ErrorIs(t, s.Send(s.now, "typing", nil), ErrNotOnline)
	s.Connected(s.now, s.conn)
	require.NoError(t, s.Send(s.now, "typing", []byte(`{"on":true}`)))
	require.JSONEq(t, `{"action":"typing","on":true}`, s.take("typing").raw)
	require.ErrorIs(t, s.Send(s.now, "typing", []byte(`{"id":"7"}`)), ErrInput)
	require.ErrorIs(t, s.Send(s.now, "", nil), ErrInput)
	s.cfg.MaxMessage = 20
	require.ErrorIs(t, s.Send(s.now, "typing", []byte(`{"on":true}`)), ErrTooLarge)
	s.quiet()
}

func TestStopEndsCalls(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.say(Call{Idempotent: true, Lane: "a"})
	s.say(Call{Lane: "a"})
	s.Cancel(s.now, s.say(Call{}))
	s.heard()
	require.Equal(t, "1 3", s.numbers())
	s.Stop(s.now)
	s.Stop(s.now)
	require.Equal(t, "settled 1 unknown_outcome, settled 2 closed", s.heard())
	_, ok := s.Deadline()
	require.False(t, ok)
	require.Equal(t, "closed", s.states[len(s.states)-1])
	s.say(Call{})
	require.Equal(t, "settled 4 closed", s.heard())
	require.Zero(t, s.Calls())
	s.Start(s.now)
	s.run()
	s.Connected(s.now, s.conn)
	s.take("subscribe")
	s.quiet()
}
