package cloudformation_test

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// tree is a template or a part of it: maps, slices and scalars. Intrinsic functions have their long
// form, and Fn::GetAtt has a list.
type tree = map[string]any

// parse reads a template.
func parse(text []byte) (tree, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) != 1 {
		return nil, fmt.Errorf("the template has %d documents", len(doc.Content))
	}
	value, err := fromNode(doc.Content[0])
	if err != nil {
		return nil, err
	}
	t, ok := value.(tree)
	if !ok {
		return nil, fmt.Errorf("the template is a %T", value)
	}
	return t, nil
}

func fromNode(n *yaml.Node) (any, error) {
	value, err := withoutTag(n)
	if err != nil || strings.HasPrefix(n.Tag, "!!") {
		return value, err
	}
	switch name := strings.TrimPrefix(n.Tag, "!"); name {
	case "Ref":
		return tree{"Ref": value}, nil
	case "GetAtt":
		resource, attribute, _ := strings.Cut(fmt.Sprint(value), ".")
		return tree{"Fn::GetAtt": []any{resource, attribute}}, nil
	default:
		return tree{"Fn::" + name: value}, nil
	}
}

func withoutTag(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		m := tree{}
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if _, twice := m[key]; twice {
				return nil, fmt.Errorf("line %d: the key %s is there twice", n.Content[i].Line, key)
			}
			value, err := fromNode(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[key] = value
		}
		return m, nil
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			value, err := fromNode(item)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case yaml.ScalarNode:
		if strings.HasPrefix(n.Tag, "!!") {
			var value any
			err := n.Decode(&value)
			return value, err
		}
		return n.Value, nil
	default:
		return nil, fmt.Errorf("line %d: templates have no anchors", n.Line)
	}
}

// at returns the value at a path of keys, or nil.
func at(value any, path ...string) any {
	for _, key := range path {
		m, ok := value.(tree)
		if !ok {
			return nil
		}
		value = m[key]
	}
	return value
}

// text returns the string at a path, or "".
func text(value any, path ...string) string {
	s, _ := at(value, path...).(string)
	return s
}

// list returns the values of a list, or the single value.
func list(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// walk calls visit for every map in a value, with the way to it.
func walk(value any, path string, visit func(path string, m tree)) {
	switch v := value.(type) {
	case tree:
		visit(path, v)
		for key, member := range v {
			walk(member, path+"."+key, visit)
		}
	case []any:
		for i, item := range v {
			walk(item, fmt.Sprintf("%s[%d]", path, i), visit)
		}
	}
}

// clone copies a value deeply.
func clone(value any) any {
	switch v := value.(type) {
	case tree:
		m := tree{}
		for key, member := range v {
			m[key] = clone(member)
		}
		return m
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = clone(item)
		}
		return items
	default:
		return v
	}
}
