package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/emulator"
)

// newLocal runs the program on this machine, as the README shows.
func newLocal() (*emulator.Gateway, error) {
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		return newRouter(conn.NewMemory(), api), nil
	}, emulator.Config{Stage: "dev"})
	return gateway, err
}

func TestLocal(t *testing.T) {
	gateway, err := newLocal()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gateway)
	defer server.Close()
	defer func() {
		if err := gateway.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	dial := func(id string) *websocket.Conn {
		c, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http")+"/dev", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.CloseNow() })
		if got := ask(t, c, map[string]string{"action": "join", "id": id, "room": "lobby"}); got["id"] != id {
			t.Fatalf("join was answered with %v", got)
		}
		return c
	}
	ann, bob := dial("1"), dial("2")
	if got := ask(
		t,
		ann,
		map[string]string{"action": "say", "id": "3", "room": "lobby", "text": "hello"},
	); got["data"] != 1.0 {
		t.Errorf("say was answered with %v", got)
	}
	if got := receive(t, bob); got["data"] != "hello" {
		t.Errorf("bob received %v", got)
	}
}

func ask(t *testing.T, c *websocket.Conn, request any) map[string]any {
	t.Helper()
	if err := wsjson.Write(t.Context(), c, request); err != nil {
		t.Fatal(err)
	}
	return receive(t, c)
}

func receive(t *testing.T, c *websocket.Conn) map[string]any {
	t.Helper()
	var got map[string]any
	if err := wsjson.Read(t.Context(), c, &got); err != nil {
		t.Fatal(err)
	}
	return got
}
