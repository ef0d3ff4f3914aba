package cloudformation_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/seal"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/stacktest"
	"github.com/gatesock/gatesock/describe"
)

// TestAnyApplication holds that every application with every option has a template that is as it
// must be, or an error.
func TestAnyApplication(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := generator{t, rapid.IntRange(0, 9).Draw(t, "careless") == 9}
		app := g.application()
		p, err := stack.New(app, g.options(app))
		if err != nil {
			requireErrors(t, err, "stack: ")
			return
		}
		for _, f := range formats() {
			text, err := f.write(p)
			if err != nil {
				requireErrors(t, err, "cloudformation: ")
				continue
			}
			require.False(t, seal.Edited(text))
			template, err := parse(text)
			require.NoError(t, err)
			require.Empty(t, problems(app, expand(template)), string(text))
		}
	})
}

// requireErrors fails unless each line of an error begins with a prefix.
func requireErrors(t *rapid.T, err error, prefix string) {
	for line := range strings.Lines(err.Error()) {
		require.True(t, strings.HasPrefix(line, prefix), "%q", err)
	}
}

// generator makes applications. One of ten is careless, so that much of it is refused.
type generator struct {
	*rapid.T
	careless bool
}

func (g generator) name(label string) string {
	if g.careless {
		return rapid.OneOf(rapid.StringN(0, 8, -1), rapid.SampledFrom([]string{"api", "$other", "a b", "über", "*"})).Draw(g.T, label)
	}
	return rapid.OneOf(
		rapid.SampledFrom([]string{"say", "room.join", "roomJoin", "room-leave", "yes", "null", "1", "a b", "über"}),
		rapid.StringMatching(`[a-z]{1,5}([.-][a-zA-Z0-9]{1,5})?`),
	).Draw(g.T, label)
}

// some draws a list of at most n values, of which no two have the same key.
func some[T any](g generator, label string, n int, draw func() T, key func(T) string) []T {
	var values []T
	seen := map[string]bool{}
	for range rapid.IntRange(0, n).Draw(g.T, label) {
		if v := draw(); g.careless || !seen[key(v)] {
			seen[key(v)] = true
			values = append(values, v)
		}
	}
	return values
}

func oneOf[T any](g generator, label string, values ...T) T {
	return rapid.SampledFrom(values).Draw(g.T, label)
}

func (g generator) application() *describe.App {
	app := stacktest.Minimal()
	if g.careless {
		app.Routes = app.Routes[:rapid.IntRange(0, 3).Draw(g.T, "special")]
	}
	lower := func(r describe.Route) string { return strings.ToLower(r.Key) }
	app.Routes = append(app.Routes, some(g, "routes", 6, g.route, lower)...)
	if rapid.Bool().Draw(g.T, "authorizer") {
		sources := oneOf(g, "identity", nil, []string{"route.request.header.A", "context.b"})
		app.Authorizer = &describe.Authorizer{IdentitySources: sources}
	}
	app.Sources = some(g, "sources", 4, g.source, func(s describe.Source) string { return s.Kind + s.Name })
	app.Needs = some(g, "needs", 4, g.need, func(n describe.Need) string { return n.Variable })
	for _, n := range app.Needs {
		source := describe.Source{Kind: "sqs", Name: n.Source}
		if n.Kind == "table" {
			source.Kind = "dynamodb"
		}
		if n.Source != "" && !slices.Contains(app.Sources, source) {
			app.Sources = append(app.Sources, source)
		}
	}
	return app
}

func (g generator) route() describe.Route {
	r := describe.Route{
		Key: g.name("key"),
		Answer: oneOf(g, "answer",
			describe.AnswerNone, describe.AnswerAck, describe.AnswerData, describe.AnswerAny, describe.AnswerMock),
	}
	if r.Answer == describe.AnswerMock {
		r.Mock = oneOf(g, "mock", `{}`, `{"a":"$b #c 'd' \"e\" \\"}`)
	}
	return r
}

