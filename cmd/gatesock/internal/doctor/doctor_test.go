package doctor_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	gateway "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	tables "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	functions "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/doctor"
	"github.com/gatesock/gatesock/describe"
)

// short returns the level, check and subjects of each finding.
func short(r *doctor.Report) []string {
	all := []string{}
	for _, f := range r.Findings {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Level, f.Check, strings.Join(f.Subjects, ","))))
	}
	return all
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	report := c.examine(t)
	require.Empty(t, report.Findings)
	require.Equal(t, []string{app}, report.Functions)
	require.Equal(t, []string{tableName}, report.Tables)
	require.Equal(t, []string{queueURL}, report.Queues)
	require.Equal(t, []string{
		"quota: 1000 concurrent invocations, 900 of them not reserved",
		"quota: 10000 requests per second of all APIs with their @connections calls",
		"quota: 5000 requests in a burst",
		"quota: 500 new WebSocket connections per second",
	}, report.Facts)
	require.Len(t, report.NotChecked, 3)
	require.Equal(t, 9, c.calls["GetRoutes"], "one call for each page")
	require.Equal(t, 1, c.calls["GetFunctionConfiguration"], "a function is read once")
}

// env changes variables of the function.
func env(c *cloud, name, value string) { c.functions[app].Environment.Variables[name] = value }

