// Package template reads CloudFormation templates and evaluates their intrinsic functions, as far
// as that is possible without AWS. It knows nothing of APIs.
package template

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Template is a template that has been read.
type Template struct {
	// Transforms are the macros that CloudFormation would run on the template.
	Transforms []string

	parameters map[string]*node
	mappings   *node
	conditions map[string]*node
	resources  map[string]*Resource
}

// Resource is a resource of a template. An [Evaluator] returns its properties.
type Resource struct {
	// ID is the logical id.
	ID string
	// Type is the resource type, such as "AWS::ApiGatewayV2::Api".
	Type string

	condition  string
	properties *node
}

// String returns the logical id and the type, for errors.
func (r *Resource) String() string { return fmt.Sprintf("resource %s (%s)", r.ID, r.Type) }

// Parse reads a template in YAML or JSON, in the short and the long forms of functions. If a key
// occurs twice, the last one counts, as on AWS. The WebSocket APIs of AWS SAM are replaced by the
// resources that its transform makes of them.
func Parse(data []byte) (*Template, error) {
	root, err := parseTree(data)
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
	}
	if t.Transforms, err = root.transforms(); err != nil {
		return nil, err
	}
	if t.resources, err = parseResources(root.section("Resources")); err != nil {
		return nil, err
	}
	if len(t.resources) == 0 {
		return nil, errors.New("the template has no Resources")
	}
	return t, t.expandSAM(root.section("Globals"))
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

// Resource returns the resource with a logical id, or nil.
func (t *Template) Resource(id string) *Resource { return t.resources[id] }

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

func parseResources(section map[string]*node) (map[string]*Resource, error) {
	resources := make(map[string]*Resource, len(section))
	for _, id := range slices.Sorted(maps.Keys(section)) {
		n := section[id]
		r := &Resource{ID: id, properties: n.members["Properties"]}
		if kind := n.members["Type"]; kind != nil {
			r.Type = kind.text
		}
		if r.Type == "" {
			return nil, n.errorf("resource %s has no Type", shorten(id))
		}
		if c := n.members["Condition"]; c != nil {
			r.condition = c.text
		}
		resources[id] = r
	}
	return resources, nil
}
