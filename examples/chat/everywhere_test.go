package chat_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// The tests of this file run in memory, over loopback, and at a chat that is deployed:
//
//	GATESOCK_TEST_URL=wss://abc123.execute-api.eu-west-1.amazonaws.com/prod \
//	CHAT_TEST_ISSUER=https://issuer.example.com go test ./chat -run '/deployed'

// everywhere runs a test in all places.
func everywhere(t *testing.T, test func(t *testing.T, p *wstest.Place)) {
	t.Helper()
	wstest.Everywhere(t, newApp, test, wstest.WithCredentials(signIn), frontOf(t, true))
}

// newApp returns a chat in memory whose people sign in.
func newApp(t *testing.T, rec *wstest.Recorder) lambda.Handler {
	t.Helper()
	return front(t, chat.NewInMemory(rec, soon(), chat.WithSignIn(book{}, authz.Origins(origin))))
}

// signIn signs a person in at the provider of the deployed chat, by the password grant, which
// providers have for tests.
func signIn(t testing.TB, p authz.Principal) []wstest.ConnectOption {
	t.Helper()
	issuer := os.Getenv("CHAT_TEST_ISSUER")
	require.NotEmpty(t, issuer, "CHAT_TEST_ISSUER must have the URL of the provider")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, issuer+"/token", strings.NewReader(url.Values{
		"grant_type": {"password"}, "client_id": {"chat"},
		"username": {p.Attributes[chat.NameClaim]}, "scope": {strings.Join(p.Scopes, " ")},
	}.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	var tokens struct {
		Access string `json:"access_token"`
	}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&tokens))
	return bearer(tokens.Access)
}

func bearer(token string) []wstest.ConnectOption {
	return []wstest.ConnectOption{wstest.WithHeader("Authorization", "Bearer "+token)}
}

// person connects a person who has signed in. Names are unique, and with them the limits of people.
func person(p *wstest.Place, name string, scopes ...string) *wstest.Client {
	name = p.Unique(name)
	return p.Connect(wstest.WithPrincipal(authz.Principal{
		ID: name, Scopes: append([]string{chat.Scope}, scopes...), Attributes: map[string]string{chat.NameClaim: name},
	}))
}

func TestSayReachesAllAndTheHistory(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p *wstest.Place) {
		t.Parallel()
		room := p.Unique("lobby")
		ann, bob := person(p, "Ann"), person(p, "Bob")
		join(ann, room, "")
		join(bob, room, "")
		expectJoinedIn(t, ann, room, p.Unique("Bob"))

		var said chat.Said
		ann.Request("say", chat.Say{Room: room, Text: "Hello\n<b>", Key: "k1"}).ExpectReply(&said)
		require.Equal(t, "k1", said.Key)
		at, message := heardIn(t, ann, room)
		require.Equal(t, said.Position, at)
		want := chat.Message{Key: "k1", Name: p.Unique("Ann"), Text: "Hello\n<b>", At: message.At}
		if h, ok := p.Memory(); ok { // nobody else knows what time it is
			want.At = h.Now().UTC().Truncate(1e6)
		}
		require.Equal(t, want, message)
		at, message = heardIn(t, bob, room)
		require.Equal(t, said.Position, at)
		require.Equal(t, want, message)

		in := join(person(p, "Cy"), room, "")
		require.Equal(t, []chat.Message{want}, messages(t, in))
		require.Equal(t, said.Position, topic.Position{Epoch: in.Epoch, Offset: in.Offset})
	})
}

func TestTypingReachesTheOthers(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p *wstest.Place) {
		t.Parallel()
		room := p.Unique("lobby")
		ann, bob := person(p, "Ann"), person(p, "Bob")
		join(ann, room, "")
		join(bob, room, "")
		expectJoinedIn(t, ann, room, p.Unique("Bob"))
		ann.Send("typing", chat.Typing{Room: room})
		var who struct{ Name string }
		bob.ExpectPushOn("room:"+room, "typing", &who)
		require.Equal(t, p.Unique("Ann"), who.Name)
		ann.ExpectNone()
	})
}

func TestWhoEntersSeesTheOthersAndIsSeen(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p *wstest.Place) {
		t.Parallel()
		room := p.Unique("lobby")
		ann, bob := person(p, "Ann"), person(p, "Bob")
		join(ann, room, "")
		in := join(bob, room, "")
		require.Empty(t, in.Events)
		require.Equal(t, []string{p.Unique("Ann"), p.Unique("Bob")}, online(t, in))
		expectJoinedIn(t, ann, room, p.Unique("Bob"))
		bob.ExpectNone()
	})
}

func TestRoomsAreApart(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p *wstest.Place) {
		t.Parallel()
		ann, bob := person(p, "Ann"), person(p, "Bob")
		join(ann, p.Unique("lobby"), "")
		attic := p.Unique("attic")
		for _, room := range []string{attic, p.Unique("cellar")} {
			join(bob, room, "")
			bob.Request("say", chat.Say{Room: room, Text: "Anybody in the " + room + "?"}).ExpectReply(nil)
		}
		ann.ExpectNone()
		ann.Request("say", chat.Say{Room: attic, Text: "x"}).ExpectError(gatesock.CodeFailedPrecondition)
		ann.Request("history", topicwire.History{Topic: "room:" + attic}).ExpectError(gatesock.CodeFailedPrecondition)
	})
}

// A chat lets in nobody without a token, wherever it runs.
func TestStrangersStayOut(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p *wstest.Place) {
		t.Parallel()
		require.Equal(t, 401, p.ConnectRefused())
		require.Equal(t, 401, p.ConnectRefused(bearer("eve")...))
		require.Equal(t, 403, p.ConnectRefused(append(bearer("eve"), wstest.WithHeader("Origin", "https://evil.example"))...))
	})
}
