package chat_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/examples/chat"
)

func TestSayReachesTheOthersAndTheHistory(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)

	var said, heard chat.Message
	ann.Request("say", chat.Say{Room: "lobby", Text: "Hello\n<b>", Key: "k1"}).ExpectReply(&said)
	bob.ExpectPushOn("room:lobby", "message", &heard)
	require.Equal(
		t,
		chat.Message{ID: said.ID, Key: "k1", Name: "Ann", Text: "Hello\n<b>", At: h.Now().UTC().Truncate(1e6)},
		said,
	)
	require.Equal(t, said, heard)
	ann.ExpectNone() // has it in the answer

	var in chat.Joined
	h.Connect().Request("join", chat.Join{Room: "lobby", Name: "Cy"}).ExpectReply(&in)
	require.Equal(t, []chat.Message{said}, in.Messages)
}

func TestSaidAgainUnderTheSameKeyIsSaidOnce(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)
	message := chat.Say{Room: "lobby", Text: "Hello", Key: "k1"}
	var first, again chat.Message
	ann.Request("say", message).ExpectReply(&first)
	ann.Abort() // before the answer came, say
	bob.ExpectPush("message", nil)
	bob.ExpectPush("left", nil)

	ann = enter(t, h, "Ann", bob)
	ann.Request("say", message).ExpectReply(&again)
	require.Equal(t, first, again)
	bob.ExpectNone()
}

func TestTypingReachesTheOthers(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)
	ann.Send("typing", chat.Typing{Room: "lobby"})
	var who struct{ Name string }
	bob.ExpectPushOn("room:lobby", "typing", &who)
	require.Equal(t, "Ann", who.Name)
	ann.ExpectNone()
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

	heard := make([]chat.Message, sayers*each)
	for i := range heard {
		listener.ExpectPush("message", &heard[i])
	}
	listener.ExpectNone()
	slices.SortFunc(heard, func(a, b chat.Message) int { return cmp.Compare(a.ID, b.ID) })

	var in chat.Joined
	h.Connect().Request("join", chat.Join{Room: "lobby", Name: "Late"}).ExpectReply(&in)
	require.Equal(t, heard, in.Messages)
	require.Len(t, slices.CompactFunc(heard, func(a, b chat.Message) bool { return a.ID == b.ID }), sayers*each)
}

func TestTheLargestHistoryFitsIntoAnAnswer(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	for i := range 60 {
		ann.Request("say", chat.Say{Room: "lobby", Text: fmt.Sprintf("%02d", i) + strings.Repeat("語", 1998)}).
			ExpectReply(nil)
	}
	var in chat.Joined
	h.Connect().Request("join", chat.Join{Room: "lobby", Name: "Bob"}).ExpectReply(&in)
	require.NotEmpty(t, in.Messages)
	require.True(t, strings.HasPrefix(in.Messages[len(in.Messages)-1].Text, "59"), "the newest are kept")
}
