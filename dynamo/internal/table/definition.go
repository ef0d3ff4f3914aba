package table

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock"
)

// The attributes that the table itself is defined by.
const (
	// PartitionKey is the partition key, a string. Its prefix is the kind of item.
	PartitionKey = "pk"
	// SortKey is the sort key, a string.
	SortKey = "sk"
	// Expiry is the time-to-live attribute: a number, the Unix time in seconds. DynamoDB deletes
	// expired items within a few days (Amazon DynamoDB Developer Guide, "Using time to live (TTL) in
	// DynamoDB"), so readers must leave them out.
	Expiry = "exp"
)

// key is an attribute of the primary key.
type key struct {
	name string
	kind types.ScalarAttributeType
	role types.KeyType
}

// definition is what Create makes. Keys returns the same for a template.
type definition struct {
	keys       []key
	billing    types.BillingMode
	timeToLive string
}

func define() definition {
	return definition{
		keys: []key{
			{name: PartitionKey, kind: types.ScalarAttributeTypeS, role: types.KeyTypeHash},
			{name: SortKey, kind: types.ScalarAttributeTypeS, role: types.KeyTypeRange},
		},
		billing:    types.BillingModePayPerRequest,
		timeToLive: Expiry,
	}
}

// Keys returns the definition of the table, for a description.
func Keys() *gatesock.TableKeys {
	return &gatesock.TableKeys{PartitionKey: PartitionKey, SortKey: SortKey, TimeToLive: Expiry}
}
