package wstest_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

// TestAddressesThatAreNotOfAStage checks that the failures have nothing of what may be secret.
func TestAddressesThatAreNotOfAStage(t *testing.T) {
	t.Parallel()
	const like = "wstest: the address of the stage must be like wss://abc123.execute-api.eu-west-1.amazonaws.com/prod; this one "
	for address, want := range map[string]string{
		"":                               like + `begins with ""`,
		"localhost:3001/dev":             like + `begins with "localhost"`,
		"abc123.execute-api.example.com": like + `begins with "abc123.exe"`,
		"http://localhost/dev":           like + `begins with "http"`,
		"wss:///prod":                    like + "has no host",
		"wss://ann:secret@localhost/":    like + "has a user",
		"wss://localhost/?token=secret":  like + "has a query, which WithQuery adds",
		"wss://localhost/?":              like + "has a query, which WithQuery adds",
		"wss://localhost/#secret":        like + "has a fragment",
		"wss://localhost:secret/":        `wstest: the address of the stage is not valid: invalid port ":secret" after host`,
	} {
		failures := runFake(t, func(ft *fakeTB) { wstest.NewDeployed(ft, address) })
		require.Equal(t, []string{want}, failures, address)
	}
}

// answers serves a response to each handshake, and returns the address.
func answers(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http", "ws", 1)
}

// TestRefusedByAStage checks what a failure says about a stage that does not connect a client.
func TestRefusedByAStage(t *testing.T) {
	t.Parallel()
	stage := startStage(t, roomStage)
	elsewhere := answers(t, func(http.ResponseWriter, *http.Request) { t.Error("the credentials were sent elsewhere") })
	status := func(code int, body string) string {
		return answers(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		})
	}
	for name, c := range map[string]struct {
		address string
		want    string
	}{
		"credentials": {stage, "refused it with status 401 Unauthorized: the credentials are missing or wrong (see WithCredentials)"},
		"no stage":    {status(403, `{"message":"Forbidden"}`), "refused it with status 403 Forbidden: the credentials are wrong, or there is no such stage"},
		"throttled": {
			status(429, `{"message":"Too Many Requests"}`),
			"refused it with status 429 Too Many Requests: the stage throttles handshakes; run fewer tests at once (go test -parallel), or raise its limits",
		},
		"a page":   {status(200, "<html>\nhello"), `refused it with status 200 <html>\nhello: this may not be the address of a WebSocket API`},
		"$connect": {status(502, `{"message":"Internal server error"}`), "refused it with status 502 Internal server error"},
		"a redirect": {
			answers(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, http.StatusFound) }),
			"refused it with status 302 ",
		},
		"nobody": {"ws://" + nobody(t) + "/prod", "dial tcp 127.0.0.1:"},
	} {
		failures := runFake(t, func(ft *fakeTB) {
			p := wstest.NewDeployed(ft, c.address)
			p.Connect(wstest.WithQuery("token", "secret"), wstest.WithHeader("Authorization", "secret"))
		})
		require.Len(t, failures, 1, name)
		require.Contains(t, failures[0], c.want, name)
		require.Contains(t, failures[0], c.address, name)
		require.NotContains(t, failures[0], "secret", name)
	}
}

