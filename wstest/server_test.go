package wstest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

func TestServerHasTheSameClients(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	srv := wstest.NewServer(t, newRoom(rec), wstest.WithPoster(rec))
	alice := srv.Dial(t, wstest.WithUser("alice"), wstest.WithSubprotocols("other", "chat"))
	bob := srv.Dial(t, wstest.WithUser("bob"))
	require.Equal(t, "chat", alice.Subprotocol())
	require.Empty(t, bob.Subprotocol())
	require.NotEqual(t, alice.ID(), bob.ID())

	alice.Request("join", nil).ExpectAck()
	bob.Request("join", nil).ExpectAck()
	alice.ExpectPush("joined", nil)
	alice.Send("say", say{Text: "hello"})
	bob.ExpectPushOn("room", "said", nil)
	bob.Request("say", say{}).ExpectError(gatesock.CodeInvalidArgument)
	bob.Request("nothing", nil).ExpectError(gatesock.CodeNotFound)
	alice.ExpectNone()
	bob.ExpectNone()

	bob.SendBinary([]byte{1})
	bob.ExpectClosed(1003)
	alice.ExpectPush("left", nil)
	bob.Abort()
	bob.Close(1000, "")
	alice.ExpectNone()
}

func TestServerAnswersTheConnectionsAPI(t *testing.T) {
	t.Parallel()
	srv := wstest.NewServer(t, script())
	c := srv.Dial(t)
	url := srv.Endpoint + "/@connections/" + strings.ReplaceAll(c.ID(), "=", "%3D")
	for _, step := range []struct {
		method, body string
		status       int
	}{
		{http.MethodPost, `{"event":"hello","data":1}`, 200},
		{http.MethodDelete, "", 204},
		{http.MethodPost, "late", 410},
	} {
		req, err := http.NewRequestWithContext(t.Context(), step.method, url, strings.NewReader(step.body))
		require.NoError(t, err)
		req.Close = true
		response, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, step.status, response.StatusCode, step.method)
	}
	c.ExpectPush("hello", nil)
	c.ExpectClosed(1000)
	c.ExpectNone()
}

func TestClientsEndTheirConnectionOverSockets(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	ends := make(chan gatesock.Request, 1)
	app := gatesock.New()
	app.OnDisconnect(func(_ ctx, req *request) (*gatesock.Reply, error) {
		ends <- *req
		return nil, nil
	})
	srv := wstest.NewServer(t, app, wstest.WithPoster(rec))
	for name, c := range map[string]struct {
		end    func(*wstest.Client)
		code   int
		reason string
	}{
		"close":                {func(c *wstest.Client) { c.Close(3001, "bye") }, 3001, "bye"},
		"close without a code": {func(c *wstest.Client) { c.Close(0, "") }, 1005, "Client-side close frame status not set"},
		"drop":                 {func(c *wstest.Client) { c.Abort() }, 1006, "Connection closed abnormally"},
	} {
		for front, client := range map[string]*wstest.Client{"memory": srv.Connect(), "socket": srv.Dial(t)} {
			t.Run(name+" by "+front, func(t *testing.T) {
				c.end(client)
				require.Len(t, ends, 1, "$disconnect has ended")
				req := <-ends
				require.Equal(t, client.ID(), req.ConnectionID)
				require.Equal(t, c.code, req.DisconnectCode)
				require.Equal(t, c.reason, req.DisconnectReason)
				client.ExpectNone()
			})
		}
	}
}

func TestServerTimeout(t *testing.T) {
	t.Parallel()
	failures := runFake(t, func(ft *fakeTB) {
		srv := wstest.NewServer(ft, script(), wstest.WithTimeout(20*time.Millisecond))
		srv.Dial(ft, wstest.WithUser("alice")).ExpectPush("never", nil)
	})
	require.Len(t, failures, 1)
	require.Contains(t, failures[0], `expected a push of event "never" within 20ms (see WithTimeout)`)
}

