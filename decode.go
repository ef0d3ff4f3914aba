package gatesock

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/gatesock/gatesock/internal/event"
	"github.com/gatesock/gatesock/internal/jsonscan"
)

// ErrNotWebSocket is wrapped by the error that [Router.Invoke] returns for an event that does not
// come from a WebSocket API. The text of that error describes what the event looks like. To serve
// other events too, use package eventmux.
var ErrNotWebSocket = errors.New("gatesock: not an event of a WebSocket API")

// maxIDLength is the length of the longest id and the longest action that answers repeat, in bytes.
const maxIDLength = 128

// envelope is an event while it is decoded.
//
// Members that decide something must be well-formed: those that select the route, the authorizer's
// result, the client's handshake, and the message. Any other member is taken as text, whatever it
// is, so that an unusual value does not cost the client its connection.
type envelope struct {
	*Request
	wire                                        *wire // the names of the members of a message
	timeMillis, connectedMillis, disconnectCode int64
	base64                                      bool
	fault                                       string // the first malformed member, and why
	bodyFault                                   string // why the message is malformed, if the event has one
	// JSON that only some events need.
	headers, multiHeaders, query, multiQuery string
}

// decodeEvent decodes an event of the gateway in one pass. The Request shares no memory with
// payload.
func decodeEvent(payload []byte, w *wire) (*Request, error) {
	kept := new(strings.Builder)
	kept.Grow(len(payload) / 2) // enough for most events
	s := jsonscan.NewScanner(payload, kept)
	e := envelope{Request: new(Request), wire: w}
	e.readEvent(&s)
	if err := s.End(); err != nil {
		return nil, fmt.Errorf("%w: %w; it looks like %s", ErrNotWebSocket, err, event.Looks(payload))
	}
	e.require()
	if e.fault == "" {
		e.finish(kept)
	}
	switch {
	case e.fault == "":
		return e.Request, nil
	case event.Read(payload).Kind == event.WebSocket:
		return nil, fmt.Errorf("gatesock: malformed WebSocket event: %s", e.fault)
	default:
		return nil, fmt.Errorf("%w: %s; it looks like %s", ErrNotWebSocket, e.fault, event.Looks(payload))
	}
}

// refuse records that a member is malformed; the first one counts.
func (e *envelope) refuse(member, why string) {
	if e.fault == "" {
		e.fault = member + " " + why
	}
}

// decisive reads a string that decides how the event is handled. A null leaves dst unchanged.
func (e *envelope) decisive(s *jsonscan.Scanner, member string, dst *string) {
	switch c := s.Peek(); c {
	case '"':
		*dst = s.Quoted()
	case 'n':
		s.Skip()
	default:
		e.refuse(member, "is "+event.JSONType(c)+", not a string")
		s.Skip()
	}
}

func (e *envelope) readEvent(s *jsonscan.Scanner) {
	if !s.Open('{') {
		return
	}
	for s.More('}') {
		switch string(s.Key()) {
		case "requestContext":
			e.readContext(s)
		case "body":
			e.readText(s)
		case "isBase64Encoded":
			e.readBase64(s)
		case "headers":
			e.headers = s.Raw()
		case "multiValueHeaders":
			e.multiHeaders = s.Raw()
		case "queryStringParameters":
			e.query = s.Raw()
		case "multiValueQueryStringParameters":
			e.multiQuery = s.Raw()
		case "stageVariables":
			if s.Peek() == '{' {
				e.StageVariables = readScalars(s, e.StageVariables)
			} else {
				s.Skip()
			}
		default:
			s.Skip()
		}
	}
}

// readText reads the message, without decoding its base64.
func (e *envelope) readText(s *jsonscan.Scanner) {
	switch c := s.Peek(); c {
	case '"', 'n':
		e.Body = s.Bytes()
	default:
		e.bodyFault = "body is " + event.JSONType(c) + ", not a string"
		s.Skip()
	}
}

// readBase64 reads the member that means that the message is in base64.
func (e *envelope) readBase64(s *jsonscan.Scanner) {
	switch c := s.Peek(); c {
	case 't', 'f', 'n':
		s.Bool(&e.base64)
	default:
		e.bodyFault = "isBase64Encoded is " + event.JSONType(c) + ", not a boolean"
		s.Skip()
	}
}

