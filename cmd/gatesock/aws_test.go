package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/describe"
)

// awsServer answers the requests of the SDK like AWS, with the deployment of the chat. DynamoDB is
// not a part of it.
type awsServer struct {
	url string

	mu      sync.Mutex
	answers map[string]string // by operation: see nameOf
}

// Names of the deployment.
const (
	awsAPI      = "a1b2c3d4e5"
	awsAccount  = "123456789012"
	awsFunction = "chat-app"
)

// newAWSServer starts a server whose deployment has no fault.
func newAWSServer(t *testing.T, region, table string) *awsServer {
	t.Helper()
	document, err := os.ReadFile(chatDescription)
	require.NoError(t, err)
	app, err := describe.Parse(document)
	require.NoError(t, err)
	a := &awsServer{answers: map[string]string{}}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	a.url = s.URL
	replace := strings.NewReplacer(
		"REGION", region, "ACCOUNT", awsAccount, "API", awsAPI, "FUNCTION", awsFunction, "TABLE_NAME", table,
	)
	for name, answer := range awsAnswers() {
		a.set(replace.Replace(name), replace.Replace(answer))
	}
	for i, r := range app.Routes {
		a.addRoute(r, i, i+1 < len(app.Routes))
	}
	return a
}

// addRoute adds a route, on a page of its own.
func (a *awsServer) addRoute(r describe.Route, page int, more bool) {
	route := map[string]any{
		"routeKey": r.Key, "routeId": fmt.Sprintf("r%d", page), "target": "integrations/proxy", "authorizationType": "NONE",
	}
	if r.Answer == describe.AnswerMock {
		route["target"] = "integrations/mock"
	}
	if r.Key == "$connect" {
		route["authorizationType"], route["authorizerId"] = "CUSTOM", "auth"
	}
	responses := `{"items":[]}`
	if r.NeedsResponse() {
		route["routeResponseSelectionExpression"] = "$default"
		responses = `{"items":[{"routeResponseKey":"$default","routeResponseId":"x"}]}`
	}
	a.set(fmt.Sprintf("/v2/apis/%s/routes/r%d/routeresponses", awsAPI, page), responses)
	name, out := "/v2/apis/"+awsAPI+"/routes", map[string]any{"items": []any{route}}
	if page > 0 {
		name += fmt.Sprintf("?nextToken=%d", page)
	}
	if more {
		out["nextToken"] = fmt.Sprint(page + 1)
	}
	text, _ := json.Marshal(out) // strings and maps of them
	a.set(name, string(text))
}

// set sets the answer to an operation: a body, or "error " and the code of a failure.
func (a *awsServer) set(name, answer string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[name] = answer
}

// nameOf returns the operation of a request: its target, its action, or its path and query.
func nameOf(r *http.Request, body []byte) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		name := target[strings.LastIndex(target, ".")+1:]
		var in struct{ QueueURL, QuotaCode string }
		_ = json.Unmarshal(body, &in)
		return strings.TrimSpace(name + " " + in.QueueURL[strings.LastIndex(in.QueueURL, "/")+1:] + in.QuotaCode)
	}
	if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") != "" {
		return strings.TrimSpace(form.Get("Action") + " " + form.Get("StackName") + " " + form.Get("NextToken"))
	}
	return r.URL.RequestURI()
}

func (a *awsServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // the JSON of one that is cut off does not parse
	name := nameOf(r, body)
	a.mu.Lock()
	answer, ok := a.answers[name]
	a.mu.Unlock()
	code, isError := strings.CutPrefix(answer, "error ")
	switch {
	case !ok:
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprintf(w, `{"message":"the test has no answer to %s"}`, name)
	case isError:
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(http.StatusForbidden)
		format := `{"__type":%q,"message":"the message of %s"}`
		if strings.HasPrefix(name, "ListStackResources") {
			format = `<ErrorResponse><Error><Code>%s</Code><Message>it does not exist, the message of %s</Message></Error></ErrorResponse>`
		}
		_, _ = fmt.Fprintf(w, format, code, code)
	default:
		_, _ = io.WriteString(w, answer)
	}
}

