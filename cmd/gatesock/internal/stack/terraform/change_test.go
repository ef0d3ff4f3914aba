package terraform_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/stacktest"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/terraform"
	"github.com/gatesock/gatesock/describe"
)

// TestAddedRoute adds a route of each kind. Nothing else in the configuration may change.
func TestAddedRoute(t *testing.T) {
	t.Parallel()
	for name, route := range map[string]describe.Route{
		"that answers":   {Key: "history", Answer: describe.AnswerData},
		"that does not":  {Key: "aaa", Answer: describe.AnswerNone},
		"that is mocked": {Key: "zzz", Answer: describe.AnswerMock, Mock: `{"a":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, options := range []stack.Options{{Name: "chat"}, {Name: "chat", Functions: stacktest.Split()}} {
				before := stacktest.Chat(t)
				after := stacktest.Chat(t)
				after.Routes = append(after.Routes, route)
				lines := strings.Split(string(template(t, stacktest.Service{App: before, Options: options})), "\n")[1:]
				more := strings.Split(string(template(t, stacktest.Service{App: after, Options: options})), "\n")[1:]
				stacktest.RequireOnlyAdded(t, lines, more, name)
			}
		})
	}
}

// TestChangedRoute changes routes. Nothing may change but the route, apart from spaces.
func TestChangedRoute(t *testing.T) {
	t.Parallel()
	lines := func(change func(*describe.App)) []string {
		app := stacktest.Chat(t)
		app.Authorizer = nil
		for i := range app.Routes {
			if app.Routes[i].Answer != describe.AnswerMock {
				app.Routes[i].Answer = describe.AnswerNone
			}
		}
		change(app)
		var list []string
		text := template(t, stacktest.Service{App: app, Options: stack.Options{Name: "chat"}})
		for _, line := range strings.Split(string(text), "\n")[1:] {
			list = append(list, strings.Join(strings.Fields(line), " "))
		}
		return list
	}
	before := lines(func(*describe.App) {})
	require.Equal(t, before, lines(func(app *describe.App) { app.Routes[4].Guards = []describe.Guard{{Name: "member"}} }))
	for name, change := range map[string]func(*describe.App){
		"the first answer":     func(app *describe.App) { app.Routes[4].Answer = describe.AnswerData },
		"the first authorizer": func(app *describe.App) { app.Authorizer = &describe.Authorizer{} },
	} {
		stacktest.RequireOnlyAdded(t, before, lines(change), name)
	}
}

func TestDeterministic(t *testing.T) {
	t.Parallel()
	for name, s := range stacktest.Services(t) {
		require.Equal(t, template(t, s), template(t, s), name)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	function := func(name string) stack.Options {
		return stack.Options{Name: "chat", Functions: []stack.Split{{Name: name, Routes: []string{"say"}}}}
	}
	for name, test := range map[string]struct {
		options stack.Options
		change  func(*describe.App)
		wrong   string
	}{
		"long name": {
			options: stack.Options{Name: strings.Repeat("a", 60)},
			wrong: "terraform: the name \"" + strings.Repeat("a", 60) + "\" of the service has 60 characters, and can have 54, " +
				"because other names begin with it: choose another with --name",
		},
		"reserved": {
			options: function("for-schedules"),
			wrong: "terraform: the function for-schedules and the role of schedules would both be aws_iam_role.for_schedules in a " +
				"configuration: rename one of them",
		},
		"variable": {
			change: func(app *describe.App) {
				app.Needs = append(app.Needs, describe.Need{Kind: "setting", Variable: "ZIP_FILE", Default: "a"})
			},
			wrong: "terraform: the parameter zip_file and the setting ZIP_FILE would both be var.zip_file in a configuration: " +
				"rename one of them",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := stacktest.Chat(t)
			if test.change != nil {
				test.change(app)
			}
			p, err := stack.New(app, test.options)
			require.NoError(t, err)
			_, err = terraform.Template(p)
			require.ErrorContains(t, err, test.wrong)
		})
	}
}
