package stack_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/async/sqsjobs"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/wstest"
)

// chat returns the description of the chat.
func chat(tb testing.TB) *describe.App {
	tb.Helper()
	data, err := os.ReadFile("../../../../describe/testdata/chat.json")
	require.NoError(tb, err)
	app, err := describe.Parse(data)
	require.NoError(tb, err)
	return app
}

func TestPlanOfTheChat(t *testing.T) {
	t.Parallel()
	p, err := stack.New(chat(t), stack.Options{Name: "chat"})
	require.NoError(t, err)

	require.Len(t, p.Functions, 1)
	f := p.Functions[0]
	require.Equal(t, "App", f.ID)
	require.Equal(t, 60, f.Timeout)
	require.True(t, f.Authorizer)
	require.True(t, f.RecursiveLoop)
	require.Equal(t, []string{"$connect", "$default", "$disconnect", "authenticate", "join", "leave", "say", "typing"}, f.Routes)
	require.Equal(t, "$request.body.action", p.RouteSelection)
	require.Equal(t, stack.Queue{
		ID: "FanoutQueue", Variable: "FANOUT_QUEUE", Visibility: 360, Receives: 5, Retention: 1209600,
	}, p.Queues[0])
	require.Equal(t, stack.Source{
		Kind: "sqs", ID: "FanoutQueue", Function: "App", From: stack.Resource{Kind: stack.QueueKind, ID: "FanoutQueue"},
	}, p.Sources[0])
	require.Equal(t, stack.Source{
		Kind: "schedule", ID: "SweepSchedule", Function: "App", Schedule: "sweep", Parameter: "SweepScheduleExpression",
	}, p.Sources[1])
}

func TestSplit(t *testing.T) {
	t.Parallel()
	p, err := stack.New(chat(t), stack.Options{Functions: []stack.Split{
		{Name: "connect", Routes: []string{"$connect", "$disconnect"}},
		{Name: "relay", Routes: []string{"sqs:*"}},
		{Name: "sweep", Routes: []string{"schedule"}},
		{Name: "auth", Routes: []string{"authorizer"}},
	}})
	require.NoError(t, err)
	rights := map[string]map[stack.Kind][]string{}
	for _, f := range p.Functions {
		rights[f.Name] = map[stack.Kind][]string{}
		for _, r := range f.Rights {
			rights[f.Name][r.On.Kind] = append(rights[f.Name][r.On.Kind], r.Actions...)
		}
		require.Len(t, f.Variables, 6, f.Name)
	}
	require.Len(t, rights, 5)
	send := []string{"sqs:SendMessage"}
	require.Equal(t, send, rights["app"][stack.QueueKind])
	require.Equal(t, []string{"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"},
		rights["relay"][stack.QueueKind])
	require.NotContains(t, rights["relay"][stack.TableKind], "dynamodb:Scan")
	require.Contains(t, rights["sweep"][stack.TableKind], "dynamodb:Scan")
	require.Len(t, rights["auth"], 1)
	require.Contains(t, rights["auth"][stack.TableKind], "dynamodb:GetItem")
	require.True(t, p.Function("Relay").RecursiveLoop)
	require.False(t, p.Function("App").RecursiveLoop)
	require.Equal(t, "Auth", p.Authorizer.Function)
	require.Empty(t, p.Function("Relay").ProvisionedConcurrency)
}

