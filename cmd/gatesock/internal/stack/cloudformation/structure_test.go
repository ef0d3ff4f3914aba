package cloudformation_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/stacktest"
	"github.com/gatesock/gatesock/eventmux"
)

func TestStructure(t *testing.T) {
	t.Parallel()
	for name, s := range stacktest.Services(t) {
		for _, f := range formats() {
			t.Run(name+" "+f.name, func(t *testing.T) {
				t.Parallel()
				template, err := parse(f.template(t, s))
				require.NoError(t, err)
				require.Empty(t, problems(s.App, expand(template)))
			})
		}
	}
}

// TestBroken breaks the template of the chat in ways that the checks must find.
func TestBroken(t *testing.T) {
	t.Parallel()
	for name, m := range mutants() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stacktest.Services(t)["chat"]
			template, err := parse(formats()[0].template(t, s))
			require.NoError(t, err)
			m.change(template["Resources"].(tree))
			require.Contains(t, strings.Join(problems(s.App, template), "\n"), m.want)
		})
	}
}

// TestBrokenSources breaks what the chat does not have.
func TestBrokenSources(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]mutant{
		"no permission of a topic":    {drop("NewsTopicPermission"), "NewsTopicSource may not invoke its function"},
		"another topic":               {set(ref("TopicArn"), "NewsTopicPermission", "Properties", "SourceArn"), "NewsTopicSource may not invoke its function"},
		"no permission of a rule":     {drop("EventsPermission"), "EventsSource may not invoke its function"},
		"no URL":                      {drop("HttpUrl"), "0 sources http of the program call it"},
		"a stream that is not read":   {drop("ClicksStreamSource"), "0 sources kinesis of the program call it"},
		"a topic without permissions": {set("arn:aws:sns:*", "NewsTopicPermission", "Properties", "SourceArn"), "NewsTopicPermission has a wildcard"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stacktest.Services(t)["sources"]
			template, err := parse(formats()[0].template(t, s))
			require.NoError(t, err)
			m.change(template["Resources"].(tree))
			require.Contains(t, strings.Join(problems(s.App, template), "\n"), m.want)
		})
	}
}

