// Package lineedit reads lines from a terminal, with editing, history and completion, while other
// text is printed above the line that is being edited.
//
// The terminal must be in raw mode. The width of characters is that of Unicode, so that the cursor
// is where the user sees it in lines with emoji and with Chinese, Japanese or Korean text.
package lineedit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// ErrInterrupted is returned for Ctrl-C.
var ErrInterrupted = errors.New("lineedit: interrupted")

// Config says how an [Editor] works.
type Config struct {
	// In and Out are the terminal.
	In  io.Reader
	Out io.Writer
	// Width returns the columns of the terminal. Default: 80.
	Width func() int
	// History has earlier lines. Default: a history without any.
	History *History
	// Complete returns what the line could go on with at a position, in bytes. Default: nothing.
	Complete func(line string, pos int) Completion
	// Paint colors a line. It must add nothing but sequences that a terminal does not show. Default:
	// lines have no color.
	Paint func(line string) string
}

// Editor edits lines. [Editor.Print], [Editor.SetPrompt] and [Editor.Resized] may be called at any
// time, [Editor.ReadLine] by one goroutine.
type Editor struct {
	cfg   Config
	input chan []byte // what the terminal sends; closed at its end
	done  chan struct{}
	inErr error // why it ended; set before input is closed

	pending  []byte // input that has not been used; of ReadLine
	pasting  bool   // of ReadLine
	returned bool   // the last key was Return; of ReadLine

	mu     sync.Mutex
	prompt string
	active bool // a line is on the screen
	line   line
	at     place // of the cursor on the screen
	killed string
	back   int    // how far back in the history; 0 is the line that is new
	draft  string // the line that is new
	search *search
	tabbed bool // the last key was Tab and changed nothing
	// changed reports that the screen does not have what keys have changed.
	changed bool
	drawn   string // what is on the screen before the cursor
}

// New returns an editor. It reads from In in a goroutine, which ends when In does.
func New(cfg Config) *Editor {
	if cfg.Width == nil {
		cfg.Width = func() int { return 80 }
	}
	if cfg.History == nil {
		cfg.History = new(History)
	}
	if cfg.Complete == nil {
		cfg.Complete = func(string, int) Completion { return Completion{} }
	}
	if cfg.Paint == nil {
		cfg.Paint = func(line string) string { return line }
	}
	e := &Editor{cfg: cfg, input: make(chan []byte), done: make(chan struct{})}
	go e.read()
	return e
}

func (e *Editor) read() {
	defer close(e.input)
	for {
		buffer := make([]byte, 4096)
		n, err := e.cfg.In.Read(buffer)
		if n > 0 {
			select {
			case e.input <- buffer[:n]:
			case <-e.done:
				return
			}
		}
		if err != nil {
			e.inErr = err
			return
		}
	}
}

// Close ends the editor. Its goroutine ends when In returns from reading, and input is lost that
// comes until then. Call it once, when no other method runs.
func (e *Editor) Close() { close(e.done) }

// Wait waits for the end of the goroutine, after Close.
func (e *Editor) Wait() {
	for range e.input {
	}
}

// Interruptible returns a context that Ctrl-C ends, for what happens between two lines. Other input
// is kept for the next line. stop must be called before that.
func (e *Editor) Interruptible(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	stopped, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stopped:
				return
			case more, ok := <-e.input:
				if !ok {
					return
				}
				if bytes.IndexByte(more, byte(ctrlC)) >= 0 {
					more = bytes.ReplaceAll(more, []byte{byte(ctrlC)}, nil)
					cancel()
				}
				e.pending = append(e.pending, more...)
			}
		}
	}()
	return ctx, func() {
		close(stopped)
		<-ended
		cancel()
	}
}

// SetPrompt sets what is before the line.
func (e *Editor) SetPrompt(prompt string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.prompt = prompt
	if e.active {
		e.write(e.clear() + e.draw())
	}
}

// Print prints whole lines above the line that is being edited.
func (e *Editor) Print(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	text = strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\r\n") + "\r\n"
	if !e.active {
		e.write(text)
		return
	}
	e.write(e.clear() + text + e.draw())
}

// Resized draws the line again after the terminal has changed its width. It expects that the
// terminal has moved what no longer fits into a row to the next one.
func (e *Editor) Resized() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.active {
		return
	}
	e.at = place{}.after(e.drawn, e.width())
	e.write(e.clear() + e.draw())
}

// ReadLine returns the next line. The error is [ErrInterrupted] after Ctrl-C, with the line so far,
// [io.EOF] after Ctrl-D in an empty line and when the terminal is gone, or that of ctx.
func (e *Editor) ReadLine(ctx context.Context) (string, error) {
	e.begin()
	for {
		text, done, err := e.use()
		if done {
			return text, err
		}
		var more []byte
		ok := true
		select {
		case more, ok = <-e.input: // a long paste is drawn once
		default:
			e.redraw()
			select {
			case more, ok = <-e.input:
			case <-ctx.Done():
				e.end("")
				return "", ctx.Err()
			}
		}
		if !ok {
			return e.gone()
		}
		e.pending = append(e.pending, more...)
	}
}