// TestQueueOfJobs: what packages async and async/sqsjobs say that a queue must have.
func TestQueueOfJobs(t *testing.T) {
	t.Parallel()
	app := chat(t)
	need := sqsjobs.Need("JOBS_QUEUE", "jobs")
	app.Needs = append(app.Needs, describe.Need{
		Kind: string(need.Kind), Variable: need.Variable, Actions: need.Actions, Source: need.Source,
	})
	app.Sources = append(app.Sources, describe.Source{Kind: "sqs", Name: "jobs"})
	p, err := stack.New(app, stack.Options{Timeout: 900, Functions: []stack.Split{{Name: "work", Routes: []string{"sqs:jobs"}}}})
	require.NoError(t, err)
	jobs := async.New(async.NewMemoryQueue(), wstest.NewRecorder(), async.NewMemoryOutcomes())
	i := slices.IndexFunc(p.Queues, func(q stack.Queue) bool { return q.ID == "JobsQueue" })
	require.Equal(t, stack.Queue{
		ID: "JobsQueue", Variable: "JOBS_QUEUE", Name: "jobs", Visibility: 6 * 900, Receives: jobs.Attempts() + 1, Retention: 1209600,
	}, p.Queues[i])
	rights := func(function string) []string {
		f := p.Function(function)
		on := stack.Resource{Kind: stack.QueueKind, ID: "JobsQueue"}
		return f.Rights[slices.IndexFunc(f.Rights, func(r stack.Right) bool { return r.On == on })].Actions
	}
	require.Equal(t, []string{"sqs:SendMessage"}, rights("App"))
	require.Equal(t, []string{
		"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage",
	}, rights("Work"))
}

func TestDefaultFunction(t *testing.T) {
	t.Parallel()
	all := []string{"$connect", "$default", "$disconnect", "authenticate", "join", "leave", "say", "typing"}
	for name, test := range map[string]struct {
		splits []stack.Split
		want   map[string]string // by function: its routes, and its sources
	}{
		"nothing": {nil, map[string]string{"app": "8 [FanoutQueue SweepSchedule]"}},
		"some routes": {
			[]stack.Split{{Name: "chat", Routes: all[2:]}},
			map[string]string{"app": "2 [FanoutQueue SweepSchedule]", "chat": "6 []"},
		},
		"all routes": {
			[]stack.Split{{Name: "first", Routes: all[2:]}, {Name: "second", Routes: all[:2]}},
			map[string]string{"first": "6 [FanoutQueue SweepSchedule]", "second": "2 []"},
		},
		"all routes, and app": {
			[]stack.Split{{Name: "first", Routes: all}, {Name: "app"}},
			map[string]string{"first": "8 []", "app": "0 [FanoutQueue SweepSchedule]"},
		},
		"a source": {
			[]stack.Split{{Name: "relay", Routes: []string{"sqs:"}}},
			map[string]string{"app": "8 [SweepSchedule]", "relay": "0 [FanoutQueue]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := stack.New(chat(t), stack.Options{Functions: test.splits})
			require.NoError(t, err)
			got := map[string]string{}
			for _, f := range p.Functions {
				sources := []string{}
				for _, s := range p.Sources {
					if s.Function == f.ID {
						sources = append(sources, s.ID)
					}
				}
				got[f.Name] = fmt.Sprint(len(f.Routes), sources)
			}
			require.Equal(t, test.want, got)
		})
	}
}