// TestBreaks breaks a deployment in one way at a time.
func TestBreaks(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]struct {
		break_ func(c *cloud) //nolint:revive // break is a keyword
		want   []string
	}{
		"no such API": {func(c *cloud) { c.target.API = "other" }, []string{"error api-missing other"}},
		"an HTTP API": {
			func(c *cloud) { c.api.ProtocolType = gateway.ProtocolTypeHttp }, []string{"error api-protocol " + apiID},
		},
		"another selection": {
			func(c *cloud) { c.api.RouteSelectionExpression = aws.String("$request.body.type") },
			[]string{"error route-selection"},
		},
		"selection with braces": {
			func(c *cloud) { c.api.RouteSelectionExpression = aws.String("${request.body.action}") }, []string{},
		},
		"routes missing": {
			func(c *cloud) { delete(c.routes, "join"); delete(c.routes, "say") }, []string{"warning route-missing join,say"},
		},
		"$connect missing": {func(c *cloud) { delete(c.routes, "$connect") }, []string{"error route-missing $connect"}},
		"$disconnect missing": {
			func(c *cloud) { delete(c.routes, "$disconnect") }, []string{"warning route-missing $disconnect"},
		},
		"$default missing": {func(c *cloud) { delete(c.routes, "$default") }, []string{"error route-missing $default"}},
		"keep-alive missing": {
			func(c *cloud) { delete(c.routes, "keepalive") }, []string{"warning route-missing keepalive"},
		},
		"neither join, $default": {
			func(c *cloud) { delete(c.routes, "join"); delete(c.routes, "$default") },
			[]string{"error route-missing $default", "error route-missing join"},
		},
		"route superfluous": {func(c *cloud) {
			c.routes["old"] = &gateway.Route{
				RouteKey: aws.String("old"), RouteId: aws.String("x"), Target: aws.String("integrations/proxy"),
			}
		}, []string{"warning route-superfluous old"}},
		"route of another program": {func(c *cloud) {
			c.routes["old"] = &gateway.Route{
				RouteKey: aws.String("old"), RouteId: aws.String("x"), Target: aws.String("integrations/mock"),
			}
		}, []string{"note route-superfluous old"}},
		"no response expression": {
			func(c *cloud) { c.routes["join"].RouteResponseSelectionExpression = nil },
			[]string{"error response-expression join"},
		},
		"wrong response expression": {func(c *cloud) {
			c.routes["join"].RouteResponseSelectionExpression = aws.String("$integration.response.statuscode")
		}, []string{"error response-expression join"}},
		"no route responses": {func(c *cloud) {
			delete(c.routeResponses, "route-join")
			delete(c.routeResponses, "route-say")
		}, []string{"error response-missing join,say"}},
		"response of a one-way route": {func(c *cloud) {
			c.routes["typing"].RouteResponseSelectionExpression = aws.String("$default")
			c.routeResponses["route-typing"] = []string{"$default"}
		}, []string{"warning response-superfluous typing"}},
		"no integration": {func(c *cloud) { c.routes["join"].Target = nil }, []string{"error integration-missing join"}},
		"unknown integration": {
			func(c *cloud) { c.routes["join"].Target = aws.String("integrations/gone") },
			[]string{"error integration-missing join"},
		},
		"custom Lambda": {func(c *cloud) {
			other(c, "join", func(i *gateway.Integration) { i.IntegrationType = gateway.IntegrationTypeAws })
		}, []string{"error integration-type join"}},
		"method GET": {func(c *cloud) {
			other(c, "join", func(i *gateway.Integration) { i.IntegrationMethod = aws.String("GET") })
		}, []string{"error integration-method join"}},
		"URI of nothing": {func(c *cloud) {
			other(c, "join", func(i *gateway.Integration) { i.IntegrationUri = aws.String("https://example.com") })
		}, []string{"error integration-uri join"}},
		"stage variable missing": {
			func(c *cloud) { alias(c, "${stageVariables.alias}") }, []string{"error integration-uri join"},
		},
		"another function": {func(c *cloud) {
			c.target.Functions = []string{app}
			other(c, "join", func(i *gateway.Integration) {
				i.IntegrationUri = aws.String(strings.Replace(appURI, app, "old-app", 1))
			})
		}, []string{"error integration-function join"}},
		"short integration timeout": {
			func(c *cloud) { other(c, "join", func(i *gateway.Integration) { i.TimeoutInMillis = aws.Int32(5000) }) },
			[]string{"note integration-timeout join"},
		},
		"keep-alive by the function": {
			func(c *cloud) { c.routes["keepalive"].Target = aws.String("integrations/proxy") },
			[]string{"warning mock-type keepalive"},
		},
		"MOCK without request": {
			func(c *cloud) { c.integrations["mock"].RequestTemplates = nil }, []string{"error mock-request keepalive"},
		},
		"MOCK without selection": {
			func(c *cloud) { c.integrations["mock"].TemplateSelectionExpression = nil },
			[]string{"error mock-request keepalive"},
		},
		"MOCK without response": {
			func(c *cloud) { c.integrationResponses["mock"] = nil }, []string{"error mock-response keepalive"},
		},
		"MOCK without template": {
			func(c *cloud) { c.integrationResponses["mock"][0].ResponseTemplates = nil },
			[]string{"error mock-response keepalive"},
		},
		"MOCK with another frame": {func(c *cloud) {
			c.integrationResponses["mock"][0].ResponseTemplates = map[string]string{"200": "pong"}
		}, []string{"warning mock-frame keepalive"}},
		"API key": {
			func(c *cloud) { c.routes["$connect"].ApiKeyRequired = aws.Bool(true) }, []string{"note api-key $connect"},
		},
		"API key of the authorizer": {func(c *cloud) {
			c.routes["$connect"].ApiKeyRequired = aws.Bool(true)
			c.api.ApiKeySelectionExpression = aws.String("$context.authorizer.usageIdentifierKey")
		}, []string{}},
		"authorization of a route": {
			func(c *cloud) { c.routes["join"].AuthorizationType = gateway.AuthorizationTypeAwsIam },
			[]string{"note route-authorization join"},
		},

		"no authorizer": {
			func(c *cloud) { c.routes["$connect"].AuthorizationType = gateway.AuthorizationTypeNone },
			[]string{"error authorizer-missing"},
		},
		"authorizer gone": {
			func(c *cloud) { delete(c.authorizers, "auth") }, []string{"error authorizer-missing"},
		},
		"authorizer of the wrong type": {
			func(c *cloud) { c.authorizers["auth"].AuthorizerType = gateway.AuthorizerTypeJwt },
			[]string{"error authorizer-type"},
		},
		"authorizer without function": {
			func(c *cloud) { c.authorizers["auth"].AuthorizerUri = aws.String("x") }, []string{"error authorizer-uri"},
		},
		"another authorizer": {func(c *cloud) {
			c.target.Functions = []string{app}
			c.authorizers["auth"].AuthorizerUri = aws.String(strings.Replace(appURI, app, "other", 1))
		}, []string{"error authorizer-function"}},
		"surplus identity source": {func(c *cloud) {
			c.authorizers["auth"].IdentitySource = []string{"route.request.header.Authorization"}
		}, []string{"error identity-sources"}},
		"missing identity source": {func(c *cloud) {
			c.app.Authorizer.IdentitySources = []string{"route.request.header.Authorization"}
		}, []string{"warning identity-sources-missing"}},
		"identity sources in another case": {func(c *cloud) {
			c.app.Authorizer.IdentitySources = []string{"route.request.header.authorization"}
			c.authorizers["auth"].IdentitySource = []string{"route.request.header.Authorization"}
		}, []string{}},
		"authorizer superfluous": {func(c *cloud) { c.app.Authorizer = nil }, []string{"error authorizer-superfluous"}},
		"IAM instead": {func(c *cloud) {
			c.app.Authorizer = nil
			c.routes["$connect"].AuthorizationType = gateway.AuthorizationTypeAwsIam
		}, []string{"note authorizer-iam"}},

		"API key, API not readable": {
			func(c *cloud) {
				c.routes["$connect"].ApiKeyRequired = aws.Bool(true)
				c.fails["GetApi"] = failure("AccessDeniedException")
			},
			[]string{"error api-unread a1b2c3d4e5", `warning not-checked the API "a1b2c3d4e5"`, "note api-key $connect"},
		},
		"no method": {
			func(c *cloud) {
				other(c, "join", func(i *gateway.Integration) { i.IntegrationMethod = nil })
			},
			[]string{},
		},
		"a second more than the gateway": {
			func(c *cloud) { c.functions[app].Timeout, c.app.Sources = aws.Int32(30), nil },
			[]string{},
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
		"no name of a table": {
			func(c *cloud) {
				env(c, "TABLE", "a b")
				c.fails["DescribeTable"] = failure("ValidationException")
			},
			[]string{"error variable-table chat-app"},
		},
		"no URL of a queue": {
			func(c *cloud) {
				env(c, "FANOUT_QUEUE", "relay")
				c.fails["GetQueueAttributes"] = failure("InvalidAddress")
			},
			[]string{"error variable-queue chat-app"},
		},
		"no name of a domain": {
			func(c *cloud) {
				custom(c, "https://ws.example.com/chat")
				c.fails["GetApiMappings"] = &gateway.BadRequestException{}
			},
			[]string{"error variable-endpoint chat-app"},
		},

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

		"no permission": {func(c *cloud) { delete(c.policies, app) }, []string{
			"error permission-missing $connect,$default,$disconnect,authenticate,join,leave,say,the authorizer,typing",
		}},
		"permission of another API": {func(c *cloud) {
			c.policies[app] = policyFor(appARN, "arn:aws:execute-api:eu-central-1:123456789012:zzz/*")
		}, []string{
			"error permission-missing $connect,$default,$disconnect,authenticate,join,leave,say,the authorizer,typing",
		}},
		"permission of a stage only": {func(c *cloud) {
			c.policies[app] = policyFor(appARN, "arn:aws:execute-api:eu-central-1:123456789012:"+apiID+"/prod/*")
		}, []string{"error permission-missing the authorizer"}},
		"permission of a route only": {func(c *cloud) {
			c.policies[app] = policyFor(appARN, "arn:aws:execute-api:eu-central-1:123456789012:"+apiID+"/*/$*")
		}, []string{"error permission-missing authenticate,join,leave,say,the authorizer,typing"}},
		"permission for everyone": {func(c *cloud) {
			c.policies[app] = `{"Statement":{"Effect":"Allow","Principal":"*","Action":"lambda:*"}}`
		}, []string{"warning permission-wide chat-app"}},
		"permission with a condition": {
			func(c *cloud) { c.policies[app] = strings.Replace(c.policies[app], "ArnLike", "ArnLikeIfExists", 1) },
			[]string{"note permission-unclear $connect,$default,$disconnect,authenticate,join,leave,say,the authorizer,typing"},
		},
		"function called by a role": {func(c *cloud) {
			delete(c.policies, app)
			c.integrations["proxy"].CredentialsArn, c.authorizers["auth"].AuthorizerCredentialsArn = aws.String("arn:r"), aws.String("arn:r")
		}, []string{}},
		"alias without permission": {func(c *cloud) { alias(c, "live") }, []string{"error permission-missing join"}},
		"alias with permission": {func(c *cloud) {
			alias(c, "live")
			c.policies[app+":live"] = policyFor(appARN+":live", "arn:aws:execute-api:eu-central-1:123456789012:"+apiID+"/*")
		}, []string{}},
		"alias missing": {
			func(c *cloud) { alias(c, "live"); delete(c.functions, app+":live") },
			[]string{"error function-missing chat-app:live"},
		},
		"alias with another build": {func(c *cloud) {
			alias(c, "live")
			c.functions[app+":live"].CodeSha256 = aws.String("old")
			c.policies[app+":live"] = c.policies[app]
		}, []string{"warning builds"}},

		"function missing": {func(c *cloud) { delete(c.functions, app) }, []string{"error function-missing chat-app"}},
		"provided.al2": {
			func(c *cloud) { c.functions[app].Runtime = functions.RuntimeProvidedal2 }, []string{"warning runtime chat-app"},
		},
		"go1.x": {
			func(c *cloud) { c.functions[app].Runtime = functions.RuntimeGo1x }, []string{"warning runtime chat-app"},
		},
		"Node.js": {
			func(c *cloud) { c.functions[app].Runtime = functions.RuntimeNodejs22x }, []string{"error runtime chat-app"},
		},
		"container image": {func(c *cloud) {
			c.functions[app].PackageType, c.functions[app].Runtime = functions.PackageTypeImage, ""
		}, []string{}},
		"x86": {
			func(c *cloud) { c.functions[app].Architectures = []functions.Architecture{functions.ArchitectureX8664} },
			[]string{"note architecture chat-app"},
		},
		"function failed": {
			func(c *cloud) { c.functions[app].State = functions.StateFailed }, []string{"error function-state chat-app"},
		},
		"function pending": {
			func(c *cloud) { c.functions[app].State = functions.StatePending }, []string{"note function-state chat-app"},
		},
		"update failed": {
			func(c *cloud) { c.functions[app].LastUpdateStatus = functions.LastUpdateStatusFailed },
			[]string{"error function-update chat-app"},
		},
		"being updated": {
			func(c *cloud) { c.functions[app].LastUpdateStatus = functions.LastUpdateStatusInProgress },
			[]string{"note function-update chat-app"},
		},
		"little memory": {
			func(c *cloud) { c.functions[app].MemorySize = aws.Int32(128) }, []string{"note memory chat-app"},
		},
		"switched off": {func(c *cloud) { c.reserved[app] = 0 }, []string{"error concurrency-zero chat-app"}},
		"default timeout": {
			func(c *cloud) { c.functions[app].Timeout = aws.Int32(3) }, []string{"warning timeout-short chat-app"},
		},
		"long timeout": {func(c *cloud) {
			c.functions[app].Timeout, c.app.Sources = aws.Int32(60), nil
		}, []string{"note timeout-long chat-app"}},

		"setting missing": {func(c *cloud) { env(c, "ISSUER", "") }, []string{"error variable-missing chat-app"}},
		"setting by default": {
			func(c *cloud) { env(c, "ISSUER", ""); need(c, "ISSUER").Default = "https://issuer.example.com" }, []string{},
		},
		"no environment": {
			func(c *cloud) { c.functions[app].Environment = nil },
			[]string{
				"error variable-missing chat-app", "error variable-missing chat-app", "error variable-missing chat-app",
				"error variable-missing chat-app", "error variable-missing chat-app",
			},
		},
		"sealed environment": {
			func(c *cloud) { c.functions[app].Environment.Error = &functions.EnvironmentError{} },
			[]string{"warning not-checked chat-app"},
		},
		"endpoint of another": {
			func(c *cloud) { env(c, "GATEWAY_ENDPOINT", "https://zzz.execute-api.eu-central-1.amazonaws.com/prod") },
			[]string{"error variable-endpoint chat-app"},
		},
		"endpoint elsewhere": {func(c *cloud) {
			env(c, "GATEWAY_ENDPOINT", "https://"+apiID+".execute-api.us-east-1.amazonaws.com/prod")
		}, []string{"error variable-endpoint chat-app"}},
		"endpoint no stage": {
			func(c *cloud) { env(c, "GATEWAY_ENDPOINT", "https://"+apiID+".execute-api.eu-central-1.amazonaws.com") },
			[]string{"error variable-endpoint chat-app"},
		},
		"endpoint for clients": {func(c *cloud) {
			env(c, "GATEWAY_ENDPOINT", "wss://"+apiID+".execute-api.eu-central-1.amazonaws.com/prod")
		}, []string{"error variable-endpoint chat-app"}},
		"custom domain": {func(c *cloud) { custom(c, "https://ws.example.com/chat") }, []string{}},
		"custom domain, stage": {
			func(c *cloud) { custom(c, "https://ws.example.com/prod") }, []string{"error variable-endpoint chat-app"},
		},
		"domain of another": {func(c *cloud) {
			custom(c, "https://ws.example.com/chat")
			c.mappings["ws.example.com"][1].Stage = aws.String("test")
		}, []string{"error variable-endpoint chat-app"}},
		"no such domain": {
			func(c *cloud) { env(c, "GATEWAY_ENDPOINT", "https://ws.example.com") },
			[]string{"error variable-endpoint chat-app"},
		},
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

		"new account": {func(c *cloud) { c.limits.ConcurrentExecutions = 10 }, []string{"warning concurrency"}},
		"throttle above": {
			func(c *cloud) { c.stage.DefaultRouteSettings.ThrottlingRateLimit = aws.Float64(20000) },
			[]string{"note throttle-above-quota prod"},
		},
		"burst above": {
			func(c *cloud) { c.stage.DefaultRouteSettings.ThrottlingBurstLimit = aws.Int32(9000) },
			[]string{"note throttle-above-quota prod"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			b.break_(c)
			report := c.examine(t)
			require.Equal(t, b.want, short(report))
			for _, f := range report.Findings {
				require.NotEmpty(t, f.Problem)
				require.NotEmpty(t, f.Fix)
			}
		})
	}
}

