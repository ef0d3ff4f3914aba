package clienttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatesock/gatesock/internal/clientcore"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// machine is the machine of the Go client.
type machine struct {
	c       *clientcore.Client
	options options
	queue   []action
	members map[string]map[string]bool
	counts  map[string]int
	values  map[string]map[string]string
	history map[int64]int // the numbers of requests
	state   map[string]bool
	asks    map[string]string // the event at which the handler of a topic asks for the position
}

var _ agent = (*machine)(nil)

func newMachine(*testing.T) agent { return &machine{} }

// constant is a source whose numbers are always the same part of the range.
type constant uint64

func (c constant) Uint64() uint64 { return uint64(c) }

func constantOf(part float64) constant {
	const highest = 1<<64 - 1<<20
	if part >= 1 {
		return highest
	}
	// Not 0, which rand rejects for ever.
	return constant(part*(1<<62)*4) + 1<<20
}

func (m *machine) begin(now time.Time, o options) {
	var source rand.Source = rand.NewPCG(o.Seed, 34)
	if o.Random != nil {
		source = constantOf(*o.Random)
	}
	*m = machine{
		c:       clientcore.New(clientcore.Config{Random: rand.New(source), MaxWaiting: o.MaxWaiting}),
		options: o, members: map[string]map[string]bool{}, counts: map[string]int{},
		values: map[string]map[string]string{}, history: map[int64]int{},
		state: map[string]bool{}, asks: map[string]string{},
	}
	m.c.Start(now)
	m.drain()
}

func (m *machine) do(now time.Time, c command) {
	switch c.Do {
	case "subscribe":
		m.state[c.Topic], m.asks[c.Topic] = c.State, c.Asks
		m.c.Subscribe(now, c.Topic, clientcore.Options{
			Since: c.Since, Last: c.Last, Filter: c.Filter, Presence: c.Presence, As: c.As,
		})
	case "unsubscribe":
		m.c.Unsubscribe(now, c.Topic)
		delete(m.members, c.Topic)
	case "history":
		h := topicwire.History{Topic: c.Topic, Since: c.Since, Before: c.Before, Last: c.Last, Limit: c.Limit}
		if n, ok := m.c.History(now, h); ok {
			m.history[n] = c.N
		} else {
			m.tell("history %d error unavailable", c.N)
		}
	case "wake", "online", "visible":
		m.c.Wake(now)
	case "close":
		m.c.Stop(now)
	default:
		m.tell("problem unsupported %s", c.Do)
	}
	m.drain()
}

func (m *machine) opened(now time.Time, conn int) {
	m.c.Connected(now, conn)
	m.drain()
}

func (m *machine) refused(now time.Time, conn, _ int) {
	m.c.Disconnected(now, conn)
	m.drain()
}

func (m *machine) closed(now time.Time, conn, _ int, _ string) {
	m.c.Disconnected(now, conn)
	m.drain()
}

func (m *machine) received(now time.Time, conn int, frame []byte) {
	m.c.Received(now, conn, frame)
	m.drain()
}

func (m *machine) tick(now time.Time) {
	m.c.Tick(now)
	m.drain()
}

func (m *machine) deadline() (time.Time, bool) { return m.c.Deadline() }

func (m *machine) left() string { return "" }

func (m *machine) next() (a action, ok bool) {
	if len(m.queue) == 0 {
		return a, false
	}
	a = m.queue[0]
	m.queue = m.queue[1:]
	return a, true
}

func (m *machine) tell(format string, args ...any) {
	m.queue = append(m.queue, action{Do: "told", Text: fmt.Sprintf(format, args...)})
}

func (m *machine) drain() {
	for a, ok := m.c.Next(); ok; a, ok = m.c.Next() {
		m.act(a)
	}
}

