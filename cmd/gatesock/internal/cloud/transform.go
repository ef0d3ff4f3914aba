package cloud

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// input returns what a target of a rule gets for an event: its own input, a part of the event, a
// template filled in, or the event.
func (c *Cloud) input(r *rule, t project.RuleTarget, event map[string]any) ([]byte, error) {
	switch {
	case len(t.Input) > 0:
		return t.Input, nil
	case t.InputPath != "":
		v, _, err := pathValue(event, t.InputPath)
		if err != nil {
			return nil, err
		}
		return mustJSON(v), nil
	case t.Template != "":
		return c.fill(r, t, event)
	}
	return mustJSON(event), nil
}

// pathValue returns the value at a path such as $.detail.items[0].name, and whether there is one.
func pathValue(v any, path string) (value any, found bool, err error) {
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
		switch {
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			steps, rest = append(steps, rest[1:1+end]), rest[1+end:]
		case rest[0] == '[':
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

// fill replaces the names in angle brackets of a template with the values of an event.
func (c *Cloud) fill(r *rule, t project.RuleTarget, event map[string]any) ([]byte, error) {
	values := map[string]any{
		"aws.events.rule-arn": r.ARN, "aws.events.rule-name": r.Name,
		"aws.events.event.ingestion-time": c.clock.Now().UTC().Format(time.RFC3339), "aws.events.event.json": event,
	}
	without := make(map[string]any)
	for name, v := range event {
		if name != "detail" {
			without[name] = v
		}
	}
	values["aws.events.event"] = without
	for name, path := range t.InputPaths {
		v, found, err := pathValue(event, path)
		if err != nil {
			return nil, err
		}
		if found {
			values[name] = v
		} else {
			values[name] = ""
		}
	}
	return fillTemplate(t.Template, values)
}

// fillTemplate returns a template with its names replaced: in a string of the template by text, else
// by JSON. The result must be JSON, or lines of JSON strings.
func fillTemplate(template string, values map[string]any) ([]byte, error) {
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
		b.Write(mustJSON(v))
	case isText:
		b.Write(inner(text))
	default:
		b.Write(inner(string(mustJSON(v))))
	}
}

// inner returns a text as it stands in a JSON string.
func inner(text string) []byte {
	quoted := mustJSON(text)
	return quoted[1 : len(quoted)-1]
}
