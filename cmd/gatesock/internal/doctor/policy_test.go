package doctor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const testSource = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/prod/$connect"

func TestPolicyJudges(t *testing.T) {
	t.Parallel()
	statement := func(effect, condition string) string {
		return fmt.Sprintf(`{"Effect":%q,"Principal":{"Service":["apigateway.amazonaws.com","x"]},"Action":["lambda:InvokeFunction"],"Condition":{%s}}`,
			effect, condition)
	}
	for name, c := range map[string]struct {
		statements string
		want       verdict
	}{
		"no condition": {statement("Allow", ""), allowed},
		"ArnLike": {
			statement("Allow", `"ArnLike":{"AWS:SourceArn":"arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/*"}`), allowed,
		},
		"ArnEquals with wildcards": {
			statement("Allow", `"ArnEquals":{"aws:SourceArn":"arn:aws:execute-api:*:*:a1b2c3/*/$connect"}`), allowed,
		},
		"another route": {
			statement("Allow", `"ArnLike":{"AWS:SourceArn":"arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/*/join"}`),
			refused,
		},
		"a star crosses no colon": {
			statement("Allow", `"ArnLike":{"AWS:SourceArn":"arn:aws:execute-api:*:a1b2c3/*"}`), refused,
		},
		"any ARN": {statement("Allow", `"ArnLike":{"AWS:SourceArn":"*"}`), allowed},
		"one of several": {
			statement("Allow", `"ArnLike":{"AWS:SourceArn":["arn:aws:s3:::b","arn:aws:execute-api:*:*:a1b2c3/*"]}`), allowed,
		},
		"StringLike": {
			statement("Allow", `"StringLike":{"AWS:SourceArn":"arn:aws:execute-api:*:a1b2c3/*"}`), allowed,
		},
		"StringEquals":              {statement("Allow", `"StringEquals":{"AWS:SourceArn":"`+testSource+`"}`), allowed},
		"StringEquals, no patterns": {statement("Allow", `"StringEquals":{"AWS:SourceArn":"arn:*"}`), refused},
		"account":                   {statement("Allow", `"StringEquals":{"AWS:SourceAccount":"123456789012"}`), allowed},
		"another account":           {statement("Allow", `"StringEquals":{"AWS:SourceAccount":"999999999999"}`), refused},
		"both": {
			statement(
				"Allow", `"StringEquals":{"AWS:SourceAccount":"123456789012"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}`,
			),
			refused,
		},
		"unknown operator": {statement("Allow", `"ArnNotLike":{"AWS:SourceArn":"arn:aws:s3:::b"}`), unclear},
		"unknown key":      {statement("Allow", `"StringEquals":{"aws:PrincipalOrgID":"o-1"}`), unclear},
		"denied":           {statement("Allow", "") + "," + statement("Deny", ""), refused},
		"denied for others": {
			statement("Allow", "") + "," + statement("Deny", `"StringEquals":{"AWS:SourceAccount":"999999999999"}`), allowed,
		},
		"denied perhaps": {
			statement("Allow", "") + "," + statement("Deny", `"Bool":{"aws:SecureTransport":"false"}`), unclear,
		},
		"denied perhaps, in front": {
			statement("Deny", `"Bool":{"aws:SecureTransport":"false"}`) + "," + statement("Allow", ""), unclear,
		},
		"another service": {
			`{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"lambda:InvokeFunction"}`, refused,
		},
		"another action": {`{"Effect":"Allow","Principal":"*","Action":"lambda:GetFunction"}`, refused},
		"all actions":    {`{"Effect":"Allow","Principal":"*","Action":"*"}`, allowed},
		"AWS star":       {`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"lambda:invoke*"}`, allowed},
		"an account": {
			`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"*"}`, refused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := parsePolicy(`{"Statement":[` + c.statements + `]}`)
			require.NoError(t, err)
			require.Equal(t, c.want, p.judge(caller{gatewayService, testSource, "123456789012"}))
		})
	}
	require.Equal(t, refused, (*policy)(nil).judge(caller{}))
}

func TestParsePolicyRefuses(t *testing.T) {
	t.Parallel()
	for _, document := range []string{
		"", "null", "[]", "{}", `{"Statement":[]}`, `{"Statement":"x"}`, `{"Statement":[{"Principal":7}]}`,
	} {
		_, err := parsePolicy(document)
		require.Error(t, err, document)
	}
}

func TestCalledFunction(t *testing.T) {
	t.Parallel()
	const before, after = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/", "/invocations"
	for uri, want := range map[string]string{
		before + "arn:aws:lambda:eu-central-1:123456789012:function:chat" + after:                           "chat",
		before + "arn:aws:lambda:eu-central-1:123456789012:function:chat:live" + after:                      "chat:live",
		before + "arn:aws:lambda:eu-central-1:123456789012:function:${stageVariables.function}" + after:     "chat:blue",
		before + "arn:aws:lambda:eu-central-1:123456789012:function:chat:${stageVariables.color}" + after:   "chat:green",
		before + "arn:aws:lambda:eu-central-1:123456789012:function:chat:${stageVariables.missing}" + after: "error: needs the stage variable missing",
		before + "arn:aws:lambda:eu-central-1:123456789012:function:" + after:                               "error: no ARN",
		before + "chat" + after:   "error: no ARN",
		"":                        "error: not that of a Lambda function",
		"https://example.com/":    "error: not that of a Lambda function",
		before + "a/b/c" + after:  "error: not that of a Lambda function",
		before + "x\x1b[2J":       `error: \x1b[2J`,
		strings.Repeat("x", 5000): "error: (5000 bytes)",
	} {
		got, err := calledFunction(uri, map[string]string{"function": "chat:blue", "color": "green"})
		if text, ok := strings.CutPrefix(want, "error: "); ok {
			require.ErrorContains(t, err, text)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, got.String())
		require.Equal(t, "123456789012", got.account)
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add(`{"Statement":[{"Effect":"Allow","Principal":{"Service":"apigateway.amazonaws.com"},"Action":"lambda:InvokeFunction",`+
		`"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:execute-api:*:*:a1b2c3/*"}}}]}`, testSource)
	f.Add(`{"Statement":{"Effect":"Deny","Principal":"*","Action":["*"]}}`, "arn:aws:s3:::b")
	f.Fuzz(func(t *testing.T, document, source string) {
		p, err := parsePolicy(document)
		if err != nil {
			return
		}
		require.NotEmpty(t, p.Statement)
		p.judge(caller{gatewayService, source, "123456789012"})
		p.unconditional(gatewayService)
	})
}

func FuzzCalledFunction(f *testing.F) {
	f.Add(
		"arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:123456789012:function:chat:live/invocations",
		"x",
	)
	f.Add(
		"arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/${stageVariables.f}/invocations",
		"arn:aws:lambda:r:1:function:chat",
	)
	f.Fuzz(func(t *testing.T, uri, value string) {
		got, err := calledFunction(uri, map[string]string{"f": value})
		if err == nil {
			require.NotEmpty(t, got.name)
		}
		if e, err := parseEndpoint(uri); err == nil {
			require.NotEmpty(t, e.host)
		}
	})
}
