// Command demo runs a small application with a workbench, to work on the page:
//
//	go run ./emulator/workbench/internal/demo -addr localhost:3001
//	go run ./emulator/workbench/internal/demo -frames 1000   # a client that sends that many a second
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

func main() {
	addr := flag.String("addr", "localhost:3001", "address to listen on")
	token := flag.String("token", "", "the token, at least 16 characters; drawn if empty")
	seed := flag.Uint64("seed", 0, "the seed of faults; drawn if 0")
	rate := flag.Int("frames", 0, "how many messages a second a client sends")
	quiet := flag.Bool("no-groups", false, "no groups of connections")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *addr, *rate, *quiet, workbench.Config{Name: "demo", Token: *token, Seed: *seed})
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr string, rate int, quiet bool, cfg workbench.Config) (err error) {
	a := &app{users: map[string]string{}}
	cfg.Sources = a
	if !quiet {
		cfg.Members = a.members
	}
	bench, err := workbench.New(cfg)
	if err != nil {
		return err
	}
	slog.SetDefault(slog.New(bench.LogHandler(slog.NewTextHandler(os.Stderr, nil))))
	stage := bench.Stage("dev")
	gw, err := emulator.NewFunc(a.build, stage.Config(emulator.Config{Stage: "dev"}))
	if err != nil {
		return err
	}
	if err := stage.Attach(gw); err != nil {
		return err
	}
	server, err := emulator.Serve(ctx, gw, addr)
	if err != nil {
		return errors.Join(err, gw.Shutdown(context.WithoutCancel(ctx)))
	}
	fmt.Fprintf(os.Stdout, "clients    %s\nworkbench  %s\n", server.URL, bench.URL(server.URL))
	bench.Note("reload", "started")
	var load sync.WaitGroup
	if rate > 0 {
		load.Go(func() { send(ctx, gw, rate) })
	}
	<-ctx.Done()
	load.Wait()
	later := context.WithoutCancel(ctx)
	return errors.Join(bench.Close(later), server.Close(later))
}

// app is the application.
type app struct {
	api gatesock.ConnectionsAPI

	mu    sync.Mutex
	users map[string]string // by connection id
}

type say struct {
	Text string `json:"text"`
}

func (a *app) build(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
	a.api = api
	r := gatesock.New()
	r.OnConnect(a.connect)
	r.OnDisconnect(func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		slog.InfoContext(ctx, "left", "user", a.users[req.ConnectionID])
		delete(a.users, req.ConnectionID)
		return nil, nil
	})
	gatesock.HandleReply(r, "echo", func(ctx context.Context, _ *gatesock.Request, in say) (say, error) {
		slog.InfoContext(ctx, "echo", "length", len(in.Text))
		return in, nil
	})
	gatesock.Handle(r, "say", a.say)
	gatesock.HandleReply(r, "slow", func(context.Context, *gatesock.Request, say) (string, error) {
		<-time.After(time.Second)
		return "that took a second", nil
	})
	gatesock.HandleReply(r, "fail", func(ctx context.Context, _ *gatesock.Request, in say) (string, error) {
		slog.ErrorContext(ctx, "the database is away", "text", in.Text)
		return "", errors.New("the database is away")
	})
	gatesock.HandleReply(r, "panic", func(context.Context, *gatesock.Request, say) (string, error) { panic("as asked") })
	return r, nil
}

// connect refuses users called mallory.
func (a *app) connect(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
	user := req.Query.Get("user")
	slog.InfoContext(ctx, "joins", "user", user)
	if user == "mallory" {
		slog.WarnContext(ctx, "mallory may not connect")
		return nil, &gatesock.Error{Code: gatesock.CodePermissionDenied, Message: "mallory may not connect"}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.users[req.ConnectionID] = user
	return nil, nil
}

// say posts to all connections.
func (a *app) say(ctx context.Context, req *gatesock.Request, in say) error {
	a.mu.Lock()
	from := a.users[req.ConnectionID]
	var to []string
	for id := range a.users {
		to = append(to, id)
	}
	a.mu.Unlock()
	frame, err := json.Marshal(map[string]string{"event": "said", "from": from, "text": in.Text})
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range to {
		errs = append(errs, a.api.Post(ctx, gatesock.Target{ConnectionID: id}, frame))
	}
	return errors.Join(errs...)
}

func (a *app) members(_ context.Context, id string) (user string, groups []string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.users[id], []string{"lobby", "users/" + a.users[id]}, nil
}

// Schedules, and the rest of [workbench.Sources].
func (a *app) Schedules(context.Context) []workbench.Schedule {
	return []workbench.Schedule{{ID: "tick", Name: "tick", Expression: "rate(1 minute)", Target: "demo"}}
}

func (a *app) FireSchedule(ctx context.Context, id string) error {
	if id != "tick" {
		return workbench.ErrUnknown
	}
	return a.say(ctx, &gatesock.Request{}, say{Text: "tick"})
}

func (a *app) Queues(context.Context) []workbench.Queue { return []workbench.Queue{{Name: "jobs"}} }

func (a *app) SendMessage(ctx context.Context, queue, body, _ string) error {
	if queue != "jobs" {
		return workbench.ErrUnknown
	}
	return a.say(ctx, &gatesock.Request{}, say{Text: body})
}

// send connects a client and sends messages until ctx ends.
func send(ctx context.Context, gw *emulator.Gateway, rate int) {
	session, err := gw.Connect(ctx, emulator.Handshake{Query: url.Values{"user": {"load"}}}, nobody{})
	if err != nil {
		return
	}
	const steps = 100 // a second
	tick := time.NewTicker(time.Second / steps)
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for range max(1, rate/steps) {
			n++
			text := `{"action":"echo","id":"` + strconv.Itoa(n) + `","text":"message ` + strconv.Itoa(n) + `"}`
			_ = session.Receive(ctx, emulator.Message{Data: []byte(text)})
		}
	}
}

// nobody is a client that reads nothing.
type nobody struct{}

func (nobody) Send([]byte) error { return nil }

func (nobody) Close(int, string) {}
