package main

import (
	"testing"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

func TestRooms(t *testing.T) {
	recorder := wstest.NewRecorder()
	h := wstest.New(t, newRouter(conn.NewMemory(), recorder), wstest.WithPoster(recorder))

	ann, bob := h.Connect(), h.Connect()
	ann.Request("join", Join{Room: "lobby"}).ExpectAck()
	bob.Request("join", Join{Room: "lobby"}).ExpectAck()

	var reached int
	ann.Request("say", Say{Room: "lobby", Text: "hello"}).ExpectReply(&reached)
	var text string
	bob.ExpectPush("message", &text)
	if reached != 1 || text != "hello" {
		t.Errorf("reached %d clients with %q", reached, text)
	}
	ann.ExpectNone()

	ann.Request("say", Say{Room: "lobby"}).ExpectError(gatesock.CodeInvalidArgument)
}
