package gatesock

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	"github.com/gatesock/gatesock/internal/jsonschema"
)

// documentVersion is the version of the document. Package describe has the same.
const documentVersion = 1

// document is the JSON of a Description. Package describe explains it.
type document struct {
	Version    int                 `json:"version"`
	Envelope   Envelope            `json:"envelope"`
	Routes     []documentRoute     `json:"routes"`
	Pushes     []documentPush      `json:"pushes,omitempty"`
	Limits     []RouteLimit        `json:"limits,omitempty"`
	Authorizer *documentAuthorizer `json:"authorizer,omitempty"`
	Sources    []EventSource       `json:"sources,omitempty"`
	Needs      []Need              `json:"needs,omitempty"`
	Types      json.RawMessage     `json:"$defs,omitempty"`
}

type documentRoute struct {
	Key        string          `json:"key"`
	Answer     string          `json:"answer"`
	Mock       string          `json:"mock,omitempty"`
	Raw        bool            `json:"raw,omitempty"`
	Idempotent bool            `json:"idempotent,omitempty"`
	Codec      string          `json:"codec,omitempty"`
	Input      json.RawMessage `json:"input,omitempty"`
	Output     json.RawMessage `json:"output,omitempty"`
	Guards     []Guard         `json:"guards,omitempty"`
}

type documentPush struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

type documentAuthorizer struct {
	IdentitySources []string `json:"identitySources,omitempty"`
}

// MarshalJSON returns the document that package describe reads. It depends on nothing but d. It
// fails if a type of a route or a push has a tag jsonschema that is malformed, or a method
// JSONSchema that does not return a JSON object.
func (d Description) MarshalJSON() ([]byte, error) {
	doc := document{
		Version:  documentVersion,
		Envelope: d.Envelope.withDefaults(),
		Routes:   make([]documentRoute, len(d.Routes)),
		Pushes:   make([]documentPush, len(d.Pushes)),
		Limits:   d.Limits,
		Sources:  d.Sources,
		Needs:    d.Needs,
	}
	var types jsonschema.Generator
	for i := range d.Routes {
		d.Routes[i].document(&doc.Routes[i], &types)
	}
	for i, p := range d.Pushes {
		to := &doc.Pushes[i]
		to.Event, to.Data = p.Event, json.RawMessage("{}")
		if p.JSON {
			types.Add("the push "+strconv.Quote(p.Event), p.Data, jsonschema.Output, &to.Data)
		}
	}
	if d.Authorizer {
		doc.Authorizer = &documentAuthorizer{d.IdentitySources}
	}
	var err error
	if doc.Types, err = types.Finish(); err != nil {
		return nil, fmt.Errorf("gatesock: %w", err)
	}
	return JSON{}.Marshal(&doc)
}

// document sets the JSON of a route. Its types are added to types, if their encoding is known.
func (r *Route) document(to *documentRoute, types *jsonschema.Generator) {
	to.Key, to.Answer, to.Mock, to.Raw, to.Guards = r.Key, r.answer(), string(r.Mock), r.Raw, r.Guards
	to.Idempotent = r.Idempotent
	switch {
	case r.In == nil:
	case r.JSON:
		to.Codec = "json"
	default:
		to.Codec = "custom"
	}
	if !r.JSON {
		return
	}
	in, use := r.In, jsonschema.Input
	if in != nil && in.Kind() == reflect.Pointer {
		in = in.Elem() // a message is never null
	}
	if r.Strict {
		use = jsonschema.StrictInput
	}
	of := "the route " + strconv.Quote(r.Key)
	types.Add(of, in, use, &to.Input)
	types.Add(of, r.Out, jsonschema.Output, &to.Output)
}

// answer returns what the route answers to a message that it accepts.
func (r *Route) answer() string {
	switch {
	case r.Mock != nil:
		return "mock"
	case !r.NeedsResponse:
		return "none"
	case r.Out != nil:
		return "data"
	case r.In != nil:
		return "ack"
	default:
		return "any"
	}
}
