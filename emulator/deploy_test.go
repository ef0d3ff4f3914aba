package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// replies returns a handler that accepts everything and answers messages with the text.
func replies(text string) lambda.Handler {
	return handlerFunc(func(context.Context, []byte) ([]byte, error) {
		return fmt.Appendf(nil, `{"statusCode":200,"body":%q}`, text), nil
	})
}

// deployed is a gateway with one client, for tests of Deploy.
type deployed struct {
	t     *testing.T
	gw    *Gateway
	clock *ManualClock
	s     *Session
	peer  *peer
}

func newDeployed(t *testing.T, h lambda.Handler, cfg Config) *deployed {
	t.Helper()
	d := &deployed{t: t, clock: NewManualClock(start())}
	cfg.Clock, cfg.Logger = d.clock, slog.New(slog.DiscardHandler)
	var err error
	d.gw, err = New(h, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.gw.Shutdown(context.Background())) })
	d.s, d.peer = d.connect()
	return d
}

func (d *deployed) connect() (*Session, *peer) {
	d.t.Helper()
	p := &peer{frames: make(chan string, 10), ends: make(chan CloseStatus, 1)}
	s, err := d.gw.Connect(context.Background(), Handshake{}, memoryClient{p})
	require.NoError(d.t, err)
	return s, p
}

// send sends a message and returns the frame that answers it.
func (d *deployed) send(data string) string {
	d.t.Helper()
	require.NoError(d.t, d.s.Receive(context.Background(), Message{Data: []byte(data)}))
	return <-d.peer.frames
}

// A route calls its own handler, and one without calls the gateway's.
func TestHandlersOfRoutes(t *testing.T) {
	t.Parallel()
	d := newDeployed(t, replies("gateway's"), Config{
		Routes:   routes("$connect", "$default!", "a!", "b!"),
		Handlers: map[string]lambda.Handler{"a": replies("a's"), "$connect": replies("")},
	})
	require.Equal(t, "a's", d.send(`{"action":"a"}`))
	require.Equal(t, "gateway's", d.send(`{"action":"b"}`))
	require.Equal(t, "gateway's", d.send(`{"action":"c"}`))
}

// $connect and $disconnect can be functions of their own, too.
func TestHandlersOfTheConnection(t *testing.T) {
	t.Parallel()
	calls := make(chan string, 10)
	named := func(name string) lambda.Handler {
		return handlerFunc(func(context.Context, []byte) ([]byte, error) {
			calls <- name
			return status(200), nil
		})
	}
	d := newDeployed(t, nil, Config{
		Routes: append(routes("$connect", "$disconnect"), gatesock.Route{Key: "ping", Mock: []byte("pong"), NeedsResponse: true}),
		Handlers: map[string]lambda.Handler{
			"$connect": named("connects"), "$disconnect": named("disconnects"),
		},
	})
	require.Equal(t, "connects", <-calls)
	require.Equal(t, "pong", d.send(`{"action":"ping"}`), "no handler is needed for a route that the gateway answers")
	d.s.Close(context.Background(), 1000, "")
	require.Equal(t, "disconnects", <-calls)
}

