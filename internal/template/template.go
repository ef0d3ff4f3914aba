// Package template reads CloudFormation templates and evaluates their intrinsic functions, as far
// as that is possible without AWS. It knows nothing of APIs.
package template

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Template is a template that has been read.
type Template struct {
	// Transforms are the macros that CloudFormation would run on the template.
	Transforms []string
	// Problems are what [ParseLenient] found.
	Problems []Problem

	parameters map[string]*node
	mappings   *node
	conditions map[string]*node
	resources  map[string]*Resource
	outputs    map[string]*node
}

// Resource is a resource of a template. An [Evaluator] returns its properties.
type Resource struct {
	// ID is the logical id.
	ID string
	// Type is the resource type, such as "AWS::ApiGatewayV2::Api".
	Type string
	// DependsOn are the logical ids of the resources that CloudFormation makes first.
	DependsOn []string
	// Generated is the logical id of the resource of SAM that this one was made of; empty if it is in
	// the template.
	Generated string

	condition  string
	line       int
	properties *node
	metadata   *node
}

// String returns the logical id and the type, for errors.
func (r *Resource) String() string { return fmt.Sprintf("resource %s (%s)", r.ID, r.Type) }

// Parse reads a template in YAML or JSON, in the short and the long forms of functions. If a key
// occurs twice, the last one counts, as on AWS. The WebSocket APIs of AWS SAM are replaced by the
// resources that its transform makes of them.
func Parse(data []byte) (*Template, error) { return parse(data, &parser{}) }

// ParseLenient is [Parse] for a template that may have mistakes, which become Template.Problems.
// The error is for a text that is not a template at all. It is a [*SyntaxError] if it is neither
// YAML nor JSON.
func ParseLenient(data []byte) (*Template, error) {
	p := &parser{lenient: true}
	t, err := parse(data, p)
	if err != nil {
		return nil, err
	}
	t.Problems = p.problems
	return t, nil
}

func parse(data []byte, p *parser) (*Template, error) {
	root, err := p.parseTree(data)
	if err != nil {
		return nil, err
	}
	if root.kind != object {
		return nil, errors.New("the template is not an object")
	}
	t := &Template{
		mappings:   root.members["Mappings"],
		parameters: root.section("Parameters"),
		conditions: root.section("Conditions"),
		outputs:    root.section("Outputs"),
	}
	t.Transforms, err = root.transforms()
	if err = p.complainIf(err); err != nil {
		return nil, err
	}
	if t.resources, err = p.parseResources(root); err != nil {
		return nil, err
	}
	if len(t.resources) == 0 {
		return nil, errors.New("the template has no Resources")
	}
	return t, t.expandSAM(p, root.section("Globals"))
}

// complainIf is complain for an error that may be nil.
func (p *parser) complainIf(err error) error {
	if err == nil {
		return nil
	}
	return p.complain(err)
}

// Resources returns the resources of a type, by logical id.
func (t *Template) Resources(kind string) []*Resource {
	var list []*Resource
	for _, id := range slices.Sorted(maps.Keys(t.resources)) {
		if r := t.resources[id]; r.Type == kind {
			list = append(list, r)
		}
	}
	return list
}

// All returns all resources, by logical id.
func (t *Template) All() []*Resource {
	list := make([]*Resource, 0, len(t.resources))
	for _, id := range slices.Sorted(maps.Keys(t.resources)) {
		list = append(list, t.resources[id])
	}
	return list
}

// Resource returns the resource with a logical id, or nil.
func (t *Template) Resource(id string) *Resource { return t.resources[id] }

// Line returns the line of a property of the resource, or that of the last object or list on the
// way to it; without a path that of the resource. An element of a list has its index in the path.
// The line is 0 if it is not known.
func (r *Resource) Line(path ...string) int {
	line, n := r.line, r.properties
	for i := 0; n != nil && i < len(path); i++ {
		var next *node
		switch n.kind {
		case object:
			next = n.members[path[i]]
		case list:
			if index, err := strconv.Atoi(path[i]); err == nil && index >= 0 && index < len(n.items) {
				next = n.items[index]
			}
		case null, scalar, function:
		}
		if n = next; n != nil {
			line = cmp.Or(n.place(), line)
		}
	}
	return line
}