func (e *envelope) readContext(s *jsonscan.Scanner) {
	switch c := s.Peek(); c {
	case '{':
		s.Open(c)
	case 'n':
		s.Skip()
		return
	default:
		e.refuse("requestContext", "is "+event.JSONType(c)+", not an object")
		s.Skip()
		return
	}
	for s.More('}') {
		switch string(s.Key()) {
		case "routeKey":
			e.decisive(s, "requestContext.routeKey", &e.RouteKey)
		case "eventType":
			e.decisive(s, "requestContext.eventType", (*string)(&e.EventType))
		case "connectionId":
			e.decisive(s, "requestContext.connectionId", &e.ConnectionID)
		case "requestId":
			s.Text(&e.RequestID)
		case "messageId":
			s.Text(&e.MessageID)
		case "apiId":
			s.Text(&e.APIID)
		case "stage":
			s.Text(&e.Stage)
		case "domainName":
			s.Text(&e.DomainName)
		case "requestTimeEpoch":
			s.Integer(&e.timeMillis)
		case "connectedAt":
			s.Integer(&e.connectedMillis)
		case "identity":
			readIdentity(s, &e.Identity)
		case "authorizer":
			e.readAuthorizer(s)
		case "disconnectStatusCode":
			s.Integer(&e.disconnectCode)
		case "disconnectReason":
			s.Text(&e.DisconnectReason)
		default:
			s.Skip()
		}
	}
}

// readAuthorizer reads the authorizer's result. An API without an authorizer was observed to send
// "" (aws-lambda-go#154). Any other value that is not an object is refused, because a client whose
// rights are unreadable must not pass for one without an authorizer.
func (e *envelope) readAuthorizer(s *jsonscan.Scanner) {
	switch c := s.Peek(); c {
	case '{':
		e.Authorizer = readScalars(s, e.Authorizer)
	case '"', 'n':
		if text, _ := s.StringOr(); text != "" {
			e.refuse("requestContext.authorizer", "is a JSON string, not an object")
		}
	default:
		e.refuse("requestContext.authorizer", "is "+event.JSONType(c)+", not an object")
		s.Skip()
	}
}

func readIdentity(s *jsonscan.Scanner, id *Identity) {
	if s.Peek() != '{' {
		s.Skip()
		return
	}
	s.Open('{')
	for s.More('}') {
		switch string(s.Key()) {
		case "sourceIp":
			s.Text(&id.SourceIP)
		case "userAgent":
			s.Text(&id.UserAgent)
		case "apiKey":
			s.Text(&id.APIKey)
		case "apiKeyId":
			s.Text(&id.APIKeyID)
		case "accountId":
			s.Text(&id.AccountID)
		case "caller":
			s.Text(&id.Caller)
		case "user":
			s.Text(&id.User)
		case "userArn":
			s.Text(&id.UserARN)
		case "principalOrgId":
			s.Text(&id.PrincipalOrgID)
		default:
			s.Skip()
		}
	}
}

// readScalars reads a flat object into m: strings as they are, other values in their JSON spelling.
// It skips nulls.
func readScalars(s *jsonscan.Scanner, m map[string]string) map[string]string {
	s.Open('{')
	for s.More('}') {
		k := s.Name()
		v, ok := s.Scalar()
		if !ok {
			continue
		}
		if m == nil {
			m = make(map[string]string, 8)
		}
		m[k] = v
	}
	return m
}

// require refuses an event that lacks what every event has.
func (e *envelope) require() {
	switch {
	case e.ConnectionID == "":
		e.refuse("requestContext.connectionId", "is missing")
	case e.EventType == "":
		e.refuse("requestContext.eventType", "is missing")
	case e.EventType != EventConnect && e.EventType != EventMessage && e.EventType != EventDisconnect:
		e.refuse("requestContext.eventType", "is "+event.Quote(string(e.EventType))+", not CONNECT, MESSAGE or DISCONNECT")
	case e.RouteKey == "":
		e.refuse("requestContext.routeKey", "is missing")
	}
}