// A handler of a route that describes itself accepts no more declarations, as the gateway's.
func TestHandlersAreFrozen(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	_, err := New(replies(""), Config{
		Routes: routes("a"), Handlers: map[string]lambda.Handler{"a": r}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	require.Panics(t, func() {
		gatesock.Handle(r, "late", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	})
}

// A deployment replaces everything that it may, and the connection stays.
func TestDeploy(t *testing.T) {
	t.Parallel()
	d := newDeployed(t, replies("old"), Config{Routes: routes("$connect", "say!")})
	require.Equal(t, "old", d.send(`{"action":"say"}`))

	events := make(chan invoked, 10)
	next := handlerFunc(func(_ context.Context, event []byte) ([]byte, error) {
		in, err := read(event)
		events <- in
		return []byte(`{"statusCode":200,"body":"new"}`), err
	})
	require.NoError(t, d.gw.Deploy(next, Config{
		Routes:                   routes("$connect", "tell!"),
		RouteSelectionExpression: "$request.body.kind",
		StageVariables:           map[string]string{"color": "green"},
		Models: map[string]func([]byte) error{"tell": func(body []byte) error {
			if bytes.Contains(body, []byte("bad")) {
				return errors.New("bad")
			}
			return nil
		}},
		Authorizer: &Authorizer{Handler: replies("no policy")},
	}))
	require.Equal(t, "new", d.send(`{"kind":"tell"}`))
	in := <-events
	require.Equal(t, "tell", in.Context.RouteKey)
	require.Equal(t, map[string]string{"color": "green"}, in.StageVariables)
	require.Contains(t, d.send(`{"kind":"tell","bad":1}`), "Bad request body")
	require.Contains(t, d.send(`{"action":"say"}`), "Forbidden")

	_, err := d.gw.Connect(context.Background(), Handshake{}, discardClient{})
	var refused *HandshakeError
	require.ErrorAs(t, err, &refused, "the new authorizer decides about new connections")
	require.Equal(t, 500, refused.StatusCode)
}

// An invocation that runs ends on the old handler, by the old limits, and its answer arrives.
func TestDeployWhileAnInvocationRuns(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	old := handlerFunc(func(_ context.Context, event []byte) ([]byte, error) {
		if in, err := read(event); err != nil || in.Context.RouteKey == gatesock.RouteConnect {
			return status(200), err
		}
		close(begun)
		<-release
		return []byte(`{"statusCode":200,"body":"old"}`), nil
	})
	d := newDeployed(t, old, Config{Routes: routes("$connect", "say!")})
	var waiting sync.WaitGroup
	waiting.Go(func() { _ = d.s.Receive(context.Background(), Message{Data: []byte(`{"action":"say"}`)}) })
	<-begun
	require.NoError(t, d.gw.Deploy(replies("new"), Config{
		Routes: routes("$connect", "say"), // without a response now, and with less time
		RouteTimeouts: map[string]Timeouts{
			"say": {Integration: time.Second, Function: time.Second},
		},
	}))
	d.clock.Advance(20 * time.Second)
	close(release)
	waiting.Wait()
	require.Equal(t, "old", <-d.peer.frames)

	require.NoError(t, d.s.Receive(context.Background(), Message{Data: []byte(`{"action":"say"}`)}))
	require.Empty(t, d.peer.frames)
}

// The end of a connection invokes the $disconnect of the current deployment.
func TestDeployBeforeTheEndOfAConnection(t *testing.T) {
	t.Parallel()
	d := newDeployed(t, replies("old"), Config{Routes: routes("$connect")})
	calls := make(chan string, 1)
	require.NoError(t, d.gw.Deploy(handlerFunc(func(_ context.Context, event []byte) ([]byte, error) {
		in, err := read(event)
		calls <- in.Context.RouteKey
		return status(200), err
	}), Config{Routes: routes("$connect", "$disconnect")}))
	d.s.Close(context.Background(), 1000, "")
	require.Equal(t, "$disconnect", <-calls)
}

// What can't change is an error that names it, and nothing is replaced.
func TestDeployRefusesWhatCannotChange(t *testing.T) {
	t.Parallel()
	cfg := Config{
		APIID: "abcd123", Stage: "dev", Region: "eu-west-1", AccountID: "111122223333", DomainName: "ws.example.com",
		CustomDomain: true, BasePath: "chat", IdleTimeout: time.Minute, MaxAge: time.Hour, Routes: routes("$default!"),
	}
	d := newDeployed(t, replies("old"), cfg)
	cfg.Clock, cfg.Faults = d.clock, d.gw.Faults()
	require.NoError(t, d.gw.Deploy(replies("same"), cfg), "the same values are no change")
	for name, change := range map[string]func(*Config){
		"APIID":       func(c *Config) { c.APIID = "other" },
		"Stage":       func(c *Config) { c.Stage = "prod" },
		"Region":      func(c *Config) { c.Region = "us-east-1" },
		"AccountID":   func(c *Config) { c.AccountID = "1" },
		"DomainName":  func(c *Config) { c.DomainName = "other" },
		"BasePath":    func(c *Config) { c.BasePath = "other" },
		"IdleTimeout": func(c *Config) { c.IdleTimeout = time.Hour },
		"MaxAge":      func(c *Config) { c.MaxAge = time.Minute },
		"Clock":       func(c *Config) { c.Clock = NewManualClock(start()) },
		"Faults":      func(c *Config) { c.Faults = NewFaults(1) },
	} {
		next := cfg
		change(&next)
		err := d.gw.Deploy(replies("new"), next)
		require.ErrorContains(t, err, "emulator: Deploy: "+name+" can't change")
	}
	next := cfg
	next.Clock = incomparable{d.clock, nil}
	require.ErrorContains(t, d.gw.Deploy(replies("new"), next), "emulator: Deploy: Clock can't change")
	require.Equal(t, "same", d.send("hi"))
	require.ErrorContains(t, d.gw.Deploy(replies("new"), Config{Routes: routes("a", "a")}), `route "a" is not unique`)
	require.Equal(t, "same", d.send("hi"))
	require.PanicsWithValue(t, "emulator: Deploy: h must not be nil", func() { _ = d.gw.Deploy(nil, Config{}) })
	require.NoError(t, d.gw.Deploy(replies("newest"), Config{Routes: routes("$default!")}), "what is zero stays")
	require.Equal(t, "newest", d.send("hi"))
}

// incomparable is a clock of a type that can't be compared.
type incomparable struct {
	Clock
	_ []int
}

// A limit that stays the same keeps the tokens that it has left.
func TestDeployKeepsBuckets(t *testing.T) {
	t.Parallel()
	cfg := Config{
		Routes: routes("$connect", "$default!", "other!"), DefaultThrottle: Throttle{Rate: 1, Burst: 2},
		Rate: 1, Burst: 4, // one for the handshake of newDeployed
	}
	d := newDeployed(t, replies("ok"), cfg)
	require.Equal(t, "ok", d.send("1"))
	require.Equal(t, "ok", d.send("2"))
	require.NoError(t, d.gw.Deploy(replies("ok"), cfg))
	require.Contains(t, d.send("3"), "Too Many Requests", "the route's bucket is empty, as before")
	require.Contains(t, d.send(`{"action":"other"}`), "Too Many Requests", "and so is the account's")
	cfg.Rate, cfg.DefaultThrottle = 0, Throttle{Rate: 1, Burst: 1}
	require.NoError(t, d.gw.Deploy(replies("ok"), cfg))
	require.Equal(t, "ok", d.send("4"), "other limits begin with full buckets")
	require.Contains(t, d.send("5"), "Too Many Requests")
}

// A message meets one deployment, not parts of two, and after Deploy has returned the new one.
func TestDeployIsAtomic(t *testing.T) {
	t.Parallel()
	version := func(n int) (lambda.Handler, Config) {
		key := fmt.Sprintf("v%d", n%2)
		h := handlerFunc(func(_ context.Context, event []byte) ([]byte, error) {
			in, err := read(event)
			ok := in.Context.RouteKey == gatesock.RouteConnect ||
				in.Context.RouteKey == key && in.StageVariables["version"] == key
			return fmt.Appendf(nil, `{"statusCode":200,"body":"%v %s"}`, ok, key), err
		})
		cfg := Config{
			Routes: routes("$connect", key+"!"), RouteSelectionExpression: key,
			StageVariables: map[string]string{"version": key},
		}
		return h, cfg
	}
	h, cfg := version(0)
	d := newDeployed(t, h, cfg)
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for range 3 {
		s, p := d.connect()
		senders.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := s.Receive(context.Background(), Message{Data: []byte("x")}); err != nil {
					t.Error(err)
				}
				if f := <-p.frames; f != "true v0" && f != "true v1" {
					t.Error(f)
				}
			}
		})
	}
	for n := range 200 {
		h, cfg := version(n)
		require.NoError(t, d.gw.Deploy(h, cfg))
		require.Equal(t, fmt.Sprintf("true v%d", n%2), d.send("x"))
	}
	close(stop)
	senders.Wait()
}
