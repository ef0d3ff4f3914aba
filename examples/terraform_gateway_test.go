//go:build !race

package examples

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// literal returns the value of an argument without references, and "" for others.
func literal(body *hclsyntax.Body, name string) string {
	attribute, ok := body.Attributes[name]
	if !ok {
		return ""
	}
	v, diags := attribute.Expr.Value(&hcl.EvalContext{Functions: map[string]function.Function{"jsonencode": stdlib.JSONEncodeFunc}})
	if diags.HasErrors() || v.IsNull() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

// of returns the addresses of the resources of a type.
func (c *configuration) of(kind string) []string {
	var list []string
	for address := range c.blocks {
		if typeOf(address) == kind {
			list = append(list, address)
		}
	}
	slices.Sort(list)
	return list
}

// pointsTo reports whether a resource of a type refers to an address by an argument.
func (c *configuration) pointsTo(kind, argument, address string) bool {
	return slices.ContainsFunc(c.of(kind), func(a string) bool { return refersTo(c.blocks[a].Body, argument, address) })
}

// checkGateway checks what API Gateway needs beyond the schema.
func (c *configuration) checkGateway() {
	const selection = "route_response_selection_expression"
	for _, route := range c.of("aws_apigatewayv2_route") {
		body := c.blocks[route].Body
		selects := literal(body, selection) == "$default"
		if responds := c.pointsTo("aws_apigatewayv2_route_response", "route_id", route); selects != responds {
			c.find("%s needs both a %s and a route response, or neither", route, selection)
		}
		if !c.targets(body) {
			c.find("%s has no integration as its target", route)
		}
	}
	for _, response := range c.of("aws_apigatewayv2_route_response") {
		if literal(c.blocks[response].Body, "route_response_key") != "$default" {
			c.find("%s must have the key $default", response)
		}
	}
	for _, integration := range c.of("aws_apigatewayv2_integration") {
		isMock := literal(c.blocks[integration].Body, "integration_type") == "MOCK"
		if isMock != c.pointsTo("aws_apigatewayv2_integration_response", "integration_id", integration) {
			c.find("%s: a MOCK integration, and no other, needs an integration response", integration)
		}
	}
	for _, stage := range c.of("aws_apigatewayv2_stage") {
		c.checkLog(stage)
	}
}

// targets reports whether the target of a route is an integration.
func (c *configuration) targets(route *hclsyntax.Body) bool {
	return slices.ContainsFunc(c.of("aws_apigatewayv2_integration"), func(i string) bool { return refersTo(route, "target", i) })
}

func (c *configuration) checkLog(stage string) {
	for _, b := range c.blocks[stage].Body.Blocks {
		if b.Type != "access_log_settings" {
			continue
		}
		format := literal(b.Body, "format")
		if !strings.Contains(format, `"$context.requestId"`) || strings.Contains(format, "\n") || len(format) > 3<<10 {
			c.find("%s: the format of the access log is not one line of at most 3 KB with the id of the request", stage)
		}
	}
}

// checkRights checks that permissions and policies name what they are for.
func (c *configuration) checkRights() {
	for _, permission := range c.of("aws_lambda_permission") {
		body := c.blocks[permission].Body
		_, hasSource := body.Attributes["source_arn"]
		byURL := body.Attributes["function_url_auth_type"] != nil || body.Attributes["invoked_via_function_url"] != nil
		switch {
		case hasSource == byURL:
			c.find("%s must have a source_arn, unless it is for a function URL", permission)
		case literal(body, "principal") == "apigateway.amazonaws.com" && !refersTo(body, "source_arn", "aws_apigatewayv2_api.api"):
			c.find("%s is not for this API only", permission)
		}
	}
	for _, policy := range c.of("data.aws_iam_policy_document") {
		for _, b := range c.blocks[policy].Body.Blocks {
			c.checkStatement(policy, b.Body)
		}
	}
}

// checkStatement finds wildcards: resources that begin with one, and actions that have one.
func (c *configuration) checkStatement(policy string, body *hclsyntax.Body) {
	for name, wrong := range map[string]func(string) bool{
		"resources": func(s string) bool { return strings.HasPrefix(s, "*") || strings.HasPrefix(s, "arn:aws:*") },
		"actions":   func(s string) bool { return strings.Contains(s, "*") },
	} {
		attribute, ok := body.Attributes[name]
		if !ok {
			continue
		}
		items, diags := hcl.ExprList(attribute.Expr)
		if diags.HasErrors() {
			c.find("%s: %s is not a list", policy, name)
		}
		for _, item := range items {
			if v, diags := item.Value(nil); !diags.HasErrors() && v.Type() == cty.String && wrong(v.AsString()) {
				c.find("%s has the wildcard %s", policy, v.AsString())
			}
		}
	}
}
