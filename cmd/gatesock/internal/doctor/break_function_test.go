package doctor_test

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	gateway "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	functions "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// functionDamage is damage to functions, and to the permissions to call them.
func functionDamage() map[string]damage {
	return map[string]damage{
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
		"a second more than the gateway": {
			func(c *cloud) { c.functions[app].Timeout, c.app.Sources = aws.Int32(30), nil },
			[]string{},
		},
	}
}

// environmentDamage is damage to the variables of functions.
func environmentDamage() map[string]damage {
	return map[string]damage{
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
	}
}
