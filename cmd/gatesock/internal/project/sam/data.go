package sam

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/internal/oneline"
	"github.com/gatesock/gatesock/internal/template"
)

func short(s string) string { return oneline.Of(s, 200) }

// readTables reads the tables of DynamoDB.
func (r *run) readTables() {
	for _, i := range r.of("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::Serverless::SimpleTable") {
		t := project.Table{ID: i.id(), Name: i.PhysicalName(i.res), ARN: i.Attribute(i.res, "Arn")}
		t.Create = &dynamodb.CreateTableInput{
			TableName: aws.String(t.Name), BillingMode: types.BillingModePayPerRequest,
		}
		if i.res.Type == "AWS::Serverless::SimpleTable" {
			i.simpleTable(t.Create)
		} else {
			i.table(&t)
		}
		r.project.Tables = append(r.project.Tables, t)
	}
}

// simpleTable reads the table of SAM, which has a key of one attribute.
func (i item) simpleTable(in *dynamodb.CreateTableInput) {
	name, kind := "id", "S"
	if o, ok := i.object("PrimaryKey"); ok {
		name = cmp.Or(o.text("Name"), name)
		kind = cmp.Or(o.text("Type"), "String")[:1]
	}
	in.KeySchema = []types.KeySchemaElement{{AttributeName: &name, KeyType: types.KeyTypeHash}}
	in.AttributeDefinitions = []types.AttributeDefinition{{
		AttributeName: &name, AttributeType: types.ScalarAttributeType(kind),
	}}
}

func (i item) table(t *project.Table) {
	in := t.Create
	in.KeySchema = i.keySchema()
	for _, o := range i.objects("AttributeDefinitions") {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: aws.String(o.text("AttributeName")), AttributeType: types.ScalarAttributeType(o.text("AttributeType")),
		})
	}
	if o, ok := i.object("ProvisionedThroughput"); ok && i.text("BillingMode") != "PAY_PER_REQUEST" {
		in.BillingMode, in.ProvisionedThroughput = types.BillingModeProvisioned, o.throughput()
	}
	for _, o := range i.objects("GlobalSecondaryIndexes") {
		index := types.GlobalSecondaryIndex{
			IndexName: aws.String(o.text("IndexName")), KeySchema: o.keySchema(), Projection: o.projection(),
		}
		if in.ProvisionedThroughput != nil {
			index.ProvisionedThroughput = in.ProvisionedThroughput
			if p, ok := o.object("ProvisionedThroughput"); ok {
				index.ProvisionedThroughput = p.throughput()
			}
		}
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, index)
	}
	for _, o := range i.objects("LocalSecondaryIndexes") {
		in.LocalSecondaryIndexes = append(in.LocalSecondaryIndexes, types.LocalSecondaryIndex{
			IndexName: aws.String(o.text("IndexName")), KeySchema: o.keySchema(), Projection: o.projection(),
		})
	}
	if o, ok := i.object("StreamSpecification"); ok {
		view := cmp.Or(o.text("StreamViewType"), "NEW_AND_OLD_IMAGES")
		in.StreamSpecification = &types.StreamSpecification{
			StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewType(view),
		}
		t.StreamARN = i.Attribute(i.res, "StreamArn")
	}
	if o, ok := i.object("TimeToLiveSpecification"); ok && o.flag("Enabled", true) {
		t.TTL = o.text("AttributeName")
	}
	i.checkKeys(in)
}

func (i item) keySchema() []types.KeySchemaElement {
	var list []types.KeySchemaElement
	for _, o := range i.objects("KeySchema") {
		list = append(list, types.KeySchemaElement{
			AttributeName: aws.String(o.text("AttributeName")), KeyType: types.KeyType(o.text("KeyType")),
		})
	}
	return list
}

func (i item) projection() *types.Projection {
	p := &types.Projection{ProjectionType: types.ProjectionTypeAll}
	if o, ok := i.object("Projection"); ok {
		p.ProjectionType = types.ProjectionType(cmp.Or(o.text("ProjectionType"), "ALL"))
		p.NonKeyAttributes = o.texts("NonKeyAttributes")
	}
	return p
}

func (i item) throughput() *types.ProvisionedThroughput {
	return &types.ProvisionedThroughput{
		ReadCapacityUnits:  aws.Int64(int64(i.number("ReadCapacityUnits", 1, 1, 1_000_000))),
		WriteCapacityUnits: aws.Int64(int64(i.number("WriteCapacityUnits", 1, 1, 1_000_000))),
	}
}

// checkKeys says which keys have no attribute, and which attributes no key, since DynamoDB makes no
// such table.
func (i item) checkKeys(in *dynamodb.CreateTableInput) {
	keys := map[string]bool{}
	note := func(schema []types.KeySchemaElement) {
		for _, k := range schema {
			keys[*k.AttributeName] = true
		}
	}
	note(in.KeySchema)
	for _, index := range in.GlobalSecondaryIndexes {
		note(index.KeySchema)
	}
	for _, index := range in.LocalSecondaryIndexes {
		note(index.KeySchema)
	}
	if len(in.KeySchema) == 0 {
		i.fail("", "the table has no KeySchema")
	}
	used := in.AttributeDefinitions[:0]
	for _, a := range in.AttributeDefinitions {
		if !keys[*a.AttributeName] {
			i.warn("AttributeDefinitions", "no key has the attribute %s; DynamoDB refuses such a table; it is left out here",
				quote(*a.AttributeName))
			continue
		}
		delete(keys, *a.AttributeName)
		used = append(used, a)
	}
	in.AttributeDefinitions = used
	for _, name := range sorted(keys) {
		i.fail("AttributeDefinitions", "the key %s has no attribute definition", quote(name))
	}
}

