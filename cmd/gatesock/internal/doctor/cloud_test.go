package doctor_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	gateway "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	stacks "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	tables "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	functions "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	quotas "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/doctor"
	"github.com/gatesock/gatesock/describe"
)

// The names of the deployment of a cloud.
const (
	region    = "eu-central-1"
	account   = "123456789012"
	apiID     = "a1b2c3d4e5"
	stageName = "prod"
	app       = "chat-app"
	tableName = "chat"
	queueURL  = "https://sqs.eu-central-1.amazonaws.com/123456789012/relay"
	deadURL   = "https://sqs.eu-central-1.amazonaws.com/123456789012/dead"
	queueARN  = "arn:aws:sqs:eu-central-1:123456789012:relay"
	deadARN   = "arn:aws:sqs:eu-central-1:123456789012:dead"
	appARN    = "arn:aws:lambda:eu-central-1:123456789012:function:chat-app"
	appURI    = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/" + appARN + "/invocations"
)

// cloud is a deployed application in memory. Its fields may be changed before it is examined.
type cloud struct {
	app    *describe.App
	target doctor.Target

	api                  *apigatewayv2.GetApiOutput
	stage                *apigatewayv2.GetStageOutput
	deployments          []gateway.Deployment
	routes               map[string]*gateway.Route
	routeResponses       map[string][]string // keys by route ID
	integrations         map[string]*gateway.Integration
	integrationResponses map[string][]gateway.IntegrationResponse
	authorizers          map[string]*gateway.Authorizer
	mappings             map[string][]gateway.ApiMapping // by domain

	functions map[string]*lambda.GetFunctionConfigurationOutput // by name, or name:qualifier
	policies  map[string]string
	reserved  map[string]int32
	recursion map[string]functions.RecursiveLoop
	sources   []functions.EventSourceMappingConfiguration
	limits    functions.AccountLimit

	tables  map[string]*tables.TableDescription
	ttl     map[string]*tables.TimeToLiveDescription
	backups map[string]tables.PointInTimeRecoveryStatus
	queues  map[string]map[string]string
	quotas  map[string]float64
	stacks  map[string][]stacks.StackResourceSummary

	fails map[string]error // by operation
	calls map[string]int
}

