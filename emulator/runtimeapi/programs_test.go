package runtimeapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

// programs are the programs that the test's own binary can be, by name.
//
//nolint:gochecknoglobals // a table
var programs = map[string]func(){
	"echo": func() {
		lambda.Start(func(_ context.Context, in json.RawMessage) (json.RawMessage, error) { return in, nil })
	},
	// Does what the event says.
	"obey": func() {
		lambda.Start(func(_ context.Context, what string) (string, error) {
			switch what {
			case "fail":
				return "", errors.New("it failed")
			case "panic":
				panic("it panicked")
			case "exit 3":
				os.Exit(3)
			case "exit 0":
				os.Exit(0)
			case "large":
				return strings.Repeat("x", 6<<20+100), nil // and two quotes
			case "hang":
				select {}
			case "pid":
				return fmt.Sprint(os.Getpid()), nil
			}
			return "did " + what, nil
		})
	},
	// The program of the example.
	"adder": func() {
		r := gatesock.New()
		gatesock.HandleReply(r, "add", func(_ context.Context, _ *gatesock.Request, in struct{ A, B int }) (int, error) {
			return in.A + in.B, nil
		})
		gatesock.Start(r)
	},
	"exit at once": func() {
		fmt.Fprintln(os.Stderr, "no configuration")
		os.Exit(2)
	},
	// Posts why it does not start.
	"init error": func() {
		body := strings.NewReader(`{"errorType":"Config.Missing","errorMessage":"no table","stackTrace":["main"]}`)
		r, err := http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/init/error", "", body)
		if err != nil {
			panic(err)
		}
		_ = r.Body.Close()
		os.Exit(1)
	},
	// Takes longer to start than its timeout is.
	"slow start": func() {
		<-time.After(6100 * time.Millisecond)
		lambda.Start(func(_ context.Context, in json.RawMessage) (json.RawMessage, error) { return in, nil })
	},
	// Replies over a new connection and ends, without a look at the answer.
	"hasty": func() {
		address := os.Getenv("AWS_LAMBDA_RUNTIME_API")
		next, err := http.Get("http://" + address + "/2018-06-01/runtime/invocation/next")
		if err != nil {
			panic(err)
		}
		_, _ = io.Copy(io.Discard, next.Body)
		_ = next.Body.Close()
		var d net.Dialer
		c, err := d.DialContext(context.Background(), "tcp", address)
		if err != nil {
			panic(err)
		}
		_, _ = fmt.Fprintf(c, "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: %s\r\nContent-Length: 1\r\n\r\n2",
			next.Header.Get("Lambda-Runtime-Aws-Request-Id"), address)
		os.Exit(5)
	},
	"probe":  probe,
	"puppet": dance,
	"sleep":  func() { select {} },
	// Replies once with its number, and does not ask for more, so that it does not see that nobody
	// is left to ask.
	"stubborn": func() {
		api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
		next, err := http.Get(api + "next")
		if err != nil {
			panic(err)
		}
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		r, err := http.Post(api+id+"/response", "", strings.NewReader(fmt.Sprintf("%q", fmt.Sprint(os.Getpid()))))
		if err != nil {
			panic(err)
		}
		_, _ = next.Body.Close(), r.Body.Close()
		select {}
	},
	"parent": beParent,
}

// program returns the configuration of a function that runs one of the programs, on a machine that
// may be slow.
func program(tb testing.TB, name string) runtimeapi.Config {
	tb.Helper()
	require.Contains(tb, programs, name)
	binary, err := os.Executable()
	require.NoError(tb, err)
	return runtimeapi.Config{
		Command: []string{binary}, Env: []string{childVariable + "=" + name},
		Timeout: 15 * time.Minute, InitTimeout: time.Hour,
	}
}

// start returns a function, which is closed at the end of the test.
func start(tb testing.TB, cfg runtimeapi.Config) *runtimeapi.Function {
	tb.Helper()
	f, err := runtimeapi.New(cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, f.Close(context.Background())) })
	return f
}

// theatre is where puppets come from: instances that do nothing by themselves. The test makes the
// requests to their Runtime API.
type theatre struct {
	*runtimeapi.Function
	clock   *emulator.ManualClock
	lines   chan runtimeapi.Line
	reports chan runtimeapi.Report
	puppets chan *puppet
	known   []*puppet // that the test has taken
	cfg     runtimeapi.Config
}