// awsAnswers are the answers without routes, in the form of the services.
func awsAnswers() map[string]string {
	const resources = `<ListStackResourcesResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
		<ListStackResourcesResult>
		<StackResourceSummaries>%s</StackResourceSummaries>%s</ListStackResourcesResult></ListStackResourcesResponse>`
	const member = `<member><LogicalResourceId>X</LogicalResourceId><ResourceType>%s</ResourceType>
		<PhysicalResourceId>%s</PhysicalResourceId>
		<ResourceStatus>CREATE_COMPLETE</ResourceStatus>
		<LastUpdatedTimestamp>2026-11-01T00:00:00Z</LastUpdatedTimestamp></member>`
	const arn = "arn:aws:lambda:REGION:ACCOUNT:function:FUNCTION"
	const uri = "arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/" + arn + "/invocations"
	return map[string]string{
		"ListStackResources chat": fmt.Sprintf(resources,
			fmt.Sprintf(member, "AWS::ApiGatewayV2::Api", "API")+fmt.Sprintf(
				member, "AWS::ApiGatewayV2::Stage", "prod",
			), "<NextToken>2</NextToken>"),
		"ListStackResources chat 2": fmt.Sprintf(resources,
			fmt.Sprintf(member, "AWS::Lambda::Function", "FUNCTION")+fmt.Sprintf(
				member, "AWS::DynamoDB::Table", "TABLE_NAME",
			), ""),

		"/v2/apis/API": `{"apiId":"API","name":"chat","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action",
			"apiEndpoint":"wss://API.execute-api.REGION.amazonaws.com"}`,
		"/v2/apis/API/stages/prod": `{"stageName":"prod","autoDeploy":true,"deploymentId":"d1","createdDate":"2026-11-01T00:00:00Z",
			"accessLogSettings":{"destinationArn":"arn:x","format":"{}"},
			"defaultRouteSettings":{"throttlingRateLimit":500,"throttlingBurstLimit":200,"dataTraceEnabled":false}}`,
		"/v2/apis/API/deployments": `{"items":[{"deploymentId":"d1","deploymentStatus":"DEPLOYED","createdDate":"2026-11-01T00:00:00Z"}]}`,
		"/v2/apis/API/integrations": `{"items":[{"integrationId":"proxy","integrationType":"AWS_PROXY","integrationMethod":"POST","integrationUri":"` + uri + `",
			"timeoutInMillis":29000},{"integrationId":"mock","integrationType":"MOCK","templateSelectionExpression":"200",
			"requestTemplates":{"200":"{\"statusCode\":200}"}}]}`,
		"/v2/apis/API/integrations/mock/integrationresponses": `{"items":[{"integrationResponseKey":"$default",
			"responseTemplates":{"200":"{\"action\":\"keepalive\",\"data\":null}"}}]}`,
		"/v2/apis/API/authorizers": `{"items":[{"authorizerId":"auth","authorizerType":"REQUEST","authorizerUri":"` + uri + `"}]}`,

		"/2015-03-31/functions/FUNCTION/configuration": `{"FunctionName":"FUNCTION","FunctionArn":"` + arn + `","Runtime":"provided.al2023",
			"Architectures":["arm64"],"State":"Active","LastUpdateStatus":"Successful","MemorySize":512,"Timeout":29,"Environment":{"Variables":{
			"AUDIENCE":"chat","ISSUER":"https://issuer.example.com","TABLE":"TABLE_NAME","FANOUT_QUEUE":"https://sqs.REGION.amazonaws.com/ACCOUNT/relay",
			"GATEWAY_ENDPOINT":"https://API.execute-api.REGION.amazonaws.com/prod"}}}`,
		"/2015-03-31/functions/FUNCTION/policy": `{"Policy":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"apigateway.amazonaws.com\"},` +
			`\"Action\":\"lambda:InvokeFunction\",\"Condition\":{\"ArnLike\":{\"AWS:SourceArn\":\"arn:aws:execute-api:REGION:ACCOUNT:API/*\"}}}]}"}`,
		"/2019-09-30/functions/FUNCTION/concurrency":      `{}`,
		"/2024-08-31/functions/FUNCTION/recursion-config": `{"RecursiveLoop":"Allow"}`,
		"/2015-03-31/event-source-mappings?EventSourceArn=arn%3Aaws%3Asqs%3AREGION%3AACCOUNT%3Arelay": `{"EventSourceMappings":[{"UUID":"u",
			"EventSourceArn":"arn:aws:sqs:REGION:ACCOUNT:relay","FunctionArn":"` + arn + `","State":"Enabled","BatchSize":1,
			"FunctionResponseTypes":["ReportBatchItemFailures"]}]}`,
		"/2016-08-19/account-settings": `{"AccountLimit":{"ConcurrentExecutions":1000,"UnreservedConcurrentExecutions":1000}}`,

		"GetQueueAttributes relay": `{"Attributes":{"QueueArn":"arn:aws:sqs:REGION:ACCOUNT:relay","VisibilityTimeout":"174",
			"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:REGION:ACCOUNT:dead\"}"}}`,
		"GetQueueAttributes dead":              `{"Attributes":{"ApproximateNumberOfMessages":"0"}}`,
		"GetQueueUrl":                          `{"QueueUrl":"https://sqs.REGION.amazonaws.com/ACCOUNT/dead"}`,
		"GetServiceQuota L-8A5B8E43":           `{"Quota":{"Value":10000}}`,
		"GetServiceQuota L-CDF5615A":           `{"Quota":{"Value":5000}}`,
		"GetServiceQuota L-9ED1E49A":           "error NoSuchResourceException",
		"GetAWSDefaultServiceQuota L-9ED1E49A": `{"Quota":{"Value":500}}`,
	}
}
