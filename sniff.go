package gatesock

import (
	"bytes"
	"strconv"
	"strings"
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
	s := newScanner(payload)
	var t traits
	if s.peek() != '{' {
		t.shape = shapeOf(s)
		return t
	}
	s.open('{')
	for s.more('}') {
		switch string(s.key()) {
		case "type":
			t.typ, _ = s.stringOr()
		case "methodArn":
			t.methodARN, _ = s.stringOr()
		case "source":
			t.source, _ = s.stringOr()
		case "detail-type":
			t.detailType, _ = s.stringOr()
		case "httpMethod":
			t.httpMethod = true
			s.skip()
		case "rawPath":
			t.rawPath = true
			s.skip()
		case "Records":
			t.readRecords(&s)
		case "requestContext":
			t.readContext(&s)
		default:
			s.skip()
		}
	}
	s.end()
	if s.err != nil {
		t.shape = "broken JSON"
	}
	return t
}

func (t *traits) readRecords(s *scanner) {
	t.records = true
	if s.peek() != '[' {
		s.skip()
		return
	}
	s.open('[')
	for s.more(']') {
		if s.peek() != '{' {
			s.skip()
			continue
		}
		s.open('{')
		for s.more('}') {
			if k := s.name(); t.eventSource == "" && strings.EqualFold(k, "eventSource") {
				t.eventSource, _ = s.stringOr()
			} else {
				s.skip()
			}
		}
	}
}

func (t *traits) readContext(s *scanner) {
	if s.peek() != '{' {
		s.skip()
		return
	}
	s.open('{')
	for s.more('}') {
		switch string(s.key()) {
		case "connectionId":
			t.connectionID = true
		case "eventType":
			t.eventType = true
		case "http":
			t.http = true
		case "elb":
			t.elb = true
		}
		s.skip()
	}
}

func shapeOf(s scanner) string {
	c := s.peek()
	s.skip()
	s.end()
	switch {
	case c == 0 && len(bytes.TrimSpace(s.data)) == 0:
		return "an empty payload"
	case s.err != nil:
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
