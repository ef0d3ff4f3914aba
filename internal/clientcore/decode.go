package clientcore

import (
	"encoding/json"

	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// message is a frame of the server.
type message struct {
	id      string
	foreign bool // there is an id that is not a string
	action  string
	event   string
	topic   string
	data    []byte
	failure []byte // error

	epoch   string
	offset  int64
	items   []byte // events
	prev    []byte
	spread  int64
	key     string
	keyed   bool
	version int64
	counter int64

	text      string // message, of the gateway
	isGateway bool   // there is a requestId or a messageId
}

// decode reads an object. The parts of m share memory with the frame.
func decode(s *jsonscan.Scanner, m *message) bool {
	if !s.Open('{') {
		return false
	}
	for s.More('}') {
		switch name := s.Key(); string(name) {
		case "id":
			text, ok := s.StringOr()
			m.id, m.foreign = text, !ok
		case "action":
			m.action, _ = s.StringOr()
		case "event":
			s.String(&m.event)
		case "topic":
			s.String(&m.topic)
		case "data":
			m.data = s.Part()
		case "error":
			if !s.Null() {
				m.failure = s.Part()
			}
		case "message":
			m.text, _ = s.StringOr()
		case "requestId", "messageId":
			m.isGateway = m.isGateway || s.Peek() == '"'
			s.Skip()
		default:
			m.decodeTopic(s, name)
		}
	}
	return true
}

// decodeTopic reads the value of a member whose name was read.
func (m *message) decodeTopic(s *jsonscan.Scanner, name []byte) {
	switch string(name) {
	case "epoch":
		s.String(&m.epoch)
	case "offset":
		s.Int(&m.offset)
	case "events":
		m.items = s.Part()
	case "prev":
		m.prev = s.Part()
	case "spreadMs":
		s.Int(&m.spread)
	case "key":
		m.keyed = s.Peek() == '"'
		s.String(&m.key)
	case "version":
		s.Int(&m.version)
	case "counter":
		s.Int(&m.counter)
	default:
		s.Skip()
	}
}

// entryOf returns the entry that a push of an event topic has, and false if it is malformed. Known
// has the epoch of the topic's position, with its number.
func entryOf(m *message, known *log, size int) (entry, bool) {
	e := entry{mark: mark{known.number, m.epoch, m.offset}, name: m.event, data: m.data, size: size}
	if m.epoch != known.position.Epoch {
		number, ok := topicwire.EpochNumber(m.epoch)
		if !ok {
			return entry{}, false
		}
		e.number = number
	}
	if m.epoch == "" || m.offset < 1 || m.offset > topicwire.MaxOffset {
		return entry{}, false
	}
	if m.prev != nil && json.Unmarshal(m.prev, &e.prev) != nil {
		return entry{}, false
	}
	if m.items != nil && json.Unmarshal(m.items, &e.items) != nil {
		return entry{}, false
	}
	return e, true
}
