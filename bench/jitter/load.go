package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

// patience is for how long clients wait for what is missing after the last message was published.
const patience = 30 * time.Second

// load is the role of the clients.
func load(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	var o order
	if err := harness.ReadOrder(roleLoad, args, &o); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	players := make([]*player, o.Clients)
	failed := make(chan error, o.Clients)
	var running sync.WaitGroup
	for i := range players {
		players[i] = newPlayer(o, i)
		running.Go(func() {
			if err := players[i].run(ctx); err != nil {
				failed <- err
				stop()
			}
		})
	}
	err := waitFor(ctx, players, func(p *player) <-chan struct{} { return p.subscribed })
	if err == nil {
		err = harness.Serve(in, out, struct{}{}, map[string]func() any{
			askDrop: func() any { return play(ctx, o, players) },
		})
	}
	stop()
	running.Wait()
	close(failed)
	for one := range failed {
		err = errors.Join(err, one)
	}
	return err
}

// waitFor waits for all players.
func waitFor(ctx context.Context, players []*player, of func(*player) <-chan struct{}) error {
	for _, p := range players {
		select {
		case <-of(p):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// play begins the rounds, waits until every client has all messages, and returns what they counted.
func play(ctx context.Context, o order, players []*player) outcome {
	start := time.Now()
	for _, p := range players {
		p.start <- start
	}
	limited, cancel := context.WithTimeout(ctx, duration(o.Rounds*o.PeriodMs)+patience)
	defer cancel()
	_ = waitFor(limited, players, func(p *player) <-chan struct{} { return p.complete }) // the counts show it
	sum := outcome{Replay: histogram{}, Latency: histogram{}}
	for _, p := range players {
		sum.add(p.result(ctx))
	}
	return sum
}

func (o *outcome) add(other outcome) {
	o.Delivered += other.Delivered
	o.Duplicates += other.Duplicates
	o.Disordered += other.Disordered
	o.Drops += other.Drops
	o.Recovered += other.Recovered
	o.Replay.add(other.Replay)
	o.Latency.add(other.Latency)
}