// finish sets the fields of the Request that depend on the event's type.
func (e *envelope) finish(kept *strings.Builder) {
	e.Time = timeOf(e.timeMillis)
	e.ConnectedAt = timeOf(e.connectedMillis)
	switch e.EventType {
	case EventConnect:
		e.Body = nil
		e.readHandshake()
	case EventMessage:
		e.fault = e.bodyFault
		if e.fault == "" && e.decodeBase64() {
			e.readBody(kept)
		}
	case EventDisconnect:
		e.Body = nil
		e.DisconnectCode = int(e.disconnectCode)
	}
}

// timeOf returns the time of a timestamp in milliseconds, or the zero time for a missing one, which
// is 0.
func timeOf(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}

// readHandshake reads the headers and the query of a handshake. They decide whether the client may
// connect, so they must be well-formed.
func (e *envelope) readHandshake() {
	e.Header = make(http.Header)
	e.Query = make(url.Values)
	for _, part := range []struct {
		name, json string
		into       map[string][]string
		key        func(string) string
		read       func(*jsonscan.Scanner) []string
	}{
		{"headers", e.headers, e.Header, textproto.CanonicalMIMEHeaderKey, readSingle},
		{"multiValueHeaders", e.multiHeaders, e.Header, textproto.CanonicalMIMEHeaderKey, readMulti},
		{"queryStringParameters", e.query, e.Query, asIs, readSingle},
		{"multiValueQueryStringParameters", e.multiQuery, e.Query, asIs, readMulti},
	} {
		switch {
		case part.json == "", part.json == "null", part.json == `""`:
			continue
		case part.json[0] != '{':
			e.refuse(part.name, "is "+event.JSONType(part.json[0])+", not an object")
			return
		}
		s := jsonscan.NewScanner([]byte(part.json), nil)
		s.Open('{')
		for s.More('}') {
			k := part.key(s.Name())
			part.into[k] = part.read(&s)
		}
	}
}

func asIs(s string) string { return s }

// readSingle reads the value of a header or parameter. A null is an empty value.
func readSingle(s *jsonscan.Scanner) []string {
	text, _ := s.Scalar()
	return []string{text}
}

// readMulti reads the values of a header or parameter: an array, or a single value.
func readMulti(s *jsonscan.Scanner) []string {
	if s.Null() {
		return nil
	}
	if s.Peek() != '[' {
		return readSingle(s)
	}
	var vs []string
	s.Open('[')
	for s.More(']') {
		text, _ := s.Scalar()
		vs = append(vs, text)
	}
	return vs
}

// decodeBase64 decodes the message of an integration with CONVERT_TO_BINARY. It reports whether the
// message is well-formed.
func (e *envelope) decodeBase64() bool {
	if !e.base64 {
		return true
	}
	body, err := base64.StdEncoding.AppendDecode(make([]byte, 0, len(e.Body)), e.Body)
	if err != nil {
		e.refuse("body", "is not base64: "+err.Error())
		return false
	}
	e.Body = body
	return true
}

// readBody reads the client's action and id from the message, if it is a JSON object.
func (e *envelope) readBody(kept *strings.Builder) {
	if len(e.Body) == 0 {
		return
	}
	s := jsonscan.NewScanner(e.Body, kept)
	if s.Peek() != '{' {
		return
	}
	s.Open('{')
	var action string
	var id messageID
	for s.More('}') {
		k := s.Key()
		switch {
		case string(k) == e.wire.names.Action:
			action, _ = s.StringOr()
		case string(k) == e.wire.names.ID:
			id = readMessageID(&s)
		default:
			s.Skip()
		}
	}
	if s.End() != nil {
		return
	}
	e.Action, e.ID, e.numberID, e.badID = action, id.text, id.number, id.bad
}

// messageID is the id of a message. A number is bad, but kept for the answer to repeat.
type messageID struct {
	text, number string
	bad          bool
}

func readMessageID(s *jsonscan.Scanner) messageID {
	if c := s.Peek(); c == '-' || '0' <= c && c <= '9' {
		number := s.Raw()
		if len(number) > maxIDLength {
			number = ""
		}
		return messageID{number: number, bad: true}
	}
	text, ok := s.StringOr()
	if !ok || len(text) > maxIDLength {
		return messageID{bad: true}
	}
	return messageID{text: text}
}
