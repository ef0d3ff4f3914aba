package template

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// evaluate returns the property P of a resource in a template, whose YAML is text.
func evaluate(t *testing.T, text string, parameters map[string]string) (any, error) {
	t.Helper()
	tmpl, err := Parse([]byte(`
Parameters:
  Name: {Type: String, Default: x}
  List: {Type: CommaDelimitedList, Default: "a, b"}
  Numbers: {Type: List<Number>, Default: "1,2"}
  Missing: {Type: String}
  StoredList: {Type: "AWS::SSM::Parameter::Value<List<String>>", Default: /a/c}
  Stored: {Type: "AWS::SSM::Parameter::Value<String>", Default: /a/b}
Mappings:
  Map: {us-east-1: {key: [v, w]}}
Conditions:
  Yes: !Equals [a, a]
  No: {"Fn::Equals": [!Ref Name, y]}
  Both: !And [!Condition Yes, {Condition: No}]
  Either: !Or [!Condition Yes, !Condition No]
  Neither: !Not [!Condition Either]
Resources:
  Api: {Type: AWS::ApiGatewayV2::Api}
  Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {StageName: !Sub "${Name}-stage"}}
  Named: {Type: AWS::Lambda::Function, Properties: {FunctionName: !Ref Name}}
  Alias: {Type: AWS::Lambda::Alias, Properties: {Name: live, FunctionName: !GetAtt Named.Arn}}
  Version: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Named}}
  Queue: {Type: AWS::SQS::Queue}
  Table: {Type: AWS::DynamoDB::Table, Properties: {TableName: t}}
  Wrapped:
    Type: Test
    Properties: !If [Yes, {Q: 1}, !Ref AWS::NoValue]
  R:
    Type: Test
    Properties:
      P: ` + text + "\n"))
	require.NoError(t, err)
	e, err := NewEvaluator(tmpl, parameters)
	require.NoError(t, err)
	return e.Property(tmpl.Resource("R"), "P")
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"plain": "plain", "24": "24", "TRUE": "TRUE", "2010-09-09": "2010-09-09", "~": nil, "''": "",
		"[1, !Ref AWS::NoValue, b]":            []any{"1", "b"},
		"{a: !Ref AWS::NoValue, b: {c: 0.50}}": map[string]any{"b": map[string]any{"c": "0.50"}},
		"!Ref Name":                            "x",
		"{Ref: AWS::Region}":                   "us-east-1",
		"!Ref AWS::Partition":                  "aws",
		"!Ref AWS::StackName":                  "local",
		"!Ref List":                            []any{"a", "b"},
		"!Ref Numbers":                         []any{"1", "2"},
		"!Ref Api":                             "Api",
		"!Ref Stage":                           "x-stage",
		"!Ref Named":                           "x",
		"!Ref Table":                           "t",
		"!Ref Alias":                           "arn:aws:lambda:us-east-1:123456789012:function:x:live",
		"!Ref Version":                         "arn:aws:lambda:us-east-1:123456789012:function:x:1",
		"!GetAtt Named.Arn":                    "arn:aws:lambda:us-east-1:123456789012:function:x",
		"!GetAtt [Named, Arn]":                 "arn:aws:lambda:us-east-1:123456789012:function:x",
		"{'Fn::GetAtt': Queue.Arn}":            "arn:aws:sqs:us-east-1:123456789012:Queue",
		"!GetAtt Api.ApiEndpoint":              "wss://Api.execute-api.us-east-1.amazonaws.com",
		"!GetAtt Api.ApiId":                    "Api",
		"!GetAtt Queue.QueueName":              "Queue",
		"!GetAtt Queue.Nothing":                "Queue.Nothing",
		"!Sub 'a${Name}b${Api.ApiId}$x${!y}${ Stage }'":  "axbApi$x${y}x-stage",
		"!Sub ['${Name}/${v}', {Name: n, v: !Ref Name}]": "n/x",
		"!Join ['-', [a, !Ref Name, !Ref AWS::NoValue]]": "a-x",
		"!Join ['', !Ref List]":                          "ab",
		"!Select [1, !Ref List]":                         "b",
		"!Select ['0', !Split ['/', a/b]]":               "a",
		"!Split [',', 'a,b,']":                           []any{"a", "b", ""},
		"!FindInMap [Map, !Ref AWS::Region, key]":        []any{"v", "w"},
		"!If [Yes, a, b]":                                "a",
		"!If [No, a, b]":                                 "b",
		"!If [Both, a, b]":                               "b",
		"!If [Either, a, b]":                             "a",
		"!If [Neither, a, !Ref AWS::NoValue]":            nil,
		"!If [No, !ImportValue never-evaluated, b]":      "b",
	} {
		got, err := evaluate(t, text, nil)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	got, err := evaluate(t, "!Join [' ', [!Ref Missing, !Ref Stored, !Ref AWS::URLSuffix, !If [No, y, x]]]", map[string]string{
		"Missing": "m", "Stored": "s", Region: "cn-north-1", "Name": "y",
	})
	require.NoError(t, err)
	require.Equal(t, "m s amazonaws.com.cn y", got)
	got, err = evaluate(t, "!Ref StoredList", map[string]string{"StoredList": "a,b"})
	require.NoError(t, err)
	require.Equal(t, []any{"a", "b"}, got)
}

