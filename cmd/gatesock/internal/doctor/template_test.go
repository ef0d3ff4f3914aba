package doctor_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	gateway "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	tables "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	functions "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestTemplates deploys what gatesock template makes, as far as an examination looks at it: nothing
// is wrong with it.
func TestTemplates(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"chat", "split"} {
		for _, provisioned := range []string{"0", "2"} {
			t.Run(name+" "+provisioned, func(t *testing.T) {
				t.Parallel()
				text, err := os.ReadFile("../stack/cloudformation/testdata/" + name + ".cloudformation.yaml")
				require.NoError(t, err)
				s := &stack{t: t, parameters: map[string]string{
					"Audience": "chat", "Issuer": "https://issuer.example.com", "AppProvisionedConcurrency": provisioned,
				}}
				require.NoError(t, yaml.Unmarshal(text, &s.template))
				c := newCloud(t)
				s.deploy(c)
				c.target.Functions = s.names("AWS::Lambda::Function")
				require.Equal(t, []string{"note deletion-protection Table"}, short(c.examine(t)))
			})
		}
	}
}

// stack is a template whose resources have their logical names as names.
type stack struct {
	t          *testing.T
	parameters map[string]string
	template   struct {
		Parameters map[string]struct {
			Default string `yaml:"Default"`
		} `yaml:"Parameters"`
		Conditions map[string]yaml.Node `yaml:"Conditions"`
		Resources  map[string]struct {
			Type       string    `yaml:"Type"`
			Condition  string    `yaml:"Condition"`
			Properties yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
}

// names returns the resources of a type.
func (s *stack) names(kind string) (all []string) {
	for name, r := range s.template.Resources {
		if r.Type == kind && (r.Condition == "" || s.holds(r.Condition)) {
			all = append(all, name)
		}
	}
	return all
}

// of returns the properties of the resources of a type, by their names.
func (s *stack) of(kind string) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, name := range s.names(kind) {
		properties := s.template.Resources[name].Properties
		all[name], _ = s.value(&properties).(map[string]any)
	}
	return all
}

func (s *stack) holds(condition string) bool {
	node := s.template.Conditions[condition]
	return s.value(&node) == true
}

// value evaluates a node.
func (s *stack) value(n *yaml.Node) any {
	var list []any
	if n.Kind == yaml.SequenceNode && n.Tag != "!If" {
		for _, item := range n.Content {
			list = append(list, s.value(item))
		}
	}
	switch n.Tag {
	case "!Ref":
		return s.ref(n.Value)
	case "!GetAtt":
		return s.attribute(n.Value)
	case "!Equals":
		return list[0] == list[1]
	case "!Not":
		return list[0] != true
	case "!If":
		if s.holds(n.Content[0].Value) {
			return s.value(n.Content[1])
		}
		return s.value(n.Content[2])
	case "!Sub":
		if n.Kind == yaml.SequenceNode {
			return s.substitute(n.Content[0].Value, list[1].(map[string]any))
		}
		return s.substitute(n.Value, nil)
	case "!!bool":
		return n.Value == "true"
	}
	switch n.Kind {
	case yaml.SequenceNode:
		return list
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = s.value(n.Content[i+1])
		}
		return m
	default:
		return n.Value
	}
}

// ref returns the value of a parameter, or what identifies a resource.
func (s *stack) ref(name string) any {
	pseudo := map[string]string{
		"AWS::Region": region, "AWS::AccountId": account, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com", "AWS::StackName": "chat",
	}
	if value, ok := pseudo[name]; ok {
		return value
	}
	if name == "AWS::NoValue" {
		return nil
	}
	if p, ok := s.template.Parameters[name]; ok {
		if value, ok := s.parameters[name]; ok {
			return value
		}
		return p.Default
	}
	r, ok := s.template.Resources[name]
	require.True(s.t, ok, name)
	switch r.Type {
	case "AWS::ApiGatewayV2::Api":
		return apiID
	case "AWS::SQS::Queue":
		return "https://sqs." + region + ".amazonaws.com/" + account + "/" + name
	case "AWS::Lambda::Alias":
		properties := s.value(&r.Properties).(map[string]any)
		return fmt.Sprintf(
			"arn:aws:lambda:%s:%s:function:%s:%s", region, account, properties["FunctionName"], properties["Name"],
		)
	}
	return name
}

func (s *stack) attribute(name string) string {
	name, _, _ = strings.Cut(name, ".")
	switch s.template.Resources[name].Type {
	case "AWS::Lambda::Function":
		return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", region, account, name)
	case "AWS::SQS::Queue":
		return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", region, account, name)
	}
	return "arn:aws:other:" + name
}

