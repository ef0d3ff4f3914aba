package console_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/console"
	"github.com/gatesock/gatesock/emulator"
)

// TestScripts runs scripts against an API as it is deployed.
func TestScripts(t *testing.T) {
	t.Parallel()
	address := serve(t, emulator.Config{})
	long := strings.Repeat("x", gatesock.MaxMessageSize)
	for name, c := range map[string]struct {
		input, out, problems string
		err                  error
		options              console.Options
	}{
		"an answer":             {input: `{"action":"say","id":"1","room":"a","text":"hi"}`, out: `{"id":"1","action":"say","data":"HI"}` + "\n"},
		"an answer without id":  {input: `{"action":"say","room":"a","text":"hi"}` + "\n", out: `{"action":"say","data":"HI"}` + "\n"},
		"CR LF and empty lines": {input: "\r\n\n{\"action\":\"say\",\"text\":\"a\",\"room\":\"\"}\r\n\n", out: `{"action":"say","data":"A"}` + "\n"},
		"no input":              {},
		"errors in the middle": {
			input: "{\"action\":\"say\",\"id\":\"1\",\"room\":\"a\",\"text\":\"a\"}\n" + long + "x\n\xff\xfe\n" +
				"{\"action\":\"say\",\"id\":\"2\",\"room\":\"a\",\"text\":\"b\"}\n",
			out: "{\"id\":\"1\",\"action\":\"say\",\"data\":\"A\"}\n{\"id\":\"2\",\"action\":\"say\",\"data\":\"B\"}\n",
			problems: "gatesock: line 2 of standard input is not sent: it has more than the 131072 bytes that API Gateway takes\n" +
				"gatesock: line 3 of standard input is not sent: it is not UTF-8\n",
			err: console.ErrFailed,
		},
		"a message that is not JSON": {
			input: "hello", out: `{"action":"$default","error":{"code":"invalid_argument","message":"the message must be a JSON object with a string \"action\""}}` + "\n",
		},
		"a message in several frames": {
			input: `{"action":"say","id":"1","room":"` + long[:40<<10] + `","text":"a"}`, out: `{"id":"1","action":"say","data":"A"}` + "\n",
		},
		"no answer, as described": {input: `{"action":"typing"}`, options: console.Options{App: described(t)}},
		"no answer is awaited":    {input: `{"action":"typing"}`, options: console.Options{Wait: within(0)}},
		"enough frames": {
			input: `{"action":"say","room":"a","text":"a"}`, out: `{"action":"say","data":"A"}` + "\n",
			options: console.Options{Expect: 1, Wait: within(time.Hour)},
		},
		"too few frames": {
			input: `{"action":"typing"}`, options: console.Options{Expect: 2, Wait: within(time.Millisecond)}, err: console.ErrFailed,
			problems: "gatesock: 0 of 2 frames have come, and then nothing for 1ms: --wait sets how long\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := c.options
			o.Target = target(address)
			o.Patient()
			out, problems, err := script(t, o, c.input)
			require.Equal(t, c.out, sorted(out))
			require.Equal(t, c.problems, problems)
			require.Equal(t, c.err, err)
		})
	}
}

// sorted sorts lines: invocations of the gateway overtake each other.
func sorted(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i := range lines {
		for j := i; j > 0 && lines[j] != "" && lines[j] < lines[j-1]; j-- {
			lines[j], lines[j-1] = lines[j-1], lines[j]
		}
	}
	return strings.Join(lines, "")
}

// A message that nothing answers does not keep a script forever.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	out, problems, err := script(t, console.Options{Target: target(serve(t, emulator.Config{}))}, `{"action":"typing"}`)
	require.NoError(t, err)
	require.Empty(t, out)
	require.Equal(t, "gatesock: nothing came for 5s, and there may be messages without an answer (1): --wait sets how long\n", problems)
}

// What a program gets of frames, a line for each.
func TestLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data   string
		binary bool
		want   string
	}{
		"text":            {data: "hello", want: "hello"},
		"escapes stay":    {data: "a\x1b[2Jb", want: "a\x1b[2Jb"},
		"line breaks":     {data: "a\r\nb", want: `a\r\nb`},
		"JSON's stay one": {data: "{\r\n \"a\": 1\n}", want: `{   "a": 1 }`},
		"JSON as it came": {data: `{ "a" : 1.0 , "b":"<>"}`, want: `{ "a" : 1.0 , "b":"<>"}`},
		"binary":          {data: "\x00\xff", binary: true, want: "base64:AP8="},
		"empty":           {data: "", want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := serveRaw(t, func(ctx context.Context, ws *websocket.Conn) {
				kind := websocket.MessageText
				if c.binary {
					kind = websocket.MessageBinary
				}
				_ = ws.Write(ctx, kind, []byte(c.data))
				drain(ctx, ws)
			})
			out, problems, err := script(t, console.Options{Target: target(address), Expect: 1}, "")
			require.NoError(t, err)
			require.Empty(t, problems)
			require.Equal(t, c.want+"\n", out)
		})
	}
}

