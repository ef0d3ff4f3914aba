package trigger

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Frame is a message that a client has got.
type Frame struct {
	ConnectionID string
	Text         string
	Data         []byte // if it is not UTF-8; Text is empty then
}

// entry is what Frames needs of an entry of the timeline.
type entry struct {
	Kind         string `json:"kind"`
	ConnectionID string `json:"connectionId"`
	Connection   uint64 `json:"connection"`
	Method       string `json:"method"`
	Status       int    `json:"status"`
	Code         int    `json:"code"`
	Body         string `json:"body"`
	Body64       []byte `json:"body64"`
	Error        string `json:"error"`
}

// isFrame reports whether a client has got something.
func (e *entry) isFrame() bool {
	return e.Kind == "sent" && e.Error == "" || e.Kind == "called" && e.Method == http.MethodPost && e.Status == http.StatusOK
}

// longestEvent bounds a server-sent event, in bytes.
const longestEvent = 64 << 20

// Frames calls got with each frame that connections get after a state was taken, until each has
// got as many as missing says, by their ids. It changes missing. The error is that of got or of
// ctx, or says which connection has ended before.
func (b *Bench) Frames(ctx context.Context, since State, missing map[string]int, got func(Frame) error) error {
	r, err := b.request(ctx, http.MethodGet, "stream?after="+strconv.FormatUint(since.Kept.Last, 10), nil)
	if err != nil {
		return err
	}
	response, err := b.do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	err = events(response.Body, func(name, data string) error {
		switch name {
		case "entry":
			var e entry
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				return fmt.Errorf("an entry of the timeline: %w", err)
			}
			return e.count(missing, got)
		case "dropped":
			return errors.New("there is more on the timeline than is kept: frames may be missing")
		}
		return nil
	})
	switch {
	case errors.Is(err, errEnough):
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return errors.New("the program has ended")
	}
	return err
}

// errEnough ends the reading of a stream.
var errEnough = errors.New("all frames have come")

// count counts the frame of an entry, if it is one that is waited for.
func (e *entry) count(missing map[string]int, got func(Frame) error) error {
	n, wanted := missing[e.ConnectionID]
	switch {
	case !wanted:
		return nil
	case e.Kind == "disconnected":
		return fmt.Errorf("the connection #%d has ended with %d, and %d frames are missing", e.Connection, e.Code, n)
	case !e.isFrame():
		return nil
	}
	if err := got(Frame{e.ConnectionID, e.Body, e.Body64}); err != nil {
		return err
	}
	if missing[e.ConnectionID]--; n == 1 {
		delete(missing, e.ConnectionID)
	}
	if len(missing) == 0 {
		return errEnough
	}
	return nil
}

// events calls f with the name and the data of each server-sent event (WHATWG HTML, "Server-sent
// events"), until it returns an error or the stream ends.
func events(stream io.Reader, f func(name, data string) error) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(make([]byte, 0, 64<<10), longestEvent)
	name, data := "", []string{}
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if len(data) > 0 {
				if err := f(name, strings.Join(data, "\n")); err != nil {
					return err
				}
			}
			name, data = "", nil
		case field == "event":
			name = value
		case field == "data":
			data = append(data, value)
		}
	}
	return lines.Err()
}
