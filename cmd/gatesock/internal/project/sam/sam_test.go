package sam_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project/sam"
)

// write writes files below a new folder, by their paths, and returns the folder.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return folder
}

const small = `
Resources:
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.x}}
  Route: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Api, RouteKey: $connect}}
  Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Api, StageName: dev, AutoDeploy: true}}
`

func TestFind(t *testing.T) {
	t.Parallel()
	const assembly = `{"artifacts":{"S":{"type":"aws:cloudformation:stack"},"N":{"type":"cdk:cloud-assembly"}}}`
	for name, c := range map[string]struct {
		files    map[string]string
		want     []string
		findings string
	}{
		"nothing": {files: map[string]string{"README.md": small, "package.json": "{}", "data.yaml": "Resources: none"}},
		"the source before what was built of it": {
			files: map[string]string{"template.yaml": small, ".aws-sam/build/template.yaml": small, ".aws-sam/build/Fn/template.yaml": small},
			want:  []string{"template.yaml", ".aws-sam/build/template.yaml"},
			findings: "notice template.yaml: This is the source of what sam build has made, which is not read:" +
				" .aws-sam/build/template.yaml.",
		},
		"what was built, without its source": {
			files: map[string]string{".aws-sam/build/template.yaml": small, "node_modules/x/template.yaml": small},
			want:  []string{".aws-sam/build/template.yaml"},
			findings: "warning .aws-sam/build/template.yaml: This is what sam build has made;" +
				" its source is not here.",
		},
		"in a folder below": {
			files: map[string]string{"backend/sam.yaml": small, "backend/deep/er/template.json": small, ".git/template.yaml": small},
			want:  []string{"backend/sam.yaml", "backend/deep/er/template.json"},
			findings: "notice backend/sam.yaml: Other templates are here too; give the path of the one that is meant:" +
				" backend/deep/er/template.json.",
		},
		"another name": {files: map[string]string{"infra.yml": small}, want: []string{"infra.yml"}},
		"one with a WebSocket API before others": {
			files: map[string]string{"template.yaml": "Resources: {}", "api/infra.yaml": small, "api/template.json": small},
			want:  []string{"api/template.json", "api/infra.yaml", "template.yaml"},
			findings: "notice api/template.json: Other templates are here too; give the path of the one that is meant:" +
				" api/infra.yaml, template.yaml.",
		},
		"a broken one": {files: map[string]string{"template.yml": "a: b: c"}, want: []string{"template.yml"}},
		"cdk.out": {
			files: map[string]string{
				"cdk.json": "{}", "cdk.out/manifest.json": assembly, "cdk.out/S.template.json": small,
				"cdk.out/assembly-N/manifest.json": assembly, "cdk.out/asset.1/template.yaml": small,
			},
			want: []string{"cdk.out/manifest.json"},
		},
		"cdk that has not run": {
			files:    map[string]string{"cdk.json": "{}"},
			findings: "failure cdk.json: This is a CDK application without cdk.out; run cdk synth first.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := write(t, c.files)
			files, findings := sam.Find(folder)
			var got []string
			for _, file := range files {
				rel, err := filepath.Rel(folder, file)
				require.NoError(t, err)
				got = append(got, filepath.ToSlash(rel))
			}
			require.Equal(t, c.want, got)
			text := project.Text(&project.Project{Folder: folder, Findings: findings})
			require.Equal(t, c.findings, strings.TrimSpace(strings.ReplaceAll(text, "./", "")))
		})
	}
}

