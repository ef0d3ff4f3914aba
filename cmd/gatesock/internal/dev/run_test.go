//go:build !race && unix

package dev

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// programText is the source of an application that answers the route "hello" with a text, its
// process id, and how many messages the process has had. Further code may follow.
const programText = `package main

import (
	"context"
	"os"

	"github.com/gatesock/gatesock"
)

func main() {
	r := gatesock.New()
	count := 0
	gatesock.HandleReply(r, "hello", func(_ context.Context, _ *gatesock.Request, in struct{}) (Reply, error) {
		count++
		return Reply{%q, os.Getpid(), count}, nil
	})
	%s
	gatesock.Start(r)
}

type Reply struct {
	Text       string
	PID, Count int
}
`

// app is an application in a folder of its own, for tests.
type app struct {
	t      *testing.T
	folder string
	o      Options
	out    *lockedBuffer
	ended  chan error
	stop   context.CancelFunc
	at     Address
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newApp returns an application with the files of a module that uses this repository.
func newApp(t *testing.T) *app {
	t.Helper()
	root, err := filepath.Abs("../../../..")
	require.NoError(t, err)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	folder, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	_, requirements, _ := strings.Cut(string(mod), "\n")
	write(t, "module example.com/app\n"+requirements+
		"\nrequire github.com/gatesock/gatesock v0.0.0\nreplace github.com/gatesock/gatesock => "+root+"\n", folder, "app", "go.mod")
	write(t, string(sum), folder, "app", "go.sum")
	a := &app{t: t, folder: filepath.Join(folder, "app"), out: new(lockedBuffer)}
	a.o = Options{
		Folder: a.folder, Environ: append(os.Environ(), "GOFLAGS=-mod=mod"), Cache: filepath.Join(folder, "cache"),
		Config: filepath.Join(folder, "config"), Temp: filepath.Join(folder, "temp"),
	}
	require.NoError(t, os.Mkdir(a.o.Temp, 0o700))
	return a
}

// code writes the program.
func (a *app) code(text, more string) {
	a.t.Helper()
	write(a.t, fmt.Sprintf(programText, text, more), a.folder, "main.go")
}

// start runs the application. It does not wait until it runs.
func (a *app) start() {
	ctx, cancel := context.WithCancel(context.Background())
	a.stop, a.ended = cancel, make(chan error, 1)
	go func() { a.ended <- Run(ctx, NewPrinter(a.out, PrintOptions{}), a.o) }()
	a.t.Cleanup(func() {
		cancel()
		if a.t.Failed() {
			a.t.Log(a.out.String())
		}
	})
}

// run runs the application, and returns when clients can connect.
func (a *app) run() {
	a.t.Helper()
	ready := make(chan Address, 1)
	a.o.Ready = func(all []Address) { ready <- all[0] }
	a.start()
	select {
	case a.at = <-ready:
	case err := <-a.ended:
		a.t.Fatal(err, a.out.String())
	}
}

// end ends the application, and checks that nothing is left.
func (a *app) end() {
	a.t.Helper()
	a.stop()
	require.NoError(a.t, <-a.ended)
	for _, folder := range []string{a.o.Temp, filepath.Join(a.o.Cache, "locks")} {
		left, err := os.ReadDir(folder)
		require.NoError(a.t, err)
		require.Empty(a.t, left, folder)
	}
}

// status waits for a status of the page.
func (a *app) status(address string, want func(status) bool) status {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, address+own[1:]+"status", nil)
	require.NoError(a.t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(a.t, err)
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		text, ok := strings.CutPrefix(lines.Text(), "data: ")
		var now status
		if ok {
			require.NoError(a.t, json.Unmarshal([]byte(text), &now))
		}
		if ok && want(now) {
			return now
		}
	}
	a.t.Fatal("the page has ended")
	return status{}
}

// socket is a client.
type socket struct {
	t  *testing.T
	ws *websocket.Conn
}

func (a *app) connect() socket {
	a.t.Helper()
	ws, answer, err := websocket.Dial(a.t.Context(), a.at.client(), nil)
	require.NoError(a.t, err)
	if answer.Body != nil {
		_ = answer.Body.Close()
	}
	a.t.Cleanup(func() { _ = ws.CloseNow() })
	return socket{a.t, ws}
}

