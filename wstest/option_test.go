package wstest_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

// seen is a handshake as a handler of $connect received it.
type seen struct{ requests chan gatesock.Request }

func (s seen) router() *gatesock.Router {
	r := gatesock.New()
	r.OnConnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		s.requests <- *req
		return &gatesock.Reply{Subprotocol: "b"}, nil
	})
	return r
}

func TestConnectOptions(t *testing.T) {
	t.Parallel()
	s := seen{make(chan gatesock.Request, 1)}
	srv := wstest.NewServer(t, s.router(), wstest.WithConfig(func(c *emulator.Config) { c.Stage = "prod" }))
	opts := []wstest.ConnectOption{
		wstest.WithAuthorizerContext("alice", map[string]any{"plan": "free", "limit": 5, "admin": true}),
		wstest.WithHeader("Origin", "https://example.com"),
		wstest.WithHeader("X-Tag", "1"),
		wstest.WithHeader("X-Tag", "2"),
		wstest.WithQuery("room", "a b"),
		wstest.WithQuery("room", "c"),
		wstest.WithSubprotocols("a", "b"),
		wstest.WithSourceIP("192.0.2.7"),
	}
	for name, connect := range map[string]func() *wstest.Client{
		"in memory":   func() *wstest.Client { return srv.Connect(opts...) },
		"by a socket": func() *wstest.Client { return srv.Dial(t, opts...) },
	} {
		t.Run(name, func(t *testing.T) {
			c := connect()
			req := <-s.requests
			require.Equal(t, "prod", req.Stage)
			require.Equal(t, c.ID(), req.ConnectionID)
			require.Equal(t, map[string]string{"principalId": "alice", "plan": "free", "limit": "5", "admin": "true"}, req.Authorizer)
			require.Equal(t, "https://example.com", req.Header.Get("Origin"))
			require.Equal(t, []string{"1", "2"}, req.Header.Values("X-Tag"))
			require.Equal(t, []string{"a b", "c"}, req.Query["room"])
			require.Contains(t, req.Header.Get("Sec-WebSocket-Protocol"), "a")
			require.NotContains(t, req.Header, "Wstest-Dial")
			require.Equal(t, "192.0.2.7", req.Identity.SourceIP)
			require.Equal(t, "b", c.Subprotocol())
		})
	}
}

func TestAnonymous(t *testing.T) {
	t.Parallel()
	s := seen{make(chan gatesock.Request, 1)}
	h := wstest.New(t, s.router())
	c := h.Connect()
	req := <-s.requests
	require.Nil(t, req.Authorizer)
	require.Equal(t, "127.0.0.1", req.Identity.SourceIP)
	require.Equal(t, "client 1 ("+c.ID()+")", c.String())
	require.Equal(t, h.Now().Truncate(time.Millisecond).UTC(), req.Time)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	srv := wstest.NewServer(t, newRoom(rec), wstest.WithPoster(rec))
	require.Equal(t, 401, srv.ConnectRefused())
	require.Equal(t, 401, srv.DialRefused(t))

	failures := runFake(t, func(ft *fakeTB) { srv.Dial(ft) })
	require.Equal(t, []string{"wstest: expected the connection to open, but it was refused with status 401 "}, failures)
	failures = runFake(t, func(ft *fakeTB) { srv.DialRefused(ft, wstest.WithUser("bob")) })
	require.Len(t, failures, 1)
	require.Contains(t, failures[0], "expected the connection to be refused, but it opened as bob (")
	failures = runFake(t, func(ft *fakeTB) { wstest.New(ft, newRoom(rec)).Connect() })
	require.Equal(t, []string{"wstest: expected the connection to open, but it was refused with status 401 "}, failures)
}

func TestWrongSettingsFailTheTest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		run  func(ft *fakeTB)
		want string
	}{
		"no handler": {func(ft *fakeTB) { wstest.New(ft, nil) }, "wstest: h must not be nil"},
		"no such stage": {
			func(ft *fakeTB) {
				wstest.NewServer(ft, script(), wstest.WithConfig(func(c *emulator.Config) { c.Stage = "a/b" }))
			},
			`wstest: the gateway: emulator: `,
		},
		"a clock that can't be moved": {
			func(ft *fakeTB) { wstest.NewServer(ft, script()).Advance(time.Second) },
			"wstest: the harness's clock, a <nil>, has no method Advance",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failures := runFake(t, c.run)
			require.Len(t, failures, 1)
			require.Contains(t, failures[0], c.want)
		})
	}
}

