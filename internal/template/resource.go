package template

import (
	"fmt"
	"strings"
)

// ref evaluates Ref: the value of a parameter, or the name of a resource.
func (e *Evaluator) ref(n *node, name string, depth int) (any, error) {
	if name == noValue {
		return nil, nil
	}
	if v, ok := e.parameters[name]; ok {
		return e.typed(name, v), nil
	}
	if p := e.t.parameters[name]; p != nil {
		return e.defaultOf(n, name, p)
	}
	if r := e.t.resources[name]; r != nil {
		return e.name(r, depth)
	}
	if id, ok := strings.CutSuffix(name, ".Alias"); ok && e.t.resources[id] != nil { // of a function in SAM
		return e.attribute(n, id, "Arn", depth)
	}
	return nil, n.errorf("there is no parameter or resource %q", shorten(name))
}

// defaultOf returns the default of a parameter.
func (e *Evaluator) defaultOf(n *node, name string, p *node) (any, error) {
	d := p.members["Default"]
	kind := p.members["Type"]
	if d == nil || d.kind != scalar {
		return nil, n.errorf("the parameter %s has no default; set it by WithParameter", shorten(name))
	}
	if kind != nil && strings.HasPrefix(kind.text, "AWS::SSM::Parameter::Value") {
		return nil, n.errorf("the value of the parameter %s is in Systems Manager; set it by WithParameter", shorten(name))
	}
	return e.typed(name, d.text), nil
}

// typed returns the value of a parameter: a list if its type is one, such as
// AWS::SSM::Parameter::Value<List<String>>.
func (e *Evaluator) typed(name, value string) any {
	p := e.t.parameters[name]
	if p == nil || p.members["Type"] == nil {
		return value
	}
	if kind := p.members["Type"].text; !strings.Contains(kind, "CommaDelimitedList") && !strings.Contains(kind, "List<") {
		return value
	}
	items := []any{}
	for item := range strings.SplitSeq(value, ",") {
		if e.steps--; e.steps < 0 {
			break
		}
		items = append(items, strings.TrimSpace(item))
	}
	return items
}

// name returns what Ref returns for a resource. CloudFormation makes most names when it makes the
// resource; here they are logical ids.
func (e *Evaluator) name(r *Resource, depth int) (string, error) {
	switch r.Type {
	case "AWS::ApiGatewayV2::Stage":
		return e.nameIn(r, "StageName", depth)
	case "AWS::Lambda::Function", "AWS::Serverless::Function":
		return e.nameIn(r, "FunctionName", depth)
	case "AWS::DynamoDB::Table":
		return e.nameIn(r, "TableName", depth)
	case "AWS::Lambda::Alias": // whose Ref is an ARN
		function, err := e.nameIn(r, "FunctionName", depth)
		if err != nil {
			return "", err
		}
		alias, err := e.nameIn(r, "Name", depth)
		if err != nil {
			return "", err
		}
		return e.sized(e.arn("lambda", "function:"+lastOf(function)+":"+alias))
	case "AWS::Lambda::Version":
		function, err := e.nameIn(r, "FunctionName", depth)
		if err != nil {
			return "", err
		}
		return e.sized(e.arn("lambda", "function:"+lastOf(function)+":1"))
	}
	return r.ID, nil
}

// nameIn returns a property that has the name of a resource, or else the logical id.
func (e *Evaluator) nameIn(r *Resource, property string, depth int) (string, error) {
	if r.properties == nil {
		return r.ID, nil
	}
	n := r.properties.members[property]
	if n == nil {
		return r.ID, nil
	}
	return e.text(n, depth+1)
}

// lastOf returns the name in the ARN of a function, or the name itself.
func lastOf(function string) string {
	_, name, ok := strings.Cut(function, ":function:")
	if !ok {
		return function
	}
	name, _, _ = strings.Cut(name, ":")
	return name
}

// getAtt evaluates Fn::GetAtt.
func (e *Evaluator) getAtt(n, argument *node, depth int) (any, error) {
	if argument.kind == scalar { // the long form in YAML may have a text
		id, attribute, _ := strings.Cut(argument.text, ".")
		return e.attribute(n, id, attribute, depth)
	}
	args, err := n.arguments(argument, 2)
	if err != nil {
		return nil, err
	}
	attribute, err := e.text(args[1], depth)
	if err != nil {
		return nil, err
	}
	return e.attribute(n, args[0].text, attribute, depth)
}

// attribute returns an attribute of a resource. Of what AWS chooses, it has the form.
func (e *Evaluator) attribute(n *node, id, attribute string, depth int) (any, error) {
	r := e.t.resources[id]
	if r == nil {
		return nil, n.errorf("there is no resource %q", shorten(id))
	}
	name, err := e.name(r, depth)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Type == "AWS::ApiGatewayV2::Api" && attribute == "ApiId":
		return name, nil
	case r.Type == "AWS::ApiGatewayV2::Api" && attribute == "ApiEndpoint":
		return fmt.Sprintf("wss://%s.execute-api.%s.%s", name, e.Pseudo(Region), e.Pseudo("AWS::URLSuffix")), nil
	case r.Type == "AWS::Lambda::Function" && attribute == "Arn", r.Type == "AWS::Serverless::Function" && attribute == "Arn":
		return e.arn("lambda", "function:"+name), nil
	case attribute == "Arn":
		return e.arn(service(r.Type), name), nil
	}
	return id + "." + attribute, nil
}

// service returns the service in a resource type, such as "sqs".
func service(kind string) string {
	parts := strings.Split(kind, "::")
	if len(parts) < 2 {
		return "unknown"
	}
	return strings.ToLower(parts[1])
}

func (e *Evaluator) arn(service, resource string) string {
	return strings.Join([]string{"arn", e.Pseudo("AWS::Partition"), service, e.Pseudo(Region), e.Pseudo(AccountID), resource}, ":")
}
