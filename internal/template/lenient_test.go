package template

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lenient returns an evaluator of a template, and the problems that it reports.
func lenient(t *testing.T, text string, l Lenient) (*Evaluator, *Template, *[]string) {
	t.Helper()
	tmpl, err := ParseLenient([]byte(text))
	require.NoError(t, err)
	problems := &[]string{}
	note := func(p Problem) {
		*problems = append(*problems, fmt.Sprintf("%d %s.%s: %s", p.Line, p.Resource, p.Property, p.Text))
	}
	for _, p := range tmpl.Problems {
		note(p)
	}
	l.Report = note
	return NewLenient(tmpl, nil, l), tmpl, problems
}

// JSON has the lines of its values, and reports keys that occur twice, as YAML does.
func TestLines(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"{\"Resources\":\n {\"A\":\n  {\"Type\": \"T\", \"Properties\":\n   {\"P\":\n    [\n" +
			"     {\"Q\": {\"Ref\": \"X\"}}],\n   \"P2\": 1,\n \"P2\": 2}}}}",
		"Resources:\n  A:\n\n    {Type: T, Properties:\n   {P: [\n" +
			"     {Q: {Ref: X}}],\n   P2: 1,\n P2: 2}}",
	} {
		e, tmpl, problems := lenient(t, text, Lenient{})
		a := tmpl.Resource("A")
		require.Equal(t, 2, a.Line())
		require.Equal(t, 6, a.Line("P", "0", "Q"))
		require.Equal(t, 6, a.Line("P", "0", "Nothing"))
		require.Equal(t, 8, a.Line("P2"))
		require.Equal(t, 2, a.Line("Nothing"))
		v, err := e.Property(a, "P")
		require.NoError(t, err)
		require.Equal(t, []any{map[string]any{"Q": "X"}}, v)
		require.Equal(t, []string{
			"8 .: the key P2 is in line 7 and again in line 8; the last one counts",
			`6 A.P: there is no parameter or resource "X"`,
		}, *problems)
	}
}

// Numbers and booleans keep their types where JSON is wanted.
func TestTyped(t *testing.T) {
	t.Parallel()
	e, tmpl, problems := lenient(t, `Resources: {A: {Type: T, Properties: {P: [1, 1.50, "1", true, True, 0x10, !Ref N]}}}
Parameters: {N: {Type: Number, Default: 3}}`, Lenient{})
	v, err := e.Typed(tmpl.Resource("A"), "P")
	require.NoError(t, err)
	require.Equal(t, "[1 1.50 1 true true 0x10 3]", fmt.Sprint(v))
	require.Equal(t, "json.Number json.Number string bool bool string string", types(v.([]any)))
	v, err = e.Property(tmpl.Resource("A"), "P")
	require.NoError(t, err)
	require.Equal(t, []any{"1", "1.50", "1", "true", "true", "0x10", "3"}, v)
	require.Empty(t, *problems)
}

func types(list []any) string {
	var names []string
	for _, v := range list {
		names = append(names, fmt.Sprintf("%T", v))
	}
	return strings.Join(names, " ")
}

// Aliases and merge keys are written out. What an object has itself counts.
func TestAliases(t *testing.T) {
	t.Parallel()
	e, tmpl, problems := lenient(t, `
Base: &base {A: 1, B: 1}
More: &more {B: 2, C: 2}
Resources:
  R: {Type: T, Properties: {<<: [*base, *more], A: 3}}
  S: {Type: T, Properties: *base}
`, Lenient{})
	r, err := e.Properties(tmpl.Resource("R"))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"A": "3", "B": "1", "C": "2"}, r)
	s, err := e.Properties(tmpl.Resource("S"))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"A": "1", "B": "1"}, s)
	require.Equal(t, []string{"5 .: YAML aliases are written out here; CloudFormation itself accepts none"}, *problems)

	_, err = ParseLenient([]byte("Resources: &r\n  A: {Type: T, Properties: {P: *r}}"))
	require.ErrorContains(t, err, "values are nested more than 100 times")
}

// Globals are merged as SAM does, and lists are appended.
func TestGlobals(t *testing.T) {
	t.Parallel()
	e, tmpl, problems := lenient(t, `
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Layers: [a], Environment: {Variables: {A: 1, B: 1}}, Timeout: 5, Tags: [x]}}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties: {Layers: [b], Environment: {Variables: {B: 2}}, Timeout: 6, Tags: {y: z}}
  G: {Type: AWS::Serverless::Function}
`, Lenient{})
	f, err := e.Properties(tmpl.Resource("F"))
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"Layers": []any{"a", "b"}, "Timeout": "6", "Tags": map[string]any{"y": "z"},
		"Environment": map[string]any{"Variables": map[string]any{"A": "1", "B": "2"}},
	}, f)
	g, err := e.Property(tmpl.Resource("G"), "Timeout")
	require.NoError(t, err)
	require.Equal(t, "5", g)
	require.Empty(t, *problems)
}

