package runtimeapi

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxLine is how many bytes of output are one line at most.
const maxLine = 256 << 10

// output reads what an instance prints to one stream.
type output struct {
	file   *os.File
	raw    syscall.RawConn
	stream Stream
	emit   func(Stream, string)

	mu    sync.Mutex
	ended bool
	chunk [16 << 10]byte
	rest  []byte // of a line whose end is still to come
}

// newOutput returns a reader of a pipe.
func newOutput(file *os.File, stream Stream, emit func(Stream, string)) (*output, error) {
	raw, err := file.SyscallConn()
	return &output{file: file, raw: raw, stream: stream, emit: emit}, err
}

// feed takes what was read. o.mu must be held.
func (o *output) feed(b []byte) {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		take := end
		if end < 0 {
			take = len(b)
		}
		if room := maxLine - len(o.rest); take > room {
			o.line(b[:room])
			b = b[room:]
			continue
		}
		if end < 0 {
			o.rest = append(o.rest, b...)
			return
		}
		o.line(b[:end])
		b = b[end+1:]
	}
}

// line ends a line.
func (o *output) line(b []byte) {
	if len(o.rest) > 0 {
		b = append(o.rest, b...)
		o.rest = o.rest[:0]
	}
	o.emit(o.stream, strings.ToValidUTF8(string(bytes.TrimSuffix(b, []byte("\r"))), "\ufffd"))
}

// end takes a last line that has no end.
func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	if len(o.rest) > 0 {
		o.line(nil)
	}
}

// leftBehind is how long what belongs to an instance that has ended stays open for processes that
// it has left behind in groups of their own.
const leftBehind = time.Second

// close ends what run reads, once the process and its group have ended and all that they wrote is
// read.
func (o *output) close(read <-chan struct{}) {
	late := time.AfterFunc(leftBehind, func() {
		o.drain() // what the process itself has written, where run had no time for it
		_ = o.file.Close()
	})
	<-read
	late.Stop()
	_ = o.file.Close()
}

// isJSON reports whether a line is a JSON object.
func isJSON(line string) bool {
	return strings.HasPrefix(line, "{") && strings.HasSuffix(line, "}") && json.Valid([]byte(line))
}