func TestMistakesInFunctions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"!Ref Missing":                   "the parameter Missing has no default; set it by WithParameter",
		"!Ref Stored":                    "the value of the parameter Stored is in Systems Manager; set it by WithParameter",
		"!Ref Nothing":                   `there is no parameter or resource "Nothing"`,
		"!Ref [a]":                       `there is no parameter or resource ""`,
		"!GetAtt Nothing.Arn":            `there is no resource "Nothing"`,
		"!GetAtt [a]":                    "Fn::GetAtt: expected a list of 2 values",
		"!Sub '${a'":                     "Fn::Sub: ${ without }",
		"!Sub '${List}'":                 "Fn::Sub: ${List} is a list, not text",
		"!Sub {a: b}":                    "Fn::Sub: expected text, or a list of a text and values",
		"!Join [a]":                      "Fn::Join: expected a list of 2 values",
		"!Join ['', a]":                  "Fn::Join: expected a list, not text",
		"!Join ['', [[a]]]":              "Fn::Join: expected texts in the list, not a list",
		"!Join [[], []]":                 "expected text, not a list",
		"!Select [2, [a, b]]":            "Fn::Select: there is no element 2 in a list",
		"!Select [x, [a, b]]":            "Fn::Select: there is no element x in a list",
		"!Split ['', a]":                 "Fn::Split: the separator must not be empty",
		"!FindInMap [Map, eu-west-1, k]": "Fn::FindInMap: there is no eu-west-1 in Mappings",
		"!If [Nope, a, b]":               `there is no condition "Nope"; the template has Both, Either, Neither, No, Yes`,
		"!If [Yes]":                      "Fn::If: expected a list of 3 values",
		"!Cidr [a, b, c]":                "the function Fn::Cidr is not supported here",
		"{'Fn::Unknown': a}":             "the function Fn::Unknown is not supported here",
		"!Equals [a, a]":                 "the function Fn::Equals is not supported here",
	} {
		_, err := evaluate(t, text, nil)
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, "resource R (Test), property P: line ", text)
	}
}

func TestPropertiesThatAreAFunction(t *testing.T) {
	t.Parallel()
	tmpl, err := Parse([]byte("Conditions: {C: !Equals [a, b]}\nResources: {R: {Type: T, Properties: !If [C, {P: 1}, {P: 2}]}, S: {Type: T}}"))
	require.NoError(t, err)
	e, err := NewEvaluator(tmpl, nil)
	require.NoError(t, err)
	for id, want := range map[string]any{"R": "2", "S": nil} {
		got, err := e.Property(tmpl.Resource(id), "P")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
