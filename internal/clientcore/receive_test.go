package clientcore

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestFramesOfOthers checks what the user is told of frames that are not about topics: rules 9 to
// 11 of section 12.
func TestFramesOfOthers(t *testing.T) {
	t.Parallel()
	for frame, want := range map[string]string{
		`{"event":"m","data":1}`:                      "pushed m  1",
		`{"event":"m"}`:                               "pushed m  ",
		`{"event":"m","topic":"a","data":1}`:          "pushed m a 1",
		`{"event":"m","topic":"other","data":{}}`:     "pushed m other {}",
		`{"event":"m","topic":null,"id":"","data":1}`: "pushed m  1",
		`{"event":"presence","topic":"a","data":{}}`:  "pushed presence a {}",

		`{"action":"say","data":null}`:                                  "",
		`{"id":"7","action":"say","data":null}`:                         "",
		`{"id":"c:7","action":"say","data":null}`:                       "",
		`{"id":"c:x","action":"say","data":null}`:                       "",
		`{"id":7,"action":"say","error":{"code":"internal"}}`:           "",
		`{"id":7,"event":"say","error":{"code":"internal"}}`:            "",
		`{"event":"report","id":"7","data":1}`:                          "",
		`{"event":"report","id":"c:7","data":1}`:                        "",
		`{"action":"keepalive","error":{"code":"not_found"}}`:           "",
		`{"action":"say","error":{"code":"not_found","message":"no"}}`:  "problem not_found",
		`{"event":"say","error":{"code":"unavailable","message":"no"}}`: "problem unavailable",
		`{"action":"say","error":7}`:                                    "problem internal",

		`{"message":"Internal server error","connectionId":"c","requestId":"r"}`: "problem gateway",
		`{"message":"Forbidden","connectionId":"c","messageId":"r"}`:             "problem gateway",

		`{"event":"m","topic":"a","version":"1.2"}`: "problem protocol",
		`{"event":7}`:             "problem protocol",
		`{"events":[]}`:           "problem protocol",
		`{"message":"hello"}`:     "problem protocol",
		`{"requestId":"7"}`:       "problem protocol",
		`{}`:                      "problem protocol",
		`[1]`:                     "problem protocol",
		`[[{"event":"m"}]]`:       "problem protocol",
		`[{"event":"m"},7]`:       "pushed m  , problem protocol",
		`"text"`:                  "problem protocol",
		`7`:                       "problem protocol",
		`not JSON`:                "problem protocol",
		`{"event":`:               "problem protocol",
		`{"event":"m"} {}`:        "problem protocol",
		`{"event":"m"}{"id":"7"}`: "problem protocol",
		`[]`:                      "",
	} {
		s := member(t)
		s.push(frame)
		for _, code := range s.problems {
			s.told = append(s.told, "problem "+code)
		}
		require.Equal(t, want, s.heard(), frame)
	}
}

func TestFramesToIgnore(t *testing.T) {
	t.Parallel()
	for _, frame := range []string{
		``, ` `,
		`{"id":"t:99","action":"history","data":{}}`,
		`{"event":"m","topic":"other","epoch":"1-x","offset":1,"data":1}`,
		`{"event":"m","topic":"a","epoch":"1","offset":6,"data":1}`,
		`{"event":"m","topic":"a","epoch":"1-x","offset":-6,"data":1}`,
		`{"event":"m","topic":"a","epoch":"1-x","offset":9007199254740992,"data":1}`,
		`{"event":"m","topic":"a","epoch":"2-x","offset":1,"prev":7,"data":1}`,
		`{"topic":"a","epoch":"1-x","offset":6,"events":7}`,
		`{"event":"set","topic":"a","key":"k","version":1}`,
	} {
		s := member(t)
		s.push(frame)
		require.Empty(t, s.heard(), frame)
		s.pass(time.Minute)
		s.quiet()
	}
}

// TestArray checks frames with several pushes, of which one is of another kind.
func TestArray(t *testing.T) {
	t.Parallel()
	s := member(t)
	s.push("[" + event("1-x", 7) + `,{"event":"x"},` + event("1-x", 6) + "]")
	require.Equal(t, `pushed x  , e6 1-x:6, e7 1-x:7`, s.heard())
}

func TestMalformedAnswers(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`7`, `{}`, `{"topic":"b"}`, `{"topic":"a","epoch":"x"}`, `{"topic":"a","offset":-1}`, `null`} {
		s := connected(t)
		s.Subscribe(s.now, "a", Options{})
		s.reply(s.take("subscribe"), data)
		require.Empty(t, s.heard(), data)
		s.pass(time.Second)
		s.take("subscribe")
	}
}

