package main

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

// newHarness returns the chat behind the emulated gateway, for one test.
func newHarness(t *testing.T) *wstest.Harness {
	t.Helper()
	recorder := wstest.NewRecorder()
	handler, err := newLocal(recorder)
	if err != nil {
		t.Fatal(err)
	}
	return wstest.New(t, handler, wstest.WithPoster(recorder))
}

// enter connects a client and lets it join the lobby.
func enter(t *testing.T, h *wstest.Harness, name string) *wstest.Client {
	t.Helper()
	client := h.Connect(wstest.WithQuery("name", name))
	client.Request("join", InRoom{"lobby"}).ExpectReply(nil)
	return client
}

func TestRoom(t *testing.T) {
	h := newHarness(t)
	ann, bob := enter(t, h, "ann"), h.Connect(wstest.WithQuery("name", "bob"))

	var room Room
	bob.Request("join", InRoom{"lobby"}).ExpectReply(&room)
	if len(room.Members) != 2 {
		t.Errorf("the room has the members %v", room.Members)
	}
	var who Member
	ann.ExpectPush("joined", &who)
	if who != (Member{bob.ID(), "bob"}) {
		t.Errorf("%v has joined", who)
	}

	bob.Send("typing", InRoom{"lobby"})
	ann.ExpectPush("typing", nil)

	var reply, push Message
	bob.Request("say", Say{"lobby", "hello"}).ExpectReply(&reply)
	ann.ExpectPushOn("lobby", "message", &push)
	if push.Name != "bob" || push.Text != "hello" || !push.At.Equal(reply.At) {
		t.Errorf("the message is %v, the reply %v", push, reply)
	}

	bob.Request("leave", InRoom{"lobby"}).ExpectAck()
	ann.ExpectPush("left", nil)
	bob.Request("say", Say{"lobby", "still here?"}).ExpectError(gatesock.CodeFailedPrecondition)
	ann.ExpectNone()
	bob.ExpectNone()
}

func TestOtherRoomsHearNothing(t *testing.T) {
	h := newHarness(t)
	ann, bob := enter(t, h, "ann"), h.Connect(wstest.WithQuery("name", "bob"))
	bob.Request("join", InRoom{"garden"}).ExpectReply(nil)
	bob.Request("say", Say{"garden", "hello"}).ExpectReply(nil)
	ann.ExpectNone()
}

// A member whose connection breaks has left.
func TestLostConnection(t *testing.T) {
	h := newHarness(t)
	ann, bob := enter(t, h, "ann"), enter(t, h, "bob")
	bob.Abort()
	var who Member
	ann.ExpectPush("left", &who)
	if who.Name != "bob" {
		t.Errorf("%v has left", who)
	}
}

func TestRefusals(t *testing.T) {
	h := newHarness(t)
	for _, name := range []string{"", " ", strings.Repeat("x", maxName+1)} {
		if status := h.ConnectRefused(wstest.WithQuery("name", name)); status != http.StatusUnauthorized {
			t.Errorf("the name %q is refused with %d", name, status)
		}
	}
	ann := enter(t, h, "ann")
	for action, message := range map[string]any{
		"join": InRoom{""},
		"say":  Say{"lobby", strings.Repeat("x", maxText+1)},
	} {
		ann.Request(action, message).ExpectError(gatesock.CodeInvalidArgument)
	}
	ann.Request("shout", nil).ExpectError(gatesock.CodeNotFound)
}

// In the bubble of synctest no time passes between two messages.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := newHarness(t).Connect(wstest.WithQuery("name", "ann"))
		for range 20 {
			ann.Send("typing", InRoom{"lobby"})
		}
		refused := ann.Request("join", InRoom{"lobby"}).ExpectError(gatesock.CodeRateLimited)
		if refused.RetryAfter <= 0 {
			t.Errorf("the refusal asks to wait for %v", refused.RetryAfter)
		}
	})
}
