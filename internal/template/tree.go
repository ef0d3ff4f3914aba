package template

import (
	"bytes"
	"cmp"
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
	at      int    // the line of the key of a member; 0 if it is not a member
	text    string // of a scalar, or the name of a function, such as "Ref" or "Fn::Sub"
	bare    bool   // a scalar that is a number or a boolean, not text
	items   []*node
	members map[string]*node
}

// place returns the line to name in a remark on the node: that of its key, if it has one.
func (n *node) place() int { return cmp.Or(n.at, n.line) }

// lineError is a mistake in a line of a template.
type lineError struct {
	line int // 0 if it is not known
	text string
}

func (e *lineError) Error() string {
	if e.line == 0 {
		return e.text
	}
	return fmt.Sprintf("line %d: %s", e.line, e.text)
}

// errorf returns an error that names the line.
func (n *node) errorf(format string, args ...any) error {
	return &lineError{n.line, fmt.Sprintf(format, args...)}
}

// shorten returns a text of the template for an error, in one line.
func shorten(text string) string { return oneline.Of(text, 100) }

// parser makes nodes. If it is lenient, it records mistakes and goes on.
type parser struct {
	lenient  bool
	problems []Problem
	nodes    int // that were made
	aliases  bool
}

// maxNodes is the limit of a lenient parser, in which aliases can make many nodes of a short text.
const maxNodes = 500_000

// complain returns the error, or records it and returns nil.
func (p *parser) complain(err error) error {
	if p.lenient {
		p.problems = append(p.problems, problemOf("", err))
		return nil
	}
	return err
}

// parseTree parses YAML, or JSON.
func (p *parser) parseTree(data []byte) (*node, error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("the template has %d bytes; CloudFormation accepts %d", len(data), maxSize)
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if json.Valid(data) {
		return p.parseJSON(data)
	}
	var document yaml.Node
	err := yaml.Unmarshal(data, &document)
	if err != nil && p.lenient {
		return nil, syntaxError(data, err)
	}
	switch {
	case err != nil && isJSON(data):
		return nil, jsonError(data)
	case err != nil:
		return nil, yamlError(err)
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil, errors.New("the template is empty")
	}
	return p.fromYAML(document.Content[0], 0)
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

// parseJSON parses valid JSON.
func (p *parser) parseJSON(data []byte) (*node, error) {
	r := jsonReader{parser: p, data: data, line: 1, decoder: json.NewDecoder(bytes.NewReader(data))}
	r.decoder.UseNumber()
	return r.value(0)
}

// jsonReader makes nodes of JSON.
type jsonReader struct {
	*parser
	data    []byte
	decoder *json.Decoder
	offset  int64 // the end of the last token
	line    int   // of the offset
}

func (r *jsonReader) token() (json.Token, error) {
	t, err := r.decoder.Token()
	end := r.decoder.InputOffset()
	r.line += bytes.Count(r.data[r.offset:end], []byte("\n"))
	r.offset = end
	return t, err
}

func (r *jsonReader) value(depth int) (*node, error) {
	token, err := r.token()
	if err != nil {
		return nil, err
	}
	n := &node{kind: scalar, line: r.line}
	if depth > maxDepth {
		return nil, errTooDeep(n)
	}
	switch v := token.(type) {
	case nil:
		n.kind = null
	case string:
		n.text = v
	case json.Delim:
		if v == '[' {
			n.kind = list
			err = r.items(n, depth)
		} else {
			n.kind, n.members = object, map[string]*node{}
			err = r.members(n, depth)
		}
		if err != nil {
			return nil, err
		}
		if _, err = r.token(); err != nil {
			return nil, err
		}
	default:
		n.text, n.bare = fmt.Sprint(v), true
	}
	return n.asFunction(), nil
}

func (r *jsonReader) items(n *node, depth int) error {
	for r.decoder.More() {
		c, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, c)
	}
	return nil
}

func (r *jsonReader) members(n *node, depth int) error {
	for r.decoder.More() {
		token, err := r.token()
		if err != nil {
			return err
		}
		key, line := fmt.Sprint(token), r.line
		c, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		r.set(n, key, line, c)
	}
	return nil
}

// set adds a member. The last of several with the same key counts.
func (p *parser) set(n *node, key string, line int, value *node) {
	if first := n.members[key]; first != nil && p.lenient {
		p.problems = append(p.problems, Problem{Line: line, Text: fmt.Sprintf(
			"the key %s is in line %d and again in line %d; the last one counts", shorten(key), first.at, line)})
	}
	value.at = line
	n.members[key] = value
}

// fromYAML converts a node of package yaml.
func (p *parser) fromYAML(y *yaml.Node, depth int) (*node, error) {
	n := &node{line: y.Line}
	if depth > maxDepth {
		return nil, errTooDeep(n)
	}
	if p.nodes++; p.nodes > maxNodes {
		return nil, errors.New("the template has too many values; CloudFormation would not accept its aliases written out")
	}
	if y.Kind == yaml.AliasNode && p.lenient {
		if !p.aliases {
			p.aliases = true
			p.problems = append(p.problems, Problem{
				Line: y.Line, Minor: true,
				Text: "YAML aliases are written out here; CloudFormation itself accepts none",
			})
		}
		return p.fromYAML(y.Alias, depth+1)
	}
	name, short := shortFunction(y.Tag)
	if strings.HasPrefix(y.Tag, "!") && !strings.HasPrefix(y.Tag, "!!") && !short {
		if err := p.complain(n.errorf("unknown function %s", shorten(y.Tag))); err != nil {
			return nil, err
		}
	}
	if err := p.fill(n, y, depth); err != nil {
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
func (p *parser) fill(n *node, y *yaml.Node, depth int) error {
	switch y.Kind {
	case yaml.ScalarNode:
		n.kind, n.text = scalar, y.Value
		switch y.Tag {
		case "!!null":
			n.kind = null
		case "!!bool":
			n.bare = true
			if p.lenient {
				n.text = strings.ToLower(n.text)
			}
		case "!!int", "!!float":
			n.bare = true
		}
	case yaml.SequenceNode:
		n.kind = list
		for _, item := range y.Content {
			c, err := p.fromYAML(item, depth+1)
			if err != nil {
				return err
			}
			n.items = append(n.items, c)
		}
	case yaml.MappingNode:
		n.kind, n.members = object, make(map[string]*node, len(y.Content)/2)
		return p.fillMembers(n, y, depth)
	default: // an alias
		return n.errorf("a YAML alias, which CloudFormation does not accept; write the value out")
	}
	return nil
}

func (p *parser) fillMembers(n *node, y *yaml.Node, depth int) error {
	var defaults []*node // of the merge key
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		merged := key.Tag == "!!merge"
		if key.Kind != yaml.ScalarNode || merged && !p.lenient {
			if err := p.complain(n.errorf("a key that CloudFormation does not accept")); err != nil {
				return err
			}
			continue
		}
		c, err := p.fromYAML(y.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		if merged {
			defaults = append(defaults, c)
			continue
		}
		p.set(n, key.Value, key.Line, c)
	}
	for _, d := range defaults {
		for _, from := range append(d.items, d) { // one object, or a list of them
			for name, member := range from.members {
				if n.members[name] == nil {
					n.members[name] = member
				}
			}
		}
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
			return &node{kind: function, line: cmp.Or(argument.at, n.line), text: name, items: []*node{argument}}
		}
	}
	return n
}
