//go:build unix && !race

package main

import (
	"bytes"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// server is a project that runs, with all processes that belong to it.
type server struct {
	t       *testing.T
	command *exec.Cmd
	output  *watched
	url     string // for clients
	clients map[string]*client
	ended   chan struct{}
	err     error // of the command
}

// start runs a command that starts the project's program on a free port, and waits until it
// listens.
func (p *project) start(command string, args ...string) *server {
	p.t.Helper()
	s := &server{
		t: p.t, command: exec.CommandContext(p.t.Context(), command, args...),
		output: newWatched(regexp.MustCompile(`url=(ws://\S+)`)), clients: map[string]*client{}, ended: make(chan struct{}),
	}
	s.command.Dir, s.command.Stdout, s.command.Stderr = p.folder, s.output, s.output
	s.command.Env = append(os.Environ(), "ADDR=127.0.0.1:0")
	// A group of its own gets the signal, as a terminal sends it to all processes in front.
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(p.t, s.command.Start())
	p.t.Cleanup(func() { _ = syscall.Kill(-s.command.Process.Pid, syscall.SIGKILL) })
	go func() {
		defer close(s.ended)
		s.err = s.command.Wait() // which waits until no process has the output open
	}()
	select {
	case s.url = <-s.output.found:
	case <-s.ended:
		require.Fail(p.t, "the program ended", "%v\n%s", s.err, s.output)
	}
	return s
}

// interrupt sends what Ctrl-C sends, waits until all processes of the command have ended, and
// checks that nothing listens any more and that the program has not failed. The go command, which
// runs it, would print its exit status; make itself ends by the signal.
func (s *server) interrupt() {
	s.t.Helper()
	require.NoError(s.t, syscall.Kill(-s.command.Process.Pid, syscall.SIGINT))
	<-s.ended
	at, err := url.Parse(s.url)
	require.NoError(s.t, err)
	var dialer net.Dialer
	_, err = dialer.DialContext(s.t.Context(), "tcp", at.Host)
	require.ErrorIs(s.t, err, syscall.ECONNREFUSED)
	require.NotContains(s.t, s.output.String(), "exit status")
	require.NotContains(s.t, s.output.String(), "ERROR")
}

// client returns the client that a paragraph of a README is about, which it connects if necessary.
func (s *server) client(project, paragraph string) *client {
	s.t.Helper()
	name, query, header := "ann", "", http.Header{}
	switch project {
	case "chat":
		query = "?name=ann"
	case "iot":
		name = regexp.MustCompile(`dashboard|device`).FindString(paragraph)
		key := regexp.MustCompile(`key of the ` + name + ` .*: (gs_\w+)`).FindStringSubmatch(s.output.String())
		require.Len(s.t, key, 2, "%s\n%s", paragraph, s.output)
		header.Set("X-Api-Key", key[1])
	}
	if s.clients[name] == nil {
		options := &websocket.DialOptions{HTTPHeader: header}
		c, _, err := websocket.Dial(s.t.Context(), s.url+query, options) //nolint:bodyclose // the library closes it
		require.NoError(s.t, err)
		s.t.Cleanup(func() { _ = c.CloseNow() })
		s.clients[name] = &client{s.t, c}
	}
	return s.clients[name]
}

// client is a WebSocket client.
type client struct {
	t    *testing.T
	conn *websocket.Conn
}

func (c *client) send(text string) {
	c.t.Helper()
	require.NoError(c.t, c.conn.Write(c.t.Context(), websocket.MessageText, []byte(text)))
}

// expect reads the next frame that is not empty, which must be the pattern. In the pattern, "…"
// stands for any text.
func (c *client) expect(pattern string) {
	c.t.Helper()
	for {
		_, frame, err := c.conn.Read(c.t.Context())
		require.NoError(c.t, err, "instead of %s", pattern)
		if len(frame) > 0 {
			exact := strings.ReplaceAll(regexp.QuoteMeta(pattern), "…", ".*")
			require.Regexp(c.t, "^"+exact+"$", string(frame))
			return
		}
	}
}

// conversation has the conversation of a document. Its lines "> " in code are sent, and its lines
// "< " are expected. clientOf returns the client by the paragraph before the code.
func conversation(t *testing.T, document string, clientOf func(paragraph string) *client) {
	t.Helper()
	parts := strings.Split(document, "\n```\n") // text and code in turns
	lines := 0
	for i, part := range parts {
		if i%2 == 0 {
			continue
		}
		for line := range strings.Lines(part) {
			line = strings.TrimSpace(line)
			if text, ok := strings.CutPrefix(line, "> "); ok {
				clientOf(parts[i-1]).send(text)
				lines++
			}
			if text, ok := strings.CutPrefix(line, "< "); ok {
				clientOf(parts[i-1]).expect(text)
				lines++
			}
		}
	}
	require.GreaterOrEqual(t, lines, 6, "the document has too few lines of a conversation")
}

// watched keeps what is written, and finds the first match of a pattern in it. It is safe for
// concurrent use.
type watched struct {
	pattern *regexp.Regexp
	found   chan string // the first group of the first match

	mu   sync.Mutex
	text bytes.Buffer
	done bool
}

func newWatched(pattern *regexp.Regexp) *watched {
	return &watched{pattern: pattern, found: make(chan string, 1)}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	whole := w.text.Bytes()[:bytes.LastIndexByte(w.text.Bytes(), '\n')+1] // whole lines
	if match := w.pattern.FindSubmatch(whole); !w.done && match != nil {
		w.found <- string(match[1])
		w.done = true
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}
