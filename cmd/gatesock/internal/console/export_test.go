package console

import (
	"bufio"
	"context"
	"errors"
	"strings"
	"time"
)

// Patient lets a script wait for answers for as long as a test may take, and, when the connection
// has ended, for its input.
func (o *Options) Patient() { o.words, o.silence = time.Hour, time.Hour }

// PaintJSON is paintJSON, for the fuzz test.
func PaintJSON(text string) string { return paintJSON(text, true) }

// Complete completes a line, and returns the labels, and the line after the only option, with |
// where the cursor is.
func Complete(o Options, line string) (labels []string, after string) {
	before, behind, _ := strings.Cut(line, "|")
	c := completer{o.App}.complete(before+behind, len(before))
	for _, option := range c.Options {
		label := option.Label
		if label == "" {
			label = option.Text
		}
		labels = append(labels, label)
	}
	if len(c.Options) == 1 {
		text := c.Options[0].Text
		at := len(text) - c.Options[0].Back
		after = before[:c.Start] + text[:at] + "|" + text[at:] + behind
	}
	return labels, after
}

// Counts returns how many messages were sent and received.
func (r *Recording) Counts() (out, in int) { return r.count(true), r.count(false) }

// Lines returns what readLine makes of a text.
func Lines(text string, limit int) []string {
	all := []string{}
	for r := bufio.NewReaderSize(strings.NewReader(text), 16); ; {
		line, err := readLine(r, limit)
		switch {
		case errors.Is(err, errTooLong):
			all = append(all, "too long")
		case err != nil:
			return all
		default:
			all = append(all, string(line))
		}
	}
}

// Replay returns functions that wait for the next message of a recording, and that say that a frame
// has come.
func Replay(
	recording *Recording, paced bool, patience time.Duration,
) (next func(context.Context) error, arrived func()) {
	l := newLedger(nil)
	r := &replay{recording: recording, ledger: l, patience: patience, paced: paced}
	return func(ctx context.Context) error {
		_, err := r.next(ctx)
		return err
	}, func() { l.arrived(frame{data: []byte("x")}) }
}
