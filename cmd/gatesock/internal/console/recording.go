package console

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
	"unicode/utf8"
)

// Directions of a [Record].
const (
	DirectionOut = "out" // of a message to the server
	DirectionIn  = "in"  // of one from it
)

// Record is a line of a recording. It is a message, with Direction and one of Text and Base64, or
// an event of the connection.
type Record struct {
	Time      time.Time `json:"time"`
	Direction string    `json:"direction,omitempty"`
	// Text is the message, or, if it is binary, Base64.
	Text   *string `json:"text,omitempty"`
	Base64 *string `json:"base64,omitempty"`
	// Event is "connected", with the address without its query, or "closed", with the code.
	Event   string `json:"event,omitempty"`
	Address string `json:"address,omitempty"`
	Code    int    `json:"code,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// message returns the message of a record.
func (r Record) message() (frame, error) {
	switch {
	case r.Text != nil && r.Base64 != nil:
		return frame{}, errors.New(`a message has "text" or "base64", not both`)
	case r.Text != nil:
		return frame{data: []byte(*r.Text)}, nil
	case r.Base64 != nil:
		data, err := base64.StdEncoding.DecodeString(*r.Base64)
		if err != nil {
			return frame{}, fmt.Errorf(`"base64" is not base64: %w`, err)
		}
		return frame{data: data, binary: true}, nil
	default:
		return frame{}, errors.New(`a message needs "text" or "base64"`)
	}
}

// Recorder writes what is sent and received to a file, each at once. Its methods may be called
// concurrently, and on nil, which records nothing.
type Recorder struct {
	mu  sync.Mutex
	w   io.WriteCloser
	now func() time.Time
	err error // the first
}

// NewRecorder makes a file for a recording, which only the user can read. It must not exist, unless
// it is something else than a file, such as a pipe.
func NewRecorder(path string) (*Recorder, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder: name a file for the recording", path)
	} else if err == nil && !info.Mode().IsRegular() {
		flags = os.O_WRONLY
	}
	f, err := os.OpenFile(path, flags, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("%s exists: remove it, or name another file for the recording", path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("cannot write %s: there is no such folder: make it first", path)
	case err != nil:
		return nil, err
	}
	return &Recorder{w: f, now: time.Now}, nil
}

// message records a message.
func (r *Recorder) message(direction string, f frame) {
	record := Record{Direction: direction}
	if text := string(f.data); !f.binary && utf8.Valid(f.data) {
		record.Text = &text
	} else {
		encoded := base64.StdEncoding.EncodeToString(f.data)
		record.Base64 = &encoded
	}
	r.write(record)
}

// connected records that a connection is open.
func (r *Recorder) connected(address string) {
	r.write(Record{Event: "connected", Address: withoutQuery(address)})
}

// closed records that a connection has ended.
func (r *Recorder) closed(c closing) {
	r.write(Record{Event: "closed", Code: c.code, Reason: c.reason})
}

func (r *Recorder) write(record Record) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return
	}
	record.Time = r.now().UTC().Truncate(time.Millisecond)
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false) // it is for people too
	if r.err = encoder.Encode(record); r.err == nil {
		_, r.err = r.w.Write(line.Bytes())
	}
}

// Close closes the file. The error is that of the first message that was not recorded, if there is
// one.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(r.err, r.w.Close()); err != nil {
		return fmt.Errorf("the recording is not complete: %w", err)
	}
	return nil
}

// Recording is what was recorded: the messages of one file, in their order.
type Recording struct {
	steps []step
}

// step is a message of a recording.
type step struct {
	line  int // of the file
	out   bool
	after time.Duration // since the message before
	frame frame
}

// longestRecord bounds a line of a recording, in bytes: twice the longest message, escaped.
const longestRecord = 6 * maxIncoming

// ReadRecording reads a recording. Members and events that it does not know are ignored.
func ReadRecording(r io.Reader) (*Recording, error) {
	recording := new(Recording)
	lines := bufio.NewReader(r)
	last := time.Time{}
	for number := 1; ; number++ {
		text, err := readLine(lines, longestRecord)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var record Record
		if err := json.Unmarshal(text, &record); err != nil {
			return nil, fmt.Errorf("line %d is not a record: %w", number, err)
		}
		if record.Direction == "" && record.Event != "" {
			continue
		}
		if record.Direction != DirectionIn && record.Direction != DirectionOut {
			return nil, fmt.Errorf(`line %d: the direction is %q: want "in" or "out"`, number, record.Direction)
		}
		f, err := record.message()
		if err == nil && record.Direction == DirectionOut {
			err = checkMessage(f.data)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		s := step{line: number, out: record.Direction == DirectionOut, frame: f}
		if !last.IsZero() && !record.Time.IsZero() {
			s.after = max(0, record.Time.Sub(last))
		}
		if !record.Time.IsZero() {
			last = record.Time
		}
		recording.steps = append(recording.steps, s)
	}
	if recording.count(true) == 0 {
		return nil, errors.New("the recording has no message that was sent")
	}
	return recording, nil
}

// count returns how many messages were sent, or received.
func (r *Recording) count(out bool) (n int) {
	for _, s := range r.steps {
		if s.out == out {
			n++
		}
	}
	return n
}

// errTooLong is the error of a line above the limit. The line has been read to its end.
var errTooLong = errors.New("the line is too long")

// readLine returns the next line, without its end. The error is [errTooLong] or that of reading;
// [io.EOF] comes without a line.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	long := 0
	for {
		part, err := r.ReadSlice('\n')
		if len(line) <= limit {
			line = append(line, part...)
		}
		long += len(part)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && long > 0:
		case err != nil:
			return nil, err
		}
		break
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if len(line) > limit {
		return nil, fmt.Errorf("%w: above %d bytes", errTooLong, limit)
	}
	return line, nil
}