// other makes an integration that differs for a route.
func other(c *cloud, key string, differ func(*gateway.Integration)) {
	i := *c.integrations["proxy"]
	i.IntegrationId = aws.String("other")
	differ(&i)
	c.integrations["other"] = &i
	c.routes[key].Target = aws.String("integrations/other")
}

// alias lets the route join call an alias, which has what the function has.
func alias(c *cloud, name string) {
	other(c, "join", func(i *gateway.Integration) {
		i.IntegrationUri = aws.String(strings.Replace(appURI, app, app+":"+name, 1))
	})
	c.functions[app+":"+name] = new(lambda.GetFunctionConfigurationOutput)
	*c.functions[app+":"+name] = *c.functions[app]
}

// custom maps a custom domain to the stage, and sets the URL of the function's endpoint.
func custom(c *cloud, url string) {
	env(c, "GATEWAY_ENDPOINT", url)
	c.mappings = map[string][]gateway.ApiMapping{"ws.example.com": {
		{ApiId: aws.String("other"), Stage: aws.String(stageName), ApiMappingKey: aws.String("prod")},
		{ApiId: aws.String(apiID), Stage: aws.String(stageName), ApiMappingKey: aws.String("chat")},
	}}
}

// need returns the need of a variable.
func need(c *cloud, variable string) *describe.Need {
	for i := range c.app.Needs {
		if c.app.Needs[i].Variable == variable {
			return &c.app.Needs[i]
		}
	}
	panic(variable)
}

