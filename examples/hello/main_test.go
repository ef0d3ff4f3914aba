package main

import (
	"testing"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

func TestGreet(t *testing.T) {
	client := wstest.New(t, newRouter()).Connect()

	var greeting string
	client.Request("greet", Greet{Name: "Ann"}).ExpectReply(&greeting)
	if greeting != "Hello, Ann" {
		t.Errorf("the reply is %q", greeting)
	}
	client.Request("greet", map[string]int{"name": 7}).ExpectError(gatesock.CodeInvalidArgument)
}