func TestConnectRefusedByAStage(t *testing.T) {
	t.Parallel()
	stage := startStage(t, roomStage)
	throttled := answers(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	require.Equal(t, 401, wstest.NewDeployed(t, stage).ConnectRefused(wstest.WithHeader("Authorization", "Bearer x")))
	for want, connect := range map[string]func(*fakeTB){
		"expected the connection to be refused, but it opened as alice": func(ft *fakeTB) {
			wstest.NewDeployed(ft, stage, wstest.WithCredentials(tokenOf)).ConnectRefused(wstest.WithUser("alice"))
		},
		"answered with status 429 : the stage throttles": func(ft *fakeTB) { wstest.NewDeployed(ft, throttled).ConnectRefused() },
		"client 1 can't reach the stage":                 func(ft *fakeTB) { wstest.NewDeployed(ft, "ws://"+nobody(t)).ConnectRefused() },
	} {
		failures := runFake(t, connect)
		require.Len(t, failures, 1, want)
		require.Contains(t, failures[0], want)
	}
}

// TestWhoConnectsToAStage checks what a failure says about options that a stage can't have.
func TestWhoConnectsToAStage(t *testing.T) {
	t.Parallel()
	stage := startStage(t, roomStage)
	returns := func(opts ...wstest.ConnectOption) wstest.PlaceOption {
		return wstest.WithCredentials(func(testing.TB, authz.Principal) []wstest.ConnectOption { return opts })
	}
	const proof = "the function of WithCredentials must return what proves who connects"
	locked := errors.New("the vault is locked")
	for name, c := range map[string]struct {
		place   []wstest.PlaceOption
		connect wstest.ConnectOption
		want    string
	}{
		"without credentials":   {nil, wstest.WithUser("alice"), "WithUser and WithPrincipal need the option WithCredentials"},
		"a wrong principal":     {nil, wstest.WithUser(""), "an authorizer does not accept this principal"},
		"WithAuthorizerContext": {nil, wstest.WithAuthorizerContext("alice", nil), "WithAuthorizerContext needs the emulated gateway"},
		"WithSourceIP":          {nil, wstest.WithSourceIP("10.0.0.1"), "WithSourceIP needs the emulated gateway"},
		"again a user":          {[]wstest.PlaceOption{returns(wstest.WithUser("bob"))}, wstest.WithUser("alice"), proof},
		"an address":            {[]wstest.PlaceOption{returns(wstest.WithSourceIP("10.0.0.1"))}, wstest.WithUser("alice"), proof},
		"nil":                   {[]wstest.PlaceOption{returns(nil)}, wstest.WithUser("alice"), "returned an option that is nil"},
		"no signature": {
			nil, wstest.WithSigner(func(*http.Request) error { return locked }), "the function of WithSigner: the vault is locked",
		},
	} {
		failures := runFake(t, func(ft *fakeTB) { wstest.NewDeployed(ft, stage, c.place...).Connect(c.connect) })
		require.Len(t, failures, 1, name)
		require.Contains(t, failures[0], c.want, name)
	}
	failures := runFake(t, func(ft *fakeTB) {
		wstest.New(ft, script()).Connect(wstest.WithSigner(func(*http.Request) error { return nil }))
	})
	require.Equal(t, []string{"wstest: client 1 can't connect: WithSigner needs a socket; in memory, use WithUser or WithPrincipal"}, failures)
}

// TestSignersSeeTheHandshake checks that what a signer signs is what is sent.
func TestSignersSeeTheHandshake(t *testing.T) {
	t.Parallel()
	var got http.Header
	app := gatesock.New()
	app.OnConnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		got = http.Header{"Signed": {req.Header.Get("Signed")}}
		return &gatesock.Reply{Subprotocol: "chat"}, nil
	})
	server := wstest.NewServer(t, app)
	sign := wstest.WithSigner(func(r *http.Request) error {
		r.Header.Set("Signed", strings.Join([]string{r.Method, r.URL.Host, r.URL.RawQuery, r.Header.Get("X-A")}, " "))
		return nil
	})
	opts := []wstest.ConnectOption{sign, wstest.WithQuery("b", "1 2"), wstest.WithHeader("X-A", "a"), wstest.WithSubprotocols("chat")}
	host := strings.TrimSuffix(strings.TrimPrefix(server.URL, "ws://"), "/local")
	for _, c := range []*wstest.Client{server.Dial(t, opts...), wstest.NewDeployed(t, server.URL).Connect(opts...)} {
		require.Equal(t, "chat", c.Subprotocol())
		require.Equal(t, "GET "+host+" b=1+2 a", got.Get("Signed"))
	}
}

