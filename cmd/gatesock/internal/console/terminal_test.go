//go:build unix

package console_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/term"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/console"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/console/lineedit"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/console/vttest"
	"github.com/gatesock/gatesock/emulator"
)

// user is somebody at a terminal, at which a console runs.
type user struct {
	t      *testing.T
	screen *vttest.Screen
	pty    *os.File
	tty    *os.File
	ended  chan error
}

// sit starts a console at a terminal, and waits until it is connected.
func sit(t *testing.T, o console.Options) *user {
	t.Helper()
	u := sitFor(t.Context(), t, o)
	u.sees("/help has the commands")
	if !o.Dumb {
		u.prompted(">") // what is typed before that, the terminal shows itself
	}
	return u
}

// patience is for how long a test waits for what must happen.
const patience = 5 * time.Minute

func sitFor(ctx context.Context, t *testing.T, o console.Options) *user {
	t.Helper()
	const width = 120
	master, tty, err := pty.Open()
	require.NoError(t, err)
	require.NoError(t, pty.Setsize(master, &pty.Winsize{Rows: 50, Cols: width}))
	u := &user{t: t, screen: vttest.New(width, 50), pty: master, tty: tty, ended: make(chan error, 1)}
	before := stateOf(t, tty)
	o.In, o.Out, o.Err = tty, tty, tty
	var running, consoles sync.WaitGroup
	ctx, end := context.WithCancel(ctx)
	running.Go(func() { _, _ = io.Copy(u.screen, master) })
	consoles.Go(func() { u.ended <- console.Run(ctx, o) })
	t.Cleanup(func() {
		end()
		consoles.Wait()
		require.Equal(t, before, stateOf(t, tty), "the terminal is as it was")
		require.NoError(t, tty.Close())
		running.Wait()
		require.NoError(t, master.Close())
		require.Empty(t, u.screen.Unknown())
	})
	return u
}

func stateOf(t *testing.T, tty *os.File) (state term.State) {
	t.Helper()
	raw, err := tty.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		got, err := term.GetState(int(fd))
		require.NoError(t, err)
		state = *got
	}))
	return state
}

// await waits for a condition on the screen.
func (u *user) await(holds func(screen string) bool) bool {
	ctx, cancel := context.WithTimeout(u.t.Context(), patience)
	defer cancel()
	return u.screen.Await(ctx.Done(), holds)
}

// sees waits until a text is on the screen.
func (u *user) sees(texts ...string) {
	u.t.Helper()
	for _, text := range texts {
		require.True(u.t, u.await(func(screen string) bool {
			return strings.Contains(screen, text)
		}), "%q is not in\n%s", text, u.screen.Text())
	}
}

// prompted waits for a prompt, and a line behind it.
func (u *user) prompted(line string) {
	u.t.Helper()
	require.True(u.t, u.await(func(screen string) bool {
		return screen[strings.LastIndex(screen, "\n")+1:] == strings.TrimRight(line, " ")
	}), "%q is not at the end of\n%s", line, u.screen.Text())
}

// types types keys.
func (u *user) types(keys string) {
	u.t.Helper()
	_, err := io.WriteString(u.pty, keys)
	require.NoError(u.t, err)
}

// ends waits for the end of the console.
func (u *user) ends(want error) {
	u.t.Helper()
	require.Equal(u.t, want, <-u.ended)
}

// echo answers each message with itself.
func echo(ctx context.Context, c *websocket.Conn) {
	for {
		kind, data, err := c.Read(ctx)
		if err != nil || c.Write(ctx, kind, data) != nil {
			return
		}
	}
}

func TestTerminal(t *testing.T) {
	t.Parallel()
	u := sit(t, console.Options{Target: target(serveRaw(t, echo) + "?token=secret")})
	u.sees("connected ws://127.0.0.1", "/help has the commands")
	u.prompted(">")
	u.types("{\"action\":\"say\",\"text\":\"你好 👍\x7fx\"}\r")
	u.sees(`← {"action":"say","text":"你好 x"}`)
	u.types("\x1b[A\x1b[D\x1b[D!\r") // the line before, changed
	u.sees(`← {"action":"say","text":"你好 x!"}`)
	u.types("\x04")
	u.ends(nil)
	u.sees("○ closed: 1000  after")
	require.NotContains(t, u.screen.Text(), "secret")
	require.NotContains(t, string(u.screen.Bytes()), "\x1b[3", "there is no color")
}

