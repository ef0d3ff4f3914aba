package doctor_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	functions "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/doctor"
	"github.com/gatesock/gatesock/describe"
)

// short returns the level, check and subjects of each finding.
func short(r *doctor.Report) []string {
	all := []string{}
	for _, f := range r.Findings {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Level, f.Check, strings.Join(f.Subjects, ","))))
	}
	return all
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	report := c.examine(t)
	require.Empty(t, report.Findings)
	require.Equal(t, []string{app}, report.Functions)
	require.Equal(t, []string{tableName}, report.Tables)
	require.Equal(t, []string{queueURL}, report.Queues)
	require.Equal(t, []string{
		"quota: 1000 concurrent invocations, 900 of them not reserved",
		"quota: 10000 requests per second of all APIs with their @connections calls",
		"quota: 5000 requests in a burst",
		"quota: 500 new WebSocket connections per second",
	}, report.Facts)
	require.Len(t, report.NotChecked, 3)
	require.Equal(t, 9, c.calls["GetRoutes"], "one call for each page")
	require.Equal(t, 1, c.calls["GetFunctionConfiguration"], "a function is read once")
}

// TestMissingRights denies one operation at a time: the rest is checked.
func TestMissingRights(t *testing.T) {
	t.Parallel()
	for operation, want := range map[string][]string{
		"GetApi":                     {"error api-unread a1b2c3d4e5", `warning not-checked the API "a1b2c3d4e5"`},
		"GetStage":                   {`warning not-checked the stage "prod"`},
		"GetDeployments":             {"warning not-checked the deployments of the API"},
		"GetRoutes":                  {"warning not-checked the routes of the API"},
		"GetRouteResponses":          {"warning not-checked the responses of the routes"},
		"GetIntegrations":            {"warning not-checked the integrations of the API"},
		"GetIntegrationResponses":    {"warning not-checked the responses of the integrations"},
		"GetAuthorizers":             {"warning not-checked the authorizers of the API"},
		"GetFunctionConfiguration":   {"warning not-checked the function chat-app"},
		"GetPolicy":                  {"warning not-checked the policy of the function chat-app"},
		"GetFunctionConcurrency":     {"warning not-checked the concurrency of the function chat-app"},
		"GetFunctionRecursionConfig": {"warning not-checked the loop detection of the function chat-app"},
		"ListEventSourceMappings":    {"warning not-checked the event source mappings of the queue relay"},
		"GetAccountSettings":         {"warning not-checked the concurrency of the account"},
		"DescribeTable":              {`warning not-checked the table "chat"`},
		"DescribeTimeToLive":         {`warning not-checked the table "chat"`},
		"DescribeContinuousBackups":  {`warning not-checked the table "chat"`},
		"GetQueueAttributes":         {"warning not-checked the queue relay"},
		"GetQueueUrl":                {"warning not-checked the dead-letter queue dead"},
		"GetServiceQuota":            {"warning not-checked the quotas of API Gateway"},
		"GetAWSDefaultServiceQuota":  {"warning not-checked the quotas of API Gateway"},
	} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			c.target.Functions, c.target.Tables, c.target.Queues = []string{app}, []string{tableName}, []string{queueURL}
			c.fails[operation] = failure("AccessDeniedException")
			report := c.examine(t)
			require.Equal(t, want, short(report))
			for _, f := range report.Findings {
				require.Contains(t, f.Fix, "IAM action")
			}
		})
	}
}

// TestOtherErrors checks that errors which say nothing about the deployment end the examination,
// except those of Service Quotas, which not every network reaches.
func TestOtherErrors(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{
		"GetApi", "GetRoutes", "GetFunctionConfiguration", "GetPolicy", "DescribeTable", "GetQueueAttributes",
	} {
		for _, err := range []error{errors.New("no network"), failure("ExpiredTokenException")} {
			c := newCloud(t)
			c.fails[operation] = err
			_, got := doctor.Examine(t.Context(), c.clients(), exact(), c.target, c.app)
			require.ErrorIs(t, got, err, operation)
			require.ErrorContains(t, got, "read the ")
		}
	}
	c := newCloud(t)
	c.fails["GetServiceQuota"] = errors.New("no network")
	report := c.examine(t)
	require.Empty(t, report.Findings)
	require.Contains(t, report.NotChecked, "the account's quota of requests in a burst")
}

