package topic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

var (
	errNotScalar = errors.New("must be a string, a number, true or false")
	errNotObject = errors.New("must be a JSON object")
)

// parseFilter parses the filter of a subscription:
//
//	{"where": {"room": "kitchen", "value": {"above": 3}}, "changes": ["on"], "everyMs": 1000}
//
// attributes are those that the topic declares. The errors are for the client; they name the part
// that is wrong. A missing filter, and null, are the zero filter.
func parseFilter(raw json.RawMessage, attributes []string) (filter, error) {
	return parseFilterOf(raw, func(name string) error {
		if !slices.Contains(attributes, name) {
			return unknownAttribute(name, attributes)
		}
		return nil
	})
}

// parseKept parses the canonical form of a filter that was accepted before. The topic may declare
// other attributes by now; the filter counts until its subscriptions end.
func parseKept(canonical string) (filter, error) {
	return parseFilterOf(json.RawMessage(canonical), func(string) error { return nil })
}

func parseFilterOf(raw json.RawMessage, check func(attribute string) error) (filter, error) {
	if len(raw) > maxFilterInput {
		return filter{}, fmt.Errorf("the filter has %d bytes, the limit is %d", len(raw), maxFilterInput)
	}
	if text := bytes.TrimSpace(raw); len(text) == 0 || string(text) == "null" {
		return filter{}, nil
	}
	members, err := membersOf(raw)
	if err != nil {
		return filter{}, fmt.Errorf("the filter: %w", err)
	}
	var f filter
	for _, m := range members {
		switch m.name {
		case "where":
			f.conditions, err = parseWhere(m.value, check)
		case "changes":
			f.changes, err = parseChanges(m.value, check)
		case "everyMs":
			f.every, err = parseEvery(m.value)
		default:
			err = fmt.Errorf("the filter has the member %.60q; it may have where, changes and everyMs", m.name)
		}
		if err != nil {
			return filter{}, err
		}
	}
	if n := len(f.canonical()); n > maxFilter {
		return filter{}, fmt.Errorf("the filter has %d bytes without spaces, the limit is %d", n, maxFilter)
	}
	return f, nil
}

func parseChanges(raw json.RawMessage, check func(attribute string) error) ([]string, error) {
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil || len(names) == 0 || len(names) > maxChanges {
		return nil, fmt.Errorf("the filter: changes must be an array of 1 to %d names of attributes", maxChanges)
	}
	for _, name := range names {
		if err := check(name); err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func parseEvery(raw json.RawMessage) (time.Duration, error) {
	var ms int64
	least, most := minEvery.Milliseconds(), maxEvery.Milliseconds()
	if err := json.Unmarshal(raw, &ms); err != nil || ms < least || ms > most {
		return 0, fmt.Errorf("the filter: everyMs must be a whole number from %d to %d", least, most)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

func parseWhere(raw json.RawMessage, check func(attribute string) error) ([]condition, error) {
	members, err := membersOf(raw)
	if err != nil {
		return nil, fmt.Errorf("the filter: where: %w", err)
	}
	var conditions []condition
	for _, m := range members {
		if err := check(m.name); err != nil {
			return nil, err
		}
		parsed, err := parseConditions(m)
		if err != nil {
			return nil, fmt.Errorf("the filter: %.60q: %w", m.name, err)
		}
		conditions = append(conditions, parsed...)
	}
	if len(conditions) > maxConditions {
		return nil, fmt.Errorf("the filter has %d conditions, the limit is %d", len(conditions), maxConditions)
	}
	slices.SortStableFunc(conditions, func(a, b condition) int { return strings.Compare(a.attribute, b.attribute) })
	return conditions, nil
}

func unknownAttribute(name string, attributes []string) error {
	if len(attributes) == 0 {
		return fmt.Errorf("the filter: the topic declares no attributes, so a filter cannot name %.60q", name)
	}
	return fmt.Errorf("the filter: the topic has no attribute %.60q; it has %s", name, strings.Join(attributes, ", "))
}

// parseConditions parses what an attribute has to meet: a scalar, a set of them, or thresholds.
func parseConditions(m jsonMember) ([]condition, error) {
	switch m.value[0] {
	case '{':
		return parseThresholds(m)
	case '[':
		set, err := parseSet(m.value)
		return []condition{{attribute: m.name, set: set}}, err
	}
	s, err := parseScalar(m.value)
	if err != nil {
		return nil, errors.New("must be a string, a number, true, false, a set of these, " +
			"or an object with above, atLeast, below or atMost")
	}
	return []condition{{attribute: m.name, set: []scalar{s}}}, nil
}

func parseSet(raw json.RawMessage) ([]scalar, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, errors.New("is not JSON")
	}
	if n := len(items); n == 0 || n > maxMembers {
		return nil, fmt.Errorf("the set has %d members; it must have 1 to %d", n, maxMembers)
	}
	set := make([]scalar, len(items))
	for i, item := range items {
		var err error
		if set[i], err = parseScalar(item); err != nil {
			return nil, fmt.Errorf("member %d of the set %w", i, err)
		}
	}
	slices.SortFunc(set, scalar.compare)
	return slices.Compact(set), nil
}

func parseThresholds(m jsonMember) ([]condition, error) {
	members, err := membersOf(m.value)
	if err != nil {
		return nil, err
	}
	var lower, upper []condition
	for _, threshold := range members {
		s, err := parseScalar(threshold.value)
		if err != nil || s.kind != 'n' {
			return nil, fmt.Errorf("%.60q must be a number", threshold.name)
		}
		c := condition{attribute: m.name, kind: comparison(threshold.name), bound: s.number}
		switch c.kind {
		case above, atLeast:
			lower = append(lower, c)
		case below, atMost:
			upper = append(upper, c)
		case oneOf:
			return nil, errors.New("a threshold has an empty name")
		default:
			return nil, fmt.Errorf("%.60q is not a threshold; there are above, atLeast, below and atMost", threshold.name)
		}
	}
	if len(lower) > 1 || len(upper) > 1 || len(members) == 0 {
		return nil, errors.New("thresholds are one of above and atLeast, one of below and atMost, or one of each")
	}
	return append(lower, upper...), nil
}

// jsonMember is a member of a JSON object.
type jsonMember struct {
	name  string
	value json.RawMessage // without leading spaces
}

// membersOf returns the members of a JSON object in their order. One name twice is an error, since
// readers differ in which of the two counts.
func membersOf(raw json.RawMessage) ([]jsonMember, error) {
	if !json.Valid(raw) {
		return nil, errors.New("is not JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return nil, errNotObject
	}
	var members []jsonMember
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errNotObject
		}
		if slices.ContainsFunc(members, func(m jsonMember) bool { return m.name == name }) {
			return nil, fmt.Errorf("has the member %.60q twice", name)
		}
		m := jsonMember{name: name}
		if err := dec.Decode(&m.value); err != nil {
			return nil, errNotObject
		}
		m.value = bytes.TrimSpace(m.value)
		members = append(members, m)
	}
	return members, nil
}
