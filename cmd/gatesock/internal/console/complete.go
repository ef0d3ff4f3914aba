package console

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/console/lineedit"
	"github.com/gatesock/gatesock/describe"
)

// completer completes commands, and messages of an application that is described.
type completer struct {
	app *describe.App // nil if it is not known
}

// complete is a function for [lineedit.Config.Complete].
func (c completer) complete(line string, pos int) lineedit.Completion {
	before := line[:pos]
	switch trimmed := strings.TrimLeft(before, " "); {
	case strings.HasPrefix(trimmed, "/"):
		return completeCommand(trimmed, pos)
	case c.app == nil:
		return lineedit.Completion{}
	case !strings.ContainsAny(trimmed, "{[\" "):
		return c.templates(trimmed, pos)
	}
	return c.inside(line, pos)
}

func completeCommand(text string, pos int) lineedit.Completion {
	done := lineedit.Completion{Start: pos - len(text)}
	if strings.Contains(text, " ") {
		return done
	}
	for _, command := range commands() {
		if strings.HasPrefix(command.name, text) {
			done.Options = append(done.Options, lineedit.Option{Text: command.name, Label: command.name})
		}
	}
	return done
}

// actions returns the routes that a client may name in a message.
func (c completer) actions() (all []describe.Route) {
	for _, r := range c.app.Routes {
		if !strings.HasPrefix(r.Key, "$") {
			all = append(all, r)
		}
	}
	return all
}

// templates returns whole messages for the actions that begin with a word.
func (c completer) templates(word string, pos int) lineedit.Completion {
	done := lineedit.Completion{Start: pos - len(word)}
	routes := slices.DeleteFunc(c.actions(), func(r describe.Route) bool { return !strings.HasPrefix(r.Key, word) })
	if len(routes) == 1 {
		done.Options = []lineedit.Option{c.template(routes[0])}
		return done
	}
	for _, r := range routes {
		done.Options = append(done.Options, lineedit.Option{Text: r.Key})
	}
	return done
}

// template returns a message with all required members, and the cursor at the first value.
func (c completer) template(r describe.Route) lineedit.Option {
	text := "{" + quoted(c.app.Envelope.Action) + ":" + quoted(r.Key)
	end, cursor := "}", -1
	input := c.resolve(r.Input)
	if input != nil && c.app.Envelope.Input != "" && len(input.Required) > 0 {
		text += "," + quoted(c.app.Envelope.Input) + ":{"
		end = "}}"
	}
	for _, p := range propertiesOf(input) {
		if !input.IsRequired(p.Name) {
			continue
		}
		if !strings.HasSuffix(text, "{") {
			text += ","
		}
		opening, closing := c.blank(p.Schema)
		text += quoted(p.Name) + ":" + opening
		if cursor < 0 {
			cursor = len(text)
		}
		text += closing
	}
	text += end
	if cursor < 0 {
		cursor = len(text) - len(end)
	}
	return lineedit.Option{Text: text, Label: r.Key, Back: len(text) - cursor}
}

// blank returns the beginning and the end of an empty value.
func (c completer) blank(s *describe.Schema) (opening, closing string) {
	s = c.resolve(s)
	if s == nil || len(s.Types) == 0 {
		return "", ""
	}
	switch s.Types[0] {
	case "string":
		return `"`, `"`
	case "object":
		return "{", "}"
	case "array":
		return "[", "]"
	}
	return "", ""
}

// resolve follows references and the first alternative that is not null. It returns nil if nothing
// is known.
func (c completer) resolve(s *describe.Schema) *describe.Schema {
	for range 10 { // references may go in a circle
		switch {
		case s == nil:
			return nil
		case s.Ref != "":
			s = c.app.Types[s.Name()]
		case len(s.AnyOf) > 0 && len(s.Types) == 0:
			alternatives := slices.DeleteFunc(slices.Clone(s.AnyOf), func(a *describe.Schema) bool {
				return slices.Equal(a.Types, []string{"null"})
			})
			if len(alternatives) == 0 {
				return nil
			}
			s = alternatives[0]
		default:
			return s
		}
	}
	return nil
}

