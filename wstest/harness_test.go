package wstest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

func TestConnectPushAndExpect(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	h := wstest.New(t, newRoom(rec), wstest.WithPoster(rec))
	alice := h.Connect(wstest.AsUser("alice"))
	bob := h.Connect(wstest.WithAuthorizerContext("bob", map[string]any{"plan": "free"}))
	require.NotEqual(t, alice.ID(), bob.ID())

	alice.Push("join", nil).ExpectAck()
	bob.Push("join", nil).ExpectAck()
	alice.ExpectPush("joined", nil)

	alice.Push("say", say{Text: "hello"}).ExpectAck()
	var got said
	bob.ExpectPushOn("room", "said", &got)
	require.Equal(t, said{From: "alice", Text: "hello"}, got)
	alice.ExpectNone()
	bob.ExpectNone()

	var who []string
	bob.Push("who", nil).ExpectReply(&who)
	require.Equal(t, []string{"alice", "bob"}, who)

	e := bob.Push("say", say{}).ExpectError(gatesock.CodeInvalidArgument)
	require.Contains(t, e.Message, "text")
	bob.Send("nothing", nil) // there is no $default
	bob.ExpectFrame(`{"message": "Forbidden", "connectionId":"` + bob.ID() + `", "requestId":"…"}`)

	bob.Drop()
	alice.ExpectPush("left", nil)
	h.Advance(10 * time.Minute)
	require.Equal(t, "Going away", alice.ExpectClosed(1001))
	alice.ExpectNone()
}
