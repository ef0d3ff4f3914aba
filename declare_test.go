package gatesock_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// table and queue are needs.
func table(actions ...string) gatesock.Need {
	return gatesock.Need{
		Kind: gatesock.NeedTable, Variable: "TABLE", Actions: actions, Table: &gatesock.TableKeys{PartitionKey: "pk", SortKey: "sk"},
	}
}

func TestWrongDeclarationsPanic(t *testing.T) {
	t.Parallel()
	need := func(n gatesock.Need) func(*gatesock.Router) {
		return func(r *gatesock.Router) { r.DeclareNeeds(gatesock.Setting("OK", ""), n) }
	}
	limit := func(l gatesock.RouteLimit) func(*gatesock.Router) {
		return func(r *gatesock.Router) { r.DeclareLimit(l) }
	}
	for _, tt := range []struct {
		name, want string // %s stands for a site in this file
		declare    func(r *gatesock.Router)
	}{
		{"push without an event", `gatesock: DeclarePush at %s: event must not be empty`, func(r *gatesock.Router) {
			gatesock.DeclarePush[say](r, "")
		}},
		{"push twice", `gatesock: DeclarePush at %s: the event "said" is declared already`, func(r *gatesock.Router) {
			gatesock.DeclarePush[say](r, "said")
			gatesock.DeclarePush[int](r, "said")
		}},
		{"push of a func", `gatesock: DeclarePush at %s: the event "said" has data of the type struct { F func() }, that cannot be encoded as JSON: Data.F is a func(); the tag json:"-" excludes a field`, func(r *gatesock.Router) {
			gatesock.DeclarePush[struct{ F func() }](r, "said")
		}},
		{"push of a chan with a codec of its own", `gatesock: DeclarePush at %s: the event "said" has data of the type chan int, that no codec can handle`, func(*gatesock.Router) {
			gatesock.DeclarePush[chan int](gatesock.New(gatesock.WithCodec(upperCodec{})), "said")
		}},
		{"push after the first event", `gatesock: DeclarePush at %s comes after the first event`, func(r *gatesock.Router) {
			r.Freeze()
			gatesock.DeclarePush[say](r, "said")
		}},

		{"limit after the first event", `gatesock: DeclareLimit at %s comes after the first event`, func(r *gatesock.Router) {
			r.Freeze()
			r.DeclareLimit(gatesock.RouteLimit{Name: "messages", By: "user", Rate: 1, Burst: 1})
		}},
		{"limit without a name", `gatesock: DeclareLimit at %s: Name and By must not be empty`, limit(gatesock.RouteLimit{By: "user", Rate: 1, Burst: 1})},
		{"limit without what it counts by", `gatesock: DeclareLimit at %s: Name and By must not be empty`, limit(gatesock.RouteLimit{Name: "x", Rate: 1, Burst: 1})},
		{"limit of nothing", `gatesock: DeclareLimit at %s: the limit "x" must have either a Rate and a Burst, or a Quota and a Period`, limit(gatesock.RouteLimit{Name: "x", By: "user"})},
		{"limit of both", `gatesock: DeclareLimit at %s: the limit "x" must have either a Rate and a Burst, or a Quota and a Period`, limit(gatesock.RouteLimit{Name: "x", By: "user", Rate: 1, Burst: 1, Quota: 1, Period: "day"})},
		{"limit of an unknown period", `gatesock: DeclareLimit at %s: the limit "x" must have either a Rate and a Burst, or a Quota and a Period`, limit(gatesock.RouteLimit{Name: "x", By: "user", Quota: 1, Period: "year"})},
		{"negative cost", `gatesock: DeclareLimit at %s: the limit "x" has the negative cost -1 for the route "say"`, limit(gatesock.RouteLimit{Name: "x", By: "user", Rate: 1, Burst: 1, Costs: map[string]int{"say": -1}})},
		{"limit of a missing route", `gatesock: the limit "x", declared at %s, names the route "sya", which the router does not have`, func(r *gatesock.Router) {
			gatesock.Handle(r, "say", typed)
			r.DeclareLimit(gatesock.RouteLimit{Name: "x", By: "user", Rate: 1, Burst: 1, Routes: []string{"$connect", "say", "sya"}})
			r.Freeze()
		}},
		{"cost of a missing route", `gatesock: the limit "x", declared at %s, names the route "sya", which the router does not have`, func(r *gatesock.Router) {
			r.DeclareLimit(gatesock.RouteLimit{Name: "x", By: "user", Quota: 1, Period: "week", Costs: map[string]int{"sya": 2}})
			r.Freeze()
		}},

		{"need after the first event", `gatesock: DeclareNeeds at %s comes after the first event`, func(r *gatesock.Router) {
			r.Freeze()
			r.DeclareNeeds(table())
		}},
		{"unknown kind", `gatesock: DeclareNeeds at %s: need 1: the kind "bucket" is not one of connections, table, queue, metrics, iot and setting`, need(gatesock.Need{Kind: "bucket", Variable: "BUCKET"})},
		{"no kind", `gatesock: DeclareNeeds at %s: need 1: the kind "" is not one of connections, table, queue, metrics, iot and setting`, need(gatesock.Need{Variable: "BUCKET"})},
		{"no variable", `gatesock: DeclareNeeds at %s: need 1: the variable "" must be a letter and then one or more letters, digits and underscores`, need(gatesock.Setting("", ""))},
		{"variable that Lambda does not have", `gatesock: DeclareNeeds at %s: need 1: the variable "A-B" must be a letter and then one or more letters, digits and underscores`, need(gatesock.Setting("A-B", ""))},
		{"variable that Lambda sets", `gatesock: DeclareNeeds at %s: need 1: the variable "AWS_REGION" is reserved for Lambda or gatesock`, need(gatesock.Setting("AWS_REGION", ""))},
		{"variable of the runtime", `gatesock: DeclareNeeds at %s: need 1: the variable "AWS_LAMBDA_RUNTIME_API" is reserved for Lambda or gatesock`, need(gatesock.Setting("AWS_LAMBDA_RUNTIME_API", ""))},
		{"variable of gatesock", `gatesock: DeclareNeeds at %s: need 1: the variable "GATESOCK_DESCRIBE" is reserved for Lambda or gatesock`, need(gatesock.Setting("GATESOCK_DESCRIBE", ""))},
		{"table without a definition", `gatesock: DeclareNeeds at %s: need 1: TABLE: a need of the kind table, and no other, must have a Table`, need(gatesock.Need{Kind: gatesock.NeedTable, Variable: "TABLE"})},
		{"table without a key", `gatesock: DeclareNeeds at %s: need 1: TABLE: the Table must have a PartitionKey`, need(gatesock.Need{Kind: gatesock.NeedTable, Variable: "TABLE", Table: &gatesock.TableKeys{}})},
		{"queue with a definition of a table", `gatesock: DeclareNeeds at %s: need 1: QUEUE: a need of the kind table, and no other, must have a Table`, need(gatesock.Need{Kind: gatesock.NeedQueue, Variable: "QUEUE", Table: &gatesock.TableKeys{}})},
		{"setting with a source", `gatesock: DeclareNeeds at %s: need 1: NAME: only a queue or a table has a Source`, need(gatesock.Need{Kind: gatesock.NeedSetting, Variable: "NAME", Source: "jobs"})},
		{"metrics with actions", `gatesock: DeclareNeeds at %s: need 1: NAME: a need of the kind metrics has no Actions`, need(gatesock.Need{Kind: gatesock.NeedMetrics, Variable: "NAME", Actions: []string{"sqs:SendMessage"}})},
		{"setting with actions", `gatesock: DeclareNeeds at %s: need 1: NAME: a need of the kind setting has no Actions`, need(gatesock.Need{Kind: gatesock.NeedSetting, Variable: "NAME", Actions: []string{"sqs:SendMessage"}})},
		{"devices without a topic", `gatesock: DeclareNeeds at %s: need 1: IOT: a need of the kind iot, and no other, must have Topics`, need(gatesock.Need{Kind: gatesock.NeedIoT, Variable: "IOT"})},
		{"setting with topics", `gatesock: DeclareNeeds at %s: need 1: NAME: a need of the kind iot, and no other, must have Topics`, need(gatesock.Need{Kind: gatesock.NeedSetting, Variable: "NAME", Topics: []string{"a"}})},
		{"two kinds", `gatesock: DeclareNeeds at %s: two needs with the variable TABLE contradict each other: one is of the kind table, the other of the kind setting`, func(r *gatesock.Router) {
			r.DeclareNeeds(table())
			r.DeclareNeeds(gatesock.Setting("TABLE", ""))
		}},
		{"two definitions", `gatesock: DeclareNeeds at %s: two needs with the variable TABLE contradict each other: the tables are {PartitionKey:pk SortKey:sk TimeToLive:} and {PartitionKey:id SortKey: TimeToLive:}`, func(r *gatesock.Router) {
			other := table()
			other.Table = &gatesock.TableKeys{PartitionKey: "id"}
			r.DeclareNeeds(table(), other)
		}},
		{"two descriptions", `gatesock: DeclareNeeds at %s: two needs with the variable NAME contradict each other: their Descriptions are "a" and "b"`, func(r *gatesock.Router) {
			r.DeclareNeeds(gatesock.Setting("NAME", "a"), gatesock.Setting("NAME", "b"))
		}},

		{"keep-alive without a key", `gatesock: the route at %s: key must not be empty`, func(*gatesock.Router) { gatesock.WithKeepAlive("") }},
		{"keep-alive with a reserved key", `gatesock: the route key "$default" at %s is reserved; use OnConnect, OnDisconnect or OnDefault`, func(*gatesock.Router) {
			gatesock.WithKeepAlive("$default")
		}},
		{"keep-alive and a handler", `gatesock: route "ping" at %s is already registered at %s`, func(*gatesock.Router) {
			gatesock.Handle(gatesock.New(gatesock.WithKeepAlive("ping")), "ping", typed)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pattern := strings.ReplaceAll(regexp.QuoteMeta(tt.want), "%s", `\S*/declare_test\.go:\d+`)
			defer func() { require.Regexp(t, "^"+pattern+"$", fmt.Sprint(recover())) }()
			tt.declare(gatesock.New())
			t.Error("no panic")
		})
	}
}

