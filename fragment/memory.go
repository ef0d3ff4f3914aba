package fragment

import (
	"container/list"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/observing"
)

// defaultCapacity is how many bytes a store in memory holds.
const defaultCapacity = 64 << 20

// NewMemory returns a Store in memory, for tests and for servers that are one process. In Lambda
// the fragments of a message arrive in different processes: use dynamo.DB.Fragments there. It takes
// the options [WithClock] and [WithCapacity].
//
// A store that is full refuses pieces with [ErrTooMany]. It holds 64 MiB, unless [WithCapacity]
// says otherwise, including a few hundred bytes for each message.
func NewMemory(opts ...MemoryOption) Store {
	m := &memory{
		now: time.Now, capacity: defaultCapacity, messages: make(map[messageKey]*message),
		incomplete: make(map[string]int), byAge: list.New(),
	}
	for _, o := range opts {
		if o == nil {
			panic("fragment: NewMemory: an option is nil")
		}
		o(m)
	}
	return m
}

// MemoryOption is an option of [NewMemory].
type MemoryOption func(*memory)

// WithClock sets the clock. The default is time.Now. It panics if now is nil.
func WithClock(now func() time.Time) MemoryOption {
	if now == nil {
		panic("fragment: WithClock: now must not be nil")
	}
	return func(m *memory) { m.now = now }
}

// WithCapacity sets how many bytes the store holds. It panics unless it is positive.
func WithCapacity(bytes int) MemoryOption {
	if bytes <= 0 {
		panic(fmt.Sprintf("fragment: WithCapacity(%d): it must be positive", bytes))
	}
	return func(m *memory) { m.capacity = bytes }
}

type memory struct {
	now      func() time.Time
	capacity int

	mu         sync.Mutex
	used       int // bytes
	messages   map[messageKey]*message
	incomplete map[string]int // by connection; absent if there is none
	byAge      *list.List     // of *message, the oldest one first
}

type messageKey struct{ connectionID, id string }

// message is a message under way, or complete: its pieces are nil then, and those that arrive again
// are recognized.
type message struct {
	messageKey

	begun   time.Time
	count   int
	pieces  []string
	missing int
	size    int // of the pieces
	used    int
}

// overhead is about what the store needs for a message without pieces, and for a piece.
const (
	messageOverhead = 256
	pieceOverhead   = 16
)

// Add keeps a piece.
func (m *memory) Add(ctx context.Context, p Piece, l Limits) ([]byte, error) {
	done, err := observing.BeginCall(ctx, "fragment.Add")
	if err != nil {
		return nil, err
	}
	defer done()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("fragment: add: %w", context.Cause(ctx))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now().Round(0) // a process in Lambda may sleep, which only the wall clock sees
	m.forget(now)
	msg := m.messages[messageKey{p.ConnectionID, p.Message}]
	if msg == nil {
		return nil, m.begin(now, p, l)
	}
	switch {
	case msg.count != p.Count:
		return nil, ErrContradiction
	case msg.missing == 0:
		return nil, nil
	case msg.pieces[p.Index] == p.Data:
		return nil, nil
	case msg.pieces[p.Index] != "":
		return nil, ErrContradiction
	case msg.size+len(p.Data) > l.Size:
		return nil, ErrTooLarge
	case m.used+len(p.Data) > m.capacity:
		return nil, ErrTooMany
	}
	msg.put(p)
	m.used += len(p.Data)
	if msg.missing > 0 {
		return nil, nil
	}
	return m.complete(msg), nil
}

// begin keeps the first piece of a message.
func (m *memory) begin(now time.Time, p Piece, l Limits) error {
	overhead := messageOverhead + p.Count*pieceOverhead
	switch {
	case len(p.Data) > l.Size:
		return ErrTooLarge
	case m.incomplete[p.ConnectionID] >= l.Messages, m.used+overhead+len(p.Data) > m.capacity:
		return ErrTooMany
	}
	msg := &message{
		messageKey: messageKey{p.ConnectionID, p.Message}, begun: now,
		count: p.Count, missing: p.Count, pieces: make([]string, p.Count), used: overhead,
	}
	msg.put(p)
	m.used += msg.used
	m.messages[msg.messageKey] = msg
	m.incomplete[p.ConnectionID]++
	m.byAge.PushBack(msg)
	return nil
}

// put adds a piece that is missing.
func (msg *message) put(p Piece) {
	msg.pieces[p.Index] = strings.Clone(p.Data)
	msg.missing--
	msg.size += len(p.Data)
	msg.used += len(p.Data)
}

// complete returns the text of a message, and keeps only that there was one.
func (m *memory) complete(msg *message) []byte {
	text := []byte(strings.Join(msg.pieces, ""))
	m.used += messageOverhead - msg.used
	msg.used, msg.pieces = messageOverhead, nil
	m.finish(msg.connectionID)
	return text
}

// finish notes that a connection has one message less under way.
func (m *memory) finish(connectionID string) {
	if m.incomplete[connectionID]--; m.incomplete[connectionID] == 0 {
		delete(m.incomplete, connectionID)
	}
}

// forget removes the messages that are too old.
func (m *memory) forget(now time.Time) {
	for e := m.byAge.Front(); e != nil; e = m.byAge.Front() {
		msg, _ := e.Value.(*message)
		if now.Sub(msg.begun) <= Keep {
			return
		}
		m.byAge.Remove(e)
		delete(m.messages, msg.messageKey)
		m.used -= msg.used
		if msg.missing > 0 {
			m.finish(msg.connectionID)
		}
	}
}