// TestStageWithTLS has a certificate of an authority that only some clients trust.
func TestStageWithTLS(t *testing.T) {
	t.Parallel()
	gateway, err := emulator.New(script(), emulator.Config{Stage: "prod", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(gateway)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	t.Cleanup(func() { require.NoError(t, gateway.Shutdown(context.Background())) })
	address := strings.Replace(server.URL, "https", "wss", 1) + "/prod"

	failures := runFake(t, func(ft *fakeTB) { wstest.NewDeployed(ft, address).Connect() })
	require.Len(t, failures, 1)
	require.Contains(t, failures[0], x509.UnknownAuthorityError{}.Error())
	require.Contains(t, failures[0], "(for a private certificate authority, see WithHTTPClient)")

	trusting := server.Client()
	t.Cleanup(trusting.CloseIdleConnections)
	wstest.NewDeployed(t, address, wstest.WithHTTPClient(trusting)).Connect().Request("ack", nil).ExpectAck()
}

// TestClientsThatAreLeftOpenAreClosed checks that a stage sees a close frame of each client, also
// of a test that fails.
func TestClientsThatAreLeftOpenAreClosed(t *testing.T) {
	t.Parallel()
	ends := make(chan int, 4)
	address := startStage(t, func(gatesock.ConnectionsAPI) lambda.Handler {
		app := script()
		app.OnDisconnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			ends <- req.DisconnectCode
			return nil, nil
		})
		return app
	})
	failures := runFake(t, func(ft *fakeTB) {
		p := wstest.NewDeployed(ft, address, wstest.WithCredentials(tokenOf))
		alice, bob := p.Connect(wstest.WithUser("alice")), p.Connect(wstest.WithUser("bob"))
		p.Connect(wstest.WithUser("carol")).Close(3001, "bye")
		require.Equal(t, 3001, <-ends)
		bob.Abort()
		require.Equal(t, 1006, <-ends)
		bob.Close(1000, "") // nothing happens
		alice.Request("ack", nil).ExpectAck()
		p.Connect(wstest.WithUser("dave"))
		ft.Fatalf("alice and dave are left open")
	})
	require.Equal(t, []string{"alice and dave are left open"}, failures)
	require.Equal(t, []int{1000, 1000}, []int{<-ends, <-ends})
}

// cable is a TCP connection to a stage that can be cut, or held up.
type cable struct {
	address string
	mu      sync.Mutex
	held    bool
	conns   []net.Conn
}

// newCable returns a cable to the stage at an address.
func newCable(t *testing.T, to string) *cable {
	t.Helper()
	host, path, _ := strings.Cut(strings.TrimPrefix(to, "ws://"), "/")
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{address: "ws://" + l.Addr().String() + "/" + path}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := new(net.Dialer).DialContext(context.Background(), "tcp", host)
			if err != nil {
				_ = in.Close()
				continue
			}
			c.mu.Lock()
			c.conns = append(c.conns, in, out)
			c.mu.Unlock()
			running.Go(func() { c.carry(in, out) })
			running.Go(func() { c.carry(out, in) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		c.cut()
		running.Wait()
	})
	return c
}

func (c *cable) carry(to, from net.Conn) {
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		if err != nil {
			_ = to.Close()
			return
		}
		c.mu.Lock()
		held := c.held
		c.mu.Unlock()
		if !held {
			_, _ = to.Write(b[:n])
		}
	}
}

func (c *cable) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = true
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// TestTheStageGoesAway checks that a test fails at once, and not after its timeout of an hour.
func TestTheStageGoesAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		test func(c *wstest.Client)
		want string
	}{
		"before a push":  {func(c *wstest.Client) { c.ExpectPush("never", nil) }, `expected a push of event "never"`},
		"before an end":  {func(c *wstest.Client) { c.ExpectClosed(1001) }, "expected the gateway to close the connection with 1001"},
		"before silence": {func(c *wstest.Client) { c.ExpectNone() }, "expected nothing more"},
		"before requests": {func(c *wstest.Client) {
			for {
				c.Request("who", nil).ExpectReply(nil)
			}
		}, "can't send|expected a reply"},
	} {
		cable := newCable(t, startStage(t, roomStage))
		failures := runFake(t, func(ft *fakeTB) {
			p := wstest.NewDeployed(ft, cable.address, wstest.WithCredentials(tokenOf),
				wstest.WithTimeout(time.Hour), wstest.WithQuiet(time.Hour))
			alice := p.Connect(wstest.WithUser("alice"))
			alice.Request("join", nil).ExpectAck()
			var cutting sync.WaitGroup
			cutting.Go(cable.cut)
			defer cutting.Wait()
			c.test(alice)
		})
		require.Len(t, failures, 1, name)
		require.Regexp(t, c.want, failures[0], name)
		require.Contains(t, failures[0], "then the connection broke", name)
	}
}

