// Package event recognizes the source of an event that Lambda delivers by the event's shape. What the event
// contains beyond that is for its handler.
package event

import (
	"cmp"
	"strings"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// Kind is a kind of event source.
type Kind int

// The kinds that are recognized. An event of another source is Unknown.
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

// Event is what an event says of its source.
type Event struct {
	Kind Kind
	// Source is the service that sent records, such as "aws:sqs", or the source of an event of an event bus.
	Source string
	// DetailType is the detail-type of an event of an event bus.
	DetailType string
	// ARN names the queue, topic, stream, rule or schedule.
	ARN string
	// Mixed reports whether records come from more than one source or ARN. Lambda sends no such event.
	Mixed bool
	// Connect reports whether the event is the $connect of a WebSocket API; Authorized, whether that was
	// authorized by the API: it has what an authorizer returned, or is signed with IAM credentials.
	Connect, Authorized bool
}

// Read recognizes an event in one pass over it.
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

// traits are the members by which events of different sources are told apart.
type traits struct {
	shape                                     string // what the payload is if it is not an object
	typ, methodARN, routeARN                  string
	source, detailType, arn, resource         string
	records, mixed, httpMethod, rawPath, path bool
	context                                   requestContext
}

// requestContext is what the member of that name of an API's event has.
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

// isString passes over a value and reports whether it is a string.
func isString(s *jsonscan.Scanner) bool {
	is := s.Peek() == '"'
	s.Skip()
	return is
}

// readFirst returns the first element of an array if that is a string.
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

// readRecords reads the source of records. A batch that claims several is mixed.
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
		case strings.EqualFold(string(k), "eventSource"): // SNS writes it with a capital
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

// readMember reads an object, and returns the string that the member of that name has.
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
			c.authorized = saysAnything(s) || c.authorized
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

// saysAnything passes over the place of an authorizer's answer, and reports whether there is one: an object with a
// member that is not null, other than the one that the gateway adds by itself.
func saysAnything(s *jsonscan.Scanner) (says bool) {
	if s.Peek() != '{' {
		s.Skip()
		return false
	}
	s.Open('{')
	for s.More('}') {
		isOwn := string(s.Key()) != "integrationLatency"
		says = says || isOwn && s.Peek() != 'n'
		s.Skip()
	}
	return says
}

// kind recognizes the source. What comes first decides: the events of an authorizer have a connection too.
func (t *traits) kind() Kind {
	switch {
	case t.shape != "":
		return Unknown
	case t.typ == "REQUEST" && t.methodARN != "" && t.context.connectionID:
		return Authorizer
	case t.typ == "REQUEST" && t.methodARN+t.routeARN != "":
		return Unknown // the authorizer of a REST or HTTP API, which has the request's members too
	case t.context.connectionID && t.context.eventType:
		return WebSocket
	case t.records:
		return map[string]Kind{"aws:sqs": SQS, "aws:sns": SNS, "aws:dynamodb": DynamoDB, "aws:kinesis": Kinesis}[cmp.Or(t.source, serviceOf(t.arn))]
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

// serviceOf returns what records of an ARN have as their source. The last event of a tumbling window has no records
// that say so, but only the ARN.
func serviceOf(arn string) string {
	part := strings.SplitN(arn, ":", 4)
	if len(part) < 4 || part[0] != "arn" {
		return ""
	}
	return "aws:" + part[2]
}
