package chat_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/wstest"
)

// soon makes announcements almost at once.
func soon() chat.Option { return chat.WithInterval(time.Microsecond) }

// newChat returns a chat in memory behind a gateway.
func newChat(t *testing.T) *wstest.Harness {
	t.Helper()
	rec := wstest.NewRecorder()
	return newHarness(t, chat.NewInMemory(rec, soon()), rec)
}

// into is what a client asks for to enter a room.
func into(room, name string) topicwire.Subscription {
	sub := topicwire.Subscription{Topic: "room:" + room, Last: 50, Presence: true}
	if name != "" {
		sub.As = json.RawMessage(fmt.Sprintf(`{"name":%q}`, name))
	}
	return sub
}

// join enters a room. The client has received the announcement of itself.
func join(c *wstest.Client, room, name string) (in topicwire.Result) {
	c.Request("subscribe", into(room, name)).ExpectReply(&in)
	c.ExpectPushOn("room:"+room, "presence", nil)
	return in
}

// enter connects a person and enters the lobby. The others in the lobby have received the
// announcement.
func enter(t *testing.T, h *wstest.Harness, name string, present ...*wstest.Client) *wstest.Client {
	t.Helper()
	c := h.Connect()
	join(c, "lobby", name)
	for _, p := range present {
		expectJoined(t, p, name)
	}
	return c
}

// nameOf returns what others see of a member.
func nameOf(t *testing.T, m topicwire.Member) string {
	t.Helper()
	var p chat.Person
	require.NoError(t, json.Unmarshal(m.As, &p))
	return p.Name
}

// online returns the sorted names in a snapshot.
func online(t *testing.T, in topicwire.Result) (names []string) {
	t.Helper()
	require.NotNil(t, in.Presence)
	for _, m := range in.Presence.Members {
		names = append(names, nameOf(t, m))
	}
	slices.Sort(names)
	return names
}

// expectJoined checks that the next announcement has a person that has come to the lobby. It may
// repeat others.
func expectJoined(t *testing.T, c *wstest.Client, name string) {
	t.Helper()
	expectJoinedIn(t, c, "lobby", name)
}

func expectJoinedIn(t *testing.T, c *wstest.Client, room, name string) {
	t.Helper()
	var d topicwire.Diff
	c.ExpectPushOn("room:"+room, "presence", &d)
	require.Empty(t, d.Left)
	require.True(t, slices.ContainsFunc(d.Joined, func(m topicwire.Member) bool { return nameOf(t, m) == name }), name)
}

// expectLeft checks that the next announcement is of people who have left the lobby.
func expectLeft(t *testing.T, c *wstest.Client, want ...topicwire.Member) {
	t.Helper()
	var d topicwire.Diff
	c.ExpectPushOn("room:lobby", "presence", &d)
	require.Len(t, d.Left, len(want))
	for _, m := range want {
		require.True(t, slices.ContainsFunc(d.Left, func(g topicwire.Gone) bool {
			return g.Ref == m.Ref && g.Version == m.Version
		}), nameOf(t, m))
	}
}

// members returns who is in the lobby, by name.
func members(t *testing.T, c *wstest.Client) map[string]topicwire.Member {
	t.Helper()
	var s topicwire.Snapshot
	c.Request("presence", topicwire.Presence{Topic: "room:lobby"}).ExpectReply(&s)
	all := make(map[string]topicwire.Member)
	for _, m := range s.Members {
		all[nameOf(t, m)] = m
	}
	return all
}

// messages returns the messages of a result.
func messages(t *testing.T, in topicwire.Result) (list []chat.Message) {
	t.Helper()
	for _, e := range in.Events {
		require.Equal(t, "message", e.Event)
		var m chat.Message
		require.NoError(t, json.Unmarshal(e.Data, &m))
		list = append(list, m)
	}
	return list
}