// TestBrokenWatch breaks the alarms and the dashboard of the observed chat.
func TestBrokenWatch(t *testing.T) {
	t.Parallel()
	dimension := func(alarm string, i int) []string {
		return []string{alarm, "Properties", "Dimensions", fmt.Sprint(i), "Value"}
	}
	body := func(old, broken string) func(tree) {
		return func(r tree) {
			sub := list(at(r, "Dashboard", "Properties", "DashboardBody", "Fn::Sub"))
			sub[0] = strings.Replace(sub[0].(string), old, broken, 1)
		}
	}
	for name, m := range map[string]mutant{
		"another dimension":       {setIn(ref("Table"), dimension("AppFunctionThrottlesAlarm", 0)...), `AppFunctionThrottlesAlarm has the dimension FunctionName of "Table"`},
		"the ARN of a queue":      {setIn(tree{"Fn::GetAtt": []any{"FanoutQueue", "Arn"}}, dimension("FanoutQueueAgeAlarm", 0)...), "FanoutQueueAgeAlarm has the dimension QueueName"},
		"a dimension less":        {set([]any{}, "ClientErrorAlarm", "Properties", "Dimensions"), "AWS/ApiGateway ClientError by , which nobody writes"},
		"no such metric":          {set("ClientErrors", "ClientErrorAlarm", "Properties", "MetricName"), "ClientErrors by ApiId, Stage, which nobody writes"},
		"no such observed metric": {setIn("PostsLost", failedPosts("MetricName")...), "gatesock PostsLost by Function, which nobody writes"},
		"another namespace":       {setIn("chat", failedPosts("Namespace")...), "chat PostsFailed by Function, which nobody writes"},
		"too many points":         {set(16, "AppPostsFailedAlarm", "Properties", "DatapointsToAlarm"), "AppPostsFailedAlarm needs 16 of 15 periods"},
		"no action":               {set(nil, "ClientErrorAlarm", "Properties", "AlarmActions"), "ClientErrorAlarm has nobody to notify"},
		"no action at the end":    {set(nil, "CostAlarm", "Properties", "OKActions"), "CostAlarm has nobody to notify"},
		"another action":          {set([]any{ref("FanoutQueue")}, "ClientErrorAlarm", "Properties", "AlarmActions"), "ClientErrorAlarm has nobody to notify"},
		"no policy of the topic":  {drop("AlarmTopicPolicy"), "ClientErrorAlarm has nobody to notify"},
		"a policy for all":        {func(r tree) { topicStatement(r)["Condition"] = nil }, "ClientErrorAlarm has nobody to notify"},
		"nothing to do":           {set("Errors.", "ClientErrorAlarm", "Properties", "AlarmDescription"), "ClientErrorAlarm does not say what to do"},
		"a long text": {func(r tree) {
			p := at(r, "CostAlarm", "Properties").(tree)
			p["AlarmDescription"] = strings.Repeat("x", 999) + p["AlarmDescription"].(string)
		}, "CostAlarm does not say what to do"},
		"an idle service":       {set("breaching", "ClientErrorAlarm", "Properties", "TreatMissingData"), "ClientErrorAlarm is on while nothing happens"},
		"no threshold":          {set(nil, "ClientErrorAlarm", "Properties", "Threshold"), "ClientErrorAlarm has no threshold"},
		"too many periods":      {set(1441, "ClientErrorAlarm", "Properties", "EvaluationPeriods"), "ClientErrorAlarm looks at 1441 periods"},
		"few samples":           {set(nil, "IntegrationLatencyAlarm", "Properties", "EvaluateLowSampleCountPercentile"), "IntegrationLatencyAlarm does not say what few samples mean"},
		"a search":              {setIn("SEARCH('a')", "CostAlarm", "Properties", "Metrics", "6", "Expression"), "CostAlarm has the expressions"},
		"an unknown id":         {setIn("FILL(message, 0)", "CostAlarm", "Properties", "Metrics", "6", "Expression"), "CostAlarm has an expression with the unknown id message"},
		"two results":           {setIn(true, "CostAlarm", "Properties", "Metrics", "0", "ReturnData"), "CostAlarm has the expressions"},
		"a function without":    {drop("AppFunctionErrorsAlarm"), "AppFunction has 0 alarms on Errors"},
		"a table without":       {drop("TableWriteThrottlesAlarm"), "Table has 0 alarms on WriteThrottleEvents"},
		"no dead letters":       {drop("FanoutQueueDeadLettersAlarm"), "FanoutQueueDeadLetters has 0 alarms"},
		"no dashboard":          {drop("Dashboard"), "there are 0 dashboards"},
		"no JSON":               {body("[", ""), "it is not a dashboard"},
		"a widget's member":     {body(`"period"`, `"periods"`), "unknown field"},
		"a widget's metric":     {body(`"ConnectCount"`, `"ConnectionCount"`), "Dashboard shows AWS/ApiGateway ConnectionCount"},
		"a widget's search":     {body(`MetricName=\"Duration\"`, `MetricName=\"Durations\"`), "Dashboard shows gatesock Durations"},
		"a widget's dimension":  {body(`"FunctionName","${AppFunction}"`, `"FunctionName","${Table}"`), `Dashboard has the dimension FunctionName of "Table"`},
		"a widget's place":      {body(`"x":8,`, `"x":7,`), "two widgets are at"},
		"a widget's title":      {body(`in?"`, `in"`), "is not a question"},
		"an alarm that is left": {body(`"${ClientErrorAlarm.Arn}",`, ""), "Dashboard has the alarm ClientErrorAlarm: false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stacktest.Services(t)["observed"]
			template, err := parse(formats()[0].template(t, s))
			require.NoError(t, err)
			m.change(template["Resources"].(tree))
			require.Contains(t, strings.Join(problems(s.App, template), "\n"), m.want)
		})
	}
}

func topicStatement(r tree) tree {
	return list(at(r, "AlarmTopicPolicy", "Properties", "PolicyDocument", "Statement"))[0].(tree)
}

// failedPosts returns the path of a property of the first metric of an alarm.
func failedPosts(property string) []string {
	return []string{"AppPostsFailedAlarm", "Properties", "Metrics", "0", "MetricStat", "Metric", property}
}

// setIn is set with a path that may have indexes of lists.
func setIn(value any, path ...string) func(tree) {
	return func(r tree) {
		var in any = r
		for _, key := range path[:len(path)-1] {
			if items, ok := in.([]any); ok {
				i, _ := strconv.Atoi(key)
				in = items[i]
				continue
			}
			in = at(in, key)
		}
		in.(tree)[path[len(path)-1]] = value
	}
}

