package dynamotwin

import (
	"math/big"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// update returns an item as an update makes it. Everything is read from the item as it was.
func (e expressions) update(expression string, old Item) Item {
	updated := old
	for t := tokensOf(expression); t.peek() != ""; {
		verb := t.next()
		for more := true; more; more = t.takes(",") {
			path := e.path(t.next())
			var v types.AttributeValue
			switch verb {
			case "SET":
				t.skip("=")
				v = e.sum(t, old)
			case "ADD":
				v = add(at(old, path), e.values[t.next()])
			case "REMOVE":
			default:
				panic("dynamotwin: update " + expression)
			}
			updated = with(updated, path, v, false)
		}
	}
	return updated
}

// add returns a sum in which an absent number is 0.
func add(a, b types.AttributeValue) types.AttributeValue {
	if a == nil {
		return b
	}
	return &types.AttributeValueMemberN{Value: new(big.Int).Add(numberOf(a), numberOf(b)).String()}
}

// targets returns the paths that an update changes.
func (e expressions) targets(expression string) (paths [][]string) {
	depth, target := 0, false
	for t := tokensOf(expression); t.peek() != ""; {
		word := t.next()
		if target {
			paths = append(paths, e.path(word))
		}
		switch word {
		case "(":
			depth++
		case ")":
			depth--
		}
		target = depth == 0 && (word == "SET" || word == "REMOVE" || word == "ADD" || word == ",")
	}
	return paths
}

func (e expressions) sum(t *tokens, old Item) types.AttributeValue {
	v := e.term(t, old)
	for {
		switch {
		case t.takes("+"):
			v = &types.AttributeValueMemberN{Value: new(big.Int).Add(numberOf(v), numberOf(e.term(t, old))).String()}
		case t.takes("-"):
			v = &types.AttributeValueMemberN{Value: new(big.Int).Sub(numberOf(v), numberOf(e.term(t, old))).String()}
		default:
			return v
		}
	}
}

func (e expressions) term(t *tokens, old Item) types.AttributeValue {
	word := t.next()
	switch {
	case strings.HasPrefix(word, ":"):
		return e.values[word]
	case word == "list_append":
		t.skip("(")
		first := e.term(t, old)
		t.skip(",")
		second := e.term(t, old)
		t.skip(")")
		a, b := first.(*types.AttributeValueMemberL).Value, second.(*types.AttributeValueMemberL).Value
		return &types.AttributeValueMemberL{Value: slices.Concat(a, b)}
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
		panic("dynamotwin: the item has no " + word)
	}
}
