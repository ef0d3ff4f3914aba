package event

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// Looks returns what an event looks like, for error messages, as "an SQS event".
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

// withMembers names the first members of an object.
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

// JSONType names the type of a JSON value that begins with c, as "a JSON array".
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

// Quote quotes a text of outside for a message. It shows at most 64 bytes, and cuts no character.
func Quote(s string) string {
	const most = 64
	if len(s) <= most {
		return strconv.Quote(s)
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return strconv.Quote(s[:end] + "…")
}

// Member returns the text of a member of the event: a string's contents or the JSON of another value. It
// reports whether there is one other than null.
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
