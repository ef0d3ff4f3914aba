package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/console/lineedit"
)

// errQuit ends the console.
var errQuit = errors.New("console: quit")

// prompts of the console.
const (
	prompt         = "> "
	promptMore     = "… "
	promptNoSocket = "(not connected) > "
)

// terminal is a console for a person.
type terminal struct {
	o       *Options
	edit    reader
	history *lineedit.History
	// following are the goroutines that print what comes.
	following sync.WaitGroup

	mu     sync.Mutex
	link   *link // nil if there is none
	pretty bool
	more   bool // the line being edited goes on with a message
}

// reader reads lines, and prints above them.
type reader interface {
	ReadLine(ctx context.Context) (string, error)
	Print(text string)
	SetPrompt(text string)
	// Interruptible returns a context that Ctrl-C ends, between two lines.
	Interruptible(ctx context.Context) (_ context.Context, stop func())
}

// interact talks to the user until they end it.
func (o *Options) interact(ctx context.Context) error {
	t := &terminal{o: o, history: o.History, pretty: o.Pretty}
	if t.history == nil {
		t.history = new(lineedit.History)
	}
	restore, err := t.start()
	if err != nil {
		return fmt.Errorf("the terminal: %w", err)
	}
	defer restore()
	dialing, stop := t.edit.Interruptible(ctx)
	err = t.open(dialing)
	if dialing.Err() != nil {
		err = errors.New("interrupted")
	}
	stop()
	if err != nil {
		t.edit.Print(t.style(red, connectError(err)))
		return ErrFailed
	}
	t.note("/help has the commands, Ctrl-D ends the console")
	err = t.talk(ctx)
	if l := t.current(); l != nil {
		l.close(1000, "")
	}
	t.following.Wait()
	return err
}

// start prepares the terminal. The returned function leaves it as it was.
func (t *terminal) start() (restore func(), err error) {
	in, isIn := t.o.In.(*os.File)
	out, isOut := t.o.Out.(*os.File)
	if t.o.Dumb || !isIn || !isOut {
		edit := newDumb(t.o.In, t.o.Out)
		t.edit = edit
		return func() { close(edit.done) }, nil
	}
	var state *term.State
	if cErr := control(in, func(fd int) { state, err = term.MakeRaw(fd) }); cErr != nil || err != nil {
		return nil, errors.Join(cErr, err)
	}
	c := completer{t.o.App}
	editor := lineedit.New(lineedit.Config{
		In: in, Out: out, History: t.history, Complete: c.complete,
		Width: func() int {
			width := 80
			_ = control(out, func(fd int) {
				if w, _, err := term.GetSize(fd); err == nil && w > 0 {
					width = w
				}
			})
			return width
		},
		Paint: func(line string) string { return paintJSON(line, t.o.Color) },
	})
	t.edit = editor
	stop := onResize(editor.Resized)
	_, _ = io.WriteString(out, "\x1b[?2004h") // what is pasted is marked
	return func() {
		stop()
		_, _ = io.WriteString(out, "\x1b[?2004l")
		editor.Close()
		// If the terminal takes deadlines, the goroutine that reads it ends here.
		if in.SetReadDeadline(time.Now()) == nil {
			editor.Wait()
			_ = in.SetReadDeadline(time.Time{})
		}
		_ = control(in, func(fd int) { _ = term.Restore(fd, state) })
	}, nil
}

// talk handles lines until there are no more.
func (t *terminal) talk(ctx context.Context) error {
	var pending []string
	for {
		t.setMore(len(pending) > 0)
		text, err := t.edit.ReadLine(ctx)
		switch {
		case ctx.Err() != nil:
			return ErrFailed
		case errors.Is(err, lineedit.ErrInterrupted) && text == "" && len(pending) == 0:
			return nil
		case errors.Is(err, lineedit.ErrInterrupted):
			pending = nil
			continue
		case err != nil:
			return nil // the user has ended it, or the terminal is gone
		}
		pending = append(pending, text)
		whole := strings.Join(pending, "\n")
		if unfinished(whole) {
			continue
		}
		pending = nil
		if err := t.history.Add(whole); err != nil {
			t.problem("the history is not kept: %v", err)
		}
		running, stop := t.edit.Interruptible(ctx)
		err = t.enter(running, whole)
		stop()
		if err != nil {
			return nil // /quit
		}
	}
}

