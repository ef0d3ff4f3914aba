package doctor_test

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	gateway "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	tables "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	functions "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/gatesock/gatesock/describe"
)

// stageDamage is damage to the stage and its deployment.
func stageDamage() map[string]damage {
	return map[string]damage{
		"no such stage": {
			func(c *cloud) { c.target.Stage = "test" }, []string{"error stage-missing test", "error variable-endpoint chat-app"},
		},
		"never deployed": {func(c *cloud) { c.stage.DeploymentId = nil }, []string{"error deployment-missing prod"}},
		"deployment deleted": {
			func(c *cloud) { c.stage.DeploymentId = aws.String("gone") }, []string{"error deployment-missing prod"},
		},
		"deployment failed": {
			func(c *cloud) { c.deployments[2].DeploymentStatus = gateway.DeploymentStatusFailed },
			[]string{"error deployment-failed prod"},
		},
		"automatic one fails": {
			func(c *cloud) { c.stage.LastDeploymentStatusMessage = aws.String("Deployment attempt failed: x") },
			[]string{"error deployment-failed prod"},
		},
		"being deployed": {
			func(c *cloud) { c.deployments[2].DeploymentStatus = gateway.DeploymentStatusPending },
			[]string{"note deployment-pending prod"},
		},
		"an older deployment": {
			func(c *cloud) { c.stage.AutoDeploy, c.stage.DeploymentId = nil, aws.String("d1") },
			[]string{"warning deployment-old prod"},
		},
		"throttled to nothing": {
			func(c *cloud) { c.stage.DefaultRouteSettings.ThrottlingBurstLimit = aws.Int32(0) },
			[]string{"error throttle-zero the default of all routes"},
		},
		"a route throttled to nothing": {func(c *cloud) {
			c.stage.RouteSettings = map[string]gateway.RouteSettings{
				"join": {ThrottlingRateLimit: aws.Float64(0)}, "say": {ThrottlingRateLimit: aws.Float64(0)},
			}
		}, []string{"error throttle-zero the route join,the route say"}},
		"no throttle": {func(c *cloud) { c.stage.DefaultRouteSettings = nil }, []string{"note throttle-unset prod"}},
		"data trace": {
			func(c *cloud) { c.stage.DefaultRouteSettings.DataTraceEnabled = aws.Bool(true) },
			[]string{"warning data-trace the default of all routes"},
		},
		"no access log": {func(c *cloud) { c.stage.AccessLogSettings = nil }, []string{"warning access-log prod"}},
	}
}

