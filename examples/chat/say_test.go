package chat_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// heard returns the next message in the lobby that is pushed to a client, with its position.
func heard(t *testing.T, c *wstest.Client) (at topic.Position, m chat.Message) {
	t.Helper()
	return heardIn(t, c, "lobby")
}

func heardIn(t *testing.T, c *wstest.Client, room string) (at topic.Position, m chat.Message) {
	t.Helper()
	var p topicwire.Push
	text := c.ExpectFrame(`{"event":"message","topic":"room:` + room + `",…}`).Text
	require.NoError(t, json.Unmarshal([]byte(text), &p))
	require.NoError(t, json.Unmarshal(p.Data, &m))
	return topic.Position{Epoch: p.Epoch, Offset: p.Offset}, m
}

func TestSaidAgainUnderTheSameKeyIsSaidOnce(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)
	message := chat.Say{Room: "lobby", Text: "Hello", Key: "k1"}
	var first, again chat.Said
	ann.Request("say", message).ExpectReply(&first)
	at, _ := heard(t, bob)
	require.Equal(t, first.Position, at)
	all := members(t, bob)
	ann.Abort() // before the answer came, say
	expectLeft(t, bob, all["Ann"])

	ann = enter(t, h, "Ann", bob)
	ann.Request("say", message).ExpectReply(&again)
	require.Equal(t, first, again)
	at, _ = heard(t, bob)
	require.Equal(t, first.Position, at, "which it has, and drops")
	require.Len(t, messages(t, join(h.Connect(), "lobby", "Cy")), 1)
}

func TestManySayAtOnce(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	listener := enter(t, h, "Listener")
	const sayers, each = 5, 4
	var wg sync.WaitGroup
	for i := range sayers {
		c := enter(t, h, fmt.Sprint("Guest ", i), listener)
		wg.Go(func() {
			for n := range each {
				c.Send("say", chat.Say{Room: "lobby", Text: fmt.Sprint(i, "/", n)})
			}
		})
	}
	wg.Wait()

	all := make(map[int64]chat.Message)
	for range sayers * each {
		at, m := heard(t, listener)
		all[at.Offset] = m
	}
	listener.ExpectNone()
	for i, m := range messages(t, join(h.Connect(), "lobby", "Late")) {
		require.Equal(t, all[int64(i+1)], m)
	}
	require.Len(t, all, sayers*each)
}

func TestALongHistoryComesInPages(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	for i := range 60 {
		ann.Request("say", chat.Say{Room: "lobby", Text: fmt.Sprintf("%02d", i) + strings.Repeat("語", 1998)}).
			ExpectReply(nil)
	}
	bob := h.Connect()
	in := join(bob, "lobby", "Bob")
	all := messages(t, in)
	for in.More {
		since := topicwire.Position{Epoch: in.Epoch, Offset: in.Offset}
		in = topicwire.Result{}
		bob.Request("history", topicwire.History{Topic: "room:lobby", Since: &since}).ExpectReply(&in)
		all = append(all, messages(t, in)...)
	}
	require.Len(t, all, 50)
	require.True(t, strings.HasPrefix(all[0].Text, "10"), "the newest")
}
