package main

import (
	"context"
	"maps"
	"strings"
	"sync"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

// echoed has the members of a message that the echo route returns.
type echoed struct {
	Text string `json:"text"`
}

// tally counts events.
type tally struct {
	mu sync.Mutex
	n  counts
}

func (t *tally) connect(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n.Connects++
	return nil, nil
}

func (t *tally) disconnect(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n.Disconnects[req.DisconnectCode]++
	return nil, nil
}

// counts returns a copy of the counts.
func (t *tally) counts() counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return counts{Connects: t.n.Connects, Disconnects: maps.Clone(t.n.Disconnects)}
}

// startGatesock starts the emulator around a router with an echo route.
func startGatesock(ctx context.Context) (*server, error) {
	t := tally{n: counts{Disconnects: map[int]int{}}}
	r := gatesock.New()
	r.OnConnect(t.connect)
	r.OnDisconnect(t.disconnect)
	gatesock.HandleReply(r, "echo", func(_ context.Context, _ *gatesock.Request, in echoed) (echoed, error) {
		return in, nil
	})
	g, err := emulator.New(r, emulator.Config{})
	if err != nil {
		return nil, err
	}
	s, err := emulator.Serve(ctx, g, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &server{
		address: strings.TrimPrefix(s.URL, "ws://"),
		counts:  t.counts,
		close:   s.Close,
	}, nil
}