func TestBadInputIsAnsweredAndTheConnectionGoesOn(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ frame, want string }{
		"bad JSON": {`{"action":`, `"code":"invalid_argument","message":"the message is not JSON"`},
		"empty":    {``, `"code":"invalid_argument","message":"the message is not JSON"`},
		"no action": {
			`{"room":"lobby"}`,
			`"code":"invalid_argument","message":"the message has no \"action\""`,
		},
		"no object": {`[1]`, `"code":"invalid_argument"`},
		"unknown action": {
			`{"action":"shout"}`,
			`"code":"not_found","message":"there is no action \"shout\"; this chat knows say`,
		},
		"a very long one": {`{"action":"` + strings.Repeat("x", 5000) + `"}`, `"code":"not_found"`},
		"reserved action": {`{"action":"$connect"}`, `"code":"not_found"`},
		"wrong type": {
			`{"action":"say","room":7}`,
			`"code":"invalid_argument","message":"\"room\" must be a string`,
		},
		"no topic": {
			`{"action":"subscribe"}`,
			`"code":"invalid_argument","message":"\"topic\" must be the name of a topic`,
		},
		"no room": {
			`{"action":"subscribe","topic":"lobby"}`,
			`"code":"not_found","message":"the topics of this chat are its rooms`,
		},
		"empty room": {
			`{"action":"say","room":"","text":"x"}`,
			`"code":"invalid_argument","message":"\"room\" must be`,
		},
		"room in capitals": {
			`{"action":"subscribe","topic":"room:Lobby"}`,
			`"code":"invalid_argument","message":"\"room\" must be`,
		},
		"no name": {
			`{"action":"subscribe","topic":"room:lobby","presence":true}`,
			`"code":"invalid_argument","message":"\"name\" must be`,
		},
		"empty name": {
			`{"action":"subscribe","topic":"room:lobby","presence":true,"as":{"name":" "}}`,
			`"code":"invalid_argument","message":"\"name\" must be`,
		},
		"a bad name": {
			`{"action":"subscribe","topic":"room:lobby","presence":true,"as":7}`,
			`"code":"invalid_argument","message":"\"as\" must be an object with a \"name\""`,
		},
		"empty text": {
			`{"action":"say","room":"lobby","text":" \n"}`,
			`"code":"invalid_argument","message":"\"text\" is empty`,
		},
		"text too long": {
			`{"action":"say","room":"lobby","text":"` + strings.Repeat("ä", 2001) + `"}`,
			`"code":"invalid_argument","message":"\"text\" must be 1 to 2000 characters, not 2001"`,
		},
		"say outside": {
			`{"action":"say","room":"attic","text":"x"}`,
			`"code":"failed_precondition","message":"enter the room first: subscribe to \"room:attic\" with \"presence\""`,
		},
		"typing outside": {`{"action":"typing","room":"attic"}`, `"code":"failed_precondition"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newChat(t)
			ann := enter(t, h, "Ann")
			bob := enter(t, h, "Bob", ann)
			ann.SendText(test.frame)
			ann.ExpectFrame(`{"action":"…","error":{…` + test.want + `…}}`)
			ann.Request("say", chat.Say{Room: "lobby", Text: "Still here"}).ExpectReply(nil)
			for _, c := range []*wstest.Client{ann, bob} {
				c.ExpectPush("message", nil)
				c.ExpectNone()
			}
		})
	}
}

func TestAFrameAboveTheGatewaysLimitEndsTheConnection(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)
	all := members(t, ann)
	bob.SendText(fmt.Sprintf(`{"action":"say","room":"lobby","text":%q}`, strings.Repeat("x", gatesock.MaxFrameSize)))
	bob.ExpectClosed(1009)
	expectLeft(t, ann, all["Bob"])
}

// The API answers on the route keepalive, so that it costs neither an invocation nor tokens.
func TestKeepAliveKeepsAnIdleConnectionOpen(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	h := newHarness(t, chat.NewInMemory(rec, slow(), soon()), rec)
	ann := enter(t, h, "Ann")
	for range 4 {
		ann.Request("typing", chat.Typing{Room: "lobby"}).ExpectAck()
	}
	ann.Request("typing", chat.Typing{Room: "lobby"}).ExpectError(gatesock.CodeRateLimited)
	for range 3 {
		h.Advance(9 * time.Minute)
		ann.Send("keepalive", nil)
		ann.ExpectFrame(`{"action":"keepalive","data":null}`)
	}
	ann.ExpectNone()
	h.Advance(11 * time.Minute)
	ann.ExpectClosed(1001)
}

func TestSyncKeepsAnIdleConnectionOpen(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	for range 3 {
		h.Advance(9 * time.Minute)
		ann.Request("sync", topicwire.Sync{Topics: []topicwire.SyncTopic{{Topic: "room:lobby"}}}).ExpectReply(nil)
	}
	h.Advance(11 * time.Minute)
	ann.ExpectClosed(1001)
}
