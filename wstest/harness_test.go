package wstest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

func TestConnectRequestAndExpect(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	h := wstest.New(t, newRoom(rec), wstest.WithPoster(rec))
	alice := h.Connect(wstest.WithUser("alice"))
	bob := h.Connect(wstest.WithAuthorizerContext("bob", map[string]any{"plan": "free"}))
	require.NotEqual(t, alice.ID(), bob.ID())

	alice.Request("join", nil).ExpectAck()
	bob.Request("join", nil).ExpectAck()
	alice.ExpectPush("joined", nil)

	alice.Request("say", say{Text: "hello"}).ExpectAck()
	var got said
	bob.ExpectPushOn("room", "said", &got)
	require.Equal(t, said{From: "alice", Text: "hello"}, got)
	alice.ExpectNone()
	bob.ExpectNone()

	var who []string
	bob.Request("who", nil).ExpectReply(&who)
	require.Equal(t, []string{"alice", "bob"}, who)

	e := bob.Request("say", say{}).ExpectError(gatesock.CodeInvalidArgument)
	require.Contains(t, e.Message, "text")
	bob.Request("nothing", nil).ExpectError(gatesock.CodeNotFound)

	bob.Abort()
	alice.ExpectPush("left", nil)
	h.Advance(10 * time.Minute)
	require.Equal(t, "Going away", alice.ExpectClosed(1001))
	alice.ExpectNone()
}

// TestWithoutDefaultRoute checks that the gateway answers with its own frame, which has no id.
func TestWithoutDefaultRoute(t *testing.T) {
	t.Parallel()
	c := wstest.New(t, gatesock.New(gatesock.WithoutDefaultRoute())).Connect()
	c.Send("nothing", nil)
	c.ExpectFrame(`{"message": "Forbidden", "connectionId":"` + c.ID() + `", "requestId":"…"}`)
}

// TestOneWay checks that without a route response there is no frame, not even an empty one.
func TestOneWay(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	gatesock.Handle(r, "typing", func(_ context.Context, _ *gatesock.Request, in say) error {
		if in.Text == "" {
			return errors.New("refused")
		}
		return nil
	}, gatesock.OneWay())
	c := wstest.New(t, r).Connect()
	c.SendText(`{"action":"typing","id":"1","text":"x"}`)
	c.SendText(`{"action":"typing","id":"2"}`)
	c.ExpectNone()
}
