package asyncapi

import (
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/describe"
)

const channel = "#/channels/api"

// message is a message of the channel.
type message struct {
	key    string
	object object
}

// add adds a message and returns a reference to it in the channel.
func (d *document) add(key, title, description string, payload any, correlated bool) object {
	m := object{{"name", key}, {"title", title}, {"description", text(description)}}
	if correlated {
		m = append(m, member{"correlationId", object{
			{"description", "The id that the client chose."},
			{"location", "$message.payload#/" + escapePointer(d.app.Envelope.ID)},
		}})
	}
	d.messages = append(d.messages, message{key, append(m, member{"payload", payload})})
	return ref(channel + "/messages/" + key)
}

// operations returns what clients and the application can send.
func (d *document) operations() object {
	failed := d.add("error", "Error", "The answer to a message that failed.", d.errorFrame(), true)
	var all object
	for _, r := range d.app.Routes {
		if r.Key != gatesock.RouteConnect && r.Key != gatesock.RouteDisconnect {
			all = append(all, member{"receive." + d.routeKeys[r.Key], d.receive(r, failed)})
		}
	}
	for _, p := range d.app.Pushes {
		key := "push." + d.pushKeys[p.Event]
		m := d.add(key, "Push "+p.Event, d.describes(p.Data), d.push(p), false)
		all = append(all, member{"send." + d.pushKeys[p.Event], send("Push "+p.Event, "", m)})
	}
	gateway := d.add("gateway", "The gateway's own frame",
		"Has no id. If it is `Internal server error` or `Endpoint request timed out`, it may be the answer to any message that waits.",
		gatewayFrame(), false)
	return append(all, member{"gateway", send("The gateway's own frames",
		"API Gateway answers in place of the application that it cannot reach.", gateway)})
}

func send(title, description string, m object) object {
	return object{
		{"action", "send"}, {"channel", ref(channel)}, {"title", title}, {"description", text(description)}, {"messages", []any{m}},
	}
}

// receive is the operation of a message route.
func (d *document) receive(r describe.Route, failed object) object {
	key := d.routeKeys[r.Key]
	about := d.describes(r.Input)
	if r.Key == gatesock.RouteDefault {
		about = strings.TrimSpace("Messages that no other operation takes. " + about)
	}
	request := d.add("request."+key, "Request "+r.Key, about, d.request(r), !r.Raw && r.Key != gatesock.RouteDefault)
	o := object{
		{"action", "receive"},
		{"channel", ref(channel)},
		{"title", r.Key},
		{"description", text(d.rules(r))},
		{"security", operationSecurity(r)},
		{"messages", []any{request}},
	}
	if replies := d.replies(r, failed); len(replies) > 0 {
		o = append(o, member{"reply", object{{"channel", ref(channel)}, {"messages", replies}}})
	}
	return append(o, member{"x-gatesock-guards", list(r.Guards)})
}

// replies returns the messages that answer a route.
func (d *document) replies(r describe.Route, failed object) []any {
	key, title := "reply."+d.routeKeys[r.Key], "Reply to "+r.Key
	switch r.Answer {
	case describe.AnswerData:
		return []any{d.add(key, title, d.describes(r.Output), d.reply(r), !r.Raw), failed}
	case describe.AnswerAck:
		if r.Raw {
			return []any{failed}
		}
		return []any{d.add(key, title, "The acknowledgement of a message with an id.", d.reply(r), true), failed}
	case describe.AnswerMock:
		return []any{d.add(key, title, "Always the same frame, without an id: the API answers itself.", mock(r.Mock), false)}
	case describe.AnswerAny:
		return []any{d.add(key, title, "Any frame: the description does not say more about it.", object{}, false)}
	case describe.AnswerNone:
	}
	return nil
}

// rules returns what a client of a route should know besides the frames.
func (d *document) rules(r describe.Route) string {
	var lines []string
	switch {
	case r.Answer == describe.AnswerNone:
		lines = append(lines, "One-way: it never answers, not even with an error.")
	case r.Answer == describe.AnswerAck && !r.Raw:
		lines = append(lines, "A message without an id is answered only if it fails.")
	case r.Answer == describe.AnswerMock:
		lines = append(lines, "Keeps the connection open.")
	}
	if r.Raw {
		lines = append(lines, "Messages and replies are outside the wire format: they have no envelope. Errors have it.")
	}
	if r.Codec == "custom" {
		lines = append(lines, "The types have an encoding of their own.")
	}
	for _, g := range r.Guards {
		if g.Name != "public" {
			lines = append(lines, "Requires: "+g.Name+".")
		}
	}
	for _, l := range d.app.Limits {
		if line := limited(l, r.Key); line != "" && r.Answer != describe.AnswerMock {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n\n")
}

// describes returns the description of a type.
func (d *document) describes(s *describe.Schema) string {
	if s != nil && s.Description != "" {
		return s.Description
	}
	if resolved := d.resolve(s); resolved != nil {
		return resolved.Description
	}
	return ""
}

func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