func TestDeclarations(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	gatesock.Handle(r, "say", typed)
	said := gatesock.DeclarePush[say](r, "said")
	gatesock.DeclarePush[any](r, "left")
	require.Equal(t, gatesock.Push{Event: "said", Topic: "room:1", Data: say{Text: "hi"}}, said.Push("room:1", say{Text: "hi"}))
	limit := gatesock.RouteLimit{Name: "messages", By: "user", Rate: 1, Burst: 2, Routes: []string{"say"}, Costs: map[string]int{"say": 2}}
	r.DeclareLimit(limit)
	quota := gatesock.RouteLimit{Name: "daily", By: "user", Quota: 100, Period: "day"}
	r.DeclareLimit(quota)
	name := gatesock.Setting("NAME", "The name")
	name.Optional = true
	r.DeclareNeeds(table("dynamodb:Query", "dynamodb:GetItem"), name)
	r.DeclareNeeds(table("dynamodb:Scan", "dynamodb:Query"), gatesock.Setting("NAME", ""))
	name.Optional = false // since one of them is not
	endpoint := gatesock.Setting("AWS_ENDPOINT_URL", "An address of the SDK, which Lambda does not reserve")
	r.DeclareNeeds(endpoint)
	devices := gatesock.Need{Kind: gatesock.NeedIoT, Variable: "IOT", Actions: []string{"iot:Publish"}, Topics: []string{"+/c", "+/b"}}
	r.DeclareNeeds(devices)
	devices.Topics = []string{"+/c", "+/a"}
	r.DeclareNeeds(devices)
	devices.Topics = []string{"+/a", "+/b", "+/c"}
	r.Freeze()
	d := r.Describe()
	require.Equal(t, []gatesock.PushInfo{
		{Event: "left", Data: reflect.TypeFor[any](), JSON: true}, {Event: "said", Data: reflect.TypeFor[say](), JSON: true},
	}, d.Pushes)
	require.Equal(t, []gatesock.RouteLimit{limit, quota}, d.Limits)
	require.Equal(t, []gatesock.Need{endpoint, devices, name, table("dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan")}, d.Needs)
}

