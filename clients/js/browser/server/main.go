// Command server serves the tests of the client for JavaScript in browsers, and its soak: an API on
// the emulator with topics, calls and tokens, the client's files, and pages. Tests control it over
// HTTP. It prints its address, and runs until its input ends.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/topic"
)

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	files := flag.String("files", "clients/js", "folder of the client, whose dist and browser folders are served")
	endpoint := flag.String("dynamodb", "", "URL of DynamoDB Local for the state, instead of memory")
	tokens := flag.Bool("tokens", false, "let only clients with a token of /token in")
	flag.Parse()
	if err := run(context.Background(), *addr, *files, *endpoint, *tokens); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr, files, endpoint string, tokens bool) error {
	a := &app{tokens: tokens, changed: make(chan struct{})}
	db, err := openTable(ctx, endpoint)
	if err != nil {
		return err
	}
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		return a.handler(api, db), nil
	}, emulator.Config{Pages: a.pages(files)})
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	a.wires.Listener = listener
	server := &http.Server{Handler: gateway, ReadHeaderTimeout: 10 * time.Second}
	go func() { log.Print(server.Serve(emulator.NewListener(&a.wires))) }()
	fmt.Fprintf(os.Stdout, "http://%s\n", listener.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// openTable returns the table of DynamoDB Local, or nil without an endpoint.
func openTable(ctx context.Context, endpoint string) (*dynamo.DB, error) {
	if endpoint == "" {
		return nil, nil
	}
	db := dynamo.Open(dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint,
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
	}), "gatesock-client")
	return db, db.CreateTable(ctx)
}

// app is the API, and what tests do to it.
type app struct {
	tokens bool
	topics *topic.Topics
	api    gatesock.ConnectionsAPI
	wires  wires

	moved  atomic.Int64 // by how much the server's clock is ahead, in nanoseconds
	issued atomic.Int64 // tokens

	mu   sync.Mutex
	done map[string]int // how often each call was carried out, by its text
	keys map[string]bool
	open map[string]bool // connections
	all  int             // connections so far
	// changed is closed, and replaced, when a connection has opened or ended.
	changed chan struct{}
}

// now is the time of the server, which tests move.
func (a *app) now() time.Time { return time.Now().Add(time.Duration(a.moved.Load())) }

// handler returns the API. Its state is in db, or in memory if that is nil.
func (a *app) handler(api gatesock.ConnectionsAPI, db *dynamo.DB) lambda.Handler {
	a.api, a.done, a.keys, a.open = api, make(map[string]int), make(map[string]bool), make(map[string]bool)
	store := conn.NewMemory(conn.WithClock(a.now))
	var entries topic.Log = topic.NewMemory()
	if db != nil {
		store, entries = db.Connections(), db.Topics()
	}
	fanout := broadcast.New(api, store)
	a.topics = topic.New(entries, store, fanout, topic.WithClock(a.now))

	opts := []gatesock.Option{gatesock.WithKeepAlive("keepalive")}
	r := gatesock.New(opts...)
	r.Use(gatesock.Recover())
	if a.tokens {
		// The browser wants one of its subprotocols in the answer, which is not the token.
		r.Use(
			authz.NegotiateSubprotocol("test"),
			authz.NewCredentialExpiry(authz.WithClock(a.now), authz.WithDisconnector(api, nil)).Middleware(),
		)
	}
	r.Use(conn.Track(store), a.count)
	a.topics.Register(r, topic.AllowAnyone)
	gatesock.HandleReply(r, "say", a.say)
	gatesock.HandleReply(r, "do", a.do)
	if !a.tokens {
		return r
	}
	return eventmux.New(
		eventmux.WebSocket(r),
		eventmux.Authorizer(authz.NewAuthorizer(authz.Bearer(authz.VerifierFunc(a.verify), authz.SubprotocolToken()))),
	)
}

// count keeps which connections are open.
func (a *app) count(next gatesock.HandlerFunc) gatesock.HandlerFunc {
	return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		reply, err := next(ctx, req)
		a.mu.Lock()
		defer a.mu.Unlock()
		switch {
		case req.RouteKey == gatesock.RouteDisconnect:
			delete(a.open, req.ConnectionID)
			a.tellLocked()
		case req.RouteKey == gatesock.RouteConnect && err == nil:
			a.open[req.ConnectionID] = true
			a.all++
			a.tellLocked()
		}
		return reply, err
	}
}