// Only a file that is not a template is an error, and it says where.
func TestNoTemplate(t *testing.T) {
	t.Parallel()
	const resource = "Resources:\n  A:\n    Type: AWS::SQS::Queue\n"
	for want, text := range map[string]string{
		"line 5, column 1: the YAML is not valid: found a tab character":   resource + "    Properties:\n\tQueueName: x\n",
		"line 4, column 18: the YAML is not valid: mapping values are not": resource + "    Properties: a: b\n    X: y\n",
		"line 4, column 4: the YAML is not valid":                          resource + "   Properties: {}\n",
		"line 4, column 5: the YAML is not valid":                          resource + "    Properties: {A: [b}\n    More: {}\n    B: c\n",
		"line 4, column 5: the YAML is not valid: found unexpected end":    resource + "    Properties: \"a\n    More: {}\n    B: c\n",
		"line 3, column 12: the JSON is not valid: invalid character '\"'": "{\"Resources\": {\n  \"A\": {\n    \"Type\" \"B\"}}}",
		"line 1, column 16: the JSON is not valid: unexpected end of JSON": `{"Resources": {}`,
		"the template has no Resources":                                    "AWSTemplateFormatVersion: 2010-09-09\n",
		"the template is not an object":                                    "just text",
		"the template is empty":                                            "# nothing",
		"values are nested more than 100 times":                            "A: " + strings.Repeat("[", 200) + strings.Repeat("]", 200),
		"Resources is the function Fn::ForEach::X, which runs on AWS only": "Resources: {'Fn::ForEach::X': [a, [b], {}]}",
		"too many values; CloudFormation would not accept its aliases":     bomb(),
		"the template has 1000001 bytes; CloudFormation accepts 1000000":   strings.Repeat("#", 1_000_001),
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			folder := write(t, map[string]string{"template.yaml": text})
			_, err := sam.Read(filepath.Join(folder, "template.yaml"), sam.Options{})
			require.ErrorContains(t, err, filepath.Join(folder, "template.yaml")+": ")
			require.ErrorContains(t, err, want)
		})
	}
	_, err := sam.Read(filepath.Join(t.TempDir(), "template.yaml"), sam.Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = sam.Read(t.TempDir(), sam.Options{})
	require.ErrorContains(t, err, "there is no manifest.json, as cdk synth makes one; give the path of a template")
	folder := write(t, map[string]string{"manifest.json": `{"artifacts":{"T":{"type":"cdk:tree"},"X":{"type":"cdk:cloud-assembly","properties":{"directoryName":"gone"}}}}`})
	_, err = sam.Read(folder, sam.Options{})
	require.ErrorContains(t, err, "the cloud assembly has no stacks")
}

// bomb is a short text whose aliases make many values.
func bomb() string {
	var b strings.Builder
	b.WriteString("A0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for n := range byte(9) {
		before := "*a" + string('0'+n)
		b.WriteString("A" + string('1'+n) + ": &a" + string('1'+n) + " [" + strings.Repeat(before+", ", 9) + before + "]\n")
	}
	return b.String()
}

func TestParameters(t *testing.T) {
	t.Parallel()
	const text = small + `
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref Name}}
  Other: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${Name}-${Kind}-${AWS::StackName}-${AWS::Region}"}}
  Imported: {Type: AWS::SQS::Queue, Properties: {QueueName: !ImportValue stack-name}}
  Resolved:
    Type: AWS::SSM::Parameter
    Properties: {Name: n, Value: "{{resolve:ssm-secure:/app/key:2}} {{resolve:secretsmanager:prod:SecretString:user::}}"}
Parameters:
  Name: {Type: String, Description: the name of it}
  Kind: {Type: String, AllowedValues: [a, b], AllowedPattern: "[a-z]"}
  NotUsed: {Type: String}
`
	file := filepath.Join(write(t, map[string]string{"template.yaml": text}), "template.yaml")
	var asked []string
	p, err := sam.Read(file, sam.Options{
		Parameters: map[string]string{
			"Kind": "C", "AWS::StackName": "mine", "stack-name": "exported", "/app/key": "k", "prod": `{"user":"me"}`, "Kinds": "typo",
		},
		Region: "eu-west-3",
		Ask: func(name, description string) (string, error) {
			asked = append(asked, name+": "+description)
			return "answer", nil
		},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"Name: the name of it"}, asked, "once, and only what is needed")
	require.Equal(t, []string{"exported", "answer-C-mine-eu-west-3", "answer"}, []string{p.Queues[0].Name, p.Queues[1].Name, p.Queues[2].Name})
	require.Equal(t, "k me", p.Parameters[0].Value)
	require.Equal(t, "https://sqs.eu-west-3.amazonaws.com/123456789012/answer", p.Queues[2].URL)
	require.Equal(t, []string{
		`The template has no parameter Kinds; it has Kind, Name, NotUsed.`,
		`Parameter Kind: "C" is not one of the AllowedValues a, b.`,
		`The value of the parameter Kind does not match its AllowedPattern "[a-z]".`,
	}, texts(p))

	wrong := errors.New("interrupted")
	_, err = sam.Read(file, sam.Options{Ask: func(string, string) (string, error) { return "", wrong }})
	require.ErrorIs(t, err, wrong)
}

