package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/internal/oneline"
)

// replay sends the messages of a recording again. Each waits until as many frames have come as had
// come before it, or, if it is paced, for as long as it took.
type replay struct {
	recording *Recording
	ledger    *ledger
	patience  time.Duration // for how long a frame may be late
	paced     bool

	at   int // the next step
	came int // frames before it
}

func (r *replay) place() string { return "the recording" }

func (r *replay) next(ctx context.Context) (message, error) {
	pause := time.Duration(0)
	for ; r.at < len(r.recording.steps); r.at++ {
		s := r.recording.steps[r.at]
		pause += s.after
		if !s.out {
			r.came++
			continue
		}
		r.at++
		return message{line: s.line, frame: s.frame}, r.wait(ctx, pause)
	}
	return message{}, io.EOF
}

// wait waits until it is time for a message. A frame that does not come is one of the differences.
func (r *replay) wait(ctx context.Context, pause time.Duration) error {
	if r.paced {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	waiting, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	if err := r.ledger.wait(waiting, r.came); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return ctx.Err()
}

// difference is a frame that only one side has.
type difference struct {
	line  int // of the recording; 0 if the frame is new
	frame frame
}

func (d difference) text() string {
	const longest = 300
	shown := "binary"
	if !d.frame.binary {
		shown = oneline.Of(string(d.frame.data), longest)
	}
	if d.line == 0 {
		return "not in the recording: " + shown
	}
	return fmt.Sprintf("did not come (line %d): %s", d.line, shown)
}

// compare returns how frames differ from those of a recording. The order does not count, and of
// JSON only the shape does: the names and types of members, and the values that say what a frame
// is, which are its action, its event and the code of its error. Ids and times differ each
// time.
func (r *Recording) compare(came []frame, envelope describe.Envelope) (all []difference) {
	left := make([]string, len(came))
	for i, f := range came {
		left[i] = shapeOf(f, envelope)
	}
	missing := []difference{}
	taken := make([]bool, len(came))
	for _, s := range r.steps {
		if s.out {
			continue
		}
		want := shapeOf(s.frame, envelope)
		found := slices.IndexFunc(left, func(have string) bool { return have == want })
		if found < 0 {
			missing = append(missing, difference{s.line, s.frame})
			continue
		}
		taken[found], left[found] = true, ""
	}
	for i, f := range came {
		if !taken[i] {
			missing = append(missing, difference{frame: f})
		}
	}
	return missing
}

// shapeOf returns a text that is the same for frames of one shape. It is never empty.
func shapeOf(f frame, envelope describe.Envelope) string {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(f.data))
	decoder.UseNumber()
	switch {
	case f.binary:
		return "binary"
	case !json.Valid(f.data) || decoder.Decode(&value) != nil:
		return "text " + string(f.data)
	}
	literal := func(path []string) bool {
		switch len(path) {
		case 1:
			return path[0] == envelope.Action || path[0] == envelope.Event
		case 2:
			return path[0] == envelope.Error && path[1] == "code"
		}
		return false
	}
	return shape(value, nil, literal)
}

func shape(value any, path []string, literal func(path []string) bool) string {
	switch v := value.(type) {
	case map[string]any:
		var parts []string
		for name, member := range v {
			parts = append(parts, fmt.Sprintf("%q:%s", name, shape(member, append(slices.Clip(path), name), literal)))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		var parts []string
		for _, element := range v {
			parts = append(parts, shape(element, append(slices.Clip(path), ""), literal))
		}
		slices.Sort(parts)
		return "[" + strings.Join(slices.Compact(parts), ",") + "]"
	case string:
		if literal(path) {
			return fmt.Sprintf("%q", v)
		}
		return "string"
	case json.Number:
		return "number"
	case bool:
		return "boolean"
	}
	return "null"
}