// The functions end, whatever refers to what, and one problem is reported.
func TestNoEnd(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {P: !Sub \"${N0}\"}}\n" +
		"  N40: {Type: AWS::SQS::Queue, Properties: {QueueName: x}}\n")
	for n := range 40 {
		name := strings.Repeat(fmt.Sprintf("${N%d.QueueName}", n+1), 10)
		fmt.Fprintf(&b, "  N%d: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub \"%s\"}}\n", n, name)
	}
	e, tmpl, problems := lenient(t, b.String(), Lenient{})
	_, err := e.Property(tmpl.Resource("Q"), "P")
	require.NoError(t, err)
	require.Len(t, *problems, 1)
	require.Contains(t, (*problems)[0], "the template's functions have no end, or their results are too large")
}

// Exports are evaluated by name and value.
func TestExports(t *testing.T) {
	t.Parallel()
	e, _, problems := lenient(t, `
Resources: {Q: {Type: AWS::SQS::Queue}}
Outputs:
  A: {Value: !GetAtt Q.Arn, Export: {Name: !Sub "${AWS::StackName}-q"}}
  B: {Value: !Ref Q}
  C: {Export: {Name: none}}
`, Lenient{})
	exports := e.Exports()
	require.Len(t, exports, 1)
	require.Equal(t, "arn:aws:sqs:us-east-1:123456789012:Q", exports["local-q"]())
	require.Empty(t, *problems)
}

// What Ref and Fn::GetAtt return is what AWS would.
func TestNames(t *testing.T) {
	t.Parallel()
	const account = "us-east-1:123456789012:"
	for resource, want := range map[string][2]string{ // Ref and Arn
		"Type: AWS::SQS::Queue":                                      {"https://sqs.us-east-1.amazonaws.com/123456789012/R", "arn:aws:sqs:" + account + "R"},
		"Type: AWS::SNS::Topic, Properties: {FifoTopic: true}":       {"arn:aws:sns:" + account + "R.fifo", "arn:aws:sns:" + account + "R.fifo"},
		"Type: AWS::DynamoDB::Table, Properties: {TableName: t}":     {"t", "arn:aws:dynamodb:" + account + "table/t"},
		"Type: AWS::Serverless::SimpleTable":                         {"R", "arn:aws:dynamodb:" + account + "table/R"},
		"Type: AWS::Lambda::Function":                                {"R", "arn:aws:lambda:" + account + "function:R"},
		"Type: AWS::Events::Rule, Properties: {EventBusName: b}":     {"b|R", "arn:aws:events:" + account + "rule/b/R"},
		"Type: AWS::Events::Rule":                                    {"R", "arn:aws:events:" + account + "rule/R"},
		"Type: AWS::Scheduler::Schedule":                             {"R", "arn:aws:scheduler:" + account + "schedule/default/R"},
		"Type: AWS::StepFunctions::StateMachine":                     {"arn:aws:states:" + account + "stateMachine:R", "arn:aws:states:" + account + "stateMachine:R"},
		"Type: AWS::SSM::Parameter, Properties: {Name: /a/b}":        {"/a/b", "arn:aws:ssm:" + account + "parameter/a/b"},
		"Type: AWS::S3::Bucket":                                      {"R", "arn:aws:s3:::R"},
		"Type: AWS::IAM::Role":                                       {"R", "arn:aws:iam::123456789012:role/R"},
		"Type: AWS::Serverless::LayerVersion":                        {"arn:aws:lambda:" + account + "layer:R:1", "arn:aws:lambda:" + account + "layer:R:1"},
		"Type: AWS::Cognito::UserPool":                               {"us-east-1_R", "arn:aws:cognito-idp:" + account + "userpool/us-east-1_R"},
		"Type: AWS::Kinesis::Stream, Properties: {Name: ~}":          {"R", "arn:aws:kinesis:" + account + "stream/R"},
		"Type: AWS::Lambda::Function, Properties: {FunctionName: 1}": {"1", "arn:aws:lambda:" + account + "function:1"},
	} {
		e, tmpl, problems := lenient(t, "Resources: {R: {"+resource+"}}", Lenient{})
		r := tmpl.Resource("R")
		require.Equal(t, want, [2]string{e.Ref(r), e.Attribute(r, "Arn")}, resource)
		require.Empty(t, *problems, resource)
	}
	e, tmpl, _ := lenient(t, "Resources: {Api: {Type: AWS::ApiGatewayV2::Api}}", Lenient{Name: func(*Resource) string { return "abcdefghij" }})
	require.Equal(t, "wss://abcdefghij.execute-api.us-east-1.amazonaws.com", e.Attribute(tmpl.Resource("Api"), "ApiEndpoint"))
	require.Equal(t, "abcdefghij", e.PhysicalName(tmpl.Resource("Api")))
}