func TestDescriptionsShareNothing(t *testing.T) {
	t.Parallel()
	r := gatesock.New(gatesock.WithKeepAlive("keepalive"), quiet())
	route[say](r, gatesock.WithGuard("g", open, "chat"))
	keys, topics := &gatesock.TableKeys{PartitionKey: "pk"}, []string{"a"}
	r.DeclareNeeds(gatesock.Need{Kind: gatesock.NeedIoT, Variable: "ZZ", Topics: topics})
	r.DeclareNeeds(gatesock.Need{Kind: gatesock.NeedTable, Variable: "TABLE", Actions: []string{"dynamodb:Query"}, Table: keys})
	r.DeclareNeeds()
	r.DeclareLimit(gatesock.RouteLimit{
		Name: "a", By: "b", Rate: 1, Burst: 1, Routes: []string{"say"}, Costs: map[string]int{"say": 2},
	})
	gatesock.DeclarePush[say](r, "said")
	want, err := r.Describe().MarshalJSON()
	require.NoError(t, err)
	keys.PartitionKey, topics[0] = "other", "other"
	d := r.Describe()
	require.Len(t, d.Routes, 5)
	d.Routes[3].Mock[0] = 'X'
	d.Routes[4].Guards[0].Scopes[0] = "other"
	d.Routes[4].Guards[0].Name = "other"
	d.Needs[0].Actions[0], d.Needs[0].Table.PartitionKey = "other", "other"
	d.Needs[0].Variable = "OTHER"
	d.Needs[1].Topics[0] = "other"
	d.Limits[0].Routes[0], d.Limits[0].Costs["say"] = "other", 3
	d.Limits[0].Name = "other"
	d.Pushes[0].Event = "other"
	got, err := r.Describe().MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
	r.Freeze()
	require.Equal(t, `{"action":"keepalive","data":null}`, frame(t, r, message("keepalive", `{"action":"keepalive"}`)))
}