// TestMissingRights denies one operation at a time: the rest is checked.
func TestMissingRights(t *testing.T) {
	t.Parallel()
	for operation, want := range map[string][]string{
		"GetApi":                     {"error api-unread a1b2c3d4e5", `warning not-checked the API "a1b2c3d4e5"`},
		"GetStage":                   {`warning not-checked the stage "prod"`},
		"GetDeployments":             {"warning not-checked the deployments of the API"},
		"GetRoutes":                  {"warning not-checked the routes of the API"},
		"GetRouteResponses":          {"warning not-checked the responses of the routes"},
		"GetIntegrations":            {"warning not-checked the integrations of the API"},
		"GetIntegrationResponses":    {"warning not-checked the responses of the integrations"},
		"GetAuthorizers":             {"warning not-checked the authorizers of the API"},
		"GetFunctionConfiguration":   {"warning not-checked the function chat-app"},
		"GetPolicy":                  {"warning not-checked the policy of the function chat-app"},
		"GetFunctionConcurrency":     {"warning not-checked the concurrency of the function chat-app"},
		"GetFunctionRecursionConfig": {"warning not-checked the loop detection of the function chat-app"},
		"ListEventSourceMappings":    {"warning not-checked the event source mappings of the queue relay"},
		"GetAccountSettings":         {"warning not-checked the concurrency of the account"},
		"DescribeTable":              {`warning not-checked the table "chat"`},
		"DescribeTimeToLive":         {`warning not-checked the table "chat"`},
		"DescribeContinuousBackups":  {`warning not-checked the table "chat"`},
		"GetQueueAttributes":         {"warning not-checked the queue relay"},
		"GetQueueUrl":                {"warning not-checked the dead-letter queue dead"},
		"GetServiceQuota":            {"warning not-checked the quotas of API Gateway"},
		"GetAWSDefaultServiceQuota":  {"warning not-checked the quotas of API Gateway"},
	} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			c.target.Functions, c.target.Tables, c.target.Queues = []string{app}, []string{tableName}, []string{queueURL}
			c.fails[operation] = failure("AccessDeniedException")
			report := c.examine(t)
			require.Equal(t, want, short(report))
			for _, f := range report.Findings {
				require.Contains(t, f.Fix, "IAM action")
			}
		})
	}
}