// A frame that arrives in the middle of a line is above it, and the line goes on.
func TestFrameInTheMiddleOfALine(t *testing.T) {
	t.Parallel()
	push := make(chan string)
	u := sit(t, console.Options{Target: target(serveRaw(t, func(ctx context.Context, c *websocket.Conn) {
		send(ctx, c, <-push)
		send(ctx, c, "got "+receive(ctx, c))
		drain(ctx, c)
	}))})
	u.prompted(">")
	u.types("hello 你")
	u.prompted("> hello 你")
	push <- `{"event":"said"}`
	u.sees(`← {"event":"said"}`)
	u.prompted("> hello 你")
	before, behind := u.screen.Cursor()
	require.Equal(t, "> hello 你|", before+"|"+behind)
	u.types("好\r")
	u.sees("← got hello 你好")
	require.Regexp(t, `\d\d:\d\d:\d\d\.\d{3} ← \{"event":"said"\}\n> hello 你好\n`, u.screen.Text())
	u.types("/quit\r")
	u.ends(nil)
}

func TestCtrlC(t *testing.T) {
	t.Parallel()
	u := sit(t, console.Options{Target: target(serveRaw(t, echo))})
	u.prompted(">")
	u.types("not this\x03")
	u.sees("> not this^C")
	u.types("{\"a\":\r")
	u.prompted("…")
	u.types("1\x03")
	u.sees("… 1^C")
	u.prompted(">")
	u.types("{\"a\":\r")
	u.prompted("…")
	u.types("\x03") // in a line that is empty, but goes on with a message
	u.prompted(">")
	u.types("this\r")
	u.sees("← this")
	require.NotContains(t, u.screen.Text(), "← not this")
	u.types("\x03")
	u.ends(nil)
}

func TestMessageInSeveralLines(t *testing.T) {
	t.Parallel()
	h := new(lineedit.History)
	u := sit(t, console.Options{Target: target(serveRaw(t, echo)), History: h})
	u.types("{\r\"a\": [1,\r2]}\r")
	u.sees(`← {"a":[1,2]}`)
	require.Equal(t, `{ "a": [1, 2]}`, h.Back(1))
	u.types("{\"a\":1,}\r")
	u.sees("this is not JSON, and is sent as it is: invalid character", `← {"a":1,}`)
	u.types(" {\"secret\":1}\r")
	u.sees(`←  {"secret":1}`)
	require.Equal(t, 2, h.Len(), "a line that begins with a blank is kept nowhere")
	u.types("\x04")
	u.ends(nil)
}

func TestWhatIsShown(t *testing.T) {
	t.Parallel()
	u := sit(t, console.Options{Color: true, Target: target(serveRaw(t, func(ctx context.Context, c *websocket.Conn) {
		send(ctx, c, "a\x1b[2J\r\n\x07\u009b1A\u202e", "{\"a\":\"\u009b[2J\",\n\"b\":[1.5,true,null]}", "")
		_ = c.Write(ctx, websocket.MessageBinary, []byte{0, 255})
		send(ctx, c, "end")
		drain(ctx, c)
	}))})
	u.sees(`← a\x1b[2J\r\n\a\u009b1A\u202e`, `← {"a":"\u009b[2J","b":[1.5,true,null]}`, "← (empty)", "← binary, 2 bytes: AP8=", "← end")
	raw := string(u.screen.Bytes())
	require.Contains(t, raw, "\x1b[36m\"a\"\x1b[0m\x1b[2m:\x1b[0m\x1b[32m\"")
	require.NotContains(t, raw, "\x1b[2J")
	require.NotContains(t, raw, "\a")
	u.types("\x04")
	u.ends(nil)
}

