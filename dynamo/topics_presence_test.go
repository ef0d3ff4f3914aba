package dynamo_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/internal/meter"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// TestPresenceOnTheTable checks presence from the client to the table, and what it costs besides
// the subscription.
func TestPresenceOnTheTable(t *testing.T) {
	t.Parallel()
	m := meter.New(dynamotest.Client(t))
	ended := topic.NewEnded()
	db := openIn(t, m, dynamotest.Namespace(t), dynamo.WithEnded(ended.Func()))
	rec := wstest.NewRecorder()
	of := func(name string) (topic.Presence, bool) {
		return topic.Presence{Interval: time.Millisecond}, name == "room:1"
	}
	topics := topic.New(db.Topics(), db.Connections(), broadcast.New(rec, db.Connections()),
		topic.WithPresence(db.Topics(), of, ended))
	r := gatesock.New()
	r.Use(conn.Track(db.Connections()))
	topics.Register(r, topic.AllowAnyone)
	h := wstest.New(t, r, wstest.WithPoster(rec))

	ann, bob := h.Connect(wstest.WithUser("ann")), h.Connect(wstest.WithUser("bob"))
	cost := func(do func()) meter.Units {
		m.Take()
		do()
		return m.Take().Documented
	}
	subscribe := func(name string) func() {
		return func() {
			ann.Request("subscribe", map[string]any{"topic": name, "presence": true}).ExpectReply(nil)
		}
	}
	unsubscribe := func(name string) func() {
		return func() { ann.Request("unsubscribe", map[string]any{"topic": name}).ExpectAck() }
	}
	without, with := cost(subscribe("other")), cost(subscribe("room:1"))
	require.InDelta(t, without.Write+2, with.Write, 0, "a row and an announcement")
	// The record after the row, the rows, and the subscribers of the announcement.
	require.LessOrEqual(t, with.Read-without.Read, 4.0)

	var got struct {
		Presence struct {
			Digest  string
			Members []struct{ Ref, User string }
		}
	}
	bob.Request("subscribe", map[string]any{"topic": "room:1", "presence": true}).ExpectReply(&got)
	require.Len(t, got.Presence.Members, 2)
	var synced struct{ Presence, Lost []string }
	sync := map[string]any{"topics": []map[string]any{{"topic": "room:1", "digest": got.Presence.Digest}}}
	bob.Request("sync", sync).ExpectReply(&synced)
	require.Empty(t, synced.Presence)
	require.Empty(t, synced.Lost)

	without, with = cost(unsubscribe("other")), cost(unsubscribe("room:1"))
	require.InDelta(t, without.Write+2, with.Write, 0, "a row and an announcement")
	bob.Request("sync", sync).ExpectReply(&synced)
	require.Equal(t, []string{"room:1"}, synced.Presence)

	subscribe("room:1")()
	ann.Close(1001, "")
	users, err := topics.Present(t.Context(), "room:1")
	require.NoError(t, err)
	require.Len(t, users, 1)
	require.Equal(t, "bob", users[0].Name)
}
