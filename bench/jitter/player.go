package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/gatesock/gatesock/internal/clientcore"
)

// player is one client: a clientcore.Client, its connections, and its bad network. Except for the
// channels it belongs to the goroutine of run.
type player struct {
	order  order
	number int
	client *clientcore.Client
	conns  map[int]*websocket.Conn

	start      chan time.Time // the beginning of the rounds
	inbox      chan input
	questions  chan chan outcome
	subscribed chan struct{} // closed with the first subscription
	complete   chan struct{} // closed when all messages have come
	goroutines sync.WaitGroup

	round        int
	began        time.Time // of the rounds
	dropped      time.Time // when the connection was lost
	offlineUntil time.Time
	seen         []bool
	last         int
	counts       outcome
}

// input is what comes from a connection: an open one, a frame, or its end.
type input struct {
	number int
	conn   *websocket.Conn
	frame  []byte
}

func newPlayer(o order, number int) *player {
	return &player{
		order: o, number: number, conns: map[int]*websocket.Conn{},
		client:     clientcore.New(clientcore.Config{Random: rand.New(rand.NewPCG(1, uint64(number)))}),
		start:      make(chan time.Time, 1),
		inbox:      make(chan input),
		questions:  make(chan chan outcome),
		subscribed: make(chan struct{}),
		complete:   make(chan struct{}),
		seen:       make([]bool, o.messages()+1),
		counts:     outcome{Replay: histogram{}, Latency: histogram{}},
	}
}

// run plays until the context ends.
func (p *player) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer p.goroutines.Wait()
	defer stop()
	defer p.closeAll()
	p.client.Start(time.Now())
	p.client.Subscribe(time.Now(), topicName, clientcore.Options{})
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := p.act(ctx); err != nil {
			return err
		}
		timer.Reset(time.Until(p.deadline()))
		select {
		case in := <-p.inbox:
			p.receive(ctx, in)
		case <-timer.C:
			p.tick()
		case p.began = <-p.start:
		case answer := <-p.questions:
			answer <- p.counts
		case <-ctx.Done():
			return nil
		}
	}
}

// result returns what the player has counted.
func (p *player) result(ctx context.Context) outcome {
	answer := make(chan outcome, 1)
	select {
	case p.questions <- answer:
		return <-answer
	case <-ctx.Done():
		return outcome{}
	}
}

// deadline is when the player has to do something.
func (p *player) deadline() time.Time {
	next, ok := p.client.Deadline()
	if !ok {
		next = time.Now().Add(time.Hour)
	}
	if at, ok := p.nextDrop(); ok && at.Before(next) {
		return at
	}
	return next
}

func (p *player) nextDrop() (time.Time, bool) {
	if p.began.IsZero() || p.round >= p.order.Rounds {
		return time.Time{}, false
	}
	return p.began.Add(p.order.dropAt(p.number, p.round)), true
}

func (p *player) tick() {
	now := time.Now()
	if at, ok := p.nextDrop(); ok && !now.Before(at) {
		p.round++
		p.drop(now)
	}
	p.client.Tick(now)
}

// drop ends the TCP connections, without a closing handshake.
func (p *player) drop(now time.Time) {
	if len(p.conns) == 0 {
		return
	}
	p.counts.Drops++
	p.dropped = now
	p.offlineUntil = now.Add(duration(p.order.DropMs))
	p.closeAll()
}

func (p *player) closeAll() {
	for _, c := range p.conns {
		_ = c.CloseNow() // it is the network that fails
	}
}

func (p *player) receive(ctx context.Context, in input) {
	now := time.Now()
	switch {
	case in.conn != nil && now.Before(p.offlineUntil):
		_ = in.conn.CloseNow() // it was opened while the network failed
		p.client.Disconnected(now, in.number)
	case in.conn != nil:
		p.conns[in.number] = in.conn
		p.goroutines.Go(func() { p.read(ctx, in.number, in.conn) })
		p.client.Connected(now, in.number)
	case in.frame != nil:
		if !now.Before(p.offlineUntil) {
			p.client.Received(now, in.number, in.frame)
		}
	default:
		delete(p.conns, in.number)
		p.client.Disconnected(now, in.number)
	}
}

// act does what the client asks for.
func (p *player) act(ctx context.Context) error {
	for a, ok := p.client.Next(); ok; a, ok = p.client.Next() {
		switch a.Kind {
		case clientcore.Dial:
			wait := time.Until(p.offlineUntil)
			p.goroutines.Go(func() { p.dial(ctx, a.Conn, wait) })
		case clientcore.Send:
			p.send(ctx, a)
		case clientcore.Close:
			if c := p.conns[a.Conn]; c != nil {
				_ = c.CloseNow()
			}
		case clientcore.Subscribed:
			p.counts.Recovered += min(1, p.counts.Drops)
			if p.counts.Drops == 0 {
				close(p.subscribed)
			}
		case clientcore.Event:
			if err := p.count(a.Data); err != nil {
				return err
			}
		case clientcore.Failed:
			return fmt.Errorf("client %d: %s: %s", p.number, a.Code, a.Text)
		case clientcore.Lost:
			p.counts.Recovered--
		default:
		}
	}
	return nil
}

func (p *player) send(ctx context.Context, a clientcore.Action) {
	if c := p.conns[a.Conn]; c != nil {
		_ = c.Write(ctx, websocket.MessageText, a.Frame) // after an error the connection ends
	}
}

// count counts a message.
func (p *player) count(data []byte) error {
	var m message
	if err := json.Unmarshal(data, &m); err != nil || m.Seq < 1 || m.Seq >= len(p.seen) {
		return fmt.Errorf("client %d: the event %s is not one of this test", p.number, data)
	}
	if p.seen[m.Seq] {
		p.counts.Duplicates++
		return nil
	}
	p.seen[m.Seq] = true
	if m.Seq < p.last {
		p.counts.Disordered++
	}
	p.last = max(p.last, m.Seq)
	p.counts.Delivered++
	now := time.Now()
	p.counts.Latency[int(now.UnixMilli()-m.SentAt)]++
	if !p.offlineUntil.IsZero() && m.SentAt >= p.dropped.UnixMilli() && m.SentAt < p.offlineUntil.UnixMilli() {
		p.counts.Replay[int(now.Sub(p.offlineUntil).Milliseconds())]++
	}
	if p.counts.Delivered == p.order.messages() {
		close(p.complete)
	}
	return nil
}