// resourceDamage is damage to tables, queues and event sources.
func resourceDamage() map[string]damage {
	return map[string]damage{
		"no such table": {func(c *cloud) { env(c, "TABLE", "gone") }, []string{"error variable-table chat-app"}},
		"table of another": {func(c *cloud) {
			c.target.Tables = []string{"chat-2"}
		}, []string{"warning variable-other chat-app"}},
		"no such queue": {func(c *cloud) { env(c, "FANOUT_QUEUE", queueURL+"2") }, []string{"error variable-queue chat-app"}},
		"table keys": {
			func(c *cloud) { c.tables[tableName].KeySchema = c.tables[tableName].KeySchema[:1] },
			[]string{"error table-keys chat"},
		},
		"table key types": {func(c *cloud) {
			c.tables[tableName].AttributeDefinitions[1].AttributeType = tables.ScalarAttributeTypeN
		}, []string{"error table-keys chat"}},
		"table archived": {
			func(c *cloud) { c.tables[tableName].TableStatus = tables.TableStatusArchived }, []string{"error table-status chat"},
		},
		"no time to live": {
			func(c *cloud) { c.ttl[tableName].TimeToLiveStatus = tables.TimeToLiveStatusDisabled }, []string{"error ttl chat"},
		},
		"other time to live": {
			func(c *cloud) { c.ttl[tableName].AttributeName = aws.String("ttl") }, []string{"error ttl chat"},
		},
		"no recovery": {
			func(c *cloud) { c.backups[tableName] = tables.PointInTimeRecoveryStatusDisabled },
			[]string{"warning recovery chat"},
		},
		"deletion protection": {
			func(c *cloud) { c.tables[tableName].DeletionProtectionEnabled = nil }, []string{"note deletion-protection chat"},
		},
		"provisioned table": {func(c *cloud) {
			c.tables[tableName].BillingModeSummary = nil
			c.tables[tableName].ProvisionedThroughput = &tables.ProvisionedThroughputDescription{
				ReadCapacityUnits: aws.Int64(5), WriteCapacityUnits: aws.Int64(5),
			}
		}, []string{"note capacity chat"}},
		"table source without a stream": {func(c *cloud) {
			c.app.Sources = append(c.app.Sources, describe.Source{Kind: "dynamodb", Name: tableName})
		}, []string{"error stream chat"}},
		"stream without a mapping": {func(c *cloud) {
			c.app.Sources = append(c.app.Sources, describe.Source{Kind: "dynamodb", Name: "*"})
			c.tables[tableName].StreamSpecification = &tables.StreamSpecification{StreamEnabled: aws.Bool(true)}
			c.tables[tableName].LatestStreamArn = aws.String("arn:aws:dynamodb:eu-central-1:123456789012:table/chat/stream/1")
		}, []string{"error mapping-missing the stream of the table chat"}},
		"no mapping": {func(c *cloud) { c.sources = nil }, []string{"error mapping-missing the queue relay"}},
		"mapping disabled": {
			func(c *cloud) { c.sources[0].State = aws.String("Disabled") }, []string{"error mapping-disabled the queue relay"},
		},
		"mapping with a problem": {
			func(c *cloud) { c.sources[0].LastProcessingResult = aws.String("PROBLEM: access") },
			[]string{"warning mapping-problem the queue relay"},
		},
		"batches": {
			func(c *cloud) { c.sources[0].BatchSize = aws.Int32(10) }, []string{"warning batch-size the queue relay"},
		},
		"no item failures": {
			func(c *cloud) { c.sources[0].FunctionResponseTypes = nil }, []string{"error item-failures the queue relay"},
		},
		"loop detection": {
			func(c *cloud) { c.recursion[app] = functions.RecursiveLoopTerminate }, []string{"warning recursion chat-app"},
		},
		"mapping of another": {func(c *cloud) {
			c.target.Functions = []string{app}
			c.sources[0].FunctionArn = aws.String(strings.Replace(appARN, app, "old", 1))
		}, []string{"warning mapping-function the queue relay"}},
		"kinesis without a mapping": {func(c *cloud) {
			c.app.Sources = append(c.app.Sources, describe.Source{Kind: "kinesis", Name: "clicks"})
		}, []string{"error mapping-missing the stream clicks"}},
		"topic without permission": {
			func(c *cloud) { c.app.Sources = append(c.app.Sources, describe.Source{Kind: "sns", Name: "news"}) },
			[]string{"error source-permission sns news"},
		},
		"event rule without permission": {func(c *cloud) {
			c.app.Sources = append(c.app.Sources, describe.Source{Kind: "eventbridge", Name: "app"})
		}, []string{"error source-permission eventbridge app"}},
		"rule of devices without permission": {func(c *cloud) {
			c.app.Sources = append(c.app.Sources, describe.Source{Kind: "iot", Name: "readings", Topic: "+/readings"})
			c.app.Needs = append(c.app.Needs, describe.Need{Kind: "iot", Variable: "IOT_ENDPOINT", Topics: []string{"+/commands"}})
		}, []string{"error variable-missing chat-app", "error source-permission iot readings"}},
		"rule of devices with permission": {func(c *cloud) {
			c.app.Sources = append(c.app.Sources, describe.Source{Kind: "iot", Name: "readings", Topic: "+/readings"})
			c.policies[app] = strings.Replace(c.policies[app], `"Statement":[`, `"Statement":[{"Effect":"Allow","Principal":{"Service":"iot.amazonaws.com"},
				"Action":"lambda:InvokeFunction","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:iot:eu-central-1:123456789012:rule/chat_ReadingsRule_1"}}},`, 1)
		}, []string{}},
		"topic with permission": {func(c *cloud) {
			c.app.Sources = append(c.app.Sources, describe.Source{Kind: "sns", Name: "news"})
			c.policies[app] = strings.Replace(c.policies[app], `"Statement":[`, `"Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},
				"Action":"lambda:InvokeFunction","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:sns:eu-central-1:123456789012:news"}}},`, 1)
		}, []string{}},
		"FIFO queue": {
			func(c *cloud) { c.queues[queueURL]["FifoQueue"] = "true" }, []string{"error queue-fifo relay"},
		},
		"short visibility": {
			func(c *cloud) { c.queues[queueURL]["VisibilityTimeout"] = "60" }, []string{"warning visibility relay"},
		},
		"shortest visibility": {
			func(c *cloud) { c.queues[queueURL]["VisibilityTimeout"] = "10" }, []string{"error visibility relay"},
		},
		"no redrive policy": {
			func(c *cloud) { delete(c.queues[queueURL], "RedrivePolicy") }, []string{"warning redrive relay"},
		},
		"dead letters": {
			func(c *cloud) { c.queues[deadURL]["ApproximateNumberOfMessages"] = "3" }, []string{"warning dead-letters relay"},
		},
		"queue of another program": {
			func(c *cloud) { c.app.Sources = append(c.app.Sources, describe.Source{Kind: "sqs", Name: "orders"}) },
			[]string{"error mapping-missing the queue orders"},
		},
		"queue of another program, in batches": {
			func(c *cloud) {
				c.app.Sources = append(c.app.Sources, describe.Source{Kind: "sqs", Name: "orders"})
				m := c.sources[0]
				m.EventSourceArn, m.BatchSize = aws.String(strings.Replace(queueARN, "relay", "orders", 1)), aws.Int32(10)
				m.FunctionResponseTypes = nil
				c.sources = append(c.sources, m)
			},
			[]string{},
		},
	}
}

// quotaDamage is what quotas of the account do not allow.
func quotaDamage() map[string]damage {
	return map[string]damage{
		"new account": {func(c *cloud) { c.limits.ConcurrentExecutions = 10 }, []string{"warning concurrency"}},
		"throttle above": {
			func(c *cloud) { c.stage.DefaultRouteSettings.ThrottlingRateLimit = aws.Float64(20000) },
			[]string{"note throttle-above-quota prod"},
		},
		"burst above": {
			func(c *cloud) { c.stage.DefaultRouteSettings.ThrottlingBurstLimit = aws.Int32(9000) },
			[]string{"note throttle-above-quota prod"},
		},
	}
}
