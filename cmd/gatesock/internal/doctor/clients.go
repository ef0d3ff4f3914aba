package doctor

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
)

// Gateway has the operations of API Gateway that an examination calls.
type Gateway interface {
	GetApi(context.Context, *apigatewayv2.GetApiInput, ...func(*apigatewayv2.Options)) (*apigatewayv2.GetApiOutput, error)
	GetApiMappings(
		context.Context, *apigatewayv2.GetApiMappingsInput, ...func(*apigatewayv2.Options),
	) (*apigatewayv2.GetApiMappingsOutput, error)
	GetAuthorizers(
		context.Context, *apigatewayv2.GetAuthorizersInput, ...func(*apigatewayv2.Options),
	) (*apigatewayv2.GetAuthorizersOutput, error)
	GetDeployments(
		context.Context, *apigatewayv2.GetDeploymentsInput, ...func(*apigatewayv2.Options),
	) (*apigatewayv2.GetDeploymentsOutput, error)
	GetIntegrationResponses(
		context.Context, *apigatewayv2.GetIntegrationResponsesInput, ...func(*apigatewayv2.Options),
	) (*apigatewayv2.GetIntegrationResponsesOutput, error)
	GetIntegrations(
		context.Context, *apigatewayv2.GetIntegrationsInput, ...func(*apigatewayv2.Options),
	) (*apigatewayv2.GetIntegrationsOutput, error)
	GetRouteResponses(
		context.Context, *apigatewayv2.GetRouteResponsesInput, ...func(*apigatewayv2.Options),
	) (*apigatewayv2.GetRouteResponsesOutput, error)
	GetRoutes(
		context.Context, *apigatewayv2.GetRoutesInput, ...func(*apigatewayv2.Options),
	) (*apigatewayv2.GetRoutesOutput, error)
	GetStage(
		context.Context, *apigatewayv2.GetStageInput, ...func(*apigatewayv2.Options),
	) (*apigatewayv2.GetStageOutput, error)
}

// Functions has the operations of Lambda that an examination calls.
type Functions interface {
	GetAccountSettings(
		context.Context, *lambda.GetAccountSettingsInput, ...func(*lambda.Options),
	) (*lambda.GetAccountSettingsOutput, error)
	GetFunctionConcurrency(
		context.Context, *lambda.GetFunctionConcurrencyInput, ...func(*lambda.Options),
	) (*lambda.GetFunctionConcurrencyOutput, error)
	GetFunctionConfiguration(
		context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options),
	) (*lambda.GetFunctionConfigurationOutput, error)
	GetFunctionRecursionConfig(
		context.Context, *lambda.GetFunctionRecursionConfigInput, ...func(*lambda.Options),
	) (*lambda.GetFunctionRecursionConfigOutput, error)
	GetPolicy(context.Context, *lambda.GetPolicyInput, ...func(*lambda.Options)) (*lambda.GetPolicyOutput, error)
	ListEventSourceMappings(
		context.Context, *lambda.ListEventSourceMappingsInput, ...func(*lambda.Options),
	) (*lambda.ListEventSourceMappingsOutput, error)
}

// Stacks has the operation of CloudFormation that finds the resources of a stack.
type Stacks interface {
	ListStackResources(
		context.Context, *cloudformation.ListStackResourcesInput, ...func(*cloudformation.Options),
	) (*cloudformation.ListStackResourcesOutput, error)
}

// Tables has the operations of DynamoDB that an examination calls.
type Tables interface {
	DescribeContinuousBackups(
		context.Context, *dynamodb.DescribeContinuousBackupsInput, ...func(*dynamodb.Options),
	) (*dynamodb.DescribeContinuousBackupsOutput, error)
	DescribeTable(
		context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options),
	) (*dynamodb.DescribeTableOutput, error)
	DescribeTimeToLive(
		context.Context, *dynamodb.DescribeTimeToLiveInput, ...func(*dynamodb.Options),
	) (*dynamodb.DescribeTimeToLiveOutput, error)
}

// Queues has the operations of SQS that an examination calls.
type Queues interface {
	GetQueueAttributes(
		context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options),
	) (*sqs.GetQueueAttributesOutput, error)
	GetQueueUrl(context.Context, *sqs.GetQueueUrlInput, ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
}

// Quotas has the operations of Service Quotas that an examination calls.
type Quotas interface {
	GetAWSDefaultServiceQuota(
		context.Context, *servicequotas.GetAWSDefaultServiceQuotaInput, ...func(*servicequotas.Options),
	) (*servicequotas.GetAWSDefaultServiceQuotaOutput, error)
	GetServiceQuota(
		context.Context, *servicequotas.GetServiceQuotaInput, ...func(*servicequotas.Options),
	) (*servicequotas.GetServiceQuotaOutput, error)
}

// Clients are the clients of an examination. Those of [NewClients] are of the AWS SDK.
type Clients struct {
	Gateway   Gateway
	Functions Functions
	Stacks    Stacks
	Tables    Tables
	Queues    Queues
	Quotas    Quotas
	// HTTP opens a WebSocket connection as a client does; nil if none shall be opened.
	HTTP *http.Client
}

// NewClients returns clients of the SDK for one region, whose answers set the clock. If the
// endpoint is not empty, all of them use it instead of those of AWS.
func NewClients(cfg aws.Config, clock *Clock, endpoint string) Clients {
	cfg = cfg.Copy()
	if endpoint != "" {
		cfg.BaseEndpoint = aws.String(endpoint)
	}
	cfg.Logger = logging.Nop{}
	cfg.APIOptions = append([]func(*middleware.Stack) error{clock.observe}, cfg.APIOptions...)
	return Clients{
		Gateway:   apigatewayv2.NewFromConfig(cfg),
		Functions: lambda.NewFromConfig(cfg),
		Stacks:    cloudformation.NewFromConfig(cfg),
		Tables:    dynamodb.NewFromConfig(cfg),
		Queues:    sqs.NewFromConfig(cfg),
		Quotas:    servicequotas.NewFromConfig(cfg),
	}
}