// readQueues reads the queues of SQS.
func (r *run) readQueues() {
	for _, i := range r.of("AWS::SQS::Queue") {
		q := project.Queue{
			ID: i.id(), Name: i.PhysicalName(i.res), ARN: i.Attribute(i.res, "Arn"), URL: i.Ref(i.res),
			Attributes: map[string]string{},
		}
		for _, name := range []string{
			"ContentBasedDeduplication", "DeduplicationScope", "DelaySeconds", "FifoQueue", "FifoThroughputLimit",
			"MaximumMessageSize", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "VisibilityTimeout",
		} {
			if v := i.text(name); v != "" {
				q.Attributes[name] = v
			}
		}
		if q.Attributes["FifoQueue"] == "false" { // which SQS does not accept
			delete(q.Attributes, "FifoQueue")
		}
		if fifo := q.Attributes["FifoQueue"] == "true"; fifo != strings.HasSuffix(q.Name, ".fifo") {
			i.warn("QueueName", "the name of a FIFO queue, and of no other, ends in .fifo; this one is %s", quote(q.Name))
		}
		if policy := i.json("RedrivePolicy"); policy != nil {
			q.Attributes["RedrivePolicy"] = string(policy)
		}
		r.project.Queues = append(r.project.Queues, q)
	}
	r.of("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::Events::EventBusPolicy")
}

// readTopics reads the topics of SNS.
func (r *run) readTopics() {
	for _, i := range r.of("AWS::SNS::Topic") {
		t := project.Topic{ID: i.id(), Name: i.PhysicalName(i.res), ARN: i.Ref(i.res), FIFO: i.flag("FifoTopic", false)}
		for _, o := range i.objects("Subscription") {
			t.Subscriptions = append(t.Subscriptions, o.subscription())
		}
		r.project.Topics = append(r.project.Topics, t)
	}
	for _, i := range r.of("AWS::SNS::Subscription") {
		r.subscribe(i, "TopicArn", i.text("TopicArn"), i.subscription())
	}
}

// subscribe adds a subscription to a topic.
func (r *run) subscribe(i item, property, arn string, s project.Subscription) {
	n := slices.IndexFunc(r.project.Topics, func(t project.Topic) bool { return t.ARN == arn })
	if n < 0 {
		i.warn(property, "the topic %s is not in this project", quote(arn))
		return
	}
	r.project.Topics[n].Subscriptions = append(r.project.Topics[n].Subscriptions, s)
}

func (i item) subscription() project.Subscription {
	s := project.Subscription{
		Protocol: i.text("Protocol"), Endpoint: i.text("Endpoint"), FilterPolicy: i.json("FilterPolicy"),
		FilterBody: i.text("FilterPolicyScope") == "MessageBody", Raw: i.flag("RawMessageDelivery", false),
	}
	if o, ok := i.object("RedrivePolicy"); ok {
		s.DeadLetter = o.text("deadLetterTargetArn")
	}
	if s.Protocol != "lambda" && s.Protocol != "sqs" {
		i.notice("Protocol", "subscriptions with the protocol %s get nothing here", quote(s.Protocol))
	}
	return s
}

func (r *run) readBuses() {
	for _, i := range r.of("AWS::Events::EventBus") {
		bus := project.Bus{ID: i.id(), Name: i.PhysicalName(i.res), ARN: i.Attribute(i.res, "Arn")}
		r.project.Buses = append(r.project.Buses, bus)
	}
}

// readStored reads parameters and secrets.
func (r *run) readStored() {
	for _, i := range r.of("AWS::SSM::Parameter") {
		r.project.Parameters = append(r.project.Parameters, project.Parameter{
			ID: i.id(), Name: i.PhysicalName(i.res), ARN: i.Attribute(i.res, "Arn"),
			Type: cmp.Or(i.text("Type"), "String"), Value: i.text("Value"),
		})
	}
	for _, i := range r.of("AWS::SecretsManager::Secret") {
		s := project.Secret{ID: i.id(), Name: i.PhysicalName(i.res), ARN: i.Ref(i.res)}
		if v, ok := template.AsText(i.get("SecretString")); ok {
			s.Value = v
		}
		if o, ok := i.object("GenerateSecretString"); ok {
			s.Value = o.generated()
		}
		r.project.Secrets = append(r.project.Secrets, s)
	}
	r.of("AWS::SecretsManager::SecretTargetAttachment", "AWS::SecretsManager::ResourcePolicy")
}

// generated returns a secret in place of what AWS would generate.
func (i item) generated() string {
	const password = "local-password"
	key := i.text("GenerateStringKey")
	if key == "" {
		return password
	}
	members := map[string]any{}
	if text := i.text("SecretStringTemplate"); text != "" && json.Unmarshal([]byte(text), &members) != nil {
		i.warn("SecretStringTemplate", "SecretStringTemplate is not a JSON object")
	}
	if members == nil {
		members = map[string]any{}
	}
	members[key] = password
	text, err := json.Marshal(members)
	if err != nil {
		return password
	}
	return string(text)
}
