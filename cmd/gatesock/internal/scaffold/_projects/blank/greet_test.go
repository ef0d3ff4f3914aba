package main

import (
	"testing"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

func TestGreet(t *testing.T) {
	client := wstest.New(t, newRouter()).Connect()

	var reply Greeting
	client.Request("greet", Greet{Name: "Ann"}).ExpectReply(&reply)
	if reply.Text != "Hello, Ann" {
		t.Errorf("the reply is %q", reply.Text)
	}
	client.Request("greet", Greet{}).ExpectError(gatesock.CodeInvalidArgument)
}
