package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/wstest"
)

// newChat returns a chat in memory behind a gateway.
func newChat(t *testing.T) *wstest.Harness {
	t.Helper()
	rec := wstest.NewRecorder()
	return newHarness(t, chat.NewInMemory(rec), rec)
}

// enter connects a person and joins the lobby. The others in the lobby have received the notice.
func enter(t *testing.T, h *wstest.Harness, name string, present ...*wstest.Client) *wstest.Client {
	t.Helper()
	c := h.Connect()
	c.Request("join", chat.Join{Room: "lobby", Name: name}).ExpectReply(nil)
	for _, p := range present {
		var joined chat.Notice
		p.ExpectPushOn("room:lobby", "joined", &joined)
		require.Equal(t, name, joined.Name)
	}
	return c
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
			`"code":"not_found","message":"there is no action \"shout\"; this chat knows join,`,
		},
		"a very long one": {`{"action":"` + strings.Repeat("x", 5000) + `"}`, `"code":"not_found"`},
		"reserved action": {`{"action":"$connect"}`, `"code":"not_found"`},
		"wrong type": {
			`{"action":"say","room":7}`,
			`"code":"invalid_argument","message":"\"room\" must be a string`,
		},
		"no room": {
			`{"action":"join","name":"Ann"}`,
			`"code":"invalid_argument","message":"\"room\" must be 1 to 32`,
		},
		"empty room": {
			`{"action":"say","room":"","text":"x"}`,
			`"code":"invalid_argument","message":"\"room\" must be`,
		},
		"room in capitals": {
			`{"action":"join","room":"Lobby","name":"Ann"}`,
			`"code":"invalid_argument","message":"\"room\" must be`,
		},
		"no name": {
			`{"action":"join","room":"lobby"}`,
			`"code":"invalid_argument","message":"\"name\" must be`,
		},
		"empty name": {
			`{"action":"join","room":"lobby","name":" "}`,
			`"code":"invalid_argument","message":"\"name\" must be`,
		},
		"empty text": {
			`{"action":"say","room":"lobby","text":" \n"}`,
			`"code":"invalid_argument","message":"\"text\" is empty`,
		},
		"text too long": {
			`{"action":"say","room":"lobby","text":"` + strings.Repeat("ä", 2001) + `"}`,
			`"code":"invalid_argument","message":"\"text\" must be 1 to 2000 characters, not 2001"`,
		},
		"say before a join": {
			`{"action":"say","room":"attic","text":"x"}`,
			`"code":"failed_precondition","message":"join the room \"attic\" first"`,
		},
		"typing before one": {`{"action":"typing","room":"attic"}`, `"code":"failed_precondition"`},
		"another name": {
			`{"action":"join","room":"lobby","name":"Eve"}`,
			`"code":"failed_precondition","message":"on this connection your name is \"Ann\""`,
		},
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
			bob.ExpectPush("message", nil)
			ann.ExpectNone()
			bob.ExpectNone()
		})
	}
}

func TestAFrameAboveTheGatewaysLimitEndsTheConnection(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)
	bob.SendText(fmt.Sprintf(`{"action":"say","room":"lobby","text":%q}`, strings.Repeat("x", gatesock.MaxFrameSize)))
	bob.ExpectClosed(1009)
	var left chat.Notice
	ann.ExpectPush("left", &left)
	require.Equal(t, []string{"Ann"}, left.Online.Names)
}

// The API answers on the route keepalive, so that it costs neither an invocation nor tokens.
func TestKeepAliveKeepsAnIdleConnectionOpen(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	h := newHarness(t, chat.NewInMemory(rec, slow()), rec)
	ann := enter(t, h, "Ann")
	for range 4 {
		ann.Request("ping", nil).ExpectAck()
	}
	ann.Request("ping", nil).ExpectError(gatesock.CodeRateLimited)
	for range 3 {
		h.Advance(9 * time.Minute)
		ann.Send("keepalive", nil)
		ann.ExpectFrame(`{"action":"keepalive","data":null}`)
	}
	ann.ExpectNone()
	h.Advance(11 * time.Minute)
	ann.ExpectClosed(1001)
}

func TestPingKeepsAnIdleConnectionOpen(t *testing.T) {
	t.Parallel()
	h := newChat(t)
	ann := enter(t, h, "Ann")
	for range 3 {
		h.Advance(9 * time.Minute)
		ann.Request("ping", nil).ExpectAck()
	}
	h.Advance(11 * time.Minute)
	ann.ExpectClosed(1001)
}
