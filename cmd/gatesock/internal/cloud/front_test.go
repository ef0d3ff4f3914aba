package cloud

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

func TestServiceOf(t *testing.T) {
	t.Parallel()
	const scope = "AWS4-HMAC-SHA256 Credential=AKID/20300101/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
	for _, test := range []struct{ host, authorization, target, query, want string }{
		{"127.0.0.1:99", scope, "", "", "sqs"},
		{"dynamodb.eu-west-1.amazonaws.com", scope, "AWSEvents.PutEvents", "", "sqs"},
		{"127.0.0.1", "AWS4-ECDSA-P256-SHA256 Credential=A/20300101/events/aws4_request,SignedHeaders=x", "", "", "events"},
		{"127.0.0.1", "", "", "?X-Amz-Credential=A%2F20300101%2Feu-west-1%2Fs3%2Faws4_request", "s3"},
		{"sqs.eu-west-1.amazonaws.com", "", "", "", "sqs"},
		{"SQS.eu-west-1.amazonaws.com:443", "", "", "", "sqs"},
		{"eu-west-1.queue.amazonaws.com", "", "", "", "sqs"},
		{"123456789012.ddb.eu-west-1.amazonaws.com", "", "", "", "dynamodb"},
		{"streams.dynamodb.eu-west-1.amazonaws.com", "", "", "", "dynamodb"},
		{"sts.amazonaws.com", "", "", "", "sts"},
		{"sqs.s3.eu-west-1.amazonaws.com", "", "", "", "s3"},
		{"dynamodb.cn-north-1.amazonaws.com.cn", "", "", "", "dynamodb"},
		{"lambda-fips.us-east-1.api.aws", "", "", "", "lambda"},
		{"cognito-idp.eu-west-1.amazonaws.com", "", "", "", "cognito-idp"},
		{"localhost:4566", "Bearer x", "AmazonSQS.SendMessage", "", "sqs"},
		{"localhost", "", "DynamoDBStreams_20120810.GetRecords", "", "dynamodb"},
		{"localhost", "", "secretsmanager.GetSecretValue", "", "secretsmanager"},
		{"localhost", "", "", "", ""},
		{"amazonaws.com.example.org", "", "", "", ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/"+test.query, nil)
		r.Host = test.host
		if test.authorization != "" {
			r.Header.Set("Authorization", test.authorization)
		}
		if test.target != "" {
			r.Header.Set("X-Amz-Target", test.target)
		}
		require.Equal(t, test.want, ServiceOf(r), "%+v", test)
	}
}

// TestRefusals: a service that is not there is named, in the form that the SDK of the request
// reads.
func TestRefusals(t *testing.T) {
	t.Parallel()
	inWorld(t, &project.Project{}, func(w *world) {
		for _, test := range []struct{ host, target, kind, body string }{
			{"cognito-idp.eu-west-1.amazonaws.com", "AWSCognito.SignUp", "application/x-amz-json-1.1", `"__type":"NotImplemented"`},
			{"bucket.s3.eu-west-1.amazonaws.com", "", "application/xml", "<Error><Code>NotImplemented</Code>"},
			{"s3.eu-west-1.amazonaws.com", "", "application/xml", "<Error><Code>NotImplemented</Code>"},
			{"ses.eu-west-1.amazonaws.com", "", "text/xml", "<ErrorResponse "},
			{"scheduler.eu-west-1.amazonaws.com", "", "application/json", `"Message":"gatesock dev does not serve scheduler`},
		} {
			r := httptest.NewRequestWithContext(w.t.Context(), "POST", "/key", nil)
			r.Host = test.host
			if strings.HasPrefix(test.host, "ses") {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
			}
			if test.target != "" {
				r.Header.Set("X-Amz-Target", test.target)
			}
			answer := httptest.NewRecorder()
			w.cloud.ServeHTTP(answer, r)
			require.Equal(w.t, 501, answer.Code)
			require.Equal(w.t, test.kind, answer.Header().Get("Content-Type"), test.host)
			require.Contains(w.t, answer.Body.String(), test.body)
		}
		require.Len(w.t, w.texts(KindRefused), 5)
		require.Equal(w.t, "gatesock dev does not serve cognito-idp (POST AWSCognito.SignUp)", w.texts(KindRefused)[0])
		api := dynamodb.New(dynamodb.Options{
			Region: region, Credentials: keys(), HTTPClient: w.http(), Retryer: aws.NopRetryer{},
		})
		_, err := api.ListTables(w.t.Context(), nil)
		require.ErrorContains(w.t, err, "NotImplemented: gatesock dev runs no DynamoDB here: the project declares no table")
		require.NotContains(w.t, w.cloud.Services(), "dynamodb")
	})
}

func TestCallerIdentity(t *testing.T) {
	t.Parallel()
	inWorld(t, &project.Project{}, func(w *world) {
		api := sts.New(sts.Options{Region: region, Credentials: keys(), HTTPClient: w.http(), Retryer: aws.NopRetryer{}})
		out, err := api.GetCallerIdentity(w.t.Context(), nil)
		require.NoError(w.t, err)
		require.Equal(w.t, account, *out.Account)
		_, err = api.AssumeRole(w.t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:x"), RoleSessionName: aws.String("y")})
		require.ErrorContains(w.t, err, "InvalidAction: gatesock dev does not serve AssumeRole of sts")
		require.Len(w.t, w.texts(KindRefused), 1)
	})
}

func TestStartNeedsFunctions(t *testing.T) {
	t.Parallel()
	_, err := Start(context.Background(), Config{Project: &project.Project{}})
	require.ErrorContains(t, err, "a way to invoke")
}

// post calls an operation of a service with a JSON protocol, whose client the module does not have.
func (w *world) post(target, body string) (status int, answer string) {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), "POST", "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", target)
	got := httptest.NewRecorder()
	w.cloud.ServeHTTP(got, r)
	return got.Code, got.Body.String()
}

