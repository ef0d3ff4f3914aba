package asyncapi

import (
	"bytes"
	"encoding/json"
)

// object is a JSON object whose members have an order.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON returns the members in their order, without those that are nil.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, m := range o {
		if m.value == nil {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(append(append(name, ':'), value...))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// text returns a string for a member, and nil for the empty one, which leaves the member out.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// list returns a slice for a member, and nil for an empty one, which leaves the member out.
func list[S ~[]T, T any](s S) any {
	if len(s) == 0 {
		return nil
	}
	return s
}

// ref returns a reference to a place in the document.
func ref(path string) object { return object{{"$ref", path}} }
