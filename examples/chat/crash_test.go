package chat_test

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// inMemory returns what makes the process of a chat whose state outlives it.
func inMemory(_ *testing.T, rec *wstest.Recorder) func() lambda.Handler {
	var whenEnded conn.EndedFunc // of the process that runs
	topics := topic.NewMemory()
	connections := conn.NewMemory(conn.WithEnded(func(ctx context.Context, c conn.Conn, cause conn.EndCause) {
		whenEnded(ctx, c, cause)
	}))
	return func() lambda.Handler {
		ended := topic.NewEnded()
		whenEnded = ended.Func()
		stores := chat.Stores{Connections: connections, Log: topics, Roster: topics, Ended: ended}
		return chat.New(stores, rec, soon()).Handler()
	}
}

// onATable is inMemory for a table of its own.
func onATable(t *testing.T, rec *wstest.Recorder) func() lambda.Handler {
	t.Helper()
	client, table := dynamotest.Local(t), "chat-"+rand.Text()
	require.NoError(t, dynamo.Open(client, table).CreateTable(t.Context()))
	return func() lambda.Handler {
		app, err := chat.NewOnTable(client, table, rec, soon())
		require.NoError(t, err)
		return app.Handler()
	}
}

// The process ends at any call. The people send again what was not answered, and ask for what they
// have missed.
func TestNoMessageIsLostOrDoubledByACrash(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state func(*testing.T, *wstest.Recorder) func() lambda.Handler
		opts  []wstest.CrashOption
	}{
		"in memory":  {inMemory, nil},
		"on a table": {onATable, []wstest.CrashOption{wstest.WithSample(15, 1)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wstest.CrashEvery(t, func(t *testing.T, crash *wstest.Crash) {
				rec := wstest.NewRecorder()
				h := wstest.New(t, crash.Handler(t, c.state(t, rec)), wstest.WithPoster(rec))
				ann, bob := h.Connect(), h.Connect()
				var begun, missed, all topicwire.Result
				ann.Request("subscribe", into("lobby", "Ann")).ExpectReply(&begun)
				bob.Request("subscribe", into("lobby", "Bob")).ExpectReply(nil)

				say(ann, "Hello", "k1")
				say(bob, "Hello, Ann", "k2")

				again := into("lobby", "Bob")
				again.Since = &topicwire.Position{Epoch: begun.Epoch, Offset: begun.Offset}
				bob.Request("subscribe", again).ExpectReply(&missed)
				require.Equal(t, []string{"Hello", "Hello, Ann"}, texts(t, missed))

				h.Connect().Request("subscribe", into("lobby", "Cy")).ExpectReply(&all)
				require.Equal(t, []string{"Hello", "Hello, Ann"}, texts(t, all))
				require.Equal(t, []string{"Ann", "Bob", "Cy"}, online(t, all))
			}, c.opts...)
		})
	}
}

// A message in a room of three costs 6 write units, for its entry and its key in one transaction,
// and a post to each. Whether the speaker is in the room, and who else is, takes reads.
func TestWhatAMessageCosts(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	h := wstest.New(t, onATable(t, rec)(), wstest.WithPoster(rec))
	ann := enter(t, h, "Ann")
	for _, name := range []string{"Bob", "Cy"} {
		h.Connect().Request("subscribe", into("lobby", name)).ExpectReply(nil)
	}
	h.AtMost(wstest.Budget{WriteUnits: 6, ReadUnits: 4, Posts: 3}, func() {
		say(ann, "Hello", "k1")
	})
}
