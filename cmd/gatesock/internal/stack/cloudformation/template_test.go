package cloudformation_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/cloudformation"
	"github.com/gatesock/gatesock/describe"
)

var update = flag.Bool("update", false, "write the golden files") //nolint:gochecknoglobals // a flag of the test binary

// format is a format of templates.
type format struct {
	name  string
	write func(*stack.Plan) ([]byte, error)
}

func formats() []format {
	return []format{{"cloudformation", cloudformation.Template}, {"sam", cloudformation.SAM}}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, s := range services(t) {
		for _, f := range formats() {
			t.Run(name+" "+f.name, func(t *testing.T) {
				t.Parallel()
				got := s.template(t, f)
				file := filepath.Join("testdata", name+"."+f.name+".yaml")
				if *update {
					require.NoError(t, os.WriteFile(file, got, 0o600))
				}
				want, err := os.ReadFile(file)
				require.NoError(t, err)
				require.Equal(t, string(want), string(got), "go test -update writes the golden files")
			})
		}
	}
}

// service is an application with options.
type service struct {
	app     *describe.App
	options stack.Options
}

func (s service) template(tb testing.TB, f format) []byte {
	tb.Helper()
	p, err := stack.New(s.app, s.options)
	require.NoError(tb, err)
	text, err := f.write(p)
	require.NoError(tb, err)
	return text
}

// services returns the applications of the golden files.
func services(tb testing.TB) map[string]service {
	tb.Helper()
	return map[string]service{
		"chat":    {chat(tb), stack.Options{Name: "chat"}},
		"minimal": {minimal(), stack.Options{Name: "minimal"}},
		"split":   {chat(tb), stack.Options{Name: "chat", Functions: split()}},
		"sources": {sources(), stack.Options{Name: "sources", Architecture: "x86_64", Memory: 512, Timeout: 20}},
	}
}

func chat(tb testing.TB) *describe.App {
	tb.Helper()
	data, err := os.ReadFile("../../../../../describe/testdata/chat.json")
	require.NoError(tb, err)
	app, err := describe.Parse(data)
	require.NoError(tb, err)
	return app
}

// split is the chat in several functions.
func split() []stack.Split {
	return []stack.Split{
		{Name: "connect", Routes: []string{"$connect", "$disconnect"}},
		{Name: "auth", Routes: []string{"authorizer"}},
		{Name: "relay", Routes: []string{"sqs"}},
		{Name: "sweep", Routes: []string{"schedule:sweep"}},
	}
}

// minimal has the routes of every router, and no needs.
func minimal() *describe.App {
	return &describe.App{
		Version:  describe.Version,
		Envelope: describe.Envelope{Action: "action"},
		Routes: []describe.Route{
			{Key: "$connect", Answer: describe.AnswerNone},
			{Key: "$default", Answer: describe.AnswerAny},
			{Key: "$disconnect", Answer: describe.AnswerNone},
		},
	}
}

// sources has one of every kind of source, of each kind of name, and routes whose keys SAM refuses.
func sources() *describe.App {
	app := minimal()
	app.Envelope.Action = "type"
	app.Authorizer = &describe.Authorizer{IdentitySources: []string{"route.request.header.Authorization", "route.request.querystring.ticket"}}
	app.Routes = append(app.Routes,
		describe.Route{Key: "room.join", Answer: describe.AnswerData},
		describe.Route{Key: "room.typing", Answer: describe.AnswerNone},
		describe.Route{Key: "yes", Answer: describe.AnswerAck},
		describe.Route{Key: "ping", Answer: describe.AnswerMock, Mock: `{"$type":"ping","a\"'#b":null}`},
	)
	app.Sources = []describe.Source{
		{Kind: "http"},
		{Kind: "sqs", Name: "orders"},
		{Kind: "sqs", Name: "arn:aws:sqs:eu-west-1:111122223333:mail"},
		{Kind: "sqs", Name: "jobs"},
		{Kind: "sns", Name: "news"},
		{Kind: "sns", Name: "*"},
		{Kind: "dynamodb", Name: "orders"},
		{Kind: "kinesis", Name: "clicks"},
		{Kind: "schedule", Name: "nightly"},
		{Kind: "schedule", Name: "default/hourly"},
		{Kind: "schedule", Name: "jobs/weekly"},
		{Kind: "schedule", Name: "jobs/daily"},
		{Kind: "schedule", Name: "arn:aws:events:eu-west-1:111122223333:rule/monthly"},
		{Kind: "schedule", Name: "arn:aws:scheduler:eu-west-1:111122223333:schedule/default/yearly"},
		{Kind: "eventbridge", Name: "com.example.orders", DetailType: "order: created, [new]"},
		{Kind: "eventbridge", Name: "*"},
		{Kind: "custom", Name: "warmer"},
	}
	app.Needs = []describe.Need{
		{Kind: "queue", Variable: "JOBS", Actions: []string{"sqs:SendMessage"}, Source: "jobs"},
		{Kind: "queue", Variable: "MAIL_QUEUE", Actions: []string{"sqs:SendMessage"}},
		{Kind: "setting", Variable: "SIZE", Default: "10"},
		{Kind: "table", Variable: "USERS", Actions: []string{"dynamodb:GetItem"}, Table: &describe.TableKeys{PartitionKey: "id"}},
	}
	return app
}
