package table

import "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

// Names of the attributes that the table itself knows.
const (
	// PartitionKey is the partition key, a string. Its prefix tells what an item is.
	PartitionKey = "pk"
	// SortKey is the sort key, a string.
	SortKey = "sk"
	// Expiry is the time-to-live attribute: a number, the Unix time in seconds. DynamoDB deletes expired items
	// within a few days (DynamoDB Developer Guide, "Using time to live (TTL) in DynamoDB"), so a reader filters.
	Expiry = "exp"
)

// key is an attribute of the primary key.
type key struct {
	name string
	kind types.ScalarAttributeType
	role types.KeyType
}

// definition is what Create and CloudFormation are derived from.
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
