package dev

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/describe"
)

// everythingDescribed is an application with each kind of need and source.
const everythingDescribed = `{"version":1,
"envelope":{"action":"do","id":"id","data":"data","error":"error","event":"event","topic":"topic"},
"routes":[{"key":"$connect","answer":"none"},{"key":"$disconnect","answer":"none"},{"key":"say","answer":"ack"},
 {"key":"keepalive","answer":"mock","mock":"{\"action\":\"keepalive\"}"}],
"authorizer":{"identitySources":["route.request.header.Authorization"]},
"sources":[{"kind":"sqs","name":"*"},{"kind":"sqs","name":"outside"},{"kind":"dynamodb","name":"*"},{"kind":"sns","name":"news"},
 {"kind":"schedule","name":"sweep"},{"kind":"eventbridge","name":"shop","detailType":"Order"},{"kind":"eventbridge","name":"*"},{"kind":"http"}],
"needs":[{"kind":"connections","variable":"GATEWAY_ENDPOINT"},
 {"kind":"table","variable":"TABLE","table":{"partitionKey":"pk","sortKey":"sk","timeToLive":"ttl"},"source":"*"},
 {"kind":"queue","variable":"QUEUE","source":"*"},
 {"kind":"metrics","variable":"METRICS","default":"app"},
 {"kind":"setting","variable":"COLOR","default":"red"},{"kind":"setting","variable":"OPTIONAL","optional":true},
 {"kind":"setting","variable":"ISSUER","description":"Who issues tokens.","example":"https://issuer.example.com"},
 {"kind":"setting","variable":"GIVEN"},
 {"kind":"iot","variable":"IOT","topics":["a/b"]}]}`

func describedProject(t *testing.T, setting func(describe.Need) (string, bool)) *project.Project {
	t.Helper()
	app, err := describe.Parse([]byte(everythingDescribed))
	require.NoError(t, err)
	d := described{folder: "/app", name: "chat", stage: "dev", app: app, setting: setting}
	p, err := d.project()
	require.NoError(t, err)
	return p
}

func TestDescribedProject(t *testing.T) {
	t.Parallel()
	s := &supervisor{
		o: Options{
			Parameters: map[string]string{"GIVEN": "yes", "ISSUER": "https://issuer.example.com"}, Environ: []string{"UNKNOWN=x"},
		},
		variables: map[string]string{"METRICS": "mine"},
	}
	got := project.Text(describedProject(t, s.setting))
	file := filepath.Join("testdata", "described.txt")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// A setting without a value stops the program before it starts without it.
func TestDescribedUnset(t *testing.T) {
	t.Parallel()
	app, err := describe.Parse([]byte(everythingDescribed))
	require.NoError(t, err)
	d := described{folder: "/app", name: "chat", stage: "dev", app: app, setting: (&supervisor{}).setting}
	_, err = d.project()
	var unset *unsetError
	require.ErrorAs(t, err, &unset)
	require.Equal(t, trouble{
		title:  "The program needs ISSUER, GIVEN: set what is missing with --parameter NAME=VALUE, or in a file with --env-file.",
		output: "ISSUER=https://issuer.example.com   Who issues tokens.\nGIVEN=VALUE",
	}, unset.trouble())
}

// Settings come from the command line, files, the environment and the user, in this order; other
// variables only from the first two.
func TestSettings(t *testing.T) {
	t.Parallel()
	asked := 0
	s := &supervisor{
		o: Options{
			Parameters: map[string]string{"A": "line"},
			Environ:    []string{"A=env", "B=env", "C=env", "TABLE=env"},
			Ask: func(name, description string) (string, error) {
				asked++
				return "typed " + name + " " + description, nil
			},
		},
		variables: map[string]string{"A": "file", "B": "file"},
		asked:     map[string]string{},
	}
	for variable, want := range map[string]string{"A": "line", "B": "file", "C": "env", "D": "typed D what"} {
		for range 2 {
			got, ok := s.setting(describe.Need{Kind: "setting", Variable: variable, Description: "what"})
			require.True(t, ok)
			require.Equal(t, want, got)
		}
	}
	require.Equal(t, 1, asked)
	_, ok := s.setting(describe.Need{Kind: "setting", Variable: "E", Optional: true})
	require.False(t, ok, "nobody is asked for what is optional")
	_, ok = s.setting(describe.Need{Kind: "table", Variable: "TABLE"})
	require.False(t, ok, "the developer's own table is not used")
}

func TestAPIID(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^[a-z0-9]{10}$`, apiID("/app", "chat"))
	require.Equal(t, apiID("/app", "chat"), apiID("/app", "chat"))
	require.NotEqual(t, apiID("/app", "chat"), apiID("/app2", "chat"))
}
