package eventmux

import (
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/event"
)

// Any is the name of a [Source] that takes the events of every queue, topic, table, stream,
// schedule or bus that no other Source names.
const Any = "*"

// Source is a source of events and the handler for them. The functions of this package return
// Sources, for [New]. All of them panic if the handler is nil or a name is malformed.
type Source struct {
	kind    string // "websocket", "authorizer", "http", "sqs", …, "match", "member" or "fallback"
	name    string // for errors: what the source was made with
	key     string // distinguishes the source from others of its kind
	handler lambda.Handler
	matches func(Event) bool
	filter  string // of a rule of AWS IoT
	member  member
	site    string // the call that made it
}

// member is the member that a Member looks for.
type member struct{ name, value string }

// Event is what a mux knows about an event, for [Match].
type Event struct {
	// Kind is the kind that the event's shape decides: "websocket", "authorizer", "http", "sqs",
	// "sns", "dynamodb", "kinesis", "schedule", "eventbridge" or "iot". It is empty for all other
	// events.
	Kind string
	// Source is the service that sent the records, such as "aws:s3", the source of an event from an
	// event bus, or the name of the rule of a message of AWS IoT.
	Source string
	// DetailType is the detail-type of an event from an event bus.
	DetailType string
	// ARN is the ARN of the queue, topic, stream, rule or schedule. A batch has the Source and the ARN
	// of its first record.
	ARN string
	// Topic is the topic of a message of AWS IoT.
	Topic string
	// Payload is the event itself. It must not be changed.
	Payload []byte
}

// describe returns the description of a source other than the API and its authorizer.
func (s Source) describe() (gatesock.EventSource, bool) {
	switch s.kind {
	case "websocket", "authorizer":
		return gatesock.EventSource{}, false
	case "match", "member", "fallback":
		return gatesock.EventSource{Kind: "custom", Name: s.name}, true
	case "eventbridge":
		source, detailType, _ := strings.Cut(s.key, "\x00")
		return gatesock.EventSource{Kind: s.kind, Name: source, DetailType: detailType}, true
	case "iot":
		return gatesock.EventSource{Kind: s.kind, Name: s.name, Topic: s.filter}, true
	default:
		return gatesock.EventSource{Kind: s.kind, Name: s.name}, true
	}
}

// label returns the name of the source in errors, such as `sqs "mail"`.
func (s Source) label() string {
	if s.name == "" {
		return s.kind
	}
	return s.kind + " " + event.Quote(s.name)
}

// WebSocket takes the events of a WebSocket API. Its handler is usually a [gatesock.Router].
//
// If the mux has an [Authorizer] too, Invoke fails for a $connect without an authorizer's result,
// unless it is signed with IAM credentials, so that the client is not connected. Such an event
// means that the API has lost its authorizer, and that anyone could connect.
func WebSocket(h lambda.Handler) Source { return newSource("WebSocket", "websocket", "", h) }

// Authorizer takes the events of a WebSocket API's REQUEST authorizer. Package authz has a handler
// for them.
func Authorizer(h lambda.Handler) Source { return newSource("Authorizer", "authorizer", "", h) }

// HTTP takes HTTP requests of an HTTP API (either payload version), a REST API, a function URL
// without response streaming or an Application Load Balancer.
//
// The request's path does not include the stage. RemoteAddr is the client's address, with port 0.
// The context is that of the invocation; [PayloadFrom] returns the event from it, which contains
// the claims of the API's own authorizer. A panic of the handler ends the process, as in any Lambda
// function.
//
// The response is buffered until the handler returns. A body that is not UTF-8, or has a
// Content-Encoding, is sent as base64, which a REST API decodes only for its binary media types. A
// response with several cookies behind a load balancer fails unless multi-value headers are enabled
// for the target group.
func HTTP(h http.Handler) Source {
	if isNil(h) {
		return newSource("HTTP", "http", "", nil)
	}
	return newSource("HTTP", "http", "", httpHandler{h})
}

// SQS takes batches of messages of a queue. The queue is a name, an ARN or [Any].
func SQS(queue string, h lambda.Handler) Source {
	return newSource("SQS", "sqs", queue, h).checkName("queue", "sqs", "", false)
}

// SNS takes the notifications of a topic. The topic is a name, an ARN or [Any].
func SNS(topic string, h lambda.Handler) Source {
	return newSource("SNS", "sns", topic, h).checkName("topic", "sns", "", false)
}

// DynamoDB takes the records of a table's stream. The table is a name, the ARN of the table or its
// stream, or [Any].
func DynamoDB(table string, h lambda.Handler) Source {
	return newSource("DynamoDB", "dynamodb", table, h).checkName("table", "dynamodb", "table/", false)
}

