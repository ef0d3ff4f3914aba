// Package event recognizes the source of an event that Lambda delivers, by the event's shape.
package event

import (
	"cmp"
	"strings"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// Kind is a kind of event source.
type Kind int

// The kinds of sources. An event of any other source is Unknown.
const (
	Unknown     Kind = iota
	WebSocket        // an event of an API Gateway WebSocket API
	Authorizer       // the event of such an API's REQUEST authorizer
	HTTP             // a request to an HTTP API, a REST API, a function URL or an Application Load Balancer
	SQS              // messages of an SQS queue
	SNS              // notifications of an SNS topic
	DynamoDB         // records of a DynamoDB stream
	Kinesis          // records of a Kinesis stream
	Schedule         // a schedule of EventBridge or EventBridge Scheduler that has no input of its own
	EventBridge      // any other event of an event bus
)

// Event describes the source of an event.
type Event struct {
	Kind Kind
	// Source is the service that sent the records, such as "aws:sqs", or the source of an event from
	// an event bus.
	Source string
	// DetailType is the detail-type of an event from an event bus.
	DetailType string
	// ARN is the ARN of the queue, topic, stream, rule or schedule.
	ARN string
	// Mixed reports whether the records come from more than one source or ARN. Lambda never sends such
	// an event.
	Mixed bool
	// Connect reports whether the event is the $connect of a WebSocket API. Authorized reports whether
	// the API authorized it: it has an authorizer's result, or is signed with IAM credentials.
	Connect, Authorized bool
}

// Read returns the source of an event. It reads the event once.
func Read(payload []byte) Event {
	t := readTraits(payload)
	e := Event{
		Kind: t.kind(), Source: t.source, DetailType: t.detailType, ARN: t.arn, Mixed: t.mixed,
		Connect: t.context.connect, Authorized: t.context.authorized,
	}
	if e.Kind == Schedule || e.Kind == EventBridge {
		e.ARN = t.resource
	}
	return e
}

// traits are the members that distinguish events of different sources.
type traits struct {
	shape                                     string // describes a payload that is not an object
	typ, methodARN, routeARN                  string
	source, detailType, arn, resource         string
	records, mixed, httpMethod, rawPath, path bool
	context                                   requestContext
}

// requestContext has the traits in the member "requestContext" of an API's event.
type requestContext struct {
	connectionID, eventType, http, elb, connect, authorized bool
}

// readTraits reads the members by which an event is recognized.
func readTraits(payload []byte) traits {
	var t traits
	s := jsonscan.NewScanner(payload, nil)
	if s.Peek() != '{' {
		t.shape = shapeOf(payload)
		return t
	}
	s.Open('{')
	for s.More('}') {
		t.readMember(&s)
	}
	if s.End() != nil {
		t.shape = "broken JSON"
	}
	return t
}

func (t *traits) readMember(s *jsonscan.Scanner) {
	switch string(s.Key()) {
	case "type":
		t.typ, _ = s.StringOr()
	case "methodArn":
		t.methodARN, _ = s.StringOr()
	case "routeArn":
		t.routeARN, _ = s.StringOr()
	case "source", "eventSource":
		t.source, _ = s.StringOr()
	case "eventSourceArn", "eventSourceARN":
		t.arn, _ = s.StringOr()
	case "detail-type":
		t.detailType, _ = s.StringOr()
	case "resources":
		t.resource = readFirst(s)
	case "httpMethod":
		t.httpMethod = isString(s)
	case "rawPath":
		t.rawPath = isString(s)
	case "path":
		t.path = isString(s)
	case "Records":
		t.readRecords(s)
	case "requestContext":
		t.context.read(s)
	default:
		s.Skip()
	}
}

// isString skips a value and reports whether it is a string.
func isString(s *jsonscan.Scanner) bool {
	is := s.Peek() == '"'
	s.Skip()
	return is
}

// readFirst returns the first element of an array if it is a string.
func readFirst(s *jsonscan.Scanner) (first string) {
	if s.Peek() != '[' {
		s.Skip()
		return ""
	}
	s.Open('[')
	for i := 0; s.More(']'); i++ {
		if i == 0 {
			first, _ = s.StringOr()
		} else {
			s.Skip()
		}
	}
	return first
}

// readRecords reads the source of the records. Records of several sources are mixed.
func (t *traits) readRecords(s *jsonscan.Scanner) {
	t.records = true
	if s.Peek() != '[' {
		s.Skip()
		return
	}
	s.Open('[')
	for i := 0; s.More(']'); i++ {
		source, arn := readRecord(s)
		if i == 0 {
			t.source, t.arn = source, arn
		} else if source != t.source || arn != t.arn {
			t.mixed = true
		}
	}
}

func readRecord(s *jsonscan.Scanner) (source, arn string) {
	if s.Peek() != '{' {
		s.Skip()
		return "", ""
	}
	s.Open('{')
	for s.More('}') {
		switch k := s.Key(); {
		case strings.EqualFold(string(k), "eventSource"): // SNS capitalizes it
			source, _ = s.StringOr()
		case strings.EqualFold(string(k), "eventSourceARN"):
			arn, _ = s.StringOr()
		case string(k) == "Sns" && s.Peek() == '{':
			arn = readMember(s, "TopicArn")
		default:
			s.Skip()
		}
	}
	return source, arn
}

// readMember reads an object and returns the string in one of its members.
func readMember(s *jsonscan.Scanner, name string) (value string) {
	s.Open('{')
	for s.More('}') {
		if string(s.Key()) == name {
			value, _ = s.StringOr()
		} else {
			s.Skip()
		}
	}
	return value
}

func (c *requestContext) read(s *jsonscan.Scanner) {
	if s.Peek() != '{' {
		s.Skip()
		return
	}
	s.Open('{')
	for s.More('}') {
		switch string(s.Key()) {
		case "connectionId":
			c.connectionID = true
			s.Skip()
		case "eventType":
			c.eventType = true
			t, _ := s.StringOr()
			c.connect = t == "CONNECT"
		case "authorizer":
			c.authorized = hasResult(s) || c.authorized
		case "identity":
			if s.Peek() == '{' {
				c.authorized = readMember(s, "userArn") != "" || c.authorized
			} else {
				s.Skip()
			}
		case "http":
			c.http = true
			s.Skip()
		case "elb":
			c.elb = true
			s.Skip()
		default:
			s.Skip()
		}
	}
}

// hasResult skips the member for an authorizer's result and reports whether there is a result: an
// object with a member that is not null, other than the one that the gateway itself adds.
func hasResult(s *jsonscan.Scanner) (has bool) {
	if s.Peek() != '{' {
		s.Skip()
		return false
	}
	s.Open('{')
	for s.More('}') {
		isOwn := string(s.Key()) != "integrationLatency"
		has = has || isOwn && s.Peek() != 'n'
		s.Skip()
	}
	return has
}

// kind returns the kind of the source. The order of the cases matters: for example, the event of an
// authorizer has a connection too.
func (t *traits) kind() Kind {
	switch {
	case t.shape != "":
		return Unknown
	case t.typ == "REQUEST" && t.methodARN != "" && t.context.connectionID:
		return Authorizer
	case t.typ == "REQUEST" && t.methodARN+t.routeARN != "":
		return Unknown // the authorizer of a REST or HTTP API, whose event has the request's members too
	case t.context.connectionID && t.context.eventType:
		return WebSocket
	case t.records:
		return kindOfRecords(cmp.Or(t.source, serviceOf(t.arn)))
	case t.context.http && t.rawPath, t.httpMethod && t.path:
		return HTTP
	case t.detailType == "" || t.source == "":
		return Unknown
	case t.detailType == "Scheduled Event" && (t.source == "aws.events" || t.source == "aws.scheduler"):
		return Schedule
	default:
		return EventBridge
	}
}

func kindOfRecords(source string) Kind {
	switch source {
	case "aws:sqs":
		return SQS
	case "aws:sns":
		return SNS
	case "aws:dynamodb":
		return DynamoDB
	case "aws:kinesis":
		return Kinesis
	default:
		return Unknown
	}
}

// serviceOf returns the source of records with an ARN. It is for the last event of a tumbling
// window, which has an ARN but no records.
func serviceOf(arn string) string {
	part := strings.SplitN(arn, ":", 4)
	if len(part) < 4 || part[0] != "arn" {
		return ""
	}
	return "aws:" + part[2]
}
