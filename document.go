package gatesock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/gatesock/gatesock/internal/jsonschema"
)

// documentVersion is the version of the document. Package describe has the same.
const documentVersion = 1

// document is the JSON of a Description. Package describe explains it.
type document struct {
	Version    int                        `json:"version"`
	Envelope   Envelope                   `json:"envelope"`
	Routes     []documentRoute            `json:"routes"`
	Pushes     []documentPush             `json:"pushes,omitempty"`
	Limits     []RouteLimit               `json:"limits,omitempty"`
	Authorizer *documentAuthorizer        `json:"authorizer,omitempty"`
	Sources    []EventSource              `json:"sources,omitempty"`
	Needs      []Need                     `json:"needs,omitempty"`
	Types      map[string]json.RawMessage `json:"$defs,omitempty"`
}

type documentRoute struct {
	Key    string          `json:"key"`
	Answer string          `json:"answer"`
	Mock   string          `json:"mock,omitempty"`
	Raw    bool            `json:"raw,omitempty"`
	Codec  string          `json:"codec,omitempty"`
	Input  json.RawMessage `json:"input,omitempty"`
	Output json.RawMessage `json:"output,omitempty"`
	Guards []Guard         `json:"guards,omitempty"`
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
		Routes:   make([]documentRoute, 0, len(d.Routes)),
		Limits:   d.Limits,
		Sources:  d.Sources,
		Needs:    d.Needs,
	}
	var types documentTypes
	for _, r := range d.Routes {
		doc.Routes = append(doc.Routes, r.document())
		r.addTypes(&types)
	}
	for _, p := range d.Pushes {
		doc.Pushes = append(doc.Pushes, documentPush{Event: p.Event, Data: json.RawMessage("{}")})
		data := p.Data
		if !p.JSON {
			data = nil
		}
		types.add(fmt.Sprintf("the push %q", p.Event), data, jsonschema.Output)
	}
	var err error
	if doc.Types, err = types.make(&doc); err != nil {
		return nil, err
	}
	if d.Authorizer {
		doc.Authorizer = &documentAuthorizer{d.IdentitySources}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err = enc.Encode(doc)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}

// document returns the JSON of a route, without its types.
func (r Route) document() documentRoute {
	d := documentRoute{Key: r.Key, Answer: r.answer(), Mock: string(r.Mock), Raw: r.Raw, Guards: r.Guards}
	switch {
	case r.In == nil:
	case r.JSON:
		d.Codec = "json"
	default:
		d.Codec = "custom"
	}
	return d
}

// answer returns what the route answers to a message that it accepts.
func (r Route) answer() string {
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

// documentTypes are the types of the document: In and Out of each route, then the data of each
// push. A nil type stands for one that is not known.
type documentTypes struct {
	roots []jsonschema.Root
	into  []int // for each type the index of its schema, or -1
}

// addTypes adds the types of a route whose encoding is known.
func (r Route) addTypes(types *documentTypes) {
	in, out, use := r.In, r.Out, jsonschema.Input
	if !r.JSON {
		in, out = nil, nil
	}
	if in != nil && in.Kind() == reflect.Pointer {
		in = in.Elem() // a message is never null
	}
	if r.Strict {
		use = jsonschema.StrictInput
	}
	of := fmt.Sprintf("the route %q", r.Key)
	types.add(of, in, use)
	types.add(of, out, jsonschema.Output)
}

func (t *documentTypes) add(of string, typ reflect.Type, use jsonschema.Use) {
	if typ == nil {
		t.into = append(t.into, -1)
		return
	}
	t.into = append(t.into, len(t.roots))
	t.roots = append(t.roots, jsonschema.Root{Of: of, Type: typ, Use: use})
}

// make sets the schemas of the routes and pushes, and returns the types that they share.
func (t *documentTypes) make(doc *document) (map[string]json.RawMessage, error) {
	schemas, defs, err := jsonschema.Make(t.roots)
	if err != nil {
		return nil, fmt.Errorf("gatesock: %w", err)
	}
	places := make([]*json.RawMessage, 0, len(t.into))
	for i := range doc.Routes {
		places = append(places, &doc.Routes[i].Input, &doc.Routes[i].Output)
	}
	for i := range doc.Pushes {
		places = append(places, &doc.Pushes[i].Data)
	}
	for i, place := range places {
		if t.into[i] >= 0 {
			*place = schemas[t.into[i]]
		}
	}
	return defs, nil
}
