package clientcore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/clientcore"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// player runs a client: one goroutine calls it.
type player struct {
	*play
	*clientcore.Client
	number int
	filter string // the room of its filter
	calls  chan func()
	wake   chan struct{}

	mu     sync.Mutex
	events []func()

	sessions map[int]*emulator.Session
	sent     map[string]int
	failed   string
	in       bool
	placed   bool
	at       topicwire.Position
	values   map[string]string
	versions map[string]int64
	members  map[string]string
}

func (p *play) join(number int) {
	a := &player{
		play: p, number: number, in: true,
		Client: clientcore.New(clientcore.Config{Random: rand.New(rand.NewPCG(p.random.Uint64(), 1))}),
		calls:  make(chan func()), wake: make(chan struct{}, 1),
		sessions: make(map[int]*emulator.Session), sent: make(map[string]int), values: make(map[string]string),
		versions: make(map[string]int64), members: make(map[string]string),
	}
	if number%2 == 1 {
		a.filter = "hall"
	}
	p.players = append(p.players, a)
	p.all.Go(a.run)
}

// do calls f in the goroutine of the client.
func (a *player) do(f func()) { a.calls <- f }

// ask is do, and waits.
func (a *player) ask(f func()) {
	done := make(chan struct{})
	a.calls <- func() { defer close(done); f() }
	<-done
}

// counts returns how many requests there were since the last call.
func (a *player) counts() (n int) {
	a.ask(func() {
		for _, c := range a.sent {
			n += c
		}
		clear(a.sent)
	})
	return n
}

func (a *player) run() {
	a.Start(time.Now())
	a.Subscribe(time.Now(), "news", clientcore.Options{})
	o := clientcore.Options{}
	if a.filter != "" {
		o.Filter = json.RawMessage(`{"where":{"room":"` + a.filter + `"}}`)
	}
	a.Subscribe(time.Now(), "state", o)
	a.Subscribe(time.Now(), "room", clientcore.Options{Presence: true, As: json.RawMessage(fmt.Sprintf(`"p%d"`, a.number))})
	for at, turns := time.Now(), 0; ; turns++ {
		if now := time.Now(); now.After(at) {
			at, turns = now, 0
		}
		if turns > 1000 { // it would go on for ever
			panic(fmt.Sprintf("player %d has %d turns at one moment: %v %s", a.number, turns, a.sent, a.Client))
		}
		a.act()
		timer := time.NewTimer(time.Hour)
		if d, ok := a.Deadline(); ok {
			timer.Reset(time.Until(d))
		}
		select {
		case <-timer.C:
			a.Tick(time.Now())
		case <-a.wake:
			a.handle()
		case f := <-a.calls:
			f()
		case <-a.over:
			a.Stop(time.Now())
			a.act()
			return
		}
		timer.Stop()
	}
}

// happen queues what is told the client.
func (a *player) happen(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, f)
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *player) handle() {
	a.mu.Lock()
	events := a.events
	a.events = nil
	a.mu.Unlock()
	for _, f := range events {
		f()
		a.act()
	}
}

// wire is a connection of a player.
type wire struct {
	*player
	conn int
}

func (w wire) Send(data []byte) error {
	data = slices.Clone(data)
	w.happen(func() { w.Received(time.Now(), w.conn, data) })
	return nil
}

func (w wire) Close(int, string) {
	w.happen(func() { w.Disconnected(time.Now(), w.conn) })
}

func (a *player) act() {
	for x, ok := a.Next(); ok; x, ok = a.Next() {
		switch x.Kind {
		case clientcore.Dial:
			a.all.Go(func() { a.dial(x.Conn) })
		case clientcore.Send:
			var r struct{ Action string }
			_ = json.Unmarshal(x.Frame, &r)
			a.sent[r.Action]++
			if s := a.sessions[x.Conn]; s != nil {
				a.all.Go(func() { _ = s.Receive(context.WithoutCancel(a.t.Context()), emulator.Message{Data: x.Frame}) })
			}
		case clientcore.Close:
			if s := a.sessions[x.Conn]; s != nil {
				a.all.Go(func() { s.Close(context.WithoutCancel(a.t.Context()), 1000, "") })
			}
		default:
			a.hear(x)
		}
	}
}

func (a *player) dial(conn int) {
	s, err := a.gateway.Connect(context.WithoutCancel(a.t.Context()), emulator.Handshake{}, wire{a, conn})
	a.happen(func() {
		if err != nil {
			a.Disconnected(time.Now(), conn)
			return
		}
		a.sessions[conn] = s
		a.Connected(time.Now(), conn)
	})
}

// lose ends all connections, as if the network were lost.
func (a *player) lose() {
	for conn, s := range a.sessions {
		a.all.Go(func() { s.Abort(context.WithoutCancel(a.t.Context())) })
		a.Disconnected(time.Now(), conn)
		delete(a.sessions, conn)
	}
}

// toggle unsubscribes, or subscribes again.
func (a *player) toggle() {
	if a.in = !a.in; !a.in {
		a.Unsubscribe(time.Now(), "news")
		a.placed = false
		return
	}
	a.Subscribe(time.Now(), "news", clientcore.Options{})
}

func (a *player) fail(format string, args ...any) {
	if a.failed == "" {
		a.failed = fmt.Sprintf(format, args...)
	}
}

// hear checks what the user is told.
func (a *player) hear(x clientcore.Action) {
	switch x.Kind {
	case clientcore.Subscribed:
		if x.Topic == "news" {
			if begun := a.at.Epoch == "" && x.Position.Offset == 0; a.placed && a.at != x.Position && !begun {
				a.fail("subscribed again at %v, was at %v", x.Position, a.at)
			}
			a.placed, a.at = true, x.Position
		}
	case clientcore.Event:
		begins := x.Position.Offset == 1 && a.at.Epoch == ""
		if !begins && (x.Position.Epoch != a.at.Epoch || x.Position.Offset != a.at.Offset+1) {
			a.fail("event %v after %v", x.Position, a.at)
		}
		a.at = x.Position
	case clientcore.Set, clientcore.Deleted:
		if x.Version < a.versions[x.Key] {
			a.fail("version %d of %s after %d", x.Version, x.Key, a.versions[x.Key])
		}
		a.versions[x.Key] = x.Version
		if delete(a.values, x.Key); x.Kind == clientcore.Set {
			a.values[x.Key] = string(x.Data)
		}
	case clientcore.Joined:
		a.members[x.Ref] = string(x.As)
	case clientcore.Left:
		delete(a.members, x.Ref)
	case clientcore.Lost, clientcore.Failed, clientcore.Counted:
		a.fail("%+v", x)
	default:
	}
}
