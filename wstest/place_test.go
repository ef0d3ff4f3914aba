package wstest_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

// startStage serves what newApp makes as a stage, and returns its address. Its authorizer lets in
// who has the token "token-of-NAME" in the header Authorization.
func startStage(t *testing.T, newApp func(gatesock.ConnectionsAPI) lambda.Handler) string {
	t.Helper()
	tokens := authz.VerifierFunc(func(_ context.Context, token string) (authz.Principal, error) {
		name, ok := strings.CutPrefix(token, "token-of-")
		if !ok {
			return authz.Principal{}, fmt.Errorf("%w: no such token", authz.ErrUnauthenticated)
		}
		return authz.Principal{ID: name}, nil
	})
	quiet := slog.New(slog.DiscardHandler)
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) { return newApp(api), nil },
		emulator.Config{Stage: "prod", Logger: quiet, Authorizer: &emulator.Authorizer{
			Handler: authz.NewAuthorizer(authz.Bearer(tokens, authz.AuthorizationHeader()), authz.WithLogger(quiet)),
		}})
	require.NoError(t, err)
	server, err := emulator.Serve(t.Context(), gateway, "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close(context.Background())) })
	return server.URL
}

func roomStage(api gatesock.ConnectionsAPI) lambda.Handler { return newRoom(api) }

func roomApp(_ *testing.T, rec *wstest.Recorder) lambda.Handler { return newRoom(rec) }

// tokenOf is a function for WithCredentials.
func tokenOf(_ testing.TB, p authz.Principal) []wstest.ConnectOption {
	return []wstest.ConnectOption{wstest.WithHeader("Authorization", "Bearer token-of-"+p.ID)}
}

// talk is a test that passes in each place with a room that works.
func talk(t *testing.T, p *wstest.Place) {
	t.Helper()
	ann, bob := p.Unique("ann"), p.Unique("bob")
	alice := p.Connect(wstest.WithUser(ann), wstest.WithSubprotocols("chat"))
	other := p.Connect(wstest.WithUser(bob))
	require.Equal(t, "chat", alice.Subprotocol())
	alice.Request("join", nil).ExpectAck()
	other.Request("join", nil).ExpectAck()
	var who said
	alice.ExpectPushOn("room", "joined", &who)
	require.Equal(t, bob, who.From)
	other.Request("say", say{Text: "hello"}).ExpectAck()
	alice.ExpectFrame(`{"event":"said","topic":"room","data":{"from":"${bob}","text":"hello"}}`)
	require.Equal(t, bob, p.Expand("${bob}"))
	other.Request("say", say{}).ExpectError(gatesock.CodeInvalidArgument)
	other.ExpectNone()
	other.Close(1000, "")
	alice.ExpectPush("left", &who)
	require.Equal(t, bob, who.From)
	alice.ExpectNone()
	require.Equal(t, 401, p.ConnectRefused())
}

func TestEverywhere(t *testing.T) {
	t.Parallel()
	address := startStage(t, roomStage)
	var places, names []string
	wstest.Everywhere(t, roomApp, func(t *testing.T, p *wstest.Place) {
		talk(t, p)
		h, memory := p.Memory()
		s, loopback := p.Loopback()
		url, deployed := p.Deployed()
		require.Equal(t, memory, h != nil)
		require.Equal(t, loopback, s != nil)
		require.Equal(t, deployed, url == address)
		places = append(places, fmt.Sprint(t.Name(), " ", memory, loopback, deployed))
		require.Regexp(t, `^room-[a-z2-7]{8}$`, p.Unique("room"))
		require.Equal(t, p.Unique("room"), p.Unique("room"))
		names = append(names, p.Unique("room"))
	}, wstest.WithStage(address), wstest.WithCredentials(tokenOf), wstest.WithQuiet(time.Millisecond))
	require.Equal(t, []string{
		"TestEverywhere/memory true false false", "TestEverywhere/loopback false true false",
		"TestEverywhere/deployed false false true",
	}, places)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(names))), 3)
}

