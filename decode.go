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
)

// ErrNotWebSocket is wrapped by the error that [Router.Invoke] gives for an event that is not one of a WebSocket
// API. The error's text says what the event looked like.
var ErrNotWebSocket = errors.New("not an event of a WebSocket API")

// maxIDLength is the longest request id that is echoed, in bytes.
const maxIDLength = 128

// keptSize is room for the strings of a usual event, in bytes.
const keptSize = 768

// envelope is an event while it is read.
type envelope struct {
	*Request
	timeMillis, connectedMillis, disconnectCode int64
	base64                                      bool
	// JSON that has a use only in some events.
	headers, multiHeaders, query, multiQuery string
}

// decodeEvent reads an event of the gateway in one pass. What it returns shares no memory with payload.
func decodeEvent(payload []byte) (*Request, error) {
	s := newScanner(payload)
	s.kept.Grow(keptSize)
	e := envelope{Request: new(Request)}
	e.readEvent(&s)
	s.end()
	if s.err != nil {
		return nil, fmt.Errorf("gatesock: %w: %w; it looks like %s", ErrNotWebSocket, s.err, sniff(payload))
	}
	if why := e.missing(); why != "" {
		return nil, fmt.Errorf("gatesock: %w: %s; it looks like %s", ErrNotWebSocket, why, sniff(payload))
	}
	if err := e.finish(s.kept); err != nil {
		return nil, fmt.Errorf("gatesock: malformed WebSocket event: %w", err)
	}
	return e.Request, nil
}

func (e *envelope) readEvent(s *scanner) {
	if !s.open('{') {
		return
	}
	for s.more('}') {
		switch string(s.key()) {
		case "requestContext":
			e.readContext(s)
		case "body":
			e.Body = s.bytes()
		case "isBase64Encoded":
			s.bool(&e.base64)
		case "headers":
			e.headers = s.raw()
		case "multiValueHeaders":
			e.multiHeaders = s.raw()
		case "queryStringParameters":
			e.query = s.raw()
		case "multiValueQueryStringParameters":
			e.multiQuery = s.raw()
		case "stageVariables":
			e.StageVariables = readScalars(s, e.StageVariables)
		default:
			s.skip()
		}
	}
}

func (e *envelope) readContext(s *scanner) {
	if !s.open('{') {
		return
	}
	for s.more('}') {
		switch string(s.key()) {
		case "routeKey":
			s.string(&e.RouteKey)
		case "eventType":
			s.string((*string)(&e.EventType))
		case "connectionId":
			s.string(&e.ConnectionID)
		case "requestId":
			s.string(&e.RequestID)
		case "messageId":
			s.string(&e.MessageID)
		case "apiId":
			s.string(&e.APIID)
		case "stage":
			s.string(&e.Stage)
		case "domainName":
			s.string(&e.DomainName)
		case "requestTimeEpoch":
			s.int(&e.timeMillis)
		case "connectedAt":
			s.int(&e.connectedMillis)
		case "identity":
			readIdentity(s, &e.Identity)
		case "authorizer":
			e.Authorizer = readScalars(s, e.Authorizer)
		case "disconnectStatusCode":
			s.int(&e.disconnectCode)
		case "disconnectReason":
			s.string(&e.DisconnectReason)
		default:
			s.skip()
		}
	}
}

func readIdentity(s *scanner, id *Identity) {
	if !s.open('{') {
		return
	}
	for s.more('}') {
		switch string(s.key()) {
		case "sourceIp":
			s.string(&id.SourceIP)
		case "userAgent":
			s.string(&id.UserAgent)
		case "apiKey":
			s.string(&id.APIKey)
		case "apiKeyId":
			s.string(&id.APIKeyID)
		case "accountId":
			s.string(&id.AccountID)
		case "caller":
			s.string(&id.Caller)
		case "user":
			s.string(&id.User)
		case "userArn":
			s.string(&id.UserARN)
		case "principalOrgId":
			s.string(&id.PrincipalOrgID)
		default:
			s.skip()
		}
	}
}

// readScalars reads a flat object into m: strings as they are, other values in their JSON spelling, nulls not
// at all.
func readScalars(s *scanner, m map[string]string) map[string]string {
	if !s.open('{') {
		return m
	}
	for s.more('}') {
		k := s.name()
		v, ok := s.scalar()
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
		read       func(*scanner) []string
	}{
		{"headers", e.headers, e.Header, textproto.CanonicalMIMEHeaderKey, readSingle},
		{"multiValueHeaders", e.multiHeaders, e.Header, textproto.CanonicalMIMEHeaderKey, readMulti},
		{"queryStringParameters", e.query, e.Query, asIs, readSingle},
		{"multiValueQueryStringParameters", e.multiQuery, e.Query, asIs, readMulti},
	} {
		if part.json == "" {
			continue
		}
		s := newScanner([]byte(part.json))
		if s.open('{') {
			for s.more('}') {
				k := part.key(s.name())
				part.into[k] = part.read(&s)
			}
		}
		if s.err != nil {
			return fmt.Errorf("%s: %w", part.name, s.err)
		}
	}
	return nil
}

func asIs(s string) string { return s }

func readSingle(s *scanner) []string {
	var v string
	s.string(&v)
	return []string{v}
}

func readMulti(s *scanner) []string {
	var vs []string
	if !s.open('[') {
		return nil
	}
	for s.more(']') {
		var v string
		s.string(&v)
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
	s := scanner{data: e.Body, kept: kept}
	if s.peek() != '{' {
		return
	}
	s.open('{')
	var action, id string
	var badID bool
	for s.more('}') {
		switch string(s.key()) {
		case "action":
			action, _ = s.stringOr()
		case "id":
			var ok bool
			id, ok = s.stringOr()
			badID = !ok || len(id) > maxIDLength
		default:
			s.skip()
		}
	}
	s.end()
	if s.err != nil {
		return
	}
	e.Action, e.ID, e.badID = action, id, badID
	if badID {
		e.ID = ""
	}
}