// newTheatre returns a function whose instances are puppets, with a clock that stands still.
func newTheatre(tb testing.TB, change func(*runtimeapi.Config)) *theatre {
	tb.Helper()
	var listen net.ListenConfig
	listener, err := listen.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	x := &theatre{
		clock:   emulator.NewManualClock(time.Now()),
		lines:   make(chan runtimeapi.Line, 1000),
		reports: make(chan runtimeapi.Report, 1000),
		puppets: make(chan *puppet, 100),
	}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			p := &puppet{tb: tb, control: c, r: bufio.NewReader(c), client: &http.Client{Transport: &http.Transport{}}}
			if json.NewDecoder(io.LimitReader(oneLine(p.r), 1<<20)).Decode(&p.hello) == nil {
				x.puppets <- p
			}
		}
	}()
	x.cfg = program(tb, "puppet")
	x.cfg.Timeout, x.cfg.InitTimeout = 0, 0
	x.cfg.Env = append(x.cfg.Env, "CONTROL="+listener.Addr().String())
	x.cfg.Clock = x.clock
	x.cfg.Log = func(l runtimeapi.Line) { x.lines <- l }
	x.cfg.Report = func(r runtimeapi.Report) { x.reports <- r }
	if change != nil {
		change(&x.cfg)
	}
	x.Function, err = runtimeapi.New(x.cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		require.NoError(tb, x.Close(context.Background()))
		_ = listener.Close()
		<-accepting
		close(x.puppets)
		for p := range x.puppets {
			x.known = append(x.known, p)
		}
		for _, p := range x.known {
			p.leave()
		}
	})
	return x
}

// oneLine reads up to the end of a line.
func oneLine(r *bufio.Reader) io.Reader {
	line, _ := r.ReadString('\n')
	return strings.NewReader(line)
}

// invoke invokes the function in another goroutine.
func (x *theatre) invoke(ctx context.Context, event string) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		out, err := x.Invoke(ctx, []byte(event))
		done <- outcome{string(out), err}
	}()
	return done
}

// warm starts a puppet that waits for its first invocation.
func (x *theatre) warm(tb testing.TB) (*puppet, <-chan *response) {
	tb.Helper()
	warm := make(chan error, 1)
	go func() { warm <- x.Warm(context.Background()) }()
	p := x.puppet(tb)
	next := p.next()
	require.NoError(tb, <-warm)
	return p, next
}

// puppet returns the next puppet that has started.
func (x *theatre) puppet(tb testing.TB) *puppet {
	tb.Helper()
	p := <-x.puppets
	x.known = append(x.known, p)
	return p
}

type outcome struct {
	response string
	err      error
}

// puppet is an instance that does what the test says.
type puppet struct {
	tb      testing.TB
	control net.Conn
	r       *bufio.Reader
	client  *http.Client
	hello   struct {
		PID int
		Env []string
	}
	calls sync.WaitGroup
}

// env returns a variable of its environment.
func (p *puppet) env(name string) string {
	for _, variable := range p.hello.Env {
		if n, value, _ := strings.Cut(variable, "="); n == name {
			return value
		}
	}
	return ""
}

// do lets the puppet do something, and returns what it says when it is done, or "" if it ends.
func (p *puppet) do(command string) string {
	_, err := io.WriteString(p.control, command+"\n")
	if err != nil {
		return ""
	}
	line, _ := p.r.ReadString('\n')
	return strings.TrimSuffix(line, "\n")
}

func (p *puppet) leave() {
	_ = p.control.Close()
	p.calls.Wait()
	p.client.CloseIdleConnections()
}

type response struct {
	status int
	header http.Header
	body   string
	err    error
}

// id returns the request id of an invocation.
func (r *response) id() string { return r.header.Get("Lambda-Runtime-Aws-Request-Id") }

// call makes a request to the puppet's Runtime API.
func (p *puppet) call(method, path, body string, change ...func(*http.Request)) *response {
	p.tb.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, "http://"+p.env("AWS_LAMBDA_RUNTIME_API")+path, strings.NewReader(body))
	require.NoError(p.tb, err)
	for _, f := range change {
		f(r)
	}
	return p.send(r)
}