// Kinesis takes the records of a stream. The stream is a name, an ARN or [Any].
func Kinesis(stream string, h lambda.Handler) Source {
	return newSource("Kinesis", "kinesis", stream, h).checkName("stream", "kinesis", "stream/", false)
}

// Schedule takes the events of a schedule: a rule of EventBridge, or a schedule of EventBridge
// Scheduler without an input of its own. For one with an input, use [Member]. The schedule is a
// name, an ARN or [Any]; for EventBridge Scheduler it may also be a group and a name, such as
// "default/sweep".
func Schedule(name string, h lambda.Handler) Source {
	return newSource("Schedule", "schedule", name, h).checkName("name", "events or scheduler", "", true)
}

// EventBridge takes events from an event bus by their source and detail type. If detailType is
// empty, it takes all events of the source. If source is [Any], it takes all events, and detailType
// must be empty.
func EventBridge(source, detailType string, h lambda.Handler) Source {
	s := newSource("EventBridge", "eventbridge", source, h)
	switch {
	case source == "":
		s.mistake("source must not be empty")
	case source == Any && detailType != "":
		s.mistake("detailType must be empty if source is Any")
	}
	if detailType != "" {
		s.key = busKey(source, detailType)
		s.name += ": " + detailType
	}
	return s
}

// busKey returns the key of a source of EventBridge with a detail type.
func busKey(source, detailType string) string { return source + "\x00" + detailType }

// Member takes JSON objects that have a member with that name and value: the input of a schedule,
// an invocation by another program, a warmer. The value is the contents of a string or the JSON of
// another value, such as "true". If it is empty, any value but null matches.
func Member(name, value string, h lambda.Handler) Source {
	s := newSource("Member", "member", name, h)
	if name == "" {
		s.mistake("name must not be empty")
	}
	if value != "" {
		s.name += "=" + value
	}
	s.key = name + "\x00" + value
	s.member = member{name, value}
	return s
}

// Match takes the events for which matches returns true. It comes before all other sources. The
// name appears in errors, and two sources of Match must not share one. The function must be safe
// for concurrent use.
func Match(name string, matches func(Event) bool, h lambda.Handler) Source {
	s := newSource("Match", "match", name, h)
	s.matches = matches
	switch {
	case name == "":
		s.mistake("name must not be empty")
	case matches == nil:
		s.mistake("matches must not be nil")
	}
	return s
}

// Fallback takes every event that no other source takes.
func Fallback(h lambda.Handler) Source { return newSource("Fallback", "fallback", "", h) }

// newSource returns a source that remembers which line called the exported function.
func newSource(function, kind, name string, h lambda.Handler) Source {
	s := Source{kind: kind, name: name, key: name, site: function}
	if _, file, line, ok := runtime.Caller(2); ok {
		s.site = fmt.Sprintf("%s at %s:%d", function, file, line)
	}
	if isNil(h) {
		s.mistake("h must not be nil")
	}
	s.handler = safe(h)
	return s
}

// mistake panics for a mistake in the call that made the source.
func (s Source) mistake(text string) { panic("eventmux: " + s.site + ": " + text) }

// isNil reports whether a handler is nil, or a nil pointer or function.
func isNil(h any) bool {
	v := reflect.ValueOf(h)
	return h == nil || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Func) && v.IsNil()
}

// checkName panics unless the source's name is a name, an ARN of one of the services, or Any.
func (s Source) checkName(parameter, services, resource string, path bool) Source {
	switch {
	case s.name == Any:
	case strings.HasPrefix(s.name, "arn:"):
		if !isARN(s.name, services, resource) {
			s.mistake(fmt.Sprintf("%s %s is not an ARN of %s: want arn:PARTITION:SERVICE:REGION:ACCOUNT:%sNAME",
				parameter, event.Quote(s.name), services, resource))
		}
	case !isName(s.name, path):
		s.mistake(fmt.Sprintf("%s %s is not a name, an ARN or %q", parameter, event.Quote(s.name), Any))
	}
	return s
}

// isARN reports whether an ARN is complete and belongs to one of the services.
func isARN(arn, services, resource string) bool {
	part := strings.SplitN(arn, ":", 6)
	if len(part) < 6 || part[1] == "" || part[3] == "" || part[4] == "" {
		return false
	}
	name, ok := strings.CutPrefix(part[5], resource)
	return ok && name != "" && part[2] != "" && strings.Contains(" "+services+" ", " "+part[2]+" ")
}

// isName reports whether a name has only characters that names on AWS may have.
func isName(name string, path bool) bool {
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		case path && c == '/':
		default:
			return false
		}
	}
	return name != "" && len(name) <= 256
}