func TestCommands(t *testing.T) {
	t.Parallel()
	u := sit(t, console.Options{Target: target(serveRaw(t, echo)), App: described(t)})
	for _, c := range []struct{ keys, sees string }{
		{"/help\r", "/close [CODE [REASON]]   close the connection"},
		{"/actions\r", "  say              room, text, mood?, loud?, to?"},
		{"/actions\r", "  typing            (no answer)"},
		{"/send /slash\r", "← /slash"},
		{"/send\r", "← (empty)"},
		{"/pretty\r", "JSON is printed in several lines"},
		{"{\"a\":[1]}\r", "← {\n  \"a\": [\n    1\n  ]\n}"},
		{"/pretty off\r", "JSON is printed in one line"},
		{"/pretty maybe\r", "/pretty maybe: want on or off"},
		{"/history slash\r", "\n  /send /slash\n"},
		{"/history\r", "\n  /pretty off\n  /pretty maybe\n"},
		{"/history zzz\r", "no such lines"},
		{"/ping\r", "pong after "},
		{"/dance\r", "there is no command /dance: /help lists them"},
		{"/connect\r", "connected already"},
		{"/close 1001\r", "/close 1001: want the code 1000, or one from 3000 to 4999"},
		{"/close 4000 " + strings.Repeat("x", 130) + "\r", "at most 123 fit into a close frame"},
		{"/close 4000 that is it\r", "○ closed: 4000 that is it  after"},
		{"x\r", "not sent: not connected; /connect connects again"},
		{"/ping\r", "(not connected) >"},
		{"/close\r", "\nnot connected: /connect connects again\n"},
		{"/connect\r", "connected ws://"},
		{"again\r", "← again"},
		{"/send " + strings.Repeat("x", 131073) + "\r", "not sent: 131073 bytes: API Gateway takes messages of at most 131072"},
	} {
		u.types(c.keys)
		u.sees(c.sees)
	}
	u.types("  /quit \r")
	u.ends(nil)
}

func TestClosedByTheOtherSide(t *testing.T) {
	t.Parallel()
	u := sit(t, console.Options{Target: target(serveRaw(t, func(ctx context.Context, c *websocket.Conn) {
		receive(ctx, c)
		_ = c.Close(1012, "")
	}))})
	u.types("hello\r")
	u.sees("○ closed by the other side: 1012 (the service restarts: connect again); /connect connects again")
	u.prompted("(not connected) >")
	u.types("\x04")
	u.ends(nil)
}

func TestRefusedAtATerminal(t *testing.T) {
	t.Parallel()
	u := sitFor(t.Context(), t, console.Options{Target: target(serve(t, emulator.Config{}) + "/nowhere/else")})
	u.ends(console.ErrFailed)
	u.sees("refused: ")
}

func TestRecordAtATerminal(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/session"
	recorder, err := console.NewRecorder(file)
	require.NoError(t, err)
	u := sit(t, console.Options{Target: target(serveRaw(t, echo)), Recorder: recorder})
	u.types("one\r")
	u.sees("← one")
	u.types("\x04")
	u.ends(nil)
	require.NoError(t, recorder.Close())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Regexp(t, `"connected".*\n.*"direction":"out","text":"one"\}\n.*"direction":"in","text":"one"\}\n.*"closed","code":1000\}\n$`, string(text))
}

// Tab completes what a described application takes.
func TestTab(t *testing.T) {
	t.Parallel()
	u := sit(t, console.Options{Target: target(serveRaw(t, echo)), App: described(t)})
	u.types("sa\t")
	u.prompted(`> {"action":"say","room":"","text":""}`)
	u.types("lobby\x05\x7f,\"m\t")
	u.prompted(`> {"action":"say","room":"lobby","text":"","mood":""`)
	u.types("h\t\x06}\r")
	u.sees(`← {"action":"say","room":"lobby","text":"","mood":"happy"}`)
	u.types("/hi\t\r")
	u.sees("> /history")
	u.types("\t\t")
	u.sees("echo    say     typing")
	u.types("\x04")
	u.ends(nil)
}

