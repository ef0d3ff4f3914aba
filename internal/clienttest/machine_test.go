package clienttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatesock/gatesock"
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
	calls   map[int64]int // the harness's numbers of calls, by those of the machine
	numbers map[int]int64 // and the other way
	ended   int64         // the call that the user has ended just now

	credential string
	now        time.Time
	asks       map[string]string // the event at which the handler of a topic asks for the position
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
		c: clientcore.New(clientcore.Config{
			Random: rand.New(source), MaxWaiting: o.MaxWaiting, MaxCalls: o.MaxQueue, MaxMessage: gatesock.MaxFrameSize,
			Idempotent: o.Idempotent, KeepAlive: ms(o.KeepAlive), KeepAliveAction: o.KeepAliveAction,
		}),
		options: o, members: map[string]map[string]bool{}, counts: map[string]int{},
		values: map[string]map[string]string{}, history: map[int64]int{},
		state: map[string]bool{}, asks: map[string]string{}, calls: map[int64]int{}, numbers: map[int]int64{},
		credential: o.Token + o.Ticket,
	}
	m.now = now
	m.c.Start(now)
	m.drain()
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func (m *machine) do(now time.Time, c command) {
	m.now = now
	switch c.Do {
	case "subscribe":
		m.state[c.Topic], m.asks[c.Topic] = c.State, c.Asks
		m.c.Subscribe(now, c.Topic, clientcore.Options{
			Since: c.Since, Last: c.Last, Filter: c.Filter, Presence: c.Presence, As: c.As,
		})
	case "unsubscribe":
		m.c.Unsubscribe(now, c.Topic)
		delete(m.members, c.Topic)
		delete(m.values, c.Topic)
	case "history":
		h := topicwire.History{Topic: c.Topic, Since: c.Since, Before: c.Before, Last: c.Last, Limit: c.Limit}
		if n, ok := m.c.History(now, h); ok {
			m.history[n] = c.N
		} else {
			m.tell("history %d error unavailable", c.N)
		}
	case "call":
		m.call(now, c)
	case "abort":
		m.ended = m.numbers[c.N]
		m.c.Cancel(now, m.ended)
	case "send":
		m.tell("sent %d %t", c.N, m.c.Send(now, c.Action, c.Input) == nil)
	case "wake":
		m.c.Wake(now)
	case "online":
		m.c.Online(now)
	case "offline":
		m.c.Offline(now)
	case "visible":
		m.c.Visible(now)
	case "retry":
		m.c.Retry(now)
	case "token":
		m.credential = c.Token
	case "close":
		m.c.Stop(now)
	default:
		m.tell("report unknown command %s", c.Do)
	}
	m.drain()
}

func (m *machine) call(now time.Time, c command) {
	q := clientcore.Call{
		Action: c.Action, Input: c.Input, Idempotent: c.Idempotent, Lane: c.Lane, Result: c.Result,
		Timeout: ms(c.Timeout), Expires: ms(c.Expires),
	}
	switch key := c.Key.(type) {
	case bool:
		q.NewKey = key
	case string:
		q.Key = key
	}
	number := m.c.Call(now, q)
	m.calls[number], m.numbers[c.N] = c.N, number
}

func (m *machine) opened(now time.Time, conn int) {
	m.now = now
	m.c.Connected(now, conn)
	m.drain()
}

func (m *machine) refused(now time.Time, conn, status int) {
	m.now = now
	m.c.Refused(now, conn, status)
	m.drain()
}

func (m *machine) closed(now time.Time, conn, code int, reason string) {
	m.now = now
	if code == 1006 {
		m.c.Disconnected(now, conn)
	} else {
		m.c.Closed(now, conn, code, reason)
	}
	m.drain()
}

func (m *machine) received(now time.Time, conn int, frame []byte) {
	m.now = now
	m.c.Received(now, conn, frame)
	m.drain()
}

func (m *machine) tick(now time.Time) {
	m.now = now
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
		m.dial(a)
	case clientcore.Send:
		m.queue = append(m.queue, action{Do: "send", Conn: a.Conn, Frame: string(a.Frame)})
	case clientcore.Close:
		m.queue = append(m.queue, action{Do: "close", Conn: a.Conn})
	case clientcore.Answer:
		m.answer(a)
	case clientcore.Changed:
		m.changed(a)
	case clientcore.Problem:
		m.tell("problem %s", a.Code)
	case clientcore.Settled:
		m.settled(a)
	case clientcore.Pushed:
		m.tell("push %s%s", a.Name, spaced(a.Data))
	default:
		m.topic(a)
	}
}

// dial fetches credentials and dials, as a driver of the machine does.
func (m *machine) dial(a clientcore.Action) {
	d := action{Do: "dial", Conn: a.Conn, URL: "wss://host/stage", Protocols: slices.Clone(m.options.Protocols)}
	switch {
	case m.credential == "throws":
		m.c.NoCredentials(m.now, a.Conn, "there are none")
		return
	case m.credential == "hangs":
		return
	case m.options.Ticket != "":
		d.URL += "?ticket=" + url.QueryEscape(m.credential)
	case m.options.Token != "":
		d.Protocols = append(d.Protocols, "bearer."+m.credential)
	}
	m.queue = append(m.queue, d)
}

func (m *machine) changed(a clientcore.Action) {
	if a.At.IsZero() {
		m.tell("state %s", a.State)
		return
	}
	m.tell("state %s %s", a.State, a.At.Sub(m.now).Round(time.Millisecond))
}

func (m *machine) settled(a clientcore.Action) {
	n := m.calls[a.Request]
	switch {
	case a.Code == "" && spaced(a.Data) == "":
		m.tell("call %d ok null", n)
	case a.Code == "":
		m.tell("call %d ok%s", n, spaced(a.Data))
	case a.Request == m.ended:
		m.tell("call %d error aborted", n)
	case a.RetryAfter > 0:
		m.tell("call %d error %s %d", n, a.Code, a.RetryAfter.Milliseconds())
	default:
		m.tell("call %d error %s", n, a.Code)
	}
}

// topic says what a topic's user learns.
func (m *machine) topic(a clientcore.Action) {
	switch a.Kind {
	case clientcore.Subscribed:
		if m.state[a.Topic] {
			return
		}
		m.tell("subscribed %s %s", a.Topic, at(a.Position))
	case clientcore.Lost:
		// One confirmation says of the loss.
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
	var b bytes.Buffer
	b.WriteByte(' ')
	if err := json.Compact(&b, data); err != nil {
		return " malformed: " + string(data)
	}
	return b.String()
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

// answer says the answer to a history request.
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