// TestSeveralFunctions has a function for the queue beside that of the routes.
func TestSeveralFunctions(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	worker := *c.functions[app]
	arn := strings.Replace(appARN, app, "worker", 1)
	worker.FunctionArn, worker.Timeout = &arn, aws.Int32(300)
	c.functions["worker"], c.recursion["worker"] = &worker, functions.RecursiveLoopAllow
	c.sources[0].FunctionArn = &arn
	worker.Environment = &functions.EnvironmentResponse{Variables: map[string]string{"TABLE": "other"}}
	c.queues[queueURL]["VisibilityTimeout"] = "1800"
	report := c.examine(t)
	require.Equal(t, []string{app, "worker"}, report.Functions)
	require.Equal(t, []string{
		"error variable-missing worker", "error variable-missing worker", "error variable-missing worker", "error variable-missing worker",
		"error variable-table worker",
	}, short(report))
}

// TestMetrics: a function without the variable has the namespace of the template, its default.
func TestMetrics(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	before := c.examine(t)
	c.app.Needs = append(c.app.Needs, describe.Need{Kind: "metrics", Variable: "GATESOCK_METRICS", Default: "chat"})
	require.Equal(t, before, c.examine(t))
}

func TestStack(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	target, err := doctor.Target{Region: region}.Complete(t.Context(), c, "chat")
	require.NoError(t, err)
	require.Equal(t, []string{apiID, stageName}, []string{target.API, target.Stage})
	require.Equal(t, []string{app}, target.Functions)
	require.Equal(t, []string{tableName}, target.Tables)
	require.Equal(t, []string{queueURL, deadURL}, target.Queues)
	c.target = target
	require.Empty(t, c.examine(t).Findings)
}

func TestStackThatChangedAfterItsDeployment(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.stage.AutoDeploy = nil
	c.stacks["chat"][2].LastUpdatedTimestamp = aws.Time(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC))
	target, err := doctor.Target{Region: region}.Complete(t.Context(), c, "chat")
	require.NoError(t, err)
	c.target = target
	require.Equal(t, []string{"warning deployment-stale prod"}, short(c.examine(t)))
}

func TestStackWithAFailedResource(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.stacks["chat"][5].ResourceStatus, c.stacks["chat"][5].ResourceStatusReason = "UPDATE_FAILED", aws.String("no room")
	target, err := doctor.Target{Region: region}.Complete(t.Context(), c, "chat")
	require.NoError(t, err)
	c.target = target
	report := c.examine(t)
	require.Equal(t, []string{"error stack-resource Log"}, short(report))
	require.Contains(t, report.Findings[0].Problem, "no room")
}

func TestStackProblems(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]struct {
		differ func(c *cloud)
		stack  string
		want   string
	}{
		"missing": {func(*cloud) {}, "chat-2", `there is no stack "chat-2"`},
		"no rights": {
			func(c *cloud) { c.fails["ListStackResources"] = failure("AccessDenied") }, "chat",
			"cloudformation:ListStackResources, or use --api",
		},
		"no API": {func(*cloud) {}, nestedStack, "has no API: name one with --api"},
		"two APIs": {func(c *cloud) {
			c.stacks["chat"] = append(c.stacks["chat"], resource("AWS::ApiGatewayV2::Api", "Http", "zzz"))
		}, "chat", "choose one of a1b2c3d4e5, zzz with --api"},
		"two stages": {func(c *cloud) {
			c.stacks["chat"] = append(c.stacks["chat"], resource("AWS::ApiGatewayV2::Stage", "Test", "test"))
		}, "chat", "choose one of prod, test with --stage"},
		"other error": {func(c *cloud) { c.fails["ListStackResources"] = errors.New("no network") }, "chat", "no network"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			s.differ(c)
			_, err := doctor.Target{Region: region}.Complete(t.Context(), c, s.stack)
			require.ErrorContains(t, err, s.want)
		})
	}
}
