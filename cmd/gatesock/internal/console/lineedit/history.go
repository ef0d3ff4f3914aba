package lineedit

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/private"
)

const (
	// historyLines is how many lines a history has.
	historyLines = 1000
	// historyLine is the longest line that is kept in the file, in bytes.
	historyLine = 16 << 10
	// historyFile is the size from which the file is written anew, with the newest lines.
	historyFile = 1 << 20
)

// History has the lines that were entered. The zero History has none and keeps them in memory. It
// is safe for concurrent use.
type History struct {
	mu    sync.Mutex
	file  string
	lines []string // the newest last
}

// OpenHistory returns the history that a file has, one line for each. The file is made if it is
// missing, with its folder; only the user can read it. Several processes may have it open: each
// sees what the others have added when it opens it.
func OpenHistory(file string) (*History, error) {
	h := &History{file: file}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		if err := os.Chmod(file, 0o600); err != nil {
			return nil, err
		}
	}
	for line := range bytes.Lines(text) {
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 && utf8.Valid(line) {
			h.lines = append(h.lines, string(line))
		}
	}
	h.lines = h.lines[max(0, len(h.lines)-historyLines):]
	if len(text) > historyFile {
		return h, private.Write(file, []byte(strings.Join(h.lines, "\n")+"\n"))
	}
	return h, nil
}

// Add adds a line, unless it is empty or the same as the one before. A line that begins with a
// blank is left out, for what is to be kept nowhere. Line breaks become blanks. The error is that
// of the file; the line is in memory then.
func (h *History) Add(text string) error {
	text = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(text)
	if strings.TrimSpace(text) == "" || strings.HasPrefix(text, " ") {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.lines); n > 0 && h.lines[n-1] == text {
		return nil
	}
	h.lines = append(h.lines, text)
	h.lines = h.lines[max(0, len(h.lines)-historyLines):]
	if h.file == "" || len(text) > historyLine {
		return nil
	}
	f, err := os.OpenFile(h.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text + "\n")
	return errors.Join(err, f.Close())
}

// Len returns how many lines there are.
func (h *History) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.lines)
}

// Back returns a line: 1 is the newest. There must be so many.
func (h *History) Back(n int) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lines[len(h.lines)-n]
}
