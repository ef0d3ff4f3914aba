package asyncapi

import (
	"encoding/json"
	"slices"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/describe"
)

// The functions of this file return the schemas of frames: payloads of messages.

// request is what a client sends on a route.
func (d *document) request(r describe.Route) any {
	if r.Raw || r.Key == gatesock.RouteDefault && r.Input == nil {
		return d.schema(r.Input)
	}
	e := d.app.Envelope
	own := object{{e.Action, object{{"const", r.Key}}}, {e.ID, d.own(idSchema)}}
	required := []string{e.Action}
	if r.Key == gatesock.RouteDefault {
		own, required = object{{e.Action, stringType()}, own[1]}, nil
	}
	switch {
	case r.Input == nil:
	case e.Input == "":
		return d.beside(own, required, r.Input)
	default:
		own = append(own, member{e.Input, d.schema(r.Input)})
		if in := d.resolve(r.Input); in != nil && len(in.Required) > 0 {
			required = append(required, e.Input)
		}
	}
	return frame(own, required)
}

// beside returns the schema of a message that has the members of an input beside its own.
func (d *document) beside(own object, required []string, input *describe.Schema) any {
	in := d.objectOf(input)
	if in == nil || input.Ref != "" && !in.Closed && in.Additional == nil {
		return object{{"allOf", []any{frame(own, required), d.schema(input)}}}
	}
	// What the input says about all other members must not hold for the message's own.
	c := *in
	c.Properties, c.Required, c.Types = nil, slices.Concat(required, in.Required), []string{"object"}
	merged := d.schema(&c)
	properties := slices.Clone(own)
	for _, p := range in.Properties {
		if i := slices.IndexFunc(properties, func(m member) bool { return m.name == p.Name }); i >= 0 {
			properties[i].value = object{{"allOf", []any{properties[i].value, d.schema(p.Schema)}}}
			continue
		}
		properties = append(properties, member{p.Name, d.schema(p.Schema)})
	}
	return withProperties{merged, properties}
}

// objectOf returns the schema of an input if it is that of an object, also where it may be null; a
// message is never null.
func (d *document) objectOf(input *describe.Schema) *describe.Schema {
	in := d.resolve(input)
	if in != nil && len(in.AnyOf) == 2 {
		if null := in.AnyOf[1]; null != nil && slices.Equal(null.Types, []string{"null"}) {
			in = d.resolve(in.AnyOf[0])
		}
	}
	if in == nil || !slices.Contains(in.Types, "object") || len(in.Enum) > 0 || in.Const != nil || len(in.AnyOf) > 0 {
		return nil
	}
	return in
}

// withProperties is a schema with properties that are not describe.Schemas.
type withProperties struct {
	schema     *describe.Schema
	properties object
}

// MarshalJSON returns the schema with its properties.
func (w withProperties) MarshalJSON() ([]byte, error) {
	c := *w.schema
	properties, err := json.Marshal(w.properties)
	if err != nil {
		return nil, err
	}
	c.Other = map[string]json.RawMessage{"properties": properties}
	for name, value := range w.schema.Other {
		c.Other[name] = value
	}
	return c.MarshalJSON()
}

// reply is the answer of a route that answers with data, or with an acknowledgement.
func (d *document) reply(r describe.Route) any {
	if r.Raw {
		return d.schema(r.Output)
	}
	var data any = object{{"type", "null"}}
	if r.Answer == describe.AnswerData {
		data = d.schema(r.Output)
	}
	e := d.app.Envelope
	var action any = object{{"const", r.Key}}
	if r.Key == gatesock.RouteDefault {
		action = stringType()
	}
	return frame(object{{e.ID, d.own(idSchema)}, {e.Action, action}, {e.Data, data}}, []string{e.Action, e.Data})
}

// mock is the answer of a route that the API answers itself.
func mock(text string) any {
	if json.Valid([]byte(text)) {
		return object{{"const", json.RawMessage(text)}}
	}
	return object{{"const", text}}
}

// push is a message without a request, or the result of a request that was acknowledged before.
func (d *document) push(p describe.Push) any {
	e := d.app.Envelope
	topic := object{{"type", "string"}, {"minLength", 1}, {"description", "What the push is about."}}
	if d.app.IsResult(p.Event) {
		return append(frame(object{
			{e.Event, object{{"const", p.Event}}},
			{e.ID, d.own(idSchema)},
			{e.Topic, topic},
			{e.Data, d.schema(p.Data)},
			{e.Error, d.own(errorSchema)},
		}, []string{e.Event}), member{"oneOf", []any{
			object{{"required", []string{e.Data}}}, object{{"required", []string{e.Error}}},
		}})
	}
	return frame(object{{e.Event, object{{"const", p.Event}}}, {e.Topic, topic}, {e.Data, d.schema(p.Data)}},
		[]string{e.Event, e.Data})
}

// errorFrame is the answer to a message that failed.
func (d *document) errorFrame() any {
	e := d.app.Envelope
	id := object{
		{"type", []string{"string", "number"}},
		{"description", "The id of the message; absent if it had none. A number is refused, and returned as it was sent."},
	}
	action := object{{"type", "string"}, {"description", "The action of the message, or the route key if it had none."}}
	return frame(object{{e.ID, id}, {e.Action, action}, {e.Error, d.own(errorSchema)}},
		[]string{e.Action, e.Error})
}

// gatewayFrame is what the gateway answers in place of the application.
func gatewayFrame() any {
	message := object{
		{"type", "string"},
		{"examples", []string{"Internal server error", "Endpoint request timed out", "Forbidden", "Bad request body"}},
	}
	return object{
		{"type", "object"},
		{"properties", object{{"message", message}, {"connectionId", stringType()}, {"requestId", stringType()}, {"messageId", stringType()}}},
		{"required", []string{"message"}},
		{"anyOf", []any{object{{"required", []string{"requestId"}}}, object{{"required", []string{"messageId"}}}}},
	}
}

func frame(properties object, required []string) object {
	return object{{"type", "object"}, {"properties", properties}, {"required", list(required)}}
}

func stringType() object { return object{{"type", "string"}} }
