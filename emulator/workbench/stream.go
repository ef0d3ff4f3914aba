package workbench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/emulator/workbench/internal/record"
)

// How a stream is written.
const (
	// streamBatch is how many entries are written at once.
	streamBatch = 500
	// streamPause is how long a stream waits after it has written, so that a burst costs a few large
	// writes.
	streamPause = 15 * time.Millisecond
	// streamBeat is how often a stream without news writes a comment, so that both sides notice when
	// the other one has gone.
	streamBeat = 15 * time.Second
	// streamPatience is how long a write may take. A page that does not read for that long is
	// disconnected, and comes back with what it had last.
	streamPatience = 30 * time.Second
)

// stream serves what happens as server-sent events, until the page or the workbench closes.
func (b *Workbench) stream(w http.ResponseWriter, r *http.Request) {
	after, err := b.cursor(r)
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return
	}
	s := &stream{b: b, r: r, w: w, control: http.NewResponseController(w), after: after}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(b.ctx, cancel)()
	// A write that waits for a page that does not read ends with the workbench.
	expired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(expired)
		_ = s.control.SetWriteDeadline(time.Unix(1, 0)) // it fails for a test's writer
	})
	defer func() {
		if !stop() {
			<-expired // not after the handler has returned
		}
	}()
	_ = s.run(ctx) // the page has gone
}

// cursor returns the number after which a stream begins: the one that the page had last, if it had
// it from this program.
func (b *Workbench) cursor(r *http.Request) (uint64, error) {
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		return number(r, "after", 0)
	}
	instance, seq, _ := strings.Cut(last, "/")
	if instance != b.instance {
		return 0, nil // another run's
	}
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil {
		return 0, failure(http.StatusBadRequest, "Last-Event-ID: %.40q: want INSTANCE/SEQ.", last)
	}
	return n, nil
}

// stream is a page that reads what happens.
type stream struct {
	b       *Workbench
	r       *http.Request
	w       http.ResponseWriter
	control *http.ResponseController
	after   uint64 // the last entry that was written
	changes uint64 // the state that was written
	buf     bytes.Buffer
}

func (s *stream) run(ctx context.Context) error {
	reader := s.b.record.Subscribe()
	defer reader.Close()
	s.changes = s.b.changes.Load()
	if err := s.event("hello", s.b.state(s.r)); err != nil {
		return err
	}
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	for {
		more, err := s.news()
		if err != nil {
			return err
		}
		if err := s.flush(ctx); err != nil {
			return err
		}
		if more {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		}
		if err := s.wait(ctx, reader, beat); err != nil {
			return err
		}
	}
}

// wait returns when there may be news.
func (s *stream) wait(ctx context.Context, reader *record.Reader, beat *time.Ticker) error {
	pause := time.NewTimer(streamPause)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-pause.C:
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-reader.C:
	case <-beat.C:
		s.buf.WriteString(": still here\n\n")
	}
	return nil
}

// news writes what has happened. It reports whether there is more.
func (s *stream) news() (more bool, err error) {
	if changes := s.b.changes.Load(); changes != s.changes {
		s.changes = changes
		if err := s.event("state", s.b.state(s.r)); err != nil {
			return false, err
		}
	}
	entries, kept := s.b.record.After(s.after, streamBatch)
	if s.after == 0 { // a new page gets what there is
		s.after = kept.First - 1
	}
	if next := s.after + 1; next < kept.First {
		// Nobody waits for a page: what it was too slow for is gone.
		if err := s.event("dropped", gap{next, kept.First - 1}); err != nil {
			return false, err
		}
		s.after = kept.First - 1
	}
	for _, e := range entries {
		s.after = e.Seq
		if err := s.event("entry", e); err != nil {
			return false, err
		}
	}
	return len(entries) == streamBatch, nil
}

// gap is a range of entries that the page did not get.
type gap struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// event adds an event to what is written next. Its id says what the page has then.
func (s *stream) event(name string, data any) error {
	text, err := encode(data)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(&s.buf, "event: %s\nid: %s/%d\ndata: %s\n\n", name, s.b.instance, s.after, text)
	return err
}

// flush writes the events.
func (s *stream) flush(ctx context.Context) error {
	if s.buf.Len() == 0 {
		return nil
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(streamPatience)) // it fails for a test's writer
	// Checked now, since this deadline may have replaced the one with which the stream ends.
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, err := s.w.Write(s.buf.Bytes())
	s.buf.Reset()
	if err != nil {
		return err
	}
	return s.control.Flush()
}
