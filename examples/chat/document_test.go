package chat_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/wstest"
)

// schemas are the payload schemas of the chat's AsyncAPI document.
type schemas struct{ compiler *jsonschema.Compiler }

// TestDocument checks the document that "gatesock asyncapi" makes of the chat.
func TestDocument(t *testing.T) {
	t.Parallel()
	document := readDocument(t)
	t.Run("frames are as documented", document.testFrames)
	t.Run("refused messages are not", document.testRefused)
	t.Run("frames of the protocol", document.testProtocol)
}

// document is the text of an AsyncAPI document.
type document []byte

func readDocument(t *testing.T) document {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), buildCommand(t), "asyncapi", "./cmd/lambda").Output()
	require.NoError(t, err)
	return text
}

// schemas returns the schemas of the document. They are not safe for concurrent use.
func (d document) schemas(t *testing.T) schemas {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(d))
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

// testFrames checks all that two people send and receive, and that each answer is one message of
// the document only.
func (d document) testFrames(t *testing.T) {
	t.Parallel()
	document, h := d.schemas(t), newChat(t)
	ann, bob := h.Connect(), h.Connect()
	for _, step := range []struct {
		from           *wstest.Client
		message, frame string
	}{
		{ann, "subscribe", `{"action":"subscribe","id":"1","topic":"room:lobby","presence":true,"as":{"name":"Ann"}}`},
		{bob, "subscribe", `{"action":"subscribe","topic":"room:lobby","last":50,"presence":true,"as":{"name":"Bob"}}`},
		{ann, "say", `{"action":"say","id":"2","room":"lobby","text":"hello","key":"k1"}`},
		{bob, "history", `{"action":"history","id":"5","topic":"room:lobby","last":5}`},
		{bob, "sync", `{"action":"sync","id":"6","topics":[{"topic":"room:lobby","epoch":"","offset":0}]}`},
		{bob, "presence", `{"action":"presence","id":"7","topic":"room:lobby"}`},
		{bob, "unsubscribe", `{"action":"unsubscribe","id":"3","topic":"room:lobby"}`},
		{ann, "typing", `{"action":"typing","room":"lobby"}`},
		{bob, "unsubscribe", `{"action":"unsubscribe","topic":"room:nowhere"}`},
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
	for _, message := range []string{
		"reply.subscribe", "reply.say", "reply.history", "reply.sync", "reply.presence", "reply.unsubscribe", "push.message", "error",
	} {
		require.True(t, seen[message], "no %s was seen", message)
	}
}

func (d document) testRefused(t *testing.T) {
	t.Parallel()
	document, h := d.schemas(t), newChat(t)
	for message, frame := range map[string]string{
		"say":       `{"action":"say","room":7,"text":"hello","key":"k"}`,
		"typing":    `{"action":"typing","name":"Ann"}`,
		"subscribe": `{"action":"subscribe","id":7,"topic":"room:lobby"}`,
	} {
		require.Error(t, document.check(t, "request."+message, frame), frame)
		c := h.Connect()
		c.SendText(frame)
		require.Contains(t, c.Frames()[0].Text, `"code":"invalid_argument"`)
	}
}

// testProtocol checks what the gateway sends itself, as in docs/protocol.md.
func (d document) testProtocol(t *testing.T) {
	t.Parallel()
	document := d.schemas(t)
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
