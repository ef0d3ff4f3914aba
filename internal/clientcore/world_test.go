package clientcore

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// stage drives a client by hand: the test is the server.
type stage struct {
	*Client
	t    *testing.T
	now  time.Time
	conn int      // the last one that was dialed
	told []string // what the user was told, in short
	sent []sent   // requests that the test has not taken
	ends []int    // connections that were closed

	states   []string // of the connection
	problems []string
	kept     int  // keep-alives
	deaf     bool // the server does not answer them
}

// sent is a request of the client.
type sent struct {
	conn int
	id   string
	topicwire.Subscribe
	action string
	raw    string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{
		Client: New(Config{Random: rand.New(rand.NewPCG(1, 2))}), t: t,
		now: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC),
	}
	return s
}

// connected is a stage with an open connection.
func connected(t *testing.T) *stage {
	t.Helper()
	s := newStage(t)
	s.Start(s.now)
	s.run()
	s.Connected(s.now, s.conn)
	s.run()
	return s
}

// run takes all actions.
func (s *stage) run() {
	for a, ok := s.Next(); ok; a, ok = s.Next() {
		switch a.Kind {
		case Dial:
			s.conn = a.Conn
		case Send:
			s.serve(a)
		case Close:
			s.ends = append(s.ends, a.Conn)
		case Changed:
			s.states = append(s.states, a.State.String())
		case Problem:
			s.problems = append(s.problems, a.Code)
		default:
			s.told = append(s.told, brief(a))
		}
	}
}

// serve answers keep-alives, and keeps what else was sent for the test.
func (s *stage) serve(a Action) {
	r := s.parse(a)
	if r.action != "keepalive" {
		s.sent = append(s.sent, r)
		return
	}
	s.kept++
	require.Empty(s.t, r.id)
	if !s.deaf {
		s.Received(s.now, a.Conn, []byte(`{"action":"keepalive","data":null}`))
	}
}

func (s *stage) parse(a Action) sent {
	var envelope struct{ Action, ID string }
	require.NoError(s.t, json.Unmarshal(a.Frame, &envelope), "%s", a.Frame)
	r := sent{conn: a.Conn, id: envelope.ID, action: envelope.Action, raw: string(a.Frame)}
	if r.action == "subscribe" || r.action == "history" {
		require.NoError(s.t, json.Unmarshal(a.Frame, &r.Subscribe))
	}
	return r
}

// brief is an action in short.
func brief(a Action) string {
	switch a.Kind {
	case Subscribed:
		return "subscribed " + at(a)
	case Lost:
		return "lost " + a.Reason + " " + at(a)
	case Failed:
		return "failed " + a.Topic + " " + a.Code
	case Event:
		names := a.Name
		for _, i := range a.Items {
			names += i.Event
		}
		return names + " " + at(a)
	case Set:
		return fmt.Sprintf("set %s=%s", a.Key, a.Data)
	case Deleted:
		return "deleted " + a.Key
	case Ready:
		return "ready"
	case Joined:
		return "joined " + a.User + a.Ref
	case Left:
		return "left " + a.User + a.Ref
	case Counted:
		return fmt.Sprintf("count %d", a.Count)
	case Answer:
		return fmt.Sprintf("answer %d %s", a.Request, a.Code)
	case Settled:
		return strings.TrimSpace(fmt.Sprintf("settled %d %s%s", a.Request, a.Data, a.Code))
	case Pushed:
		return fmt.Sprintf("pushed %s %s %s", a.Name, a.Topic, a.Data)
	default:
		return fmt.Sprintf("kind %d", a.Kind)
	}
}

func at(a Action) string { return fmt.Sprintf("%s:%d", a.Position.Epoch, a.Position.Offset) }

// take returns the oldest request that was sent; the test fails unless it has the action.
func (s *stage) take(action string) sent {
	s.t.Helper()
	s.run()
	require.NotEmpty(s.t, s.sent, "no request, want %s", action)
	r := s.sent[0]
	s.sent = s.sent[1:]
	require.Equal(s.t, action, r.action, r.raw)
	return r
}

// quiet checks that the client has sent nothing.
func (s *stage) quiet() {
	s.t.Helper()
	s.run()
	require.Empty(s.t, s.sent)
}

// heard returns what the user was told since the last call.
func (s *stage) heard() string {
	s.run()
	text := strings.Join(s.told, ", ")
	s.told = nil
	return text
}

// reply answers a request.
func (s *stage) reply(r sent, data string) {
	s.Received(s.now, r.conn, fmt.Appendf(nil, `{"id":%q,"action":%q,"data":%s}`, r.id, r.action, data))
	s.run()
}

// refuse answers a request with an error.
func (s *stage) refuse(r sent, code string) {
	s.refuseFor(r, code, 0)
}

func (s *stage) refuseFor(r sent, code string, retryAfter int) {
	s.Received(s.now, r.conn, fmt.Appendf(nil,
		`{"id":%q,"action":%q,"error":{"code":%q,"message":"no","retryAfterMs":%d}}`, r.id, r.action, code, retryAfter))
	s.run()
}

// push sends a push on the last connection.
func (s *stage) push(frame string) { s.pushOn(s.conn, frame) }

func (s *stage) pushOn(conn int, frame string) {
	s.Received(s.now, conn, []byte(frame))
	s.run()
}

// event is a push of topic a with the name "e<offset>".
func event(epoch string, offset int) string {
	return fmt.Sprintf(`{"event":"e%d","topic":"a","epoch":%q,"offset":%d,"data":%d}`, offset, epoch, offset, offset)
}

// result is a result for topic a with events from the first offset to the last.
func result(epoch string, first, last int) string {
	var events []string
	for i := first; i <= last; i++ {
		events = append(events, fmt.Sprintf(`{"offset":%d,"event":"e%d","data":%d}`, i, i, i))
	}
	return fmt.Sprintf(`{"topic":"a","epoch":%q,"offset":%d,"events":[%s],"recovered":true}`,
		epoch, last, strings.Join(events, ","))
}

// with puts members into a result.
func with(result, members string) string {
	return strings.TrimSuffix(result, "}") + "," + members + "}"
}

// pass moves the clock, and ticks at each deadline.
func (s *stage) pass(d time.Duration) {
	end := s.now.Add(d)
	for {
		s.run()
		due, ok := s.Deadline()
		if !ok || due.After(end) {
			break
		}
		if due.After(s.now) {
			s.now = due
		}
		s.Tick(s.now)
	}
	s.now = end
}

// member is a stage that is subscribed to topic a, at offset 5 of epoch 1-x.
func member(t *testing.T) *stage {
	t.Helper()
	s := connected(t)
	s.Subscribe(s.now, "a", Options{})
	s.reply(s.take("subscribe"), result("1-x", 6, 5))
	require.Equal(t, "subscribed 1-x:5", s.heard())
	return s
}

// first returns a position.
func first() *topicwire.Position { return &topicwire.Position{Epoch: "1-x", Offset: 1} }
