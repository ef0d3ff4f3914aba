package clientcore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/clientcore"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

// world is a server with topics behind the emulator.
type world struct {
	t       *testing.T
	topics  *topic.Topics
	gateway *emulator.Gateway
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	log, ended := topic.NewMemory(), topic.NewEnded()
	isState := func(name string) (topic.State, bool) {
		return topic.State{Attributes: []string{"room"}}, strings.HasPrefix(name, "state")
	}
	hasPresence := func(name string) (topic.Presence, bool) {
		return topic.Presence{Interval: time.Millisecond}, strings.HasPrefix(name, "room")
	}
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		store := conn.NewMemory(conn.WithEnded(ended.Func()))
		w.topics = topic.New(log, store, broadcast.New(api, store),
			topic.WithState(log, isState), topic.WithPresence(log, hasPresence, ended))
		r := gatesock.New()
		r.Use(conn.Track(store))
		w.topics.Register(r, topic.AllowAnyone)
		return r, nil
	}, emulator.Config{})
	require.NoError(t, err)
	w.gateway = gateway
	t.Cleanup(func() { require.NoError(t, gateway.Shutdown(context.WithoutCancel(t.Context()))) })
	return w
}

// user drives a client without sockets: what the gateway sends is handled when the test asks for
// it.
type user struct {
	*world
	*clientcore.Client
	session *emulator.Session
	conn    int
	sent    int // requests

	mu     sync.Mutex
	frames [][]byte
}

// Send keeps a frame of the gateway.
func (u *user) Send(data []byte) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.frames = append(u.frames, slices.Clone(data))
	return nil
}

func (u *user) Close(int, string) {}

func (w *world) newUser(seed uint64) *user {
	u := &user{world: w, Client: clientcore.New(clientcore.Config{Random: rand.New(rand.NewPCG(seed, 1))})}
	u.Start(time.Now())
	return u
}

// turn does what the client asks for and handles the frames that have come, until nothing is left.
// It returns what the user was told.
func (u *user) turn() []string {
	u.t.Helper()
	var told []string
	for {
		a, ok := u.Next()
		switch {
		case ok && a.Kind == clientcore.Dial:
			session, err := u.gateway.Connect(u.t.Context(), emulator.Handshake{}, u)
			require.NoError(u.t, err)
			u.session, u.conn = session, a.Conn
			u.Connected(time.Now(), a.Conn)
		case ok && a.Kind == clientcore.Send:
			u.sent++
			require.NoError(u.t, u.session.Receive(u.t.Context(), emulator.Message{Data: a.Frame}))
			require.NoError(u.t, u.gateway.Quiesce(u.t.Context()))
		case ok && a.Kind == clientcore.Changed:
		case ok:
			told = append(told, text(a))
		case !u.handle():
			return told
		}
	}
}

// inStep requires that a sync finds nothing to mend.
func (u *user) inStep() {
	u.t.Helper()
	before := u.sent
	u.Wake(time.Now())
	require.Empty(u.t, u.turn())
	require.Equal(u.t, before+2, u.sent, "the keep-alive and the sync only")
}

// handle passes the oldest frame to the client.
func (u *user) handle() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.frames) == 0 {
		return false
	}
	u.Received(time.Now(), u.conn, u.frames[0])
	u.frames = u.frames[1:]
	return true
}

func text(a clientcore.Action) string {
	switch a.Kind {
	case clientcore.Subscribed:
		return "subscribed"
	case clientcore.Event:
		return fmt.Sprintf("%s %s %d", a.Name, a.Data, len(a.Items))
	case clientcore.Set:
		return fmt.Sprintf("set %s=%s", a.Key, a.Data)
	case clientcore.Deleted:
		return "deleted " + a.Key
	case clientcore.Ready:
		return "ready"
	case clientcore.Joined:
		return "joined " + string(a.As)
	case clientcore.Left:
		return "left"
	default:
		return fmt.Sprintf("%+v", a)
	}
}

// TestEventsOfTheServer follows a client of package topic through a loss of its connection.
func TestEventsOfTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.newUser(1)
	u.Subscribe(time.Now(), "news", clientcore.Options{})
	require.Equal(t, []string{"subscribed"}, u.turn())
	publish := func(n int) {
		_, _, err := w.topics.Publish(t.Context(), "news", "n", n)
		require.NoError(t, err)
	}
	publish(1)
	publish(2)
	require.Equal(t, []string{"n 1 0", "n 2 0"}, u.turn())

	u.session.Abort(t.Context())
	publish(3)
	_, _, err := w.topics.PublishBatch(t.Context(), "news", []topic.Outgoing{{Event: "a"}, {Event: "b"}})
	require.NoError(t, err)
	u.Disconnected(time.Now(), u.conn)
	u.Tick(time.Now().Add(time.Second))
	require.Equal(t, []string{"subscribed", "n 3 0", "  2"}, u.turn())
	u.inStep()

	u.History(time.Now(), topicwire.History{Topic: "news", Last: 1})
	require.Len(t, u.turn(), 1)
	u.Unsubscribe(time.Now(), "news")
	require.Empty(t, u.turn())
	publish(4)
	require.Empty(t, u.turn())
}

func TestValuesOfTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	set := func(key, room string) {
		_, _, err := w.topics.Set(t.Context(), "state", key, map[string]string{"room": room})
		require.NoError(t, err)
	}
	set("k", "hall")
	all, hall := w.newUser(1), w.newUser(2)
	all.Subscribe(time.Now(), "state", clientcore.Options{})
	hall.Subscribe(time.Now(), "state", clientcore.Options{Filter: []byte(`{"where":{"room":"hall"}}`)})
	require.Equal(t, []string{"subscribed", `set k={"room":"hall"}`, "ready"}, all.turn())
	require.Equal(t, []string{"subscribed", `set k={"room":"hall"}`, "ready"}, hall.turn())
	set("k", "kitchen")
	set("j", "kitchen")
	require.Equal(t, []string{`set k={"room":"kitchen"}`, `set j={"room":"kitchen"}`}, all.turn())
	require.Equal(t, []string{"deleted k"}, hall.turn())
	_, _, err := w.topics.Delete(t.Context(), "state", "k")
	require.NoError(t, err)
	require.Equal(t, []string{"deleted k"}, all.turn())
	all.inStep()
}

func TestMembersOfTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, bob := w.newUser(1), w.newUser(2)
	ann.Subscribe(time.Now(), "room", clientcore.Options{Presence: true, As: []byte(`"ann"`)})
	require.Equal(t, []string{"subscribed", `joined "ann"`}, ann.turn())
	bob.Subscribe(time.Now(), "room", clientcore.Options{Presence: true, As: []byte(`"bob"`)})
	require.ElementsMatch(t, []string{"subscribed", `joined "ann"`, `joined "bob"`}, bob.turn())
	require.Equal(t, []string{`joined "bob"`}, ann.turn())
	ann.inStep()
	bob.Unsubscribe(time.Now(), "room")
	require.Empty(t, bob.turn())
	require.Equal(t, []string{"left"}, ann.turn())
	ann.inStep()
}
