// Package template makes the inputs of the targets of EventBridge rules: values at paths of an
// event, and templates that are filled in with them.
package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Value returns the value at a path such as $.detail.items[0].name, and whether there is one.
func Value(v any, path string) (value any, found bool, err error) {
	steps, err := pathSteps(path)
	if err != nil {
		return nil, false, err
	}
	for _, step := range steps {
		switch at := v.(type) {
		case map[string]any:
			if v, found = at[step]; !found {
				return nil, false, nil
			}
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false, nil //nolint:nilerr // there is no such element
			}
			v = at[i]
		default:
			return nil, false, nil
		}
	}
	return v, true, nil
}

// pathSteps returns the names and indexes of a path.
func pathSteps(path string) ([]string, error) {
	rest, ok := strings.CutPrefix(path, "$")
	if !ok {
		return nil, fmt.Errorf("the path %q must begin with $", path)
	}
	var steps []string
	for rest != "" {
		switch rest[0] {
		case '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			steps, rest = append(steps, rest[1:1+end]), rest[1+end:]
		case '[':
			inner, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				return nil, fmt.Errorf("the path %q has a [ without ]", path)
			}
			steps, rest = append(steps, strings.Trim(inner, `'"`)), after
		default:
			return nil, fmt.Errorf("the path %q is not one such as $.detail.name", path)
		}
	}
	return steps, nil
}

// Fill returns a template with its names replaced: in a string of the template by text, else
// by JSON. The result must be JSON, or lines of JSON strings.
func Fill(template string, values map[string]any) ([]byte, error) {
	var b bytes.Buffer
	quoted := false
	for i := 0; i < len(template); i++ {
		switch ch := template[i]; {
		case ch == '\\' && quoted && i+1 < len(template):
			b.WriteString(template[i : i+2])
			i++
		case ch == '"':
			quoted = !quoted
			b.WriteByte(ch)
		case ch == '<':
			name, _, ok := strings.Cut(template[i+1:], ">")
			v, known := values[name]
			if !ok || !known {
				b.WriteByte(ch)
				continue
			}
			writeValue(&b, v, quoted)
			i += len(name) + 1
		default:
			b.WriteByte(ch)
		}
	}
	if json.Valid(b.Bytes()) {
		return b.Bytes(), nil
	}
	for line := range bytes.Lines(b.Bytes()) {
		if line = bytes.TrimSpace(line); len(line) > 0 && !json.Valid(line) {
			return nil, errors.New("the input template does not make JSON: " + strconv.Quote(string(line)))
		}
	}
	return b.Bytes(), nil
}

func writeValue(b *bytes.Buffer, v any, quoted bool) {
	text, isText := v.(string)
	switch {
	case !quoted:
		b.Write(encode(v))
	case isText:
		b.Write(inner(text))
	default:
		b.Write(inner(string(encode(v))))
	}
}

// inner returns a text as it stands in a JSON string.
func inner(text string) []byte {
	quoted := encode(text)
	return quoted[1 : len(quoted)-1]
}

// encode returns the JSON of a value of an event, which has no other types than JSON.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
