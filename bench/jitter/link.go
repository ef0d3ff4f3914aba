package main

import (
	"context"
	"time"

	"github.com/coder/websocket"
)

// dial opens a connection when the network is there again, and passes it on.
func (p *player) dial(ctx context.Context, number int, wait time.Duration) {
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return
	}
	c, _, err := websocket.Dial(ctx, p.order.URL, nil)
	if err != nil {
		p.pass(ctx, input{number: number})
		return
	}
	c.SetReadLimit(1 << 20)
	if !p.pass(ctx, input{number: number, conn: c}) {
		_ = c.CloseNow()
	}
}

// read passes the frames of a connection on, and then its end.
func (p *player) read(ctx context.Context, number int, c *websocket.Conn) {
	for {
		_, frame, err := c.Read(ctx)
		if err != nil {
			_ = c.CloseNow()
			p.pass(ctx, input{number: number})
			return
		}
		if !p.pass(ctx, input{number: number, frame: frame}) {
			return
		}
	}
}

func (p *player) pass(ctx context.Context, in input) bool {
	select {
	case p.inbox <- in:
		return true
	case <-ctx.Done():
		return false
	}
}