// The connection ends while there is input.
func TestClosedInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(c *websocket.Conn)
		says string
	}{
		"with a code": {
			func(c *websocket.Conn) { _ = c.Close(1001, "Going away\x1b[2J") },
			`gatesock: closed by the other side: 1001 Going away\x1b[2J (idle for 10 minutes, open for 2 hours, or the server ends)` + "\n",
		},
		"without a close frame": {
			func(c *websocket.Conn) { _ = c.CloseNow() },
			"gatesock: lost: 1006 (it ended without a close frame: the server or the network is gone)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ended := make(chan struct{})
			address := serveRaw(t, func(ctx context.Context, ws *websocket.Conn) {
				send(ctx, ws, receive(ctx, ws), receive(ctx, ws))
				c.end(ws)
				close(ended)
			})
			in, input := io.Pipe()
			go func() {
				_, _ = io.WriteString(input, "one\ntwo\n")
				<-ended
				for err := error(nil); err == nil; { // until nobody reads it any more
					_, err = io.WriteString(input, "three\nfour\n")
				}
			}()
			o := console.Options{Target: target(address), In: in}
			o.Patient()
			out, problems, err := script(t, o, "")
			require.NoError(t, in.Close())
			require.Equal(t, console.ErrFailed, err)
			require.Equal(t, "one\ntwo\n", out)
			require.Contains(t, problems, c.says)
			require.Regexp(t, `gatesock: line \d+ of standard input was not sent, nor what follows it\n$`, problems)
		})
	}
}

// The connection ends while the console waits for input.
func TestClosedWhileInputIsAwaited(t *testing.T) {
	t.Parallel()
	address := serveRaw(t, func(ctx context.Context, c *websocket.Conn) {
		receive(ctx, c)
		_ = c.Close(4001, "enough")
	})
	in, input := io.Pipe()
	go func() { _, _ = io.WriteString(input, "one\n") }()
	_, problems, err := script(t, console.Options{Target: target(address), In: in}, "")
	require.NoError(t, in.Close())
	require.Equal(t, console.ErrFailed, err)
	require.Equal(t, "gatesock: closed by the other side: 4001 enough (a code of the application)\n"+
		"gatesock: standard input was not read to its end: what it has from line 2 on is not sent\n", problems)
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	closed := make(chan error, 1)
	address := serveRaw(t, func(ctx context.Context, c *websocket.Conn) {
		send(ctx, c, "connected")
		_, _, err := c.Read(ctx)
		closed <- err
	})
	ctx, interrupt := context.WithCancel(t.Context())
	in, input := io.Pipe()
	var problems lockedBuffer
	err := console.Run(ctx, console.Options{Target: target(address), In: in, Out: calls(interrupt), Err: &problems})
	require.NoError(t, input.Close())
	require.Equal(t, console.ErrFailed, err)
	require.Equal(t, "gatesock: standard input was not read to its end: what it has from line 1 on is not sent\n"+
		"gatesock: interrupted\n", problems.String())
	require.Equal(t, websocket.StatusNormalClosure, websocket.CloseStatus(<-closed), "the server is told")
}

// calls is a writer that calls a function.
type calls func()

func (c calls) Write(p []byte) (int, error) {
	c()
	return len(p), nil
}

func TestInterruptedHandshake(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	address := serveHTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		interrupt()
		<-r.Context().Done()
	})
	var problems lockedBuffer
	o := console.Options{Target: target(address), In: strings.NewReader(""), Out: io.Discard, Err: &problems}
	err := console.Run(ctx, o)
	require.Equal(t, console.ErrFailed, err)
	require.Equal(t, "gatesock: interrupted\n", problems.String())
}

// The reader of standard output goes away, as head does, or it cannot be written.
func TestOutputIsClosed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		says string
	}{
		"a broken pipe": {&os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}, ""},
		"a full disk":   {syscall.ENOSPC, "gatesock: standard output: no space left on device\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := make(chan error, 1)
			address := serveRaw(t, func(ctx context.Context, c *websocket.Conn) {
				send(ctx, c, "one", "two", "three")
				_, _, err := c.Read(ctx)
				closed <- err
			})
			var problems lockedBuffer
			err := console.Run(t.Context(), console.Options{
				Target: target(address), In: strings.NewReader(""), Out: &failingWriter{left: 1, err: c.err}, Err: &problems,
				Expect: 3,
			})
			require.Equal(t, console.ErrFailed, err)
			require.Equal(t, c.says, problems.String())
			require.Equal(t, websocket.StatusNormalClosure, websocket.CloseStatus(<-closed))
		})
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("the disk is broken") }

func TestInputThatCannotBeRead(t *testing.T) {
	t.Parallel()
	in := io.MultiReader(strings.NewReader(`{"action":"say","id":"1","room":"a","text":"a"}`+"\n"), brokenReader{})
	out, problems, err := script(t, console.Options{Target: target(serve(t, emulator.Config{})), In: in}, "")
	require.Equal(t, console.ErrFailed, err)
	require.Equal(t, `{"id":"1","action":"say","data":"A"}`+"\n", out)
	require.Equal(t, "gatesock: standard input: the disk is broken\n", problems)
}

// The codes that API Gateway closes connections with, and others.
func TestCodes(t *testing.T) {
	t.Parallel()
	for code, says := range map[websocket.StatusCode]string{
		1000: "1000 why (the application has closed it, as DELETE of @connections does)",
		1001: "1001 why (idle for 10 minutes, open for 2 hours, or the server ends)",
		1002: "1002 why (a breach of the WebSocket protocol)",
		1003: "1003 why (API Gateway takes no binary messages: send base64 in a text)",
		1007: "1007 why (a message that is not UTF-8)",
		1008: "1008 why (too many requests of one client)",
		1009: "1009 why (a frame above 32 KB or a message above 128 KB)",
		1011: "1011 why (an internal error of the server)",
		1012: "1012 why (the service restarts: connect again)",
		1013: "1013 why (the server is overloaded: connect again later)",
		1014: "1014 why\n",
		3999: "3999 why (a code of a library or a framework)",
		4000: "4000 why (a code of the application)",
	} {
		address := serveRaw(t, func(_ context.Context, c *websocket.Conn) { _ = c.Close(code, "why") })
		_, problems, err := script(t, console.Options{Target: target(address), Expect: 1}, "")
		require.Equal(t, console.ErrFailed, err)
		require.Contains(t, problems, "gatesock: closed by the other side: "+says)
	}
}