// The terminal becomes narrower.
func TestResize(t *testing.T) {
	t.Parallel()
	u := sit(t, console.Options{Target: target(serveRaw(t, echo))})
	u.types(strings.Repeat("0123456789", 7))
	u.prompted("> " + strings.Repeat("0123456789", 7))
	u.screen.Resize(40)
	require.NoError(t, pty.Setsize(u.pty, &pty.Winsize{Rows: 50, Cols: 40}))
	// The terminal is not that of this process, which would get the signal.
	drawn := len(u.screen.Bytes())
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGWINCH))
	require.True(t, u.await(func(string) bool { return len(u.screen.Bytes()) > drawn }))
	u.types("!")
	u.prompted("89012345678901234567890123456789!")
	require.Contains(t, u.screen.Text(), "\n> 01234567890123456789012345678901234567\n89012345678901234567890123456789!")
	u.types("\r")
	u.sees("← 0123")
	u.types("\x04")
	u.ends(nil)
}

// Ctrl-C ends what waits for the server.
func TestCtrlCWhileItWaits(t *testing.T) {
	t.Parallel()
	for _, keys := range []string{"", "/close\r/connect\r"} {
		dials := make(chan int, 10)
		n := 0
		address := serveRawAfter(t, func() bool {
			n++
			dials <- n
			return keys != "" && n == 1
		})
		u := sitFor(t.Context(), t, console.Options{Target: target(address)})
		<-dials
		if keys != "" {
			u.prompted(">")
			u.types(keys)
			<-dials
		}
		u.types("\x03")
		if keys == "" {
			u.ends(console.ErrFailed)
			u.sees("interrupted")
			continue
		}
		u.sees("not connected: ")
		u.prompted("(not connected) >")
		u.types("\x04")
		u.ends(nil)
	}
}

// SIGTERM ends the console, with a close frame.
func TestContextAtATerminal(t *testing.T) {
	t.Parallel()
	closed := make(chan error, 1)
	address := serveRaw(t, func(ctx context.Context, c *websocket.Conn) {
		_, _, err := c.Read(ctx)
		closed <- err
	})
	ctx, end := context.WithCancel(t.Context())
	u := sitFor(ctx, t, console.Options{Target: target(address)})
	u.prompted(">")
	u.types("a line")
	u.prompted("> a line")
	end()
	u.ends(console.ErrFailed)
	require.Equal(t, websocket.StatusNormalClosure, websocket.CloseStatus(<-closed))
}

// Without a cursor that can be moved, the terminal edits lines.
func TestDumbTerminal(t *testing.T) {
	t.Parallel()
	u := sit(t, console.Options{Target: target(serveRaw(t, echo)), Dumb: true})
	u.sees("connected")
	u.types("{\"a\":\r1}\r")
	u.sees(`← {"a":1}`)
	u.types("/help\r")
	u.sees("/close")
	require.NotContains(t, string(bytes.TrimSpace(u.screen.Bytes())), "\x1b")
	u.types("/quit\r")
	u.ends(nil)
	u.types("\r") // a goroutine waits for a line still
}

// A script whose output is a terminal shows what a person can read.
func TestScriptAtATerminal(t *testing.T) {
	t.Parallel()
	master, tty, err := pty.Open()
	require.NoError(t, err)
	screen := vttest.New(80, 20)
	var running sync.WaitGroup
	running.Go(func() { _, _ = io.Copy(screen, master) })
	address := serveRaw(t, func(ctx context.Context, c *websocket.Conn) {
		send(ctx, c, "a\x1b[2Jb")
		drain(ctx, c)
	})
	require.NoError(t, console.Run(t.Context(), console.Options{
		Target: target(address), In: strings.NewReader(""), Out: tty, Err: tty, Expect: 1,
	}))
	require.True(t, screen.Await(t.Context().Done(), func(text string) bool { return strings.Contains(text, `a\x1b[2Jb`) }))
	require.NoError(t, tty.Close())
	running.Wait()
	require.NoError(t, master.Close())
}
