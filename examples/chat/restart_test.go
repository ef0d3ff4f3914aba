package chat_test

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/wstest"
)

// process is a chat on a table with its own gateway and real WebSockets.
type process struct {
	*wstest.Server
	killed *atomic.Bool
}

// killable is a router that is no longer called once its process is killed.
type killable struct {
	*gatesock.Router
	killed *atomic.Bool
}

func (k killable) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	if k.killed.Load() {
		return []byte(`{"statusCode":200}`), nil
	}
	return k.Router.Invoke(ctx, event)
}

// kill ends a process without any change to the table.
func (p process) kill() {
	p.killed.Store(true)
	p.Close()
}

// newTable makes a table on DynamoDB Local, and returns a function that starts processes on it.
func newTable(t *testing.T) (start func() process) {
	t.Helper()
	client, table := dynamotest.Local(t), "chat-"+rand.Text()
	require.NoError(t, dynamo.Open(client, table).CreateTable(t.Context()))
	return func() process {
		t.Helper()
		rec := wstest.NewRecorder()
		app, err := chat.NewOnTable(client, table, rec)
		require.NoError(t, err)
		h := killable{app.Router(), new(atomic.Bool)}
		return process{wstest.NewServer(t, h, wstest.WithPoster(rec)), h.killed}
	}
}

// join enters the lobby over a new connection.
func (p process) join(t *testing.T, name string) (*wstest.Client, chat.Joined) {
	t.Helper()
	c := p.Dial(t)
	var in chat.Joined
	c.Request("join", chat.Join{Room: "lobby", Name: name}).ExpectReply(&in)
	return c, in
}

func TestStateSurvivesARestart(t *testing.T) {
	t.Parallel()
	for how, stop := range map[string]func(process){"stopped": func(p process) { p.Close() }, "killed": process.kill} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			start := newTable(t)
			first := start()
			ann, _ := first.join(t, "Ann")
			bob, in := first.join(t, "Bob")
			require.Equal(t, []string{"Ann", "Bob"}, in.Online.Names)
			said := make([]chat.Message, 2)
			ann.Request("say", chat.Say{Room: "lobby", Text: "Hello", Key: "k1"}).ExpectReply(&said[0])
			bob.Request("say", chat.Say{Room: "lobby", Text: "Hello, Ann", Key: "k2"}).ExpectReply(&said[1])
			stop(first)

			second := start()
			ann, in = second.join(t, "Ann")
			require.Equal(t, said, in.Messages)
			require.Equal(t, []string{"Ann"}, in.Online.Names)
			require.Equal(t, 1, in.Online.Count)

			var again, next chat.Message
			ann.Request("say", chat.Say{Room: "lobby", Text: "Hello", Key: "k1"}).ExpectReply(&again)
			require.Equal(t, said[0], again)
			ann.Request("say", chat.Say{Room: "lobby", Text: "Still here?", Key: "k3"}).ExpectReply(&next)
			require.Greater(t, next.ID, said[1].ID)

			bob, in = second.join(t, "Bob")
			require.Equal(t, append(said, next), in.Messages)
			require.Equal(t, []string{"Ann", "Bob"}, in.Online.Names)
			bob.ExpectNone()
		})
	}
}

// Connections that were open when the server was killed are announced like other departures.
func TestTheFirstToJoinAfterAKillFindsTheOthersGone(t *testing.T) {
	t.Parallel()
	start := newTable(t)
	first := start()
	first.join(t, "Ann")
	first.join(t, "Bob")
	first.kill()

	second := start()
	cy, in := second.join(t, "Cy")
	require.Equal(t, []string{"Cy"}, in.Online.Names)
	var gone []string
	for range 2 {
		left := nextNotice(t, cy)
		gone = append(gone, left.Name)
		require.Equal(t, []string{"Cy"}, left.Online.Names)
	}
	require.ElementsMatch(t, []string{"Ann", "Bob"}, gone)
	cy.ExpectNone()
}

// Two processes on one table share the history and the keys of messages.
func TestTwoProcessesShareTheHistory(t *testing.T) {
	t.Parallel()
	start := newTable(t)
	var said, again chat.Message
	ann, _ := start().join(t, "Ann")
	ann.Request("say", chat.Say{Room: "lobby", Text: "Hello", Key: "k"}).ExpectReply(&said)
	bob, in := start().join(t, "Bob")
	require.Equal(t, []chat.Message{said}, in.Messages)
	bob.Request("say", chat.Say{Room: "lobby", Text: "Hello", Key: "k"}).ExpectReply(&again)
	require.Equal(t, said, again)
}

func TestATableNeedsAName(t *testing.T) {
	t.Parallel()
	_, err := chat.NewOnTable(dynamotest.Local(t), "", wstest.NewRecorder())
	require.Error(t, err)
}