// FuzzReceived checks that no frame makes the client fail, or keep more than it may.
func FuzzReceived(f *testing.F) {
	for _, frame := range []string{
		event("1-x", 6), event("1-x", 9), with(event("2-y", 1), `"prev":{"epoch":"1-x","offset":5}`),
		`{"topic":"a","epoch":"1-x","offset":7,"events":[{"event":"p","data":1}]}`,
		`{"id":"t:2","data":` + result("1-x", 6, 8) + `}`,
		`{"id":"t:2","error":{"code":"failed_precondition"}}`,
		`{"id":"t:3","data":` + snapshot(4, `{"key":"k","version":10,"data":10}`, "c") + `}`,
		set("k", 3, 4), unset("drop", "k", 5, 6), joinedDiff("r", "u", 1), leftDiff("r", "u", 1, 100),
		`{"id":"t:4","data":{"moved":["a"],"lost":["s"],"extra":["z"],"presence":["a"]}}`,
		`{"id":"t:5","data":{"count":2,"members":[{"ref":"r","version":1}],"cursor":"c"}}`,
	} {
		f.Add([]byte(frame), []byte("["+frame+","+frame+"]"), uint16(300))
	}
	f.Fuzz(func(t *testing.T, one, two []byte, wait uint16) {
		s := &stage{t: t, Client: New(Config{Random: rand.New(rand.NewPCG(1, 1)), MaxWaiting: 2, MaxKeys: 2})}
		s.now = time.Unix(1e9, 0)
		s.Start(s.now)
		s.run()
		s.Connected(s.now, s.conn)
		s.Subscribe(s.now, "a", Options{Presence: true})
		s.Subscribe(s.now, "s", Options{Filter: []byte("1")})
		s.run()
		for range 3 {
			s.push(string(one))
			s.Wake(s.now)
			s.push(string(two))
			s.pass(time.Duration(wait) * time.Millisecond)
		}
		require.LessOrEqual(t, len(s.topics), maxExtra)
		for _, topic := range s.topics {
			require.LessOrEqual(t, len(topic.waiting), 2)
			if topic.state != nil {
				require.LessOrEqual(t, len(topic.state.keys), 2)
			}
			if topic.presence != nil {
				require.LessOrEqual(t, len(topic.presence.refs), 2)
			}
		}
	})
}

// FuzzReceivedWithCalls checks that no frame makes the client fail, settle a call twice, or keep
// more than it may, and that it is at rest after a Stop.
func FuzzReceivedWithCalls(f *testing.F) {
	for _, frame := range []string{
		`{"id":"c:1","data":1}`, `{"id":"c:2","action":"say","data":null}`, `{"event":"say","id":"c:2","data":7}`,
		`{"id":"c:1","error":{"code":"rate_limited","retryAfterMs":1e3}}`, `{"id":"c:3","error":{"code":"unavailable"}}`,
		`{"id":"c:1","error":{"code":"stale_connection"}}`, `{"id":"c:1","error":null,"data":1}`, `{"error":{}}`,
		`{"message":"Internal server error","requestId":"r"}`, `{"event":"m","topic":"a"}`, `{"id":"c:","error":7}`, `7`,
	} {
		f.Add([]byte(frame), []byte("["+frame+","+frame+"]"), uint16(1300))
	}
	f.Fuzz(func(t *testing.T, one, two []byte, wait uint16) {
		s := &stage{t: t, Client: New(Config{Random: rand.New(rand.NewPCG(1, 1)), MaxCalls: 4})}
		s.now = time.Unix(1e9, 0)
		s.Start(s.now)
		s.run()
		s.Connected(s.now, s.conn)
		for range 2 {
			s.say(Call{Lane: "a", Expires: time.Minute})
			s.say(Call{Result: true, Idempotent: true, Expires: time.Minute})
			s.push(string(one))
			s.say(Call{Idempotent: true, Expires: time.Minute})
			s.push(string(two))
			s.pass(time.Duration(wait) * time.Millisecond)
			if s.current != nil && !s.current.open {
				s.Connected(s.now, s.conn)
			}
			require.LessOrEqual(t, s.Calls(), 4)
			require.LessOrEqual(t, len(s.pauses), 2)
		}
		s.Stop(s.now)
		s.run()
		settled := map[string]bool{}
		for _, text := range s.told {
			if number, ok := strings.CutPrefix(text, "settled "); ok {
				number, _, _ = strings.Cut(number, " ")
				require.False(t, settled[number], "%q", s.told)
				settled[number] = true
			}
		}
		require.Len(t, settled, 6)
		_, ok := s.Deadline()
		require.False(t, ok)
	})
}
