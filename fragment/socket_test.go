package fragment_test

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/fragment"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/wstest"
)

// cut cuts a message into pieces whose fragments fit into a frame.
func cut(t testing.TB, message string) []string {
	t.Helper()
	quoted, err := json.Marshal(message)
	require.NoError(t, err)
	if len(quoted) < 32<<10-100 {
		return []string{message}
	}
	at := len(message) / 2
	for !utf8.RuneStart(message[at]) {
		at++
	}
	return append(cut(t, message[:at]), cut(t, message[at:])...)
}

// document is the request to save a text, and what it is answered with.
func document(t testing.TB, id, text string) (fragments []string, answer string) {
	t.Helper()
	message, err := gatesock.JSON{}.Marshal(map[string]string{"action": "save", "id": id, "text": text})
	require.NoError(t, err)
	return frames(t, id, cut(t, string(message))...), fmt.Sprintf(`{"id":%q,"action":"save","data":{"bytes":%d,"hash":%d}}`, id, len(text), hash(text))
}

func hash(text string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return h.Sum32()
}

// saver returns a router that answers what it was given, and its clock.
func saver(opts ...fragment.Option) (*gatesock.Router, *testclock.Clock) {
	clock := testclock.New(testclock.Noon())
	r := gatesock.New(quiet())
	gatesock.HandleReply(r, "save", func(_ context.Context, _ *gatesock.Request, in save) (map[string]any, error) {
		return map[string]any{"bytes": len(in.Text), "hash": hash(in.Text)}, nil
	})
	fragment.Register(r, fragment.NewMemory(fragment.WithClock(clock.Now)), opts...)
	return r, clock
}

// TestOverSockets sends documents of 200 KiB through the emulated gateway, whose limits are those
// of the real one. Each fragment is an invocation of its own, and several run at a time.
func TestOverSockets(t *testing.T) {
	t.Parallel()
	r, _ := saver()
	s := wstest.NewServer(t, r)
	var clients []*wstest.Client
	var answers []string
	for i := range 4 {
		c := s.Dial(t)
		clients = append(clients, c)
		first, answer := document(t, fmt.Sprint("first", i), strings.Repeat(fmt.Sprint(i, ` "quoted" \ `, "\n"), 14000))
		second, other := document(t, fmt.Sprint("second", i), strings.Repeat("日本🎉", 20<<10))
		require.Greater(t, len(first), 7)
		require.Greater(t, len(second), 7)
		for i := range max(len(first), len(second)) { // one between the other
			for _, list := range [][]string{first, second} {
				if i < len(list) {
					require.LessOrEqual(t, len(list[i]), 32<<10)
					c.SendText(list[i])
				}
			}
		}
		answers = append(answers, answer, other)
	}
	for i, c := range clients {
		c.ExpectFrame(answers[2*i])
		c.ExpectFrame(answers[2*i+1])
		c.ExpectNone()
	}
}

func TestLostFragmentsOverSockets(t *testing.T) {
	t.Parallel()
	r, clock := saver(fragment.WithMaxMessages(2))
	s := wstest.NewServer(t, r)
	c := s.Dial(t)
	lost, _ := document(t, "1", strings.Repeat("x", 100<<10))
	for _, f := range lost[1:] {
		c.SendText(f)
	}
	c.SendText(frames(t, "2", "a", "b")[0])
	c.ExpectNone()
	c.SendText(frames(t, "3", "a", "b")[0])
	c.ExpectFrame(`{"id":"3","action":"fragment","error":{"code":"rate_limited","message":"too many messages in fragments are under way","retryAfterMs":1000}}`)

	clock.Advance(fragment.Keep + 1)
	c.SendText(lost[0])
	c.ExpectNone() // the others are forgotten
	good, answer := document(t, "4", strings.Repeat("y", 100<<10))
	for _, f := range good {
		c.SendText(f)
	}
	c.ExpectFrame(answer)
	c.ExpectNone()
}

func TestTooLargeOverSockets(t *testing.T) {
	t.Parallel()
	r, _ := saver()
	s := wstest.NewServer(t, r)
	c := s.Dial(t)
	big, _ := document(t, "1", strings.Repeat("x", 257<<10))
	for _, f := range big {
		c.SendText(f)
	}
	c.ExpectFrame(`{"id":"1","action":"fragment","error":{"code":"too_large","message":"the message is above the limit of 262144 bytes"}}`)
	c.ExpectNone()
}

// FuzzFragment handles a message in one piece and in fragments, in any order and some twice, and
// compares the answers.
func FuzzFragment(f *testing.F) {
	f.Add([]byte(`{"action":"save","id":"7","text":"日本🎉"}`), uint64(1), uint8(3))
	f.Add([]byte(`{"action":"save","id":7,"text":"\ud83d\ude00"}`), uint64(2), uint8(5))
	f.Add([]byte(`{"id":"7","id":"8","action":"none"}`), uint64(3), uint8(2))
	f.Add([]byte(`[1,2,`), uint64(4), uint8(9))
	f.Fuzz(func(t *testing.T, message []byte, seed uint64, n uint8) {
		text := strings.ToValidUTF8(string(message), "\ufffd")
		random := rand.New(rand.NewPCG(seed, 0))
		pieces := cutAtRandom(random, text, int(n))
		if len(pieces) < 2 {
			return
		}
		direct := gatesock.New(quiet())
		gatesock.HandleReply(direct, "save", echo)
		r := app()
		var got []string
		sent := map[int]bool{}
		list := frames(t, "7", pieces...)
		for len(sent) < len(list) {
			i := random.IntN(len(list))
			sent[i] = true
			if frame := invoke(t, r, "c", list[i]); frame != "" {
				got = append(got, frame)
			}
		}
		want := invoke(t, direct, "c", text)
		if len(got) == 0 {
			require.Empty(t, want)
			return
		}
		require.Len(t, got, 1)
		if strings.Contains(got[0], `"action":"fragment"`) || got[0] != want && usesOther(text) {
			return // the message has another id, is a fragment, or is for a route of the other router
		}
		require.Equal(t, want, got[0])
	})
}

// usesOther reports whether a message may be for a route that only one of the routers has.
func usesOther(text string) bool {
	var in struct{ Action string }
	return json.Unmarshal([]byte(text), &in) == nil && in.Action != "save"
}

// cutAtRandom cuts a text into at most n pieces, between characters.
func cutAtRandom(random *rand.Rand, text string, n int) []string {
	var pieces []string
	for len(pieces)+1 < min(n, fragment.MaxCount) {
		at := random.IntN(len(text) + 1)
		for at < len(text) && !utf8.RuneStart(text[at]) {
			at++
		}
		if at == 0 || at == len(text) {
			break
		}
		pieces = append(pieces, text[:at])
		text = text[at:]
	}
	if text == "" {
		return pieces
	}
	return append(pieces, text)
}
