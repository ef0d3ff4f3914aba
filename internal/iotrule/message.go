package iotrule

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// Message is an event. Payload is still base64.
type Message struct {
	Rule, Topic, ClientID, Principal, Payload string
	Millis                                    int64
}

// Read reads an event, and reports whether it has the form of one: a JSON object with the name of a
// rule, a topic and a time. Members that it does not know do not matter.
func Read(event []byte) (m Message, ok bool) {
	s := jsonscan.NewScanner(event, nil)
	if s.Peek() != '{' {
		return Message{}, false
	}
	var rule string
	m.Millis = -1
	payload := true
	s.Open('{')
	for s.More('}') {
		switch string(s.Key()) {
		case ruleMember:
			rule, _ = s.StringOr()
		case topicMember:
			m.Topic, _ = s.StringOr()
		case timeMember:
			m.Millis = -1
			s.Integer(&m.Millis)
		case payloadMember:
			m.Payload, payload = s.StringOr()
		case clientMember:
			m.ClientID, _ = s.StringOr()
		case principalMember:
			m.Principal, _ = s.StringOr()
		default:
			s.Skip()
		}
	}
	var isRule bool
	m.Rule, isRule = strings.CutPrefix(rule, rulePrefix)
	if s.End() != nil || !isRule || NameFault(m.Rule) != "" || m.Topic == "" || m.Millis < 0 || !payload {
		return Message{}, false
	}
	return m, true
}

// Decode returns the payload.
func (m *Message) Decode() ([]byte, error) {
	payload, err := base64.StdEncoding.Strict().DecodeString(m.Payload)
	if err != nil {
		return nil, fmt.Errorf("the payload of the rule %s: %w", m.Rule, err)
	}
	return payload, nil
}

// Time returns when the rule got the message.
func (m *Message) Time() time.Time { return time.UnixMilli(m.Millis).UTC() }

// Append appends the event to b. The payload is not base64 yet.
func (m *Message) Append(b, payload []byte) []byte {
	member := func(first byte, name, value string) {
		b = append(b, first)
		b = jsonscan.AppendString(b, name)
		b = append(b, ':')
		b = jsonscan.AppendString(b, value)
	}
	member('{', ruleMember, rulePrefix+m.Rule)
	member(',', topicMember, m.Topic)
	member(',', clientMember, m.ClientID)
	member(',', principalMember, m.Principal)
	b = append(b, `,"`+timeMember+`":`...)
	b = strconv.AppendInt(b, m.Millis, 10)
	b = append(b, `,"`+payloadMember+`":"`...)
	b = base64.StdEncoding.AppendEncode(b, payload)
	return append(b, '"', '}')
}
