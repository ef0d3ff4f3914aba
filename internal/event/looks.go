package event

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/oneline"
)

// Looks describes an event for an error message, for example as "an SQS event".
func Looks(payload []byte) string {
	t := readTraits(payload)
	switch t.kind() {
	case WebSocket:
		return "a WebSocket event"
	case Authorizer:
		return "the event of a REQUEST authorizer"
	case HTTP:
		return t.looksHTTP()
	case SQS:
		return "an SQS event" + from(t.arn)
	case SNS:
		return "an SNS event" + from(t.arn)
	case DynamoDB:
		return "a DynamoDB stream event" + from(t.arn)
	case Kinesis:
		return "a Kinesis event" + from(t.arn)
	case Schedule:
		return "a scheduled event" + from(t.resource)
	case EventBridge:
		return "an EventBridge event " + Quote(t.detailType) + from(t.source)
	case Unknown:
	}
	return t.looksUnknown(payload)
}

func (t *traits) looksHTTP() string {
	switch {
	case t.context.elb:
		return "an Application Load Balancer event"
	case t.context.http:
		return "an API Gateway HTTP API event, or one of a function URL"
	default:
		return "an API Gateway REST API event"
	}
}

func (t *traits) looksUnknown(payload []byte) string {
	switch {
	case t.shape != "":
		return t.shape
	case t.typ == "TOKEN" && t.methodARN != "":
		return "the event of a TOKEN authorizer"
	case t.typ == "REQUEST" && t.methodARN != "":
		return "the event of a REST API's REQUEST authorizer"
	case t.typ == "REQUEST" && t.routeARN != "":
		return "the event of an HTTP API's authorizer"
	case t.records:
		return "a batch of records" + from(t.source)
	default:
		return "a JSON object " + withMembers(payload)
	}
}

func from(source string) string {
	if source == "" {
		return ""
	}
	return " from " + Quote(source)
}

// withMembers lists the first members of an object.
func withMembers(payload []byte) string {
	const most = 6
	var names []string
	count := 0
	s := jsonscan.NewScanner(payload, nil)
	s.Open('{')
	for ; s.More('}'); count++ {
		if k := s.Key(); count < most {
			names = append(names, Quote(string(k)))
		}
		s.Skip()
	}
	switch {
	case count == 0:
		return "without members"
	case count == 1:
		return "with the member " + names[0]
	case count > most:
		return fmt.Sprintf("with %d members: %s, …", count, strings.Join(names, ", "))
	default:
		return "with the members " + strings.Join(names, ", ")
	}
}

func shapeOf(payload []byte) string {
	s := jsonscan.NewScanner(payload, nil)
	c := s.Peek()
	s.Skip()
	switch err := s.End(); {
	case len(bytes.TrimSpace(payload)) == 0:
		return "an empty payload"
	case err != nil:
		return "something that is not JSON"
	default:
		return JSONType(c)
	}
}

// JSONType returns the type of a JSON value that begins with c, for example "a JSON array".
func JSONType(c byte) string {
	switch c {
	case '{':
		return "a JSON object"
	case '[':
		return "a JSON array"
	case '"':
		return "a JSON string"
	case 'n':
		return "a JSON null"
	case 't', 'f':
		return "a JSON boolean"
	default:
		return "a JSON number"
	}
}

// maxQuoted is how many bytes of a text from outside a message quotes.
const maxQuoted = 64

// Quote quotes a text from outside for a message, at most 64 bytes of it.
func Quote(s string) string { return oneline.Quote(s, maxQuoted) }

// Member returns a member of an event as text: the contents of a string, or the JSON of another
// value. It reports whether there is such a member and it is not null.
func Member(payload []byte, name string) (value string, ok bool) {
	s := jsonscan.NewScanner(payload, nil)
	if s.Peek() != '{' {
		return "", false
	}
	s.Open('{')
	for s.More('}') {
		if string(s.Key()) == name {
			value, ok = s.Scalar()
		} else {
			s.Skip()
		}
	}
	return value, ok && s.End() == nil
}