// policyFor returns a policy by which an API may call a function.
func policyFor(arn, source string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"s","Effect":"Allow",
		"Principal":{"Service":"apigateway.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":%q,
		"Condition":{"ArnLike":{"AWS:SourceArn":%q}}}]}`, arn, source)
}

// newCloud returns a deployment of the chat in which nothing is wrong.
func newCloud(tb testing.TB) *cloud {
	tb.Helper()
	document, err := os.ReadFile("../../../../describe/testdata/chat.json")
	require.NoError(tb, err)
	described, err := describe.Parse(document)
	require.NoError(tb, err)
	c := &cloud{
		app:    described,
		target: doctor.Target{API: apiID, Stage: stageName, Region: region},
		fails:  map[string]error{}, calls: map[string]int{},
	}
	c.deployAPI()
	c.deployFunction()
	c.deployStores()
	c.deployStack()
	return c
}

func (c *cloud) deployAPI() {
	c.api = &apigatewayv2.GetApiOutput{
		ApiId: aws.String(apiID), ProtocolType: gateway.ProtocolTypeWebsocket,
		RouteSelectionExpression:  aws.String("$request.body.action"),
		ApiEndpoint:               aws.String("wss://" + apiID + ".execute-api." + region + ".amazonaws.com"),
		ApiKeySelectionExpression: aws.String("$request.header.x-api-key"),
	}
	c.stage = &apigatewayv2.GetStageOutput{
		StageName: aws.String(stageName), DeploymentId: aws.String("d2"), AutoDeploy: aws.Bool(true),
		LastDeploymentStatusMessage: aws.String("Successfully deployed stage with deployment ID 'd2'"),
		AccessLogSettings: &gateway.AccessLogSettings{
			DestinationArn: aws.String("arn:x"), Format: aws.String("{}"),
		},
		DefaultRouteSettings: &gateway.RouteSettings{
			ThrottlingRateLimit: aws.Float64(500), ThrottlingBurstLimit: aws.Int32(200), DataTraceEnabled: aws.Bool(false),
		},
	}
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for i, id := range []string{"d0", "d1", "d2"} {
		c.deployments = append(c.deployments, gateway.Deployment{
			DeploymentId: aws.String(id), CreatedDate: aws.Time(begin.Add(time.Duration(i) * time.Hour)),
			DeploymentStatus: gateway.DeploymentStatusDeployed,
		})
	}
	c.integrations = map[string]*gateway.Integration{
		"proxy": {
			IntegrationId: aws.String("proxy"), IntegrationType: gateway.IntegrationTypeAwsProxy, IntegrationMethod: aws.String("POST"),
			IntegrationUri: aws.String(appURI), TimeoutInMillis: aws.Int32(29000),
		},
		"mock": {
			IntegrationId: aws.String("mock"), IntegrationType: gateway.IntegrationTypeMock,
			TemplateSelectionExpression: aws.String("200"), RequestTemplates: map[string]string{"200": `{"statusCode":200}`},
		},
	}
	c.integrationResponses = map[string][]gateway.IntegrationResponse{"mock": {{
		IntegrationResponseKey: aws.String("$default"), TemplateSelectionExpression: aws.String("200"),
		ResponseTemplates: map[string]string{"200": `{"action": "keepalive", "data": null}`},
	}}}
	c.authorizers = map[string]*gateway.Authorizer{"auth": {
		AuthorizerId: aws.String("auth"), AuthorizerType: gateway.AuthorizerTypeRequest, AuthorizerUri: aws.String(appURI),
	}}
	c.routes, c.routeResponses = map[string]*gateway.Route{}, map[string][]string{}
	for _, r := range c.app.Routes {
		id := "route-" + r.Key
		route := &gateway.Route{RouteKey: aws.String(r.Key), RouteId: &id, Target: aws.String("integrations/proxy")}
		if r.Answer == describe.AnswerMock {
			route.Target = aws.String("integrations/mock")
		}
		if r.NeedsResponse() {
			route.RouteResponseSelectionExpression = aws.String("$default")
			c.routeResponses[id] = []string{"$default"}
		}
		c.routes[r.Key] = route
	}
	c.routes["$connect"].AuthorizationType, c.routes["$connect"].AuthorizerId = gateway.AuthorizationTypeCustom, aws.String("auth")
}

func (c *cloud) deployFunction() {
	c.functions = map[string]*lambda.GetFunctionConfigurationOutput{app: {
		FunctionName: aws.String(app), FunctionArn: aws.String(appARN), CodeSha256: aws.String("sum"),
		Runtime: functions.RuntimeProvidedal2023, Architectures: []functions.Architecture{functions.ArchitectureArm64},
		PackageType: functions.PackageTypeZip, State: functions.StateActive,
		LastUpdateStatus: functions.LastUpdateStatusSuccessful,
		MemorySize:       aws.Int32(512), Timeout: aws.Int32(29),
		Environment: &functions.EnvironmentResponse{Variables: map[string]string{
			"AUDIENCE": "chat", "ISSUER": "https://issuer.example.com", "TABLE": tableName, "FANOUT_QUEUE": queueURL,
			"GATEWAY_ENDPOINT": "https://" + apiID + ".execute-api." + region + ".amazonaws.com/" + stageName,
		}},
	}}
	c.policies = map[string]string{app: policyFor(appARN, "arn:aws:execute-api:"+region+":"+account+":"+apiID+"/*")}
	c.reserved, c.recursion = map[string]int32{app: 100}, map[string]functions.RecursiveLoop{
		app: functions.RecursiveLoopAllow,
	}
	c.sources = []functions.EventSourceMappingConfiguration{{
		UUID: aws.String("u1"), EventSourceArn: aws.String(queueARN), FunctionArn: aws.String(appARN), State: aws.String("Enabled"),
		BatchSize: aws.Int32(1), FunctionResponseTypes: []functions.FunctionResponseType{
			functions.FunctionResponseTypeReportBatchItemFailures,
		},
		LastProcessingResult: aws.String("No records processed"),
	}}
	c.limits = functions.AccountLimit{ConcurrentExecutions: 1000, UnreservedConcurrentExecutions: aws.Int32(900)}
	c.quotas = map[string]float64{"L-8A5B8E43": 10000, "L-9ED1E49A": 500, "default L-CDF5615A": 5000}
}

func (c *cloud) deployStores() {
	c.tables = map[string]*tables.TableDescription{tableName: {
		TableName: aws.String(tableName), TableStatus: tables.TableStatusActive, DeletionProtectionEnabled: aws.Bool(true),
		BillingModeSummary: &tables.BillingModeSummary{BillingMode: tables.BillingModePayPerRequest},
		KeySchema: []tables.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: tables.KeyTypeHash}, {
				AttributeName: aws.String("sk"), KeyType: tables.KeyTypeRange,
			},
		},
		AttributeDefinitions: []tables.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: tables.ScalarAttributeTypeS},
			{AttributeName: aws.String("sk"), AttributeType: tables.ScalarAttributeTypeS},
		},
	}}
	c.ttl = map[string]*tables.TimeToLiveDescription{tableName: {
		AttributeName: aws.String("exp"), TimeToLiveStatus: tables.TimeToLiveStatusEnabled,
	}}
	c.backups = map[string]tables.PointInTimeRecoveryStatus{tableName: tables.PointInTimeRecoveryStatusEnabled}
	c.queues = map[string]map[string]string{
		queueURL: {
			"QueueArn": queueARN, "VisibilityTimeout": "174",
			"RedrivePolicy": `{"deadLetterTargetArn":"` + deadARN + `","maxReceiveCount":5}`,
		},
		deadURL: {"QueueArn": deadARN, "ApproximateNumberOfMessages": "0"},
	}
}

// resource returns a resource of a stack.
func resource(kind, logical, physical string) stacks.StackResourceSummary {
	return stacks.StackResourceSummary{
		ResourceType: &kind, LogicalResourceId: &logical, PhysicalResourceId: &physical,
		ResourceStatus:       stacks.ResourceStatusCreateComplete,
		LastUpdatedTimestamp: aws.Time(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)),
	}
}

const nestedStack = "arn:aws:cloudformation:eu-central-1:123456789012:stack/chat-data/1"

func (c *cloud) deployStack() {
	c.stacks = map[string][]stacks.StackResourceSummary{
		"chat": {
			resource("AWS::ApiGatewayV2::Api", "Api", apiID),
			resource("AWS::ApiGatewayV2::Stage", "Stage", stageName),
			resource("AWS::ApiGatewayV2::Route", "JoinRoute", "route-join"),
			resource("AWS::Lambda::Function", "AppFunction", app),
			resource("AWS::CloudFormation::Stack", "Data", nestedStack),
			resource("AWS::Logs::LogGroup", "Log", "/aws/lambda/chat-app"),
		},
		nestedStack: {
			resource("AWS::DynamoDB::Table", "Table", tableName),
			resource("AWS::SQS::Queue", "Relay", queueURL),
			resource("AWS::SQS::Queue", "DeadLetters", deadURL),
		},
	}
}

// clients returns the clients of the cloud.
func (c *cloud) clients() doctor.Clients {
	return doctor.Clients{Gateway: c, Functions: c, Stacks: c, Tables: c, Queues: c, Quotas: c}
}

// exact returns a clock that agrees with AWS.
func exact() *doctor.Clock {
	now := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	return doctor.NewClock(func() time.Time { return now })
}

// examine examines the cloud.
func (c *cloud) examine(tb testing.TB) *doctor.Report {
	tb.Helper()
	report, err := doctor.Examine(tb.Context(), c.clients(), exact(), c.target, c.app)
	require.NoError(tb, err)
	return report
}

// answer counts a call, and returns the error that the test wants.
func (c *cloud) answer(operation string) error {
	c.calls[operation]++
	return c.fails[operation]
}

// failure is an error of AWS.
func failure(code string) error {
	return &smithy.GenericAPIError{Code: code, Message: "the message of " + code}
}

// pageOf returns the item that a token names: the pages of a cloud have one item.
func pageOf[T any](all []T, token *string) ([]T, *string) {
	at, _ := strconv.Atoi(aws.ToString(token))
	if at >= len(all) {
		return nil, nil
	}
	if at+1 == len(all) {
		return all[at:], nil
	}
	return all[at : at+1], aws.String(strconv.Itoa(at + 1))
}

// sorted returns the values of a map in the order of its keys.
func sorted[T any](m map[string]*T) []T {
	var all []T
	for _, key := range slices.Sorted(maps.Keys(m)) {
		all = append(all, *m[key])
	}
	return all
}

func (c *cloud) GetApi( //nolint:revive // a name of the SDK
	_ context.Context, in *apigatewayv2.GetApiInput, _ ...func(*apigatewayv2.Options),
) (*apigatewayv2.GetApiOutput, error) {
	if err := c.answer("GetApi"); err != nil {
		return nil, err
	}
	if c.api == nil || *in.ApiId != *c.api.ApiId {
		return nil, failure("NotFoundException")
	}
	return c.api, nil
}

func (c *cloud) GetStage(
	_ context.Context, in *apigatewayv2.GetStageInput, _ ...func(*apigatewayv2.Options),
) (*apigatewayv2.GetStageOutput, error) {
	if err := c.answer("GetStage"); err != nil {
		return nil, err
	}
	if c.stage == nil || *in.StageName != *c.stage.StageName {
		return nil, failure("NotFoundException")
	}
	return c.stage, nil
}

func (c *cloud) GetDeployments(
	_ context.Context, in *apigatewayv2.GetDeploymentsInput, _ ...func(*apigatewayv2.Options),
) (*apigatewayv2.GetDeploymentsOutput, error) {
	items, next := pageOf(c.deployments, in.NextToken)
	return &apigatewayv2.GetDeploymentsOutput{Items: items, NextToken: next}, c.answer("GetDeployments")
}

func (c *cloud) GetRoutes(
	_ context.Context, in *apigatewayv2.GetRoutesInput, _ ...func(*apigatewayv2.Options),
) (*apigatewayv2.GetRoutesOutput, error) {
	items, next := pageOf(sorted(c.routes), in.NextToken)
	return &apigatewayv2.GetRoutesOutput{Items: items, NextToken: next}, c.answer("GetRoutes")
}

func (c *cloud) GetRouteResponses(
	_ context.Context, in *apigatewayv2.GetRouteResponsesInput, _ ...func(*apigatewayv2.Options),
) (*apigatewayv2.GetRouteResponsesOutput, error) {
	keys, next := pageOf(c.routeResponses[*in.RouteId], in.NextToken)
	out := &apigatewayv2.GetRouteResponsesOutput{NextToken: next}
	for _, key := range keys {
		out.Items = append(out.Items, gateway.RouteResponse{RouteResponseKey: &key})
	}
	return out, c.answer("GetRouteResponses")
}

func (c *cloud) GetIntegrations(
	_ context.Context, in *apigatewayv2.GetIntegrationsInput, _ ...func(*apigatewayv2.Options),
) (*apigatewayv2.GetIntegrationsOutput, error) {
	items, next := pageOf(sorted(c.integrations), in.NextToken)
	return &apigatewayv2.GetIntegrationsOutput{Items: items, NextToken: next}, c.answer("GetIntegrations")
}

func (c *cloud) GetIntegrationResponses(
	_ context.Context, in *apigatewayv2.GetIntegrationResponsesInput, _ ...func(*apigatewayv2.Options),
) (*apigatewayv2.GetIntegrationResponsesOutput, error) {
	items, next := pageOf(c.integrationResponses[*in.IntegrationId], in.NextToken)
	return &apigatewayv2.GetIntegrationResponsesOutput{Items: items, NextToken: next}, c.answer("GetIntegrationResponses")
}

func (c *cloud) GetAuthorizers(
	_ context.Context, in *apigatewayv2.GetAuthorizersInput, _ ...func(*apigatewayv2.Options),
) (*apigatewayv2.GetAuthorizersOutput, error) {
	items, next := pageOf(sorted(c.authorizers), in.NextToken)
	return &apigatewayv2.GetAuthorizersOutput{Items: items, NextToken: next}, c.answer("GetAuthorizers")
}

func (c *cloud) GetApiMappings( //nolint:revive // a name of the SDK
	_ context.Context, in *apigatewayv2.GetApiMappingsInput, _ ...func(*apigatewayv2.Options),
) (*apigatewayv2.GetApiMappingsOutput, error) {
	all, ok := c.mappings[*in.DomainName]
	if !ok {
		return nil, failure("NotFoundException")
	}
	items, next := pageOf(all, in.NextToken)
	return &apigatewayv2.GetApiMappingsOutput{Items: items, NextToken: next}, c.answer("GetApiMappings")
}

// qualified returns the name of a function with its qualifier.
func qualified(name, qualifier *string) string {
	if qualifier == nil {
		return *name
	}
	return *name + ":" + *qualifier
}

func (c *cloud) GetFunctionConfiguration(
	_ context.Context, in *lambda.GetFunctionConfigurationInput, _ ...func(*lambda.Options),
) (*lambda.GetFunctionConfigurationOutput, error) {
	if err := c.answer("GetFunctionConfiguration"); err != nil {
		return nil, err
	}
	if f := c.functions[qualified(in.FunctionName, in.Qualifier)]; f != nil {
		return f, nil
	}
	return nil, failure("ResourceNotFoundException")
}

func (c *cloud) GetPolicy(
	_ context.Context, in *lambda.GetPolicyInput, _ ...func(*lambda.Options),
) (*lambda.GetPolicyOutput, error) {
	if err := c.answer("GetPolicy"); err != nil {
		return nil, err
	}
	if p := c.policies[qualified(in.FunctionName, in.Qualifier)]; p != "" {
		return &lambda.GetPolicyOutput{Policy: &p}, nil
	}
	return nil, failure("ResourceNotFoundException")
}

func (c *cloud) GetFunctionConcurrency(
	_ context.Context, in *lambda.GetFunctionConcurrencyInput, _ ...func(*lambda.Options),
) (*lambda.GetFunctionConcurrencyOutput, error) {
	out := new(lambda.GetFunctionConcurrencyOutput)
	if n, ok := c.reserved[*in.FunctionName]; ok {
		out.ReservedConcurrentExecutions = &n
	}
	return out, c.answer("GetFunctionConcurrency")
}

func (c *cloud) GetFunctionRecursionConfig(
	_ context.Context, in *lambda.GetFunctionRecursionConfigInput, _ ...func(*lambda.Options),
) (*lambda.GetFunctionRecursionConfigOutput, error) {
	return &lambda.GetFunctionRecursionConfigOutput{
		RecursiveLoop: c.recursion[*in.FunctionName],
	}, c.answer("GetFunctionRecursionConfig")
}

func (c *cloud) ListEventSourceMappings(
	_ context.Context, in *lambda.ListEventSourceMappingsInput, _ ...func(*lambda.Options),
) (*lambda.ListEventSourceMappingsOutput, error) {
	var all []functions.EventSourceMappingConfiguration
	for _, m := range c.sources {
		if *m.EventSourceArn == *in.EventSourceArn {
			all = append(all, m)
		}
	}
	items, next := pageOf(all, in.Marker)
	return &lambda.ListEventSourceMappingsOutput{
		EventSourceMappings: items, NextMarker: next,
	}, c.answer("ListEventSourceMappings")
}

func (c *cloud) GetAccountSettings(
	context.Context, *lambda.GetAccountSettingsInput, ...func(*lambda.Options),
) (*lambda.GetAccountSettingsOutput, error) {
	return &lambda.GetAccountSettingsOutput{AccountLimit: &c.limits}, c.answer("GetAccountSettings")
}

func (c *cloud) DescribeTable(
	_ context.Context, in *dynamodb.DescribeTableInput, _ ...func(*dynamodb.Options),
) (*dynamodb.DescribeTableOutput, error) {
	if err := c.answer("DescribeTable"); err != nil {
		return nil, err
	}
	if t := c.tables[*in.TableName]; t != nil {
		return &dynamodb.DescribeTableOutput{Table: t}, nil
	}
	return nil, failure("ResourceNotFoundException")
}

func (c *cloud) DescribeTimeToLive(
	_ context.Context, in *dynamodb.DescribeTimeToLiveInput, _ ...func(*dynamodb.Options),
) (*dynamodb.DescribeTimeToLiveOutput, error) {
	return &dynamodb.DescribeTimeToLiveOutput{TimeToLiveDescription: c.ttl[*in.TableName]}, c.answer("DescribeTimeToLive")
}

func (c *cloud) DescribeContinuousBackups(
	_ context.Context, in *dynamodb.DescribeContinuousBackupsInput, _ ...func(*dynamodb.Options),
) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	return &dynamodb.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: &tables.ContinuousBackupsDescription{
		PointInTimeRecoveryDescription: &tables.PointInTimeRecoveryDescription{
			PointInTimeRecoveryStatus: c.backups[*in.TableName],
		},
	}}, c.answer("DescribeContinuousBackups")
}

func (c *cloud) GetQueueAttributes(
	_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	if err := c.answer("GetQueueAttributes"); err != nil {
		return nil, err
	}
	if q := c.queues[*in.QueueUrl]; q != nil {
		return &sqs.GetQueueAttributesOutput{Attributes: q}, nil
	}
	return nil, failure("AWS.SimpleQueueService.NonExistentQueue")
}

func (c *cloud) GetQueueUrl( //nolint:revive // a name of the SDK
	_ context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueUrlOutput, error) {
	for url, q := range c.queues {
		if q["QueueArn"] == "arn:aws:sqs:"+region+":"+*in.QueueOwnerAWSAccountId+":"+*in.QueueName {
			return &sqs.GetQueueUrlOutput{QueueUrl: &url}, c.answer("GetQueueUrl")
		}
	}
	return nil, failure("AWS.SimpleQueueService.NonExistentQueue")
}

func (c *cloud) GetServiceQuota(
	_ context.Context, in *servicequotas.GetServiceQuotaInput, _ ...func(*servicequotas.Options),
) (*servicequotas.GetServiceQuotaOutput, error) {
	if err := c.answer("GetServiceQuota"); err != nil {
		return nil, err
	}
	if v, ok := c.quotas[*in.QuotaCode]; ok {
		return &servicequotas.GetServiceQuotaOutput{Quota: &quotas.ServiceQuota{Value: &v}}, nil
	}
	return nil, failure("NoSuchResourceException")
}

func (c *cloud) GetAWSDefaultServiceQuota(
	_ context.Context, in *servicequotas.GetAWSDefaultServiceQuotaInput, _ ...func(*servicequotas.Options),
) (*servicequotas.GetAWSDefaultServiceQuotaOutput, error) {
	if v, ok := c.quotas["default "+*in.QuotaCode]; ok {
		return &servicequotas.GetAWSDefaultServiceQuotaOutput{
			Quota: &quotas.ServiceQuota{Value: &v},
		}, c.answer("GetAWSDefaultServiceQuota")
	}
	return nil, failure("NoSuchResourceException")
}

func (c *cloud) ListStackResources(
	_ context.Context, in *cloudformation.ListStackResourcesInput, _ ...func(*cloudformation.Options),
) (*cloudformation.ListStackResourcesOutput, error) {
	if err := c.answer("ListStackResources"); err != nil {
		return nil, err
	}
	all, ok := c.stacks[*in.StackName]
	if !ok {
		return nil, &smithy.GenericAPIError{
			Code: "ValidationError", Message: "Stack with id " + *in.StackName + " does not exist",
		}
	}
	items, next := pageOf(all, in.NextToken)
	return &cloudformation.ListStackResourcesOutput{StackResourceSummaries: items, NextToken: next}, nil
}