func (g generator) source() describe.Source {
	s := describe.Source{Kind: oneOf(g, "kind", "http", "sqs", "sns", "dynamodb", "kinesis", "schedule", "eventbridge", "iot", "custom")}
	switch {
	case s.Kind == "http":
	case g.careless:
		s.Name, s.Topic = g.name("name"), g.name("filter")
	case s.Kind == "iot":
		s.Name, s.Topic = oneOf(g, "name", "one", "two_b", "Three"), oneOf(g, "filter", "+/a", "$aws/events/#", "a b: c, $d/+")
	case s.Kind == "schedule":
		s.Name = oneOf(g, "name", "sweep", "*", "default/a", "b/c", "arn:aws:events:eu-west-1:111122223333:rule/d")
	default:
		s.Name = oneOf(g, "name", "one", "two.b", "three-c", "*")
	}
	if s.Kind == "eventbridge" && s.Name != "*" {
		s.DetailType = oneOf(g, "detail", "", "order: created")
	}
	return s
}

func (g generator) need() describe.Need {
	n := describe.Need{
		Kind:        oneOf(g, "kind", "connections", "table", "queue", "setting", "metrics", "iot"),
		Variable:    oneOf(g, "variable", "AA", "BB_TABLE", "CC_QUEUE", "DD_EE", "FF1"),
		Description: g.name("description"), Default: g.name("default"), Example: g.name("example"),
		Optional: rapid.Bool().Draw(g.T, "optional"),
	}
	if g.careless {
		n.Variable = oneOf(g, "variable", "API", "APP_ROLE", "AWS_REGION", "a", "STAGE_NAME", "A-B")
	}
	switch n.Kind {
	case "connections":
		n.Actions = []string{"execute-api:ManageConnections"}
	case "table":
		n.Actions = []string{"dynamodb:GetItem", "dynamodb:Scan"}
		n.Source = oneOf(g, "stream", "", "*")
		n.Table = &describe.TableKeys{PartitionKey: "pk", SortKey: oneOf(g, "sort", "", "sk"), TimeToLive: oneOf(g, "ttl", "", "exp", "no")}
	case "metrics":
		n.Default = oneOf(g, "namespace", "gatesock", "my/app:1 ", "AWS/Lambda", "a-b.c#d_e", "")
	case "iot":
		n.Actions = []string{"iot:Publish"}
		n.Topics = []string{oneOf(g, "topic", "+/a", "#", "a b: c, $d/+"), "news"}
		if g.careless {
			n.Topics = n.Topics[:oneOf(g, "topics", 0, 1)]
		}
	case "queue":
		n.Actions = []string{"sqs:SendMessage"}
		n.Source = oneOf(g, "source", "", "*", "relay")
	}
	return n
}

func (g generator) options(app *describe.App) stack.Options {
	o := stack.Options{
		Name:         oneOf(g, "service", "", "chat", "a-b"),
		Architecture: oneOf(g, "architecture", "", "x86_64"),
		Timeout:      oneOf(g, "timeout", 0, 1, 900),
		NoAlarms:     rapid.Bool().Draw(g.T, "no alarms"),
	}
	functions := []string{"app", "first", "b-2"}
	items := map[string]int{}
	for _, r := range app.Routes {
		if r.Answer != describe.AnswerMock || g.careless {
			items[r.Key] = rapid.IntRange(0, 2*len(functions)).Draw(g.T, "function")
		}
	}
	for _, s := range app.Sources {
		items[s.Kind+":"+s.Name] = rapid.IntRange(0, 2*len(functions)).Draw(g.T, "function")
	}
	for i, name := range functions {
		split := stack.Split{Name: name}
		for _, item := range keys(items) {
			if items[item] == i {
				split.Routes = append(split.Routes, item)
			}
		}
		if len(split.Routes) > 0 {
			o.Functions = append(o.Functions, split)
		}
	}
	return o
}
