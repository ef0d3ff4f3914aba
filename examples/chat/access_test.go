package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/jwtauth"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/examples/chat/idp"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// book is a verifier with a fixed list of tokens.
type book map[string]authz.Principal

func (b book) Verify(_ context.Context, token string) (authz.Principal, error) {
	p, ok := b[token]
	if !ok {
		return p, fmt.Errorf("%w: no such token", authz.ErrUnauthenticated)
	}
	return p, nil
}

const origin = "https://chat.example.com"

// newClosedChat returns a chat in memory that requires sign-in.
func newClosedChat(t *testing.T, tokens authz.Verifier) *wstest.Harness {
	t.Helper()
	rec := wstest.NewRecorder()
	return newHarness(t, chat.NewInMemory(rec, soon(), chat.WithSignIn(tokens, authz.Origins(origin))), rec)
}

// with returns the options of a page's handshake with a token.
func with(token string) []wstest.ConnectOption {
	return []wstest.ConnectOption{
		wstest.WithHeader("Origin", origin),
		wstest.WithSubprotocols(chat.Protocol, "bearer."+token),
	}
}

func TestWhoSignsInGoesByTheNameOfTheToken(t *testing.T) {
	t.Parallel()
	h := newClosedChat(t, book{
		"ann":     {ID: "1", Scopes: []string{chat.Scope}, Attributes: map[string]string{chat.NameClaim: "Ann"}},
		"nobody":  {ID: "user-2", Scopes: []string{chat.Scope}},
		"hidden":  {ID: "3", Scopes: []string{chat.Scope}, Attributes: map[string]string{chat.NameClaim: "\u202eAnn"}},
		"no chat": {ID: "4", Attributes: map[string]string{chat.NameClaim: "Eve"}},
	})
	ann := h.Connect(with("ann")...)
	require.Equal(t, chat.Protocol, ann.Subprotocol())
	in := join(ann, "lobby", "")
	require.Equal(t, []string{"Ann"}, online(t, in))
	require.Equal(t, "1", in.Presence.Members[0].User)
	again := h.Connect(with("ann")...)
	in = join(again, "lobby", "Ann")
	require.Equal(t, []string{"1", "1"}, []string{in.Presence.Members[0].User, in.Presence.Members[1].User})
	e := again.Request("subscribe", into("lobby", "Bob")).ExpectError(gatesock.CodeFailedPrecondition)
	require.Equal(t, `you have signed in as "Ann"`, e.Message)

	require.Equal(t, []string{"user-2"}, online(t, join(h.Connect(with("nobody")...), "attic", "")))
	e = h.Connect(with("hidden")...).Request("subscribe", into("attic", "")).ExpectError(gatesock.CodeInvalidArgument)
	require.Contains(t, e.Message, "control or format characters")

	for _, action := range []string{"subscribe", "unsubscribe", "history", "sync", "presence", "say", "typing"} {
		eve := h.Connect(with("no chat")...)
		e = eve.Request(action, map[string]string{"topic": "room:lobby", "room": "lobby", "text": "x"}).
			ExpectError(gatesock.CodePermissionDenied)
		require.Equal(t, "the scope chat is missing", e.Message, action)
	}
}

// A person that has signed in counts as present for a while without a connection, but not after
// leaving.
func TestWhoSignsInMayComeBack(t *testing.T) {
	t.Parallel()
	h := newClosedChat(t, book{
		"ann": {ID: "Ann", Scopes: []string{chat.Scope}},
		"bob": {ID: "Bob", Scopes: []string{chat.Scope}},
	})
	ann := h.Connect(with("ann")...)
	join(ann, "lobby", "")
	for _, leave := range []bool{false, true} {
		bob := h.Connect(with("bob")...)
		join(bob, "lobby", "")
		expectJoined(t, ann, "Bob")
		if leave {
			bob.Request("unsubscribe", topicwire.Unsubscribe{Topic: "room:lobby"}).ExpectAck()
		} else {
			bob.Abort()
		}
		var d topicwire.Diff
		ann.ExpectPush("presence", &d)
		require.Len(t, d.Left, 1)
		require.Equal(t, leave, d.Left[0].GraceMs == 0, d.Left)
	}
}

func TestWhoDoesNotSignInStaysOut(t *testing.T) {
	t.Parallel()
	h := newClosedChat(t, book{"ann": {ID: "1", Scopes: []string{chat.Scope}}})
	for want, options := range map[int][][]wstest.ConnectOption{
		401: {{}, with("eve"), {wstest.WithQuery("token", "ann")}, {wstest.WithHeader("Cookie", "token=ann")}},
		403: {append(with("ann"), wstest.WithHeader("Origin", "https://evil.example")), append(with("ann"), wstest.WithHeader("Origin", "null"))},
	} {
		for _, o := range options {
			require.Equal(t, want, h.ConnectRefused(o...))
		}
	}
	h.Connect(wstest.WithHeader("Authorization", "Bearer ann")).Request("sync", topicwire.Sync{}).ExpectReply(nil)
}

func TestRoomsForStaff(t *testing.T) {
	t.Parallel()
	h := newClosedChat(t, book{
		"bob": {ID: "Bob", Scopes: []string{chat.Scope}},
		"eve": {ID: "Eve", Scopes: []string{chat.Scope, chat.StaffScope}},
	})
	bob, eve := h.Connect(with("bob")...), h.Connect(with("eve")...)
	for _, room := range []string{"staff", "staff-office"} {
		for _, action := range []string{"subscribe", "say", "typing"} {
			e := bob.Request(action, map[string]string{"topic": "room:" + room, "room": room, "text": "x"}).
				ExpectError(gatesock.CodePermissionDenied)
			require.Equal(t, fmt.Sprintf("the room %q needs the scope %q", room, chat.StaffScope), e.Message)
		}
		join(eve, room, "")
	}
	join(bob, "staffroom", "")

	// Without sign-in these rooms are like others.
	join(newChat(t).Connect(), "staff", "Bob")
}

