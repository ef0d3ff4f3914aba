package serverless

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The functions of this file read and make trees of package yaml. Trees have no aliases, no merge
// keys and no tags of CloudFormation: see parse. A missing node is nil.

// Tags of scalars.
const (
	tagString = "!!str"
	tagNull   = "!!null"
	tagBool   = "!!bool"
	tagInt    = "!!int"
	tagFloat  = "!!float"
)

// get returns the value of a key of a mapping, or nil.
func get(n *yaml.Node, key string) *yaml.Node {
	_, value := entry(n, key)
	return value
}

// entry returns a key of a mapping and its value, or nil for both.
func entry(n *yaml.Node, key string) (k, value *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// at returns the value at a path of keys, or nil.
func at(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		n = get(n, key)
	}
	return n
}

// set sets a key of a mapping.
func set(n *yaml.Node, key string, value *yaml.Node) {
	if value == nil {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content[i+1] = value
			return
		}
	}
	n.Content = append(n.Content, text(key), value)
	n.Content[len(n.Content)-2].Line = value.Line
}

// isNull reports whether a node is missing or null.
func isNull(n *yaml.Node) bool { return n == nil || n.Kind == yaml.ScalarNode && n.Tag == tagNull }

func isMapping(n *yaml.Node) bool { return n != nil && n.Kind == yaml.MappingNode }

func isList(n *yaml.Node) bool { return n != nil && n.Kind == yaml.SequenceNode }

// isText reports whether a node is text, a number or a boolean.
func isText(n *yaml.Node) bool { return n != nil && n.Kind == yaml.ScalarNode && n.Tag != tagNull }

// textOf returns the text of a scalar; "" for everything else.
func textOf(n *yaml.Node) string {
	if !isText(n) {
		return ""
	}
	return n.Value
}

// isTrue reports whether a node is true.
func isTrue(n *yaml.Node) bool {
	b, err := strconv.ParseBool(strings.ToLower(textOf(n)))
	return err == nil && b
}

// isFalse reports whether a node is false; a missing one is not.
func isFalse(n *yaml.Node) bool {
	b, err := strconv.ParseBool(strings.ToLower(textOf(n)))
	return err == nil && !b
}

// items returns the items of a list, or the node itself if it is something else.
func items(n *yaml.Node) []*yaml.Node {
	switch {
	case isNull(n):
		return nil
	case isList(n):
		return n.Content
	}
	return []*yaml.Node{n}
}

// texts returns the texts of a list, or of a single text.
func texts(n *yaml.Node) []string {
	var list []string
	for _, item := range items(n) {
		if s := textOf(item); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// keys returns the keys of a mapping, in the order of the file.
func keys(n *yaml.Node) []string {
	if !isMapping(n) {
		return nil
	}
	list := make([]string, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		list = append(list, n.Content[i].Value)
	}
	return list
}

// null returns a null.
func null(line int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tagNull, Value: "null", Line: line}
}

// orNull returns n, or a null if it is missing.
func orNull(n *yaml.Node, line int) *yaml.Node {
	if n == nil {
		return null(line)
	}
	return n
}

// text returns a scalar of a text.
func text(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tagString, Style: yaml.DoubleQuotedStyle, Value: s}
}

// literal returns a scalar of something that is not text.
func literal(tag, s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: s} }

// list returns a list of strings and nodes.
func list(values ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, v := range values {
		if item := node(v); item != nil {
			n.Content = append(n.Content, item)
		}
	}
	return n
}

// mapping returns a mapping of keys and values in turn. A value that is nil is left out.
func mapping(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i+1 < len(pairs); i += 2 {
		if value := node(pairs[i+1]); value != nil {
			key := text(pairs[i].(string))
			key.Line = value.Line
			n.Content = append(n.Content, key, value)
		}
	}
	return n
}

// node returns a string, a number, a boolean or a node as a node.
func node(v any) *yaml.Node {
	switch v := v.(type) {
	case *yaml.Node:
		if v == nil {
			return nil
		}
		return v
	case string:
		return text(v)
	case int:
		return literal(tagInt, strconv.Itoa(v))
	case bool:
		return literal(tagBool, strconv.FormatBool(v))
	}
	return nil
}

// ref, arnOf and join return functions of CloudFormation.
func ref(id string) *yaml.Node { return mapping("Ref", id) }

func arnOf(id string) *yaml.Node { return mapping("Fn::GetAtt", list(id, "Arn")) }

func join(separator string, parts ...any) *yaml.Node {
	return mapping("Fn::Join", list(separator, list(parts...)))
}

// function returns the name and the argument of a function of CloudFormation in its long form.
func function(n *yaml.Node) (name string, argument *yaml.Node) {
	if !isMapping(n) || len(n.Content) != 2 {
		return "", nil
	}
	name = n.Content[0].Value
	if name != "Ref" && name != "Condition" && !strings.HasPrefix(name, "Fn::") {
		return "", nil
	}
	return name, n.Content[1]
}

// clone returns a copy of a tree.
func clone(n *yaml.Node) *yaml.Node {
	if n == nil {
		return nil
	}
	c := *n
	c.Content = nil
	for _, child := range n.Content {
		c.Content = append(c.Content, clone(child))
	}
	return &c
}

// merge returns a with b merged into it, as the framework merges: mappings by key, lists by index,
// and b wins otherwise. It changes neither.
func merge(a, b *yaml.Node) *yaml.Node {
	switch {
	case a == nil || b == nil:
		if b == nil {
			return a
		}
		return b
	case isMapping(a) && isMapping(b):
		merged := *a
		merged.Content = append([]*yaml.Node(nil), a.Content...)
		for i := 0; i+1 < len(b.Content); i += 2 {
			mergeEntry(&merged, b.Content[i], b.Content[i+1])
		}
		return &merged
	case isList(a) && isList(b):
		merged := *a
		merged.Content = append([]*yaml.Node(nil), a.Content...)
		for i, item := range b.Content {
			if i < len(merged.Content) {
				merged.Content[i] = merge(merged.Content[i], item)
			} else {
				merged.Content = append(merged.Content, item)
			}
		}
		return &merged
	}
	return b
}

func mergeEntry(n, key, value *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key.Value {
			n.Content[i], n.Content[i+1] = key, merge(n.Content[i+1], value)
			return
		}
	}
	n.Content = append(n.Content, key, value)
}

// contains reports whether any text of a tree contains s.
func contains(n *yaml.Node, s string) bool {
	if n == nil {
		return false
	}
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, s) {
		return true
	}
	for _, child := range n.Content {
		if contains(child, s) {
			return true
		}
	}
	return false
}
