package chat_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/wstest"
)

// described returns the description of the chat with sign-in and a limit.
func described(t *testing.T) *describe.App {
	t.Helper()
	app, err := describe.Of(chat.NewInMemory(wstest.NewRecorder(),
		chat.WithSignIn(book{}, authz.Origins(origin)), chat.WithLimit(ratelimit.Limit{Rate: 2, Burst: 20})).Handler())
	require.NoError(t, err)
	return app
}

// The description has everything that clients meet.
func TestDescription(t *testing.T) {
	t.Parallel()
	app := described(t)
	answers := map[string]describe.Answer{}
	for _, r := range app.Routes {
		answers[r.Key] = r.Answer
	}
	require.Equal(t, map[string]describe.Answer{
		"$connect": describe.AnswerNone, "$disconnect": describe.AnswerNone, "$default": describe.AnswerAny,
		"authenticate": describe.AnswerData, "say": describe.AnswerData, "typing": describe.AnswerAck,
		"subscribe": describe.AnswerData, "unsubscribe": describe.AnswerAck, "history": describe.AnswerData,
		"sync": describe.AnswerData, "presence": describe.AnswerData,
		"keepalive": describe.AnswerMock,
	}, answers)
	events := map[string]string{}
	for _, p := range app.Pushes {
		events[p.Event] = p.Data.Ref
	}
	require.Equal(t, map[string]string{
		"message": "#/$defs/Message", "typing": "#/$defs/Typist", "presence": "#/$defs/Diff",
	}, events)
	require.NotNil(t, app.Authorizer)
	require.Equal(t, []describe.Limit{{
		Name: "messages", By: "speaker", Rate: 2, Burst: 20, Costs: map[string]int{"$connect": 0, "subscribe": 2},
	}}, app.Limits)
}