func propertiesOf(s *describe.Schema) []describe.Property {
	if s == nil {
		return nil
	}
	return s.Properties
}

func quoted(text string) string {
	form, err := json.Marshal(text)
	if err != nil {
		return `""` // a string always has a form
	}
	return string(form)
}

// inside completes the name or the value at the cursor.
func (c completer) inside(line string, pos int) lineedit.Completion {
	at := contextOf(line, pos)
	done := lineedit.Completion{Start: at.start}
	schema := c.schemaAt(line, at.path)
	switch {
	case at.nothing:
	case at.name:
		for _, p := range c.namesAt(schema, at.path) {
			if !slices.Contains(at.names, p.Name) {
				done.Options = append(done.Options, c.name(p, at)...)
			}
		}
	case len(at.path) == 1 && at.path[0] == c.app.Envelope.Action:
		for _, r := range c.actions() {
			done.Options = append(done.Options, value(quoted(r.Key), at)...)
		}
	case schema != nil:
		for _, v := range valuesOf(schema) {
			done.Options = append(done.Options, value(v, at)...)
		}
	}
	return done
}

// name returns an option for a member, if its name begins as what is there.
func (c completer) name(p describe.Property, at position) []lineedit.Option {
	opening, closing := c.blank(p.Schema)
	name := quoted(p.Name)
	text := name + ":" + opening + closing
	switch {
	case at.full:
		text = "," + text
	case !strings.HasPrefix(name, at.text):
		return nil
	case at.closed: // there is an end, and maybe a value, behind the cursor
		text, closing = name[:len(name)-1], ""
	}
	return []lineedit.Option{{Text: text, Label: p.Name, Back: len(closing)}}
}

// value returns an option for a value in JSON, if it begins as what is there.
func value(text string, at position) []lineedit.Option {
	if !strings.HasPrefix(text, at.text) {
		return nil
	}
	label := strings.Trim(text, `"`)
	if at.closed {
		text = strings.TrimSuffix(text, `"`)
	}
	return []lineedit.Option{{Text: text, Label: label}}
}

// valuesOf returns the only values that a schema allows, in JSON.
func valuesOf(s *describe.Schema) (all []string) {
	for _, v := range s.Enum {
		all = append(all, string(v))
	}
	if len(s.Const) > 0 {
		all = append(all, string(s.Const))
	}
	if len(all) == 0 && slices.Contains(s.Types, "boolean") {
		all = append(all, "true", "false")
	}
	return all
}

// namesAt returns the members that an object may have.
func (c completer) namesAt(schema *describe.Schema, path []string) []describe.Property {
	if len(path) > 0 {
		return propertiesOf(schema)
	}
	e := c.app.Envelope
	all := []describe.Property{
		{Name: e.Action, Schema: &describe.Schema{Types: []string{"string"}}},
		{Name: e.ID, Schema: &describe.Schema{Types: []string{"string"}}},
	}
	if e.Input != "" {
		return append(all, describe.Property{Name: e.Input, Schema: &describe.Schema{Types: []string{"object"}}})
	}
	return append(all, propertiesOf(schema)...)
}

// schemaAt returns the schema of the value at a path of a message.
func (c completer) schemaAt(line string, path []string) *describe.Schema {
	action := actionIn(line, c.app.Envelope.Action)
	var schema *describe.Schema
	for _, r := range c.app.Routes {
		if r.Key == action {
			schema = r.Input
		}
	}
	if in := c.app.Envelope.Input; in != "" && len(path) > 0 {
		if path[0] != in {
			return nil
		}
		path = path[1:]
	}
	schema = c.resolve(schema)
	for _, name := range path {
		if schema == nil {
			return nil
		}
		next := schema.Additional
		if name == "" {
			next = schema.Items
		}
		for _, p := range schema.Properties {
			if p.Name == name {
				next = p.Schema
			}
		}
		schema = c.resolve(next)
	}
	return schema
}
