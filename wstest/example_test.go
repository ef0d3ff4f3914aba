package wstest_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

// newGreeter returns an application that pushes to the first client that connects whenever another
// one says hello. It refuses anonymous clients.
func newGreeter(post gatesock.Poster) *gatesock.Router {
	var first string
	r := gatesock.New()
	r.OnConnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		if req.PrincipalID() == "" {
			return nil, gatesock.Errorf(gatesock.CodeUnauthenticated, "sign in first")
		}
		if first == "" {
			first = req.ConnectionID
		}
		return nil, nil
	})
	gatesock.HandleReply(r, "hello", func(ctx context.Context, req *gatesock.Request, _ struct{}) (string, error) {
		frame, err := gatesock.Push{Event: "hello", Data: req.PrincipalID()}.Encode(nil)
		if err != nil {
			return "", err
		}
		err = post.Post(ctx, gatesock.Target{ConnectionID: first}, frame)
		if errors.Is(err, gatesock.ErrGone) {
			return "hello, " + req.PrincipalID() + ", you are alone", nil
		}
		return "hello, " + req.PrincipalID(), err
	})
	return r
}

// In a test file this is func TestGreeter(t *testing.T).
func Example() {
	t := &exampleT{}
	defer t.end()

	rec := wstest.NewRecorder()
	h := wstest.New(t, newGreeter(rec), wstest.WithPoster(rec))
	alice, bob := h.Connect(wstest.WithUser("alice")), h.Connect(wstest.WithUser("bob"))

	var reply string
	bob.Request("hello", nil).ExpectReply(&reply)
	fmt.Println("reply:", reply)

	h.Advance(10 * time.Minute)
	fmt.Println("idle:", alice.ExpectClosed(1001))
	// Output:
	// reply: hello, bob
	// idle: Going away
}

func ExampleHarness_ConnectRefused() {
	t := &exampleT{}
	defer t.end()

	h := wstest.New(t, newGreeter(wstest.NewRecorder()))
	fmt.Println("anonymous:", h.ConnectRefused())
	// Output: anonymous: 401
}

// The application pushes to another client through the recorder.
func ExampleClient_ExpectPush() {
	t := &exampleT{}
	defer t.end()

	rec := wstest.NewRecorder()
	h := wstest.New(t, newGreeter(rec), wstest.WithPoster(rec))
	alice, bob := h.Connect(wstest.WithUser("alice")), h.Connect(wstest.WithUser("bob"))

	bob.Request("hello", nil).ExpectReply(nil)
	var from string
	alice.ExpectPush("hello", &from)
	bob.ExpectNone()
	fmt.Println("alice got hello from", from)
	// Output: alice got hello from bob
}

// The gateway answers that alice's connection is gone, and the application copes.
func ExampleRecorder_Gone() {
	t := &exampleT{}
	defer t.end()

	rec := wstest.NewRecorder()
	h := wstest.New(t, newGreeter(rec), wstest.WithPoster(rec))
	alice, bob := h.Connect(wstest.WithUser("alice")), h.Connect(wstest.WithUser("bob"))

	rec.Gone(alice.ID())
	var reply string
	bob.Request("hello", nil).ExpectReply(&reply)
	fmt.Println(reply)
	fmt.Println("gone:", errors.Is(rec.PostsTo(alice.ID())[0].Err, gatesock.ErrGone))
	// Output:
	// hello, bob, you are alone
	// gone: true
}

// A client's $disconnect comes a minute late, so until then the application takes it for connected.
func ExampleHarness_Faults() {
	t := &exampleT{}
	defer t.end()

	online := map[string]bool{}
	r := gatesock.New()
	r.OnConnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		online[req.ConnectionID] = true
		return nil, nil
	})
	r.OnDisconnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		delete(online, req.ConnectionID)
		return nil, nil
	})
	h := wstest.New(t, r)
	alice := h.Connect()
	h.Connect()

	h.Faults().Add(emulator.DelayDisconnect(time.Minute).For(alice.ID()))
	alice.Close(1000, "")
	fmt.Println("online:", len(online))
	h.Advance(time.Minute)
	fmt.Println("online:", len(online))
	// Output:
	// online: 2
	// online: 1
}

// A budget holds that a request does not become more expensive unnoticed.
func ExampleHarness_AtMost() {
	t := &exampleT{}
	defer t.end()

	rec := wstest.NewRecorder()
	h := wstest.New(t, newGreeter(rec), wstest.WithPoster(rec))
	h.Connect(wstest.WithUser("alice"))
	bob := h.Connect(wstest.WithUser("bob"))

	hello := func() { bob.Request("hello", nil).ExpectReply(nil) }
	h.AtMost(wstest.Budget{Posts: 1}, hello)
	h.AtMost(wstest.Budget{Posts: wstest.None}, hello)
	// Output:
	// FAIL: AtMost: 1 post, want at most 0
	//	1 post to alice: 30 bytes
}

// A payment service that wstest does not know is a call, too.
func ExampleCrashPoint() {
	pay := func(ctx context.Context, order string) error {
		return wstest.CrashPoint(ctx, "bank.Pay", func() error {
			fmt.Println("paid", order)
			return nil
		})
	}
	fmt.Println(pay(context.Background(), "order 1"), "outside of CrashEvery")
	// Output:
	// paid order 1
	// <nil> outside of CrashEvery
}

func ExampleWithPrincipal() {
	t := &exampleT{}
	defer t.end()

	r := gatesock.New()
	ban := func(context.Context, *gatesock.Request, struct{}) error { return nil }
	gatesock.Handle(r, "ban", ban, authz.RequireRole("admin"))
	h := wstest.New(t, r)

	admin := h.Connect(wstest.WithPrincipal(authz.Principal{ID: "alice", Roles: []string{"admin"}}))
	admin.Request("ban", nil).ExpectAck()
	e := h.Connect(wstest.WithUser("bob")).Request("ban", nil).ExpectError(gatesock.CodePermissionDenied)
	fmt.Println("bob:", e.Message)
	// Output: bob: the role admin is missing
}

