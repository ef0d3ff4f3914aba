package main

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/wstest"
)

func Example() {
	main()
	// Output:
	// ann sees ann
	// ann sees ann, bob
	// bob sees ann, bob
	// the server counts 2
	// ann sees ann
}

// A user with two tabs is there once, until both are closed.
func TestTwoTabs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testTwoTabs)
}

func testTwoTabs(t *testing.T) {
	recorder := wstest.NewRecorder()
	app, err := newApp(recorder)
	require.NoError(t, err)
	h := wstest.New(t, app, wstest.WithPoster(recorder))
	enter := func(user string) *wstest.Client {
		c := h.Connect(wstest.WithQuery("user", user))
		c.Request("subscribe", map[string]any{"topic": "room:1", "presence": true}).ExpectReply(nil)
		return c
	}
	counts := func(c *wstest.Client, want int) {
		t.Helper()
		var n int
		c.Request("count", Room{"room:1"}).ExpectReply(&n)
		require.Equal(t, want, n)
	}
	tab, other, bob := enter("ann"), enter("ann"), enter("bob")
	counts(bob, 2)
	tab.Close(1000, "")
	counts(bob, 2)
	other.Close(1001, "") // the page is gone
	counts(bob, 1)
}