func texts(p *project.Project) []string {
	var list []string
	for _, f := range p.Findings {
		list = append(list, f.Text)
	}
	return list
}

func TestStage(t *testing.T) {
	t.Parallel()
	const text = small + "  Other: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Api, StageName: prod, AutoDeploy: true}}\n"
	file := filepath.Join(write(t, map[string]string{"template.yaml": text}), "template.yaml")
	stages := func(want string) (names []string, findings []string) {
		p, err := sam.Read(file, sam.Options{Stage: want})
		require.NoError(t, err)
		for _, s := range p.APIs[0].Stages {
			names = append(names, s.Config.Stage)
		}
		return names, texts(p)
	}
	names, findings := stages("")
	require.Equal(t, []string{"prod", "dev"}, names)
	require.Empty(t, findings)
	names, findings = stages("dev")
	require.Equal(t, []string{"dev"}, names)
	require.Empty(t, findings)
	names, findings = stages("test")
	require.Len(t, names, 2)
	require.Equal(t, []string{`The API has no stage "test"; it has dev, prod.`}, findings)
}

// The same project has the same ids, and another one has others.
func TestIDs(t *testing.T) {
	t.Parallel()
	id := func(stack string) string {
		p, err := sam.FromTemplate(sam.Source{File: "/nowhere/serverless.yml", Template: []byte(small), StackName: stack}, sam.Options{})
		require.NoError(t, err)
		return p.APIs[0].ID
	}
	require.Equal(t, id("a"), id("a"))
	require.NotEqual(t, id("a"), id("b"))
}

// What another reader knows of code and places counts.
func TestFromTemplate(t *testing.T) {
	t.Parallel()
	const text = small + `
  Hello: {Type: AWS::Lambda::Function, Properties: {Runtime: go1.x, Handler: bin/hello, Layers: [!Ref Layer]}}
  Layer: {Type: AWS::Lambda::LayerVersion}
  I:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt Hello.Arn}
  Say:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: say, AuthorizationType: X, Target: !Sub "integrations/${I}"}
  Late:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: !Ref Nothing, DeploymentId: !Ref Deployment}
  Deployment: {Type: AWS::ApiGatewayV2::Deployment, Properties: {ApiId: !Ref Api}}
`
	p, err := sam.FromTemplate(sam.Source{
		File: "/app/serverless.yml", Files: []string{"/app/functions.yml"}, Template: []byte(text), HasPermissions: true,
		Functions: map[string]sam.Code{"Hello": {Code: "/app", Package: "/app/hello", Build: "go"}},
		Layers:    map[string]string{"Layer": "/app/layer"},
		Place: func(resource, property string) (string, int) {
			if resource == "Say" && property == "AuthorizationType" {
				return "/app/functions.yml", 7
			}
			if resource == "Late" && property == "StageName" {
				return "", 8
			}
			return "", 1
		},
	}, sam.Options{})
	require.NoError(t, err)
	requireValid(t, p)
	require.Equal(t, []string{"/app/functions.yml", "/app/serverless.yml"}, p.Files)
	require.Equal(t, "/app/hello", p.Functions[0].Package)
	require.Equal(t, []string{"/app/layer"}, p.Functions[0].Layers)
	require.Equal(t, 1, p.Functions[0].Line)
	require.Equal(t, []project.Finding{
		{
			Severity: project.Warning, File: "/app/functions.yml", Line: 7, Resource: "Say",
			Text: `The AuthorizationType of the route "say" is "X"; AWS accepts NONE, AWS_IAM and CUSTOM; it is NONE here.`,
		},
		{
			Severity: project.Warning, File: "/app/serverless.yml", Line: 8, Resource: "Late",
			Text: `There is no parameter or resource "Nothing".`,
		},
	}, p.Findings)
}

// A template in cdk.out can be read alone, and stacks of the chosen region are read.
func TestAssembly(t *testing.T) {
	t.Parallel()
	p, err := sam.Read(filepath.Join("testdata", "assembly", "ApiStack.template.json"), sam.Options{})
	require.NoError(t, err)
	require.Equal(t, "ApiStack", p.StackName)
	code, err := filepath.Abs(filepath.Join("testdata", "assembly", "asset.aaaa"))
	require.NoError(t, err)
	require.Equal(t, code, p.Function("Handler886CB40B").Code)
	require.Contains(t, strings.Join(texts(p), "\n"), "The export DataStack:ExportsOutputRefTable is of another stack")

	p, err = sam.Read(filepath.Join("testdata", "assembly"), sam.Options{Region: "eu-central-1"})
	require.NoError(t, err)
	require.Len(t, p.APIs, 1)
	require.Equal(t, "dev", p.APIs[0].Stages[0].Config.Stage)
}

