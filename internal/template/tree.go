package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatesock/gatesock/internal/oneline"
)

// Limits of templates. CloudFormation accepts 1 MB from S3 (AWS CloudFormation User Guide, quotas).
const (
	maxSize  = 1_000_000
	maxDepth = 100
)

// kind is what a node is.
type kind int

const (
	null     kind = iota
	scalar        // text, a number or a boolean: CloudFormation converts between them
	list          // of items
	object        // of members
	function      // an intrinsic function of items[0]
)

// node is a value of a template, before its functions are evaluated.
type node struct {
	kind    kind
	line    int    // 0 if it is not known
	text    string // of a scalar, or the name of a function, such as "Ref" or "Fn::Sub"
	items   []*node
	members map[string]*node
}

// errorf returns an error that names the line.
func (n *node) errorf(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if n.line == 0 {
		return errors.New(text)
	}
	return fmt.Errorf("line %d: %s", n.line, text)
}

// shorten returns a text of the template for an error, in one line.
func shorten(text string) string { return oneline.Of(text, 100) }

// parseTree parses YAML, or JSON.
func parseTree(data []byte) (*node, error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("the template has %d bytes; CloudFormation accepts %d", len(data), maxSize)
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if json.Valid(data) {
		return parseJSON(data)
	}
	var document yaml.Node
	switch err := yaml.Unmarshal(data, &document); {
	case err != nil && isJSON(data):
		return nil, jsonError(data)
	case err != nil:
		return nil, yamlError(err)
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil, errors.New("the template is empty")
	}
	return fromYAML(document.Content[0], 0)
}

// yamlError returns the error of package yaml, which names the line of the mistake or one above it.
func yamlError(err error) error {
	text := strings.TrimPrefix(oneline.Of(err.Error(), 300), "yaml: ")
	if strings.HasPrefix(text, "line ") {
		return errors.New("the YAML is not valid near " + text)
	}
	return errors.New("the YAML is not valid: " + text)
}

// isJSON reports whether a text that is not valid is meant as JSON. The keys of an object in YAML's
// flow style are not quoted.
func isJSON(data []byte) bool {
	members, ok := bytes.CutPrefix(bytes.TrimSpace(data), []byte("{"))
	return ok && bytes.IndexAny(bytes.TrimSpace(members), "\"/}") == 0
}

// jsonError returns the error in a text that is not valid JSON.
func jsonError(data []byte) error {
	var syntax *json.SyntaxError
	err := json.Unmarshal(data, new(any))
	if !errors.As(err, &syntax) {
		return fmt.Errorf("the JSON is not valid: %w", err)
	}
	line := 1 + bytes.Count(data[:syntax.Offset], []byte("\n"))
	return fmt.Errorf("the JSON is not valid: line %d: %s", line, oneline.Of(syntax.Error(), 300))
}

func parseJSON(data []byte) (*node, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return fromJSON(value, 0)
}

// fromJSON converts a value of encoding/json.
func fromJSON(value any, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errTooDeep(&node{})
	}
	switch v := value.(type) {
	case nil:
		return &node{kind: null}, nil
	case []any:
		n := &node{kind: list}
		for _, item := range v {
			c, err := fromJSON(item, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, c)
		}
		return n, nil
	case map[string]any:
		n := &node{kind: object, members: make(map[string]*node, len(v))}
		for key, item := range v {
			c, err := fromJSON(item, depth+1)
			if err != nil {
				return nil, err
			}
			n.members[key] = c
		}
		return n.asFunction(), nil
	}
	return &node{kind: scalar, text: fmt.Sprint(value)}, nil
}

// fromYAML converts a node of package yaml.
func fromYAML(y *yaml.Node, depth int) (*node, error) {
	n := &node{line: y.Line}
	if depth > maxDepth {
		return nil, errTooDeep(n)
	}
	name, short := shortFunction(y.Tag)
	if strings.HasPrefix(y.Tag, "!") && !strings.HasPrefix(y.Tag, "!!") && !short {
		return nil, n.errorf("unknown function %s", shorten(y.Tag))
	}
	if err := n.fill(y, depth); err != nil {
		return nil, err
	}
	if short {
		if name == "Fn::GetAtt" && n.kind == scalar { // !GetAtt a.b
			id, attribute, _ := strings.Cut(n.text, ".")
			n.kind = list
			n.items = []*node{{kind: scalar, line: n.line, text: id}, {kind: scalar, line: n.line, text: attribute}}
		}
		return &node{kind: function, line: n.line, text: name, items: []*node{n}}, nil
	}
	return n.asFunction(), nil
}

// fill converts the content of a node of package yaml.
func (n *node) fill(y *yaml.Node, depth int) error {
	switch y.Kind {
	case yaml.ScalarNode:
		n.kind, n.text = scalar, y.Value
		if y.Tag == "!!null" {
			n.kind = null
		}
	case yaml.SequenceNode:
		n.kind = list
		for _, item := range y.Content {
			c, err := fromYAML(item, depth+1)
			if err != nil {
				return err
			}
			n.items = append(n.items, c)
		}
	case yaml.MappingNode:
		n.kind, n.members = object, make(map[string]*node, len(y.Content)/2)
		for i := 0; i+1 < len(y.Content); i += 2 {
			key := y.Content[i]
			if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
				return n.errorf("a key that CloudFormation does not accept")
			}
			c, err := fromYAML(y.Content[i+1], depth+1)
			if err != nil {
				return err
			}
			n.members[key.Value] = c
		}
	default: // an alias
		return n.errorf("a YAML alias, which CloudFormation does not accept; write the value out")
	}
	return nil
}

func errTooDeep(n *node) error { return n.errorf("values are nested more than %d times", maxDepth) }

// shortFunction returns the function that a tag such as "!Sub" stands for.
func shortFunction(tag string) (name string, ok bool) {
	switch name = strings.TrimPrefix(tag, "!"); name {
	case "Ref", "Condition":
		return name, true
	case "Sub", "GetAtt", "Join", "If", "Equals", "And", "Or", "Not", "Select", "Split", "FindInMap",
		"Base64", "Cidr", "GetAZs", "ImportValue", "Transform", "ForEach", "Length", "ToJsonString":
		return "Fn::" + name, true
	}
	return "", false
}

// asFunction returns n, or the function that n is the long form of.
func (n *node) asFunction() *node {
	if n.kind != object || len(n.members) != 1 {
		return n
	}
	for name, argument := range n.members {
		if name == "Ref" || strings.HasPrefix(name, "Fn::") {
			return &node{kind: function, line: n.line, text: name, items: []*node{argument}}
		}
	}
	return n
}