// TestOtherErrors checks that errors which say nothing about the deployment end the examination,
// except those of Service Quotas, which not every network reaches.
func TestOtherErrors(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{
		"GetApi", "GetRoutes", "GetFunctionConfiguration", "GetPolicy", "DescribeTable", "GetQueueAttributes",
	} {
		for _, err := range []error{errors.New("no network"), failure("ExpiredTokenException")} {
			c := newCloud(t)
			c.fails[operation] = err
			_, got := doctor.Examine(t.Context(), c.clients(), exact(), c.target, c.app)
			require.ErrorIs(t, got, err, operation)
			require.ErrorContains(t, got, "read the ")
		}
	}
	c := newCloud(t)
	c.fails["GetServiceQuota"] = errors.New("no network")
	report := c.examine(t)
	require.Empty(t, report.Findings)
	require.Contains(t, report.NotChecked, "the account's quota of requests in a burst")
}

// TestSeveralFunctions has a function for the queue beside that of the routes.
func TestSeveralFunctions(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	worker := *c.functions[app]
	arn := strings.Replace(appARN, app, "worker", 1)
	worker.FunctionArn, worker.Timeout = &arn, aws.Int32(300)
	c.functions["worker"], c.recursion["worker"] = &worker, functions.RecursiveLoopAllow
	c.sources[0].FunctionArn = &arn
	worker.Environment = &functions.EnvironmentResponse{Variables: map[string]string{"TABLE": "other"}}
	c.queues[queueURL]["VisibilityTimeout"] = "1800"
	report := c.examine(t)
	require.Equal(t, []string{app, "worker"}, report.Functions)
	require.Equal(t, []string{
		"error variable-missing worker", "error variable-missing worker", "error variable-missing worker", "error variable-missing worker",
		"error variable-table worker",
	}, short(report))
}