func (m *machine) act(a clientcore.Action) {
	switch a.Kind {
	case clientcore.Dial:
		d := action{Do: "dial", Conn: a.Conn, URL: "wss://host/stage", Protocols: m.options.Protocols}
		m.queue = append(m.queue, d)
	case clientcore.Send:
		m.queue = append(m.queue, action{Do: "send", Conn: a.Conn, Frame: string(a.Frame)})
	case clientcore.Close:
		m.queue = append(m.queue, action{Do: "close", Conn: a.Conn})
	case clientcore.Answer:
		m.answer(a)
	default:
		m.topic(a)
	}
}

// topic tells what a topic's user learns.
func (m *machine) topic(a clientcore.Action) {
	switch a.Kind {
	case clientcore.Subscribed:
		if m.state[a.Topic] {
			return
		}
		m.tell("subscribed %s %s", a.Topic, at(a.Position))
	case clientcore.Lost:
		// One confirmation tells of the loss.
		confirmed := action{Do: "told", Text: fmt.Sprintf("subscribed %s %s", a.Topic, at(a.Position))}
		if n := len(m.queue); n > 0 && m.queue[n-1].Text == confirmed.Text {
			m.queue = m.queue[:n-1]
		}
		m.tell("lost %s %s %s", a.Topic, a.Reason, at(a.Position))
	case clientcore.Failed:
		m.tell("failed %s %s", a.Topic, a.Code)
	case clientcore.Event:
		items := a.Items
		if len(items) == 0 {
			items = []topicwire.Item{{Event: a.Name, Data: a.Data}}
		}
		for _, it := range items {
			m.tell("event %s %s %s%s", a.Topic, it.Event, at(a.Position), spaced(it.Data))
			if m.asks[a.Topic] == it.Event {
				p, _ := m.c.Position(a.Topic)
				m.tell("position %s %s", a.Topic, at(p))
			}
		}
	case clientcore.Joined, clientcore.Left, clientcore.Counted:
		m.member(a)
	case clientcore.Set, clientcore.Deleted:
		m.value(a)
	case clientcore.Ready:
		m.tell("ready %s", a.Topic)
	default:
	}
}

// spaced returns the data of an event after a space, or nothing if there are none.
func spaced(data json.RawMessage) string {
	if len(data) == 0 || string(data) == "null" {
		return ""
	}
	return " " + string(data)
}

func (m *machine) member(a clientcore.Action) {
	users := m.members[a.Topic]
	if users == nil {
		users = map[string]bool{}
		m.members[a.Topic] = users
	}
	name := a.User
	if name == "" {
		name = "#" + a.Ref
	}
	switch a.Kind {
	case clientcore.Joined:
		users[name] = true
	case clientcore.Left:
		delete(users, name)
	default:
		m.queue = append(m.queue, action{Do: "status", Text: fmt.Sprintf("count %s %d", a.Topic, a.Count)})
		return
	}
	text := strings.Join(slices.Sorted(maps.Keys(users)), " ")
	m.queue = append(m.queue, action{Do: "status", Text: strings.TrimSpace("members " + a.Topic + " " + text)})
}

func (m *machine) value(a clientcore.Action) {
	values := m.values[a.Topic]
	if values == nil {
		values = map[string]string{}
		m.values[a.Topic] = values
	}
	delete(values, a.Key)
	if a.Kind == clientcore.Set {
		values[a.Key] = string(a.Data)
	}
	m.queue = append(m.queue, action{Do: "status", Text: valuesText(a.Topic, values)})
}

func valuesText(topic string, values map[string]string) string {
	text := "values " + topic
	for _, k := range slices.Sorted(maps.Keys(values)) {
		text += " " + k + "=" + values[k]
	}
	return text
}

// answer tells the answer to a history request.
func (m *machine) answer(a clientcore.Action) {
	n := m.history[a.Request]
	if a.Result == nil {
		m.tell("history %d error %s", n, a.Code)
		return
	}
	text := fmt.Sprintf("history %d ok %s:%d", n, a.Result.Epoch, a.Result.Offset)
	if a.Result.More {
		text += " more"
	}
	for _, e := range a.Result.Events {
		text += " " + e.Event
	}
	m.tell("%s", text)
}

// TestMachine plays the scenarios with the machine of the Go client.
func TestMachine(t *testing.T) { playAll(t, "go", newMachine) }
