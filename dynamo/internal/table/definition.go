package table

import "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

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

// definition is the source of Create and CloudFormation.
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

// Resource is a resource of a CloudFormation or SAM template, to be encoded as JSON.
type Resource struct {
	Type       string
	Properties Properties
}

// Properties are those of an AWS::DynamoDB::Table (AWS CloudFormation Template Reference,
// "AWS::DynamoDB::Table"). The table has no fixed name: CloudFormation generates one, so that it
// can replace the table.
type Properties struct {
	AttributeDefinitions    []AttributeDefinition
	KeySchema               []KeySchema
	BillingMode             string
	TimeToLiveSpecification TimeToLiveSpecification
}

// AttributeDefinition is the type of a key attribute.
type AttributeDefinition struct {
	AttributeName string
	AttributeType string
}

// KeySchema is an attribute's role in the primary key.
type KeySchema struct {
	AttributeName string
	KeyType       string
}

// TimeToLiveSpecification names the attribute by which items expire.
type TimeToLiveSpecification struct {
	AttributeName string
	Enabled       bool
}

// CloudFormation returns the table that [Create] makes as a resource for a template.
func CloudFormation() Resource {
	d := define()
	p := Properties{
		BillingMode:             string(d.billing),
		TimeToLiveSpecification: TimeToLiveSpecification{AttributeName: d.timeToLive, Enabled: true},
	}
	for _, k := range d.keys {
		p.AttributeDefinitions = append(p.AttributeDefinitions, AttributeDefinition{k.name, string(k.kind)})
		p.KeySchema = append(p.KeySchema, KeySchema{k.name, string(k.role)})
	}
	return Resource{Type: "AWS::DynamoDB::Table", Properties: p}
}