// TestPlacesAtTheSameTime has tests that call t.Parallel in their places.
func TestPlacesAtTheSameTime(t *testing.T) {
	t.Parallel()
	address := startStage(t, roomStage)
	var ran atomic.Int32
	t.Run("all", func(t *testing.T) {
		for range 4 {
			wstest.Everywhere(t, roomApp, func(t *testing.T, p *wstest.Place) {
				t.Parallel()
				p.Connect(wstest.WithUser("alice")).Request("join", nil).ExpectAck()
				ran.Add(1)
			}, wstest.WithStage(address), wstest.WithCredentials(tokenOf))
		}
	})
	require.EqualValues(t, 12, ran.Load())
}

// TestOptionsOfTheHarnessInPlaces checks that each place has the options that are for it.
func TestOptionsOfTheHarnessInPlaces(t *testing.T) {
	t.Parallel()
	address := startStage(t, roomStage)
	wstest.Everywhere(t, roomApp, func(t *testing.T, p *wstest.Place) {
		if s, ok := p.Loopback(); ok {
			require.Regexp(t, "/mine$", s.URL)
		}
		if h, ok := p.Memory(); ok {
			require.Equal(t, "/mine", h.Gateway().BasePath())
		}
		p.Connect(wstest.WithUser("alice")).Request("join", nil).ExpectAck()
	}, wstest.WithStage(address), wstest.WithCredentials(tokenOf),
		wstest.WithConfig(func(c *emulator.Config) { c.Stage = "mine" }), wstest.WithTimeout(time.Hour))
}

// TestEnvelopeEverywhere checks that clients at a stage use the names that the application
// describes.
func TestEnvelopeEverywhere(t *testing.T) {
	t.Parallel()
	names := gatesock.Envelope{Action: "type", ID: "nr", Data: "body"}
	newApp := func() *gatesock.Router {
		r := gatesock.New(gatesock.WithEnvelope(names))
		gatesock.HandleReply(r, "echo", func(_ ctx, _ *request, in say) (string, error) { return in.Text, nil })
		return r
	}
	address := startStage(t, func(gatesock.ConnectionsAPI) lambda.Handler { return newApp() })
	local := func(*testing.T, *wstest.Recorder) lambda.Handler { return newApp() }
	wstest.Everywhere(t, local, func(t *testing.T, p *wstest.Place) {
		var text string
		p.Connect(wstest.WithUser("alice")).Request("echo", say{Text: "hello"}).ExpectReply(&text)
		require.Equal(t, "hello", text)
	}, wstest.WithStage(address), wstest.WithCredentials(tokenOf))
}

// TestNoTwoRunsHaveTheSameIDs checks the ids of requests at a stage that others use.
func TestNoTwoRunsHaveTheSameIDs(t *testing.T) {
	t.Parallel()
	address := startStage(t, roomStage)
	ids := map[string]bool{}
	for range 2 {
		p := wstest.NewDeployed(t, address, wstest.WithCredentials(tokenOf))
		for range 2 {
			call := p.Connect(wstest.WithUser("alice")).Request("join", nil)
			call.ExpectAck()
			ids[call.ID()] = true
		}
	}
	require.Len(t, ids, 4)
}

func TestMistakesOfPlacesPanic(t *testing.T) {
	t.Parallel()
	test := func(*testing.T, *wstest.Place) {}
	for want, f := range map[string]func(){
		"wstest: Everywhere: newApp and test must not be nil": func() { wstest.Everywhere(t, nil, test) },
		"wstest: WithCredentials: f must not be nil":          func() { wstest.WithCredentials(nil) },
		"wstest: WithSigner: sign must not be nil":            func() { wstest.WithSigner(nil) },
		"wstest: WithQuiet(0s): d must be positive":           func() { wstest.WithQuiet(0) },
		"wstest: an option of places is nil":                  func() { wstest.Everywhere(t, roomApp, test, nil) },
		"wstest: WithHTTPClient: h must not be nil, and its Timeout must be zero": func() {
			wstest.WithHTTPClient(&http.Client{Timeout: time.Second})
		},
		"wstest: WithPoster: each place has a recorder of its own, which newApp gets": func() {
			wstest.Everywhere(t, roomApp, test, wstest.WithPoster(wstest.NewRecorder()))
		},
	} {
		require.PanicsWithValue(t, want, f)
	}
	require.Panics(t, func() { wstest.Everywhere(t, roomApp, nil) })
	require.Panics(t, func() { wstest.WithHTTPClient(nil) })
}