// redraw draws what keys have changed.
func (e *Editor) redraw() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.changed {
		e.write(e.clear() + e.draw())
	}
}

// begin draws an empty line.
func (e *Editor) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.line, e.at, e.back, e.draft, e.search, e.tabbed = line{}, place{}, 0, "", nil, false
	e.active = true
	e.write(e.draw())
}

// gone returns how a line ends when the terminal is gone.
func (e *Editor) gone() (string, error) {
	text := e.end("")
	if e.inErr == nil || errors.Is(e.inErr, io.EOF) {
		return text, io.EOF
	}
	return text, fmt.Errorf("%w: %w", io.EOF, e.inErr)
}

// end leaves the line on the screen, with a text behind it, and returns it.
func (e *Editor) end(mark string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.finish(mark)
}

func (e *Editor) finish(mark string) string {
	cleared := e.clear()
	e.search = nil
	e.line.pos = len(e.line.text)
	e.write(cleared + e.draw() + mark + "\r\n")
	e.active = false
	return e.line.text
}

// use uses the pending input, until a line is complete.
func (e *Editor) use() (text string, done bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		if n := plain(e.pending); n > 0 && e.search == nil { // a paste may be long
			e.line.insert(string(e.pending[:n]))
			e.pending = e.pending[n:]
			e.returned, e.tabbed, e.changed = false, false, true
		}
		k, n := decode(e.pending)
		if n == 0 {
			return "", false, nil
		}
		e.pending = e.pending[n:]
		if len(e.pending) == 0 {
			e.pending = nil
		}
		e.changed = true
		if text, done, err := e.press(k); done {
			return text, true, err
		}
	}
}

// press handles a key.
func (e *Editor) press(k key) (text string, done bool, err error) {
	afterReturn := e.returned
	e.returned = k == enter
	switch {
	case k == keyPasteBegin || k == keyPasteEnd:
		e.pasting = k == keyPasteBegin
	case k == lineFeed && afterReturn: // of a pasted CR LF
	case k == enter || k == lineFeed:
		return e.finish(""), true, nil
	case e.pasting:
		if k >= 0 {
			e.line.insert(string(rune(k)))
		}
	case k == ctrlC:
		return e.finish("^C"), true, ErrInterrupted
	case e.search != nil && e.searching(k):
	case k == ctrlD && e.line.text == "":
		return e.finish(""), true, io.EOF
	case k == tab:
		e.complete()
		return "", false, nil
	default:
		e.edit(k)
	}
	e.tabbed = false
	return "", false, nil
}

// edit handles a key that changes the line or moves the cursor.
func (e *Editor) edit(k key) {
	l := &e.line
	switch k {
	case keyLeft, ctrlB:
		l.pos = l.previous()
	case keyRight, ctrlF:
		l.pos = l.next()
	case keyWordLeft:
		l.pos = l.wordLeft()
	case keyWordRight:
		l.pos = l.wordRight()
	case keyHome, ctrlA:
		l.pos = 0
	case keyEnd, ctrlE:
		l.pos = len(l.text)
	case keyUp, ctrlP:
		e.recall(e.back + 1)
	case keyDown, ctrlN:
		e.recall(e.back - 1)
	case ctrlR:
		e.search = &search{line: l.text}
	case backspace, ctrlH:
		l.cut(l.previous(), l.pos)
	case keyDelete, ctrlD:
		l.cut(l.pos, l.next())
	case ctrlW, keyDeleteWordLeft:
		e.killed = l.cut(l.wordLeft(), l.pos)
	case keyDeleteWordRight:
		e.killed = l.cut(l.pos, l.wordRight())
	case ctrlK:
		e.killed = l.cut(l.pos, len(l.text))
	case ctrlU:
		e.killed = l.cut(0, l.pos)
	case ctrlY:
		l.insert(e.killed)
	case ctrlT:
		l.transpose()
	case ctrlL:
		e.write("\x1b[H\x1b[2J")
		e.at = place{}
	default:
		if k >= ' ' {
			l.insert(string(rune(k)))
		}
	}
}

// recall shows a line of the history: 1 is the newest, 0 the line that was being written.
func (e *Editor) recall(back int) {
	if back < 0 || back > e.cfg.History.Len() {
		return
	}
	if e.back == 0 {
		e.draft = e.line.text
	}
	e.back = back
	if back == 0 {
		e.line.set(e.draft)
		return
	}
	e.line.set(e.cfg.History.Back(back))
}
