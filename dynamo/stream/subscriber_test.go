package stream_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/clientcore"
)

// subscriber is a client of topics on a real connection, with a clock that the test moves.
type subscriber struct {
	t      *testing.T
	url    string
	client *clientcore.Client
	now    time.Time
	conn   *websocket.Conn
	number int

	subscribed bool
	events     []string
	syncs      int
}

// subscriber returns a client that is subscribed to the topic of the victim.
func (w *served) subscriber(t *testing.T) *subscriber {
	t.Helper()
	s := &subscriber{
		t: t, url: w.URL, now: time.Now(),
		client: clientcore.New(clientcore.Config{Random: rand.New(rand.NewPCG(1, 2))}),
	}
	s.client.Start(s.now)
	s.client.Subscribe(s.now, victimTopic, clientcore.Options{})
	s.act()
	t.Cleanup(func() { _ = s.conn.CloseNow() })
	for !s.subscribed {
		s.receive()
	}
	return s
}

// advance moves the clock of the client.
func (s *subscriber) advance(d time.Duration) {
	s.now = s.now.Add(d)
	s.client.Tick(s.now)
	s.act()
}

// await receives frames until there is an event. It moves no clock: what the client waits for must
// come over the connection.
func (s *subscriber) await() {
	for len(s.events) == 0 {
		s.receive()
	}
}

func (s *subscriber) receive() {
	s.t.Helper()
	_, frame, err := s.conn.Read(s.t.Context())
	require.NoError(s.t, err)
	s.client.Received(s.now, s.number, frame)
	s.act()
}

func (s *subscriber) act() {
	s.t.Helper()
	for a, ok := s.client.Next(); ok; a, ok = s.client.Next() {
		switch a.Kind {
		case clientcore.Dial:
			require.Nil(s.t, s.conn, "the connection has ended")
			var err error
			s.conn, _, err = websocket.Dial(s.t.Context(), s.url, nil)
			require.NoError(s.t, err)
			s.conn.SetReadLimit(-1)
			s.number = a.Conn
			s.client.Connected(s.now, a.Conn)
		case clientcore.Send:
			if isSync(a.Frame) {
				s.syncs++
			}
			require.NoError(s.t, s.conn.Write(s.t.Context(), websocket.MessageText, a.Frame))
		case clientcore.Subscribed:
			s.subscribed = true
		case clientcore.Event:
			s.events = append(s.events, fmt.Sprintf("%s %s", a.Name, a.Data))
		case clientcore.Failed, clientcore.Lost, clientcore.Close:
			s.t.Fatalf("the client says: %+v", a)
		default:
		}
	}
}