// Metadata returns a text in the resource's Metadata by its path, such as "BuildMethod", or "". Of
// a list it is the first one.
func (r *Resource) Metadata(path ...string) string {
	n := r.metadata
	for _, name := range path {
		if n == nil {
			return ""
		}
		n = n.members[name]
	}
	if n != nil && n.kind == list && len(n.items) > 0 {
		n = n.items[0]
	}
	if n == nil {
		return ""
	}
	return n.text
}

// Parameter is a parameter of a template.
type Parameter struct {
	// Name is its name, and Type such as "String". Description is empty if there is none.
	Name, Type, Description string
	// Pattern is the AllowedPattern, and Allowed the AllowedValues.
	Pattern string
	Allowed []string
	// Line is where the template has it.
	Line int
	// Stored means that the value is in Systems Manager, under Default.
	Stored bool
	// HasDefault reports whether there is a Default.
	HasDefault bool
	Default    string
}

// Parameters returns the parameters of the template, by name.
func (t *Template) Parameters() []Parameter {
	list := make([]Parameter, 0, len(t.parameters))
	for _, name := range slices.Sorted(maps.Keys(t.parameters)) {
		list = append(list, parameterOf(name, t.parameters[name]))
	}
	return list
}

func parameterOf(name string, n *node) Parameter {
	text := func(member string) string {
		if m := n.members[member]; m != nil {
			return m.text
		}
		return ""
	}
	p := Parameter{
		Name: name, Type: text("Type"), Description: text("Description"), Pattern: text("AllowedPattern"),
		Line: n.place(), Default: text("Default"),
	}
	if d := n.members["Default"]; d != nil && d.kind == scalar {
		p.HasDefault = true
	}
	if a := n.members["AllowedValues"]; a != nil {
		for _, v := range a.items {
			p.Allowed = append(p.Allowed, v.text)
		}
	}
	p.Stored = strings.HasPrefix(p.Type, "AWS::SSM::Parameter::Value")
	return p
}

// section returns the members of a section of the template; none if it is missing.
func (n *node) section(name string) map[string]*node {
	if s := n.members[name]; s != nil {
		return s.members
	}
	return nil
}

func (n *node) transforms() ([]string, error) {
	if include := n.members["Fn::Transform"]; include != nil {
		return nil, include.errorf("the function Fn::Transform is not supported here")
	}
	list := n.members["Transform"]
	switch {
	case list == nil:
		return nil, nil
	case list.kind == scalar:
		return []string{list.text}, nil
	}
	var names []string
	for _, item := range list.items {
		if item.kind != scalar { // a macro with parameters
			item = cmp.Or(item.members["Name"], item)
		}
		names = append(names, item.text)
	}
	if len(names) == 0 {
		return nil, list.errorf("Transform is not the name of a macro or a list of names")
	}
	return names, nil
}

func (p *parser) parseResources(root *node) (map[string]*Resource, error) {
	all := root.members["Resources"]
	if all == nil {
		return nil, nil
	}
	if all.kind == function && p.lenient { // nothing but Fn::ForEach, say
		return nil, all.errorf("Resources is the function %s, which runs on AWS only; read the template that AWS has made of it:"+
			" aws cloudformation get-template --template-stage Processed", shorten(all.text))
	}
	section := all.members
	resources := make(map[string]*Resource, len(section))
	for _, id := range slices.Sorted(maps.Keys(section)) {
		n := section[id]
		if strings.HasPrefix(id, "Fn::") && p.lenient {
			p.problems = append(p.problems, Problem{Line: n.place(), Text: fmt.Sprintf("the function %s runs on AWS only;"+
				" read the template that AWS has made of it: aws cloudformation get-template --template-stage Processed", shorten(id))})
			continue
		}
		r := &Resource{ID: id, line: n.place(), properties: n.members["Properties"], metadata: n.members["Metadata"]}
		if kind := n.members["Type"]; kind != nil {
			r.Type = kind.text
		}
		if r.Type == "" {
			if err := p.complain(n.errorf("resource %s has no Type", shorten(id))); err != nil {
				return nil, err
			}
			continue
		}
		if c := n.members["Condition"]; c != nil {
			r.condition = c.text
		}
		if d := n.members["DependsOn"]; d != nil {
			for _, item := range append(d.items, d) { // a list, or one id
				if item.kind == scalar {
					r.DependsOn = append(r.DependsOn, item.text)
				}
			}
		}
		resources[id] = r
	}
	return resources, nil
}
