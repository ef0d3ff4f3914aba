package eventmux

import (
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock/internal/event"
)

// Any stands for every queue, topic, table, stream, schedule or event source that no other [Source] names.
const Any = "*"

// Source is one source of events and the handler that takes them. The functions of this package make one.
type Source struct {
	// Kind is "websocket", "authorizer", "http", "sqs", "sns", "dynamodb", "kinesis", "schedule",
	// "eventbridge", "match", "member" or "fallback".
	Kind string
	// Name is what the source was made with, such as the queue's name or ARN; [Any] for all of the kind.
	Name string

	handler lambda.Handler
	key     string // what tells the source from others of its kind
	matches func(Event) bool
	member  member
	site    string
	mistake string // why it can't work
}

// member is what Member looks for.
type member struct{ name, value string }

// Event is what a mux knows about an event, for [Match].
type Event struct {
	// Kind is the kind that the event's shape has, one of those of [Source]; empty if it has none.
	Kind string
	// Source is the service that sent records, such as "aws:s3", or the source of an event of an event bus.
	Source string
	// DetailType is the detail-type of an event of an event bus.
	DetailType string
	// ARN names the queue, topic, stream, rule or schedule.
	ARN string
	// Payload is the event itself, and must not be changed.
	Payload []byte
}

// String returns how the source is named in errors, as `sqs "mail"`.
func (s Source) String() string {
	if s.Name == "" {
		return s.Kind
	}
	return s.Kind + " " + event.Quote(s.Name)
}

// WebSocket takes the events of a WebSocket API, usually by a [gatesock.Router].
//
// Beside an [Authorizer] a $connect that no authorizer has seen is refused, unless it is signed with IAM
// credentials: the API has lost its authorizer, and everybody could connect.
func WebSocket(h lambda.Handler) Source { return newSource("websocket", "", h) }

// Authorizer takes the events of a WebSocket API's REQUEST authorizer.
func Authorizer(h lambda.Handler) Source { return newSource("authorizer", "", h) }

// HTTP takes HTTP requests, whether they come from an HTTP API (of either payload version), a REST API, a
// function URL without response streaming, or an Application Load Balancer.
//
// The path is the request's without the stage of an API's own domain. RemoteAddr has the client's address,
// with port 0. [Payload] returns the event, in which are the claims of an API's own authorizer. The whole
// response is kept until the handler returns; what is not UTF-8, or has a Content-Encoding, is sent as
// base64, which a REST API decodes for its binary media types only. Several cookies behind a load balancer
// need the multi-value headers of its target group. A panic ends the process as in any Lambda function.
func HTTP(h http.Handler) Source {
	if isNil(h) {
		return newSource("http", "", nil)
	}
	return newSource("http", "", httpHandler{h})
}

// SQS takes batches of messages of a queue, which is given by its name, its ARN or [Any].
func SQS(queue string, h lambda.Handler) Source {
	return newSource("sqs", queue, h).named("sqs", "", false)
}

// SNS takes the notifications of a topic, which is given by its name, its ARN or [Any].
func SNS(topic string, h lambda.Handler) Source {
	return newSource("sns", topic, h).named("sns", "", false)
}

// DynamoDB takes the records of a table's stream. The table is given by its name, its ARN, the stream's
// ARN or [Any].
func DynamoDB(table string, h lambda.Handler) Source {
	return newSource("dynamodb", table, h).named("dynamodb", "table/", false)
}

// Kinesis takes the records of a stream, which is given by its name, its ARN or [Any].
func Kinesis(stream string, h lambda.Handler) Source {
	return newSource("kinesis", stream, h).named("kinesis", "stream/", false)
}

// Schedule takes the events of a schedule: of a rule of EventBridge, or of EventBridge Scheduler as long
// as the schedule does not have an input of its own, for which [Member] is. It is given by its name, its
// ARN or [Any]; of EventBridge Scheduler by its group and name too, as "default/sweep".
func Schedule(name string, h lambda.Handler) Source {
	return newSource("schedule", name, h).named("events or scheduler", "", true)
}

// EventBridge takes the events of an event bus that have a source and a detail type. An empty detail type
// stands for all of the source, and [Any] as the source for all events.
func EventBridge(source, detailType string, h lambda.Handler) Source {
	s := newSource("eventbridge", source, h)
	switch {
	case source == "":
		s.mistake = "the source is empty"
	case source == Any && detailType != "":
		s.mistake = "a detail type needs a source"
	}
	if detailType != "" {
		s.key = busKey(source, detailType)
		s.Name += ": " + detailType
	}
	return s
}

// busKey is the key of a source of EventBridge that has a detail type.
func busKey(source, detailType string) string { return source + "\x00" + detailType }

// Member takes JSON objects by a member of theirs: the input of a schedule, an invocation by another
// program, a warmer. The value is a string's contents, or the JSON of another value, as "true"; an empty
// one stands for every value but null.
func Member(name, value string, h lambda.Handler) Source {
	s := newSource("member", name, h)
	if name == "" {
		s.mistake = "the member has no name"
	}
	if value != "" {
		s.Name += "=" + value
	}
	s.key = name + "\x00" + value
	s.member = member{name, value}
	return s
}

// Match takes the events for which a function returns true. It is asked before all other sources, and safe
// for concurrent use. The name is for errors and descriptions.
func Match(name string, matches func(Event) bool, h lambda.Handler) Source {
	s := newSource("match", name, h)
	s.matches = matches
	switch {
	case name == "":
		s.mistake = "it has no name"
	case matches == nil:
		s.mistake = "the function is nil"
	}
	return s
}

// Fallback takes every event that no other source takes.
func Fallback(h lambda.Handler) Source { return newSource("fallback", "", h) }

// newSource makes a source that remembers where the exported function was called.
func newSource(kind, name string, h lambda.Handler) Source {
	s := Source{Kind: kind, Name: name, key: name, handler: h, site: "an unknown place"}
	if _, file, line, ok := runtime.Caller(2); ok {
		s.site = fmt.Sprintf("%s:%d", file, line)
	}
	if isNil(h) {
		s.mistake = "the handler is nil"
	}
	return s
}

// isNil reports whether a handler is nil, or a nil pointer or function.
func isNil(h any) bool {
	v := reflect.ValueOf(h)
	return h == nil || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Func) && v.IsNil()
}

// named checks the name of a source that has a name, an ARN of a service or Any.
func (s Source) named(service, resource string, path bool) Source {
	switch {
	case s.mistake != "" || s.Name == Any:
	case strings.HasPrefix(s.Name, "arn:"):
		if !isARN(s.Name, service, resource) {
			s.mistake = fmt.Sprintf("%s is not an ARN of %s, arn:PARTITION:SERVICE:REGION:ACCOUNT:%sNAME",
				event.Quote(s.Name), service, resource)
		}
	case !isName(s.Name, path):
		s.mistake = fmt.Sprintf("%s is neither a name nor an ARN nor %q", event.Quote(s.Name), Any)
	}
	return s
}

// isARN reports whether an ARN is complete and of one of the services.
func isARN(arn, services, resource string) bool {
	part := strings.SplitN(arn, ":", 6)
	if len(part) < 6 || part[1] == "" || part[3] == "" || part[4] == "" {
		return false
	}
	name, ok := strings.CutPrefix(part[5], resource)
	return ok && name != "" && part[2] != "" && strings.Contains(" "+services+" ", " "+part[2]+" ")
}

// isName reports whether a name is made of what names on AWS are made of.
func isName(name string, path bool) bool {
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', path && c == '/':
		default:
			return false
		}
	}
	return name != "" && len(name) <= 256
}
