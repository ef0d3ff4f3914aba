package emulator

import "encoding/json"

// evaluate gives the route key that the expression makes of a message. It gives false if the message is not JSON and
// the expression asks for a part of it; then $default is selected (AWS Developer Guide, "Create routes").
func (e expression) evaluate(body []byte) (string, bool) {
	var (
		key   []byte
		valid bool
	)
	for _, p := range e {
		if !p.variable {
			key = append(key, p.literal...)
			continue
		}
		if !valid && !json.Valid(body) {
			return "", false
		}
		valid = true
		key = p.append(key, body)
	}
	return string(key), true
}

// append appends the variable's value as text; a missing one is empty.
func (p part) append(b, body []byte) []byte {
	for _, s := range p.path {
		if s.index == wildcard {
			return p.appendAll(b, body)
		}
	}
	follow(body, p.path, func(v []byte) { b = appendStringified(b, v) })
	return b
}

// appendAll appends the list of what a path with a wildcard finds.
func (p part) appendAll(b, body []byte) []byte {
	b = append(b, '[')
	n := 0
	follow(body, p.path, func(v []byte) {
		if n++; n > 1 {
			b = append(b, ", "...)
		}
		b = appendStringified(b, v)
	})
	return append(b, ']')
}

// follow calls f with each value that the path leads to.
func follow(value []byte, path []step, f func([]byte)) {
	for i, s := range path {
		if s.index == wildcard {
			descend := func(v []byte) bool {
				follow(v, path[i+1:], f)
				return true
			}
			elements(value, descend)
			members(value, func(_, v []byte) bool { return descend(v) })
			return
		}
		if value = s.of(value); value == nil {
			return
		}
	}
	s := jsonScanner{data: value}
	f(s.value())
}

// of gives the value that the step leads to, nil if there is none.
func (s step) of(value []byte) []byte {
	if s.index == notIndex {
		return member(value, s.name)
	}
	var (
		found []byte
		i     int
	)
	elements(value, func(v []byte) bool {
		if i == s.index {
			found = v
		}
		i++
		return found == nil
	})
	return found
}

// appendStringified appends a JSON value as text: strings without quotes, an array as "[item1, item2]" (AWS
// Developer Guide), null as nothing. For an object AWS does not say; it stays JSON.
func appendStringified(b, value []byte) []byte {
	switch value[0] {
	case '"':
		return appendUnquoted(b, value)
	case 'n':
		return b
	case '[':
		b = append(b, '[')
		first := true
		elements(value, func(v []byte) bool {
			if !first {
				b = append(b, ", "...)
			}
			first = false
			b = appendStringified(b, v)
			return true
		})
		return append(b, ']')
	default:
		return append(b, value...)
	}
}