func (p *puppet) send(r *http.Request) *response {
	answer, err := p.client.Do(r)
	if err != nil {
		return &response{err: err}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return &response{answer.StatusCode, answer.Header, string(text), err}
}

// next asks for an invocation.
func (p *puppet) next() <-chan *response {
	done := make(chan *response, 1)
	r, err := http.NewRequestWithContext(
		context.Background(), http.MethodGet, "http://"+p.env("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/invocation/next", nil,
	)
	require.NoError(p.tb, err)
	p.calls.Add(1)
	go func() {
		defer p.calls.Done()
		done <- p.send(r)
	}()
	return done
}

// reply ends an invocation.
func (p *puppet) reply(id, body string, change ...func(*http.Request)) *response {
	p.tb.Helper()
	return p.call(http.MethodPost, "/2018-06-01/runtime/invocation/"+id+"/response", body, change...)
}

// dance is the program of a puppet.
func dance() {
	var dial net.Dialer
	c, err := dial.DialContext(context.Background(), "tcp", os.Getenv("CONTROL"))
	if err != nil {
		panic(err)
	}
	hello, _ := json.Marshal(map[string]any{"PID": os.Getpid(), "Env": os.Environ()})
	_, _ = c.Write(append(hello, '\n'))
	for lines := bufio.NewScanner(c); lines.Scan(); {
		command, rest, _ := strings.Cut(lines.Text(), " ")
		answer := "ok"
		switch command {
		case "out":
			fmt.Fprintln(os.Stdout, rest)
		case "out-part":
			fmt.Fprint(os.Stdout, rest)
		case "err":
			fmt.Fprintln(os.Stderr, rest)
		case "long":
			fmt.Fprintln(os.Stdout, strings.Repeat("x", 300<<10))
		case "folder":
			answer, _ = os.Getwd()
		case "exit":
			var status int
			_, _ = fmt.Sscan(rest, &status)
			os.Exit(status)
		case "spawn": // a process that this one leaves behind, started by a program that may be named
			binary, _ := os.Executable()
			child := exec.CommandContext(context.Background(), binary)
			if rest != "" {
				child = exec.CommandContext(context.Background(), rest, binary)
			}
			child.Env = append(os.Environ(), childVariable+"=sleep")
			child.Stdout = os.Stdout
			if err := child.Start(); err != nil {
				panic(err)
			}
			answer = fmt.Sprint(child.Process.Pid)
		}
		if _, err := io.WriteString(c, answer+"\n"); err != nil {
			return
		}
	}
}

// probe is a program that replies with what its Runtime API answers to requests of many kinds.
func probe() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API")
	call := func(method, path, body string) (http.Header, string) {
		r, err := http.NewRequestWithContext(context.Background(), method, base+path, strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			panic(err)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		var failed struct{ ErrorType string }
		_ = json.Unmarshal(text, &failed)
		return answer.Header, strings.TrimSpace(fmt.Sprint(answer.StatusCode, " ", failed.ErrorType))
	}
	const invocation = "/2018-06-01/runtime/invocation/"
	last := ""
	for {
		next, _ := call(http.MethodGet, invocation+"next", "")
		id := next.Get("Lambda-Runtime-Aws-Request-Id")
		again, _ := call(http.MethodGet, invocation+"next", "")
		found := []string{"next again: the same is " + fmt.Sprint(again.Get("Lambda-Runtime-Aws-Request-Id") == id)}
		for _, name := range slices.Sorted(maps.Keys(next)) {
			if name != "Date" && name != "Content-Length" {
				found = append(found, "header "+name)
			}
		}
		for _, request := range []string{
			"POST " + invocation + "other/response", "POST " + invocation + "other/error", "POST " + invocation + last + "/response",
			"GET " + invocation + "ID/response", "PUT " + invocation + "ID/error", "POST " + invocation + "next",
			"POST /2018-06-01/runtime/init/error", "GET /2018-06-01/ping", "GET /2018-06-01/other", "GET /",
			"GET /2018-06-01/runtime/restore/next", "PUT /2020-08-15/logs", "PUT /2022-07-01/telemetry",
			"POST /2020-01-01/extension/register", "GET /2020-01-01/extension/event/next",
		} {
			method, path, _ := strings.Cut(request, " ")
			_, status := call(method, strings.ReplaceAll(path, "ID", id), "{}")
			if last != "" {
				request = strings.ReplaceAll(request, last, "LAST")
			}
			found = append(found, request+": "+status)
		}
		reply, _ := json.Marshal(found)
		call(http.MethodPost, invocation+id+"/response", string(reply))
		last = id
	}
}

// beParent runs a function in a process of its own, and prints the numbers of the instances'
// processes.
func beParent() {
	binary, err := os.Executable()
	if err != nil {
		panic(err)
	}
	f, err := runtimeapi.New(runtimeapi.Config{
		Command: []string{binary}, Env: []string{childVariable + "=" + os.Getenv("CHILD")}, FreezeDelay: time.Nanosecond,
		Timeout: 15 * time.Minute,
	})
	if err != nil {
		panic(err)
	}
	pid, err := f.Invoke(context.Background(), []byte(`"pid"`))
	fmt.Fprintln(os.Stdout, string(pid), err)
	select {}
}
