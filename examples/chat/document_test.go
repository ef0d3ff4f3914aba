package chat_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/wstest"
)

// schemas are the payload schemas of the chat's AsyncAPI document.
type schemas struct{ compiler *jsonschema.Compiler }

func readDocument(t *testing.T) schemas {
	t.Helper()
	file, err := os.Open("../../cmd/gatesock/internal/asyncapi/testdata/chat.json")
	require.NoError(t, err)
	defer file.Close()
	document, err := jsonschema.UnmarshalJSON(file)
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource("chat.json", document))
	return schemas{compiler}
}

// check validates a frame against the payload of a message of the document.
func (s schemas) check(t *testing.T, message, frame string) error {
	t.Helper()
	schema, err := s.compiler.Compile("chat.json#/components/messages/" + message + "/payload")
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(frame))
	require.NoError(t, err)
	return schema.Validate(value)
}

// messageOf returns the message of the document that a received frame is, by docs/protocol.md.
func messageOf(t *testing.T, frame string) string {
	t.Helper()
	var members struct {
		Event, Action string
		Data, Error   json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(frame), &members))
	switch {
	case members.Event != "":
		return "push." + members.Event
	case members.Error != nil:
		return "error"
	case members.Data != nil:
		return "reply." + members.Action
	default:
		return "gateway"
	}
}

// TestFramesAreAsDocumented checks all that two people send and receive, and that each answer is
// one message of the document only.
func TestFramesAreAsDocumented(t *testing.T) {
	t.Parallel()
	document, h := readDocument(t), newChat(t)
	ann, bob := h.Connect(), h.Connect()
	for _, step := range []struct {
		from           *wstest.Client
		message, frame string
	}{
		{ann, "join", `{"action":"join","id":"1","room":"lobby","name":"Ann"}`},
		{bob, "join", `{"action":"join","room":"lobby","name":"Bob"}`},
		{ann, "say", `{"action":"say","id":"2","room":"lobby","text":"hello","key":"k1"}`},
		{bob, "leave", `{"action":"leave","id":"3","room":"lobby"}`},
		{ann, "typing", `{"action":"typing","room":"lobby"}`},
		{bob, "leave", `{"action":"leave","room":"nowhere"}`},
		{ann, "say", `{"action":"say","id":"4","room":"elsewhere","text":"hello","key":"k2"}`},
	} {
		require.NoError(t, document.check(t, "request."+step.message, step.frame), step.frame)
		step.from.SendText(step.frame)
	}
	ann.SendText(`{"action":"shout","id":7}`)
	seen := make(map[string]bool)
	for _, frame := range append(ann.Frames(), bob.Frames()...) {
		if frame.Text == "" {
			continue
		}
		message := messageOf(t, frame.Text)
		require.NoError(t, document.check(t, message, frame.Text), frame.Text)
		if message != "error" {
			require.Error(t, document.check(t, "error", frame.Text), frame.Text)
		}
		seen[message] = true
	}
	for _, message := range []string{"reply.join", "reply.say", "reply.leave", "push.joined", "push.left", "push.message", "error"} {
		require.True(t, seen[message], "no %s was seen", message)
	}
}

func TestRefusedMessagesAreNotAsDocumented(t *testing.T) {
	t.Parallel()
	document, h := readDocument(t), newChat(t)
	for message, frame := range map[string]string{
		"say":   `{"action":"say","room":7,"text":"hello","key":"k"}`,
		"join":  `{"action":"join","name":"Ann"}`,
		"leave": `{"action":"leave","id":7,"room":"lobby"}`,
	} {
		require.Error(t, document.check(t, "request."+message, frame), frame)
		c := h.Connect()
		c.SendText(frame)
		require.Contains(t, c.Frames()[0].Text, `"code":"invalid_argument"`)
	}
}

// TestFramesOfTheProtocol checks what the gateway sends itself, as in docs/protocol.md.
func TestFramesOfTheProtocol(t *testing.T) {
	t.Parallel()
	document := readDocument(t)
	for _, c := range []struct{ message, frame string }{
		{"gateway", `{"message":"Internal server error","connectionId":"c","requestId":"r"}`},
		{"gateway", `{"message":"Bad request body","connectionId":"c","messageId":"m"}`},
		{"reply.keepalive", `{"action":"keepalive","data":null}`},
		{"request.keepalive", `{"action":"keepalive"}`},
		{"error", `{"action":"say","error":{"code":"rate_limited","message":"too many","retryAfterMs":500,"details":{"limit":"messages"}}}`},
		{"error", `{"id":7,"action":"say","error":{"code":"a_code_of_the_application","message":"no"}}`},
	} {
		require.NoError(t, document.check(t, c.message, c.frame), c.frame)
	}
	for _, c := range []struct{ message, frame string }{
		{"request.say", `{"action":"tell","room":"lobby","text":"hello","key":"k"}`},
		{"request.say", `{"action":"say","id":"","room":"lobby","text":"hello","key":"k"}`},
		{"error", `{"action":"say","error":{"message":"no code"}}`},
		{"push.message", `{"event":"message","topic":"room:lobby"}`},
		{"gateway", `{"message":"a member of the application"}`},
	} {
		require.Error(t, document.check(t, c.message, c.frame), c.frame)
	}
}
