package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/doctor"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// patient returns a tool and the server that it takes for AWS; tables are those of DynamoDB Local.
func patient(t *testing.T, table string) (*tool, *awsServer) {
	t.Helper()
	x := newTool(t)
	local := dynamotest.Local(t).Options()
	a := newAWSServer(t, local.Region, table)
	key, err := local.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	x.set("AWS_REGION", local.Region)
	x.set("AWS_ACCESS_KEY_ID", key.AccessKeyID)
	x.set("AWS_SECRET_ACCESS_KEY", key.SecretAccessKey)
	x.set("AWS_SESSION_TOKEN", "")
	x.set("AWS_ENDPOINT_URL", a.url)
	x.set("AWS_ENDPOINT_URL_DYNAMODB", *local.BaseEndpoint)
	x.set("AWS_MAX_ATTEMPTS", "1")
	return x, a
}

// localTable makes a table of DynamoDB Local and returns its name.
func localTable(t *testing.T, sortKey, timeToLive string) string {
	t.Helper()
	client, name := dynamotest.Local(t), "doctor-"+dynamotest.Namespace(t)
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: &sortKey, AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{
				AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash,
			}, {AttributeName: &sortKey, KeyType: types.KeyTypeRange},
		},
		DeletionProtectionEnabled: aws.Bool(false),
	})
	require.NoError(t, err)
	if timeToLive == "" {
		return name
	}
	_, err = client.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName: &name, TimeToLiveSpecification: &types.TimeToLiveSpecification{
			AttributeName: &timeToLive, Enabled: aws.Bool(true),
		},
	})
	require.NoError(t, err)
	return name
}

// checks returns the levels and names of the findings that a command printed.
func checks(t *testing.T, output string) []string {
	t.Helper()
	var report doctor.Report
	require.NoError(t, json.Unmarshal([]byte(output), &report), "%s", output)
	require.NotContains(t, output, "null", "lists are never null")
	found := map[string]bool{}
	for _, f := range report.Findings {
		found[string(f.Level)+" "+f.Check] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// TestDoctor examines deployments by the clients of the SDK.
func TestDoctor(t *testing.T) {
	t.Parallel()
	good := localTable(t, "sk", "exp")
	for name, c := range map[string]struct {
		table  string
		break_ func(a *awsServer) //nolint:revive // break is a keyword
		args   string
		status int
		want   []string
	}{
		"a stack": {good, func(*awsServer) {}, "--stack chat", 0, nil},
		"an API":  {good, func(*awsServer) {}, "--api a1b2c3d4e5 --stage prod --strict", 0, nil},
		"no route response": {good, func(a *awsServer) {
			a.set("/v2/apis/a1b2c3d4e5/routes/r4/routeresponses", `{"items":[]}`)
		}, "--stack chat", 1, []string{"error response-missing"}},
		"no rights": {good, func(a *awsServer) {
			a.set("/2015-03-31/functions/chat-app/policy", "error AccessDeniedException")
		}, "--stack chat", 0, []string{"warning not-checked"}},
		"no rights, strict": {good, func(a *awsServer) {
			a.set("/2015-03-31/functions/chat-app/policy", "error AccessDeniedException")
		}, "--stack chat --strict", 1, []string{"warning not-checked"}},
		"no such function": {good, func(a *awsServer) {
			a.set("/2015-03-31/functions/chat-app/configuration", "error ResourceNotFoundException")
		}, "--stack chat", 1, []string{"error function-missing"}},
		"no time to live": {localTable(t, "sk", ""), func(*awsServer) {}, "--stack chat", 1, []string{"error ttl"}},
		"other attribute": {localTable(t, "sk", "ttl"), func(*awsServer) {}, "--stack chat", 1, []string{"error ttl"}},
		"other sort key": {
			localTable(t, "range", "exp"), func(*awsServer) {}, "--stack chat", 1, []string{"error table-keys"},
		},
		"no such table": {"gone", func(*awsServer) {}, "--stack chat", 1, []string{"error variable-table"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, a := patient(t, c.table)
			c.break_(a)
			args := append([]string{"doctor", "--from", chatDescription, "--json"}, strings.Fields(c.args)...)
			out, problems, status := x.run(args...)
			require.Equal(t, c.status, status, "%s%s", out, problems)
			require.Empty(t, problems)
			// DynamoDB Local has no recovery to a point in time.
			got := slices.DeleteFunc(
				checks(t, out), func(s string) bool { return s == "note deletion-protection" || s == "warning recovery" },
			)
			require.ElementsMatch(t, c.want, got)
		})
	}
}

// TestDoctorText checks the output for people.
func TestDoctorText(t *testing.T) {
	t.Parallel()
	x, a := patient(t, localTable(t, "sk", "exp"))
	a.set("/v2/apis/a1b2c3d4e5/routes/r4/routeresponses", `{"items":[]}`)
	out, problems, status := x.run("doctor", "--from", chatDescription, "--stack", "chat")
	require.Equal(t, 1, status, "%s", problems)
	require.Empty(t, problems)
	require.Contains(t, out, "\nRoutes\n  error    join: the route has no RouteResponse with the key $default\n")
	require.Contains(t, out, "\n1 error, 0 warnings, 1 note. Not checked, see above: ")
	require.Contains(t, out, "\n  clock of this machine: ")
}

// TestDoctorFails checks the command lines and the answers with which nothing can be examined.
func TestDoctorFails(t *testing.T) {
	t.Parallel()
	const stack, api = "/v2/apis/a1b2c3d4e5", "--api a1b2c3d4e5 --stage prod"
	for name, c := range map[string]struct {
		args   string
		differ func(x *tool, a *awsServer)
		want   string
	}{
		"no deployment": {"", nil, "name the deployment: --stack, or --api and --stage\nRun gatesock help"},
		"no stage":      {"--api a", nil, "name the deployment"},
		"region":        {api + " --region x/y", nil, "--region: \"x/y\" is not a region"},
		"endpoint":      {api + " --endpoint localhost", nil, "is not an address"},
		"a package too": {api + " ./x", nil, "--from replaces the package"},
		"no such stack": {
			"--stack gone", func(_ *tool, a *awsServer) { a.set("ListStackResources gone", "error ValidationError") },
			`there is no stack "gone" in this region: check --stack`,
		},
		"no region": {api, func(x *tool, _ *awsServer) { x.unconfigured() }, "no AWS region: use --region"},
		"no credentials": {
			api + " --region eu-central-1", func(x *tool, _ *awsServer) { x.unconfigured() },
			"no AWS credentials: set AWS_ACCESS_KEY_ID",
		},
		"an old token": {
			api, func(_ *tool, a *awsServer) { a.set(stack, "error ExpiredTokenException") },
			"refuses the credentials: the message of ExpiredTokenException: check --profile",
		},
		"another server": {api, func(_ *tool, a *awsServer) { a.set(stack, "error UnknownError") }, "the message of UnknownError"},
		"no server":      {api + " --endpoint http://127.0.0.1:1", nil, "can't reach http://127.0.0.1:1: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, a := patient(t, "chat")
			if c.differ != nil {
				c.differ(x, a)
			}
			problems := x.fails(misused, append([]string{"doctor", "--from", chatDescription}, strings.Fields(c.args)...)...)
			require.Contains(t, problems, "gatesock: ")
			require.Contains(t, problems, c.want)
		})
	}
	require.Contains(
		t, newTool(t).fails(misused, "doctor", "--from", "gone.json", "--stack", "chat"), "gone.json: no such file",
	)
}
