// Package asyncapi makes the AsyncAPI document of an application: what its clients can send, what
// they receive, and what that requires of them.
package asyncapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatesock/gatesock/describe"
)

// Options are what a description does not say.
type Options struct {
	// Title and Version are those of the API. The default of Version is "0.0.0".
	Title, Version string
	// Host is the host of the API, and Path the path of its stage. By default they are the host that
	// API Gateway chooses, with variables, and the name of the stage.
	Host, Path string
}

// Document returns the document of an application: AsyncAPI 3.0, as JSON. The same description
// always has the same document. The error names what the description lacks.
func Document(app *describe.App, o Options) ([]byte, error) {
	d := newDocument(app)
	operations := d.operations()
	root := object{
		{"asyncapi", "3.0.0"},
		{"info", object{
			{"title", cmp.Or(o.Title, "gatesock")},
			{"version", cmp.Or(o.Version, "0.0.0")},
			{"description", d.introduction()},
			{"x-gatesock-limits", list(app.Limits)},
		}},
		{"defaultContentType", "application/json"},
		{"servers", object{{"gateway", d.server(o)}}},
		{"channels", object{{"api", d.channel()}}},
		{"operations", operations},
		{"components", d.components()},
	}
	if err := errors.Join(d.failures...); err != nil {
		return nil, fmt.Errorf("asyncapi: %w", err)
	}
	return encode(root)
}

// encode returns indented JSON that ends with a newline.
func encode(root object) ([]byte, error) {
	compact, err := root.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("asyncapi: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", "  "); err != nil {
		return nil, fmt.Errorf("asyncapi: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// document is a document that is being made.
type document struct {
	app                 *describe.App
	typeKeys, ownKeys   map[string]string // keys of components.schemas
	routeKeys, pushKeys map[string]string
	used                []string // types that the document refers to
	usesID              bool
	messages            []message
	failures            []error
}

func newDocument(app *describe.App) *document {
	d := &document{app: app}
	var types, routes, pushes []string
	for name := range app.Types {
		types = append(types, name)
	}
	for _, r := range app.Routes {
		routes = append(routes, r.Key)
	}
	for _, p := range app.Pushes {
		pushes = append(pushes, p.Event)
	}
	d.typeKeys, d.routeKeys, d.pushKeys = keys(types), keys(routes), keys(pushes)
	d.ownKeys = ownKeys(d.typeKeys)
	return d
}

// ownKeys returns the keys of the schemas that every document has.
func ownKeys(typeKeys map[string]string) map[string]string {
	taken := make(map[string]bool)
	for _, key := range typeKeys {
		taken[key] = true
	}
	own := make(map[string]string)
	for _, name := range []string{idSchema, errorSchema, codeSchema} {
		key := name
		for taken[key] {
			key += "_"
		}
		own[name] = key
	}
	return own
}

// fail notes what makes the document impossible.
func (d *document) fail(err error) {
	if err != nil {
		d.failures = append(d.failures, err)
	}
}

// channel is the WebSocket endpoint, which all messages share.
func (d *document) channel() object {
	messages := make(object, len(d.messages))
	for i, m := range d.messages {
		messages[i] = member{m.key, ref("#/components/messages/" + m.key)}
	}
	connect := d.connectRoute()
	description := d.rules(describe.Route{Key: connect.Key, Guards: connect.Guards, Answer: describe.AnswerAny})
	return object{
		{"address", "/"},
		{"title", "The WebSocket endpoint"},
		{"description", text(description)},
		{"servers", []any{ref("#/servers/gateway")}},
		{"messages", messages},
		{"bindings", d.handshake()},
		{"x-gatesock-guards", list(connect.Guards)},
	}
}

// server is the stage of the API.
func (d *document) server(o Options) object {
	s := object{{"host", cmp.Or(o.Host, "{apiId}.execute-api.{region}.amazonaws.com")}, {"pathname", cmp.Or(o.Path, "/{stage}")}, {"protocol", "wss"}}
	var variables object
	if o.Host == "" {
		variables = append(variables,
			member{"apiId", object{{"description", "The id of the API."}}},
			member{"region", object{{"description", "The AWS Region of the API."}, {"examples", []string{"us-east-1"}}}})
	}
	if o.Path == "" {
		variables = append(variables, member{"stage", object{{"default", "prod"}, {"description", "The stage of the API."}}})
	}
	return append(s, member{"variables", list(variables)}, member{"security", d.serverSecurity()})
}
