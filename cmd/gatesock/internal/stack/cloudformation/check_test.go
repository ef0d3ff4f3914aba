package cloudformation_test

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/describe"
)

// checker looks in an expanded template for what a validator of properties cannot see.
type checker struct {
	app       *describe.App
	template  tree
	resources tree
	problems  []string
}

// problems returns what is wrong with the template of an application, sorted.
func problems(app *describe.App, template tree) []string {
	c := &checker{app: app, template: template}
	c.resources, _ = template["Resources"].(tree)
	for _, check := range []func(){
		c.references, c.used, c.apis, c.routes, c.mocks, c.authorizer, c.permissions, c.policies, c.functions,
		c.tables, c.queues, c.mappings, c.sources, c.domain, c.order, c.watch,
	} {
		check()
	}
	slices.Sort(c.problems)
	return slices.Compact(c.problems)
}

func (c *checker) fail(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// of returns the resources of a type, sorted by name.
func (c *checker) of(kind string) []string {
	var names []string
	for name, r := range c.resources {
		if text(r, "Type") == kind {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (c *checker) property(id string, path ...string) any {
	return at(c.resources, append([]string{id, "Properties"}, path...)...)
}

// refers reports whether a value is the Ref of a resource of a type.
func (c *checker) refers(value any, kind string) (string, bool) {
	name := text(value, "Ref")
	return name, name != "" && text(c.resources, name, "Type") == kind
}

var variable = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// mentions returns the names that a value refers to, with how: "Ref", "GetAtt" or "If".
func mentions(value any) map[string]string {
	names := map[string]string{}
	walk(value, "", func(_ string, m tree) {
		switch {
		case m["Ref"] != nil:
			names[text(m, "Ref")] = "Ref"
		case m["Fn::GetAtt"] != nil:
			names[list(m["Fn::GetAtt"])[0].(string)] = "GetAtt"
		case m["Fn::If"] != nil:
			names[list(m["Fn::If"])[0].(string)] = "If"
		case m["Fn::Sub"] != nil:
			parts := list(m["Fn::Sub"])
			var local tree
			if len(parts) > 1 {
				local = parts[1].(tree)
			}
			for _, match := range variable.FindAllStringSubmatch(parts[0].(string), -1) {
				name, _, attribute := strings.Cut(match[1], ".")
				if _, isLocal := local[name]; !isLocal {
					names[name] = map[bool]string{true: "GetAtt", false: "Ref"}[attribute]
				}
			}
		}
	})
	return names
}

// references checks that everything that is referred to exists.
func (c *checker) references() {
	parameters, _ := c.template["Parameters"].(tree)
	conditions, _ := c.template["Conditions"].(tree)
	for name, how := range mentions(c.template) {
		_, isParameter := parameters[name]
		_, isResource := c.resources[name]
		_, isCondition := conditions[name]
		switch {
		case how == "If":
			if !isCondition {
				c.fail("the condition %s does not exist", name)
			}
		case strings.HasPrefix(name, "AWS::"), isResource, isParameter && how == "Ref":
		default:
			c.fail("%s of %s, which does not exist", how, name)
		}
	}
	for section, members := range map[string]any{"resource": c.resources, "output": c.template["Outputs"]} {
		for id, r := range members.(tree) {
			if _, ok := conditions[text(r, "Condition")]; !ok && text(r, "Condition") != "" {
				c.fail("the %s %s has the condition %s, which does not exist", section, id, text(r, "Condition"))
			}
		}
	}
}

// used checks that no parameter and no condition is there for nothing.
func (c *checker) used() {
	used := mentions(c.template)
	for id := range at(c.template, "Parameters").(tree) {
		if used[id] == "" && !strings.HasPrefix(id, "Code") {
			c.fail("the parameter %s is not used", id)
		}
	}
	for id := range at(c.template, "Conditions").(tree) {
		isUsed := used[id] == "If"
		for _, r := range c.resources {
			isUsed = isUsed || text(r, "Condition") == id
		}
		if !isUsed {
			c.fail("the condition %s is not used", id)
		}
	}
}

// apis checks the API and its stage.
func (c *checker) apis() {
	apis, stages := c.of("AWS::ApiGatewayV2::Api"), c.of("AWS::ApiGatewayV2::Stage")
	if len(apis) != 1 || len(stages) != 1 {
		c.fail("there are %d APIs and %d stages", len(apis), len(stages))
		return
	}
	if got := c.property(apis[0], "RouteSelectionExpression"); got != "$request.body."+c.app.Envelope.Action {
		c.fail("the API selects routes by %v", got)
	}
	if c.property(apis[0], "IpAddressType") != "dualstack" || c.property(apis[0], "ProtocolType") != "WEBSOCKET" {
		c.fail("the API is not a WebSocket API with two stacks")
	}
	stage := c.property(stages[0])
	if at(stage, "AutoDeploy") != true || text(at(stage, "StageName"), "Ref") != "StageName" {
		c.fail("the stage is not deployed by itself, or has another name")
	}
	for _, limit := range []string{"ThrottlingRateLimit", "ThrottlingBurstLimit"} {
		if at(stage, "DefaultRouteSettings", limit) == nil {
			c.fail("the stage has no %s", limit)
		}
	}
	c.accessLog(at(stage, "AccessLogSettings"))
	for id, r := range c.resources {
		if api := at(r, "Properties", "ApiId"); api != nil && !reflect.DeepEqual(api, ref(apis[0])) {
			c.fail("%s belongs to another API", id)
		}
	}
}

// functions checks that each function has a log group, a role, and the variables of the program.
func (c *checker) functions() {
	roles := map[string]string{}
	for _, id := range c.of("AWS::Lambda::Function") {
		p := c.property(id)
		if at(p, "Runtime") != "provided.al2023" || at(p, "Handler") != "bootstrap" {
			c.fail("%s is not a program for provided.al2023", id)
		}
		group, ok := c.refers(at(p, "LoggingConfig", "LogGroup"), "AWS::Logs::LogGroup")
		if !ok || c.property(group, "RetentionInDays") == nil {
			c.fail("%s has no log group with a retention", id)
		}
		role := fmt.Sprint(at(p, "Role"))
		if other, taken := roles[role]; taken {
			c.fail("%s and %s have one role", id, other)
		}
		roles[role] = id
		environment, _ := at(p, "Environment", "Variables").(tree)
		for _, n := range c.app.Needs {
			if environment[n.Variable] == nil {
				c.fail("%s has no variable %s", id, n.Variable)
			}
		}
		if (at(p, "RecursiveLoop") == "Allow") != c.readsWhatItSends(id) {
			c.fail("%s has the wrong RecursiveLoop", id)
		}
	}
	for _, id := range c.of("AWS::Logs::LogGroup") {
		if c.property(id, "RetentionInDays") == nil {
			c.fail("%s keeps its events for ever", id)
		}
	}
}

// roleOf returns the name of the role of a function.
func (c *checker) roleOf(function string) string { return c.roleNamed(c.property(function, "Role")) }

// roleNamed returns the name of the role that an ARN is of.
func (c *checker) roleNamed(arn any) string {
	att := list(at(arn, "Fn::GetAtt"))
	if len(att) != 2 {
		return ""
	}
	return att[0].(string)
}

// may reports whether the role of a function allows an action on a resource.
func (c *checker) may(function, action string, resource any) bool {
	for _, policy := range list(c.property(c.roleOf(function), "Policies")) {
		for _, s := range list(at(policy, "PolicyDocument", "Statement")) {
			if slices.Contains(list(at(s, "Action")), any(action)) && reflect.DeepEqual(at(s, "Resource"), resource) {
				return true
			}
		}
	}
	return false
}

func (c *checker) readsWhatItSends(function string) bool {
	for _, id := range c.of("AWS::Lambda::EventSourceMapping") {
		arn := c.property(id, "EventSourceArn")
		if text(c.property(id, "FunctionName"), "Ref") == function && at(arn, "Fn::GetAtt") != nil && c.may(function, "sqs:SendMessage", arn) {
			return true
		}
	}
	return false
}

// keys returns the sorted keys of a map.
func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
