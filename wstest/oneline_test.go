package wstest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/wstest"
)

// TestFailuresShowTextInOneLine checks that text from clients, handlers and principals cannot move
// the cursor of a terminal, add lines to a failure or fill the screen.
func TestFailuresShowTextInOneLine(t *testing.T) {
	t.Parallel()
	hostile := "\x1b[2J\u202e\u009b\r\nFAIL" + strings.Repeat("é", 9000)
	r := gatesock.New()
	gatesock.Handle(r, "panic", func(_ context.Context, _ *gatesock.Request, in struct{ With string }) error { panic(in.With) })
	for name, fail := range map[string]func(ft *fakeTB){
		"a frame": func(ft *fakeTB) {
			h := wstest.New(ft, r)
			c := h.Connect()
			if err := h.Poster().Post(context.Background(), to(c.ID()), []byte(hostile)); err != nil {
				ft.Errorf("%v", err)
			}
			c.ExpectNone()
		},
		"a panic": func(ft *fakeTB) { wstest.New(ft, r).Connect().Send("panic", map[string]string{"with": hostile}) },
		"a name": func(ft *fakeTB) {
			wstest.New(ft, r).Connect(wstest.WithAuthorizerContext(hostile[:4000], nil)).ExpectPush("x", nil)
		},
		"a principal": func(ft *fakeTB) { wstest.New(ft, r).Connect(wstest.WithPrincipal(authz.Principal{ID: hostile})) },
		"a scope": func(ft *fakeTB) {
			wstest.New(ft, r).Connect(wstest.WithPrincipal(authz.Principal{ID: "a", Scopes: []string{hostile}}))
		},
		"a principal's socket": func(ft *fakeTB) { wstest.NewServer(ft, r).Dial(ft, wstest.WithPrincipal(authz.Principal{ID: hostile})) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failures := runFake(t, fail)
			require.NotEmpty(t, failures)
			for _, f := range failures {
				message, _, _ := strings.Cut(f, "\ngoroutine ") // the stack of a panic
				require.Less(t, len(message), 2500)
				for line := range strings.SplitSeq(f, "\n") {
					require.NotRegexp(t, `^FAIL|[\x00-\x08\x0b-\x1f\x7f\x{80}-\x{9f}\x{202e}]`, line)
				}
			}
		})
	}
}
