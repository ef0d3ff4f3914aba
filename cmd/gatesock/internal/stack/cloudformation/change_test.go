package cloudformation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/cloudformation"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/stacktest"
	"github.com/gatesock/gatesock/describe"
)

// TestAddedRoute holds that a route that is added, wherever it is among the others, only adds
// lines.
func TestAddedRoute(t *testing.T) {
	t.Parallel()
	for name, s := range stacktest.Services(t) {
		for _, f := range formats() {
			for _, r := range []describe.Route{
				{Key: "aaa", Answer: describe.AnswerData},
				{Key: "a.b", Answer: describe.AnswerData},
				{Key: "mmm", Answer: describe.AnswerNone},
				{Key: "zzz", Answer: describe.AnswerMock, Mock: "{}"},
			} {
				before := f.template(t, s)
				app := *s.App
				app.Routes = append(slices.Clone(app.Routes), r)
				after := f.template(t, stacktest.Service{App: &app, Options: s.Options})
				stacktest.RequireOnlyAdded(t, withoutSeal(before), withoutSeal(after), fmt.Sprintf("%s %s %s", name, f.name, r.Key))
			}
		}
	}
}

// TestChangedRoute holds that a change of a route changes nothing else, and that a change which the
// API does not know changes nothing.
func TestChangedRoute(t *testing.T) {
	t.Parallel()
	silent := stacktest.Minimal()
	silent.Routes[1].Answer = describe.AnswerNone
	silent.Routes = append(silent.Routes, describe.Route{Key: "say", Answer: describe.AnswerNone})
	for _, f := range formats() {
		before := f.template(t, stacktest.Service{App: silent, Options: stack.Options{}})
		changed := func(change func(*describe.App)) []string {
			app := *silent
			app.Routes = slices.Clone(app.Routes)
			change(&app)
			return withoutSeal(f.template(t, stacktest.Service{App: &app, Options: stack.Options{}}))
		}
		guarded := changed(func(app *describe.App) {
			app.Routes[3].Guards = []describe.Guard{{Name: "member", Scopes: []string{"a"}}}
		})
		require.Equal(t, withoutSeal(before), guarded, f.name)
		answers := changed(func(app *describe.App) { app.Routes[3].Answer = describe.AnswerData })
		stacktest.RequireOnlyAdded(t, withoutSeal(before), answers, f.name+", the first answer")
		authorizer := changed(func(app *describe.App) { app.Authorizer = &describe.Authorizer{} })
		none := func(line string) bool { return line == "      AuthorizationType: NONE\n" }
		stacktest.RequireOnlyAdded(t, slices.DeleteFunc(withoutSeal(before), none), authorizer, f.name+", the first authorizer")
		renamed := changed(func(app *describe.App) { app.Routes[3].Key = "speak" })
		others := changed(func(app *describe.App) { app.Routes = app.Routes[:3] })
		stacktest.RequireOnlyAdded(t, others, renamed, f.name+", another name")
	}
}

func withoutSeal(text []byte) []string { return strings.SplitAfter(string(text), "\n")[1:] }

func TestSameEveryTime(t *testing.T) {
	t.Parallel()
	for name, s := range stacktest.Services(t) {
		for _, f := range formats() {
			require.Equal(t, string(f.template(t, s)), string(f.template(t, s)), name)
		}
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		keys    []string
		options stack.Options
		format  format
		want    string
	}{
		"keys of other case for SAM": {
			[]string{"roomJoin", "roomjoin"},
			stack.Options{},
			formats()[1],
			"the route roomJoin and the route roomjoin would both have the name ApiRoomjoinRoute in a SAM template",
		},
		"a name that SAM makes": {
			nil,
			stack.Options{Functions: []stack.Split{{Name: "api-connect", Routes: []string{"$connect"}}}},
			formats()[1],
			"the function api-connect and the route $connect would both have the name ApiConnectIntegration",
		},
		"too many resources": {
			numbered(245),
			stack.Options{},
			formats()[0],
			"resources, and a stack can have 500",
		},
		"too many resources for SAM": {
			numbered(125),
			stack.Options{},
			formats()[1],
			"resources, and a stack can have 500",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := stacktest.Minimal()
			for _, key := range test.keys {
				app.Routes = append(app.Routes, describe.Route{Key: key, Answer: describe.AnswerAck})
			}
			p, err := stack.New(app, test.options)
			require.NoError(t, err)
			_, err = test.format.write(p)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func numbered(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("r%d", i)
	}
	return keys
}

func TestSAMNeedsARoute(t *testing.T) {
	t.Parallel()
	app := stacktest.Minimal()
	app.Routes = []describe.Route{{Key: "room.join", Answer: describe.AnswerAck}}
	p, err := stack.New(app, stack.Options{})
	require.NoError(t, err)
	_, err = cloudformation.SAM(p)
	require.ErrorContains(t, err, "SAM needs a route with a key of letters and digits")
}