// A ticket is another text in each run. The first frame that has it sets the value of its name.
func ExampleHarness_Expand() {
	t := &exampleT{}
	defer t.end()

	var ticket string
	r := gatesock.New()
	gatesock.HandleReply(r, "invite", func(context.Context, *gatesock.Request, struct{}) (string, error) {
		ticket = rand.Text()
		return ticket, nil
	})
	gatesock.HandleReply(r, "accept", func(_ context.Context, _ *gatesock.Request, in struct{ Ticket string }) (bool, error) {
		return in.Ticket == ticket, nil
	})
	h := wstest.New(t, r)

	alice, bob := h.Connect(wstest.WithUser("alice")), h.Connect(wstest.WithUser("bob"))
	alice.SendText(`{"action":"invite","id":"1"}`)
	alice.ExpectNext(`{"id":"1","action":"invite","data":"${ticket}"}`)
	bob.SendText(h.Expand(`{"action":"accept","id":"2","ticket":"${ticket}"}`))
	fmt.Println(bob.ExpectNext(`{"id":"2","action":"accept","data":…}`).Text)
	// Output: {"id":"2","action":"accept","data":true}
}

// A smoke test of a stage, which has an authorizer.
func ExampleNewDeployed() {
	t := &exampleT{}
	defer t.end()

	address, stop := deploy(newGreeter) // such as "wss://abc123.execute-api.eu-west-1.amazonaws.com/prod"
	defer stop()
	p := wstest.NewDeployed(t, address, wstest.WithCredentials(
		func(_ testing.TB, p authz.Principal) []wstest.ConnectOption {
			return []wstest.ConnectOption{wstest.WithHeader("Authorization", "token-of-"+p.ID)}
		}))

	alice, bob := p.Connect(wstest.WithUser("alice")), p.Connect(wstest.WithUser("bob"))
	bob.Request("hello", nil).ExpectReply(nil)
	var from string
	alice.ExpectPush("hello", &from)
	fmt.Println("alice got hello from", from)
	fmt.Println("without a token:", p.ConnectRefused())
	// Output:
	// alice got hello from bob
	// without a token: 401
}

// deploy serves an application, with an authorizer of tokens. It takes the place of a stage on AWS.
func deploy(newApp func(gatesock.Poster) *gatesock.Router) (address string, stop func()) {
	authorizer := authz.NewAuthorizer(authz.AuthenticatorFunc(
		func(_ context.Context, h *authz.Handshake) (authz.Principal, error) {
			user, ok := strings.CutPrefix(h.Header.Get("Authorization"), "token-of-")
			if !ok {
				return authz.Principal{}, authz.ErrUnauthenticated
			}
			return authz.Principal{ID: user}, nil
		}), authz.WithLogger(slog.New(slog.DiscardHandler)))
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) { return newApp(api), nil },
		emulator.Config{Authorizer: &emulator.Authorizer{Handler: authorizer}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	server, err := emulator.Serve(context.Background(), gateway, "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return server.URL, func() { _ = server.Close(context.Background()) }
}

// A failure lists everything that the client has received.
func ExampleClient_ExpectPush_failure() {
	t := &exampleT{}
	defer t.end()

	t.run(func() {
		rec := wstest.NewRecorder()
		h := wstest.New(t, newGreeter(rec), wstest.WithPoster(rec))
		alice := h.Connect(wstest.WithUser("alice"))
		alice.Request("hello", nil).ExpectReply(nil)
		alice.ExpectPush("bye", nil)
	})
	// Output:
	// FAIL: alice expected a push of event "bye"
	//	2 frames received, in this order (✓ matched, · not matched):
	//	  1 · {"event":"hello","data":"alice"}
	//	  2 ✓ {"id":"1","action":"hello","data":"hello, alice"}
}

// A handler starts a goroutine and does not wait for it. Lambda would freeze the goroutine, so the
// harness fails the test at its end.
func ExampleHarness_Close_leakedGoroutine() {
	t := &exampleT{}
	defer t.end()

	release := make(chan struct{})
	defer close(release)
	r := gatesock.New()
	gatesock.Handle(r, "start", func(context.Context, *gatesock.Request, struct{}) error {
		go func() { <-release }()
		return nil
	})
	h := wstest.New(t, r)
	h.Connect().Request("start", nil).ExpectAck()
	h.Close()
	// Output:
	// FAIL: the handler of route "start" for connection … left 1 goroutine running:
}

// exampleT takes the place of the *testing.T that an example does not have. It prints failures.
type exampleT struct {
	testing.TB
	cleanups []func()
}

// run runs a part of the test that fails.
func (t *exampleT) run(part func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		part()
	}()
	<-ended
}

// end ends the test.
func (t *exampleT) end() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}

func (t *exampleT) Helper()           {}
func (t *exampleT) Cleanup(f func())  { t.cleanups = append(t.cleanups, f) }
func (t *exampleT) Output() io.Writer { return io.Discard }

func (t *exampleT) Errorf(format string, args ...any) {
	text := strings.TrimPrefix(fmt.Sprintf(format, args...), "wstest: ")
	text, _, _ = strings.Cut(text, "running:\n")
	text = regexp.MustCompile(` \([^ ]{15}=\)`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`connection \S+`).ReplaceAllString(text, "connection …")
	if strings.HasSuffix(text, "goroutine ") {
		text += "running:"
	}
	fmt.Println("FAIL:", text)
}

func (t *exampleT) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}
