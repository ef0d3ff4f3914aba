package terraform_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/cloudformation"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/stacktest"
)

// TestSameResources requires that a configuration has as many resources of each kind as the
// template of CloudFormation. It leaves out those that Terraform has in another way: versions of
// functions, and groups and roles of schedules, which have one each in CloudFormation.
func TestSameResources(t *testing.T) {
	t.Parallel()
	for name, s := range stacktest.Services(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			theirTemplate, err := cloudformation.Template(s.Plan(t))
			require.NoError(t, err)
			configuration := template(t, s)
			for theirs, ours := range map[string]string{
				"ApiGateway::Account":               "api_gateway_account",
				"ApiGatewayV2::Api":                 "apigatewayv2_api",
				"ApiGatewayV2::ApiMapping":          "apigatewayv2_api_mapping",
				"ApiGatewayV2::Authorizer":          "apigatewayv2_authorizer",
				"ApiGatewayV2::DomainName":          "apigatewayv2_domain_name",
				"ApiGatewayV2::Integration":         "apigatewayv2_integration",
				"ApiGatewayV2::IntegrationResponse": "apigatewayv2_integration_response",
				"ApiGatewayV2::Route":               "apigatewayv2_route",
				"ApiGatewayV2::RouteResponse":       "apigatewayv2_route_response",
				"ApiGatewayV2::Stage":               "apigatewayv2_stage",
				"CloudWatch::Alarm":                 "cloudwatch_metric_alarm",
				"CloudWatch::Dashboard":             "cloudwatch_dashboard",
				"DynamoDB::Table":                   "dynamodb_table",
				"Events::Rule":                      "cloudwatch_event_rule",
				"IoT::TopicRule":                    "iot_topic_rule",
				"Lambda::Alias":                     "lambda_alias",
				"Lambda::EventSourceMapping":        "lambda_event_source_mapping",
				"Lambda::Function":                  "lambda_function",
				"Lambda::Permission":                "lambda_permission",
				"Lambda::Url":                       "lambda_function_url",
				"Logs::LogGroup":                    "cloudwatch_log_group",
				"SNS::Subscription":                 "sns_topic_subscription",
				"SNS::Topic":                        "sns_topic",
				"SNS::TopicPolicy":                  "sns_topic_policy",
				"SQS::Queue":                        "sqs_queue",
				"Scheduler::Schedule":               "scheduler_schedule",
			} {
				require.Equal(t, count(theirTemplate, `(?m)^    Type: AWS::`+theirs+`$`), count(configuration, `(?m)^resource "aws_`+ours+`" `), theirs)
			}
			require.Equal(t, count(theirTemplate, `(?m)^    Type: (Number|String)$`)-count(theirTemplate, `(?m)^  IotEndpoint:$`),
				count(configuration, `(?m)^variable "`), "CodeBucket and CodeKey are two, as are the name and the zip file")
		})
	}
}

func count(text []byte, pattern string) int {
	return len(regexp.MustCompile(pattern).FindAll(text, -1))
}
