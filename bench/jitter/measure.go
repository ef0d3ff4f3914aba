package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

// system is one that is measured: how to start its server and its clients.
type system struct {
	name  string
	order order
	start func(ctx context.Context, role string, o order, ready any) (*harness.Child, error)
}

func systems(o order) []system {
	if o.alone {
		return []system{{name: "topics", order: o, start: startOurs}}
	}
	recovering := o
	recovering.Recovery = true
	return []system{
		{name: "topics", order: o, start: startOurs},
		{name: "socket.io recovery", order: recovering, start: startPeer},
		{name: "socket.io", order: o, start: startPeer},
	}
}

func startOurs(ctx context.Context, role string, o order, ready any) (*harness.Child, error) {
	return harness.StartReady(ctx, role, o, ready)
}

// startPeer starts a script of the folder peer in Node.js.
func startPeer(ctx context.Context, role string, o order, ready any) (*harness.Child, error) {
	root, err := harness.Root()
	if err != nil {
		return nil, err
	}
	script := map[string]string{roleServe: "server.cjs", roleLoad: "clients.cjs"}[role]
	tools := filepath.Join(root, "scripts", "npm-tools")
	c, err := harness.StartOther(ctx, role, o, "env", "NPM_TOOLS=bench/jitter/peer", "bash", tools, script)
	if err != nil {
		return nil, err
	}
	if err := c.Answer(ready); err != nil {
		c.Kill()
		return nil, err
	}
	return c, nil
}

// serving is the first answer of a server.
type serving struct {
	URL string `json:"url"`
}

// published is the answer of a server to the question "publish", when all is published.
type published struct {
	Messages int `json:"messages"`
}

// The questions to a server, and to the clients.
const (
	askPublish = "publish"
	askDrop    = "drop"
)

// measure runs a system once.
func (s system) measure(ctx context.Context) (figure, error) {
	ctx, cancel := context.WithTimeout(ctx, s.limit())
	defer cancel()
	var at serving
	server, err := s.start(ctx, roleServe, s.order, &at)
	if err != nil {
		return figure{}, err
	}
	defer server.Kill()
	o := s.order
	o.URL = at.URL
	var subscribed struct{}
	clients, err := s.start(ctx, roleLoad, o, &subscribed)
	if err != nil {
		return figure{}, err
	}
	defer clients.Kill()
	return s.run(server, clients)
}

// limit is for how long a measurement may last.
func (s system) limit() time.Duration {
	return time.Duration(s.order.Rounds*s.order.PeriodMs)*time.Millisecond + 3*time.Minute
}

func (s system) run(server, clients *harness.Child) (figure, error) {
	var p published
	done := make(chan error)
	go func() { done <- server.Ask(askPublish, &p) }()
	f := figure{Name: s.name, Clients: s.order.Clients}
	err := errors.Join(clients.Ask(askDrop, &f.outcome), <-done)
	if err != nil {
		return f, err
	}
	if p.Messages != s.order.messages() {
		return f, fmt.Errorf("the server has published %d messages instead of %d", p.Messages, s.order.messages())
	}
	f.Messages = p.Messages
	clientCPU, err := clients.End()
	serverCPU, err2 := server.End()
	f.ClientCPU, f.ServerCPU = clientCPU.Seconds(), serverCPU.Seconds()
	return f, errors.Join(err, err2)
}
