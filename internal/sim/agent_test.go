package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/clientcore"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// agent is a client that follows the protocol, with its links to the gateway.
type agent struct {
	w      *world
	name   string
	client *clientcore.Client
	links  []*link

	rights  map[string]bool
	came    map[string]bool  // the positions whose push has arrived
	pushed  map[string]place // the last push that has arrived
	wanted  map[string]bool  // the topics to which its user is subscribed
	journal map[string]*journal
	revoked map[string]time.Time // when the memberships of a right that was taken away have ended
	values  map[string]value     // of the state topic
	sees    map[string]bool      // users that are shown
	denied  map[string]bool      // its user has been refused, and has not asked again
}

func (a *agent) may(name string) bool { return a.rights[name] }

// link is one connection of a client. What waits on it is in both directions.
type link struct {
	agent   *agent
	name    string
	number  int
	session *emulator.Session
	id      string // of the connection

	in      []message   // from the gateway, in order
	out     [][]byte    // from the client, in order
	dialing bool        // the client wants to connect
	left    bool        // the client has closed it, or has lost it
	noticed bool        // the gateway knows that
	ended   bool        // the client knows that it has ended
	closed  atomic.Bool // the gateway has closed it
	told    bool        // somebody was told that it is gone, wrongly
}

type event int

const (
	frame event = iota
	opened
	refused
	closed
)

// message is what a link brings to the client.
type message struct {
	event event
	data  []byte
}

func (w *world) newAgent(i int) *agent {
	a := &agent{
		w: w, name: fmt.Sprintf("c%d", i+1), rights: map[string]bool{}, wanted: map[string]bool{},
		journal: map[string]*journal{}, revoked: map[string]time.Time{}, pushed: map[string]place{},
		came: map[string]bool{}, values: map[string]value{}, sees: map[string]bool{}, denied: map[string]bool{},
	}
	a.client = clientcore.New(clientcore.Config{
		Random:     rand.New(rand.NewPCG(w.seed, 1000+uint64(i))), //nolint:gosec // it is small
		MaxWaiting: w.plan.maxWaiting,
	})
	return a
}

// Send and Close are called by the gateway.
func (l *link) Send(data []byte) error {
	l.push(message{frame, append([]byte(nil), data...)})
	return nil
}

func (l *link) Close(int, string) {
	l.closed.Store(true)
	l.push(message{closed, nil})
}

func (l *link) push(m message) {
	l.agent.w.mu.Lock()
	defer l.agent.w.mu.Unlock()
	l.in = append(l.in, m)
	select {
	case l.agent.w.arrived <- struct{}{}:
	default:
	}
}

// origin is what a context says of an event: its name, and the link it comes from.
type origin struct {
	name string
	link *link
}

type originKey struct{}

// dial connects, in a goroutine of the bubble.
func (l *link) dial() {
	w := l.agent.w
	ctx := context.WithValue(context.Background(), originKey{}, origin{"$connect " + l.name, l})
	w.running.Go(func() {
		session, err := w.gateway.Connect(ctx, emulator.Handshake{Query: url.Values{"user": {l.agent.name}}}, l)
		if err != nil {
			l.push(message{refused, nil})
			return
		}
		w.mu.Lock()
		l.session = session
		w.mu.Unlock()
		l.push(message{opened, nil})
	})
}

// send passes a frame of the client to the gateway.
func (l *link) send(data []byte) {
	w := l.agent.w
	name := l.name + " " + describeFrame(data)
	ctx := context.WithValue(context.Background(), originKey{}, origin{name, l})
	w.running.Go(func() { _ = l.session.Receive(ctx, emulator.Message{Data: data}) })
}

// hangUp lets the gateway know that the client has left.
func (l *link) hangUp() {
	w := l.agent.w
	if l.session == nil {
		return
	}
	w.running.Go(func() { l.session.Abort(context.Background()) })
}

// drain does what the client wants.
func (a *agent) drain() {
	for {
		act, ok := a.client.Next()
		if !ok {
			return
		}
		a.act(act)
	}
}

func (a *agent) act(act clientcore.Action) {
	switch act.Kind {
	case clientcore.Dial:
		l := &link{agent: a, number: act.Conn, name: fmt.Sprintf("%s.%d", a.name, act.Conn), dialing: true}
		a.links = append(a.links, l)
	case clientcore.Send:
		if l := a.link(act.Conn); l != nil && !l.left {
			l.out = append(l.out, append([]byte(nil), act.Frame...))
		}
	case clientcore.Close:
		if l := a.link(act.Conn); l != nil {
			l.leave()
		}
	case clientcore.Changed, clientcore.Problem:
	default:
		a.record(act)
	}
}

// leave ends the client's end of a link.
func (l *link) leave() {
	l.noticed = l.noticed || l.dialing // it was never dialed
	l.left, l.ended, l.dialing = true, true, false
	l.out = nil
}

func (a *agent) link(number int) *link {
	for _, l := range a.links {
		if l.number == number {
			return l
		}
	}
	return nil
}

// receive passes the next message of a link to the client.
func (l *link) receive(now time.Time) {
	a := l.agent
	a.w.mu.Lock()
	m := l.in[0]
	l.in = l.in[1:]
	a.w.mu.Unlock()
	if m.event == refused {
		l.noticed = true
	}
	if l.ended {
		return
	}
	switch m.event {
	case opened:
		a.client.Connected(now, l.number)
	case refused, closed:
		l.leave()
		l.noticed = true
		a.client.Disconnected(now, l.number)
	case frame:
		a.notePush(m.data)
		a.client.Received(now, l.number, m.data)
	}
	a.drain()
}

// cut breaks a link: what is on it is lost, and the client knows.
func (l *link) cut(now time.Time) {
	a := l.agent
	a.w.mu.Lock()
	l.in = nil
	a.w.mu.Unlock()
	l.leave()
	a.client.Disconnected(now, l.number)
	a.drain()
}

// notePush notes which push has arrived: what precedes it must not stay away for long.
func (a *agent) notePush(data []byte) {
	var push topicwire.Push
	if json.Unmarshal(data, &push) != nil || push.Epoch == "" || push.Topic == "" || !a.wanted[push.Topic] {
		return
	}
	to, part := placeOf(push.Epoch, push.Offset), a.journalOf(push.Topic).current()
	a.came[push.Topic+" "+to.String()] = true
	if part.begun && to.compare(a.pushed[push.Topic]) > 0 {
		a.pushed[push.Topic] = to
	}
}

// isLive reports whether the gateway has a link.
func (l *link) isLive() bool { return l.session != nil && !l.left && !l.noticed && !l.closed.Load() }
