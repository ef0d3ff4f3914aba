package chat_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/wstest"
)

// nextNotice returns the next notice that somebody has joined or left.
func nextNotice(t *testing.T, c *wstest.Client) chat.Notice {
	t.Helper()
	var n struct{ Data chat.Notice }
	text := c.ExpectFrame(`{"event":"…","topic":"room:lobby","data":{"name":…}}`).Text
	require.NoError(t, json.Unmarshal([]byte(text), &n))
	return n.Data
}

func TestDisconnectTellsEveryRoom(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)
	for _, c := range []struct {
		*wstest.Client
		name string
	}{{ann, "Ann"}, {bob, "Bob"}} {
		c.Request("join", chat.Join{Room: "attic", Name: c.name}).ExpectReply(nil)
	}
	ann.ExpectPushOn("room:attic", "joined", nil)

	bob.Abort()
	for _, topic := range []string{"room:attic", "room:lobby"} {
		var left chat.Notice
		ann.ExpectPushOn(topic, "left", &left)
		require.Equal(t, "Bob", left.Name)
		require.Equal(t, []string{"Ann"}, left.Online.Names)
	}
	ann.ExpectNone()
}

func TestAVanishedConnectionIsFoundOut(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)
	cy := enter(t, h, "Cy", ann, bob)
	h.Poster().Gone(bob.ID()) // no $disconnect comes
	h.Poster().Gone(cy.ID())

	ann.Request("say", chat.Say{Room: "lobby", Text: "Anybody there?"}).ExpectReply(nil)
	names := []string{}
	var newest chat.Online
	for range 2 {
		left := nextNotice(t, ann)
		names = append(names, left.Name)
		newest = left.Online
	}
	require.ElementsMatch(t, []string{"Bob", "Cy"}, names)
	require.Equal(t, []string{"Ann"}, newest.Names)

	bob.Abort() // the $disconnect comes after all
	ann.ExpectNone()
}

func TestASlowConnectionIsNoDeparture(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)
	h.Poster().Fail(bob.ID(), gatesock.ErrTooLarge)
	ann.Request("say", chat.Say{Room: "lobby", Text: "Hello"}).ExpectReply(nil)
	h.Poster().ClearFaults()
	ann.Request("say", chat.Say{Room: "lobby", Text: "Again"}).ExpectReply(nil)
	bob.ExpectPush("message", nil)
	ann.ExpectNone()
}