// TestBrokenSAM breaks what is different in the template for SAM.
func TestBrokenSAM(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]mutant{
		"no route response":         {drop("SayRouteResponse"), "the route say answers: true, selects a response: $default, has one: false"},
		"no selection of responses": {set(nil, "Api", "Properties", "Routes", "say", "RouteResponseSelectionExpression"), "the route say answers: true, selects"},
		"a response of a one-way":   {set(ref("ApiTypingRoute"), "SayRouteResponse", "Properties", "RouteId"), "the route typing answers: false"},
		"a route as AWS's page has": {set(ref("ApisayRoute"), "SayRouteResponse", "Properties", "RouteId"), "Ref of ApisayRoute, which does not exist"},
		"a mock of SAM":             {drop("KeepaliveIntegration"), "KeepaliveRoute has no integration"},
		"no integration response":   {drop("KeepaliveIntegrationResponse"), "KeepaliveIntegration has no integration response"},
		"no authorizer":             {set(nil, "Api", "Properties", "Auth"), "ApiConnectRoute has an authorizer: false"},
		"no alias":                  {set(nil, "AppFunction", "Properties", "AutoPublishAlias"), "Ref of AppFunctionAliaslive, which does not exist"},
		"everything":                {func(r tree) { statement(r, 1)["Resource"] = "*" }, "AppRole allows something on *"},
		"another stage":             {set(ref("Stage"), "DomainMapping", "Properties", "Stage"), "the domain has another stage"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stacktest.Services(t)["chat"]
			template, err := parse(formats()[1].template(t, s))
			require.NoError(t, err)
			m.change(template["Resources"].(tree))
			require.Contains(t, strings.Join(problems(s.App, expand(template)), "\n"), m.want)
		})
	}
}

// TestBrokenRules breaks what devices need.
func TestBrokenRules(t *testing.T) {
	t.Parallel()
	sql := eventmux.IoTSQL("readings", "+/+/commands")
	for name, m := range map[string]mutant{
		"no rule":              {drop("ReadingsRule"), "1 sources iot of the program call it, and there are 2"},
		"another filter":       {set(sql, "ReadingsRule", "Properties", "TopicRulePayload", "Sql"), "1 sources iot of the program call it, and there are 2"},
		"no permission":        {drop("ReadingsRulePermission"), "ReadingsRule may not invoke its function"},
		"a permission for all": {set(nil, "ReadingsRulePermission", "Properties", "SourceArn"), "ReadingsRule may not invoke its function"},
		"every topic": {func(r tree) {
			statement(r, 1)["Resource"] = tree{"Fn::Sub": "arn:${AWS::Partition}:iot:${AWS::Region}:${AWS::AccountId}:topic/*"}
		}, "AppRole allows something on map[Fn::Sub:arn:${AWS::Partition}:iot:"},
		"a topic less": {func(r tree) { statement(r, 2)["Action"] = "iot:Connect" }, "no function may do iot:Publish for IOT_ENDPOINT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stacktest.Services(t)["sources"]
			template, err := parse(formats()[0].template(t, s))
			require.NoError(t, err)
			require.Empty(t, problems(s.App, template))
			m.change(template["Resources"].(tree))
			require.Contains(t, strings.Join(problems(s.App, template), "\n"), m.want)
		})
	}
}

// mutant is a mistake in a template, and what a check says about it.
type mutant struct {
	change func(resources tree)
	want   string
}

// drop removes a resource.
func drop(id string) func(tree) { return func(r tree) { delete(r, id) } }

// set changes the value at a path; nil is as if it were not there.
func set(value any, path ...string) func(tree) {
	return func(r tree) {
		last := len(path) - 1
		at(r, path[:last]...).(tree)[path[last]] = value
	}
}

// statement returns a statement of the policy of the function's role.
func statement(r tree, i int) tree {
	return at(list(at(r, "AppRole", "Properties", "Policies"))[0], "PolicyDocument", "Statement").([]any)[i].(tree)
}

