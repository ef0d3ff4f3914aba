package chat_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/wstest"
)

// slow allows four messages, and then one per hour.
func slow() chat.Option { return chat.WithLimit(ratelimit.Limit{Rate: 1. / 3600, Burst: 6}) }

func TestWhoSaysTooMuchHasToWait(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	h := newHarness(t, chat.NewInMemory(rec, slow(), soon()), rec)
	begun := time.Now()
	ann := enter(t, h, "Ann")
	bob := enter(t, h, "Bob", ann)
	for range 4 {
		ann.Request("say", chat.Say{Room: "lobby", Text: "x"}).ExpectReply(nil)
		ann.ExpectPush("message", nil)
		bob.ExpectPush("message", nil)
	}
	e := ann.Request("say", chat.Say{Room: "lobby", Text: "x"}).ExpectError(gatesock.CodeRateLimited)
	require.LessOrEqual(t, e.RetryAfter, time.Hour)
	require.GreaterOrEqual(t, e.RetryAfter, time.Hour-time.Since(begun))
	ann.Request("typing", chat.Typing{Room: "lobby"}).ExpectError(gatesock.CodeRateLimited)
	bob.ExpectNone()
	bob.Request("say", chat.Say{Room: "lobby", Text: "x"}).ExpectReply(nil)
}

// Another connection of the same person has the same limit.
func TestALimitIsForAPerson(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	tokens := book{
		"ann": {ID: "ann", Scopes: []string{chat.Scope}},
		"bob": {ID: "bob", Scopes: []string{chat.Scope}},
	}
	h := newHarness(t, chat.NewInMemory(rec, slow(), soon(), chat.WithSignIn(tokens, authz.Origins(origin))), rec)
	for range 3 {
		h.Connect(with("ann")...).Request("subscribe", into("lobby", "")).ExpectReply(nil)
	}
	none := map[string]any{"topics": []string{}}
	h.Connect(with("ann")...).Request("sync", none).ExpectError(gatesock.CodeRateLimited)
	h.Connect(with("bob")...).Request("sync", none).ExpectReply(nil)
}
