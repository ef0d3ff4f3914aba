package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/internal/oneline"
)

// typeRows are the named types, and the objects without a name that routes and pushes have.
func typeRows(app *describe.App) [][]string {
	rows := [][]string{{"TYPE", "MEMBER", "IS"}}
	for _, r := range app.Routes {
		rows = append(rows, unnamedRows("input of "+r.Key, r.Input)...)
		rows = append(rows, unnamedRows("output of "+r.Key, r.Output)...)
	}
	for _, push := range app.Pushes {
		rows = append(rows, unnamedRows("push "+push.Event, push.Data)...)
	}
	for _, name := range slices.Sorted(maps.Keys(app.Types)) {
		rows = append(rows, objectRows(name, app.Types[name])...)
	}
	return rows
}

// unnamedRows are those of a type without a name, if it says more than the table of routes.
func unnamedRows(title string, s *describe.Schema) [][]string {
	if s == nil || s.Ref != "" || len(s.Properties) == 0 && limits(s) == "" {
		return nil
	}
	return objectRows(title, s)
}

// objectRows are a type and its members.
func objectRows(title string, s *describe.Schema) [][]string {
	if s == nil {
		return nil
	}
	rows := [][]string{}
	if len(s.Properties) == 0 || s.Description != "" || limits(s) != "" {
		text := details(s)
		if len(s.Properties) > 0 {
			text = strings.TrimPrefix(text, "object; ")
		}
		rows = append(rows, []string{title, "", text})
		title = ""
	}
	for _, m := range membersOf("", s) {
		rows = append(rows, []string{title, m[0], m[1]})
		title = ""
	}
	return rows
}

// membersOf returns the members of an object with what they are, and below a member its own.
func membersOf(prefix string, s *describe.Schema) (members [][2]string) {
	for _, p := range s.Properties {
		name := prefix + p.Name
		if !s.IsRequired(p.Name) {
			name += "?"
		}
		if p.Schema == nil {
			members = append(members, [2]string{name, "any"})
			continue
		}
		members = append(members, [2]string{name, details(p.Schema)})
		if strings.Count(prefix, ".") < maxDepth {
			members = append(members, membersOf(prefix+p.Name+".", p.Schema)...)
		}
	}
	return members
}

// maxDepth bounds how deep objects without a name are shown.
const maxDepth = 5

// details returns what a value is, may be, and means, in one line.
func details(s *describe.Schema) string {
	text := shape(s)
	if len(s.Properties) > 0 && s.Ref == "" && !slices.Contains(s.Types, "null") {
		text = "object"
	}
	for _, more := range []string{limits(s), meaning(s)} {
		if more != "" {
			text += "; " + more
		}
	}
	return text
}

// meaning returns the description of a type in one line.
func meaning(s *describe.Schema) string { return strings.Join(strings.Fields(s.Description), " ") }

// shape returns the type of a value in a word or two.
func shape(s *describe.Schema) string {
	return shapeAt(s, 0)
}

func shapeAt(s *describe.Schema, depth int) string {
	switch {
	case s == nil:
		return "any"
	case depth > maxDepth:
		return "…"
	case s.Ref != "":
		return s.Name()
	case len(s.AnyOf) > 0:
		var all []string
		for _, one := range s.AnyOf {
			all = append(all, shapeAt(one, depth+1))
		}
		return strings.Join(all, " or ")
	case len(s.Types) == 0:
		return "any"
	}
	var all []string
	for _, t := range s.Types {
		all = append(all, typeText(t, s, depth))
	}
	return strings.Join(all, " or ")
}

func typeText(jsonType string, s *describe.Schema, depth int) string {
	switch {
	case jsonType == "array":
		return "[]" + grouped(shapeAt(s.Items, depth+1))
	case jsonType == "object" && s.Additional != nil && len(s.Properties) == 0:
		return "map of " + grouped(shapeAt(s.Additional, depth+1))
	case jsonType == "string" && s.Format != "":
		return s.Format
	case jsonType == "string" && s.ContentEncoding != "":
		return s.ContentEncoding
	}
	return jsonType
}

// grouped puts alternatives into parentheses.
func grouped(text string) string {
	if strings.Contains(text, " or ") {
		return "(" + text + ")"
	}
	return text
}

// limits returns the constraints on a value.
func limits(s *describe.Schema) string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if text := between(s.MinLength, s.MaxLength, "character"); text != "" {
		add("%s", text)
	}
	if text := between(s.MinItems, s.MaxItems, "item"); text != "" {
		add("%s", text)
	}
	if s.UniqueItems {
		add("no item twice")
	}
	for _, bound := range []struct {
		sign  string
		value *json.Number
	}{{"≥", s.Minimum}, {">", s.ExclusiveMinimum}, {"≤", s.Maximum}, {"<", s.ExclusiveMaximum}, {"multiple of", s.MultipleOf}} {
		if bound.value != nil {
			add("%s %s", bound.sign, *bound.value)
		}
	}
	if s.Pattern != "" {
		add("matches %s", s.Pattern)
	}
	if len(s.Enum) > 0 {
		var values []string
		for _, v := range s.Enum {
			values = append(values, string(v))
		}
		add("one of %s", strings.Join(values, ", "))
	}
	if s.Const != nil {
		add("always %s", s.Const)
	}
	if s.Default != nil {
		add("default %s", s.Default)
	}
	if s.Closed {
		add("no other members")
	}
	if s.Deprecated {
		add("deprecated")
	}
	for i, text := range all {
		all[i] = oneline.Of(text, maxLimit)
	}
	return strings.Join(all, ", ")
}

// maxLimit bounds how much of a constraint is shown, in bytes.
const maxLimit = 300

// between returns the bounds of a number of things, and "" if there are none.
func between(from, to *int, thing string) string {
	switch {
	case from != nil && to != nil && *from == *to:
		return count(*from, thing)
	case from != nil && to != nil:
		return fmt.Sprintf("%d to %s", *from, count(*to, thing))
	case from != nil:
		return "at least " + count(*from, thing)
	case to != nil:
		return "at most " + count(*to, thing)
	}
	return ""
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
