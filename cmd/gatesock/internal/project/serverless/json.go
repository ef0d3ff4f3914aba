package serverless

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// json makes a tree of JSON, which package yaml does not read in full: it knows neither surrogate
// pairs nor tabs.
func (p *converter) json(data []byte) (*yaml.Node, error) {
	d := jsonReader{converter: p, data: data, decoder: json.NewDecoder(bytes.NewReader(data)), line: 1}
	d.decoder.UseNumber()
	token, err := d.next()
	if err != nil {
		return nil, err
	}
	return d.value(token, 0)
}

type jsonReader struct {
	*converter
	data    []byte
	decoder *json.Decoder
	line    int
	read    int // of data, up to which line counts
}

// next returns the next token, and sets line to where it ends.
func (d *jsonReader) next() (json.Token, error) {
	token, err := d.decoder.Token()
	end := int(d.decoder.InputOffset())
	d.line += bytes.Count(d.data[d.read:end], []byte("\n"))
	d.read = end
	return token, err
}

// value returns the value that begins with a token.
func (d *jsonReader) value(token json.Token, depth int) (*yaml.Node, error) {
	if d.nodes--; d.nodes < 0 || depth > maxDepth {
		return nil, errTooLarge
	}
	n := null(d.base + d.line)
	switch t := token.(type) {
	case string:
		n = text(t)
	case json.Number:
		n = literal(tagFloat, t.String())
		if _, err := t.Int64(); err == nil {
			n.Tag = tagInt
		}
	case bool:
		n = literal(tagBool, fmt.Sprint(t))
	case json.Delim:
		n = &yaml.Node{Kind: yaml.SequenceNode}
		if t == '{' {
			n.Kind = yaml.MappingNode
		}
	}
	n.Line = d.base + d.line
	if n.Kind == yaml.ScalarNode {
		return n, nil
	}
	return n, d.fill(n, depth)
}

// fill reads the members of n, and the delimiter after them.
func (d *jsonReader) fill(n *yaml.Node, depth int) error {
	seen := map[string]int{}
	for d.decoder.More() {
		token, err := d.next()
		if err != nil {
			return err
		}
		if n.Kind == yaml.SequenceNode {
			item, err := d.value(token, depth+1)
			if err != nil {
				return err
			}
			n.Content = append(n.Content, item)
			continue
		}
		key := text(token.(string))
		key.Line = d.base + d.line
		if token, err = d.next(); err != nil {
			return err
		}
		value, err := d.value(token, depth+1)
		if err != nil {
			return err
		}
		if i, ok := seen[key.Value]; ok {
			d.reader.add(project.Warning, key.Line, "", "%q occurs twice, and this one counts.", short(key.Value))
			n.Content[i], n.Content[i+1] = key, value
			continue
		}
		seen[key.Value] = len(n.Content)
		n.Content = append(n.Content, key, value)
	}
	_, err := d.next()
	return err
}

// toJSON returns a tree as JSON. Functions of CloudFormation are objects in it.
func toJSON(n *yaml.Node) string {
	var b bytes.Buffer
	writeJSON(&b, n)
	return b.String()
}

func writeJSON(b *bytes.Buffer, n *yaml.Node) {
	switch {
	case isNull(n):
		b.WriteString("null")
	case isMapping(n):
		b.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			writeString(b, n.Content[i].Value)
			b.WriteByte(':')
			writeJSON(b, n.Content[i+1])
		}
		b.WriteByte('}')
	case isList(n):
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, item)
		}
		b.WriteByte(']')
	case n.Tag == tagBool && isTrue(n):
		b.WriteString("true")
	case n.Tag == tagBool:
		b.WriteString("false")
	case (n.Tag == tagInt || n.Tag == tagFloat) && json.Valid([]byte(n.Value)):
		b.WriteString(n.Value)
	default:
		writeString(b, n.Value)
	}
}

func writeString(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string has no errors
	b.Truncate(b.Len() - 1)
}