// tellLocked wakes who waits for a change. It needs a.mu.
func (a *app) tellLocked() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// wait returns when so many connections are open, and at least all were opened so far.
func (a *app) wait(ctx context.Context, open, all int) error {
	for {
		a.mu.Lock()
		done, changed := (open < 0 || len(a.open) == open) && a.all >= all, a.changed
		a.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// message is what clients send. A repeated key has no effect.
type message struct {
	Topic string `json:"topic,omitempty"`
	Text  string `json:"text"`
	Key   string `json:"key,omitempty"`
}

// say publishes a text to a topic.
func (a *app) say(ctx context.Context, _ *gatesock.Request, in message) (string, error) {
	var opts []topic.PublishOption
	if in.Key != "" {
		opts = append(opts, topic.WithKey(in.Key))
	}
	at, _, err := a.topics.Publish(ctx, in.Topic, "said", in.Text, opts...)
	if at.IsZero() {
		return "", err
	}
	return in.Text, nil
}

// do counts how often a text was sent.
func (a *app) do(_ context.Context, _ *gatesock.Request, in message) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if in.Key == "" || !a.keys[in.Key] {
		a.done[in.Text]++
	}
	a.keys[in.Key] = true
	return a.done[in.Text], nil
}

// A token is the second in which it ends.
func (a *app) verify(_ context.Context, token string) (authz.Principal, error) {
	seconds, err := strconv.ParseInt(strings.TrimPrefix(token, "ann-"), 10, 64)
	if err != nil {
		return authz.Principal{}, authz.ErrUnauthenticated
	}
	ends := time.Unix(seconds, 0)
	if !a.now().Before(ends) {
		return authz.Principal{}, authz.ErrUnauthenticated
	}
	return authz.Principal{ID: "ann", ExpiresAt: ends}, nil
}

// pages serves the files of the client, and what tests do to the server.
func (a *app) pages(files string) http.Handler {
	mux := http.NewServeMux()
	// Where npm puts the package, seen from a page.
	mux.Handle("/node_modules/gatesock/dist/",
		http.StripPrefix("/node_modules/gatesock/dist/", http.FileServer(http.Dir(filepath.Join(files, "dist")))))
	mux.Handle("/pages/", http.StripPrefix("/pages/", http.FileServer(http.Dir(filepath.Join(files, "browser", "pages")))))
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		a.issued.Add(1)
		fmt.Fprintf(w, "ann-%d", a.now().Add(time.Minute).Unix())
	})
	mux.HandleFunc("/test/state", func(w http.ResponseWriter, _ *http.Request) { a.writeState(w) })
	// publish says the texts from..to in a topic, one after the other.
	mux.HandleFunc("/test/publish", func(w http.ResponseWriter, r *http.Request) {
		from, err1 := strconv.Atoi(r.FormValue("from"))
		to, err2 := strconv.Atoi(r.FormValue("to"))
		err := errors.Join(err1, err2)
		for ; err == nil && from <= to; from++ {
			_, _, err = a.topics.Publish(r.Context(), r.FormValue("topic"), "said", strconv.Itoa(from))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	// clock moves the server's clock.
	mux.HandleFunc("/test/clock", func(_ http.ResponseWriter, r *http.Request) {
		d, err := time.ParseDuration(r.FormValue("by"))
		if err == nil {
			a.moved.Add(int64(d))
		}
	})
	// wait answers when so many connections are open, and so many were opened.
	mux.HandleFunc("/test/wait", func(_ http.ResponseWriter, r *http.Request) {
		open, all := -1, 0
		if n, err := strconv.Atoi(r.FormValue("open")); err == nil {
			open = n
		}
		if n, err := strconv.Atoi(r.FormValue("all")); err == nil {
			all = n
		}
		_ = a.wait(r.Context(), open, all)
	})
	// cut ends the TCP connections of WebSockets, every nth of them, without a word; mute lets them be
	// open, but nothing passes.
	for path, f := range map[string]func(int) int{"/test/cut": a.wires.cut, "/test/mute": a.wires.mute} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			n, err := strconv.Atoi(r.FormValue("nth"))
			if err != nil || n < 1 {
				n = 1
			}
			fmt.Fprint(w, f(n))
		})
	}
	mux.HandleFunc("/test/memory", func(w http.ResponseWriter, _ *http.Request) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprint(w, m.HeapAlloc)
	})
	return mux
}

func (a *app) writeState(w http.ResponseWriter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	err := json.NewEncoder(w).Encode(map[string]any{
		"open": len(a.open), "all": a.all, "done": a.done, "issued": a.issued.Load(),
	})
	if err != nil {
		log.Print(err)
	}
}
