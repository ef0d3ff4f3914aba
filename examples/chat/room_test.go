package chat_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/wstest"
)

func TestJoinTellsBothSides(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := h.Connect()

	var in chat.Joined
	bob.Request("join", chat.Join{Room: "lobby", Name: "Bob"}).ExpectReply(&in)
	require.Equal(t, "lobby", in.Room)
	require.Empty(t, in.Messages)
	require.Equal(t, []string{"Ann", "Bob"}, in.Online.Names)
	require.Equal(t, 2, in.Online.Count)

	var notice chat.Notice
	ann.ExpectPushOn("room:lobby", "joined", &notice)
	require.Equal(t, chat.Notice{Name: "Bob", At: notice.At, Online: in.Online}, notice)
	require.WithinDuration(t, h.Now(), notice.At, time.Millisecond)
	bob.ExpectNone()
}

func TestJoinAgainTellsNobody(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)
	var in chat.Joined
	bob.Request("join", chat.Join{Room: "lobby", Name: "Bob"}).ExpectReply(&in)
	require.Equal(t, []string{"Ann", "Bob"}, in.Online.Names)
	ann.ExpectNone()
}

func TestTwoOfOneNameAreTwo(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	first := enter(t, h, "Ann")
	second := enter(t, h, "Ann", first)
	second.Close(0, "")
	var left chat.Notice
	first.ExpectPush("left", &left)
	require.Equal(t, []string{"Ann"}, left.Online.Names)
}

func TestRoomsAreApart(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := h.Connect()
	for _, room := range []string{"attic", "cellar"} {
		bob.Request("join", chat.Join{Room: room, Name: "Bob"}).ExpectReply(nil)
		bob.Request("say", chat.Say{Room: room, Text: "Anybody in the " + room + "?"}).ExpectReply(nil)
	}
	ann.ExpectNone()
	ann.Request("say", chat.Say{Room: "attic", Text: "x"}).ExpectError(gatesock.CodeFailedPrecondition)
}

func TestLeave(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)
	for range 2 { // the second time it is done already
		bob.Request("leave", chat.Leave{Room: "lobby"}).ExpectAck()
	}
	var left chat.Notice
	ann.ExpectPush("left", &left)
	require.Equal(t, "Bob", left.Name)
	require.Equal(t, []string{"Ann"}, left.Online.Names)
	ann.Request("say", chat.Say{Room: "lobby", Text: "Gone?"}).ExpectReply(nil)
	bob.ExpectNone()

	bob.Close(1001, "")
	ann.ExpectNone() // Bob has left before
}

func TestListsOfLargeRoomsAreCut(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	var in chat.Joined
	for i := range 102 {
		h.Connect().Request("join", chat.Join{Room: "lobby", Name: fmt.Sprint("Guest ", i)}).ExpectReply(&in)
	}
	require.Len(t, in.Online.Names, 100)
	require.Equal(t, 102, in.Online.Count)
}

func TestTheNewestListIsRight(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	const guests = 20
	var wg sync.WaitGroup
	for i := range guests {
		c := h.Connect()
		wg.Go(func() {
			c.Send("join", chat.Join{Room: "lobby", Name: fmt.Sprint("Guest ", i)})
			if i%2 == 0 {
				c.Abort()
			}
		})
	}
	wg.Wait()

	var newest chat.Online
	for i := range guests {
		for range 1 + (i+1)%2 { // who has dropped has also left
			n := nextNotice(t, ann)
			if n.Online.Version > newest.Version {
				newest = n.Online
			}
		}
	}
	ann.ExpectNone()
	require.Equal(t, 1+guests/2, newest.Count)
	require.Len(t, newest.Names, newest.Count)
}

func TestAConnectionWhoseRecordIsLostIsToldToConnectAgain(t *testing.T) {
	t.Parallel()
	store, rec := conn.NewMemory(), wstest.NewRecorder()
	h := newHarness(t, chat.New(store, chat.NewMemoryHistory(), rec), rec)
	ann := h.Connect()
	_, err := store.Delete(t.Context(), ann.ID())
	require.NoError(t, err)
	for _, action := range []string{"join", "leave", "say", "typing"} {
		e := ann.Request(action, map[string]string{"room": "lobby", "name": "Ann", "text": "x"}).
			ExpectError(gatesock.CodeStaleConnection)
		require.Equal(t, "this connection is not registered any more; connect again", e.Message)
	}
}
