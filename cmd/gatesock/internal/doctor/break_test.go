package doctor_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	gateway "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/describe"
)

// damage breaks a deployment in one way.
type damage struct {
	do   func(c *cloud)
	want []string // the findings
}

func TestBreaks(t *testing.T) {
	t.Parallel()
	for _, part := range []map[string]damage{
		apiDamage(), authorizerDamage(), stageDamage(), functionDamage(), environmentDamage(), resourceDamage(),
		quotaDamage(),
	} {
		for name, b := range part {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := newCloud(t)
				b.do(c)
				report := c.examine(t)
				require.Equal(t, b.want, short(report))
				for _, f := range report.Findings {
					require.NotEmpty(t, f.Problem)
					require.NotEmpty(t, f.Fix)
				}
			})
		}
	}
}

// env changes a variable of the function.
func env(c *cloud, name, value string) { c.functions[app].Environment.Variables[name] = value }

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
