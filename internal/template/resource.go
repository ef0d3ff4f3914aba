package template

import (
	"cmp"
	"fmt"
	"strings"
)

// ref evaluates Ref: the value of a parameter, or the name of a resource.
func (e *Evaluator) ref(n *node, name string, depth int) (any, error) {
	if name == noValue {
		return nil, nil
	}
	if v, ok := e.parameters[name]; ok {
		return e.typedParameter(name, v), nil
	}
	if p := e.t.parameters[name]; p != nil {
		v, err := e.defaultOf(n, name, p)
		if err != nil && e.lenient != nil && e.lenient.Parameter != nil {
			e.parameters[name] = e.lenient.Parameter(parameterOf(name, p))
			return e.typedParameter(name, e.parameters[name]), nil
		}
		return v, err
	}
	if r := e.t.resources[name]; r != nil {
		return e.name(r, depth)
	}
	if id, ok := strings.CutSuffix(name, ".Alias"); ok && e.t.resources[id] != nil { // of a function in SAM
		return e.attribute(n, id, "Arn", depth)
	}
	if id, attribute, ok := strings.Cut(name, "."); ok && e.lenient != nil && e.t.resources[id] != nil {
		return e.attribute(n, id, attribute, depth) // such as Api.Stage
	}
	if made, ok := e.madeBySAM(name); ok {
		return made, nil
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
	return e.typedParameter(name, d.text), nil
}

// typedParameter returns the value of a parameter: a list if its type is one, such as
// AWS::SSM::Parameter::Value<List<String>>.
func (e *Evaluator) typedParameter(name, value string) any {
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

// madeBySAM returns the Ref of a resource that SAM makes of others, which the template does not
// have.
func (e *Evaluator) madeBySAM(id string) (string, bool) {
	if e.lenient == nil {
		return "", false
	}
	if of, ok := strings.CutSuffix(id, "Role"); ok && e.t.resources[of] != nil {
		return id, e.t.resources[of].Type == "AWS::Serverless::Function"
	}
	return id, strings.HasPrefix(id, "ServerlessRestApi") || strings.HasPrefix(id, "ServerlessHttpApi")
}

// name returns what Ref returns for a resource. CloudFormation makes most names when it makes the
// resource; here they are logical ids.
func (e *Evaluator) name(r *Resource, depth int) (string, error) {
	switch r.Type {
	case "AWS::Lambda::Alias": // whose Ref is an ARN
		alias, err := e.nameIn(r, "Name", depth)
		if err != nil {
			return "", err
		}
		return e.qualified(r, alias, depth)
	case "AWS::Lambda::Version":
		return e.qualified(r, "1", depth)
	}
	name, err := e.physical(r, depth)
	if err != nil {
		return "", err
	}
	switch r.Type {
	case "AWS::SQS::Queue":
		return e.sized(fmt.Sprintf("https://sqs.%s.%s/%s/%s", e.Pseudo(Region), e.Pseudo("AWS::URLSuffix"), e.Pseudo(AccountID), name))
	case "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine", "AWS::Serverless::StateMachine", "AWS::SecretsManager::Secret",
		"AWS::Lambda::LayerVersion", "AWS::Serverless::LayerVersion", "AWS::CloudFormation::Stack":
		return e.sized(e.arnOf(r, name, depth))
	case "AWS::Cognito::UserPool":
		return e.sized(e.Pseudo(Region) + "_" + name)
	case "AWS::Events::Rule":
		bus, err := e.busOf(r, depth)
		if err != nil || bus == "" {
			return name, err
		}
		return e.sized(bus + "|" + name)
	}
	return name, nil
}

// qualified returns the ARN of a version or an alias of a function.
func (e *Evaluator) qualified(r *Resource, qualifier string, depth int) (string, error) {
	function, err := e.nameIn(r, "FunctionName", depth)
	if err != nil {
		return "", err
	}
	return e.sized(e.arn("lambda", "function:"+lastOf(function)+":"+qualifier))
}

// physical returns the name of a resource on AWS.
func (e *Evaluator) physical(r *Resource, depth int) (string, error) {
	property := "Name"
	switch r.Type {
	case "AWS::ApiGatewayV2::Stage":
		property = "StageName"
	case "AWS::ApiGatewayV2::DomainName":
		property = "DomainName"
	case "AWS::Lambda::Function", "AWS::Serverless::Function":
		property = "FunctionName"
	case "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::Serverless::SimpleTable":
		property = "TableName"
	case "AWS::SQS::Queue":
		property = "QueueName"
	case "AWS::SNS::Topic":
		property = "TopicName"
	case "AWS::StepFunctions::StateMachine":
		property = "StateMachineName"
	case "AWS::Lambda::LayerVersion", "AWS::Serverless::LayerVersion":
		property = "LayerName"
	case "AWS::S3::Bucket":
		property = "BucketName"
	case "AWS::IAM::Role":
		property = "RoleName"
	case "AWS::Logs::LogGroup":
		property = "LogGroupName"
	case "AWS::Events::EventBus", "AWS::Events::Rule", "AWS::Scheduler::Schedule", "AWS::SSM::Parameter", "AWS::SecretsManager::Secret",
		"AWS::Serverless::StateMachine", "AWS::Kinesis::Stream":
	default:
		return e.defaultName(r), nil
	}
	return e.nameIn(r, property, depth)
}

// defaultName returns the name of a resource for which the template has none.
func (e *Evaluator) defaultName(r *Resource) string {
	if e.lenient != nil && e.lenient.Name != nil {
		return e.lenient.Name(r)
	}
	return r.ID
}

// busOf returns the name of the event bus of a rule, or "" for the default one.
func (e *Evaluator) busOf(r *Resource, depth int) (string, error) {
	if r.properties == nil || r.properties.members["EventBusName"] == nil {
		return "", nil
	}
	bus, err := e.text(r.properties.members["EventBusName"], depth+1)
	if bus = bus[strings.LastIndexByte(bus, '/')+1:]; bus == "default" { // the name, or the ARN
		bus = ""
	}
	return bus, err
}

// arnOf returns the ARN of a resource with a name.
func (e *Evaluator) arnOf(r *Resource, name string, depth int) string {
	switch r.Type {
	case "AWS::Lambda::Function", "AWS::Serverless::Function":
		return e.arn("lambda", "function:"+name)
	case "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::Serverless::SimpleTable":
		return e.arn("dynamodb", "table/"+name)
	case "AWS::Events::EventBus":
		return e.arn("events", "event-bus/"+name)
	case "AWS::Events::Rule":
		bus, err := e.busOf(r, depth+1)
		if err == nil && bus != "" {
			name = bus + "/" + name
		}
		return e.arn("events", "rule/"+name)
	case "AWS::Scheduler::Schedule":
		return e.arn("scheduler", "schedule/default/"+name)
	case "AWS::StepFunctions::StateMachine", "AWS::Serverless::StateMachine":
		return e.arn("states", "stateMachine:"+name)
	case "AWS::SecretsManager::Secret": // AWS adds six characters
		return e.arn("secretsmanager", "secret:"+name+"-AbCdEf")
	case "AWS::SSM::Parameter":
		return e.arn("ssm", "parameter/"+strings.TrimPrefix(name, "/"))
	case "AWS::Lambda::LayerVersion", "AWS::Serverless::LayerVersion":
		return e.arn("lambda", "layer:"+name+":1")
	case "AWS::S3::Bucket":
		return "arn:" + e.Pseudo("AWS::Partition") + ":s3:::" + name
	case "AWS::IAM::Role":
		return "arn:" + e.Pseudo("AWS::Partition") + ":iam::" + e.Pseudo(AccountID) + ":role/" + name
	case "AWS::Logs::LogGroup":
		return e.arn("logs", "log-group:"+name+":*")
	case "AWS::Kinesis::Stream":
		return e.arn("kinesis", "stream/"+name)
	case "AWS::KMS::Key":
		return e.arn("kms", "key/"+name)
	case "AWS::CloudFormation::Stack":
		return e.arn("cloudformation", "stack/"+name+"/local")
	case "AWS::Cognito::UserPool":
		return e.arn("cognito-idp", "userpool/"+e.Pseudo(Region)+"_"+name)
	}
	return e.arn(service(r.Type), name)
}

// StreamLabel is the end of the ARN of a table's stream.
const StreamLabel = "2026-01-01T00:00:00.000"

// nameIn returns a property that has the name of a resource, or else its default name.
func (e *Evaluator) nameIn(r *Resource, property string, depth int) (string, error) {
	if e.lenient != nil {
		return e.nameLenient(r, property, depth)
	}
	if r.properties == nil || r.properties.members[property] == nil {
		return r.ID, nil
	}
	return e.text(r.properties.members[property], depth+1)
}

// nameLenient is nameIn for a lenient Evaluator.
func (e *Evaluator) nameLenient(r *Resource, property string, depth int) (string, error) {
	typed := e.typed
	e.typed = false
	defer func() { e.typed = typed }()
	members := map[string]*node{}
	if r.properties != nil {
		members = r.properties.members
	}
	fallback := e.defaultName(r)
	for _, fifo := range []string{"FifoQueue", "FifoTopic"} {
		if n := members[fifo]; n != nil && n.kind == scalar && strings.EqualFold(n.text, "true") {
			fallback += ".fifo"
		}
	}
	n := members[property]
	if n == nil {
		return fallback, nil
	}
	cycle := r.ID + "." + property
	if e.naming[cycle] {
		e.report(n.errorf("the %s of %s depends on itself", property, r.ID))
		return fallback, nil
	}
	e.naming[cycle] = true
	defer delete(e.naming, cycle)
	v, err := e.eval(n, depth+1)
	name, ok := AsText(v)
	if err == nil && v != nil && !ok { // nil is AWS::NoValue, say
		err = n.errorf("expected text, not %s", describe(v))
	}
	if err != nil {
		e.report(err)
	}
	return cmp.Or(name, fallback), nil
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
		if made, ok := e.madeBySAM(id); ok && attribute == "Arn" {
			return e.arnOf(&Resource{Type: "AWS::IAM::Role"}, made, depth), nil
		}
		return nil, n.errorf("there is no resource %q", shorten(id))
	}
	name, err := e.physical(r, depth)
	if err != nil {
		return nil, err
	}
	if v, ok := e.special(r, name, attribute, depth); ok {
		return e.sized(v)
	}
	switch attribute {
	case "Arn", "FunctionArn", "TopicArn", "LayerVersionArn":
		return e.named(r, name, depth)
	case "QueueName", "TopicName", "Name", "Id", "ApiId", "RoleId":
		return name, nil
	case "QueueUrl":
		return e.name(r, depth)
	}
	return id + "." + attribute, nil
}

// named returns the ARN of a resource.
func (e *Evaluator) named(r *Resource, name string, depth int) (any, error) {
	if r.Type == "AWS::Lambda::Alias" || r.Type == "AWS::Lambda::Version" {
		return e.name(r, depth)
	}
	return e.sized(e.arnOf(r, name, depth))
}

// special returns an attribute that only one type has.
func (e *Evaluator) special(r *Resource, name, attribute string, depth int) (string, bool) {
	switch r.Type + "." + attribute {
	case "AWS::ApiGatewayV2::Api.ApiEndpoint":
		return fmt.Sprintf("wss://%s.execute-api.%s.%s", name, e.Pseudo(Region), e.Pseudo("AWS::URLSuffix")), true
	case "AWS::DynamoDB::Table.StreamArn", "AWS::DynamoDB::GlobalTable.StreamArn", "AWS::Serverless::SimpleTable.StreamArn":
		return e.arnOf(r, name, depth) + "/stream/" + StreamLabel, true
	case "AWS::Serverless::Function.Alias":
		return e.arnOf(r, name, depth), true
	case "AWS::Lambda::Version.Version":
		return "1", true
	case "AWS::SecretsManager::Secret.Id":
		return e.arnOf(r, name, depth), true
	case "AWS::SSM::Parameter.Value":
		if r.properties != nil && r.properties.members["Value"] != nil {
			v, err := e.text(r.properties.members["Value"], depth+1)
			return v, err == nil
		}
	case "AWS::S3::Bucket.DomainName", "AWS::S3::Bucket.RegionalDomainName":
		return name + ".s3." + e.Pseudo(Region) + "." + e.Pseudo("AWS::URLSuffix"), true
	case "AWS::Cognito::UserPool.ProviderURL":
		return fmt.Sprintf("https://cognito-idp.%s.%s/%s_%s", e.Pseudo(Region), e.Pseudo("AWS::URLSuffix"), e.Pseudo(Region), name), true
	}
	return "", false
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