func TestIdempotentRoutesAreDescribed(t *testing.T) {
	t.Parallel()
	r := gatesock.New(quiet())
	gatesock.Handle(r, "list", func(context.Context, *gatesock.Request, struct{}) error { return nil }, gatesock.Idempotent())
	route[say](r)
	routes := r.Describe().Routes
	require.Equal(t, []bool{false, false, false, true, false}, []bool{
		routes[0].Idempotent, routes[1].Idempotent, routes[2].Idempotent, routes[3].Idempotent, routes[4].Idempotent,
	})
	doc, err := json.Marshal(r.Describe())
	require.NoError(t, err)
	require.Contains(t, string(doc), `{"key":"list","answer":"ack","idempotent":true,"codec":"json"`)
	require.Equal(t, 1, strings.Count(string(doc), "idempotent"))
	// It changes nothing else.
	require.JSONEq(t, `{"id":"1","action":"list","data":null}`, frame(t, r, message("list", `{"action":"list","id":"1"}`)))
}

func TestPushesOfAnotherCodecHaveNoSchema(t *testing.T) {
	t.Parallel()
	r := gatesock.New(gatesock.WithCodec(upperCodec{}))
	gatesock.DeclarePush[say](r, "said")
	route[say](r)
	doc, err := json.Marshal(r.Describe())
	require.NoError(t, err)
	require.JSONEq(t, `{
		"version": 1,
		"envelope": {"action":"action","id":"id","data":"data","error":"error","event":"event","topic":"topic"},
		"routes": [{"key":"$connect","answer":"none"},{"key":"$default","answer":"any"},{"key":"$disconnect","answer":"none"},
			{"key":"say","answer":"ack","codec":"custom"}],
		"pushes": [{"event":"said","data":{}}]
	}`, string(doc))
}

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	names := gatesock.WithEnvelope(gatesock.Envelope{Action: "type", Data: "payload"})
	for _, opts := range [][]gatesock.Option{
		{names, gatesock.WithKeepAlive("keepalive"), gatesock.DenyByDefault()},
		{gatesock.WithKeepAlive("keepalive"), gatesock.DenyByDefault(), names},
	} {
		r := gatesock.New(append(opts, quiet())...)
		const answer = `{"type":"keepalive","payload":null}`
		require.Equal(t, gatesock.Route{Key: "keepalive", NeedsResponse: true, Mock: []byte(answer)}, r.Describe().Routes[3])
		r.Freeze()
		require.Equal(t, answer, frame(t, r, message("keepalive", `{"type":"keepalive"}`)))
		require.Equal(t, answer, frame(t, r, message("$default", `{"type":"keepalive","id":"1"}`)), "a MOCK integration cannot echo an id")
	}
	r := gatesock.New()
	require.Len(t, r.Describe().Routes, 3)
	shared := gatesock.WithKeepAlive("ping") // an option may be used for several routers
	gatesock.New(shared).Freeze()
	gatesock.New(shared).Freeze()
}

