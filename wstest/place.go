package wstest

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
)

// Everywhere runs one test in three places, each as a subtest of that name:
//
//   - "memory": by [New], where calls are exact, and the clock is the test's;
//   - "loopback": by [NewServer], over real WebSocket connections;
//   - "deployed": at the stage whose address is in the environment variable GATESOCK_TEST_URL
//     ([StageVariable]), with its real functions, tables, authorizer and limits.
//
// The test is written against a [Place], whose clients are the same in all of them:
//
//	func TestSay(t *testing.T) {
//		wstest.Everywhere(t, newApp, func(t *testing.T, p *wstest.Place) {
//			room := p.Unique("room") // others use the stage too
//			alice, bob := p.Connect(wstest.WithUser("alice")), p.Connect(wstest.WithUser("bob"))
//			alice.Request("join", Join{Room: room}).ExpectAck()
//			bob.Request("join", Join{Room: room}).ExpectAck()
//			alice.ExpectPush("joined", nil)
//
//			if h, ok := p.Memory(); ok { // time can be put forward in memory only
//				h.Advance(10 * time.Minute)
//				alice.ExpectClosed(1001)
//			}
//		}, wstest.WithCredentials(token))
//	}
//
//	func newApp(t *testing.T, rec *wstest.Recorder) lambda.Handler { return chat.New(rec).Router() }
//
// newApp makes the application for one place; it posts through rec. What runs at the stage is what
// was deployed there: for that place newApp is called as well, but its application only describes
// itself, for the names of the members of frames, and gets no event.
//
//	GATESOCK_TEST_URL=wss://abc123.execute-api.eu-west-1.amazonaws.com/prod go test ./...
//	go test -run 'TestSay/memory' .
//
// # Without a stage
//
// If there is no address, the subtest "deployed" is skipped and says so: go test -v lists it, and
// so do the reports of CI, so that a stage that nobody has tested does not look like one that was.
// A variable that is set but empty fails the test, since a deployment has lost an address then.
//
// # What is not the same everywhere
//
//   - The clock, faults and posts: [Harness.Advance] needs [Place.Memory]; [Harness.Faults] and
//     [Harness.Poster] need that or [Place.Loopback]. A Place does not have these methods, so that
//     the compiler finds a test that forgets it.
//   - Who connects: [WithUser] and [WithPrincipal] need [WithCredentials] at a stage.
//     [WithAuthorizerContext] and [WithSourceIP] fail the test there, because nobody can choose
//     them; a test that needs them skips the stage by [Place.Deployed].
//   - [Client.ExpectNone] is exact in memory and over loopback. At a stage it listens for a second.
//   - [Client.ID] is empty at a stage, and [Client.Close] does not wait for $disconnect there. A
//     test that checks what follows from it expects the push that says so.
//   - Goroutines and posts that outlive their handler are found in memory and over loopback.
//   - A stage keeps its state. [Place.Unique] makes names that no other run has, so that tests of
//     several people, and tests in parallel, do not meet.
//
// Expect methods wait for up to 30 seconds over sockets, which is enough for cold starts; see
// [WithTimeout]. The test fails at once if the stage can't be reached, refuses a handshake, or ends
// a connection that is waited for; the failure has the status and what the stage has answered, and
// no credential. A stage that throttles (429) is not tried again. At the end of the test all
// clients are closed, and nothing of the test is left but what the application has stored.
//
// Everywhere may be called by tests that run in parallel. If the test calls t.Parallel, its places
// run at the same time. Everywhere panics if newApp, the test or an option is nil.
func Everywhere(
	t *testing.T, newApp func(t *testing.T, rec *Recorder) lambda.Handler, test func(t *testing.T, p *Place),
	opts ...PlaceOption,
) {
	t.Helper()
	if newApp == nil || test == nil {
		panic("wstest: Everywhere: newApp and test must not be nil")
	}
	s := newPlaceSettings(opts)
	for _, place := range []struct {
		name string
		open func(t *testing.T) *Place
	}{
		{"memory", func(t *testing.T) *Place {
			t.Helper()
			rec := NewRecorder()
			return newPlace(t, Place{memory: New(t, newApp(t, rec), s.forRecorder(rec)...)})
		}},
		{"loopback", func(t *testing.T) *Place {
			t.Helper()
			rec := NewRecorder()
			return newPlace(t, Place{server: NewServer(t, newApp(t, rec), s.forRecorder(rec)...)})
		}},
		{"deployed", func(t *testing.T) *Place {
			t.Helper()
			address, none, err := s.address()
			switch {
			case err != nil:
				t.Fatalf("wstest: %v", err)
			case address == "":
				t.Skip("wstest: " + none)
			}
			return newPlace(t, Place{stage: newStage(t, address, s, namesOf(newApp(t, NewRecorder())))})
		}},
	} {
		t.Run(place.name, func(t *testing.T) {
			t.Helper()
			test(t, place.open(t))
		})
	}
}

