// Package app is an application for the tests of exports: rooms with tickets and times.
package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
)

// App is the application.
type App struct {
	*gatesock.Router

	api gatesock.ConnectionsAPI
	now func() time.Time

	mu      sync.Mutex
	epoch   string
	offset  int
	members []member
	tickets map[string]string
	paces   []time.Time
}

type member struct {
	Ref    string `json:"ref"`
	Name   string `json:"name"`
	target gatesock.Target
}

// New returns the application. The variable MUTATION names what it does wrong.
func New(api gatesock.ConnectionsAPI, now func() time.Time) *App {
	a := &App{Router: gatesock.New(), api: api, now: now, epoch: "1-" + rand.Text()[:8], tickets: map[string]string{}}
	a.OnConnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		if req.Query.Get("room") == "closed" {
			return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "closed")
		}
		return nil, nil
	})
	a.OnDisconnect(a.left)
	gatesock.HandleReply(a.Router, "join", a.join)
	gatesock.HandleReply(a.Router, "say", a.say)
	gatesock.HandleReply(a.Router, "redeem", a.redeem)
	gatesock.HandleReply(a.Router, "report", a.report)
	gatesock.HandleReply(a.Router, "kick", a.kick)
	gatesock.HandleReply(a.Router, "poke", a.poke)
	gatesock.HandleReply(a.Router, "gather", a.gather)
	gatesock.HandleReply(a.Router, "pace", a.pace)
	gatesock.HandleReply(a.Router, "linger", a.linger)
	gatesock.HandleReply(a.Router, "large", func(context.Context, *gatesock.Request, struct{}) (string, error) {
		return string(slices.Repeat([]byte("0123456789"), 1000)), nil
	})
	gatesock.Handle(a.Router, "panic", func(context.Context, *gatesock.Request, struct{}) error { panic("on purpose") })
	a.OnDefault(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		return nil, gatesock.Errorf(gatesock.CodeInvalidArgument, "this is not for me: %s", req.Body)
	})
	return a
}

func mutated(what string) bool { return os.Getenv("MUTATION") == what }

func (a *App) post(ctx context.Context, to gatesock.Target, event string, data any) error {
	if mutated("event") {
		event += "2"
	}
	frame, err := gatesock.Push{Event: event, Data: data}.Encode(nil)
	if err != nil {
		return err
	}
	err = a.api.Post(ctx, to, frame)
	if errors.Is(err, gatesock.ErrGone) || errors.Is(err, gatesock.ErrThrottled) {
		return nil
	}
	return err
}

func (a *App) others(id string) (all []member) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.members {
		if m.Ref != id {
			all = append(all, m)
		}
	}
	return all
}

type joined struct {
	Members []member  `json:"members"`
	Ticket  string    `json:"ticket"`
	At      time.Time `json:"at"`
}

func (a *App) join(ctx context.Context, req *gatesock.Request, in struct{ Name string }) (joined, error) {
	ticket := rand.Text()
	if mutated("tickets") {
		ticket = "" // not even a value
	}
	a.mu.Lock()
	a.members = append(a.members, member{req.ConnectionID, in.Name, gatesock.Target{ConnectionID: req.ConnectionID}})
	a.tickets[ticket] = in.Name
	out := joined{slices.Clone(a.members), ticket, a.now()}
	a.mu.Unlock()
	for _, m := range a.others(req.ConnectionID) {
		if err := a.post(ctx, m.target, "joined", member{req.ConnectionID, in.Name, m.target}); err != nil {
			return joined{}, err
		}
	}
	return out, nil
}

type position struct {
	Epoch  string `json:"epoch"`
	Offset int    `json:"offset"`
}

func (a *App) say(ctx context.Context, req *gatesock.Request, in struct{ Text string }) (position, error) {
	a.mu.Lock()
	a.offset++
	at := position{a.epoch, a.offset}
	a.mu.Unlock()
	if mutated("wrong epoch") {
		at.Epoch = "1-" + rand.Text()[:8]
	}
	for i, m := range a.others("") {
		if mutated("missing post") && i == 0 {
			continue
		}
		for range 1 + count("twice") {
			if err := a.post(ctx, m.target, "said", map[string]any{"text": in.Text, "at": a.now().UnixMilli(), "position": at}); err != nil {
				return position{}, err
			}
		}
	}
	return at, nil
}

// gather tells all how much is said within half a second.
func (a *App) gather(ctx context.Context, _ *gatesock.Request, _ struct{}) (int, error) {
	said := func() int {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.offset
	}
	before := said()
	time.Sleep(500 * time.Millisecond)
	n := said() - before
	for _, m := range a.others("") {
		if err := a.post(ctx, m.target, "gathered", map[string]any{"said": n}); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// linger returns after a second, or when it must.
func (a *App) linger(ctx context.Context, _ *gatesock.Request, _ struct{}) (bool, error) {
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-time.After(time.Second):
		return true, nil
	}
}

// pace returns how many of these messages came in the last two seconds.
func (a *App) pace(context.Context, *gatesock.Request, struct{}) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.paces = append(a.paces, now)
	a.paces = slices.DeleteFunc(a.paces, func(at time.Time) bool { return now.Sub(at) > 2*time.Second })
	return len(a.paces) + count("pace"), nil
}

func count(mutation string) int {
	if mutated(mutation) {
		return 1
	}
	return 0
}

func (a *App) redeem(_ context.Context, _ *gatesock.Request, in struct{ Ticket string }) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name, ok := a.tickets[in.Ticket]
	if !ok {
		return "", gatesock.Errorf(gatesock.CodeNotFound, "there is no such ticket")
	}
	return name, nil
}

func (a *App) report(_ context.Context, _ *gatesock.Request, in struct{ At time.Time }) (any, error) {
	if late := a.now().Sub(in.At); late > 3*time.Second || late < -3*time.Second {
		return nil, gatesock.Errorf(gatesock.CodeInvalidArgument, "too old, or of the future")
	}
	at := in.At
	if mutated("another time") {
		at = at.Add(time.Millisecond)
	}
	return map[string]any{"measured": at, "received": a.now()}, nil
}

func (a *App) kick(ctx context.Context, _ *gatesock.Request, in struct{ Ref string }) (bool, error) {
	if mutated("no kick") {
		return true, nil
	}
	for _, m := range a.others("") {
		if m.Ref == in.Ref {
			return true, a.api.Disconnect(ctx, m.target)
		}
	}
	return false, nil
}

// poke posts twice to the sender, in an order.
func (a *App) poke(ctx context.Context, req *gatesock.Request, _ struct{}) (int, error) {
	events := []string{"first", "second"}
	if mutated("order") {
		slices.Reverse(events)
	}
	for _, event := range events {
		if err := a.post(ctx, gatesock.Target{ConnectionID: req.ConnectionID}, event, json.RawMessage(`null`)); err != nil {
			return 0, err
		}
	}
	return 2, nil
}

func (a *App) left(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
	a.mu.Lock()
	slow := slices.ContainsFunc(a.members, func(m member) bool { return m.Ref == req.ConnectionID && m.Name == "Slow" })
	a.members = slices.DeleteFunc(a.members, func(m member) bool { return m.Ref == req.ConnectionID })
	a.mu.Unlock()
	if slow {
		time.Sleep(500 * time.Millisecond)
	}
	for _, m := range a.others("") {
		if err := a.post(ctx, m.target, "left", member{Ref: req.ConnectionID}); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
