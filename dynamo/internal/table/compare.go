package table

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// compare holds the primary key of a table against the definition. Billing, indexes and the rest are the owner's.
func (d definition) compare(table *types.TableDescription) error {
	if have := keysOf(table); !slices.Equal(have, d.keys) {
		return fmt.Errorf("%w: its key is %s, want %s", ErrMismatch, describeKeys(have), describeKeys(d.keys))
	}
	return nil
}

// keysOf gives the primary key, the partition key first as DynamoDB has it.
func keysOf(table *types.TableDescription) []key {
	var keys []key
	for _, element := range table.KeySchema {
		k := key{name: aws.ToString(element.AttributeName), role: element.KeyType}
		for _, a := range table.AttributeDefinitions {
			if aws.ToString(a.AttributeName) == k.name {
				k.kind = a.AttributeType
			}
		}
		keys = append(keys, k)
	}
	return keys
}

func describeKeys(keys []key) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = fmt.Sprintf("%s %s (%s)", k.role, k.name, k.kind)
	}
	return strings.Join(parts, ", ")
}
