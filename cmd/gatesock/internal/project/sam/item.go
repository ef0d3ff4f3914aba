package sam

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/internal/oneline"
	"github.com/gatesock/gatesock/internal/template"
)

// item is a resource, or an object in its properties.
type item struct {
	*stack
	res  *template.Resource
	path []string       // of the object; empty for the resource itself
	has  map[string]any // the members of the object; nil for the resource itself
}

// item returns a resource of the stack.
func (s *stack) item(res *template.Resource) item { return item{stack: s, res: res} }

// id is the ID of the resource in the project.
func (i item) id() string { return i.name(i.res) }

// in returns an object in i.
func (i item) in(name string, members map[string]any) item {
	i.path = append(append([]string{}, i.path...), name)
	if i.has = members; members == nil {
		i.has = map[string]any{}
	}
	return i
}

// get returns a property: a string, a json.Number, a bool, a []any, a map[string]any, or nil.
func (i item) get(name string) any {
	if i.has != nil {
		return i.has[name]
	}
	key := i.res.ID + "." + name
	v, known := i.values[key]
	if !known {
		v, _ = i.Typed(i.res, name) // a lenient evaluator reports
		i.values[key] = v
	}
	return v
}

// report adds a finding on a property, or on the item itself if property is empty.
func (i item) report(severity project.Severity, property, format string, args ...any) {
	path := i.path
	if property != "" {
		path = append(append([]string{}, path...), property)
	}
	f := project.Finding{
		Severity: severity, File: i.file, Line: i.res.Line(path...), Resource: i.res.ID, Text: fmt.Sprintf(format, args...),
	}
	if i.source.Place != nil {
		f.File, f.Line = i.place(i.res.ID, strings.Join(path, "."))
	}
	i.add(f)
}

func (i item) notice(property, format string, args ...any) {
	i.report(project.Notice, property, format, args...)
}

func (i item) warn(property, format string, args ...any) {
	i.report(project.Warning, property, format, args...)
}

func (i item) fail(property, format string, args ...any) {
	i.report(project.Failure, property, format, args...)
}

// text returns a property that is text, without blanks around it, or "".
func (i item) text(name string) string {
	v := i.get(name)
	s, ok := template.AsText(v)
	if !ok && v != nil {
		i.warn(name, "%s must be text", name)
	}
	return strings.TrimSpace(s)
}

// flag returns a property that is true or false, or the default.
func (i item) flag(name string, byDefault bool) bool {
	s := i.text(name)
	if s == "" {
		return byDefault
	}
	ok, err := strconv.ParseBool(strings.ToLower(s))
	if err != nil {
		i.warn(name, "%s is %s, which is neither true nor false", name, quote(s))
		return byDefault
	}
	return ok
}

// number returns a whole number between low and high, or the default.
func (i item) number(name string, byDefault, low, high int) int {
	s := i.text(name)
	if s == "" {
		return byDefault
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		i.warn(name, "%s is %s; AWS accepts %d to %d; it is %d here", name, quote(s), low, high, byDefault)
		return byDefault
	}
	return n
}

// seconds is number for a time.
func (i item) seconds(name string, byDefault, low, high int) time.Duration {
	return time.Duration(i.number(name, byDefault, low, high)) * time.Second
}

// object returns a property that is an object, and reports whether there is one.
func (i item) object(name string) (item, bool) {
	v := i.get(name)
	members, ok := v.(map[string]any)
	if !ok && v != nil {
		i.warn(name, "%s must be an object", name)
	}
	return i.in(name, members), ok
}

// objects returns a property that is a list of objects.
func (i item) objects(name string) []item {
	var list []item
	for n, v := range i.list(name) {
		members, ok := v.(map[string]any)
		element := i.in(name, nil).in(strconv.Itoa(n), members)
		if !ok {
			element.warn("", "%s must be a list of objects", name)
			continue
		}
		list = append(list, element)
	}
	return list
}

// list returns a property that is a list. One value counts as a list, as in CloudFormation.
func (i item) list(name string) []any {
	switch v := i.get(name).(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// texts returns a property that is a list of texts.
func (i item) texts(name string) []string {
	var list []string
	for _, v := range i.list(name) {
		s, ok := template.AsText(v)
		if !ok {
			i.warn(name, "%s must be a list of texts", name)
			continue
		}
		list = append(list, strings.TrimSpace(s))
	}
	return list
}

// textMap returns a property that is an object of texts; nil if there is none.
func (i item) textMap(name string) map[string]string {
	o, ok := i.object(name)
	if !ok {
		return nil
	}
	texts := make(map[string]string, len(o.has))
	for _, key := range sorted(o.has) {
		s, ok := template.AsText(o.has[key])
		if !ok {
			o.warn(key, "%s must be text, a number, true or false", oneline.Of(key, 100))
			continue
		}
		texts[key] = s
	}
	return texts
}

// json returns a property as JSON; nil if there is none. A text counts as JSON itself.
func (i item) json(name string) json.RawMessage {
	v := i.get(name)
	if v == nil {
		return nil
	}
	text, ok := v.(string)
	if !ok {
		b, err := json.Marshal(v)
		if err != nil {
			i.warn(name, "%s is no JSON", name)
			return nil
		}
		return b
	}
	if text = strings.TrimSpace(text); !json.Valid([]byte(text)) {
		i.warn(name, "%s is not valid JSON", name)
		return nil
	}
	return json.RawMessage(text)
}

func quote(s string) string { return oneline.Quote(s, 100) }
