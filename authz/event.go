package authz

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/jsonscan"
)

// event is the event of a REQUEST authorizer, as far as this package reads it.
type event struct {
	Type, MethodARN                 string
	Headers                         object[text]
	MultiValueHeaders               object[texts]
	QueryStringParameters           object[text]
	MultiValueQueryStringParameters object[texts]
	StageVariables                  object[text]
	RequestContext                  struct {
		RouteKey, ConnectionID   string
		APIID, Stage, DomainName text
		RequestTimeEpoch         millis
		Identity                 identity
	}
}

func parseEvent(payload []byte) (arn string, h *Handshake, err error) {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return "", nil, err
	}
	c := &e.RequestContext
	switch {
	case e.Type != "REQUEST":
		return "", nil, fmt.Errorf("the type is %.40q, want REQUEST", e.Type)
	case e.MethodARN == "" || c.ConnectionID == "" || c.RouteKey != gatesock.RouteConnect:
		return "", nil, errors.New("methodArn or connectionId is missing, or routeKey is not $connect")
	}
	h = &Handshake{
		ConnectionID: c.ConnectionID, RouteKey: c.RouteKey,
		APIID: string(c.APIID), Stage: string(c.Stage), DomainName: string(c.DomainName),
		Header: make(http.Header), Query: make(url.Values),
		Identity: gatesock.Identity{SourceIP: string(c.Identity.SourceIP), UserAgent: string(c.Identity.UserAgent)},
	}
	if c.RequestTimeEpoch != 0 {
		h.Time = time.UnixMilli(int64(c.RequestTimeEpoch)).UTC()
	}
	for name, value := range e.StageVariables {
		if h.StageVariables == nil {
			h.StageVariables = make(map[string]string)
		}
		h.StageVariables[name] = string(value)
	}
	fill(h.Header, e.Headers, e.MultiValueHeaders, textproto.CanonicalMIMEHeaderKey)
	fill(h.Query, e.QueryStringParameters, e.MultiValueQueryStringParameters, func(k string) string { return k })
	return e.MethodARN, h, nil
}

// fill joins the two forms in which an event has headers and parameters. The form with all values
// wins.
func fill(to map[string][]string, single object[text], multi object[texts], key func(string) string) {
	for k, v := range multi {
		to[key(k)] = append(to[key(k)], v...)
	}
	for k, v := range single {
		if k = key(k); len(to[k]) == 0 {
			to[k] = []string{string(v)}
		}
	}
}

// The types of an event's members are strict where a decision depends on a member, and otherwise
// accept what events have in their place: times were seen as floats and as strings, and empty
// strings for objects (aws-lambda-go#154).

// text is a string, or the JSON of another value; null is an empty text.
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(b []byte) error {
	s := jsonscan.NewScanner(b, nil)
	value, _ := s.Scalar()
	*t = text(value)
	return nil
}

// texts is an array of texts, or a single text.
type texts []string

// UnmarshalJSON never fails.
func (l *texts) UnmarshalJSON(b []byte) error {
	s := jsonscan.NewScanner(b, nil)
	if s.Null() {
		return nil
	}
	if s.Peek() != '[' {
		value, _ := s.Scalar()
		*l = texts{value}
		return nil
	}
	s.Open('[')
	for s.More(']') {
		value, _ := s.Scalar()
		*l = append(*l, value)
	}
	return nil
}

// millis is a time in milliseconds; 0 for a value that is not a time.
type millis int64

// UnmarshalJSON never fails.
func (m *millis) UnmarshalJSON(b []byte) error {
	s := jsonscan.NewScanner(b, nil)
	s.Integer((*int64)(m))
	return nil
}

// object is an object of texts or lists. Null and the empty string are objects without members.
type object[V text | texts] map[string]V

// UnmarshalJSON fails for any other value: headers that can't be read must not pass for no headers.
func (o *object[V]) UnmarshalJSON(b []byte) error {
	s := jsonscan.NewScanner(b, nil)
	if string(b) == `""` || s.Null() {
		return nil
	}
	if s.Peek() != '{' {
		return errors.New("headers, parameters and stage variables must be objects")
	}
	return json.Unmarshal(b, (*map[string]V)(o))
}

// identity is what API Gateway knows about the client. It is empty unless the member is an object.
type identity struct{ SourceIP, UserAgent text }

// UnmarshalJSON does not fail for valid JSON.
func (i *identity) UnmarshalJSON(b []byte) error {
	if b[0] != '{' {
		return nil
	}
	type plain identity
	return json.Unmarshal(b, (*plain)(i))
}
