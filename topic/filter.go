package topic

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// The bounds of a filter. The documentation of [State] and docs/topics.md state them.
const (
	maxFilterInput = 4096 // bytes, as the client writes it
	maxFilter      = 1024 // bytes of the canonical form
	maxConditions  = 16
	maxMembers     = 32 // of a set
	maxChanges     = 16
	minEvery       = 100 * time.Millisecond
	maxEvery       = time.Minute
)

// filter is the filter of a subscription to a state topic. A value matches if it meets every
// condition. The zero filter has none, and matches every value.
type filter struct {
	conditions []condition // in the order of their attributes and kinds
	// changes are the attributes of which one has to differ from the value before, in order, each
	// once. If there are none, every change of a value counts.
	changes []string
	every   time.Duration
}

// condition is what one attribute has to meet: to be one of a set, or a threshold.
type condition struct {
	attribute string
	kind      comparison
	set       []scalar // sorted, each once
	bound     float64
}

// comparison is a kind of condition, by its name in a filter.
type comparison string

const (
	oneOf   comparison = ""
	above   comparison = "above"
	atLeast comparison = "atLeast"
	below   comparison = "below"
	atMost  comparison = "atMost"
)

// scalar is a string, a number or a boolean. Numbers are compared as JavaScript does, as 64-bit
// floating point.
type scalar struct {
	kind   byte // 'b', 'n' or 's', in the order of the canonical form
	text   string
	number float64
	truth  bool
}

