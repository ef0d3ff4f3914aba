// Command gatesock takes an application from its code to a deployed service, and operates it.
//
//	gatesock new chat DIR                                 # an application to begin with
//	gatesock dev                                          # run it here, and after each change
//	gatesock console ws://localhost:3001/dev              # talk to it
//	gatesock trigger skip 9m                              # clients, faults, time: make it happen
//	gatesock describe                                     # routes, types, guards, limits, needs
//	gatesock template -o template.yaml                    # CloudFormation, SAM or Terraform
//	gatesock asyncapi -o asyncapi.json                    # the API's document
//	gatesock types -o api.ts                              # TypeScript types of all messages
//	gatesock describe --json > api.json                   # keep a description, and compare:
//	gatesock describe --json | gatesock diff api.json -   # do clients break?
//	gatesock doctor --stack chat                          # is what is deployed as it should be?
//	gatesock cost --connections 10000                     # what does it cost in a month?
//	gatesock help template
//
// These commands take the main package of the application, as a folder or an import path; without
// one, that of the current folder. They build it for this machine, and run it with
// GATESOCK_DESCRIBE=1, which makes gatesock.Start print the description of the application. The
// program reaches nothing on AWS meanwhile. With --from they read a description that was printed
// before, and need neither the go command nor the program.
//
// # Connections
//
// These commands look at the connections of a deployed application, in its DynamoDB table and by
// its @connections API, send to them and close them:
//
//	export GATESOCK_TABLE=chat GATESOCK_ENDPOINT=https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/prod
//	gatesock connections list --user ann --check
//	gatesock connections count --by user --top 5
//	gatesock connections show L0SM9cOFvHcCIhw=
//	gatesock connections send --group room:1 --event notice '{"text":"maintenance at 4"}'
//	gatesock connections disconnect --user ann --yes
//
// # Keys, plans, usage
//
// These commands work on the same table: API keys (package authz/apikey), plans (how much a key or
// a user may send), and the usage of both.
//
//	export GATESOCK_TABLE=chat
//	gatesock keys create --owner plant-1 --name "sensor 7" --scope readings:write --expires 365d
//	gatesock keys list
//	gatesock keys rotate 0K3f9bQxT2mR --overlap 24h
//	gatesock keys disable 0K3f9bQxT2mR
//	gatesock plans set free --rate 1 --burst 5 --per-month 10000
//	gatesock usage --from 2026-11-01 --kind plan --format csv
//	gatesock help keys create
//
// The secret of a key is printed once, by the command that creates it.
//
// The table is the one that gatesock template, dynamo.DB.CreateTable or dynamo/template.json makes.
// The caller needs these IAM actions on it:
//
//	connections list, count   dynamodb:Query, BatchGetItem; without --user and --group Scan
//	connections show          dynamodb:GetItem
//	connections send          dynamodb:Query, BatchGetItem
//	connections disconnect    dynamodb:Query, BatchGetItem
//	keys                      dynamodb:GetItem, PutItem, UpdateItem, DeleteItem, Query
//	plans                     dynamodb:GetItem, PutItem, DeleteItem, Query
//	usage                     dynamodb:Query
//
// For send, disconnect, show and list --check, the caller also needs execute-api:ManageConnections
// on the API and its stage.
//
// # Rights of doctor
//
// The command reads these, and what the caller may not read is a finding:
//
//	apigateway:GET
//	cloudformation:ListStackResources
//	dynamodb:DescribeTable, DescribeTimeToLive, DescribeContinuousBackups
//	lambda:GetFunctionConfiguration, GetPolicy, GetFunctionConcurrency,
//	    GetFunctionRecursionConfig, ListEventSourceMappings, GetAccountSettings
//	servicequotas:GetServiceQuota, GetAWSDefaultServiceQuota
//	sqs:GetQueueAttributes, GetQueueUrl
//
// # Output and exit status
//
// Commands print tables, or JSON with --json. Errors, and what a command has written to a file, are
// on standard error. The exit status is 0, 1 if a command failed, and 2 if the command line is
// invalid. Two commands answer a question with it:
//
//	diff     0 if no client breaks, 1 if clients break, 2 if the descriptions cannot be compared
//	doctor   0 if there is no error, 1 if there is one, 2 if the deployment cannot be examined
//
// The exit status of console is 1 too if the other side closed the connection.
//
// # AWS and DynamoDB Local
//
// Region, credentials and the endpoint of DynamoDB come from the environment and the shared AWS
// configuration. With --dynamodb a command works on DynamoDB Local instead. It signs requests with
// the same credentials and for the same region there, because DynamoDB Local keeps the tables of
// each access key and region apart unless it was started with -sharedDb. If the configuration has
// no credentials, access key and secret are "local"; if it has no region, the region is us-east-1.
// The roles of EC2 instances are not looked up.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/console"
	"github.com/gatesock/gatesock/internal/oneline"
)

