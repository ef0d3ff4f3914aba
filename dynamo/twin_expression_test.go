package dynamo_test

import (
	"maps"
	"math/big"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// expressions are the names and values of a request's expressions. Of DynamoDB's language this
// knows comparisons of numbers, attribute_exists and attribute_not_exists with AND, OR, NOT and
// parentheses; SET with sums and if_not_exists; REMOVE. What it does not know is a panic.
type expressions struct {
	names  map[string]string
	values attributes
}

// tokens are the words of an expression that are left.
type tokens struct{ left []string }

func tokensOf(expression string) *tokens {
	return &tokens{strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ", ",", " , ").Replace(expression))}
}

func (t *tokens) peek() string {
	if len(t.left) == 0 {
		return ""
	}
	return t.left[0]
}

func (t *tokens) next() string {
	word := t.peek()
	t.left = t.left[min(1, len(t.left)):]
	return word
}

// takes reports whether the next word is this one, and skips it then.
func (t *tokens) takes(word string) bool {
	if t.peek() != word {
		return false
	}
	t.next()
	return true
}

func (t *tokens) skip(word string) {
	if !t.takes(word) {
		panic("twinTable: want " + word + " before " + strings.Join(t.left, " "))
	}
}

// path resolves the names in a path.
func (e expressions) path(word string) []string {
	path := strings.Split(word, ".")
	for i, name := range path {
		if strings.HasPrefix(name, "#") {
			path[i] = e.names[name]
		}
	}
	return path
}

// at returns what an item has at a path, or nil.
func at(it attributes, path []string) types.AttributeValue {
	for _, name := range path[:len(path)-1] {
		inner, ok := it[name].(*types.AttributeValueMemberM)
		if !ok {
			return nil
		}
		it = inner.Value
	}
	return it[path[len(path)-1]]
}

// with returns a copy of an item that has a value at a path, or nothing if the value is nil. Maps
// that lead there are made only if they may be.
func with(it attributes, path []string, v types.AttributeValue, may bool) attributes {
	changed := maps.Clone(it)
	name := path[0]
	switch {
	case len(path) > 1:
		inner, ok := it[name].(*types.AttributeValueMemberM)
		if !ok && !may {
			panic("twinTable: there is no map " + name)
		}
		if !ok {
			inner = &types.AttributeValueMemberM{Value: attributes{}}
		}
		changed[name] = &types.AttributeValueMemberM{Value: with(inner.Value, path[1:], v, may)}
	case v == nil:
		delete(changed, name)
	default:
		changed[name] = v
	}
	return changed
}

// holds reports whether an item meets a condition.
func (e expressions) holds(condition string, it attributes) bool {
	t := tokensOf(condition)
	held := e.or(t, it)
	if len(t.left) > 0 {
		panic("twinTable: condition " + condition)
	}
	return held
}

func (e expressions) or(t *tokens, it attributes) bool {
	held := e.and(t, it)
	for t.takes("OR") {
		held = e.and(t, it) || held // the right side has to be read in any case
	}
	return held
}

func (e expressions) and(t *tokens, it attributes) bool {
	held := e.clause(t, it)
	for t.takes("AND") {
		held = e.clause(t, it) && held
	}
	return held
}

func (e expressions) clause(t *tokens, it attributes) bool {
	switch word := t.next(); word {
	case "NOT":
		return !e.clause(t, it)
	case "(":
		held := e.or(t, it)
		t.skip(")")
		return held
	case "attribute_exists", "attribute_not_exists":
		t.skip("(")
		there := at(it, e.path(t.next())) != nil
		t.skip(")")
		return there == (word == "attribute_exists")
	default:
		return inOrder(at(it, e.path(word)), t.next(), e.values[t.next()])
	}
}

// inOrder reports whether two numbers are in an order. It is false for other values.
func inOrder(a types.AttributeValue, operator string, b types.AttributeValue) bool {
	x, ok := a.(*types.AttributeValueMemberN)
	if !ok {
		return false
	}
	order := numberOf(x).Cmp(numberOf(b))
	switch operator {
	case "=":
		return order == 0
	case "<=":
		return order <= 0
	case "<":
		return order < 0
	case ">":
		return order > 0
	default:
		panic("twinTable: operator " + operator)
	}
}

func numberOf(v types.AttributeValue) *big.Int {
	n, ok := new(big.Int).SetString(v.(*types.AttributeValueMemberN).Value, 10)
	if !ok {
		panic("twinTable: no whole number")
	}
	return n
}

// update returns an item as an update makes it. Everything is read from the item as it was.
func (e expressions) update(expression string, old attributes) attributes {
	updated := old
	for t := tokensOf(expression); len(t.left) > 0; {
		switch verb := t.next(); verb {
		case "SET", "REMOVE":
			for more := true; more; more = t.takes(",") {
				path := e.path(t.next())
				var v types.AttributeValue
				if verb == "SET" {
					t.skip("=")
					v = e.sum(t, old)
				}
				updated = with(updated, path, v, false)
			}
		default:
			panic("twinTable: update " + expression)
		}
	}
	return updated
}

// targets returns the paths that an update changes.
func (e expressions) targets(expression string) (paths [][]string) {
	depth, target := 0, false
	for _, word := range tokensOf(expression).left {
		if target {
			paths = append(paths, e.path(word))
		}
		switch word {
		case "(":
			depth++
		case ")":
			depth--
		}
		target = depth == 0 && (word == "SET" || word == "REMOVE" || word == ",")
	}
	return paths
}

func (e expressions) sum(t *tokens, old attributes) types.AttributeValue {
	v := e.term(t, old)
	for t.takes("+") {
		v = &types.AttributeValueMemberN{Value: new(big.Int).Add(numberOf(v), numberOf(e.term(t, old))).String()}
	}
	return v
}

func (e expressions) term(t *tokens, old attributes) types.AttributeValue {
	word := t.next()
	switch {
	case strings.HasPrefix(word, ":"):
		return e.values[word]
	case word == "if_not_exists":
		t.skip("(")
		v := at(old, e.path(t.next()))
		t.skip(",")
		other := e.term(t, old)
		t.skip(")")
		if v == nil {
			return other
		}
		return v
	default:
		if v := at(old, e.path(word)); v != nil {
			return v
		}
		panic("twinTable: the item has no " + word)
	}
}