// TestExpectNoneAfterTheStageHasGone checks that it does not wait for a pong when the end is known.
func TestExpectNoneAfterTheStageHasGone(t *testing.T) {
	t.Parallel()
	cable := newCable(t, startStage(t, roomStage))
	failures := runFake(t, func(ft *fakeTB) {
		p := wstest.NewDeployed(ft, cable.address, wstest.WithCredentials(tokenOf), wstest.WithTimeout(time.Hour))
		alice := p.Connect(wstest.WithUser("alice"))
		var waiting sync.WaitGroup
		waiting.Go(func() { alice.ExpectPush("never", nil) }) // it fails when the client knows
		cable.cut()
		waiting.Wait()
		alice.ExpectNone()
	})
	require.Len(t, failures, 2)
	require.Contains(t, failures[1], "expected nothing more")
}

// TestTheStageClosesAConnection checks that the code is that of the stage.
func TestTheStageClosesAConnection(t *testing.T) {
	t.Parallel()
	p := wstest.NewDeployed(t, startStage(t, roomStage), wstest.WithCredentials(tokenOf))
	alice := p.Connect(wstest.WithUser("alice"))
	alice.SendBinary([]byte{1})
	alice.ExpectClosed(1003)
	alice.ExpectNone()
}

// TestAStageThatHangs checks that nothing waits for longer than the timeout.
func TestAStageThatHangs(t *testing.T) {
	t.Parallel()
	for want, test := range map[string]func(c *wstest.Client){
		`expected a push of event "never" within 50ms`:                                    func(c *wstest.Client) { c.ExpectPush("never", nil) },
		"alice expected nothing more, but: the stage does not answer alice: no answer to": func(c *wstest.Client) { c.ExpectNone() },
	} {
		cable := newCable(t, startStage(t, roomStage))
		failures := runFake(t, func(ft *fakeTB) {
			alice := wstest.NewDeployed(ft, cable.address, wstest.WithCredentials(tokenOf)).Connect(wstest.WithUser("alice"))
			alice.Request("join", nil).ExpectAck()
			cable.hold()
			_ = alice
			ft.Cleanup(cable.cut) // before the client closes, which waits for an answer
			wstest.SetTimeout(alice, 50*time.Millisecond)
			test(alice)
		})
		require.Len(t, failures, 1, want)
		require.Contains(t, failures[0], want)
	}
}

// TestExpectNoneAtAStage checks that it listens, and fails as soon as there is something.
func TestExpectNoneAtAStage(t *testing.T) {
	t.Parallel()
	address := startStage(t, roomStage)
	failures := runFake(t, func(ft *fakeTB) {
		p := wstest.NewDeployed(ft, address, wstest.WithCredentials(tokenOf), wstest.WithQuiet(time.Hour))
		alice, bob := p.Connect(wstest.WithUser("alice")), p.Connect(wstest.WithUser("bob"))
		alice.Request("join", nil).ExpectAck()
		bob.Send("say", say{Text: "hello"})
		alice.ExpectNone()
	})
	require.Len(t, failures, 1)
	require.Contains(t, failures[0], "alice expected nothing more")
	require.Contains(t, failures[0], "hello")
	p := wstest.NewDeployed(t, address, wstest.WithCredentials(tokenOf), wstest.WithQuiet(time.Millisecond))
	p.Connect(wstest.WithUser("carol")).ExpectNone()
}

func TestExpandAtAStage(t *testing.T) {
	t.Parallel()
	failures := runFake(t, func(ft *fakeTB) { wstest.NewDeployed(ft, "ws://localhost").Expand("${n}") })
	require.Equal(t, []string{"wstest: Expand: no frame has given ${n} a value yet; no name has one"}, failures)
}