func TestNeedValue(t *testing.T) {
	setting := gatesock.Need{Kind: gatesock.NeedSetting, Variable: "GATESOCK_TEST_NEED", Example: "for example"}
	connections := gatesock.Need{Kind: gatesock.NeedConnections, Variable: "GATESOCK_TEST_NEED"}
	queue := gatesock.Need{Kind: gatesock.NeedQueue, Variable: "GATESOCK_TEST_NEED"}
	t.Setenv("GATESOCK_DESCRIBE", "")
	require.Empty(t, setting.Value())
	require.Empty(t, connections.Value())
	t.Setenv("GATESOCK_DESCRIBE", "1")
	require.Equal(t, "for example", setting.Value())
	require.Equal(t, "https://example.execute-api.us-east-1.amazonaws.com/prod", connections.Value())
	require.Equal(t, "https://sqs.us-east-1.amazonaws.com/123456789012/example", queue.Value())
	require.Equal(t, "example", gatesock.Need{Kind: gatesock.NeedTable, Variable: "GATESOCK_TEST_NEED"}.Value())
	require.Equal(t, "https://example-ats.iot.us-east-1.amazonaws.com",
		gatesock.Need{Kind: gatesock.NeedIoT, Variable: "GATESOCK_TEST_NEED"}.Value())
	setting.Default = "usual"
	require.Equal(t, "usual", setting.Value())
	t.Setenv("GATESOCK_TEST_NEED", "chosen")
	require.Equal(t, "chosen", setting.Value())
}

func TestGuardsHaveScopes(t *testing.T) {
	t.Parallel()
	scopes := []string{"chat", "write"}
	guard := gatesock.WithGuard("scope chat write", open, scopes...)
	scopes[0] = "changed"
	r := gatesock.New(gatesock.DenyByDefault())
	r.OnDefault(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil }, guard)
	r.Freeze()
	require.Equal(t, []gatesock.Guard{{Name: "scope chat write", Scopes: []string{"chat", "write"}}}, r.Describe().Routes[1].Guards)
	require.Equal(t, "scope chat write", fmt.Sprint(r.Describe().Routes[1].Guards[0]))
}
