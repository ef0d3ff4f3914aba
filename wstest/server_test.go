package wstest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

func TestServerHasTheSameClients(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	srv := wstest.NewServer(t, newRoom(rec), wstest.WithPoster(rec))
	require.Equal(t, 401, srv.DialRefused(t))
	alice := srv.Dial(t, wstest.As("alice"), wstest.WithSubprotocols("other", "chat"))
	bob := srv.Dial(t, wstest.As("bob"))
	require.Equal(t, "chat", alice.Subprotocol())
	require.Empty(t, bob.Subprotocol())
	require.NotEmpty(t, alice.ID())
	require.NotEqual(t, alice.ID(), bob.ID())

	alice.Push("join", nil).ExpectAck()
	bob.Push("join", nil).ExpectAck()
	alice.ExpectPush("joined", nil)
	alice.Send("say", say{Text: "hello"})
	bob.ExpectPushOn("room", "said", nil)
	bob.Push("say", say{}).ExpectError(gatesock.CodeInvalidArgument)
	alice.ExpectNone()
	bob.ExpectNone()

	bob.SendBinary([]byte{1})
	bob.ExpectClosed(1003)
	alice.ExpectPush("left", nil)
	alice.Close(3001, "bye")
}
