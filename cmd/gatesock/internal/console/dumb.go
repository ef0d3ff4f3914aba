package console

import (
	"bufio"
	"context"
	"io"
	"strings"
	"sync"
)

// dumb is a terminal whose cursor cannot be moved: the terminal itself edits lines, and what comes
// is printed where the cursor is.
type dumb struct {
	lines chan string // closed at the end
	done  chan struct{}

	mu  sync.Mutex
	out io.Writer
}

// newDumb returns a reader of lines. Its goroutine ends when in does.
func newDumb(in io.Reader, out io.Writer) *dumb {
	d := &dumb{lines: make(chan string), done: make(chan struct{}), out: out}
	go func() {
		defer close(d.lines)
		r := bufio.NewReader(in)
		for {
			text, err := readLine(r, maxIncoming)
			if err != nil {
				return
			}
			select {
			case d.lines <- string(text):
			case <-d.done:
				return
			}
		}
	}()
	return d
}

func (d *dumb) ReadLine(ctx context.Context) (string, error) {
	select {
	case text, ok := <-d.lines:
		if !ok {
			return "", io.EOF
		}
		return text, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (d *dumb) Print(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, _ = io.WriteString(d.out, strings.TrimSuffix(text, "\n")+"\n")
}

func (d *dumb) SetPrompt(string) {}

// Interruptible returns ctx, which the terminal's own signal ends.
func (d *dumb) Interruptible(ctx context.Context) (_ context.Context, stop func()) {
	return ctx, func() {}
}