func TestStack(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	target, err := doctor.Target{Region: region}.Complete(t.Context(), c, "chat")
	require.NoError(t, err)
	require.Equal(t, []string{apiID, stageName}, []string{target.API, target.Stage})
	require.Equal(t, []string{app}, target.Functions)
	require.Equal(t, []string{tableName}, target.Tables)
	require.Equal(t, []string{queueURL, deadURL}, target.Queues)
	c.target = target
	require.Empty(t, c.examine(t).Findings)
}

func TestStackThatChangedAfterItsDeployment(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.stage.AutoDeploy = nil
	c.stacks["chat"][2].LastUpdatedTimestamp = aws.Time(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC))
	target, err := doctor.Target{Region: region}.Complete(t.Context(), c, "chat")
	require.NoError(t, err)
	c.target = target
	require.Equal(t, []string{"warning deployment-stale prod"}, short(c.examine(t)))
}

func TestStackWithAFailedResource(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.stacks["chat"][5].ResourceStatus, c.stacks["chat"][5].ResourceStatusReason = "UPDATE_FAILED", aws.String("no room")
	target, err := doctor.Target{Region: region}.Complete(t.Context(), c, "chat")
	require.NoError(t, err)
	c.target = target
	report := c.examine(t)
	require.Equal(t, []string{"error stack-resource Log"}, short(report))
	require.Contains(t, report.Findings[0].Problem, "no room")
}

func TestStackProblems(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]struct {
		differ func(c *cloud)
		stack  string
		want   string
	}{
		"missing": {func(*cloud) {}, "chat-2", `there is no stack "chat-2"`},
		"no rights": {
			func(c *cloud) { c.fails["ListStackResources"] = failure("AccessDenied") }, "chat",
			"cloudformation:ListStackResources, or use --api",
		},
		"no API": {func(*cloud) {}, nestedStack, "has no API: name one with --api"},
		"two APIs": {func(c *cloud) {
			c.stacks["chat"] = append(c.stacks["chat"], resource("AWS::ApiGatewayV2::Api", "Http", "zzz"))
		}, "chat", "choose one of a1b2c3d4e5, zzz with --api"},
		"two stages": {func(c *cloud) {
			c.stacks["chat"] = append(c.stacks["chat"], resource("AWS::ApiGatewayV2::Stage", "Test", "test"))
		}, "chat", "choose one of prod, test with --stage"},
		"other error": {func(c *cloud) { c.fails["ListStackResources"] = errors.New("no network") }, "chat", "no network"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			s.differ(c)
			_, err := doctor.Target{Region: region}.Complete(t.Context(), c, s.stack)
			require.ErrorContains(t, err, s.want)
		})
	}
}