func (s socket) send(text string) {
	s.t.Helper()
	require.NoError(s.t, s.ws.Write(s.t.Context(), websocket.MessageText, []byte(text)))
}

type answer struct {
	ID   string
	Data struct {
		Text       string
		PID, Count int
	}
}

func (s socket) receive() (got answer) {
	s.t.Helper()
	_, data, err := s.ws.Read(s.t.Context())
	require.NoError(s.t, err)
	require.NoError(s.t, json.Unmarshal(data, &got), string(data))
	return got
}

// hello returns the answer to a message.
func (s socket) hello(id string) answer {
	s.t.Helper()
	s.send(`{"action":"hello","id":"` + id + `"}`)
	return s.receive()
}

// awaitEnd returns when a process has ended. One that was replaced does while the next one starts.
func awaitEnd(pid int) {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		<-ticker.C
	}
}

// TestReload goes through the life of an application in one go, because each build takes time.
func TestReload(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	a.code("one", "")
	a.o.Concurrency = 1
	a.run()
	require.Equal(t, []string{"$connect", "$default", "$disconnect", "hello"}, a.at.Routes)
	client := a.connect()
	first := client.hello("1")
	require.Equal(t, "one", first.Data.Text)

	// What is sent while the new code is made is answered by it, in order.
	page := a.at.Page
	a.code("two", "")
	a.status(page, func(s status) bool { return s.State == "building" || s.Reloads == 1 })
	const waiting = 5
	for i := 1; i <= waiting; i++ {
		client.send(`{"action":"hello","id":"` + strconv.Itoa(i) + `"}`)
	}
	for range waiting {
		got := client.receive()
		require.Equal(t, "two", got.Data.Text)
		require.Equal(t, got.ID, strconv.Itoa(got.Data.Count), "the function has them in order")
	}
	a.status(page, func(s status) bool { return s.State == "ready" && s.Reloads == 1 })
	awaitEnd(first.Data.PID)

	// What does not build changes nothing, and is shown with its place.
	a.code("three", "nothing()")
	failed := a.status(page, func(s status) bool { return s.State == "failed" })
	require.Equal(t, "app does not build", failed.Title)
	require.Len(t, failed.Problems, 1)
	require.Equal(t, problem{"main.go", 17, 2, "undefined: nothing", "\tnothing()"}, failed.Problems[0])
	require.Equal(t, 1, strings.Count(a.out.String(), "undefined: nothing"))
	require.Equal(t, "two", client.hello("x").Data.Text)

	// A route that is new needs no new connection.
	a.code("four", `gatesock.HandleReply(r, "more", func(context.Context, *gatesock.Request, struct{}) (Reply, error) { return Reply{}, nil })`)
	a.status(page, func(s status) bool { return s.State == "ready" && s.Reloads == 2 })
	client.send(`{"action":"more","id":"y"}`)
	require.Equal(t, "y", client.receive().ID)
	last := client.hello("z")
	require.Equal(t, "four", last.Data.Text)

	// Others cannot have the folder or the port.
	twice := Run(t.Context(), NewPrinter(io.Discard, PrintOptions{}), a.o)
	require.ErrorContains(t, twice, "gatesock dev runs for "+a.folder+" already at http://localhost:")
	other := newApp(t)
	other.code("five", "")
	_, port, err := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(page, "http://"), "/"))
	require.NoError(t, err)
	other.o.Port, err = strconv.Atoi(port)
	require.NoError(t, err)
	require.ErrorContains(t, Run(t.Context(), NewPrinter(io.Discard, PrintOptions{}), other.o), "port "+port+" is in use")

	a.end()
	require.ErrorIs(t, syscall.Kill(last.Data.PID, 0), syscall.ESRCH, "no process is left")
	_, _, err = client.ws.Read(t.Context())
	require.Equal(t, websocket.StatusServiceRestart, websocket.CloseStatus(err))
	require.Contains(t, a.out.String(), "reloaded in ")
}
