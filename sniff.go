package gatesock

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/internal/jsontext"
)

// source is the kind of event source that an event came from.
type source int

const (
	sourceUnknown source = iota
	sourceWebSocket
	sourceAuthorizer
	sourceQueue
	sourceSchedule
)

// traits are the members by which events of different sources are told apart.
type traits struct {
	shape                              string // what the event is if it is not an object
	typ, methodARN, source, detailType string
	eventSource                        string // of the first record
	records, httpMethod, rawPath       bool
	connectionID, eventType, http, elb bool
}

// readTraits reads the members by which an event can be told. It stops where the event stops to be JSON.
func readTraits(payload []byte) traits {
	s := jsontext.NewScanner(payload, nil)
	var t traits
	if s.Peek() != '{' {
		t.shape = shapeOf(payload)
		return t
	}
	s.Open('{')
	for s.More('}') {
		switch string(s.Key()) {
		case "type":
			t.typ, _ = s.StringOr()
		case "methodArn":
			t.methodARN, _ = s.StringOr()
		case "source":
			t.source, _ = s.StringOr()
		case "detail-type":
			t.detailType, _ = s.StringOr()
		case "httpMethod":
			t.httpMethod = true
			s.Skip()
		case "rawPath":
			t.rawPath = true
			s.Skip()
		case "Records":
			t.readRecords(&s)
		case "requestContext":
			t.readContext(&s)
		default:
			s.Skip()
		}
	}
	if s.End() != nil {
		t.shape = "broken JSON"
	}
	return t
}

func (t *traits) readRecords(s *jsontext.Scanner) {
	t.records = true
	if s.Peek() != '[' {
		s.Skip()
		return
	}
	s.Open('[')
	for s.More(']') {
		if s.Peek() != '{' {
			s.Skip()
			continue
		}
		s.Open('{')
		for s.More('}') {
			if k := s.Name(); t.eventSource == "" && strings.EqualFold(k, "eventSource") {
				t.eventSource, _ = s.StringOr()
			} else {
				s.Skip()
			}
		}
	}
}

func (t *traits) readContext(s *jsontext.Scanner) {
	if s.Peek() != '{' {
		s.Skip()
		return
	}
	s.Open('{')
	for s.More('}') {
		switch string(s.Key()) {
		case "connectionId":
			t.connectionID = true
		case "eventType":
			t.eventType = true
		case "http":
			t.http = true
		case "elb":
			t.elb = true
		}
		s.Skip()
	}
}

func shapeOf(payload []byte) string {
	s := jsontext.NewScanner(payload, nil)
	c := s.Peek()
	s.Skip()
	switch err := s.End(); {
	case len(bytes.TrimSpace(payload)) == 0:
		return "an empty payload"
	case err != nil:
		return "something that is not JSON"
	case c == '[':
		return "a JSON array"
	case c == '"':
		return "a JSON string"
	case c == 'n':
		return "a JSON null"
	case c == 't' || c == 'f':
		return "a JSON boolean"
	default:
		return "a JSON number"
	}
}

// eventFrom tells which of the sources that an [EventMux] serves the event came from.
func (t traits) eventFrom() source {
	switch {
	case t.shape != "":
		return sourceUnknown
	case t.typ == "REQUEST" && t.methodARN != "":
		return sourceAuthorizer
	case t.connectionID && t.eventType:
		return sourceWebSocket
	case t.eventSource == "aws:sqs":
		return sourceQueue
	case t.detailType != "" && (t.source == "aws.events" || t.source == "aws.scheduler"):
		return sourceSchedule
	default:
		return sourceUnknown
	}
}

// sniff says what an event looks like, for error messages.
func sniff(payload []byte) string {
	t := readTraits(payload)
	switch t.eventFrom() {
	case sourceWebSocket:
		return "an incomplete WebSocket event"
	case sourceAuthorizer:
		return "the event of a REQUEST authorizer"
	case sourceQueue:
		return "an SQS event"
	case sourceSchedule:
		return "a scheduled event"
	case sourceUnknown:
	}
	switch {
	case t.shape != "":
		return t.shape
	case t.typ == "TOKEN" && t.methodARN != "":
		return "the event of a TOKEN authorizer"
	case t.records && t.eventSource != "":
		return "a batch of records from " + quoteShort(t.eventSource)
	case t.records:
		return "a batch of records"
	case t.elb:
		return "an Application Load Balancer event"
	case t.http && t.rawPath:
		return "an API Gateway HTTP API event, or one of a function URL"
	case t.httpMethod:
		return "an API Gateway REST API event"
	case t.detailType != "":
		return "an EventBridge event from " + quoteShort(t.source)
	default:
		return "a JSON object of an unknown kind"
	}
}

// quoteShort quotes a text of the event for a message, at a length that fits there.
func quoteShort(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strconv.Quote(s)
}
