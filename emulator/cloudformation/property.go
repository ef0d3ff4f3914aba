package cloudformation

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/internal/template"
)

// text returns a property that is text, or "" if it is missing.
func (r *reader) text(of *template.Resource, name string) (string, error) {
	v, err := r.Property(of, name)
	if err != nil {
		return "", err
	}
	return asText(v, of, name)
}

func asText(v any, of *template.Resource, name string) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return strings.TrimSpace(v), nil
	}
	return "", fmt.Errorf("%s, property %s: expected text", of, name)
}

// flag returns a property that is true or false.
func (r *reader) flag(of *template.Resource, name string) (bool, error) {
	text, err := r.text(of, name)
	if err != nil || text == "" {
		return false, err
	}
	ok, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return false, fmt.Errorf("%s, property %s: %.100q is neither true nor false", of, name, text)
	}
	return ok, nil
}

// number returns a property that is a number, and reports whether there is one.
func (r *reader) number(of *template.Resource, name string) (float64, bool, error) {
	v, err := r.Property(of, name)
	if err != nil {
		return 0, false, err
	}
	return asNumber(v, of, name)
}

func asNumber(v any, of *template.Resource, name string) (float64, bool, error) {
	text, err := asText(v, of, name)
	if err != nil || text == "" {
		return 0, false, err
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, false, fmt.Errorf("%s, property %s: %.100q is not a number", of, name, text)
	}
	return n, true, nil
}

// texts returns a property that is an object of texts.
func (r *reader) texts(of *template.Resource, name string) (map[string]string, error) {
	v, err := r.Property(of, name)
	if err != nil || v == nil {
		return nil, err
	}
	members, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s, property %s: expected an object", of, name)
	}
	texts := make(map[string]string, len(members))
	for key, member := range members {
		text, ok := member.(string)
		if !ok {
			return nil, fmt.Errorf("%s, property %s: expected text for %.100q", of, name, key)
		}
		texts[key] = text
	}
	return texts, nil
}

// list returns a property that is a list of texts. One text counts as a list, as in CloudFormation.
func (r *reader) list(of *template.Resource, name string) ([]string, error) {
	v, err := r.Property(of, name)
	if err != nil || v == nil {
		return nil, err
	}
	if text, ok := v.(string); ok {
		return []string{text}, nil
	}
	values, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%s, property %s: expected a list", of, name)
	}
	texts := make([]string, 0, len(values))
	for _, value := range values {
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("%s, property %s: expected texts in the list", of, name)
		}
		texts = append(texts, text)
	}
	return texts, nil
}