func TestOptionsPanic(t *testing.T) {
	t.Parallel()
	for says, option := range map[string]func(){
		"wstest: WithPoster: rec must not be nil":                  func() { wstest.WithPoster(nil) },
		"wstest: WithConfig: change must not be nil":               func() { wstest.WithConfig(nil) },
		"wstest: WithTimeout(0s): d must be positive":              func() { wstest.WithTimeout(0) },
		"wstest: WithIgnoredGoroutine: function must not be empty": func() { wstest.WithIgnoredGoroutine("") },
	} {
		require.PanicsWithValue(t, says, option)
	}
}

func TestServerWithAManualClock(t *testing.T) {
	t.Parallel()
	clock := emulator.NewManualClock(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	srv := wstest.NewServer(t, script(), wstest.WithConfig(func(c *emulator.Config) { c.Clock = clock }))
	c := srv.Dial(t)
	srv.Advance(10 * time.Minute)
	require.Equal(t, "Going away", c.ExpectClosed(1001))
	require.Equal(t, 10, srv.Now().Minute())
}

// TestInABubble runs a harness in a synctest bubble, with its own clock and with that of the
// bubble.
func TestInABubble(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]wstest.Option{
		"manual clock": wstest.WithConfig(func(*emulator.Config) {}),
		"the bubble's": wstest.WithConfig(func(c *emulator.Config) { c.Clock = nil }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rec := wstest.NewRecorder()
				h := wstest.New(t, newRoom(rec), wstest.WithPoster(rec), opt)
				alice, bob := h.Connect(wstest.WithUser("alice")), h.Connect(wstest.WithUser("bob"))
				alice.Request("join", nil).ExpectAck()
				bob.Request("join", nil).ExpectAck()
				alice.ExpectPush("joined", nil)

				start := time.Now()
				rec.Slow(alice.ID(), 3*time.Second)
				bob.Request("say", say{Text: "slowly"}).ExpectAck()
				require.Equal(t, 3*time.Second, time.Since(start))
				alice.ExpectPush("said", nil)
			})
		})
	}
}

func TestTheBubblesClockClosesIdleConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bubble := wstest.WithConfig(func(c *emulator.Config) { c.Clock = nil })
		h := wstest.New(t, script(), wstest.WithTimeout(time.Hour), bubble)
		start := time.Now()
		h.Connect().ExpectClosed(1001)
		require.Equal(t, 10*time.Minute, time.Since(start))
	})
}

// TestTimeoutWaitsForTheApplication has frames from goroutines that no handler has started.
func TestTimeoutWaitsForTheApplication(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := wstest.New(t, script(), wstest.WithTimeout(2*time.Second))
		c := h.Connect()
		posted := make(chan error, 1)
		time.AfterFunc(time.Second, func() {
			posted <- h.Poster().Post(context.Background(), to(c.ID()), []byte(`{"event":"tick","data":1}`))
		})
		c.ExpectPush("tick", nil)
		require.NoError(t, <-posted)
	})
}

func TestTimeoutEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		failures := runFake(t, func(ft *fakeTB) {
			wstest.New(ft, script(), wstest.WithTimeout(2*time.Second)).Connect().ExpectPush("tick", nil)
		})
		require.Len(t, failures, 1)
		require.Contains(t, failures[0], `expected a push of event "tick"`)
		require.Equal(t, 2*time.Second, time.Since(start))
	})
}

// rawHandler returns a handler that keeps its events.
type rawHandler struct{ events chan []byte }

func (h rawHandler) Invoke(_ context.Context, event []byte) ([]byte, error) {
	h.events <- event
	return []byte(`{"statusCode":200}`), nil
}

func TestHeadersKeepTheirSpelling(t *testing.T) {
	t.Parallel()
	h := rawHandler{make(chan []byte, 10)}
	srv := wstest.NewServer(t, h)
	opts := []wstest.ConnectOption{wstest.WithHeader("HeaderAuth1", "v"), wstest.WithHeader("authorization", "w")}
	for _, connect := range []func(){func() { srv.Connect(opts...) }, func() { srv.Dial(t, opts...) }} {
		connect()
		var e struct{ Headers map[string]string }
		require.NoError(t, json.Unmarshal(<-h.events, &e))
		require.Equal(t, "v", e.Headers["HeaderAuth1"])
		require.Equal(t, "w", e.Headers["authorization"])
	}
}