// TestRouteSpelledAsSource holds that a route comes before a source in a split.
func TestRouteSpelledAsSource(t *testing.T) {
	t.Parallel()
	app := chat(t)
	app.Routes = append(app.Routes, describe.Route{Key: "authorizer", Answer: describe.AnswerAck})
	p, err := stack.New(app, stack.Options{Functions: []stack.Split{
		{Name: "route", Routes: []string{"authorizer"}}, {Name: "source", Routes: []string{"authorizer:"}},
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"authorizer"}, p.Function("Route").Routes)
	require.Equal(t, "Source", p.Authorizer.Function)
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	route := func(keys ...string) func(*describe.App) {
		return func(app *describe.App) {
			for _, key := range keys {
				app.Routes = append(app.Routes, describe.Route{Key: key, Answer: describe.AnswerAck})
			}
		}
	}
	splits := func(list ...stack.Split) stack.Options { return stack.Options{Functions: list} }
	for name, test := range map[string]struct {
		change  func(*describe.App)
		options stack.Options
		want    string
	}{
		"two routes with one name": {
			route("room.join", "room-join"),
			stack.Options{},
			"stack: the route room.join and the route room-join would both have the name RoomJoinRoute in a template: rename one of them",
		},
		"a route of no split": {
			nil, splits(stack.Split{Name: "a", Routes: []string{"$conect"}}),
			`the function a has "$conect", which is neither a route nor a source of the program: there are $connect, $default,`,
		},
		"a route of two splits": {
			nil, splits(stack.Split{Name: "a", Routes: []string{"say"}}, stack.Split{Name: "b", Routes: []string{"say"}}),
			`"say" is listed twice, for the functions a and b: leave it out of one`,
		},
		"a mock route of a split": {
			nil, splits(stack.Split{Name: "a", Routes: []string{"keepalive"}}),
			`the function a cannot have the route "keepalive": the API answers it without a function`,
		},
		"an empty split":  {nil, splits(stack.Split{Name: "a"}), `the function "a" has neither routes nor sources`},
		"a split twice":   {nil, splits(stack.Split{Name: "app"}, stack.Split{Name: "app"}), `the function "app" is there twice`},
		"a function name": {nil, splits(stack.Split{Name: "a b", Routes: []string{"say"}}), `the name "a b" of a function must begin with a letter`},
		"functions with one name": {
			nil, splits(stack.Split{Name: "a-b", Routes: []string{"say"}}, stack.Split{Name: "a-B", Routes: []string{"join"}}),
			"the function a-b and the function a-B would both have the name ABFunction",
		},
		"a service name":    {nil, stack.Options{Name: "1 chat"}, `the name "1 chat" of the service`},
		"memory":            {nil, stack.Options{Memory: 64}, "cannot have 64 MB"},
		"timeout":           {nil, stack.Options{Timeout: 901}, "timeout of 901 seconds"},
		"architecture":      {nil, stack.Options{Architecture: "amd64"}, `"amd64" is neither "arm64" nor "x86_64"`},
		"a key of $":        {route("$say"), stack.Options{}, `the route "$say" begins with $`},
		"a key of no ASCII": {route("日本"), stack.Options{}, `the route "日本" has no name in a template`},
		"a setting that is a parameter of the template": {func(app *describe.App) {
			app.Needs = append(app.Needs, describe.Need{Kind: "setting", Variable: "STAGE_NAME"})
		}, stack.Options{}, "the setting STAGE_NAME and the parameter StageName would both have the name StageName"},
		"a reserved variable": {func(app *describe.App) {
			app.Needs = append(app.Needs, describe.Need{Kind: "setting", Variable: "AWS_REGION"})
		}, stack.Options{}, "the variable AWS_REGION is one that Lambda sets itself"},
		"a queue without its source": {
			func(app *describe.App) { app.Sources = nil },
			stack.Options{},
			`the need FANOUT_QUEUE is a queue that the program reads by the source sqs "*", and it has no such source`,
		},
		"an unknown need":   {func(app *describe.App) { app.Needs[0].Kind = "bucket" }, stack.Options{}, `a need of the kind "bucket"`},
		"an unknown source": {func(app *describe.App) { app.Sources[1].Kind = "s3" }, stack.Options{}, `a source of the kind "s3"`},
		"an action that no expression has": {
			func(app *describe.App) { app.Envelope.Action = "my action" },
			stack.Options{},
			`the member "my action" of the envelope`,
		},
		"too many routes": {func(app *describe.App) {
			for i := range 300 {
				route(fmt.Sprint("r", i))(app)
			}
		}, stack.Options{}, "the program has 309 routes, and an API can have 300"},
		"a setting that is a resource": {func(app *describe.App) {
			app.Needs = append(app.Needs, describe.Need{Kind: "setting", Variable: "APP_ROLE"})
		}, stack.Options{}, "the function app and the setting APP_ROLE would both have the name AppRole"},
		"two tables of one name": {func(app *describe.App) {
			app.Needs = append(app.Needs, describe.Need{Kind: "table", Variable: "TABLE_", Table: &describe.TableKeys{PartitionKey: "pk"}})
		}, stack.Options{}, "the table of TABLE and the table of TABLE_ would both have the name Table"},
		"a need twice": {
			func(app *describe.App) { app.Needs = append(app.Needs, app.Needs[0]) },
			stack.Options{},
			"the variable AUDIENCE twice",
		},
		"a route twice":           {route("say"), stack.Options{}, `the route "say" twice`},
		"a long key":              {route(strings.Repeat("k", 129)), stack.Options{}, "has 129 bytes: at most 128"},
		"a key with a line break": {route("a\nb"), stack.Options{}, `the route "a\nb" has characters that cannot be printed`},
		"an answer to $connect": {
			func(app *describe.App) { app.Routes[0].Answer = describe.AnswerData },
			stack.Options{},
			"the route $connect cannot have a response",
		},
		"a mock without a frame": {
			func(app *describe.App) { app.Routes[5].Mock = "" },
			stack.Options{},
			`the route "keepalive" cannot be answered by the API`,
		},
		"a mock that is not JSON": {
			func(app *describe.App) { app.Routes[5].Mock = "#set($a = 1)" },
			stack.Options{},
			`the route "keepalive" cannot be answered by the API`,
		},
		"a key that CloudFormation replaces": {
			route("{{resolve:ssm:a}}"), stack.Options{}, `the route "{{resolve:ssm:a}}" contains "{{resolve:", which CloudFormation replaces`,
		},
		"an authorizer without $connect": {
			func(app *describe.App) { app.Routes = app.Routes[1:] },
			stack.Options{},
			"has an authorizer and no route $connect",
		},
		"an identity source": {
			func(app *describe.App) { app.Authorizer.IdentitySources = []string{"header.A"} },
			stack.Options{},
			`the identity source "header.A"`,
		},
		"a wildcard of actions": {
			func(app *describe.App) { app.Needs[1].Actions = []string{"sqs:*"} },
			stack.Options{},
			`the action "sqs:*"`,
		},
		"a table without a key": {func(app *describe.App) { app.Needs[5].Table = nil }, stack.Options{}, "the table of TABLE has no partition key"},
		"a table with one key":  {func(app *describe.App) { app.Needs[5].Table.SortKey = "pk" }, stack.Options{}, "the same partition and sort key"},
		"an attribute":          {func(app *describe.App) { app.Needs[5].Table.SortKey = "a b" }, stack.Options{}, `the attribute "a b"`},
		"a queue's name": {func(app *describe.App) {
			app.Sources[0].Name, app.Needs[1].Source = "relay.fifo", "relay.fifo"
		}, stack.Options{}, `a standard queue cannot have the name "relay.fifo"`},
		"a queue of two needs": {func(app *describe.App) {
			app.Sources[0].Name, app.Needs[1].Source = "relay", "relay"
			app.Needs = append(app.Needs, describe.Need{Kind: "queue", Variable: "OTHER", Source: "relay"})
		}, stack.Options{}, `the needs FANOUT_QUEUE and OTHER are both the queue "relay": use one variable for it`},
		"a topic's name": {
			func(app *describe.App) { app.Sources[1] = describe.Source{Kind: "sns", Name: "a\nb"} },
			stack.Options{},
			`the source sns has the name "a\nb"`,
		},
		"a rule's name": {
			func(app *describe.App) { app.Sources[1] = describe.Source{Kind: "iot", Name: "a-b", Topic: "a"} },
			stack.Options{},
			`the source iot has the name "a-b": use letters, digits and underscores only`,
		},
		"a rule's filter": {
			func(app *describe.App) { app.Sources[1] = describe.Source{Kind: "iot", Name: "a", Topic: "a' OR '"} },
			stack.Options{},
			`the source iot a has the topic filter "a' OR '": use printable`,
		},
		"two rules": {
			func(app *describe.App) {
				app.Sources = append(app.Sources, describe.Source{Kind: "iot", Name: "a_b", Topic: "a"},
					describe.Source{Kind: "iot", Name: "aB", Topic: "a"})
			},
			stack.Options{},
			"the source iot a_b and the source iot aB would both have the name ABRule",
		},
		"no topics": {
			func(app *describe.App) { app.Needs = append(app.Needs, describe.Need{Kind: "iot", Variable: "IOT"}) },
			stack.Options{},
			"the need IOT has no topics",
		},
		"a topic of nothing": {
			func(app *describe.App) {
				app.Needs = append(app.Needs, describe.Need{Kind: "iot", Variable: "IOT", Topics: []string{"a", "b#"}})
			},
			stack.Options{},
			`the need IOT has the topic "b#": + and # must be alone in their level`,
		},
		"a topic that is more in a policy": {
			func(app *describe.App) {
				app.Needs = append(app.Needs, describe.Need{Kind: "iot", Variable: "IOT", Topics: []string{"a*"}})
			},
			stack.Options{},
			`the need IOT has the topic "a*": * and ? would be wildcards`,
		},
		"a schedule's name": {
			func(app *describe.App) { app.Sources[1].Name = strings.Repeat("s", 65) },
			stack.Options{},
			"at most 64 letters, digits, hyphens, periods and underscores",
		},
		"a long default": {
			func(app *describe.App) { app.Needs[0].Default = strings.Repeat("d", 4097) },
			stack.Options{},
			"the default of the setting AUDIENCE has 4097 bytes",
		},
		"a long function name": {
			nil, splits(stack.Split{Name: strings.Repeat("f", 33), Routes: []string{"say"}}),
			"at most 32 letters, digits and hyphens",
		},
		"two namespaces": {func(app *describe.App) {
			app.Needs = append(app.Needs, describe.Need{Kind: "metrics", Variable: "ONE", Default: "a"},
				describe.Need{Kind: "metrics", Variable: "TWO", Default: "b"})
		}, stack.Options{}, "two needs of the kind metrics, and one namespace is possible: TWO is the second"},
		"a namespace of AWS": {func(app *describe.App) {
			app.Needs = append(app.Needs, describe.Need{Kind: "metrics", Variable: "ONE", Default: "AWS/Lambda"})
		}, stack.Options{}, `the metrics of ONE have the namespace "AWS/Lambda"`},
		"a namespace": {func(app *describe.App) {
			app.Needs = append(app.Needs, describe.Need{Kind: "metrics", Variable: "ONE", Default: `a"${b}`})
		}, stack.Options{}, "the metrics of ONE have the namespace"},
		"a setting that is a parameter of alarms": {func(app *describe.App) {
			app.Needs = append(app.Needs, describe.Need{Kind: "setting", Variable: "ALARM_EMAIL"})
		}, stack.Options{}, "the setting ALARM_EMAIL and the parameter AlarmEmail would both have the name AlarmEmail"},
		"a table that is read by a name": {func(app *describe.App) {
			app.Needs[5].Source = "chat"
		}, stack.Options{}, `is a table with the source "chat": use "*", which is eventmux.Any`},
		"a stream that nothing reads": {func(app *describe.App) {
			app.Needs[5].Source = "*"
		}, stack.Options{}, `by the source dynamodb "*", and it has no such source: add eventmux.DynamoDB(eventmux.Any, handler)`},
		"no routes": {func(app *describe.App) { app.Routes, app.Authorizer = nil, nil }, stack.Options{}, "the program has no routes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := chat(t)
			if test.change != nil {
				test.change(app)
			}
			_, err := stack.New(app, test.options)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// TestTimeoutOfAQueueOutside holds that a function that reads only a queue outside keeps the usual
// timeout: Lambda refuses a queue whose visibility timeout, of 30 seconds by default, is shorter.
func TestTimeoutOfAQueueOutside(t *testing.T) {
	t.Parallel()
	app := chat(t)
	app.Sources = append(app.Sources, describe.Source{Kind: "sqs", Name: "orders"})
	p, err := stack.New(app, stack.Options{Functions: []stack.Split{{Name: "orders", Routes: []string{"sqs:orders"}}}})
	require.NoError(t, err)
	require.Equal(t, 30, p.Function("Orders").Timeout)
	require.Equal(t, 60, p.Function("App").Timeout)
}

// TestStreams holds that the stream of a table is read as a whole, unless it is a table of package
// dynamo, and that the stream of a table outside stays outside.
func TestStreams(t *testing.T) {
	t.Parallel()
	app := chat(t)
	app.Sources = append(app.Sources, describe.Source{Kind: "dynamodb", Name: "*"})
	outside, err := stack.New(app, stack.Options{})
	require.NoError(t, err)
	require.Equal(t, "TableStreamArn", outside.SourcesOf("dynamodb")[0].From.Parameter)
	require.False(t, outside.Tables[0].Stream)

	app.Needs[5].Source = "*"
	app.Needs = append(app.Needs, describe.Need{
		Kind: "table", Variable: "USERS", Source: "*", Table: &describe.TableKeys{PartitionKey: "id"},
	})
	p, err := stack.New(app, stack.Options{})
	require.NoError(t, err)
	sources := p.SourcesOf("dynamodb")
	require.Len(t, sources, 2)
	for i, name := range []string{p.Tables[0].ID, "UsersTable"} {
		require.Equal(t, stack.Resource{Kind: stack.TableStream, ID: name}, sources[i].From)
		require.True(t, p.Tables[i].Stream)
	}
	require.Equal(t, []string{
		`{"eventName":["INSERT","MODIFY"],"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"te#"}]}}}}`,
		`{"eventName":["INSERT","MODIFY"],"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"tv#"}]}}}}`,
		`{"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"tp#"}]}}}}`,
		`{"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"@"}]}}}}`,
	}, sources[0].Filters)
	require.Empty(t, sources[1].Filters)
	for _, pattern := range sources[0].Filters {
		require.True(t, json.Valid([]byte(pattern)))
	}
}

// TestFunctionNamedAuthorizer holds that the function of the authorizer may have the obvious name.
func TestFunctionNamedAuthorizer(t *testing.T) {
	t.Parallel()
	p, err := stack.New(chat(t), stack.Options{Functions: []stack.Split{{Name: "authorizer", Routes: []string{"authorizer"}}}})
	require.NoError(t, err)
	require.Equal(t, "Authorizer", p.Authorizer.Function)
}

// TestMockIsLiteral holds that neither API Gateway nor CloudFormation finds anything to evaluate in
// the frame of a mock route.
func TestMockIsLiteral(t *testing.T) {
	t.Parallel()
	app := chat(t)
	const frame = `{"a":"$context.apiId","b":"#set($x = 1)","c":"{{resolve:ssm:x}}","d":[{}]}`
	app.Routes = append(app.Routes, describe.Route{Key: "frame", Answer: describe.AnswerMock, Mock: frame})
	p, err := stack.New(app, stack.Options{})
	require.NoError(t, err)
	i := slices.IndexFunc(p.Routes, func(r stack.Route) bool { return r.Key == "frame" })
	require.JSONEq(t, frame, p.Routes[i].Mock)
	require.NotContains(t, p.Routes[i].Mock, "$")
	require.NotContains(t, p.Routes[i].Mock, "#")
	require.NotContains(t, p.Routes[i].Mock, "{{")
}

// TestLongNames holds that errors stay readable, whatever the description has.
func TestLongNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 10000)
	for name, change := range map[string]func(*describe.App, *stack.Options){
		"action":   func(app *describe.App, _ *stack.Options) { app.Envelope.Action = long + "-" },
		"route":    func(app *describe.App, _ *stack.Options) { app.Routes[3].Key = long },
		"identity": func(app *describe.App, _ *stack.Options) { app.Authorizer.IdentitySources = []string{long} },
		"source":   func(app *describe.App, _ *stack.Options) { app.Sources[1] = describe.Source{Kind: "sns", Name: long} },
		"schedule": func(app *describe.App, _ *stack.Options) { app.Sources[1].Name = long },
		"variable": func(app *describe.App, _ *stack.Options) { app.Needs[0].Variable = long + "-" },
		"right":    func(app *describe.App, _ *stack.Options) { app.Needs[1].Actions = []string{long} },
		"key":      func(app *describe.App, _ *stack.Options) { app.Needs[5].Table.PartitionKey = long },
		"service":  func(_ *describe.App, o *stack.Options) { o.Name = long },
		"function": func(_ *describe.App, o *stack.Options) {
			o.Functions = []stack.Split{{Name: long, Routes: []string{"say"}}}
		},
		"item": func(_ *describe.App, o *stack.Options) {
			o.Functions = []stack.Split{{Name: "a", Routes: []string{long}}}
		},
	} {
		app, options := chat(t), stack.Options{}
		change(app, &options)
		_, err := stack.New(app, options)
		require.Error(t, err, name)
		for line := range strings.Lines(err.Error()) {
			require.Less(t, len(line), 1000, name)
		}
	}
}
