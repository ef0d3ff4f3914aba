package table

// Resource is a resource of a CloudFormation or SAM template; [encoding/json] gives its text.
type Resource struct {
	Type       string
	Properties Properties
}

// Properties are those of an AWS::DynamoDB::Table (AWS CloudFormation Template Reference, "AWS::DynamoDB::Table").
// The table has no name of its own, so CloudFormation makes one and can replace the table.
type Properties struct {
	AttributeDefinitions    []AttributeDefinition
	KeySchema               []KeySchema
	BillingMode             string
	TimeToLiveSpecification TimeToLiveSpecification
}

// AttributeDefinition gives the type of a key attribute.
type AttributeDefinition struct {
	AttributeName string
	AttributeType string
}

// KeySchema gives an attribute's role in the primary key.
type KeySchema struct {
	AttributeName string
	KeyType       string
}

// TimeToLiveSpecification names the attribute by which items expire.
type TimeToLiveSpecification struct {
	AttributeName string
	Enabled       bool
}

// CloudFormation gives the table as a resource for a template, the same that [Create] makes.
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
