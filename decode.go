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

	"github.com/gatesock/gatesock/internal/jsontext"
)

// ErrNotWebSocket is wrapped by the error that [Router.Invoke] gives for an event that is not one of a WebSocket
// API. The error's text says what the event looked like.
var ErrNotWebSocket = errors.New("not an event of a WebSocket API")

// maxIDLength is the longest id and the longest action that are echoed, in bytes.
const maxIDLength = 128

// envelope is an event while it is read.
type envelope struct {
	*Request
	wire                                        *wire // how the members of a message are named
	timeMillis, connectedMillis, disconnectCode int64
	base64                                      bool
	// JSON that has a use only in some events.
	headers, multiHeaders, query, multiQuery string
}

// decodeEvent reads an event of the gateway in one pass. What it returns shares no memory with payload.
func decodeEvent(payload []byte, w *wire) (*Request, error) {
	kept := new(strings.Builder)
	kept.Grow(len(payload) / 2) // what a usual event needs
	s := jsontext.NewScanner(payload, kept)
	e := envelope{Request: new(Request), wire: w}
	e.readEvent(&s)
	if err := s.End(); err != nil {
		return nil, fmt.Errorf("gatesock: %w: %w; it looks like %s", ErrNotWebSocket, err, sniff(payload))
	}
	if why := e.missing(); why != "" {
		return nil, fmt.Errorf("gatesock: %w: %s; it looks like %s", ErrNotWebSocket, why, sniff(payload))
	}
	if err := e.finish(kept); err != nil {
		return nil, fmt.Errorf("gatesock: malformed WebSocket event: %w", err)
	}
	return e.Request, nil
}

func (e *envelope) readEvent(s *jsontext.Scanner) {
	if !s.Open('{') {
		return
	}
	for s.More('}') {
		switch string(s.Key()) {
		case "requestContext":
			e.readContext(s)
		case "body":
			e.Body = s.Bytes()
		case "isBase64Encoded":
			s.Bool(&e.base64)
		case "headers":
			e.headers = s.Raw()
		case "multiValueHeaders":
			e.multiHeaders = s.Raw()
		case "queryStringParameters":
			e.query = s.Raw()
		case "multiValueQueryStringParameters":
			e.multiQuery = s.Raw()
		case "stageVariables":
			e.StageVariables = readScalars(s, e.StageVariables)
		default:
			s.Skip()
		}
	}
}

func (e *envelope) readContext(s *jsontext.Scanner) {
	if !s.Open('{') {
		return
	}
	for s.More('}') {
		switch string(s.Key()) {
		case "routeKey":
			s.String(&e.RouteKey)
		case "eventType":
			s.String((*string)(&e.EventType))
		case "connectionId":
			s.String(&e.ConnectionID)
		case "requestId":
			s.String(&e.RequestID)
		case "messageId":
			s.String(&e.MessageID)
		case "apiId":
			s.String(&e.APIID)
		case "stage":
			s.String(&e.Stage)
		case "domainName":
			s.String(&e.DomainName)
		case "requestTimeEpoch":
			s.Int(&e.timeMillis)
		case "connectedAt":
			s.Int(&e.connectedMillis)
		case "identity":
			readIdentity(s, &e.Identity)
		case "authorizer":
			e.Authorizer = readScalars(s, e.Authorizer)
		case "disconnectStatusCode":
			s.Int(&e.disconnectCode)
		case "disconnectReason":
			s.String(&e.DisconnectReason)
		default:
			s.Skip()
		}
	}
}

func readIdentity(s *jsontext.Scanner, id *Identity) {
	if !s.Open('{') {
		return
	}
	for s.More('}') {
		switch string(s.Key()) {
		case "sourceIp":
			s.String(&id.SourceIP)
		case "userAgent":
			s.String(&id.UserAgent)
		case "apiKey":
			s.String(&id.APIKey)
		case "apiKeyId":
			s.String(&id.APIKeyID)
		case "accountId":
			s.String(&id.AccountID)
		case "caller":
			s.String(&id.Caller)
		case "user":
			s.String(&id.User)
		case "userArn":
			s.String(&id.UserARN)
		case "principalOrgId":
			s.String(&id.PrincipalOrgID)
		default:
			s.Skip()
		}
	}
}