func TestParametersAndSecrets(t *testing.T) {
	t.Parallel()
	p := &project.Project{
		Parameters: []project.Parameter{{ID: "P", Name: "/app/key", Type: "String", Value: "v"}, {ID: "Q", Name: "/app/deep/key", Type: "String", Value: "w"}},
		Secrets:    []project.Secret{{ID: "S", Name: "db", ARN: arn("secretsmanager", "secret:db-AbCdEf"), Value: "hidden"}},
	}
	p.Region, p.AccountID = region, account
	w := newWorld(t, p, func(cfg *Config) {
		cfg.Parameters, cfg.Secrets = map[string]string{"/other": "o"}, map[string]string{"token": "t"}
	})
	defer func() { require.NoError(t, w.cloud.Close(t.Context())) }()
	value := func(name string) string {
		status, answer := w.post("AmazonSSM.GetParameter", `{"Name":"`+name+`","WithDecryption":true}`)
		require.Equal(t, 200, status, answer)
		return decode(t, answer)["Parameter"].(map[string]any)["Value"].(string)
	}
	require.Equal(t, "v", value("/app/key"))
	require.Equal(t, "v", value("/app/key:1"))
	require.Equal(t, "v", value(arn("ssm", "parameter/app/key")))
	require.Equal(t, "o", value("/other"))
	status, answer := w.post("AmazonSSM.GetParameter", `{"Name":"/none"}`)
	require.Equal(t, 400, status)
	require.Equal(t, "ParameterNotFound", decode(t, answer)["__type"])
	_, answer = w.post("AmazonSSM.GetParameters", `{"Names":["/app/key","/none"]}`)
	require.Len(t, decode(t, answer)["Parameters"], 1)
	require.Equal(t, []any{"/none"}, decode(t, answer)["InvalidParameters"])
	_, answer = w.post("AmazonSSM.GetParametersByPath", `{"Path":"/app"}`)
	require.Len(t, decode(t, answer)["Parameters"], 1)
	_, answer = w.post("AmazonSSM.GetParametersByPath", `{"Path":"/app/","Recursive":true}`)
	require.Len(t, decode(t, answer)["Parameters"], 2)

	for id, want := range map[string]string{
		"db": "hidden", arn("secretsmanager", "secret:db-AbCdEf"): "hidden", arn("secretsmanager", "secret:db"): "hidden",
		"token": "t", arn("secretsmanager", "secret:token-123456"): "t",
	} {
		status, answer := w.post("secretsmanager.GetSecretValue", `{"SecretId":"`+id+`"}`)
		require.Equal(t, 200, status, answer)
		require.Equal(t, want, decode(t, answer)["SecretString"], id)
	}
	status, answer = w.post("secretsmanager.GetSecretValue", `{"SecretId":"none"}`)
	require.Equal(t, 400, status)
	require.Equal(t, "ResourceNotFoundException", decode(t, answer)["__type"])
	status, _ = w.post("secretsmanager.PutSecretValue", `{}`)
	require.Equal(t, 400, status)
	require.Equal(t, []string{"gatesock dev does not serve PutSecretValue of secretsmanager"}, w.texts(KindRefused))
}