func (a scalar) compare(b scalar) int {
	truth := func(s scalar) int {
		if s.truth {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(truth(a), truth(b)),
		cmp.Compare(a.number, b.number), cmp.Compare(a.text, b.text))
}

// none reports whether the filter has no effect.
func (f filter) none() bool {
	return len(f.conditions) == 0 && len(f.changes) == 0 && f.every == 0
}

// canonical returns the form that all filters with the same meaning in the same words share:
// without spaces, with sorted attributes and sets, and a set of one as its member. It is a filter
// itself.
func (f filter) canonical() string {
	b := []byte{'{'}
	if len(f.conditions) > 0 {
		b = append(f.appendWhere(append(b, `"where":{`...)), '}')
	}
	if len(f.changes) > 0 {
		b = append(separated(b), `"changes":[`...)
		for i, name := range f.changes {
			if i > 0 {
				b = append(b, ',')
			}
			b = jsonscan.AppendString(b, name)
		}
		b = append(b, ']')
	}
	if f.every > 0 {
		b = strconv.AppendInt(append(separated(b), `"everyMs":`...), f.every.Milliseconds(), 10)
	}
	return string(append(b, '}'))
}

// separated appends a comma to an object that has a member already.
func separated(b []byte) []byte {
	if len(b) > 1 {
		b = append(b, ',')
	}
	return b
}

func (f filter) appendWhere(b []byte) []byte {
	for i, c := range f.conditions {
		same := i > 0 && f.conditions[i-1].attribute == c.attribute // another threshold
		if i > 0 {
			b = append(b, ',')
		}
		if !same {
			b = append(jsonscan.AppendString(b, c.attribute), ':')
		}
		if c.kind == oneOf {
			b = appendSet(b, c.set)
			continue
		}
		if !same {
			b = append(b, '{')
		}
		b = append(jsonscan.AppendString(b, string(c.kind)), ':')
		b = appendNumber(b, c.bound)
		if i+1 == len(f.conditions) || f.conditions[i+1].attribute != c.attribute {
			b = append(b, '}')
		}
	}
	return b
}

func appendSet(b []byte, set []scalar) []byte {
	if len(set) == 1 {
		return set[0].append(b)
	}
	b = append(b, '[')
	for i, s := range set {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.append(b)
	}
	return append(b, ']')
}

func (a scalar) append(b []byte) []byte {
	switch a.kind {
	case 'b':
		return strconv.AppendBool(b, a.truth)
	case 'n':
		return appendNumber(b, a.number)
	default:
		return jsonscan.AppendString(b, a.text)
	}
}

// appendNumber appends the shortest form that is the same number again. encoding/json does not fail
// for a finite number.
func appendNumber(b []byte, n float64) []byte {
	text, err := json.Marshal(n)
	if err != nil {
		panic(fmt.Sprintf("topic: a filter has the number %v", n))
	}
	return append(b, text...)
}

// filterIDBytes is the length of the ID of a filter: 96 bits of a hash, so that nobody finds
// another filter with the ID of one that others use.
const filterIDBytes = 16

// filterID returns the ID of a filter by its canonical form.
func filterID(canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// filteredPrefix begins the names of groups of subscriptions with a filter. The ID, whose length is
// fixed, comes before the topic, which may have any characters.
const filteredPrefix = "filtered:"

// filteredGroup returns the group of the subscriptions to a topic that have a filter.
func filteredGroup(id, topic string) string { return filteredPrefix + id + ":" + topic }

// parseFilteredGroup returns the filter's ID and the topic of a filteredGroup.
func parseFilteredGroup(group string) (id, topic string, ok bool) {
	rest, ok := strings.CutPrefix(group, filteredPrefix)
	if !ok || len(rest) <= filterIDBytes+1 || rest[filterIDBytes] != ':' {
		return "", "", false
	}
	return rest[:filterIDBytes], rest[filterIDBytes+1:], true
}

// attributes are what filters see of a value.
type attributes struct {
	deleted bool
	members map[string]scalar
}

// attributesOf returns the declared attributes of a value: the members of a JSON object that are a
// string, a number or a boolean. A mark has none, nor has a value that is not an object.
func attributesOf(data json.RawMessage, declared []string) attributes {
	if data == nil {
		return attributes{deleted: true}
	}
	if len(declared) == 0 {
		return attributes{}
	}
	s := jsonscan.NewScanner(data, nil)
	if s.Peek() != '{' || !s.Open('{') {
		return attributes{}
	}
	a := attributes{members: make(map[string]scalar, len(declared))}
	for s.More('}') {
		key := s.Key()
		i := slices.IndexFunc(declared, func(name string) bool { return name == string(key) })
		if i < 0 {
			s.Skip()
			continue
		}
		delete(a.members, declared[i]) // of several with one name the last counts
		if v, err := parseScalar(s.Part()); err == nil {
			a.members[declared[i]] = v
		}
	}
	if s.End() != nil {
		return attributes{}
	}
	return a
}

// matches reports whether a value meets all conditions. A mark does not, nor a value that lacks an
// attribute.
func (f filter) matches(a attributes) bool {
	if a.deleted {
		return false
	}
	for _, c := range f.conditions {
		if s, ok := a.members[c.attribute]; !ok || !c.meets(s) {
			return false
		}
	}
	return true
}

// changed reports whether one of the attributes that count differs between two values, or all
// changes count.
func (f filter) changed(now, before attributes) bool {
	return len(f.changes) == 0 || slices.ContainsFunc(f.changes, func(name string) bool {
		a, here := now.members[name]
		b, there := before.members[name]
		return here != there || a != b
	})
}

func (c condition) meets(s scalar) bool {
	if c.kind == oneOf {
		_, found := slices.BinarySearchFunc(c.set, s, scalar.compare)
		return found
	}
	if s.kind != 'n' {
		return false
	}
	switch c.kind {
	case above:
		return s.number > c.bound
	case atLeast:
		return s.number >= c.bound
	case below:
		return s.number < c.bound
	case atMost:
		return s.number <= c.bound
	default:
		return false
	}
}

// parseScalar parses valid JSON without spaces around it; empty is not a scalar.
func parseScalar(raw json.RawMessage) (scalar, error) {
	if len(raw) == 0 {
		return scalar{}, errNotScalar
	}
	switch c := raw[0]; {
	case c == '"':
		return parseText(raw)
	case c == 't' || c == 'f':
		return scalar{kind: 'b', truth: c == 't'}, nil
	case c == '-' || c >= '0' && c <= '9':
		n, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return scalar{}, errNotScalar // it is too large
		}
		return scalar{kind: 'n', number: n + 0}, nil // -0 becomes 0
	default:
		return scalar{}, errNotScalar
	}
}

// parseText parses a string, mostly without encoding/json.
func parseText(raw json.RawMessage) (scalar, error) {
	plain := !slices.ContainsFunc(raw, func(c byte) bool { return c == '\\' || c > '~' })
	if plain {
		return scalar{kind: 's', text: string(raw[1 : len(raw)-1])}, nil
	}
	s := scalar{kind: 's'}
	if json.Unmarshal(raw, &s.text) != nil {
		return scalar{}, errNotScalar
	}
	return s, nil
}