// readScalars reads a flat object into m: strings as they are, other values in their JSON spelling, nulls not
// at all.
func readScalars(s *jsontext.Scanner, m map[string]string) map[string]string {
	if !s.Open('{') {
		return m
	}
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

// missing names what an event has to have and this one has not.
func (e *envelope) missing() string {
	switch {
	case e.ConnectionID == "":
		return "requestContext.connectionId is missing"
	case e.EventType == "":
		return "requestContext.eventType is missing"
	case e.EventType != EventConnect && e.EventType != EventMessage && e.EventType != EventDisconnect:
		return "requestContext.eventType is " + quoteShort(string(e.EventType))
	case e.RouteKey == "":
		return "requestContext.routeKey is missing"
	default:
		return ""
	}
}

// finish turns what was read into the members that depend on the event's type.
func (e *envelope) finish(kept *strings.Builder) error {
	e.Time = timeOf(e.timeMillis)
	e.ConnectedAt = timeOf(e.connectedMillis)
	switch e.EventType {
	case EventConnect:
		e.Body = nil
		return e.readHandshake()
	case EventMessage:
		if err := e.decodeBase64(); err != nil {
			return err
		}
		e.readBody(kept)
	case EventDisconnect:
		e.Body = nil
		e.DisconnectCode = int(e.disconnectCode)
	}
	return nil
}

// timeOf gives the time of an event's milliseconds; what the event does not say is the zero time.
func timeOf(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}

func (e *envelope) readHandshake() error {
	e.Header = make(http.Header)
	e.Query = make(url.Values)
	for _, part := range []struct {
		name, json string
		into       map[string][]string
		key        func(string) string
		read       func(*jsontext.Scanner) []string
	}{
		{"headers", e.headers, e.Header, textproto.CanonicalMIMEHeaderKey, readSingle},
		{"multiValueHeaders", e.multiHeaders, e.Header, textproto.CanonicalMIMEHeaderKey, readMulti},
		{"queryStringParameters", e.query, e.Query, asIs, readSingle},
		{"multiValueQueryStringParameters", e.multiQuery, e.Query, asIs, readMulti},
	} {
		if part.json == "" {
			continue
		}
		s := jsontext.NewScanner([]byte(part.json), nil)
		if s.Open('{') {
			for s.More('}') {
				k := part.key(s.Name())
				part.into[k] = part.read(&s)
			}
		}
		if err := s.End(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

func asIs(s string) string { return s }

func readSingle(s *jsontext.Scanner) []string {
	var v string
	s.String(&v)
	return []string{v}
}

func readMulti(s *jsontext.Scanner) []string {
	var vs []string
	if !s.Open('[') {
		return nil
	}
	for s.More(']') {
		var v string
		s.String(&v)
		vs = append(vs, v)
	}
	return vs
}

// decodeBase64 undoes the encoding of a message that an integration with CONVERT_TO_BINARY hands over.
func (e *envelope) decodeBase64() error {
	if !e.base64 {
		return nil
	}
	body, err := base64.StdEncoding.AppendDecode(make([]byte, 0, len(e.Body)), e.Body)
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	e.Body = body
	return nil
}

// readBody takes the client's action and id from the message, if it is a JSON object.
func (e *envelope) readBody(kept *strings.Builder) {
	if len(e.Body) == 0 {
		return
	}
	s := jsontext.NewScanner(e.Body, kept)
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

// messageID is the id of a message: a string that the protocol permits, or a bad one, among them numbers.
type messageID struct {
	text, number string
	bad          bool
}

func readMessageID(s *jsontext.Scanner) messageID {
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
