package cloudwatchtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Log keeps what a program writes, as a log group does: each line that is not empty is an event. It
// is safe for concurrent use.
type Log struct {
	now func() time.Time

	mu     sync.Mutex
	begun  []byte // a line without its end
	events []Event
}

// NewLog returns a log whose events have the times of a clock.
func NewLog(now func() time.Time) *Log { return &Log{now: now} }

// Write adds lines.
func (l *Log) Write(text []byte) (int, error) {
	at := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun = append(l.begun, text...)
	for {
		line, rest, found := bytes.Cut(l.begun, []byte("\n"))
		if !found {
			return len(text), nil
		}
		if len(bytes.TrimSpace(line)) > 0 {
			l.events = append(l.events, NewEvent(at, string(line)))
		}
		l.begun = rest
	}
}

// Events returns the events until now.
func (l *Log) Events() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events)
}

// Metrics returns the metrics of the events that are JSON objects with a member "_aws". The error
// names the first one that is not in the embedded metric format.
func (l *Log) Metrics() (*Metrics, error) {
	m := new(Metrics)
	for i, e := range l.Events() {
		var root map[string]json.RawMessage
		if json.Unmarshal([]byte(e.Message), &root) != nil || root["_aws"] == nil {
			continue
		}
		if err := m.Add([]byte(e.Message)); err != nil {
			return nil, fmt.Errorf("event %d: %w", i+1, err)
		}
	}
	return m, nil
}