func mutants() map[string]mutant {
	const elsewhere = "arn:aws:execute-api:eu-west-1:111122223333:abc/prod/*"
	return map[string]mutant{
		"no route response":           {drop("SayRouteResponse"), "the route say answers: true, selects a response: $default, has one: false"},
		"no selection of responses":   {set(nil, "SayRoute", "Properties", "RouteResponseSelectionExpression"), "the route say answers: true, selects a response: <nil>"},
		"another response key":        {set("$other", "SayRouteResponse", "Properties", "RouteResponseKey"), "SayRouteResponse is not the response $default"},
		"a response of a one-way":     {set(ref("TypingRoute"), "SayRouteResponse", "Properties", "RouteId"), "the route typing answers: false"},
		"no route":                    {drop("JoinRoute"), "the route join is missing"},
		"another key":                 {set("speak", "SayRoute", "Properties", "RouteKey"), `the key "speak"`},
		"no integration":              {drop("AppIntegration"), "SayRoute has no integration"},
		"no integration response":     {drop("KeepaliveIntegrationResponse"), "KeepaliveIntegration has no integration response"},
		"another frame":               {set(tree{"200": `{}`}, "KeepaliveIntegrationResponse", "Properties", "ResponseTemplates"), "KeepaliveIntegrationResponse answers"},
		"no request template":         {set(nil, "KeepaliveIntegration", "Properties", "RequestTemplates"), "KeepaliveIntegration has no request template"},
		"a mock of a function":        {set("MOCK", "AppIntegration", "Properties", "IntegrationType"), "the route say has the wrong kind of integration"},
		"no permission":               {drop("AppPermission"), "the API may not invoke the function of SayRoute"},
		"another API's permission":    {set(elsewhere, "AppPermission", "Properties", "SourceArn"), "AppPermission is not for this stage of this API"},
		"a permission for all":        {set(nil, "AppPermission", "Properties", "SourceArn"), "AppPermission names no source"},
		"another function":            {set(ref("Other"), "AppPermission", "Properties", "FunctionName"), "the API may not invoke the function of SayRoute"},
		"no authorizer permission":    {drop("AuthorizerInvokePermission"), "the API may not invoke Authorizer"},
		"no authorizer":               {set("NONE", "ConnectRoute", "Properties", "AuthorizationType"), "ConnectRoute has an authorizer: false"},
		"an identity source":          {set([]any{"route.request.header.A"}, "Authorizer", "Properties", "IdentitySource"), "Authorizer has the identity sources"},
		"everything":                  {func(r tree) { statement(r, 1)["Resource"] = "*" }, "AppRole allows something on *"},
		"every action":                {func(r tree) { statement(r, 1)["Action"] = "sqs:*" }, "AppRole allows sqs:*"},
		"another right":               {func(r tree) { statement(r, 1)["Action"] = "sqs:PurgeQueue" }, "no function may do sqs:SendMessage for FANOUT_QUEUE"},
		"a managed policy":            {set([]any{"arn:aws:iam::aws:policy/A"}, "AppRole", "Properties", "ManagedPolicyArns"), "AppRole has managed policies"},
		"no log group":                {drop("AppLogGroup"), "AppFunction has no log group"},
		"a log for ever":              {set(nil, "AccessLogGroup", "Properties", "RetentionInDays"), "AccessLogGroup keeps its events for ever"},
		"no variable":                 {set(nil, "AppFunction", "Properties", "Environment", "Variables", "TABLE"), "AppFunction has no variable TABLE"},
		"an ended loop":               {set(nil, "AppFunction", "Properties", "RecursiveLoop"), "AppFunction has the wrong RecursiveLoop"},
		"a table that goes":           {set("Delete", "Table", "DeletionPolicy"), "Table is lost with the stack"},
		"a table that is replaced":    {set(nil, "Table", "UpdateReplacePolicy"), "Table is lost with the stack"},
		"no recovery":                 {set(nil, "Table", "Properties", "PointInTimeRecoverySpecification"), "Table has no point-in-time recovery"},
		"no time to live":             {set(nil, "Table", "Properties", "TimeToLiveSpecification"), "Table has the wrong time to live"},
		"other keys":                  {set([]any{}, "Table", "Properties", "KeySchema"), "Table has the keys []"},
		"provisioned":                 {set("PROVISIONED", "Table", "Properties", "BillingMode"), "Table is not on demand"},
		"no dead letters":             {set(nil, "FanoutQueue", "Properties", "RedrivePolicy"), "FanoutQueue has no dead-letter queue"},
		"a short visibility":          {set(60, "FanoutQueue", "Properties", "VisibilityTimeout"), "FanoutQueue shows a message again"},
		"a batch":                     {set(10, "FanoutQueueSource", "Properties", "BatchSize"), "FanoutQueueSource takes several messages"},
		"another queue":               {set("arn:aws:sqs:eu-west-1:111122223333:other", "FanoutQueueSource", "Properties", "EventSourceArn"), "the function of FanoutQueueSource may not read"},
		"no mapping":                  {drop("FanoutQueueSource"), "0 sources sqs of the program call it, and there are 1"},
		"no schedule":                 {drop("SweepSchedule"), "0 sources schedule of the program call it"},
		"a schedule of another group": {set("others", "SweepSchedule", "Properties", "GroupName"), "SweepSchedule has no group"},
		"a schedule of another role":  {set(tree{"Fn::GetAtt": []any{"AppRole", "Arn"}}, "SweepSchedule", "Properties", "Target", "RoleArn"), "SweepSchedule has a role that others may take"},
		"a domain without condition":  {set(nil, "DomainMapping", "Condition"), "DomainMapping exists without a domain"},
		"an unknown reference":        {set(ref("Tabel"), "AppFunction", "Properties", "Environment", "Variables", "TABLE"), "Ref of Tabel, which does not exist"},
		"an unknown variable":         {set(tree{"Fn::Sub": "${Apy}"}, "AppFunction", "Properties", "Environment", "Variables", "TABLE"), "Ref of Apy, which does not exist"},
		"an unknown condition":        {set("HasDomian", "Domain", "Condition"), "the condition HasDomian, which does not exist"},
		"an unused parameter":         {set("x", "AppFunction", "Properties", "Environment", "Variables", "ISSUER"), "the parameter Issuer is not used"},
		"an unused condition":         {drop("AlarmEmailSubscription"), "the condition HasAlarmEmail is not used"},
		"another selection":           {set("$request.body.route", "Api", "Properties", "RouteSelectionExpression"), "the API selects routes by $request.body.route"},
		"one stack":                   {set("ipv4", "Api", "Properties", "IpAddressType"), "not a WebSocket API with two stacks"},
		"no deployment":               {set(false, "Stage", "Properties", "AutoDeploy"), "the stage is not deployed by itself"},
		"no throttles":                {set(nil, "Stage", "Properties", "DefaultRouteSettings"), "the stage has no ThrottlingRateLimit"},
		"a log that is not JSON":      {set("{", "Stage", "Properties", "AccessLogSettings", "Format"), "the access log is not a line of JSON"},
		"no log group of the stage":   {set(nil, "Stage", "Properties", "AccessLogSettings", "DestinationArn"), "the access log has no log group"},
		"a route of another API":      {set(ref("Stage"), "SayRoute", "Properties", "ApiId"), "SayRoute belongs to another API"},
		"a cycle":                     {set(ref("AppFunction"), "AppRole", "Properties", "RoleName"), "AppRole, AppFunction"},
		"an alias that may not exist": {set(ref("AppAlias"), "AppPermission", "Properties", "FunctionName"), "AppPermission refers to AppAlias, which exists only if AppIsProvisioned"},
		"an unknown dependency":       {set("Apppermission", "AppIntegration", "DependsOn"), "AppIntegration depends on Apppermission, which does not exist"},
		"a second API":                {func(r tree) { r["Other"] = clone(r["Api"]) }, "there are 2 APIs"},
	}
}

// TestLook holds what makes the text readable.
func TestLook(t *testing.T) {
	t.Parallel()
	comment := regexp.MustCompile(`^ *#`)
	for name, s := range stacktest.Services(t) {
		for _, f := range formats() {
			template := string(f.template(t, s))
			require.True(t, strings.HasSuffix(template, "\n") && !strings.HasSuffix(template, "\n\n"), name)
			require.NotContains(t, template, "\n\n\n", name)
			require.NotContains(t, template, "\t", name)
			for line := range strings.Lines(template) {
				line = strings.TrimSuffix(line, "\n")
				require.Equal(t, strings.TrimRight(line, " "), line, name)
				if comment.MatchString(line) {
					require.LessOrEqual(t, len(line), 100, line)
				}
			}
		}
	}
}
