package gatesock_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/eventmux"
)

// mistagged has a tag with an unknown keyword.
type mistagged struct {
	Room string `json:"room" jsonschema:"minlength=1"`
}

// describable returns a router with something of everything.
func describable() *gatesock.Router {
	r := gatesock.New(gatesock.WithKeepAlive("keepalive"), gatesock.StrictDecoding())
	gatesock.HandleReply(r, "say", func(context.Context, *gatesock.Request, say) (*say, error) { return nil, nil },
		gatesock.WithGuard("scope chat", open, "chat"))
	gatesock.Handle(r, "typing", typed, gatesock.OneWay())
	gatesock.Handle(r, "ack", func(context.Context, *gatesock.Request, *say) error { return nil })
	gatesock.Handle(r, "graphql", typed, gatesock.Raw(), gatesock.WithCodec(upperCodec{}), gatesock.WithMiddleware(open))
	gatesock.DeclarePush[say](r, "said")
	r.DeclareLimit(gatesock.RouteLimit{Name: "messages", By: "user", Rate: 0.5, Burst: 2, Costs: map[string]int{"say": 2}})
	r.DeclareNeeds(gatesock.Setting("ORIGINS", "Pages <that> may connect"), table("dynamodb:Query"))
	return r
}

// TestStartDescribes runs this test's own binary as programs that were started to describe
// themselves.
func TestStartDescribes(t *testing.T) {
	t.Parallel()
	programs := map[string]func() lambda.Handler{
		"router": func() lambda.Handler { return describable() },
		"chatty": func() lambda.Handler {
			os.Stdout.WriteString("loading... ")
			return describable()
		},
		"wrapped": func() lambda.Handler {
			return gatesock.Wrap(describable(), func(h lambda.Handler) lambda.Handler { return forgetful{h} })
		},
		"mux": func() lambda.Handler {
			jobs := eventmux.SQS("jobs", forgetful{})
			return eventmux.New(eventmux.WebSocket(describable()), eventmux.Authorizer(forgetful{}), jobs)
		},
		"forgetful": func() lambda.Handler { return forgetful{describable()} },
		"mistagged": func() lambda.Handler {
			r := gatesock.New()
			route[mistagged](r)
			return r
		},
		"unguarded": func() lambda.Handler {
			r := gatesock.New(gatesock.DenyByDefault())
			route[say](r)
			return r
		},
	}
	if program := programs[os.Getenv("GATESOCK_TEST_PROGRAM")]; program != nil {
		gatesock.Start(program())
		return
	}
	want, err := json.Marshal(describable().Describe())
	require.NoError(t, err)
	for _, tt := range []struct {
		name   string
		status int
		stdout string // one line of JSON
		stderr string
	}{
		{name: "router", stdout: string(want)},
		{name: "chatty", stdout: string(want)},
		{name: "wrapped", stdout: string(want)},
		{name: "mux", stdout: strings.Replace(string(want), `"needs":[`, `"authorizer":{},"sources":[{"kind":"sqs","name":"jobs"}],"needs":[`, 1)},
		{name: "forgetful", status: 1, stderr: "gatesock: a gatesock_test.forgetful does not describe itself, because it is not an App; if it wraps a Router or a mux, use gatesock.Wrap or add a method Unwrap\n"},
		{name: "mistagged", status: 1, stderr: "gatesock: the route \"say\": the field Room of gatesock_test.mistagged: the tag jsonschema:\"minlength=1\": there is no keyword \"minlength\"\n"},
		{name: "unguarded", status: 2, stderr: "DenyByDefault requires a guard"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStartDescribes$")
			cmd.Env = append(os.Environ(), "GATESOCK_TEST_PROGRAM="+tt.name, "GATESOCK_DESCRIBE=1", "AWS_LAMBDA_RUNTIME_API=nowhere")
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil {
				var exit *exec.ExitError
				require.True(t, errors.As(err, &exit), "%v", err)
			}
			require.Equal(t, tt.status, cmd.ProcessState.ExitCode(), stderr.String())
			require.Contains(t, stderr.String(), tt.stderr)
			if tt.status == 0 {
				lines := strings.Split(stdout.String(), "\n")
				require.Empty(t, lines[len(lines)-1])
				require.JSONEq(t, tt.stdout, lines[len(lines)-2])
				require.Contains(t, lines[len(lines)-2], "Pages <that>")
			}
		})
	}
}

func TestTheDocument(t *testing.T) {
	t.Parallel()
	r := describable()
	doc, err := r.Describe().MarshalJSON()
	require.NoError(t, err)
	const sayType = `"x-go-type":"github.com/gatesock/gatesock_test.say","type":"object",` +
		`"properties":{"room":{"type":"string"},"text":{"type":"string"}},"required":["room","text"]`
	require.Equal(t, `{"version":1,"envelope":{"action":"action","id":"id","data":"data","error":"error","event":"event","topic":"topic"},"routes":[`+
		`{"key":"$connect","answer":"none"},{"key":"$default","answer":"any"},{"key":"$disconnect","answer":"none"},`+
		`{"key":"ack","answer":"ack","codec":"json","input":{"$ref":"#/$defs/SayInput"}},`+
		`{"key":"graphql","answer":"ack","raw":true,"codec":"custom"},`+
		`{"key":"keepalive","answer":"mock","mock":"{\"action\":\"keepalive\",\"data\":null}"},`+
		`{"key":"say","answer":"data","codec":"json","input":{"$ref":"#/$defs/SayInput"},"output":{"anyOf":[{"$ref":"#/$defs/Say"},{"type":"null"}]},"guards":[{"name":"scope chat","scopes":["chat"]}]},`+
		`{"key":"typing","answer":"none","codec":"json","input":{"$ref":"#/$defs/SayInput"}}],`+
		`"pushes":[{"event":"said","data":{"$ref":"#/$defs/Say"}}],`+
		`"limits":[{"name":"messages","by":"user","rate":0.5,"burst":2,"costs":{"say":2}}],`+
		`"needs":[{"kind":"setting","variable":"ORIGINS","description":"Pages <that> may connect"},`+
		`{"kind":"table","variable":"TABLE","actions":["dynamodb:Query"],"table":{"partitionKey":"pk","sortKey":"sk"}}],`+
		`"$defs":{"Say":{`+sayType+`},"SayInput":{`+sayType+`,"additionalProperties":false}}}`, string(doc))
	again, err := describable().Describe().MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, string(doc), string(again))
	empty, err := json.Marshal(gatesock.Description{})
	require.NoError(t, err)
	require.JSONEq(t, `{"version":1,"envelope":{"action":"action","id":"id","data":"data","error":"error","event":"event","topic":"topic"},"routes":[]}`, string(empty))
}
