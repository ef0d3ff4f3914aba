package table

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item is an item of the table, or its key.
type Item = map[string]types.AttributeValue

// Text returns a string attribute.
func Text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// Number returns a number attribute.
func Number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// The functions below read an attribute of an item. The table is outside input: somebody may have
// written to it by hand, so an attribute of another type is an error that names the attribute.

var errAbsent = errors.New("is absent")

// GetText reads a string. An absent one is empty.
func GetText(it Item, name string) (string, error) {
	switch v := it[name].(type) {
	case nil:
		return "", nil
	case *types.AttributeValueMemberS:
		return v.Value, nil
	default:
		return "", fmt.Errorf("attribute %.100q is not a string but a %T", name, v)
	}
}

// GetNumber reads a whole number. An absent one is an error. A number above those of int64 is read
// as the largest of them, for a sum of versions.
func GetNumber(it Item, name string) (int64, error) {
	v, ok := it[name]
	if !ok {
		return 0, fmt.Errorf("attribute %.100q %w", name, errAbsent)
	}
	n, err := parseNumber(v)
	if err != nil {
		return 0, fmt.Errorf("attribute %.100q %w", name, err)
	}
	return n, nil
}

func parseNumber(v types.AttributeValue) (int64, error) {
	number, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0, fmt.Errorf("is not a number but a %T", v)
	}
	n, err := strconv.ParseInt(number.Value, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("is not a whole number: %w", err)
	}
	return n, nil
}

// GetMap reads a map. An absent one is nil.
func GetMap(it Item, name string) (Item, error) {
	switch v := it[name].(type) {
	case nil:
		return nil, nil
	case *types.AttributeValueMemberM:
		return v.Value, nil
	default:
		return nil, fmt.Errorf("attribute %.100q is not a map but a %T", name, v)
	}
}
