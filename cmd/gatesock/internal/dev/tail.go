package dev

import (
	"strings"
	"sync"

	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

// tails keeps the last lines of functions, by their names. It is safe for concurrent use.
type tails struct {
	mu    sync.Mutex
	lines map[string][]string
}

// longestTail is how many lines are kept.
const longestTail = 8

func (t *tails) add(name string, l runtimeapi.Line) {
	if l.Stream == runtimeapi.Platform {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines == nil {
		t.lines = map[string][]string{}
	}
	t.lines[name] = append(t.lines[name], printable(l.Text))
	t.lines[name] = t.lines[name][max(0, len(t.lines[name])-longestTail):]
}

// forget drops the lines of a function.
func (t *tails) forget(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.lines, name)
}

// of returns the last lines of a function as one text.
func (t *tails) of(name string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines[name], "\n")
}
