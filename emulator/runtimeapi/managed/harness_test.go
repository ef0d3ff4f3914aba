//go:build unix && !race

package managed_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/runtimeapi/managed"
	"github.com/gatesock/gatesock/internal/sdktest"
)

// code makes a folder with files.
func code(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		file := filepath.Join(folder, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	return folder
}

// options has what all tests need: a cache of their own and an environment with both interpreters.
func options(t *testing.T, o managed.Options) managed.Options {
	t.Helper()
	if o.Cache == "" {
		o.Cache = t.TempDir()
	}
	found.once.Do(func() {
		found.path = filepath.Dir(sdktest.Node(t)) + ":" + filepath.Dir(sdktest.Python(t)) + ":" + os.Getenv("PATH")
	})
	require.NotEmpty(t, found.path, "an earlier test has said what is missing")
	o.Env = append([]string{"PATH=" + found.path, "HOME=" + t.TempDir()}, o.Env...)
	return o
}

// found is the PATH with the interpreters, which take a while to find.
var found struct { //nolint:gochecknoglobals // for all tests of the binary
	once sync.Once
	path string
}

// notes collects what a preparation says.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) log(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
}

func (n *notes) text() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, "\n")
}

// result is what the Runtime API got.
type result struct {
	path, body, errorType, contentType, mode string
	trailers                                 http.Header
}

// process is a program that runs, and the Runtime API that it talks to.
type process struct {
	invocations chan http.Header // with the payload in Body
	results     chan result
	ended       chan struct{}
	err         error // set when ended is closed
	output      *output
	connections *connections
	asked       atomic.Int32 // how often the process has asked for an invocation
	stop, lose  func()
}

// output is what a process prints. It comes some time after the process has printed it.
type output struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown *sync.Cond
	ended bool
}

func newOutput() *output {
	o := &output{}
	o.grown = sync.NewCond(&o.mu)
	return o
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.grown.Broadcast()
	return o.text.Write(p)
}

func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.grown.Broadcast()
}

// await waits until the process has printed a text, and fails if it ends without that.
func (o *output) await(t *testing.T, text string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for !strings.Contains(o.text.String(), text) {
		if o.ended {
			require.Contains(t, o.text.String(), text)
		}
		o.grown.Wait()
	}
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// connections counts those that a process opens.
type connections struct {
	mu   sync.Mutex
	seen int
}

// start prepares a function and starts it.
func start(t *testing.T, o managed.Options) *process {
	t.Helper()
	o = options(t, o)
	program, err := managed.Prepare(t.Context(), o)
	require.NoError(t, err)
	return run(t, program.Command, program.Dir, append(o.Env, program.Env...))
}

// run starts a program beside a Runtime API.
func run(t *testing.T, command []string, dir string, env []string) *process {
	t.Helper()
	p := &process{
		invocations: make(chan http.Header),
		results:     make(chan result, 1),
		ended:       make(chan struct{}),
		output:      newOutput(),
		connections: &connections{},
	}
	server := httptest.NewUnstartedServer(p)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			p.connections.mu.Lock()
			p.connections.seen++
			p.connections.mu.Unlock()
		}
	}
	server.Start()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(slices.Clone(env),
		"AWS_LAMBDA_RUNTIME_API="+server.Listener.Addr().String(),
		"AWS_LAMBDA_FUNCTION_NAME=chat", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/chat", "AWS_LAMBDA_LOG_STREAM_NAME=stream")
	cmd.Stdout, cmd.Stderr = p.output, p.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	require.NoError(t, cmd.Start())
	go func() {
		defer close(p.ended)
		p.err = cmd.Wait()
		p.output.end()
	}()
	p.lose = func() {
		server.Listener.Close()
		server.CloseClientConnections()
	}
	p.stop = func() {
		cancel()
		<-p.ended
		server.CloseClientConnections()
		server.Close()
	}
	t.Cleanup(p.stop)
	return p
}

func (p *process) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/2018-06-01/runtime/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	if path == "invocation/next" {
		p.asked.Add(1)
		select {
		case given := <-p.invocations:
			body := given.Get("Body")
			given.Del("Body")
			maps.Copy(w.Header(), given)
			_, _ = io.WriteString(w, body) // the process may be gone
		case <-r.Context().Done():
		}
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.results <- result{
		path: path, body: string(body), errorType: r.Header.Get("Lambda-Runtime-Function-Error-Type"),
		contentType: r.Header.Get("Content-Type"), mode: r.Header.Get("Lambda-Runtime-Function-Response-Mode"),
		trailers: r.Trailer,
	}
	w.WriteHeader(http.StatusAccepted)
}

// send hands an event to the process, with more headers as name and value.
func (p *process) send(t *testing.T, id, event string, headers ...string) {
	t.Helper()
	h := http.Header{}
	h.Set("Lambda-Runtime-Aws-Request-Id", id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:chat")
	h.Set("Body", event)
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	select {
	case p.invocations <- h:
	case <-p.ended:
		require.FailNow(t, "the process has ended", p.output)
	}
}

// result returns what the process sends to the Runtime API next.
func (p *process) result(t *testing.T) result {
	t.Helper()
	select {
	case r := <-p.results:
		return r
	case <-p.ended:
		select {
		case r := <-p.results:
			return r
		default:
		}
		require.FailNow(t, "the process has ended", p.output)
		panic("not reached")
	}
}

// invoke returns what the process answers to an event.
func (p *process) invoke(t *testing.T, event string, headers ...string) result {
	t.Helper()
	p.send(t, "id-1", event, headers...)
	r := p.result(t)
	require.Contains(t, []string{"invocation/id-1/response", "invocation/id-1/error"}, r.path, p.output)
	return r
}

// exit waits until the process ends, and returns its exit code.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	<-p.ended
	var failed *exec.ExitError
	if errors.As(p.err, &failed) {
		return failed.ExitCode()
	}
	require.NoError(t, p.err)
	return 0
}

func decoded(t *testing.T, text string) string {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return string(data)
}