// cli is the command line.
type cli struct {
	New      newCommand      `cmd:"" group:"deploy" help:"Make a new application that builds, tests, runs on this machine and deploys."`
	Dev      devCommand      `cmd:"" group:"deploy" help:"Run an application on this machine, and again after each change."`
	Console  consoleCommand  `cmd:"" group:"deploy" help:"Talk to an API: at a terminal, or in a script."`
	Trigger  triggerCommand  `cmd:"" group:"trigger" help:"Make something happen in an application that runs on this machine: clients, faults, time, schedules, queues."`
	Describe describeCommand `cmd:"" group:"deploy" help:"Show what an application is: its routes, types, guards, limits and needs."`
	Template templateCommand `cmd:"" group:"deploy" help:"Write a template that deploys the application."`
	AsyncAPI asyncapiCommand `cmd:"" name:"asyncapi" group:"deploy" help:"Write the AsyncAPI document of the application."`
	Types    typesCommand    `cmd:"" group:"deploy" help:"Write the TypeScript types of all messages of the application."`
	Diff     diffCommand     `cmd:"" group:"deploy" help:"Compare two descriptions: do clients break?"`
	Doctor   doctorCommand   `cmd:"" group:"deploy" help:"Compare a deployed application with its description."`
	Cost     costCommand     `cmd:"" group:"deploy" help:"Compute what an application costs in a month."`

	Connections connectionsCommand `cmd:"" group:"operate" help:"List, count and show connections, send to them and close them."`
	Keys        keysCommand        `cmd:"" group:"operate" help:"Create, list and change API keys."`
	Plans       plansCommand       `cmd:"" group:"operate" help:"Create, list and change plans: how much keys and users may send."`
	Usage       usageCommand       `cmd:"" group:"operate" help:"Show daily usage by key, user and plan."`

	Help    helpCommand    `cmd:"" group:"other" help:"Show the help of a command, for example: gatesock help keys create."`
	Version versionCommand `cmd:"" group:"other" help:"Show the version."`

	ServeLegacy serveLegacyCommand `cmd:"" hidden:""`

	ShowVersion versionFlag `name:"version" help:"Show the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(status)
}

// Exit statuses.
const (
	succeeded = 0
	failed    = 1
	misused   = 2 // as of most commands; kong's own is 80
)

// misuse is the error of an invalid command line.
type misuse struct{ error }

func (m misuse) Unwrap() error { return m.error }

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// hasColor reports whether standard output shows colors.
func (s streams) hasColor() bool {
	return console.IsTerminal(s.out) && os.Getenv("NO_COLOR") == "" && !isDumb()
}

// isDumb reports whether the terminal can do nothing but print.
func isDumb() bool { return os.Getenv("TERM") == "dumb" }

// say prints a line that is not the command's output.
func (s streams) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.err, "gatesock: %s\n", oneline.Of(fmt.Sprintf(format, args...), maxError))
}

// groups are those of the commands in the help.
func groups() []kong.Group {
	return []kong.Group{
		{Key: "deploy", Title: "Build, run and deploy:"},
		{Key: "trigger", Title: "Make it happen, in what runs on this machine:"},
		{Key: "operate", Title: "Operate:"},
		{Key: "other", Title: "Other:"},
	}
}

// newParser returns the parser of command lines. It calls exit after --help and --version.
func newParser(ctx context.Context, s streams, exit func(int)) *kong.Kong {
	return kong.Must(&cli{},
		kong.Name("gatesock"),
		kong.Description("Makes, describes, deploys and operates applications that are built on the Go library gatesock."),
		kong.Vars{"prefix": apikey.DefaultPrefix},
		kong.ExplicitGroups(groups()),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(s.out, s.err),
		kong.Exit(exit),
		kong.Bind(s),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(s.out, (*io.Writer)(nil)),
	)
}

// run runs one command line and returns the exit status.
func run(ctx context.Context, args []string, s streams) int {
	printed := false // --help and --version print and exit, whatever else the command line has
	parser := newParser(ctx, s, func(int) { printed = true })
	if len(args) == 0 {
		args = []string{"--help"}
	}
	if err := checkArguments(args); err != nil {
		return s.end(err)
	}
	command, err := parser.Parse(args)
	if printed {
		return succeeded
	}
	if err == nil {
		err = command.Run()
	}
	return s.end(err)
}

// checkArguments returns an error for an argument that is not UTF-8: the parser would put U+FFFD in
// place of what is wrong, and so change it.
func checkArguments(args []string) error {
	for _, text := range args {
		if !utf8.ValidString(text) {
			return misuse{fmt.Errorf("the argument %.80q is not UTF-8", text)}
		}
	}
	return nil
}

// end prints the error of a command, and returns the exit status.
func (s streams) end(err error) int {
	switch own := ending(0); {
	case err == nil:
		return succeeded
	case errors.As(err, &own):
		return int(own)
	}
	s.complain(err)
	var trouble trouble
	switch {
	case errors.As(err, &trouble):
		return misused
	case !isMisuse(err):
		return failed
	}
	_, _ = fmt.Fprint(s.err, "Run gatesock help, or add --help to a command.\n")
	return misused
}

// ending is the exit status of a command that has said everything.
type ending int

func (e ending) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// trouble is an error of a command that has another meaning for exit status 1.
type trouble struct{ error }

func (t trouble) Unwrap() error { return t.error }

// isMisuse reports whether the command line is at fault. Errors of a command's hook, such as one
// that opens the table, have kong's status 1.
func isMisuse(err error) bool {
	var own misuse
	var parsing *kong.ParseError
	return errors.As(err, &own) || errors.As(err, &parsing) && parsing.ExitCode() != failed
}
