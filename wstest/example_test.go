package wstest_test

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

// newGreeter returns an application that tells the first one who connects about everyone who says hello.
func newGreeter(post gatesock.Poster) *gatesock.Router {
	var first string
	r := gatesock.New()
	r.OnConnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		if req.PrincipalID() == "" {
			return nil, gatesock.Errorf(gatesock.CodeUnauthenticated, "who are you?")
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
		return "hello, " + req.PrincipalID(), err
	})
	return r
}

// testGreeter is a whole test. In a test file it is func TestGreeter(t *testing.T).
func testGreeter(t testing.TB) {
	t.Helper()
	rec := wstest.NewRecorder()
	h := wstest.New(t, newGreeter(rec), wstest.WithPoster(rec))
	fmt.Println("anonymous:", h.ConnectRefused())
	alice, bob := h.Connect(wstest.WithUser("alice")), h.Connect(wstest.WithUser("bob"))

	var reply, push string
	bob.Request("hello", nil).ExpectReply(&reply)
	alice.ExpectPush("hello", &push)
	bob.ExpectNone()
	fmt.Printf("bob got %q, alice got %q\n", reply, push)

	rec.Gone(alice.ID())
	e := bob.Request("hello", nil).ExpectError(gatesock.CodeInternal)
	fmt.Println("without alice:", e.Message)

	h.Advance(10 * time.Minute)
	fmt.Println("idle:", bob.ExpectClosed(1001))
	alice.ExpectPush("bye", nil) // fails
}

// Example shows a test and how a failure looks.
func Example() {
	t := &printingT{}
	t.run(testGreeter)

	// Output:
	// anonymous: 401
	// bob got "hello, bob", alice got "bob"
	// without alice: internal error
	// idle: Going away
	// FAIL: alice expected a push of event "bye"
	//	1 frame received, in this order (✓ matched, · not matched):
	//	  1 ✓ {"event":"hello","data":"bob"}
	//	then the gateway closed the connection: 1001 "Going away"
}

// printingT stands for the *testing.T that an example has not.
type printingT struct {
	testing.TB
	cleanups []func()
}

func (t *printingT) run(test func(testing.TB)) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		test(t)
	}()
	<-ended
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}

func (t *printingT) Helper()           {}
func (t *printingT) Cleanup(f func())  { t.cleanups = append(t.cleanups, f) }
func (t *printingT) Output() io.Writer { return io.Discard }

func (t *printingT) Fatalf(format string, args ...any) {
	withoutIDs := regexp.MustCompile(` \([^ ]{15}=\)`).ReplaceAllString(fmt.Sprintf(format, args...), "")
	fmt.Println("FAIL:", strings.TrimPrefix(withoutIDs, "wstest: "))
	runtime.Goexit()
}