func (s *stack) substitute(text string, own map[string]any) string {
	return regexp.MustCompile(`\$\{[A-Za-z0-9:.]+\}`).ReplaceAllStringFunc(text, func(match string) string {
		name := strings.Trim(match, "${}")
		if value, ok := own[name]; ok {
			return fmt.Sprint(value)
		}
		if strings.Contains(name, ".") {
			return s.attribute(name)
		}
		return fmt.Sprint(s.ref(name))
	})
}

// text and number return a property, nil if it is not set.
func text(properties map[string]any, name string) *string {
	if v, ok := properties[name]; ok {
		return aws.String(fmt.Sprint(v))
	}
	return nil
}

func number(properties map[string]any, name string) *int32 {
	if v := text(properties, name); v != nil {
		n, _ := strconv.Atoi(*v)
		return aws.Int32(int32(n))
	}
	return nil
}

// strings of a list or a map.
func list[T ~string](v any) (all []T) {
	items, _ := v.([]any)
	for _, item := range items {
		all = append(all, T(fmt.Sprint(item)))
	}
	return all
}

func texts(v any) map[string]string {
	all := map[string]string{}
	items, _ := v.(map[string]any)
	for name, item := range items {
		all[name] = fmt.Sprint(item)
	}
	return all
}

// deploy replaces what a cloud has by the resources of the stack.
func (s *stack) deploy(c *cloud) {
	for _, p := range s.of("AWS::ApiGatewayV2::Api") {
		c.api.RouteSelectionExpression = text(p, "RouteSelectionExpression")
	}
	for _, p := range s.of("AWS::ApiGatewayV2::Stage") {
		c.stage = s.stage(p)
	}
	s.deployRoutes(c)
	s.deployFunctions(c)
	c.tables, c.ttl = map[string]*tables.TableDescription{}, map[string]*tables.TimeToLiveDescription{}
	for name, p := range s.of("AWS::DynamoDB::Table") {
		c.tables[name] = describedTable(p)
		ttl := p["TimeToLiveSpecification"].(map[string]any)
		c.ttl[name] = &tables.TimeToLiveDescription{
			AttributeName: text(ttl, "AttributeName"), TimeToLiveStatus: tables.TimeToLiveStatusEnabled,
		}
		if p["PointInTimeRecoverySpecification"].(map[string]any)["PointInTimeRecoveryEnabled"] == true {
			c.backups[name] = tables.PointInTimeRecoveryStatusEnabled
		}
	}
	c.queues = map[string]map[string]string{}
	for name, p := range s.of("AWS::SQS::Queue") {
		q := map[string]string{"QueueArn": s.attribute(name), "ApproximateNumberOfMessages": "0", "VisibilityTimeout": "30"}
		if v := text(p, "VisibilityTimeout"); v != nil {
			q["VisibilityTimeout"] = *v
		}
		if redrive, ok := p["RedrivePolicy"].(map[string]any); ok {
			q["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q}`, redrive["deadLetterTargetArn"])
		}
		c.queues[s.ref(name).(string)] = q
	}
}

func (s *stack) stage(p map[string]any) *apigatewayv2.GetStageOutput {
	throttle, logs := p["DefaultRouteSettings"].(map[string]any), p["AccessLogSettings"].(map[string]any)
	rate, err := strconv.ParseFloat(fmt.Sprint(throttle["ThrottlingRateLimit"]), 64)
	require.NoError(s.t, err)
	return &apigatewayv2.GetStageOutput{
		StageName: text(p, "StageName"), AutoDeploy: aws.Bool(p["AutoDeploy"] == true), DeploymentId: aws.String("d2"),
		DefaultRouteSettings: &gateway.RouteSettings{
			ThrottlingRateLimit: &rate, ThrottlingBurstLimit: number(throttle, "ThrottlingBurstLimit"),
		},
		AccessLogSettings: &gateway.AccessLogSettings{
			DestinationArn: text(logs, "DestinationArn"), Format: text(logs, "Format"),
		},
	}
}

func (s *stack) deployRoutes(c *cloud) {
	c.routes, c.routeResponses = map[string]*gateway.Route{}, map[string][]string{}
	for name, p := range s.of("AWS::ApiGatewayV2::Route") {
		c.routes[*text(p, "RouteKey")] = &gateway.Route{
			RouteId: &name, RouteKey: text(p, "RouteKey"), Target: text(p, "Target"), AuthorizerId: text(p, "AuthorizerId"),
			AuthorizationType:                gateway.AuthorizationType(aws.ToString(text(p, "AuthorizationType"))),
			RouteResponseSelectionExpression: text(p, "RouteResponseSelectionExpression"),
		}
	}
	for _, p := range s.of("AWS::ApiGatewayV2::RouteResponse") {
		id := *text(p, "RouteId")
		c.routeResponses[id] = append(c.routeResponses[id], *text(p, "RouteResponseKey"))
	}
	c.integrations, c.integrationResponses = map[string]*gateway.Integration{}, map[string][]gateway.IntegrationResponse{}
	for name, p := range s.of("AWS::ApiGatewayV2::Integration") {
		c.integrations[name] = &gateway.Integration{
			IntegrationId: &name, IntegrationType: gateway.IntegrationType(*text(p, "IntegrationType")),
			IntegrationUri: text(p, "IntegrationUri"), IntegrationMethod: text(p, "IntegrationMethod"),
			TemplateSelectionExpression: text(p, "TemplateSelectionExpression"), RequestTemplates: texts(p["RequestTemplates"]),
			TimeoutInMillis: number(p, "TimeoutInMillis"),
		}
	}
	for _, p := range s.of("AWS::ApiGatewayV2::IntegrationResponse") {
		id := *text(p, "IntegrationId")
		c.integrationResponses[id] = append(c.integrationResponses[id], gateway.IntegrationResponse{
			IntegrationResponseKey: text(p, "IntegrationResponseKey"), ResponseTemplates: texts(p["ResponseTemplates"]),
		})
	}
	c.authorizers = map[string]*gateway.Authorizer{}
	for name, p := range s.of("AWS::ApiGatewayV2::Authorizer") {
		c.authorizers[name] = &gateway.Authorizer{
			AuthorizerId: &name, AuthorizerType: gateway.AuthorizerType(*text(p, "AuthorizerType")),
			AuthorizerUri: text(p, "AuthorizerUri"), IdentitySource: list[string](p["IdentitySource"]),
		}
	}
}

func (s *stack) deployFunctions(c *cloud) {
	c.functions, c.reserved = map[string]*lambda.GetFunctionConfigurationOutput{}, map[string]int32{}
	c.policies, c.recursion = map[string]string{}, map[string]functions.RecursiveLoop{}
	for name, p := range s.of("AWS::Lambda::Function") {
		c.functions[name] = &lambda.GetFunctionConfigurationOutput{
			FunctionName: &name, FunctionArn: aws.String(s.attribute(name)), CodeSha256: aws.String("sum"),
			Runtime: functions.Runtime(*text(p, "Runtime")), Architectures: list[functions.Architecture](p["Architectures"]),
			MemorySize: number(p, "MemorySize"), Timeout: number(p, "Timeout"),
			Environment: &functions.EnvironmentResponse{Variables: texts(p["Environment"].(map[string]any)["Variables"])},
		}
		c.recursion[name] = functions.RecursiveLoop(aws.ToString(text(p, "RecursiveLoop")))
	}
	for name := range s.of("AWS::Lambda::Alias") {
		alias := strings.Split(s.ref(name).(string), ":function:")[1]
		function, _, _ := strings.Cut(alias, ":")
		c.functions[alias] = c.functions[function]
	}
	statements := map[string][]string{}
	for _, p := range s.of("AWS::Lambda::Permission") {
		name := *text(p, "FunctionName")
		if _, of, ok := strings.Cut(name, ":function:"); ok {
			name = of
		}
		statements[name] = append(statements[name], fmt.Sprintf(`{"Effect":"Allow","Principal":{"Service":%q},"Action":%q,
			"Condition":{"ArnLike":{"AWS:SourceArn":%q}}}`, p["Principal"], p["Action"], p["SourceArn"]))
	}
	for name, all := range statements {
		c.policies[name] = `{"Statement":[` + strings.Join(all, ",") + `]}`
	}
	c.sources = nil
	for name, p := range s.of("AWS::Lambda::EventSourceMapping") {
		c.sources = append(c.sources, functions.EventSourceMappingConfiguration{
			UUID: &name, EventSourceArn: text(p, "EventSourceArn"), FunctionArn: aws.String(
				s.attribute(*text(p, "FunctionName")),
			),
			State: aws.String("Enabled"), BatchSize: number(p, "BatchSize"),
			FunctionResponseTypes: list[functions.FunctionResponseType](p["FunctionResponseTypes"]),
		})
	}
}

func describedTable(p map[string]any) *tables.TableDescription {
	t := &tables.TableDescription{
		TableStatus:        tables.TableStatusActive,
		BillingModeSummary: &tables.BillingModeSummary{BillingMode: tables.BillingMode(*text(p, "BillingMode"))},
	}
	for _, a := range p["AttributeDefinitions"].([]any) {
		a := a.(map[string]any)
		t.AttributeDefinitions = append(t.AttributeDefinitions, tables.AttributeDefinition{
			AttributeName: text(a, "AttributeName"), AttributeType: tables.ScalarAttributeType(*text(a, "AttributeType")),
		})
	}
	for _, k := range p["KeySchema"].([]any) {
		k := k.(map[string]any)
		t.KeySchema = append(t.KeySchema, tables.KeySchemaElement{
			AttributeName: text(k, "AttributeName"), KeyType: tables.KeyType(*text(k, "KeyType")),
		})
	}
	return t
}
