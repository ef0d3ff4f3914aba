package console

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/gatesock/gatesock/describe"
)

// ledger counts messages and answers, to know when everything that was sent is answered. It is safe
// for concurrent use.
type ledger struct {
	envelope describe.Envelope
	silent   map[string]bool // actions that answer nothing; known from a description

	mu       sync.Mutex
	waiting  map[string]int // ids, as they are in JSON, of messages that have no answer yet
	unnamed  int            // messages without an id that may be answered
	others   int            // frames that answer no id
	received int
	grown    chan struct{} // closed, and made anew, when received grows
}

func newLedger(app *describe.App) *ledger {
	l := &ledger{
		envelope: describe.Envelope{Action: "action", ID: "id"}, silent: map[string]bool{}, waiting: map[string]int{},
		grown: make(chan struct{}),
	}
	if app == nil {
		return l
	}
	l.envelope = app.Envelope
	for _, r := range app.Routes {
		if r.Answer == describe.AnswerNone {
			l.silent[r.Key] = true
		}
	}
	return l
}

// idOf returns the id of a message as it is in JSON, "" if it has none, and its action.
func (l *ledger) idOf(f frame) (id, action string) {
	var members map[string]json.RawMessage
	if f.binary || json.Unmarshal(f.data, &members) != nil {
		return "", ""
	}
	_ = json.Unmarshal(members[l.envelope.Action], &action) // an action is a string
	id = string(members[l.envelope.ID])
	if id == "null" || id == `""` {
		id = ""
	}
	return id, action
}

// sending counts a message. The returned function takes that back, for one that was not sent.
func (l *ledger) sending(f frame) (undo func()) {
	id, action := l.idOf(f)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case id != "":
		l.waiting[id]++
	case !l.silent[action]:
		l.unnamed++
	default:
		return func() {}
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if id == "" {
			l.unnamed--
			return
		}
		l.answer(id)
	}
}

// answer removes a message that waits, and reports whether there was one.
func (l *ledger) answer(id string) bool {
	if l.waiting[id] == 0 {
		return false
	}
	l.waiting[id]--
	if l.waiting[id] == 0 {
		delete(l.waiting, id)
	}
	return true
}

// arrived counts a frame that has come.
func (l *ledger) arrived(f frame) {
	id, _ := l.idOf(f)
	l.mu.Lock()
	defer l.mu.Unlock()
	if id == "" || !l.answer(id) {
		l.others++
	}
	l.received++
	close(l.grown)
	l.grown = make(chan struct{})
}

// count returns how many frames have come.
func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.received
}

// open returns how many messages have no answer. A message without an id counts as answered by a
// frame that answers no other.
func (l *ledger) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := max(0, l.unnamed-l.others)
	for _, count := range l.waiting {
		n += count
	}
	return n
}

// wait waits until so many frames have come.
func (l *ledger) wait(ctx context.Context, n int) error {
	for {
		l.mu.Lock()
		received, grown := l.received, l.grown
		l.mu.Unlock()
		if received >= n {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