func TestServerFindsLeaksAndLatePosts(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	failures := runFake(t, func(ft *fakeTB) {
		rec := wstest.NewRecorder()
		now, result := make(chan struct{}), make(chan error, 1)
		app := lateApp(rec, func(c ctx) ctx { return c }, now, result)
		app.OnConnect(func(ctx, *request) (*gatesock.Reply, error) {
			go leakUntil(release)
			return nil, nil
		})
		srv := wstest.NewServer(ft, app, wstest.WithPoster(rec))
		c := srv.Dial(ft)
		c.Request("any", nil).ExpectAck()
		close(now)
		require.Error(t, <-result)
	})
	require.Len(t, failures, 2)
	require.Contains(t, failures[0], "was made after")
	require.Contains(t, failures[1], `route "$connect"`)
	require.Contains(t, failures[1], "leakUntil")
}

func TestServerWithoutRoutesForConnections(t *testing.T) {
	t.Parallel()
	routes := []gatesock.Route{{Key: "ack", NeedsResponse: true}}
	srv := wstest.NewServer(t, script(), wstest.WithConfig(func(c *emulator.Config) { c.Routes = routes }))
	for _, c := range []*wstest.Client{srv.Connect(), srv.Dial(t)} {
		c.Request("ack", nil).ExpectAck()
		c.Close(0, "")
		c.ExpectNone()
	}
	dialled := srv.Dial(t)
	require.Empty(t, dialled.ID())
	dialled.Abort()
}

// TestExpectNoneSeesWhatIsOnItsWay checks that ExpectNone waits for the answer of a slow handler.
func TestExpectNoneSeesWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	srv := wstest.NewServer(t, newRoom(rec), wstest.WithPoster(rec))
	alice, carol := srv.Dial(t, wstest.WithUser("alice")), srv.Connect(wstest.WithUser("carol"))
	for i := range 30 {
		var id string
		failures := runFake(t, func(ft *fakeTB) {
			bob := srv.Dial(ft, wstest.WithUser("bob"))
			id = bob.ID()
			bob.Request("join", nil).ExpectAck()
			rec.Slow(id, time.Duration(i%3)*time.Millisecond)
			alice.Send("say", say{Text: "to bob"})
			bob.ExpectNone()
		})
		require.Len(t, failures, 1, i)
		require.Contains(t, failures[0], "expected nothing more")
		require.Contains(t, failures[0], "to bob")
		require.Len(t, rec.PostsTo(id), 1)
		rec.Gone(id)
	}
	alice.ExpectNone()
	carol.ExpectNone()
}

func TestExpectNoneCanNotTellWhileAHandlerRuns(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	failures := runFake(t, func(ft *fakeTB) {
		srv := wstest.NewServer(ft, onMessage(func(ctx, *request) error {
			close(begun)
			<-release
			return nil
		}), wstest.WithTimeout(30*time.Millisecond))
		ft.Cleanup(func() { close(release) })
		c := srv.Dial(ft)
		c.SendText("hold")
		<-begun
		c.ExpectNone()
	})
	require.Len(t, failures, 1)
	require.Contains(t, failures[0], "expected nothing more, but: the gateway does not become idle")
	require.Contains(t, failures[0], `still running: [the handler of route "$default" for connection `)
}

func TestServerUnderACustomDomain(t *testing.T) {
	t.Parallel()
	for path, config := range map[string]emulator.Config{
		"":       {CustomDomain: true},
		"/chat":  {CustomDomain: true, BasePath: "chat"},
		"/prod":  {Stage: "prod"},
		"/local": {}, // the emulator's default
	} {
		srv := wstest.NewServer(t, script(), wstest.WithConfig(func(c *emulator.Config) {
			c.CustomDomain, c.BasePath = config.CustomDomain, config.BasePath
			c.Stage = config.Stage
		}))
		require.Regexp(t, `^ws://127\.0\.0\.1:[0-9]+`+path+"$", srv.URL)
		require.Equal(t, strings.Replace(srv.URL, "ws:", "http:", 1), srv.Endpoint)
		srv.Dial(t).Request("ack", nil).ExpectAck()
	}
}
