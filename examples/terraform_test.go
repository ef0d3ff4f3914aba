//go:build !race

package examples

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

// terraformFiles is the folder of the configurations that gatesock template writes for some
// applications.
const terraformFiles = "../cmd/gatesock/internal/stack/terraform/testdata/"

// TestTerraform checks configurations with HashiCorp's parser, the provider's schema, and rules of
// our own.
func TestTerraform(t *testing.T) {
	t.Parallel()
	schema := readSchema(t)
	files, err := filepath.Glob(terraformFiles + "*.tf")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Empty(t, checkConfiguration(schema, text))
			require.Equal(t, string(hclwrite.Format(text)), string(text), "it is not formatted")
		})
	}
}

// TestTerraformStrings reads the defaults of variables with HashiCorp's parser. They must be the
// strings that the application has, as far as Terraform keeps them: it normalizes strings.
func TestTerraformStrings(t *testing.T) {
	t.Parallel()
	var want map[string]string
	data, err := os.ReadFile(terraformFiles + "strings.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &want))
	require.NotEmpty(t, want)
	text, err := os.ReadFile(terraformFiles + "strings.tf")
	require.NoError(t, err)
	file, diags := hclsyntax.ParseConfig(text, "strings.tf", hcl.InitialPos)
	require.False(t, diags.HasErrors(), diags)
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		if b.Type != "variable" {
			continue
		}
		if s, ok := want[b.Labels[0]]; ok {
			v, diags := b.Body.Attributes["default"].Expr.Value(nil)
			require.False(t, diags.HasErrors(), diags)
			require.Equal(t, cty.NormalizeString(s), v.AsString(), b.Labels[0])
			delete(want, b.Labels[0])
		}
	}
	require.Empty(t, want)
}

// TestTerraformCheck breaks a configuration in one place after the other. The check must find each.
func TestTerraformCheck(t *testing.T) {
	t.Parallel()
	schema := readSchema(t)
	text, err := os.ReadFile(terraformFiles + "sources.tf")
	require.NoError(t, err)
	for name, test := range map[string]struct{ old, broken, finding string }{
		"syntax":     {"deployment_name}\"\n", "deployment_name}\n", "Invalid multi-line string"},
		"twice":      {`variable "zip_file"`, `variable "stage_name"`, "variable.stage_name is declared twice"},
		"block":      {`output "api_id"`, `outputs "api_id"`, "outputs is not a block of configurations"},
		"variable":   {"  name        = var.stage_name\n", "  name        = var.stage\n", "var.stage does not exist"},
		"unused":     {"= var.version_setting\n", "= \"\"\n", "var.version_setting is not used"},
		"resource":   {"api_id    = aws_apigatewayv2_api.api.id", "api_id    = aws_apigatewayv2_api.it.id", "aws_apigatewayv2_api.it does not exist"},
		"attribute":  {"value = aws_apigatewayv2_api.api.id", "value = aws_apigatewayv2_api.api.ids", "has no such attribute: ids"},
		"no count":   {"domain_name.domain[0].id", "domain_name.domain.id", "aws_apigatewayv2_domain_name.domain and its count do not fit"},
		"no splat":   {"one(aws_lambda_alias.app[*].name)", "one(aws_lambda_alias.app.name)", "aws_lambda_alias.app and its count do not fit"},
		"function":   {"filebase64sha256(", "filesha256(", "there is no function filesha256"},
		"argument":   {"  auto_deploy = ", "  autodeploy  = ", "aws_apigatewayv2_stage.stage: the schema has no argument autodeploy"},
		"nested":     {"    certificate_arn = ", "    certificate   = ", "aws_apigatewayv2_domain_name.domain.domain_name_configuration: certificate_arn is missing"},
		"kind":       {"  billing_mode                = \"PAY_PER_REQUEST\"", "  billing_mode                = 1", "billing_mode is not a string"},
		"block kind": {"  environment {", "  environments {", "the schema has no block environments"},
		"one-way": {
			"  route_id           = aws_apigatewayv2_route.room_join.id", "  route_id           = aws_apigatewayv2_route.room_typing.id",
			"aws_apigatewayv2_route.room_join needs both a route_response_selection_expression and a route response, or neither",
		},
		"key":      {"route_response_key = \"$default\"", "route_response_key = \"default\"", "must have the key $default"},
		"mock":     {"integration_type              = \"MOCK\"", "integration_type              = \"HTTP\"", "a MOCK integration, and no other"},
		"target":   {"integrations/${aws_apigatewayv2_integration.app.id}", "integrations/${aws_apigatewayv2_api.api.id}", "has no integration as its target"},
		"log":      {`"$context.requestId"`, `"$context.requestid"`, "the format of the access log"},
		"source":   {"  source_arn    = var.topic_arn\n", "", "aws_lambda_permission.topic must have a source_arn"},
		"API":      {"\"${aws_apigatewayv2_api.api.execution_arn}/authorizers", "\"arn:aws:execute-api:*/authorizers", "is not for this API only"},
		"rule":     {"  sql_version = ", "  version     = ", "aws_iot_topic_rule.readings_rule: the schema has no argument version"},
		"endpoint": {"data.aws_iot_endpoint.data.endpoint_address", "data.aws_iot_endpoint.data.address", "has no such attribute: address"},
		"devices":  {"  source_arn    = aws_iot_topic_rule.readings_rule.arn\n", "", "aws_lambda_permission.readings_rule must have a source_arn"},
		"wildcard": {"resources = [aws_dynamodb_table.users_table.arn]", "resources = [\"*\"]", "has the wildcard *"},
		"action":   {"\"dynamodb:GetItem\"", "\"dynamodb:*\"", "has the wildcard dynamodb:*"},
		"cycle": {
			"  name              = \"/aws/lambda/${var.deployment_name}-app\"", "  name              = aws_lambda_function.app.function_name",
			"needs itself",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := strings.Replace(string(text), test.old, test.broken, 1)
			require.False(t, broken == string(text), "the file does not have %s", test.old)
			require.Contains(t, strings.Join(checkConfiguration(schema, []byte(broken)), "\n"), test.finding)
		})
	}
}
