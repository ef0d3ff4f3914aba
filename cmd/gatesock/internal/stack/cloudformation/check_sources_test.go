package cloudformation_test

import (
	"reflect"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/eventmux"
)

// sources checks that everything that the program expects to be called by is there, and may call.
func (c *checker) sources() {
	calls := map[string]int{} // by kind
	for _, id := range c.of("AWS::Scheduler::Schedule") {
		c.schedule(id)
		calls["schedule"]++
	}
	for _, id := range c.of("AWS::SNS::Subscription") {
		if c.property(id, "Protocol") != "lambda" {
			continue // notifications of alarms
		}
		c.called(id, c.property(id, "Endpoint"), "sns.amazonaws.com", c.property(id, "TopicArn"))
		calls["sns"]++
	}
	for _, id := range c.of("AWS::Events::Rule") {
		for _, target := range list(c.property(id, "Targets")) {
			c.called(id, at(target, "Arn"), "events.amazonaws.com", tree{"Fn::GetAtt": []any{id, "Arn"}})
		}
		calls["eventbridge"]++
	}
	for _, id := range c.of("AWS::IoT::TopicRule") {
		for _, action := range list(c.property(id, "TopicRulePayload", "Actions")) {
			c.called(id, at(action, "Lambda", "FunctionArn"), "iot.amazonaws.com", tree{"Fn::GetAtt": []any{id, "Arn"}})
		}
		if sql, _ := c.property(id, "TopicRulePayload", "Sql").(string); c.rule(sql) {
			calls["iot"]++
		}
	}
	for _, id := range c.of("AWS::Lambda::EventSourceMapping") {
		function := text(c.property(id, "FunctionName"), "Ref")
		for kind, action := range map[string]string{
			"sqs": "sqs:ReceiveMessage", "dynamodb": "dynamodb:GetRecords", "kinesis": "kinesis:GetRecords",
		} {
			if c.may(function, action, c.property(id, "EventSourceArn")) {
				calls[kind]++
			}
		}
	}
	calls["http"] = len(c.of("AWS::Lambda::Url"))
	for kind, n := range c.expected() {
		if calls[kind] < n {
			c.fail("%d sources %s of the program call it, and there are %d", calls[kind], kind, n)
		}
	}
}

// rule reports whether a statement is that of a rule of the program.
func (c *checker) rule(sql string) bool {
	return slices.ContainsFunc(c.app.Sources, func(s describe.Source) bool {
		return s.Kind == "iot" && sql == eventmux.IoTSQL(s.Name, s.Topic)
	})
}

// expected returns how many sources of each kind the stack must have. A source for any queue is one
// or several.
func (c *checker) expected() map[string]int {
	n := map[string]int{}
	for _, s := range c.app.Sources {
		if s.Kind != "custom" && (s.Kind != "schedule" || !strings.HasPrefix(s.Name, "arn:")) {
			n[s.Kind]++
		}
	}
	return n
}

// called checks that a service may invoke a function for one resource.
func (c *checker) called(id string, function any, service string, source any) {
	for _, permission := range c.of("AWS::Lambda::Permission") {
		p := c.property(permission)
		arn := any(tree{"Fn::GetAtt": []any{text(at(p, "FunctionName"), "Ref"), "Arn"}})
		if at(p, "Principal") == service && reflect.DeepEqual(at(p, "SourceArn"), source) && reflect.DeepEqual(arn, function) {
			return
		}
	}
	c.fail("%s may not invoke its function", id)
}

// schedule checks a schedule of EventBridge Scheduler: that its group exists, and that its role may
// be taken by schedules of the group only, and may invoke the function only.
func (c *checker) schedule(id string) {
	p := c.property(id)
	group, ok := c.refers(at(p, "GroupName"), "AWS::Scheduler::ScheduleGroup")
	if !ok && at(p, "GroupName") != "default" {
		c.fail("%s has no group", id)
	}
	role := c.roleNamed(at(p, "Target", "RoleArn"))
	var trusted, allowed bool
	for _, s := range list(c.property(role, "AssumeRolePolicyDocument", "Statement")) {
		arn := at(s, "Condition", "StringEquals", "aws:SourceArn")
		trusted = reflect.DeepEqual(arn, tree{"Fn::GetAtt": []any{group, "Arn"}}) ||
			strings.HasSuffix(text(arn, "Fn::Sub"), ":schedule-group/default")
	}
	for _, policy := range list(c.property(role, "Policies")) {
		for _, s := range list(at(policy, "PolicyDocument", "Statement")) {
			allowed = at(s, "Action") == "lambda:InvokeFunction" && reflect.DeepEqual(at(s, "Resource"), at(p, "Target", "Arn"))
		}
	}
	if !trusted || !allowed {
		c.fail("%s has a role that others may take, or that may not invoke its function", id)
	}
}
