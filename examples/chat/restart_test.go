package chat_test

import (
	"context"
	"crypto/rand"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/topicwire"
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
		app, err := chat.NewOnTable(client, table, rec, soon())
		require.NoError(t, err)
		h := killable{app.Router(), new(atomic.Bool)}
		return process{wstest.NewServer(t, h, wstest.WithPoster(rec)), h.killed}
	}
}

// join enters the lobby over a new connection.
func (p process) join(t *testing.T, name string) (*wstest.Client, topicwire.Result) {
	t.Helper()
	c := p.Dial(t)
	return c, join(c, "lobby", name)
}

// say says something in the lobby.
func say(c *wstest.Client, text, key string) (said chat.Said) {
	c.Request("say", chat.Say{Room: "lobby", Text: text, Key: key}).ExpectReply(&said)
	return said
}

func texts(t *testing.T, in topicwire.Result) (list []string) {
	t.Helper()
	for _, m := range messages(t, in) {
		list = append(list, m.Text)
	}
	return list
}

func TestStateSurvivesARestart(t *testing.T) {
	t.Parallel()
	for how, stop := range map[string]func(process){"stopped": func(p process) { p.Close() }, "killed": process.kill} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			start := newTable(t)
			first := start()
			ann, in := first.join(t, "Ann")
			begun := topicwire.Position{Epoch: in.Epoch, Offset: in.Offset}
			bob, in := first.join(t, "Bob")
			require.Equal(t, []string{"Ann", "Bob"}, online(t, in))
			hello := say(ann, "Hello", "k1")
			say(bob, "Hello, Ann", "k2")
			stop(first)

			second := start()
			ann = second.Dial(t)
			again := into("lobby", "Ann")
			again.Since = &begun
			ann.Request("subscribe", again).ExpectReply(&in)
			require.True(t, in.Recovered)
			require.Equal(t, []string{"Hello", "Hello, Ann"}, texts(t, in))
			require.Equal(t, hello, say(ann, "Hello", "k1"))
			next := say(ann, "Still here?", "k3")
			require.EqualValues(t, 3, next.Offset)

			_, in = second.join(t, "Bob")
			require.Equal(t, []string{"Hello", "Hello, Ann", "Still here?"}, texts(t, in))
			require.Eventually(t, func() bool { return len(members(t, ann)) == 2 }, time.Minute, 10*time.Millisecond)
		})
	}
}

// Connections that were open when the server was killed are announced like other departures.
func TestTheFirstToEnterAfterAKillFindsTheOthersGone(t *testing.T) {
	t.Parallel()
	start := newTable(t)
	first := start()
	first.join(t, "Ann")
	first.join(t, "Bob")
	first.kill()

	second := start()
	cy, in := second.join(t, "Cy")
	require.Equal(t, []string{"Ann", "Bob", "Cy"}, online(t, in))
	var gone []string
	for len(gone) < 2 {
		var d topicwire.Diff
		cy.ExpectPush("presence", &d)
		for _, g := range d.Left {
			gone = append(gone, g.Ref)
		}
	}
	for _, m := range in.Presence.Members {
		require.Equal(t, nameOf(t, m) != "Cy", slices.Contains(gone, m.Ref))
	}
}

// Two processes on one table share the history and the keys of messages.
func TestTwoProcessesShareTheHistory(t *testing.T) {
	t.Parallel()
	start := newTable(t)
	ann, _ := start().join(t, "Ann")
	said := say(ann, "Hello", "k")
	bob, in := start().join(t, "Bob")
	require.Equal(t, []string{"Hello"}, texts(t, in))
	require.Equal(t, said, say(bob, "Hello", "k"))
}

func TestATableNeedsAName(t *testing.T) {
	t.Parallel()
	_, err := chat.NewOnTable(dynamotest.Local(t), "", wstest.NewRecorder())
	require.Error(t, err)
}
