package dynamotwin

import (
	"maps"
	"math/big"
	"reflect"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// expressions are the names and values of a request's expressions. Of DynamoDB's language this
// knows comparisons, BETWEEN, begins_with, size, attribute_exists and attribute_not_exists with
// AND, OR, NOT and parentheses; SET with sums, if_not_exists and list_append; REMOVE; ADD of
// numbers.
type expressions struct {
	names  map[string]string
	values Item
}

// tokens are the words of an expression that are left.
type tokens struct{ rest string }

func tokensOf(expression string) *tokens { return &tokens{expression} }

func (t *tokens) word() (word, rest string) {
	s := strings.TrimLeft(t.rest, " ")
	if s == "" {
		return "", ""
	}
	if n := strings.IndexAny(s, " (),"); n > 0 {
		return s[:n], s[n:]
	} else if n == 0 {
		return s[:1], s[1:]
	}
	return s, ""
}

func (t *tokens) peek() string {
	word, _ := t.word()
	return word
}

func (t *tokens) next() (word string) {
	word, t.rest = t.word()
	return word
}

// takes reports whether the next word is this one, and skips it then.
func (t *tokens) takes(word string) bool {
	next, rest := t.word()
	if next != word {
		return false
	}
	t.rest = rest
	return true
}

func (t *tokens) skip(word string) {
	if !t.takes(word) {
		panic("dynamotwin: want " + word + " before " + t.rest)
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
func at(it Item, path []string) types.AttributeValue {
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
func with(it Item, path []string, v types.AttributeValue, may bool) Item {
	changed := maps.Clone(it)
	name := path[0]
	switch {
	case len(path) > 1:
		inner, ok := it[name].(*types.AttributeValueMemberM)
		if !ok && !may {
			panic("dynamotwin: there is no map " + name)
		}
		if !ok {
			inner = &types.AttributeValueMemberM{Value: Item{}}
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
func (e expressions) holds(condition string, it Item) bool {
	t := tokensOf(condition)
	held := e.or(t, it)
	if t.peek() != "" {
		panic("dynamotwin: condition " + condition)
	}
	return held
}

func (e expressions) or(t *tokens, it Item) bool {
	held := e.and(t, it)
	for t.takes("OR") {
		held = e.and(t, it) || held // the right side has to be read in any case
	}
	return held
}

func (e expressions) and(t *tokens, it Item) bool {
	held := e.clause(t, it)
	for t.takes("AND") {
		held = e.clause(t, it) && held
	}
	return held
}

func (e expressions) clause(t *tokens, it Item) bool {
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
	case "begins_with":
		t.skip("(")
		v := e.operand(t, it)
		t.skip(",")
		prefix := e.operand(t, it)
		t.skip(")")
		return beginsWith(v, prefix)
	case "size":
		t.skip("(")
		v := sizeOf(at(it, e.path(t.next())))
		t.skip(")")
		return e.comparison(t, v, it)
	default:
		return e.comparison(t, e.resolve(word, it), it)
	}
}

// operand returns the value of the next word: a value of the request or an attribute.
func (e expressions) operand(t *tokens, it Item) types.AttributeValue { return e.resolve(t.next(), it) }

func (e expressions) resolve(word string, it Item) types.AttributeValue {
	if strings.HasPrefix(word, ":") {
		return e.values[word]
	}
	return at(it, e.path(word))
}

func (e expressions) comparison(t *tokens, v types.AttributeValue, it Item) bool {
	operator := t.next()
	if operator == "BETWEEN" {
		low := e.operand(t, it)
		t.skip("AND")
		high := e.operand(t, it)
		return inOrder(low, "<=", v) && inOrder(v, "<=", high)
	}
	return inOrder(v, operator, e.operand(t, it))
}

// sizeOf returns the size of a value: its bytes, or the number of its elements.
func sizeOf(v types.AttributeValue) types.AttributeValue {
	n := 0
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		n = len(v.Value)
	case *types.AttributeValueMemberB:
		n = len(v.Value)
	case *types.AttributeValueMemberM:
		n = len(v.Value)
	case *types.AttributeValueMemberL:
		n = len(v.Value)
	case *types.AttributeValueMemberSS:
		n = len(v.Value)
	default:
		return nil
	}
	return &types.AttributeValueMemberN{Value: strconv.Itoa(n)}
}

func beginsWith(v, prefix types.AttributeValue) bool {
	s, ok := v.(*types.AttributeValueMemberS)
	return ok && strings.HasPrefix(s.Value, prefix.(*types.AttributeValueMemberS).Value)
}

// inOrder reports whether two values are in an order. Values of different types, or absent ones,
// are in none, but they are unequal.
func inOrder(a types.AttributeValue, operator string, b types.AttributeValue) bool {
	if a == nil || b == nil || reflect.TypeOf(a) != reflect.TypeOf(b) {
		return operator == "<>"
	}
	order, ordered := compare(a, b)
	switch operator {
	case "=":
		return order == 0
	case "<>":
		return order != 0
	case "<=":
		return ordered && order <= 0
	case "<":
		return ordered && order < 0
	case ">":
		return ordered && order > 0
	case ">=":
		return ordered && order >= 0
	default:
		panic("dynamotwin: operator " + operator)
	}
}

// compare compares two values of one type. Only numbers, strings and binaries have an order.
func compare(a, b types.AttributeValue) (order int, ordered bool) {
	switch a := a.(type) {
	case *types.AttributeValueMemberN:
		return numberOf(a).Cmp(numberOf(b)), true
	case *types.AttributeValueMemberS:
		return strings.Compare(a.Value, b.(*types.AttributeValueMemberS).Value), true
	case *types.AttributeValueMemberB:
		return strings.Compare(string(a.Value), string(b.(*types.AttributeValueMemberB).Value)), true
	default:
		if reflect.DeepEqual(a, b) {
			return 0, false
		}
		return 1, false
	}
}

func numberOf(v types.AttributeValue) *big.Int {
	n, ok := new(big.Int).SetString(v.(*types.AttributeValueMemberN).Value, 10)
	if !ok {
		panic("dynamotwin: not a whole number")
	}
	return n
}