// What sam build has made is used for code that must be built.
func TestBuilt(t *testing.T) {
	t.Parallel()
	const text = `
Transform: AWS::Serverless-2016-10-31
Resources:
  F:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: esbuild, BuildProperties: {EntryPoints: [src/app.ts]}}
    Properties: {Runtime: nodejs22.x, Handler: app.handler, Layers: [!Ref L]}
  L:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: nodejs22.x}
    Properties: {ContentUri: layer}
`
	folder := write(t, map[string]string{
		"template.yaml": text, "src/app.ts": "", ".aws-sam/build/F/app.js": "", ".aws-sam/build/L/nodejs/x.js": "",
	})
	p, err := sam.Read(filepath.Join(folder, "template.yaml"), sam.Options{})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(folder, ".aws-sam", "build", "F"), p.Functions[0].Code)
	require.Equal(t, []string{filepath.Join(folder, ".aws-sam", "build", "L")}, p.Functions[0].Layers)
	require.Contains(t, texts(p), "The code is what sam build has made (esbuild); run sam build again after a change.")

	require.NoError(t, os.Remove(filepath.Join(folder, ".aws-sam", "build", "F", "app.js")))
	p, err = sam.Read(filepath.Join(folder, "template.yaml"), sam.Options{})
	require.NoError(t, err)
	require.Contains(t, strings.Join(texts(p), "\n"), `app.js for the handler "app.handler"; run sam build first`)
}

// Which sources a permission must have.
func TestPermissions(t *testing.T) {
	t.Parallel()
	const text = small + `
  F: {Type: AWS::Lambda::Function, Properties: {Runtime: python3.13, Handler: a.b, Code: {ZipFile: x}}}
  I:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt F.Arn}
  R: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Api, RouteKey: say, Target: !Sub "integrations/${I}"}}
  P: {Type: AWS::Lambda::Permission, Properties: PROPERTIES}
`
	for properties, allowed := range map[string]bool{
		"{Action: lambda:InvokeFunction, FunctionName: !Ref F, Principal: apigateway.amazonaws.com}": true,
		"{Action: lambda:InvokeFunction, FunctionName: !Ref F, Principal: events.amazonaws.com}":     false,
		"{Action: lambda:GetFunction, FunctionName: !Ref F, Principal: apigateway.amazonaws.com}":    false,
		"{Action: lambda:InvokeFunction, FunctionName: other, Principal: apigateway.amazonaws.com}":  false,
		permission("${Api}/*"):             true,
		permission("${Api}/*/*"):           true,
		permission("${Api}/dev/say"):       true,
		permission("${Api}/*/*say"):        true,
		permission("${Api}/*ev/say"):       true,
		permission("${Api}/prod/*"):        false,
		permission("${Api}/*/$connect"):    false,
		permission("other/*"):              false,
		permission("${Api}/???/s?y"):       true,
		permission("${Api}/authorizers/*"): false,
	} {
		template := []byte(strings.Replace(text, "PROPERTIES", properties, 1))
		p, err := sam.FromTemplate(sam.Source{File: "/t.yaml", Template: template}, sam.Options{})
		require.NoError(t, err, properties)
		warned := strings.Contains(strings.Join(texts(p), "\n"), "API Gateway could not call F for the route say on AWS")
		require.Equal(t, allowed, !warned, properties)
	}
}

func permission(source string) string {
	return "{Action: lambda:InvokeFunction, FunctionName: !GetAtt F.Arn, Principal: apigateway.amazonaws.com, SourceArn: !Sub " +
		"'arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:" + source + "'}"
}

// FuzzRead checks that any text is read or refused, and that what is read is valid.
func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"*/*.yaml", "*/*.yml", "*/*.template.json"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern))
		require.NoError(f, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := sam.FromTemplate(sam.Source{File: "/nowhere/template.yaml", Template: text}, sam.Options{})
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		requireValid(t, p)
		_ = project.Text(p)
	})
}