// An expired token is refused, and a fresh one must belong to the same person.
func TestATokenThatHasEnded(t *testing.T) {
	t.Parallel()
	tokens := book{
		"ended": {ID: "Eve", Scopes: []string{chat.Scope, chat.StaffScope}, ExpiresAt: time.Now().Add(-time.Minute)},
		"good":  {ID: "Eve", Scopes: []string{chat.Scope}, ExpiresAt: time.Now().Add(time.Hour)},
		"bob":   {ID: "Bob", Scopes: []string{chat.Scope}},
	}
	h := newClosedChat(t, tokens)
	require.Equal(t, 401, h.ConnectRefused(with("ended")...))
	eve := h.Connect(with("good")...)
	for bad, code := range map[string]gatesock.Code{
		"ended": gatesock.CodeUnauthenticated, "nobody's": gatesock.CodeUnauthenticated, "bob": gatesock.CodePermissionDenied,
	} {
		eve.Request("authenticate", map[string]string{"token": bad}).ExpectError(code)
	}
}

// A connection receives nothing after its token has expired, unless it has sent a fresh one before.
func TestATokenThatEndsWhileOneListens(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	rec, topics, ended := wstest.NewRecorder(), topic.NewMemory(topic.WithMemoryClock(now)), topic.NewEnded()
	store := conn.NewMemory(conn.WithClock(now), conn.WithEnded(conn.CloseExpired(rec, ended.Func())))
	tokens := book{
		"ann":   {ID: "Ann", Scopes: []string{chat.Scope}},
		"bob":   {ID: "Bob", Scopes: []string{chat.Scope}, ExpiresAt: time.Now().Add(time.Hour)},
		"eve":   {ID: "Eve", Scopes: []string{chat.Scope}, ExpiresAt: time.Now().Add(time.Hour)},
		"fresh": {ID: "Eve", Scopes: []string{chat.Scope}, ExpiresAt: time.Now().Add(100 * time.Minute)},
	}
	stores := chat.Stores{Connections: store, Log: topics, Roster: topics, Ended: ended}
	h := newHarness(t, chat.New(stores, rec, soon(), chat.WithSignIn(tokens, authz.Origins(origin))), rec)
	people := make(map[string]*wstest.Client)
	for _, name := range []string{"bob", "eve", "ann"} {
		people[name] = h.Connect(with(name)...)
		join(people[name], "lobby", "")
	}
	expectJoined(t, people["bob"], "Eve")
	expectJoined(t, people["bob"], "Ann")
	expectJoined(t, people["eve"], "Ann")
	people["eve"].Request("authenticate", map[string]string{"token": "fresh"}).ExpectReply(nil)
	sync := func(name, digest string) (out topicwire.Synced) {
		people[name].Request("sync", topicwire.Sync{Topics: []topicwire.SyncTopic{{
			Topic: "room:lobby", Digest: digest,
		}}}).ExpectReply(&out)
		return out
	}
	require.Empty(t, sync("eve", "").Lost)
	require.Equal(t, []string{"room:lobby"}, sync("eve", "0-00000000").Presence, "it extends the presence")
	ahead.Store(int64(time.Hour))
	people["ann"].Request("say", chat.Say{Room: "lobby", Text: "x"}).ExpectReply(nil)
	people["ann"].ExpectPush("message", nil)
	people["eve"].ExpectPush("message", nil)
	people["bob"].ExpectNone()
	people["bob"].Request("say", chat.Say{Room: "lobby", Text: "x"}).ExpectError(gatesock.CodeStaleConnection)
	people["bob"].Request("authenticate", map[string]string{"token": "bob"}).ExpectError(gatesock.CodeStaleConnection)
	h.Connect(with("ann")...) // finds expired records
	people["bob"].ExpectClosed(1000)
	require.NotContains(t, members(t, people["eve"]), "Bob")
	people["eve"].Request("say", chat.Say{Room: "lobby", Text: "still here"}).ExpectReply(nil)
	people["eve"].ExpectPush("message", nil)
}

// The provider's tokens, verified with its keys over HTTP as in cmd/local.
func TestTokensOfTheProviderForDevelopment(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String() + "/idp"
	provider, err := idp.New(idp.Config{Issuer: issuer, Audience: "a", ClientID: "chat", Origins: []string{origin}})
	require.NoError(t, err)
	server.Config.Handler = provider
	server.Start()
	t.Cleanup(server.Close)
	tokens, err := jwtauth.New(
		jwtauth.Config{
			Issuer:     issuer,
			Audience:   []string{"a"},
			Discover:   true,
			Attributes: map[string]string{chat.NameClaim: chat.NameClaim},
		},
	)
	require.NoError(t, err)

	w := httptest.NewRecorder()
	form := strings.NewReader("grant_type=password&client_id=chat&username=Zoë&scope=openid+chat+chat:staff")
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/idp/token", form)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	provider.ServeHTTP(w, r)
	answer := decode(t, w)

	h := newClosedChat(t, tokens)
	require.Equal(t, 401, h.ConnectRefused(with(answer["id_token"].(string))...), "an ID token is for the page")
	zoe := h.Connect(with(answer["access_token"].(string))...)
	require.Equal(t, []string{"Zoë"}, online(t, join(zoe, "staff", "")))
}

func decode(t *testing.T, w *httptest.ResponseRecorder) (answer map[string]any) {
	t.Helper()
	require.Equal(t, 200, w.Code, "%s", w.Body)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer
}