// unfinished reports whether a text is the beginning of JSON.
func unfinished(text string) bool {
	trimmed := strings.TrimSpace(text)
	if !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") {
		return false
	}
	var value json.RawMessage
	err := json.NewDecoder(strings.NewReader(trimmed)).Decode(&value)
	return errors.Is(err, io.ErrUnexpectedEOF)
}

// enter handles a line. The error is errQuit.
func (t *terminal) enter(ctx context.Context, text string) error {
	switch trimmed := strings.TrimSpace(text); {
	case trimmed == "":
		return nil
	case strings.HasPrefix(trimmed, "/"):
		return t.perform(ctx, trimmed)
	}
	t.send(ctx, text)
	return nil
}

// send sends a message. A line that looks like JSON and is not is sent, too, with a note.
func (t *terminal) send(ctx context.Context, text string) {
	l := t.current()
	data := []byte(text)
	if err := checkMessage(data); err != nil {
		t.problem("not sent: %v", err)
		return
	}
	if l == nil {
		t.problem("not sent: not connected; /connect connects again")
		return
	}
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') {
		var value json.RawMessage
		if err := json.Unmarshal(data, &value); err != nil {
			t.note("this is not JSON, and is sent as it is: %v", err)
		}
	}
	f := frame{data: data}
	t.o.Recorder.message(DirectionOut, f)
	if err := l.send(ctx, f); err != nil && ctx.Err() == nil {
		t.problem("not sent: %v", innermost(err))
	}
}

// open connects, and follows the connection.
func (t *terminal) open(ctx context.Context) error {
	l, err := t.o.connect(ctx)
	if err != nil {
		return err
	}
	text := t.style(green, "connected") + " " + withoutQuery(t.o.Target.Address)
	if p := l.socket.Subprotocol(); p != "" {
		text += t.dim("  subprotocol ") + printable(p)
	}
	if t.o.Verbose {
		for _, line := range headerLines(l.response.Header) {
			text += "\n" + t.dim("  "+printable(line))
		}
	}
	t.edit.Print(text)
	t.setLink(l)
	t.following.Go(func() { t.follow(l) })
	return nil
}

// follow prints what comes, until the connection ends.
func (t *terminal) follow(l *link) {
	for f := range l.frames {
		t.o.Recorder.message(DirectionIn, f)
		t.edit.Print(t.clock() + t.style(blue, " ← ") + shownFrame(f, t.isPretty(), t.o.Color))
	}
	end := l.end()
	t.o.Recorder.closed(end)
	t.setLink(nil)
	color := yellow
	if end.ours {
		color = dim
	}
	text := end.text()
	if !end.ours {
		text += "; /connect connects again"
	}
	t.edit.Print(t.clock() + t.style(color, " ○ "+text) + t.dim(fmt.Sprintf("  after %v", time.Since(l.begun).Round(time.Second))))
}

func (t *terminal) clock() string { return t.dim(time.Now().Format("15:04:05.000")) }

func (t *terminal) style(style, text string) string { return styled(t.o.Color, style, text) }

func (t *terminal) dim(text string) string { return t.style(dim, text) }

func (t *terminal) print(text string) { t.edit.Print(text) }

// note prints something that is good to know.
func (t *terminal) note(format string, args ...any) {
	t.edit.Print(t.dim(printable(fmt.Sprintf(format, args...))))
}

// problem prints what did not work.
func (t *terminal) problem(format string, args ...any) {
	t.edit.Print(t.style(red, printable(fmt.Sprintf(format, args...))))
}

func (t *terminal) current() *link {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.link
}

func (t *terminal) setLink(l *link) {
	t.mu.Lock()
	t.link = l
	t.mu.Unlock()
	t.setPrompt()
}

func (t *terminal) setMore(more bool) {
	t.mu.Lock()
	t.more = more
	t.mu.Unlock()
	t.setPrompt()
}

func (t *terminal) setPrompt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.more:
		t.edit.SetPrompt(promptMore)
	case t.link == nil:
		t.edit.SetPrompt(promptNoSocket)
	default:
		t.edit.SetPrompt(prompt)
	}
}

func (t *terminal) isPretty() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pretty
}

func (t *terminal) setPrettyTo(pretty bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pretty = pretty
}
