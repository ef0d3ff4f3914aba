package terraform

import (
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
)

// References to what every configuration has.
const (
	apiID        = "aws_apigatewayv2_api.api.id"
	executionARN = "aws_apigatewayv2_api.api.execution_arn"
	partition    = "data.aws_partition.current.partition"
	region       = "data.aws_region.current.region"
	account      = "data.aws_caller_identity.current.account_id"
	urlSuffix    = "data.aws_partition.current.dns_suffix"
	stageName    = "var.stage_name"
)

// refer returns a reference as a part of a literal.
func refer(expression string) string { return "${" + expression + "}" }

// text returns a literal of parts that are escaped already.
func text(parts ...string) string { return `"` + strings.Join(parts, "") + `"` }

// data adds the data sources and the local values of every configuration.
func (w *writer) data() {
	w.heading("Where it is deployed", "")
	for _, kind := range []string{"aws_partition", "aws_region"} {
		w.resource("data."+kind, "current", kind, func(*body) {})
	}
	if w.usesAccount() {
		w.resource("data.aws_caller_identity", "current", "the account", func(*body) {})
	}
	if slices.ContainsFunc(w.plan.Parameters, isIoT) {
		w.file.comment("Where the program publishes to devices.")
		w.resource("data.aws_iot_endpoint", "data", "the endpoint of AWS IoT", func(b *body) {
			b.set("endpoint_type", quote("iot:Data-ATS"))
		})
	}
	w.file.block("locals", func(b *body) {
		host := refer(apiID) + ".execute-api." + refer(region) + "." + refer(urlSuffix)
		b.set("host", text(host))
		b.comment("The endpoint of @connections, by which programs post to clients.")
		b.set("endpoint", text("https://", refer("local.host"), "/", refer(stageName)))
	})
}

// isIoT reports whether a parameter is the data endpoint of AWS IoT, which is a data source here.
func isIoT(p stack.Parameter) bool { return p.IoT }

// usesAccount reports whether some ARN is made of a name, or a policy names the account.
func (w *writer) usesAccount() bool {
	if w.plan.Watch != nil || slices.ContainsFunc(w.plan.Parameters, isIoT) {
		return true
	}
	for _, s := range w.plan.Sources {
		if s.From.Name != "" || s.Group == defaultGroup {
			return true
		}
	}
	return false
}

func (w *writer) api() {
	w.heading("The API", "")
	w.resource("aws_apigatewayv2_api", "api", "the API", func(b *body) {
		b.set("name", "var."+serviceName)
		b.set("description", w.about())
		b.set("protocol_type", quote("WEBSOCKET"))
		b.comment("The member of a message that names its route.")
		b.set("route_selection_expression", quote(w.plan.RouteSelection))
		b.comment("Clients may come by IPv6, and the source address of a client may be an IPv6 address.")
		b.set("ip_address_type", quote("dualstack"))
	})
	w.file.comment("The stage deploys each change of the API by itself, so there is no deployment that would have to be " +
		"replaced together with the routes.")
	w.resource("aws_apigatewayv2_stage", "stage", "the stage", w.stage)
	for _, f := range w.plan.Functions {
		if len(f.Routes) > 0 {
			w.integration(&f)
		}
	}
}

func (w *writer) stage(b *body) {
	b.set("api_id", apiID)
	b.set("name", stageName)
	b.set("auto_deploy", "true")
	b.comment("Of each route, for all clients together. Far below the quota of an account (10,000 requests per second in a " +
		"Region), so that one route cannot take the whole of it.")
	b.block("default_route_settings", func(b *body) {
		b.set("throttling_rate_limit", "var."+variable(stack.ThrottlingRate))
		b.set("throttling_burst_limit", "var."+variable(stack.ThrottlingBurst))
	})
	b.block("access_log_settings", func(b *body) {
		b.set("destination_arn", "aws_cloudwatch_log_group.access_log.arn")
		b.comment("One line of JSON, at most 3 KB. The code and the reason of a disconnection are not among its variables: the " +
			"function logs them for $disconnect.")
		b.set("format", "jsonencode("+object(func(b *body) {
			for _, field := range stack.AccessLog() {
				b.set(field.Name, quote("$context."+field.Variable))
			}
		})+")")
	})
	b.comment("Without the role for logs of the account, the stage fails.")
	b.set("depends_on", "[aws_api_gateway_account.account]")
}

// integration adds the integration of a function, and the permission for it.
func (w *writer) integration(f *stack.Function) {
	w.resource("aws_apigatewayv2_integration", label(f.ID), "the function "+f.Name, func(b *body) {
		b.set("api_id", apiID)
		b.set("integration_type", quote("AWS_PROXY"))
		b.set("integration_method", quote("POST"))
		b.set("integration_uri", invokeARN(f))
		b.comment("If it switches between the function and its alias, the permission for the new one comes first.")
		b.set("depends_on", "[aws_lambda_permission."+label(f.ID)+"_api]")
	})
	w.file.comment("Only this stage of this API may invoke the function.")
	w.permission(f, label(f.ID)+"_api", "apigateway", text(refer(executionARN), "/", refer(stageName), "/*"), qualifier(f))
}

// permission allows a service to invoke a function for a source. The qualifier is empty for the
// function itself.
func (w *writer) permission(f *stack.Function, name, service, source, qualifier string) {
	w.resource("aws_lambda_permission", name, "the permission of "+name, func(b *body) {
		b.set("action", quote("lambda:InvokeFunction"))
		b.set("function_name", "aws_lambda_function."+label(f.ID)+".function_name")
		if qualifier != "" {
			b.set("qualifier", qualifier)
		}
		b.set("principal", quote(service+".amazonaws.com"))
		b.set("source_arn", source)
		if qualifier != "" {
			b.block("lifecycle", func(b *body) { b.set("create_before_destroy", "true") })
		}
	})
}

func (w *writer) authorizer() {
	a := w.plan.Authorizer
	if a == nil {
		return
	}
	f := w.plan.Function(a.Function)
	w.heading("The authorizer of $connect", "")
	w.file.comment("Its result is not cached: caching exists for HTTP and REST APIs only.")
	w.resource("aws_apigatewayv2_authorizer", "authorizer", "the authorizer", func(b *body) {
		b.set("api_id", apiID)
		b.set("name", quote("authorizer"))
		b.set("authorizer_type", quote("REQUEST"))
		b.set("authorizer_uri", invokeARN(f))
		if len(a.IdentitySources) > 0 {
			b.comment("A handshake without one of these gets 401, and the function is not called.")
			b.set("identity_sources", list(quoteAll(a.IdentitySources)...))
		}
	})
	source := text(refer(executionARN), "/authorizers/", refer("aws_apigatewayv2_authorizer.authorizer.id"))
	w.permission(f, "authorizer", "apigateway", source, qualifier(f))
}
