package chat_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// Without sign-in nobody knows whether two of one name are one person.
func TestTwoOfOneNameAreTwo(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	first := enter(t, h, "Ann")
	second := h.Connect()
	in := join(second, "lobby", "Ann")
	require.Equal(t, []string{"Ann", "Ann"}, online(t, in))
	for _, m := range in.Presence.Members {
		require.Empty(t, m.User)
	}
	expectJoined(t, first, "Ann")
}

func TestLeave(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)
	all := members(t, ann)
	for range 2 { // the second time it is done already
		bob.Request("unsubscribe", topicwire.Unsubscribe{Topic: "room:lobby"}).ExpectAck()
	}
	expectLeft(t, ann, all["Bob"])
	ann.Request("say", chat.Say{Room: "lobby", Text: "Gone?"}).ExpectReply(nil)
	ann.ExpectPush("message", nil)
	bob.ExpectNone()
	bob.Request("say", chat.Say{Room: "lobby", Text: "Here?"}).ExpectError(gatesock.CodeFailedPrecondition)

	bob.Close(1001, "")
	ann.ExpectNone() // Bob has left before
}

// What a connection posts to that has ended without a $disconnect makes it leave.
func TestAVanishedConnectionIsFoundOut(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)
	all := members(t, ann)
	h.Poster().Gone(bob.ID()) // no $disconnect comes

	ann.Request("say", chat.Say{Room: "lobby", Text: "Anybody there?"}).ExpectReply(nil)
	ann.ExpectPush("message", nil)
	expectLeft(t, ann, all["Bob"])
	bob.Abort() // the $disconnect comes after all
	ann.ExpectNone()
}

func TestAConnectionWhoseRecordIsLostIsToldToConnectAgain(t *testing.T) {
	t.Parallel()
	rec, topics, ended := wstest.NewRecorder(), topic.NewMemory(), topic.NewEnded()
	store := conn.NewMemory(conn.WithEnded(ended.Func()))
	h := newHarness(t, chat.New(chat.Stores{Connections: store, Log: topics, Roster: topics, Ended: ended}, rec), rec)
	ann := h.Connect()
	_, err := store.Delete(t.Context(), ann.ID())
	require.NoError(t, err)
	for action, input := range map[string]any{
		"subscribe": into("lobby", "Ann"), "sync": topicwire.Sync{}, "say": chat.Say{Room: "lobby", Text: "x"},
		"typing": chat.Typing{Room: "lobby"},
	} {
		ann.Request(action, input).ExpectError(gatesock.CodeStaleConnection)
	}
}
