package console

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
)

const (
	// defaultSilence is for how long nothing may come before answers are given up.
	defaultSilence = 5 * time.Second
	// expectSilence is the same if a number of frames is expected: longer than a function may take.
	expectSilence = 30 * time.Second
	// settling is for how long frames are awaited that follow the last answer.
	settling = 500 * time.Millisecond
	// lastWords is for how long the source may take to say what was not sent, after the connection has
	// ended.
	lastWords = 300 * time.Millisecond
)

// message is a message from a source, or why there is none.
type message struct {
	line    int // of the source, from 1
	frame   frame
	problem error // it cannot be sent; the rest goes on
}

// source is where the messages of a script come from.
type source interface {
	// next returns the next message, or [io.EOF].
	next(ctx context.Context) (message, error)
	// place names the source.
	place() string
}

// lines is standard input: each line is a message, except those without anything.
type lines struct {
	r      *bufio.Reader
	number int
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReader(r)} }

func (l *lines) place() string { return "standard input" }

func (l *lines) next(context.Context) (message, error) {
	for {
		text, err := readLine(l.r, gatesock.MaxMessageSize)
		l.number++
		m := message{line: l.number, frame: frame{data: text}}
		switch {
		case errors.Is(err, errTooLong):
			m.problem = fmt.Errorf("it has more than the %d bytes that API Gateway takes", gatesock.MaxMessageSize)
		case err != nil:
			return message{}, err
		case len(text) == 0:
			continue
		case !utf8.Valid(text):
			m.problem = errors.New("it is not UTF-8")
		}
		return m, nil
	}
}

// script sends what a source has, prints what comes, and ends when that is answered.
type script struct {
	o      *Options
	link   *link
	source source
	ledger *ledger
	show   func(frame) error // prints a frame that has come
	// recorded is how many frames a recording has that is sent again; 0 for other sources.
	recorded int

	mu     sync.Mutex
	line   int   // the one that was being sent or awaited
	ended  bool  // the source has ended
	failed bool  // something could not be sent
	unsent bool  // line and those after it were not sent
	srcErr error // of the source
}

// outcome is how a script ended.
type outcome int

const (
	answered    outcome = iota // all that was to come has come
	givenUp                    // silence
	hungUp                     // the other side has closed the connection
	deaf                       // standard output takes no more
	interrupted                // by the user
)

// feed sends all messages of the source.
func (s *script) feed(ctx context.Context) {
	for next := 1; ; {
		s.at(next)
		m, err := s.source.next(ctx)
		if err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.ended = errors.Is(err, io.EOF)
			if !s.ended && ctx.Err() == nil {
				s.srcErr = err
			}
			return
		}
		next = m.line + 1
		s.at(m.line)
		if m.problem != nil {
			s.o.say("line %d of %s is not sent: %v", m.line, s.source.place(), m.problem)
			s.fail()
			continue
		}
		undo := s.ledger.sending(m.frame)
		s.o.Recorder.message(DirectionOut, m.frame) // before an answer can be
		if err := s.link.send(ctx, m.frame); err != nil {
			undo()
			s.mu.Lock()
			defer s.mu.Unlock()
			s.unsent = true
			return
		}
	}
}

func (s *script) at(line int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = line
}

func (s *script) fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = true
}

// run runs the script, and returns how it ended. The connection is closed then. The goroutine that
// reads the source may wait for it still; it ends with the source.
func (s *script) run(ctx context.Context) outcome {
	feeding, stop := context.WithCancel(ctx)
	defer stop()
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		s.feed(feeding)
	}()
	how := s.receive(ctx, fed)
	stop()
	s.hangUp()
	select {
	case <-fed:
	case <-time.After(cmp.Or(s.o.words, lastWords)):
	}
	s.report(how)
	return how
}

// receive prints what comes until the script is over.
func (s *script) receive(ctx context.Context, fed <-chan struct{}) outcome {
	silence := time.NewTimer(time.Hour) // begins when everything is sent
	silence.Stop()
	defer silence.Stop()
	sent := false
	for {
		if sent && s.enough() {
			return answered
		}
		select {
		case <-ctx.Done():
			return interrupted
		case <-fed:
			fed = nil
			if sent = s.allSent(); sent { // the end of the connection ends the rest
				silence.Reset(s.patience())
			}
		case <-silence.C:
			if s.missing() > 0 {
				return givenUp
			}
			return answered
		case f, ok := <-s.link.frames:
			if !ok {
				return hungUp
			}
			s.ledger.arrived(f)
			s.o.Recorder.message(DirectionIn, f)
			if err := s.show(f); err != nil {
				return deaf
			}
			if sent {
				silence.Reset(s.patience())
			}
		}
	}
}

// allSent reports whether the source has ended before the connection.
func (s *script) allSent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.unsent
}

// enough reports whether nothing more need be awaited.
func (s *script) enough() bool { return s.o.Expect > 0 && s.missing() == 0 }

// missing returns how many frames are to come yet.
func (s *script) missing() int {
	if want := cmp.Or(s.o.Expect, s.recorded); want > 0 {
		return max(0, want-s.ledger.count())
	}
	return s.ledger.open()
}

// patience returns for how long nothing may come from now on.
func (s *script) patience() time.Duration {
	switch {
	case s.o.Wait != nil:
		return *s.o.Wait
	case s.o.Expect > 0:
		return expectSilence
	case s.missing() == 0:
		return settling
	}
	return cmp.Or(s.o.silence, defaultSilence)
}

// hangUp closes the connection and takes what still comes.
func (s *script) hangUp() {
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for f := range s.link.frames {
			s.ledger.arrived(f)
			s.o.Recorder.message(DirectionIn, f)
			_ = s.show(f) // it was said if that fails
		}
	}()
	s.link.close(1000, "")
	<-drained
	s.o.Recorder.closed(s.link.end())
}

// report says what was not sent or not answered.
func (s *script) report(how outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := s.link.end()
	if s.o.Verbose || how == hungUp {
		s.o.say("%s", end.text())
	}
	if s.srcErr != nil {
		s.o.say("%s: %v", s.source.place(), s.srcErr)
	}
	switch {
	case s.ended || s.srcErr != nil:
	case s.unsent:
		s.o.say("line %d of %s was not sent, nor what follows it", s.line, s.source.place())
	default:
		s.o.say("%s was not read to its end: what it has from line %d on is not sent", s.source.place(), s.line)
	}
	switch {
	case how == interrupted:
		s.o.say("interrupted")
	case how == givenUp && s.o.Expect > 0:
		s.o.say("%d of %d frames have come, and then nothing for %v: --wait sets how long", s.ledger.count(), s.o.Expect, s.patience())
	case how == givenUp && s.o.Wait == nil && s.recorded == 0:
		s.o.say("nothing came for %v, and there may be messages without an answer (%d): --wait sets how long", s.patience(), s.missing())
	}
}

// err returns the error of a script for the exit status. What it means has been said.
func (s *script) err(how outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case how == interrupted, how == hungUp, how == deaf, s.failed, s.unsent, s.srcErr != nil:
		return ErrFailed
	case how == givenUp && s.o.Expect > 0:
		return ErrFailed
	}
	return nil
}

// brokenPipe reports whether the reader of standard output has gone.
func brokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
