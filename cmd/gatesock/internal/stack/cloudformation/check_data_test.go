package cloudformation_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/describe"
)

// connections are the methods and connections of this stage of this API. Only they and the topics
// of devices may have wildcards in a policy.
const connections = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/${StageName}/*/@connections/*"

// policies checks that no role may do more than one application needs.
func (c *checker) policies() {
	for _, id := range c.of("AWS::IAM::Role") {
		for _, policy := range list(c.property(id, "Policies")) {
			for _, s := range list(at(policy, "PolicyDocument", "Statement")) {
				for _, action := range list(at(s, "Action")) {
					if strings.Contains(fmt.Sprint(action), "*") {
						c.fail("%s allows %v", id, action)
					}
				}
				for _, resource := range list(at(s, "Resource")) {
					if sub := text(resource, "Fn::Sub"); strings.Contains(fmt.Sprint(resource), "*") && sub != connections && !c.isTopic(sub) {
						c.fail("%s allows something on %v", id, resource)
					}
				}
				if len(list(at(s, "Resource"))) == 0 || at(s, "NotResource") != nil || at(s, "NotAction") != nil {
					c.fail("%s has a statement without resources", id)
				}
			}
		}
		managed := list(c.property(id, "ManagedPolicyArns"))
		if len(managed) > 0 && id != "ApiGatewayLogRole" {
			c.fail("%s has managed policies", id)
		}
	}
	c.needs()
}

// needs checks that the actions of each need are allowed, for one function at least.
func (c *checker) needs() {
	functions := c.of("AWS::Lambda::Function")
	for _, n := range c.app.Needs {
		for _, action := range n.Actions {
			if !slices.ContainsFunc(functions, func(function string) bool {
				value := c.property(function, "Environment", "Variables", n.Variable)
				if n.Kind == "iot" {
					return text(value, "Fn::Sub") != "" && !slices.ContainsFunc(n.Topics, func(topic string) bool {
						return !c.may(function, action, any(tree{"Fn::Sub": topicARN(topic)}))
					})
				}
				on := any(tree{"Fn::GetAtt": []any{text(value, "Ref"), "Arn"}})
				if n.Kind == "connections" {
					on = tree{"Fn::Sub": connections}
				}
				return c.may(function, action, on)
			}) {
				c.fail("no function may do %s for %s", action, n.Variable)
			}
		}
	}
}

// topicARN returns the resource of a policy for topics of devices.
func topicARN(filter string) string {
	level := strings.Split(filter, "/")
	for i := range level {
		if level[i] == "+" || level[i] == "#" {
			level[i] = "*"
		}
	}
	return "arn:${AWS::Partition}:iot:${AWS::Region}:${AWS::AccountId}:topic/" + strings.Join(level, "/")
}

// isTopic reports whether a resource of a policy is the topics that a need has.
func (c *checker) isTopic(resource string) bool {
	return slices.ContainsFunc(c.app.Needs, func(n describe.Need) bool {
		return slices.ContainsFunc(n.Topics, func(topic string) bool { return topicARN(topic) == resource })
	})
}

// tables checks that no table is lost, and that items expire.
func (c *checker) tables() {
	for _, id := range c.of("AWS::DynamoDB::Table") {
		r := c.resources[id]
		if at(r, "DeletionPolicy") != "Retain" || at(r, "UpdateReplacePolicy") != "Retain" {
			c.fail("%s is lost with the stack", id)
		}
		if c.property(id, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") != true {
			c.fail("%s has no point-in-time recovery", id)
		}
		if c.property(id, "BillingMode") != "PAY_PER_REQUEST" || c.property(id, "TableName") != nil {
			c.fail("%s is not on demand, or has a fixed name", id)
		}
		for _, n := range c.app.Needs {
			value := c.property(c.of("AWS::Lambda::Function")[0], "Environment", "Variables", n.Variable)
			if n.Table == nil || text(value, "Ref") != id {
				continue
			}
			want := map[bool]any{true: nil, false: n.Table.TimeToLive}[n.Table.TimeToLive == ""]
			if c.property(id, "TimeToLiveSpecification", "AttributeName") != want {
				c.fail("%s has the wrong time to live", id)
			}
			got := fmt.Sprint(c.property(id, "KeySchema"))
			if !strings.Contains(got, "AttributeName:"+n.Table.PartitionKey+" KeyType:HASH") ||
				n.Table.SortKey != "" && !strings.Contains(got, "AttributeName:"+n.Table.SortKey+" KeyType:RANGE") {
				c.fail("%s has the keys %s", id, got)
			}
		}
	}
}

// queues checks that no message is lost when it fails.
func (c *checker) queues() {
	dead := map[string]bool{}
	for _, id := range c.of("AWS::SQS::Queue") {
		if target := list(c.property(id, "RedrivePolicy", "deadLetterTargetArn", "Fn::GetAtt")); len(target) > 0 {
			dead[target[0].(string)] = true
		}
	}
	for _, id := range c.of("AWS::SQS::Queue") {
		if c.property(id, "RedrivePolicy") == nil && !dead[id] {
			c.fail("%s has no dead-letter queue", id)
		}
	}
}

// tableStream checks the mapping of the stream of a table of the stack: one record that fails must
// not make all others come again.
func (c *checker) tableStream(id, table string) {
	if c.property(table, "StreamSpecification", "StreamViewType") != "NEW_AND_OLD_IMAGES" {
		c.fail("%s has no stream that %s could read", table, id)
	}
	if !reflect.DeepEqual(c.property(id, "FunctionResponseTypes"), []any{"ReportBatchItemFailures"}) {
		c.fail("all records that %s reads fail together", id)
	}
}

// mappings checks that Lambda may read what it reads for a function, and that the queue waits for
// it.
func (c *checker) mappings() {
	for _, id := range c.of("AWS::Lambda::EventSourceMapping") {
		function, ok := c.refers(c.property(id, "FunctionName"), "AWS::Lambda::Function")
		arn := c.property(id, "EventSourceArn")
		if !ok || !c.may(function, "sqs:ReceiveMessage", arn) && !c.may(function, "dynamodb:GetRecords", arn) && !c.may(function, "kinesis:GetRecords", arn) {
			c.fail("the function of %s may not read its source", id)
		}
		att := list(at(arn, "Fn::GetAtt"))
		if len(att) == 0 {
			continue
		}
		if att[1] == "StreamArn" {
			c.tableStream(id, att[0].(string))
			continue
		}
		queue := att[0].(string)
		visibility, _ := c.property(queue, "VisibilityTimeout").(int)
		timeout, _ := c.property(function, "Timeout").(int)
		const factor = 6
		if visibility < factor*timeout {
			c.fail("%s shows a message again while it may be handled", queue)
		}
		if c.property(id, "BatchSize") != 1 || !reflect.DeepEqual(c.property(id, "FunctionResponseTypes"), []any{"ReportBatchItemFailures"}) {
			c.fail("%s takes several messages, or all of them fail together", id)
		}
	}
}

// domain checks that everything of the domain has its condition.
func (c *checker) domain() {
	for _, kind := range []string{"AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::ApiMapping"} {
		for _, id := range c.of(kind) {
			if text(c.resources, id, "Condition") != "HasDomain" {
				c.fail("%s exists without a domain", id)
			}
		}
		if len(c.of(kind)) != 1 {
			c.fail("there is no %s", kind)
		}
	}
	stages := c.of("AWS::ApiGatewayV2::Stage")
	if len(stages) == 1 && text(c.property("DomainMapping", "Stage"), "Ref") != stages[0] {
		c.fail("the domain has another stage")
	}
}