// NewDeployed returns the place of a deployed stage alone, for tests of what was deployed that need
// nothing of the application: smoke tests after a deployment, or functions in other languages.
//
//	func TestTheStageAnswers(t *testing.T) {
//		p := wstest.NewDeployed(t, os.Getenv("CHAT_URL"), wstest.WithCredentials(token))
//		p.Connect(wstest.WithUser("smoke")).Request("ping", nil).ExpectAck()
//	}
//
// Frames have the members that docs/protocol.md names. Options of the harness count for nothing.
// NewDeployed fails the test if the address is not one of a stage, but does not connect yet.
func NewDeployed(t testing.TB, address string, opts ...PlaceOption) *Place {
	t.Helper()
	return newPlace(t, Place{stage: newStage(t, address, newPlaceSettings(opts), namesOf(nil))})
}

// Place is where a test runs: in memory, over loopback, or at a deployed stage. It has what works
// in all of them. It is safe for concurrent use.
type Place struct {
	t   testing.TB
	run string // of the names of Unique

	// One of these.
	memory *Harness
	server *Server
	stage  *stage
}

func newPlace(t testing.TB, p Place) *Place {
	t.Helper()
	p.t, p.run = t, strings.ToLower(rand.Text()[:8])
	return &p
}

// Connect connects a client. It fails the test if the connection is refused, or if the stage can't
// be reached.
func (p *Place) Connect(opts ...ConnectOption) *Client {
	p.t.Helper()
	switch {
	case p.memory != nil:
		return p.memory.Connect(opts...)
	case p.server != nil:
		return p.server.Dial(p.t, opts...)
	}
	return p.stage.connect(opts)
}

// ConnectRefused tries to connect, and returns the HTTP status with which the connection is
// refused. It fails the test if the connection opens, if the stage can't be reached, and if the
// stage throttles (429), which says nothing about the client.
func (p *Place) ConnectRefused(opts ...ConnectOption) int {
	p.t.Helper()
	switch {
	case p.memory != nil:
		return p.memory.ConnectRefused(opts...)
	case p.server != nil:
		return p.server.DialRefused(p.t, opts...)
	}
	return p.stage.connectRefused(opts)
}

// Unique returns a name that no other place and no other run has, for what tests of a shared stage
// must not have in common: users, rooms, tenants, devices. It is the name, a hyphen, and eight of
// the characters a to z and 2 to 7, such as "room-k3f9x2aq". It is the same for the same name.
func (p *Place) Unique(name string) string { return name + "-" + p.run }

// Expand is [Harness.Expand] for the clients of the place.
func (p *Place) Expand(text string) string {
	p.t.Helper()
	h, ok := p.harness()
	if ok {
		return h.Expand(text)
	}
	out, err := p.stage.values.expand(text)
	if err != nil {
		p.t.Fatalf("wstest: Expand: %v", err)
	}
	return out
}

func (p *Place) harness() (*Harness, bool) {
	if p.server != nil {
		return p.server.Harness, true
	}
	return p.memory, p.memory != nil
}

// Memory returns the harness if the test runs in memory, for its clock, its faults and its
// recorder.
func (p *Place) Memory() (h *Harness, ok bool) { return p.memory, p.memory != nil }

// Loopback returns the server if the test runs over loopback, for its addresses, its faults and its
// recorder.
func (p *Place) Loopback() (s *Server, ok bool) { return p.server, p.server != nil }

// Deployed returns the address if the test runs at a deployed stage.
func (p *Place) Deployed() (address string, ok bool) {
	if p.stage == nil {
		return "", false
	}
	return p.stage.address, true
}
